"""Marks and counts the broken rows of a recording, and says which rows are whole.

Every row has one verdict; the first that applies is the one that is counted:

| kind                  | what is wrong                              | outcome     |
|-----------------------|--------------------------------------------|-------------|
| off_grid              | ts is not on the market's own time grid    | dropped     |
| not_a_number          | NaN, infinite or absent (context: infinite)| dropped     |
| bad_price             | a price is zero or negative                | dropped     |
| bad_range             | high or low does not bound open and close  | dropped     |
| bad_volume            | the volume is negative                     | dropped     |
| duplicate             | repeats an earlier row of that time        | dropped     |
| conflicting_duplicate | as duplicate, but with other numbers       | dropped     |
| out_of_order          | older than a row before it                 | sorted      |
| gap                   | no row for a time between first and last   | left absent |
| no_usable_rows        | nothing of the symbol was left             | left out    |

A gap counts missing bars. A row that was dropped is not a gap as well: each defect is
counted once. A bar that is missing is never invented.
"""

import msgspec
import numpy as np
import numpy.typing as npt

from actors.domain.bars import PRICE_COLUMNS, DataFault
from actors.domain.errors import MarketDataError
from actors.market.arrays import Ints
from actors.market.files import Table

Mask = npt.NDArray[np.bool_]
_PRICES = PRICE_COLUMNS[:4]


class Audit(msgspec.Struct, frozen=True):
    """What is whole in a table."""

    timeframe_ms: int
    rows: Ints  # the table's usable rows, sorted by symbol and ts
    faults: tuple[DataFault, ...]


def audit(table: Table) -> Audit:
    """Judge every row of `table`. Raises MarketDataError without a timeframe."""
    order = np.lexsort((table.ts, table.code))  # stable: repeats keep the files' order
    timeframe_ms, phase = _grid(table, order)
    faults: list[DataFault] = []
    whole = np.ones(len(table.ts), np.bool_)
    for kind, wrong in _verdicts(table, timeframe_ms, phase):
        mask = wrong & whole
        if mask.any():
            faults += _count(table, kind, np.flatnonzero(mask))
            whole &= ~mask
    faults += _out_of_order(table)
    on_grid = order[(table.ts[order] - phase) % timeframe_ms == 0]
    faults += _gaps(table, on_grid, timeframe_ms)
    rows, repeats = _without_repeats(table, order[whole[order]])
    absent = np.setdiff1d(np.arange(len(table.symbols)), table.code[rows])
    faults += repeats
    faults += [_left_out(table, int(code)) for code in absent]
    faults.sort(key=lambda fault: (fault.symbol, fault.kind))
    return Audit(timeframe_ms=timeframe_ms, rows=rows, faults=tuple(faults))


def _grid(table: Table, order: Ints) -> tuple[int, int]:
    """Find the timeframe, the most common difference, and the grid's phase."""
    ts, code = table.ts[order], table.code[order]
    differences = np.diff(ts)[np.diff(code) == 0]
    spans, counts = np.unique(differences[differences > 0], return_counts=True)
    if not len(spans):
        msg = (
            f"{table.files[0]}: no symbol has bars of two different times, so the "
            "timeframe is unknown; give at least two bars of one symbol"
        )
        raise MarketDataError(msg)
    timeframe_ms = int(spans[np.argmax(counts)])
    phases, counts = np.unique(ts % timeframe_ms, return_counts=True)
    return timeframe_ms, int(phases[np.argmax(counts)])


def _verdicts(table: Table, timeframe_ms: int, phase: int) -> list[tuple[str, Mask]]:
    columns = table.columns
    opened, high, low, close = (columns[name] for name in _PRICES)
    number = np.ones(len(table.ts), np.bool_)
    for name, values in columns.items():
        # NaN is UNKNOWN in a context column, and allowed there.
        number &= np.isfinite(values) if name in PRICE_COLUMNS else ~np.isinf(values)
    smallest = np.minimum(np.minimum(opened, close), np.minimum(high, low))
    bounded = (high >= np.maximum(opened, close)) & (low <= np.minimum(opened, close))
    return [
        ("off_grid", (table.ts - phase) % timeframe_ms != 0),
        ("not_a_number", ~number),
        ("bad_price", smallest <= 0),
        ("bad_range", ~bounded),
        ("bad_volume", columns["volume"] < 0),
    ]


def _count(table: Table, kind: str, rows: Ints) -> list[DataFault]:
    """Make one fault for each symbol among `rows`, which are in file order."""
    codes, first, counts = np.unique(
        table.code[rows], return_index=True, return_counts=True
    )
    return [
        DataFault(
            symbol=table.symbols[code],
            kind=kind,
            count=count,
            detail=_detail(table, kind, int(rows[at])),
        )
        for code, at, count in zip(
            codes.tolist(), first.tolist(), counts.tolist(), strict=True
        )
    ]


def _detail(table: Table, kind: str, row: int) -> str:
    column = _guilty_column(table, kind, row)
    value = table.ts[row] if column == "ts" else table.columns[column][row]
    return f"{table.place(row, column)}: {value.item()!r}"


def _guilty_column(table: Table, kind: str, row: int) -> str:
    values = {name: column[row] for name, column in table.columns.items()}
    match kind:
        case "not_a_number":
            return next(
                name
                for name, value in values.items()
                if np.isinf(value) or (name in PRICE_COLUMNS and np.isnan(value))
            )
        case "bad_price":
            return next(name for name in _PRICES if values[name] <= 0)
        case "bad_range":
            above = values["high"] < max(values["open"], values["close"])
            return "high" if above else "low"
        case "bad_volume":
            return "volume"
        case _:
            return "ts"


def _out_of_order(table: Table) -> list[DataFault]:
    by_symbol = np.argsort(table.code, kind="stable")
    code, ts = table.code[by_symbol], table.ts[by_symbol]
    same = np.diff(code, prepend=code[0]) == 0
    if not (same & (np.diff(ts, prepend=ts[0]) < 0)).any():
        return []
    # The newest time so far of each symbol: codes are lifted apart, so that one
    # running maximum serves all symbols.
    lift = code * (int(ts.max()) + 1)
    late = by_symbol[np.maximum.accumulate(ts + lift) > ts + lift]
    return _count(table, "out_of_order", np.sort(late))


def _gaps(table: Table, rows: Ints, timeframe_ms: int) -> list[DataFault]:
    code, ts = table.code[rows], table.ts[rows]
    missing = np.where(np.diff(code) == 0, np.diff(ts) // timeframe_ms - 1, 0)
    after = np.flatnonzero(missing > 0)
    codes, first = np.unique(code[after], return_index=True)
    totals = np.bincount(code[after], missing[after], len(table.symbols))
    return [
        DataFault(
            symbol=table.symbols[one],
            kind="gap",
            count=int(totals[one]),
            detail=(
                f"{table.place(int(rows[at]), 'ts')}: "
                f"{missing[at]} bars missing after {ts[at]}"
            ),
        )
        for one, at in zip(codes.tolist(), after[first].tolist(), strict=True)
    ]


def _without_repeats(table: Table, rows: Ints) -> tuple[Ints, list[DataFault]]:
    code, ts = table.code[rows], table.ts[rows]
    kept = np.ones(len(rows), np.bool_)
    kept[1:] = (np.diff(code) != 0) | (np.diff(ts) != 0)
    repeats = np.flatnonzero(~kept)
    if not len(repeats):
        return rows, []
    # Each repeat is held against the row that is kept: the nearest kept one before it.
    keeper = np.maximum.accumulate(np.where(kept, np.arange(len(rows)), 0))[repeats]
    differs = np.zeros(len(repeats), np.bool_)
    for name in PRICE_COLUMNS:
        values = table.columns[name][rows]
        differs |= values[repeats] != values[keeper]
    faults = []
    for kind, mask in (("duplicate", ~differs), ("conflicting_duplicate", differs)):
        faults += _count(table, kind, np.sort(rows[repeats[mask]]))
    return rows[kept], faults


def _left_out(table: Table, code: int) -> DataFault:
    rows = np.flatnonzero(table.code == code)
    return DataFault(
        symbol=table.symbols[code],
        kind="no_usable_rows",
        count=len(rows),
        detail=f"{table.place(int(rows[0]), 'ts')}: the symbol is left out",
    )
