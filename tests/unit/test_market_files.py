"""What can be read, and the error for what cannot."""

import contextlib
from pathlib import Path

import polars as pl
import pytest

from actors.domain.errors import MarketDataError
from actors.market.files import symbol_of_file
from actors.market.port import open_market
from actors.market.replay import Replay
from tests.market_files import (
    HEADER,
    START,
    changed,
    joined,
    rows,
    values,
    write_csv,
    write_parquet,
)

ALONE = "ts_ms,open,high,low,close,volume"


def refused(path: Path, message: str) -> None:
    with pytest.raises(MarketDataError, match=message) as caught:
        Replay(path)
    assert str(path) in str(caught.value)


def test_missing_file_is_named(tmp_path: Path) -> None:
    refused(tmp_path / "none.csv", "no such file or folder")


def test_folder_without_bars_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no bars")
    refused(tmp_path, "no .parquet and no .csv file")


def test_other_ending_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bars.json").write_text("[]")
    refused(tmp_path / "bars.json", "a .parquet file, a .csv file or a folder")


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_empty_file_is_refused(tmp_path: Path, ending: str) -> None:
    file = tmp_path / f"bars.{ending}"
    file.touch()
    refused(file, "the file is empty")


def test_header_without_rows_is_refused(tmp_path: Path) -> None:
    refused(write_csv(tmp_path / "bars.csv", []), "columns but no rows")


@pytest.mark.parametrize("kept", [4, 100, 600])
def test_truncated_parquet_is_refused(tmp_path: Path, kept: int) -> None:
    file = write_parquet(tmp_path / "bars.parquet", rows(count=50))
    file.write_bytes(file.read_bytes()[:kept])
    refused(file, "not a whole parquet file")


def test_parquet_damaged_inside_is_refused(tmp_path: Path) -> None:
    file = write_parquet(tmp_path / "bars.parquet", rows(count=500))
    content = bytearray(file.read_bytes())
    content[4:120] = b"\xff" * 116
    file.write_bytes(content)
    refused(file, "not a whole parquet file")


def test_damaged_bytes_give_an_error_of_ours_or_a_readable_file(
    tmp_path: Path,
) -> None:
    """Some damage makes polars panic, which is no Exception of Python's."""
    lines = rows("BTC/USDT", 40) + rows("ETH/USDT", 40)
    file = write_parquet(tmp_path / "bars.parquet", lines)
    whole = file.read_bytes()
    refused_at = []
    for at in (*range(462, 469), *range(0, len(whole), 25)):
        content = bytearray(whole)
        content[at] ^= 0xFF
        file.write_bytes(content)
        with contextlib.suppress(MarketDataError):
            Replay(file)
            continue
        refused_at.append(at)
    assert len(refused_at) > 20


def test_csv_row_cut_off_in_its_middle_is_marked(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "bars.csv", rows(count=4))
    text = file.read_text()
    file.write_text(text[: text.rindex(",101.5")])
    market = Replay(file)
    (fault,) = market.describe().faults
    assert (fault.kind, fault.count) == ("not_a_number", 1)
    assert "row 4 (line 5), column high" in fault.detail
    assert market.describe().bars_total == 3


def test_row_with_too_many_cells_is_located(tmp_path: Path) -> None:
    lines = rows(count=3)
    lines[1] = (*lines[1], 7)
    refused(write_csv(tmp_path / "b.csv", lines), r"row 2 \(line 3\).*8 cells")


def test_unparsable_cell_is_located_with_its_value(tmp_path: Path) -> None:
    lines = rows(count=3)
    lines[2] = changed(lines[2], low="1O0")
    file = write_csv(tmp_path / "bars.csv", lines)
    refused(file, r"row 3 \(line 4\), column low: '1O0' is not a number")


def test_fractional_time_is_refused(tmp_path: Path) -> None:
    lines = rows(count=3)
    lines[0] = changed(lines[0], ts=f"{START}.5")
    refused(write_csv(tmp_path / "b.csv", lines), "not a whole number of milliseconds")


@pytest.mark.parametrize("column", ["clsoe", "rate", "open_duplicated_0"])
@pytest.mark.parametrize("write", [write_csv, write_parquet])
def test_unknown_column_is_named(tmp_path: Path, column: str, write: object) -> None:
    ending = "csv" if write is write_csv else "parquet"
    lines = [(*row, 1.0) for row in rows(count=3)]
    file = write(tmp_path / f"b.{ending}", lines, header=f"{HEADER},{column}")
    refused(file, f"unknown column '{column}'")


@pytest.mark.parametrize("column", ["open", "volume"])
def test_missing_column_is_named(tmp_path: Path, column: str) -> None:
    names = HEADER.split(",")
    at = names.index(column)
    lines = [(*row[:at], *row[at + 1 :]) for row in rows(count=3)]
    header = ",".join(name for name in names if name != column)
    refused(write_csv(tmp_path / "b.csv", lines, header=header), f"column {column};")


@pytest.mark.parametrize("names", ["symbol", "ts,ts_ms,symbol"])
def test_time_column_is_needed_once(tmp_path: Path, names: str) -> None:
    times = [START] * (len(names.split(",")) - 1)
    lines = [(*times, *row[1:]) for row in rows(count=3)]
    header = f"{names},open,high,low,close,volume"
    refused(write_csv(tmp_path / "b.csv", lines, header=header), "missing column ts")


def test_blank_line_is_refused_and_located(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "b.csv", rows(count=3))
    file.write_text(file.read_text() + "\n")
    refused(file, r"row 4 \(line 5\), column ts: an empty cell")


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"\0" * 99, b"x;y\n1;2\n", b"\n"])
def test_what_is_no_csv_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "b.csv"
    file.write_bytes(content)
    refused(file, "not a CSV file|unknown column|no rows")


@pytest.mark.parametrize("factor", [0.001, 1000, 1_000_000])
def test_times_in_another_unit_are_refused(tmp_path: Path, factor: float) -> None:
    lines = [changed(row, ts=int(row[0] * factor)) for row in rows(count=3)]
    refused(write_csv(tmp_path / "b.csv", lines), "not a time in milliseconds")


def test_absent_time_is_refused(tmp_path: Path) -> None:
    lines = rows(count=3)
    lines[1] = changed(lines[1], ts="")
    refused(
        write_csv(tmp_path / "b.csv", lines),
        r"row 2 \(line 3\), column ts: an empty cell",
    )


@pytest.mark.parametrize(
    ("column", "values_given", "wanted"),
    [
        ("ts", [float(START)] * 3, "whole numbers of milliseconds"),
        ("close", ["100", "101", "102"], "must hold numbers"),
        ("symbol", [1, 2, 3], "must hold text"),
    ],
)
def test_wrong_parquet_type_is_named(
    tmp_path: Path, column: str, values_given: list[object], wanted: str
) -> None:
    file = write_parquet(tmp_path / "b.parquet", rows(count=3))
    frame = pl.read_parquet(file).with_columns(pl.Series(column, values_given))
    frame.write_parquet(file)
    refused(file, f"column {column} holds .*{wanted}")


@pytest.mark.parametrize("symbol", ["BTCUSDT", "BTC/", "BTC/USDT:", ""])
def test_symbol_that_is_not_unified_is_located(tmp_path: Path, symbol: str) -> None:
    lines = rows(count=3)
    lines[1] = changed(lines[1], symbol=symbol)
    file = write_csv(tmp_path / "b.csv", lines)
    refused(file, r"row 2 \(line 3\), column symbol: .* is not a unified symbol")


def test_one_bar_is_no_timeframe(tmp_path: Path) -> None:
    refused(write_csv(tmp_path / "b.csv", rows(count=1)), "timeframe is unknown")


@pytest.mark.parametrize(
    ("stem", "symbol"),
    [
        ("BTC_USDT", "BTC/USDT"),
        ("BTC-USDT", "BTC/USDT"),
        ("BTC_USDT_USDT", "BTC/USDT:USDT"),
        ("BTC-USDT_USDT", "BTC/USDT:USDT"),
        ("kPEPE_USDC_USDC", "kPEPE/USDC:USDC"),
        ("BTC_USDT:USDT", "BTC/USDT:USDT"),
    ],
)
def test_file_name_gives_the_symbol(stem: str, symbol: str) -> None:
    assert symbol_of_file(Path(f"{stem}.csv")) == symbol


@pytest.mark.parametrize("stem", ["BTCUSDT", "BTC_USDT-5m", "btc_usdt"])
def test_file_name_that_is_no_symbol_is_refused(stem: str, tmp_path: Path) -> None:
    lines = [(row[0], *row[2:]) for row in rows(count=3)]
    file = write_csv(tmp_path / f"{stem}.csv", lines, header=ALONE)
    refused(file, "no symbol column, and the file's name is no symbol")


def test_folder_of_one_file_per_symbol(tmp_path: Path) -> None:
    lines = [(row[0], *row[2:]) for row in rows(count=3)]
    write_csv(tmp_path / "ETH_USDT.csv", lines, header=ALONE)
    write_parquet(tmp_path / "BTC_USDT_USDT.parquet", lines, header=ALONE)
    (tmp_path / "MANIFEST.md").write_text("not a market")
    market = open_market(f"replay:{tmp_path}", symbols=None, seed=0)
    names = [one.symbol for one in market.describe().instruments]
    assert names == ["BTC/USDT:USDT", "ETH/USDT"]
    blocks = list(market.blocks())
    assert values(joined(blocks, 0)) == values(joined(blocks, 1)) == lines


def test_fault_in_a_folder_names_its_own_file(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", rows("ADA/USDT", 3))
    lines = rows(count=4)
    lines[2] = changed(lines[2], open=-1)
    write_csv(tmp_path / "b.csv", lines)
    (fault,) = Replay(tmp_path).describe().faults
    assert f"{tmp_path / 'b.csv'} row 3 (line 4), column open" in fault.detail


@pytest.mark.parametrize("spec", ["", "demos", "replay", "replay:", "live:binance"])
def test_unknown_market_says_what_is_allowed(spec: str) -> None:
    with pytest.raises(MarketDataError, match="allowed are demo and replay:PATH"):
        open_market(spec, symbols=None, seed=0)
