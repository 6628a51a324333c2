"""Any chunking of the same bars, compiled or plain, leads to identical rows."""

import hashlib
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.domain.bars import Bars
from actors.domain.findings import Pipeline
from actors.domain.strategies.loader import load_strategy
from config.load import load_preset
from tests.strategy_bars import context, wandering_bars

INSIDE_BAR = str(Path(__file__).parents[1] / "strategies" / "inside_bar.py")
SPECS = ("donchian", "ema_rsi", INSIDE_BAR)


def made(spec: str) -> Pipeline:
    return load_strategy(spec, load_preset("breakout_v1")).pipeline(context())


def holed(bars: Bars, missing: list[int]) -> Bars:
    """Take bars out, so that windows reach over gaps."""
    return np.delete(bars, [at for at in missing if at < len(bars)])


def run(spec: str, bars: Bars, cuts: list[int]) -> tuple[bytes, bytes, dict[str, int]]:
    pipeline = made(spec)
    edges = [0, *sorted({cut % len(bars) for cut in cuts}), len(bars)]
    rows = b"".join(pipeline.advance(bars, *edge).tobytes() for edge in pairwise(edges))
    return rows, pipeline.snapshot(), pipeline.funnel()


@pytest.mark.parametrize("spec", SPECS, ids=("donchian", "ema_rsi", "inside_bar"))
@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    cuts=st.lists(st.integers(1, 399), max_size=12),
    missing=st.lists(st.integers(0, 399), max_size=12),
)
def test_any_chunking_gives_identical_rows(
    spec: str, seed: int, cuts: list[int], missing: list[int]
) -> None:
    bars = holed(wandering_bars(seed, 400), missing)
    assert run(spec, bars, cuts) == run(spec, bars, [])


@pytest.mark.parametrize("spec", SPECS, ids=("donchian", "ema_rsi", "inside_bar"))
def test_one_bar_at_a_time_equals_the_whole_history(spec: str) -> None:
    bars = wandering_bars(5, 1500)
    whole = run(spec, bars, [])
    assert run(spec, bars, list(range(1, len(bars)))) == whole
    assert whole[2]["signals"] > 3


def digest(spec: str) -> str:
    rows, snapshot, _ = run(spec, wandering_bars(9, 600), [])
    return hashlib.sha256(rows + snapshot).hexdigest()


def test_plain_python_gives_what_compiled_code_gives() -> None:
    program = (
        "from tests.property.test_strategy_chunks import SPECS, digest\n"
        "print(*(digest(spec) for spec in SPECS))"
    )
    plain = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(Path.cwd())},
        capture_output=True,
        text=True,
        check=True,
        timeout=100,
    )
    assert plain.stdout.split() == [digest(spec) for spec in SPECS]
