"""Reads recorded bars from parquet and CSV files into plain columns.

What is accepted, and nothing else:

- columns `ts` (or `ts_ms`), `open high low close volume`, `symbol`, and any context
  column of BAR; any other column is an error, because it may be a misspelt one;
- `ts` is a whole number of milliseconds. Seconds, micro- and nanoseconds lie outside
  1e11..1e13 (1973 to 2286) and are refused rather than converted;
- without a `symbol` column the file is one symbol's, named by the file:
  `BTC_USDT` or `BTC-USDT` is the spot pair BTC/USDT; with a third part
  (`BTC_USDT_USDT`, `BTC-USDT_USDT`, `BTC_USDT:USDT`) it is the perpetual BTC/USDT:USDT;
- a folder is all `.parquet` and `.csv` files directly in it, in the order of their
  names; files with other endings are not bars and are left alone.

An empty CSV cell is "no value", and is judged later with the NaNs. A CSV cell that has
a value which is no number is an error.
"""

import csv
import re
from pathlib import Path

import msgspec
import numpy as np
import polars as pl

from actors.domain.bars import CONTEXT_COLUMNS, PRICE_COLUMNS
from actors.domain.errors import MarketDataError
from actors.market.arrays import Floats, Ints

TS_MIN_MS = 10**11
TS_MAX_MS = 10**13
#: A reader's own reason may quote the file; so much of it is shown.
REASON_LENGTH_MAX = 300
SYMBOL = re.compile(r"[^\s/:]+/[^\s/:]+(:[^\s/:]+)?")
_FILE_NAME = re.compile(r"([^\s/:_-]+)[-_]([A-Z0-9]+)(?:[-_:]([A-Z0-9]+))?")
_ENDINGS = (".parquet", ".csv")

#: Polars panics on some damaged files, and its panic is no Exception.
_UNREADABLE = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError)


class Table(msgspec.Struct, frozen=True):
    """The rows of all files, one after the other, in the order they were found."""

    files: tuple[Path, ...]
    starts: Ints  # the first row of each file
    symbols: tuple[str, ...]  # sorted by name
    code: Ints  # each row's position in `symbols`
    ts: Ints
    columns: dict[str, Floats]

    def place(self, row: int, column: str) -> str:
        """Name a cell: its file, its row counted from 1, and its column."""
        number = int(np.searchsorted(self.starts, row, side="right")) - 1
        return _place(self.files[number], row - int(self.starts[number]), column)


def read_table(path: Path) -> Table:
    """Read a file, or every file of a folder. Raises MarketDataError."""
    files = _bar_files(path)
    frames = [_read(file) for file in files]
    sizes = [len(frame) for frame in frames]
    extra = [name for name in CONTEXT_COLUMNS if any(name in f for f in frames)]
    frame = pl.concat(frames, how="diagonal")
    names = frame["symbol"].unique().sort()
    return Table(
        files=files,
        starts=np.concatenate(([0], np.cumsum(sizes[:-1], dtype=np.int64))),
        symbols=tuple(names.to_list()),
        code=frame["symbol"].cast(pl.Enum(names)).to_physical().to_numpy().astype("i8"),
        ts=frame["ts"].to_numpy(),
        columns={
            name: frame[name].fill_null(float("nan")).to_numpy()
            for name in (*PRICE_COLUMNS, *extra)
        },
    )


def symbol_of_file(file: Path) -> str:
    """Read a unified symbol from a file's name; see the top of this module."""
    match = _FILE_NAME.fullmatch(file.stem)
    if match is None:
        msg = (
            f"{file}: no symbol column, and the file's name is no symbol; name it "
            "BTC_USDT (spot) or BTC_USDT_USDT (perpetual), or add the column"
        )
        raise MarketDataError(msg)
    base, quote, settle = match.groups()
    return f"{base}/{quote}" + (f":{settle}" if settle else "")


def _bar_files(path: Path) -> tuple[Path, ...]:
    if path.is_dir():
        found = (f for f in sorted(path.iterdir()) if f.suffix in _ENDINGS)
        files = tuple(f for f in found if f.is_file())
        if not files:
            msg = f"{path}: no .parquet and no .csv file in this folder"
            raise MarketDataError(msg)
        return files
    if not path.exists():
        msg = f"{path}: there is no such file or folder"
        raise MarketDataError(msg)
    if path.suffix not in _ENDINGS:
        msg = f"{path}: a market is a .parquet file, a .csv file or a folder of them"
        raise MarketDataError(msg)
    return (path,)


def _read(file: Path) -> pl.DataFrame:
    if file.stat().st_size == 0:
        msg = f"{file}: the file is empty (0 bytes)"
        raise MarketDataError(msg)
    raw = _read_parquet(file) if file.suffix == ".parquet" else _read_csv(file)
    if not len(raw):
        msg = f"{file}: the file has columns but no rows"
        raise MarketDataError(msg)
    _check_times(file, raw["ts"])
    if "symbol" not in raw.columns:
        return raw.with_columns(symbol=pl.lit(symbol_of_file(file)))
    _check_symbols(file, raw["symbol"])
    return raw


def _read_parquet(file: Path) -> pl.DataFrame:
    try:
        schema = pl.read_parquet_schema(file)
        _check_columns(file, list(schema))
        frame = pl.read_parquet(file).rename({"ts_ms": "ts"}, strict=False)
    except _UNREADABLE as error:
        why = str(error)[:REASON_LENGTH_MAX]
        msg = f"{file}: not a whole parquet file: {why}; fetch or write it again"
        raise MarketDataError(msg) from error
    for name, kind in frame.schema.items():
        wanted = "text" if name == "symbol" else "numbers"
        if name == "symbol":
            fits = kind == pl.String or kind.is_(pl.Categorical) or kind == pl.Enum
        else:
            fits = kind.is_integer() if name == "ts" else kind.is_numeric()
            wanted = "whole numbers of milliseconds" if name == "ts" else wanted
        if not fits:
            msg = f"{file}: column {name} holds {kind}; it must hold {wanted}"
            raise MarketDataError(msg)
    return frame.cast(_schema(frame.columns))


def _read_csv(file: Path) -> pl.DataFrame:
    try:
        cells = pl.read_csv(file, infer_schema=False)
    except _UNREADABLE as error:
        why = _uneven_row(file) or str(error)[:REASON_LENGTH_MAX]
        msg = f"{file}: not a CSV file: {why}"
        raise MarketDataError(msg) from error
    _check_columns(file, cells.columns)
    cells = cells.rename({"ts_ms": "ts"}, strict=False)
    frame = cells.cast(_schema(cells.columns), strict=False)
    for name in cells.columns:
        unread = (frame[name].is_null() & cells[name].is_not_null()).arg_true()
        if len(unread):
            row = int(unread[0])
            wanted = "a whole number of milliseconds" if name == "ts" else "a number"
            msg = f"{_place(file, row, name)}: {cells[name][row]!r} is not {wanted}"
            raise MarketDataError(msg)
    return frame


def _uneven_row(file: Path) -> str | None:
    """Find the row whose cells do not match the header: polars does not name it."""
    with file.open(newline="", encoding="utf-8", errors="replace") as lines:
        rows = csv.reader(lines)
        width = len(next(rows, []))
        for row, cells in enumerate(rows):
            if len(cells) > width:
                place = _place(file, row, "last")
                return f"{place}: {len(cells)} cells, the header has {width}"
    return None


def _schema(columns: list[str]) -> pl.Schema:
    kinds: dict[str, pl.DataType] = {"ts": pl.Int64(), "symbol": pl.String()}
    return pl.Schema({name: kinds.get(name, pl.Float64()) for name in columns})


def _check_columns(file: Path, columns: list[str]) -> None:
    known = {"ts", "ts_ms", "symbol", *PRICE_COLUMNS, *CONTEXT_COLUMNS}
    unknown = [name for name in columns if name not in known]
    if unknown:
        msg = (
            f"{file}: unknown column {unknown[0]!r}; known are ts or ts_ms, symbol, "
            f"{', '.join(PRICE_COLUMNS)} and the context {', '.join(CONTEXT_COLUMNS)}"
        )
        raise MarketDataError(msg)
    missing = [name for name in PRICE_COLUMNS if name not in columns]
    if ("ts" in columns) == ("ts_ms" in columns):
        missing.insert(0, "ts (one of ts and ts_ms, not both)")
    if missing:
        msg = f"{file}: missing column {missing[0]}; it has {', '.join(columns)}"
        raise MarketDataError(msg)


def _check_times(file: Path, ts: pl.Series) -> None:
    wrong = (~ts.is_between(TS_MIN_MS, TS_MAX_MS, closed="left")).fill_null(value=True)
    if wrong.any():
        row = int(wrong.arg_true()[0])
        value = "an empty cell" if ts[row] is None else ts[row]
        msg = (
            f"{_place(file, row, 'ts')}: {value} is not a time in milliseconds "
            f"({TS_MIN_MS} to {TS_MAX_MS}); seconds, micro- and nanoseconds are not "
            "converted: multiply or divide them first"
        )
        raise MarketDataError(msg)


def _check_symbols(file: Path, symbols: pl.Series) -> None:
    for name in symbols.unique(maintain_order=True).to_list():
        if name is None or SYMBOL.fullmatch(name) is None:
            wrong = symbols.is_null() if name is None else symbols == name
            msg = (
                f"{_place(file, int(wrong.arg_true()[0]), 'symbol')}: {name!r} is not "
                "a unified symbol such as BTC/USDT or BTC/USDT:USDT"
            )
            raise MarketDataError(msg)


def _place(file: Path, row: int, column: str) -> str:
    line = f" (line {row + 2})" if file.suffix == ".csv" else ""
    return f"{file} row {row + 1}{line}, column {column}"
