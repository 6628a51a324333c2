"""Every defect of a recording has an outcome that names where it is."""

import math
from pathlib import Path

import pytest

from actors.domain.bars import DataFault
from actors.domain.errors import MarketDataError
from actors.market.replay import Replay
from tests.market_files import (
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


def load(path: Path, lines: list[Row], ending: str = "csv") -> Replay:
    write = write_csv if ending == "csv" else write_parquet
    return Replay(write(path / f"bars.{ending}", lines))


def only_fault(market: Replay) -> DataFault:
    (fault,) = market.describe().faults
    return fault


def times(market: Replay) -> list[int]:
    return [
        (ts - START) // MINUTE for ts in joined(list(market.blocks()), 0)["ts"].tolist()
    ]


def test_whole_recording_has_no_fault(tmp_path: Path) -> None:
    market = load(tmp_path, rows(count=5))
    assert market.describe().faults == ()
    assert times(market) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("kind", "column", "cells", "value"),
    [
        ("not_a_number", "close", {"close": math.nan}, "nan"),
        ("not_a_number", "high", {"high": math.inf}, "inf"),
        ("not_a_number", "low", {"low": -math.inf}, "-inf"),
        ("not_a_number", "volume", {"volume": math.nan}, "nan"),
        ("bad_price", "open", {"open": 0.0}, "0.0"),
        ("bad_price", "low", {"low": -3.0}, "-3.0"),
        ("bad_range", "high", {"high": 50.0}, "50.0"),
        ("bad_range", "high", {"open": 103.0}, "101.5"),
        ("bad_range", "low", {"low": 100.5}, "100.5"),
        ("bad_volume", "volume", {"volume": -0.5}, "-0.5"),
    ],
)
@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_bad_row_is_dropped_counted_and_located(
    tmp_path: Path,
    kind: str,
    column: str,
    cells: dict[str, float],
    value: str,
    ending: str,
) -> None:
    lines = rows(count=5)
    lines[2] = changed(lines[2], **cells)
    lines[3] = changed(lines[3], **cells)
    market = load(tmp_path, lines, ending)
    fault = only_fault(market)
    assert (fault.symbol, fault.kind, fault.count) == ("BTC/USDT", kind, 2)
    assert f"bars.{ending} row 3" in fault.detail
    assert fault.detail.endswith(f"column {column}: {value}")
    assert times(market) == [0, 1, 4]


def test_csv_place_names_the_line_of_the_file_too(tmp_path: Path) -> None:
    lines = rows(count=4)
    lines[1] = changed(lines[1], close="")
    fault = only_fault(load(tmp_path, lines))
    assert fault.kind == "not_a_number"
    assert fault.detail.endswith("bars.csv row 2 (line 3), column close: nan")


def test_infinite_context_is_not_a_number_but_nan_is_unknown(tmp_path: Path) -> None:
    header = "ts,symbol,open,high,low,close,volume,spread_bps"
    lines = [(*row, 3.5) for row in rows(count=4)]
    lines[1] = (*lines[1][:-1], math.inf)
    lines[2] = (*lines[2][:-1], math.nan)
    market = Replay(write_csv(tmp_path / "bars.csv", lines, header=header))
    assert only_fault(market).detail.endswith("column spread_bps: inf")
    spreads = joined(list(market.blocks()), 0)["spread_bps"].tolist()
    assert spreads[0] == spreads[2] == 3.5
    assert math.isnan(spreads[1])


def test_off_grid_row_is_dropped(tmp_path: Path) -> None:
    lines = rows(count=6)
    lines[4] = changed(lines[4], ts=START + 4 * MINUTE + 1)
    market = load(tmp_path, lines)
    off_grid = {fault.kind: fault for fault in market.describe().faults}["off_grid"]
    assert off_grid.count == 1
    assert off_grid.detail.endswith(f"column ts: {START + 4 * MINUTE + 1}")
    assert times(market) == [0, 1, 2, 3, 5]


def test_grid_may_start_anywhere(tmp_path: Path) -> None:
    """A weekly bar starts on Monday, and not on a multiple of a week."""
    lines = [changed(row, ts=row[0] + 1234) for row in rows(count=3)]
    market = load(tmp_path, lines)
    assert market.describe().faults == ()
    assert market.describe().timeframe_ms == MINUTE


def test_equal_repeat_is_a_duplicate_and_the_first_is_kept(tmp_path: Path) -> None:
    lines = rows(count=3)
    market = load(tmp_path, [*lines[:2], lines[1], lines[1], lines[2]])
    fault = only_fault(market)
    assert (fault.kind, fault.count) == ("duplicate", 2)
    assert "row 3 " in fault.detail
    assert times(market) == [0, 1, 2]


def test_repeat_with_other_numbers_is_a_conflict(tmp_path: Path) -> None:
    lines = rows(count=3)
    other = changed(lines[1], close=100.25)
    market = load(tmp_path, [*lines[:2], other, lines[1], lines[2]])
    counts = {fault.kind: fault.count for fault in market.describe().faults}
    assert counts == {"conflicting_duplicate": 1, "duplicate": 1}
    assert values(joined(list(market.blocks()), 0))[1][4] == 101.0


def test_whole_repeat_of_a_broken_row_is_used(tmp_path: Path) -> None:
    lines = rows(count=3)
    broken = changed(lines[1], close=math.nan)
    market = load(tmp_path, [lines[0], broken, lines[1], lines[2]])
    assert only_fault(market).kind == "not_a_number"
    assert times(market) == [0, 1, 2]


def test_out_of_order_rows_are_sorted_and_counted(tmp_path: Path) -> None:
    lines = rows(count=5)
    order = [0, 3, 1, 2, 4]
    market = load(tmp_path, [lines[at] for at in order])
    fault = only_fault(market)
    assert (fault.kind, fault.count) == ("out_of_order", 2)
    assert "row 3 " in fault.detail
    assert times(market) == [0, 1, 2, 3, 4]


def test_order_is_judged_for_each_symbol_by_itself(tmp_path: Path) -> None:
    """Files sorted by time and files sorted by symbol are both in order."""
    by_symbol = rows("ETH/USDT", 3) + rows("BTC/USDT", 3)
    assert load(tmp_path, by_symbol).describe().faults == ()
    by_time = sorted(by_symbol, key=lambda row: row[0])
    assert load(tmp_path, by_time).describe().faults == ()


def test_disorder_of_one_symbol_is_not_that_of_another(tmp_path: Path) -> None:
    late = rows("BTC/USDT", 3, first=5)
    market = load(tmp_path, [late[0], late[2], late[1], *rows("ETH/USDT", 4)])
    fault = only_fault(market)
    assert (fault.symbol, fault.kind, fault.count) == ("BTC/USDT", "out_of_order", 1)


def test_gap_counts_missing_bars_and_invents_none(tmp_path: Path) -> None:
    lines = rows(count=9)
    market = load(tmp_path, [*lines[:3], *lines[5:7], lines[8]])
    fault = only_fault(market)
    assert (fault.kind, fault.count) == ("gap", 3)
    assert "2 bars missing after" in fault.detail
    assert times(market) == [0, 1, 2, 5, 6, 8]


def test_symbol_without_a_usable_row_is_left_out(tmp_path: Path) -> None:
    dead = [changed(row, close=math.nan) for row in rows("DEAD/USDT", 3)]
    market = load(tmp_path, rows(count=3) + dead)
    assert [i.symbol for i in market.describe().instruments] == ["BTC/USDT"]
    kinds = [fault.kind for fault in market.describe().faults]
    assert kinds == ["no_usable_rows", "not_a_number"]
    assert market.describe().faults[0].count == 3


def test_recording_without_any_usable_row_is_an_error(tmp_path: Path) -> None:
    lines = [changed(row, volume=-1.0) for row in rows(count=3)]
    with pytest.raises(
        MarketDataError, match=r"bars\.csv row 1 .*column volume: -1\.0"
    ):
        load(tmp_path, lines)


def test_strict_makes_any_fault_an_error(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "bars.csv", rows(count=3) + rows(count=2, first=4))
    assert only_fault(Replay(file)).kind == "gap"
    with pytest.raises(MarketDataError, match="gap x 1 in BTC/USDT"):
        Replay(file, strict=True)


def test_zero_volume_is_normal(tmp_path: Path) -> None:
    market = load(tmp_path, [changed(row, volume=0.0) for row in rows(count=3)])
    assert market.describe().faults == ()
    assert times(market) == [0, 1, 2]
