"""A recording comes out in time order, with its context and its instruments."""

import math
import os
import random
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from actors.domain.bars import BAR, Bars
from actors.domain.errors import MarketDataError
from actors.market.context import HOUR_MS
from actors.market.port import Block, History, open_market, steps
from actors.market.replay import Replay
from tests.market_files import (
    HEADER,
    MINUTE,
    START,
    Row,
    changed,
    joined,
    rows,
    values,
    write_csv,
    write_parquet,
)

HERE = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("BREAKOUT_SHARED_DATA", HERE / "../shared/data"))
DAY_MS = 24 * HOUR_MS


def three_symbols(path: Path) -> Path:
    lines = rows("ETH/USDT", 6) + rows("BTC/USDT", 4, first=2) + rows("ADA/BTC", 3)
    return write_csv(path / "bars.csv", lines)


def test_description_says_what_was_loaded(tmp_path: Path) -> None:
    market = Replay(three_symbols(tmp_path)).describe()
    assert [one.symbol for one in market.instruments] == [
        "ADA/BTC",
        "BTC/USDT",
        "ETH/USDT",
    ]
    assert (market.timeframe_ms, market.bars_total) == (MINUTE, 13)
    assert (market.start_ms, market.end_ms) == (START, START + 6 * MINUTE)
    assert market.benchmark == "BTC/USDT"


def test_steps_go_through_all_symbols_in_time_order(tmp_path: Path) -> None:
    (block,) = Replay(three_symbols(tmp_path)).blocks()
    walked = list(steps(block, MINUTE))
    assert [step.open_ts for step in walked] == [START + i * MINUTE for i in range(6)]
    assert all(step.close_ts == step.open_ts + MINUTE for step in walked)
    assert [step.indices for step in walked] == [
        [0, 2],
        [0, 2],
        [0, 1, 2],
        [1, 2],
        [1, 2],
        [1, 2],
    ]
    for step in walked:
        for index, row in zip(step.indices, step.rows, strict=True):
            assert block.bars[index]["ts"][row] == step.open_ts


def test_steps_of_an_empty_block_are_none() -> None:
    assert list(steps(Block((np.empty(0, BAR), np.empty(0, BAR))), MINUTE)) == []


@pytest.mark.parametrize("block_rows", [1, 3, 4, 1000])
def test_blocks_hold_each_bar_once_and_never_split_a_time(
    tmp_path: Path, block_rows: int
) -> None:
    file = three_symbols(tmp_path)
    (whole,) = Replay(file).blocks()
    blocks = list(Replay(file, block_rows=block_rows).blocks())
    newest = 0
    for block in blocks:
        for step in steps(block, MINUTE):
            assert step.open_ts > newest
            newest = step.open_ts
    for index, bars in enumerate(whole.bars):
        assert values(joined(blocks, index)) == values(bars)
    assert (len(blocks) > 1) == (block_rows < 13)


def test_blocks_can_be_taken_again(tmp_path: Path) -> None:
    market = Replay(three_symbols(tmp_path))
    first, second = list(market.blocks()), list(market.blocks())
    assert values(joined(first, 2)) == values(joined(second, 2))


def test_reference_is_the_benchmarks_close_at_the_same_time(tmp_path: Path) -> None:
    lines = rows("ETH/USDT", 4) + rows("BTC/USDT", 2, first=1, close=9000.0)
    (block,) = Replay(write_csv(tmp_path / "b.csv", lines)).blocks()
    reference = block.bars[1]["reference_close"].tolist()
    assert reference[1:3] == [9001.0, 9001.0]
    assert math.isnan(reference[0])
    assert math.isnan(reference[3])


@pytest.mark.parametrize(
    ("symbols", "benchmark"),
    [
        (("BTC/USDC:USDC", "BTC/USDT:USDT"), "BTC/USDT:USDT"),
        (("BTC/EUR", "BTC/USDC"), "BTC/USDC"),
        (("BTC/EUR", "ETH/BTC"), "BTC/EUR"),
        (("ETH/BTC", "WBTC/USDT"), None),
    ],
)
def test_benchmark_prefers_dollar_quotes(
    tmp_path: Path, symbols: tuple[str, ...], benchmark: str | None
) -> None:
    lines = [row for symbol in symbols for row in rows(symbol, 2)]
    market = Replay(write_csv(tmp_path / "b.csv", lines))
    assert market.describe().benchmark == benchmark
    (block,) = market.blocks()
    unknown = np.isnan(block.bars[0]["reference_close"]).all()
    assert unknown == (benchmark is None)


def test_context_of_a_file_is_kept(tmp_path: Path) -> None:
    header = f"{HEADER},reference_close,volume_rank,imbalance"
    lines = [(*row, 5.0, 9.0, -0.25) for row in rows(count=3)]
    (block,) = Replay(write_csv(tmp_path / "b.csv", lines, header=header)).blocks()
    (bars,) = block.bars
    assert bars["reference_close"].tolist() == [5.0] * 3
    assert bars["volume_rank"].tolist() == [9.0] * 3
    assert bars["imbalance"].tolist() == [-0.25] * 3
    assert np.isnan(bars["spread_bps"]).all()


def expected_rank(series: dict[str, list[Row]], symbol: str, ts: int) -> float:
    """The rank by its definition, one bar at a time."""
    hour = (ts + 20 * MINUTE) // HOUR_MS * HOUR_MS
    if hour - min(row[0] for row in series[symbol]) < DAY_MS:
        return math.nan
    sums = {
        name: sum(
            row[5] * row[6]
            for row in lines
            if hour - DAY_MS < row[0] + 20 * MINUTE <= hour
        )
        for name, lines in series.items()
    }
    ahead = [name for name in sorted(sums) if sums[name] > sums[symbol]]
    return 1.0 + len(ahead)


def test_volume_rank_looks_back_24_hours_and_never_ahead(tmp_path: Path) -> None:
    draw = random.Random(5)
    series: dict[str, list[Row]] = {}
    for name, first, last in (("A/X", 0, 120), ("B/X", 0, 120), ("C/X", 30, 110)):
        series[name] = [
            changed(
                row,
                ts=START + (row[0] - START) * 20,
                volume=draw.randrange(1, 100),
            )
            for row in rows(name, last - first, first=first)
            if draw.random() < 0.9
        ]
    lines = [row for one in series.values() for row in one]
    market = Replay(write_parquet(tmp_path / "b.parquet", lines))
    assert market.describe().timeframe_ms == 20 * MINUTE
    (block,) = market.blocks()
    ranked = 0
    for name, bars in zip(series, block.bars, strict=True):
        for ts, rank in bars[["ts", "volume_rank"]].tolist():
            wanted = expected_rank(series, name, ts)
            assert rank == wanted or (math.isnan(rank) and math.isnan(wanted))
            ranked += rank == wanted
    assert ranked > 80


def test_instrument_follows_the_unified_symbol(tmp_path: Path) -> None:
    lines = rows("BTC/USDT", 2) + rows("SOL/USDC:USDC", 2)
    spot, perpetual = (
        Replay(write_csv(tmp_path / "b.csv", lines)).describe().instruments
    )
    assert (spot.base, spot.quote, spot.shortable) == ("BTC", "USDT", False)
    assert (perpetual.base, perpetual.quote) == ("SOL", "USDC")
    assert perpetual.shortable
    assert spot.taker_fee_bps == Decimal("7.5")
    assert spot.maker_fee_bps == Decimal("2.0")
    assert spot.notional_min == 5


@pytest.mark.parametrize(
    ("close", "volume", "tick", "lot"),
    [
        (100.0, 3.0, "0.01", "1"),  # the low of the row, 98.75, has two places
        (100.125, 0.5, "0.001", "0.1"),
        (100.0, 0.1 + 0.2, "0.01", "0.1"),  # 0.30000000000000004 is noise
        (0.00001234 + 100, 1e-8, "0.00000001", "0.00000001"),
        (100.0, 1 / 3, "0.01", "0.000000000001"),  # no decimal at all: the cap
    ],
)
def test_tick_and_lot_are_the_last_decimal_seen(
    tmp_path: Path, close: float, volume: float, tick: str, lot: str
) -> None:
    lines = [changed(row, volume=volume) for row in rows(count=3, close=close)]
    file = write_parquet(tmp_path / "b.parquet", lines)
    (instrument,) = Replay(file).describe().instruments
    assert str(instrument.tick_size) == str(Decimal(tick))
    assert instrument.lot_size == instrument.quantity_min == Decimal(lot)


def test_a_stray_price_between_the_ticks_makes_no_tick(tmp_path: Path) -> None:
    lines = rows(count=200)
    lines[7] = changed(lines[7], open=100.0625)
    file = write_parquet(tmp_path / "b.parquet", lines)
    (instrument,) = Replay(file).describe().instruments
    assert instrument.tick_size == Decimal("0.01")
    lines[9:12] = [changed(row, open=100.0625) for row in lines[9:12]]
    file = write_parquet(tmp_path / "b.parquet", lines)
    (instrument,) = Replay(file).describe().instruments
    assert instrument.tick_size == Decimal("0.0001")


def test_first_symbols_by_name_can_be_chosen(tmp_path: Path) -> None:
    market = open_market(f"replay:{three_symbols(tmp_path)}", symbols=2, seed=0)
    names = [one.symbol for one in market.describe().instruments]
    assert names == ["ADA/BTC", "BTC/USDT"]
    (block,) = market.blocks()
    assert [len(bars) for bars in block.bars] == [3, 4]


def test_named_symbols_keep_the_whole_markets_context(tmp_path: Path) -> None:
    market = Replay(three_symbols(tmp_path), symbols=("ETH/USDT",))
    assert [one.symbol for one in market.describe().instruments] == ["ETH/USDT"]
    assert market.describe().bars_total == 6
    (block,) = market.blocks()
    assert block.bars[0]["reference_close"].tolist()[2:] == [101.0] * 4


@pytest.mark.parametrize("symbols", [0, -3, (), ("DOGE/USDT",)])
def test_impossible_choice_of_symbols_is_refused(
    tmp_path: Path, symbols: int | tuple[str, ...]
) -> None:
    with pytest.raises(MarketDataError, match=r"at least 1|no symbol"):
        Replay(three_symbols(tmp_path), symbols=symbols)


def past_of(history: History, index: int, stop: int, span: int) -> list[int]:
    bars, start, end = history.window(index, START + stop * MINUTE, span * MINUTE)
    return ((bars["ts"][start:end] - START) // MINUTE).tolist()


def bars_of(first: int, last: int) -> Bars:
    bars = np.zeros(last - first, BAR)
    bars["ts"] = START + np.arange(first, last) * MINUTE
    return bars


def test_history_joins_the_past_of_several_blocks() -> None:
    history = History(5 * MINUTE)
    for first in (0, 3, 6, 9):
        history.add(Block((bars_of(first, first + 3), bars_of(first, first + 1))))
    assert past_of(history, 0, stop=11, span=4) == [7, 8, 9, 10]
    assert past_of(history, 0, stop=11, span=1) == [10]
    assert past_of(history, 1, stop=10, span=5) == [6, 9]


def test_history_forgets_what_is_older_than_its_span() -> None:
    history = History(5 * MINUTE)
    for first in (0, 100, 200):
        history.add(Block((bars_of(first, first + 100),)))
    assert past_of(history, 0, stop=202, span=1000) == [
        *range(195, 200),
        200,
        201,
    ]


RECORDINGS = (
    ("binance_usdm_15m", 342, 357_611, 15),
    ("hyperliquid_perp_1m", 114, 531_810, 1),
    ("binance_spot_5m", 225, 194_400, 5),
    ("binance_spot_1m_2021outage", 28, 12_210, 1),
    ("binance_spot_5m_2023outage", 76, 31_616, 5),
)


@pytest.mark.data
@pytest.mark.parametrize(("name", "symbols", "bars", "minutes"), RECORDINGS)
def test_recorded_market_is_read_whole(
    name: str, symbols: int, bars: int, minutes: int
) -> None:
    file = SHARED / f"candles/{name}.parquet"
    if not file.exists():
        pytest.skip("the recorded markets are not beside the checkout")
    market = Replay(file)
    told = market.describe()
    assert (len(told.instruments), told.bars_total) == (symbols, bars)
    assert told.timeframe_ms == minutes * MINUTE
    assert {fault.kind for fault in told.faults} <= {"gap"}
    assert ("outage" in name) == bool(told.faults)
    assert sum(len(one) for block in market.blocks() for one in block.bars) == bars
