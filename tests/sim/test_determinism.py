"""The same market and seed give the same journal, byte for byte."""

import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from actors.feed import Pace
from tests.sim.test_ledger import market
from tests.sim.world import A, B, living

ROOT = Path(__file__).resolve().parents[2]


async def journal_of(where: Path, speed: float) -> list[str]:
    """Every row of a whole run, with a symbol that fails on the way."""
    world = market(3)
    world.faults = {(A, 9): 1, (A, 20): 1, (B, 24): 1}
    world.pace = Pace(speed)
    async with living(world, where) as stage:
        await stage.over()
        journal = stage.engine.journal
        await journal.commit()
        rows = await journal.history(limit=10_000)
        assert len(rows) < 10_000
    return [
        f"{row.seq} {row.kind} {row.ts_ms} {row.symbol} {row.correlation} "
        f"{bytes(row.body).decode().replace(str(where), '')}"
        for row in rows
    ]


@pytest.mark.parametrize("speed", [60.0, float("inf")])
async def test_two_runs_in_one_process_write_one_journal(
    tmp_path: Path, autojump_clock: MockClock, speed: float
) -> None:
    first = await journal_of(tmp_path, speed)
    second = await journal_of(tmp_path, speed)
    assert len(first) > 500
    assert first == second


def digest() -> str:
    """Run once and say what was written; for a process of its own."""

    async def run() -> str:
        with tempfile.TemporaryDirectory() as where:
            rows = await journal_of(Path(where), float("inf"))
        return hashlib.blake2b("\n".join(rows).encode()).hexdigest()

    return trio.run(run, clock=MockClock(autojump_threshold=0))


def test_processes_with_other_hash_seeds_write_one_journal() -> None:
    code = "from tests.sim.test_determinism import digest; print('digest', digest())"
    found = set()
    for seed in ("1", "2"):
        environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        found.add(done.stdout.splitlines()[-1])
    assert len(found) == 1
    assert found.pop().startswith("digest ")
