"""Replays a recorded market: bars from files, in time order over all symbols.

The recording is read, judged and sorted once, kept as plain columns, and handed out in
blocks of about BLOCK_ROWS bars: what the engine holds of it as BAR rows is one block.
Instruments are in the order of their names. Benchmark and volume rank look at all
symbols of the recording, also at those that are not replayed.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from actors.domain.bars import (
    PRICE_COLUMNS,
    Bars,
    DataFault,
    Instrument,
    MarketDescription,
    empty_bars,
)
from actors.domain.errors import MarketDataError
from actors.market.arrays import Floats, Ints
from actors.market.blocks import Block
from actors.market.context import reference_close, volume_rank
from actors.market.faults import audit
from actors.market.files import Table, read_table
from actors.market.instruments import (
    benchmark_of,
    decimal_places,
    instrument,
    unit_of,
)

BLOCK_ROWS = 131_072


class Replay:
    """A recording as a Market: every call of `blocks` starts it from the beginning."""

    def __init__(
        self,
        path: Path,
        *,
        symbols: int | tuple[str, ...] | None = None,
        strict: bool = False,
        block_rows: int = BLOCK_ROWS,
    ) -> None:
        """Load a file or folder.

        `symbols` replays only the first so many by name, or only those named. `strict`
        makes any fault of the data an error. Raises MarketDataError.
        """
        table = read_table(path)
        judged = audit(table)
        if not len(judged.rows):
            raise MarketDataError(_fault_message("no usable row", judged.faults[0]))
        if strict and judged.faults:
            raise MarketDataError(_fault_message("strict", judged.faults[0]))
        self._timeframe_ms = judged.timeframe_ms
        self._block_rows = block_rows
        code, names = _renumbered(table, judged.rows)
        self._benchmark = benchmark_of(names)
        ts, columns = self._columns(table, judged.rows, code, names)
        chosen = _chosen(names, symbols, path)
        kept = np.isin(code, chosen)
        self._ts = ts[kept]
        self._columns_kept = {name: column[kept] for name, column in columns.items()}
        #: Rows [bounds[i], bounds[i + 1]) are those of the i-th instrument.
        self._bounds = np.searchsorted(code[kept], [*chosen, len(names)]).tolist()
        self._description = self._describe(
            path, tuple(names[i] for i in chosen), judged.faults
        )

    def describe(self) -> MarketDescription:
        """Say what was loaded, with every fault of its data."""
        return self._description

    def blocks(self) -> Iterator[Block]:
        """Hand out the recording in blocks whose borders are the same for all."""
        times = np.sort(self._ts)
        borders = np.unique(times[self._block_rows :: self._block_rows])
        cuts = [
            [low, *(low + np.searchsorted(self._ts[low:high], borders)).tolist(), high]
            for low, high in zip(self._bounds, self._bounds[1:], strict=False)
        ]
        for number in range(len(borders) + 1):
            yield Block(tuple(self._bars(cut[number], cut[number + 1]) for cut in cuts))

    def _bars(self, start: int, stop: int) -> Bars:
        bars = empty_bars(stop - start)
        bars["ts"] = self._ts[start:stop]
        for name, column in self._columns_kept.items():
            bars[name] = column[start:stop]
        return bars

    def _columns(
        self, table: Table, rows: Ints, code: Ints, names: tuple[str, ...]
    ) -> tuple[Ints, dict[str, Floats]]:
        """Gather the usable rows, and derive the context that no file gave."""
        ts = table.ts[rows]
        columns = {name: column[rows] for name, column in table.columns.items()}
        close, volume = columns["close"], columns["volume"]
        if "reference_close" not in columns and self._benchmark is not None:
            own = code == names.index(self._benchmark)
            columns["reference_close"] = reference_close(ts, ts[own], close[own])
        if "volume_rank" not in columns:
            columns["volume_rank"] = volume_rank(
                code, ts, self._timeframe_ms, close * volume, len(names)
            )
        return ts, columns

    def _describe(
        self, path: Path, names: tuple[str, ...], faults: tuple[DataFault, ...]
    ) -> MarketDescription:
        return MarketDescription(
            name=f"replay:{path}",
            timeframe_ms=self._timeframe_ms,
            instruments=self._instruments(names),
            bars_total=len(self._ts),
            start_ms=int(self._ts.min()),
            end_ms=int(self._ts.max()) + self._timeframe_ms,
            benchmark=self._benchmark,
            faults=faults,
        )

    def _instruments(self, names: tuple[str, ...]) -> tuple[Instrument, ...]:
        instruments = []
        for at, name in enumerate(names):
            rows = slice(self._bounds[at], self._bounds[at + 1])
            own = [self._columns_kept[column][rows] for column in PRICE_COLUMNS]
            tick_size = unit_of(decimal_places(np.concatenate(own[:4])))
            lot_size = unit_of(decimal_places(own[4]))
            instruments.append(instrument(name, tick_size=tick_size, lot_size=lot_size))
        return tuple(instruments)


def _renumbered(table: Table, rows: Ints) -> tuple[Ints, tuple[str, ...]]:
    """Number the symbols that have usable rows, without holes."""
    present, code = np.unique(table.code[rows], return_inverse=True)
    return code, tuple(table.symbols[one] for one in present.tolist())


def _chosen(
    names: tuple[str, ...], symbols: int | tuple[str, ...] | None, path: Path
) -> list[int]:
    if symbols is None:
        return list(range(len(names)))
    if isinstance(symbols, int):
        if symbols < 1:
            msg = f"{symbols} symbols of {path}: ask for at least 1"
            raise MarketDataError(msg)
        return list(range(min(symbols, len(names))))
    unknown = sorted(set(symbols) - set(names))
    if unknown or not symbols:
        msg = (
            f"{path}: no symbol {unknown[0] if unknown else '(none named)'!r} in it; "
            f"it has {len(names)}: {', '.join(names[:10])}, ..."
        )
        raise MarketDataError(msg)
    return sorted(names.index(symbol) for symbol in set(symbols))


def _fault_message(why: str, fault: DataFault) -> str:
    return f"{why}: {fault.kind} x {fault.count} in {fault.symbol}: {fault.detail}"
