"""SIGKILL at no named point at all: whenever the clock says so."""

import sys
from collections import Counter
from pathlib import Path

import pytest
from trio.testing import MockClock

from actors.journal import Kind
from tests.crash.__main__ import random_kills
from tests.crash.cells import RandomRun
from tests.crash.engine import Life, Stage
from tests.crash.pool import Pool
from tests.crash.scenarios import SCENARIOS
from tests.crash.table import task_named
from tests.sim.world import World, living

KILLS = 50
SEED = 1


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_fifty_random_kills_lose_double_and_forget_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with Pool() as pool:
        results = random_kills(pool, KILLS, SEED)
    found = {name: one.found for name, one in results.items() if one.found}
    assert found == {}
    landed = sum(one.landed for one in results.values())
    assert landed >= KILLS
    with capsys.disabled():
        # On stderr: a worker of pytest-xdist has no stdout.
        told = f"\nrandom kills landed: {landed}, violations: {len(found)}"
        print(told, file=sys.stderr)


def test_a_random_run_is_found_by_its_name() -> None:
    assert task_named("random-70098") == RandomRun(seed=70098)


async def test_what_is_ordered_twice_in_a_life_is_audited_as_two_commands(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """Its script and a person may both pause it: one id for both is no command."""
    async with living(World(), tmp_path) as sim:
        stage = Stage(Life(number=1), SCENARIOS["paused"], pipe=-1)
        stage.engine = sim.engine
        answers = [await stage.order("pause"), await stage.order("pause")]
        assert all(answer.ok for answer in answers)
        said = [
            row["what"].rpartition(" id ")[2] for row in await sim.bodies(Kind.AUDIT)
        ]
        audited = Counter(said)
        assert [audited[answer.id] for answer in answers] == [1, 1]
