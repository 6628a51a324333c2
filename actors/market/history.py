"""The recent past of every instrument, so that a restarted symbol can relive it."""

from typing import Any

import numpy as np

from actors.domain.bars import BAR, Bars
from actors.market.blocks import Block


class History:
    """Keeps the current block, and of the blocks before it the newest `span_ms`.

    The engine adds each block before it walks through it. Memory is one block plus
    `span_ms` of rows for each instrument.
    """

    def __init__(self, span_ms: int) -> None:
        self._span_ms = span_ms
        self._past: list[Bars] = []
        self._current: tuple[Bars, ...] = ()

    def add(self, block: Block) -> None:
        """Take the next block; rows that became too old are let go."""
        if not self._current:
            self._past = [np.empty(0, BAR) for _ in block.bars]
        else:
            assert len(block.bars) == len(self._current), "a market keeps its symbols"
            self._past = [
                self._tail(past, current)
                for past, current in zip(self._past, self._current, strict=True)
            ]
        self._current = block.bars

    def _tail(self, past: Bars, current: Bars) -> Bars:
        # Copied, so that the whole old block is not kept alive by a view of its end.
        joined: Bars = np.concatenate((past, current))
        if not len(joined):
            return joined
        oldest = int(joined["ts"][-1]) - self._span_ms
        return joined[np.searchsorted(joined["ts"], oldest, side="right") :].copy()

    def window(self, index: int, stop_ts: int, span_ms: int) -> tuple[Bars, int, int]:
        """Give the rows of one instrument with stop_ts - span_ms <= ts < stop_ts.

        They are rows [start, stop) of the returned array. Asked for more than is kept,
        it gives what there is.
        """
        current = self._current[index]
        past = self._past[index]
        start_ts = stop_ts - span_ms
        # Within the current block nothing is copied; a window over its edge is joined.
        bars = current
        if len(past) and int(past["ts"][-1]) >= start_ts:
            bars = np.concatenate((past, current))
        start, stop = np.searchsorted(bars["ts"], (start_ts, stop_ts)).tolist()
        return bars, start, stop

    def newest_before(self, index: int, stop_ts: int, span_ms: int) -> Any | None:
        """Give an instrument's newest row with stop_ts - span_ms <= ts < stop_ts.

        Unlike a window it never copies: it is asked for of every symbol at each step.
        """
        for bars in (self._current[index], self._past[index]):
            at = int(np.searchsorted(bars["ts"], stop_ts))
            if at:
                row = bars[at - 1]
                return row if row["ts"] >= stop_ts - span_ms else None
        return None
