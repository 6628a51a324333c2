"""One kernel: any chunk, compiled or plain, with or without a restart, is the same."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.domain.findings import FindingKind
from tests.kernel_runs import BARS, digest, market, run

SEEDS = range(8)
seeds = st.integers(0, 10_000)
cuts = st.lists(st.integers(0, BARS), max_size=30).map(tuple)


@settings(max_examples=30, deadline=None)
@given(seed=seeds, cuts=cuts)
def test_any_chunking_gives_the_same_findings_and_memory(
    seed: int, cuts: tuple[int, ...]
) -> None:
    whole, bars = market(seed)
    parts, _ = market(seed)
    assert run(whole, bars).tobytes() == run(parts, bars, cuts).tobytes()
    assert whole.snapshot() == parts.snapshot()


def test_one_bar_at_a_time_equals_the_whole_history() -> None:
    whole, bars = market(11)
    single, _ = market(11)
    found = run(whole, bars)
    assert len(found) > 0
    assert found.tobytes() == run(single, bars, tuple(range(BARS))).tobytes()


def test_plain_python_equals_machine_code() -> None:
    expected = [digest(seed) for seed in SEEDS]
    plain = subprocess.run(
        [sys.executable, "-m", "tests.kernel_runs", *map(str, SEEDS)],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONWARNINGS": "error"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert plain.stdout.splitlines() == expected


def test_the_random_markets_reach_every_kind_of_finding() -> None:
    kinds: set[int] = set()
    for seed in SEEDS:
        kinds |= set(run(*market(seed))["kind"].tolist())
    assert kinds >= set(FindingKind) - {FindingKind.EXIT}


@settings(max_examples=25, deadline=None)
@given(seed=seeds, cut=st.integers(100, BARS - 1), factor=st.floats(0.5, 2.0))
def test_later_bars_change_no_earlier_finding(
    seed: int, cut: int, factor: float
) -> None:
    one, bars = market(seed)
    two, _ = market(seed)
    other = bars.copy()
    for column in ("open", "high", "low", "close", "volume", "reference_close"):
        other[column][cut:] *= factor
    other["imbalance"][cut:] *= -1.0
    before, after = run(one, bars), run(two, other)
    known = bars["ts"][:cut].max()
    early = np.sum(before["ts"] <= known), np.sum(after["ts"] <= known)
    assert before[: early[0]].tobytes() == after[: early[1]].tobytes()


@settings(max_examples=20, deadline=None)
@given(seed=seeds, cut=st.integers(1, BARS - 1))
def test_a_restored_snapshot_goes_on_as_if_nothing_had_happened(
    seed: int, cut: int
) -> None:
    whole, bars = market(seed)
    first, _ = market(seed)
    second, _ = market(seed)
    expected = run(whole, bars)
    early = run(first, bars[:cut])
    second.restore(first.snapshot())
    late = run(second, bars[cut:])
    assert expected.tobytes() == early.tobytes() + late.tobytes()


@settings(max_examples=30, deadline=None)
@given(seed=seeds)
def test_every_evaluation_ends_once(seed: int) -> None:
    pipeline, bars = market(seed)
    found = run(pipeline, bars)
    kinds, funnel = found["kind"], pipeline.funnel()
    candidates = np.flatnonzero(kinds == FindingKind.CANDIDATE)
    ends = (kinds == FindingKind.SIGNAL) | (kinds == FindingKind.WHYNOT)
    drops = {name: n for name, n in funnel.items() if name.startswith("dropped_")}
    assert funnel["evaluated"] == funnel["signals"] + sum(drops.values())
    assert funnel["candidates"] == len(candidates) == ends.sum()
    assert found["ts"][candidates].tolist() == found["ts"][ends].tolist()
    whynots = found[kinds == FindingKind.WHYNOT]
    assert (whynots["reason"] > 0).all()


@settings(max_examples=30, deadline=None)
@given(seed=seeds)
def test_a_signal_has_its_stop_behind_the_entry_and_obstacles_beyond(
    seed: int,
) -> None:
    found = run(*market(seed))
    for row in found[found["kind"] == FindingKind.SIGNAL]:
        side, obstacles = row["side"], row["obstacles"]
        known = obstacles[~np.isnan(obstacles)]
        assert side * (row["entry"] - row["stop"]) > 0
        assert (side * (known - row["entry"]) > 0).all()
        assert (np.diff(side * known) >= 0).all()


@pytest.mark.parametrize("seed", range(4))
def test_an_armed_symbol_is_disarmed_before_it_is_armed_again(seed: int) -> None:
    found = run(*market(seed))
    both = (FindingKind.ARMED, FindingKind.DISARMED)
    turns = found["kind"][np.isin(found["kind"], both)]
    assert (turns[::2] == FindingKind.ARMED).all()
    assert (turns[1::2] == FindingKind.DISARMED).all()
