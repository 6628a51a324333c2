"""Any whole market that was written comes back the same, in time order."""

import math
import random
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from actors.market.port import steps
from actors.market.replay import Replay
from tests.market_files import MINUTE, START, Row, values, write_csv, write_parquet

SYMBOLS = ("BTC/USDT", "ETH/USDT:USDT", "kPEPE/USDC:USDC", "ADA/BTC")
price = st.floats(1e-6, 1e6, allow_nan=False)
volume = st.one_of(st.just(0.0), st.floats(0, 1e12, allow_nan=False))


@st.composite
def markets(draw: st.DrawFn) -> list[Row]:
    """Whole bars of a few symbols, each without holes, at its own start."""
    lines: list[Row] = []
    for symbol in draw(st.sets(st.sampled_from(SYMBOLS), min_size=1)):
        first = draw(st.integers(0, 20))
        for at in range(first, first + draw(st.integers(2, 12))):
            low, opened, close, high = sorted(draw(st.tuples(*[price] * 4)))
            if draw(st.booleans()):
                opened, close = close, opened
            ts = START + at * MINUTE
            lines.append((ts, symbol, opened, high, low, close, draw(volume)))
    return lines


@settings(max_examples=40, deadline=None)
@given(
    lines=markets(),
    write=st.sampled_from([write_csv, write_parquet]),
    block_rows=st.integers(1, 60),
    shuffle=st.randoms(use_true_random=False),
)
def test_written_market_reads_back_the_same(
    lines: list[Row], write: object, block_rows: int, shuffle: random.Random
) -> None:
    shuffled = list(lines)
    shuffle.shuffle(shuffled)
    with tempfile.TemporaryDirectory() as folder:
        ending = "csv" if write is write_csv else "parquet"
        file = write(Path(folder) / f"bars.{ending}", shuffled)
        market = Replay(file, block_rows=block_rows)
    told = market.describe()
    assert {fault.kind for fault in told.faults} <= {"out_of_order"}
    read: list[Row] = []
    newest = 0
    for block in market.blocks():
        rows = [values(bars) for bars in block.bars]
        for step in steps(block, told.timeframe_ms):
            assert step.open_ts > newest
            assert step.indices == sorted(set(step.indices))
            newest = step.open_ts
            for index, row in zip(step.indices, step.rows, strict=True):
                ts, *prices = rows[index][row]
                assert ts == step.open_ts
                read.append((ts, told.instruments[index].symbol, *prices))
    assert read == sorted(lines, key=lambda row: (row[0], row[1]))
    assert told.bars_total == len(lines)


@settings(max_examples=40, deadline=None)
@given(lines=markets(), seed=st.integers(0, 2**32))
def test_broken_rows_never_change_the_others(lines: list[Row], seed: int) -> None:
    """With some rows broken, the rest is what a recording without them holds."""
    draw = random.Random(seed)
    broken: list[Row] = []
    kept: list[Row] = []
    for row in lines:
        if draw.random() < 0.2:
            cell = draw.choice([2, 3, 4, 5, 6])
            wrong = draw.choice([math.nan, math.inf, -1.0])
            broken.append((*row[:cell], wrong, *row[cell + 1 :]))
        else:
            kept.append(row)
            broken.append(row)
    if not kept:
        return
    with tempfile.TemporaryDirectory() as folder:
        market = Replay(write_parquet(Path(folder) / "bars.parquet", broken))
    told = market.describe()
    dropped = sum(
        fault.count
        for fault in told.faults
        if fault.kind not in {"no_usable_rows", "gap", "out_of_order"}
    )
    assert dropped == len(lines) - len(kept)
    (block,) = market.blocks()
    for instrument, bars in zip(told.instruments, block.bars, strict=True):
        own = [(row[0], *row[2:]) for row in kept if row[1] == instrument.symbol]
        assert values(bars) == own
