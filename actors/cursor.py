"""Where in the market the engine is: step by step, over restarts of the feed."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from enum import IntEnum
from typing import Any

from actors.domain.bars import Bars
from actors.domain.errors import ExchangeError
from actors.domain.money import decimal_from_float
from actors.market.port import Block, History, Market, RealTimeMarket, Step, steps

#: History kept for restarted symbols: the 24 h windows and the kernel's ring of bars.
HISTORY_MS = 36 * 3_600_000
HISTORY_BARS = 300


class Progress(IntEnum):
    """How much of the step at hand is done: a feed that starts again goes on there."""

    AHEAD = 0
    LAID_OUT = 1  # the exchange has its bars
    LIVED = 2  # the exchange has traded along them, the risk actor has seen them


class Cursor:
    """Where in the market we are. It outlives a restart of the feed."""

    def __init__(self, market: Market, history: History) -> None:
        self.description = market.describe()
        self.history = history
        self.block: Block | None = None
        self.steps_taken = 0
        self.bars_taken = 0
        self.last_close_ms = self.description.start_ms
        self.end_ms: int | None = None  # nobody walks past this
        self.progress = Progress.AHEAD
        self.played: dict[str, Any] = {}  # symbol -> the bar it was played last
        self._blocks = market.blocks()
        self._market = market
        self._steps: Iterator[Step] = iter(())
        self._peeked: Step | None = None

    def peek(self) -> Step | None:
        """Return the next step and leave it for `next_step`; None at the end."""
        if self._peeked is None:
            self._peeked = self._pull()
        if self._peeked is not None and self.end_ms is not None:
            return self._peeked if self._peeked.close_ts <= self.end_ms else None
        return self._peeked

    def when_more(self, wake: Callable[[], None]) -> bool:
        """Have `wake` called once there is another step; False: this was the end."""
        market = self._market
        if self._peeked is not None or not isinstance(market, RealTimeMarket):
            return False  # over, or beyond where anybody walks
        return market.when_more(wake)

    def next_step(self) -> Step | None:
        """Return the next step of the market, or None at its end."""
        step = self.peek()
        if step is not None:
            self._peeked, self.progress = None, Progress.AHEAD
        return step

    def _pull(self) -> Step | None:
        while True:
            step = next(self._steps, None)
            if step is not None:
                return step
            block = next(self._blocks, None)
            if block is None:
                return None
            self.block = block
            self.history.add(block)
            self._steps = steps(block, self.description.timeframe_ms)

    def skip(self, count: int) -> None:
        """Let `count` steps pass as history; nobody trades on them."""
        for _ in range(count):
            step = self.next_step()
            if step is None:
                return
            self.last_close_ms = step.close_ts

    def skip_to(self, now_ms: int) -> None:
        """Let all steps that ended by `now_ms` pass as history."""
        while (step := self.peek()) is not None and step.close_ts <= now_ms:
            self.skip(1)

    def newest_bar(self, index: int) -> Any | None:
        """Return the newest bar of an instrument that was played, or lived before."""
        symbol = self.description.instruments[index].symbol
        if symbol in self.played or self.block is None:
            return self.played.get(symbol)
        until_ms = self.last_close_ms
        bars, start, stop = self.history.window(index, until_ms, until_ms)
        return bars[stop - 1] if stop > start else None

    def last_price(self, index: int) -> Decimal | None:
        """Return an instrument's close of the newest step; None: it had no bar there.

        It comes straight from the market, not by way of the symbol's actor.
        """
        if self.block is None:
            return None
        span_ms = self.description.timeframe_ms
        bars, start, stop = self.history.window(index, self.last_close_ms, span_ms)
        return (
            decimal_from_float(float(bars["close"][stop - 1])) if stop > start else None
        )

    @property
    def bars(self) -> tuple[Bars, ...]:
        """The arrays of the block in hand."""
        assert self.block is not None, "there are bars only after the first step"
        return self.block.bars


def open_cursor(
    market: Market, now_ms: int, *, history_steps: int, duration_ms: int | None
) -> Cursor:
    """Find the step at which an account's market begins, or goes on after `now_ms`.

    `history_steps` pass before the first one that a new account (`now_ms` 0) trades.
    `duration_ms` counts from here on.

    Raises ExchangeError: the account has lived through all of the market.
    """
    timeframe_ms = market.describe().timeframe_ms
    cursor = Cursor(market, History(max(HISTORY_MS, HISTORY_BARS * timeframe_ms)))
    if now_ms == 0:
        cursor.skip(history_steps)
    else:
        cursor.skip_to(now_ms)
        if cursor.peek() is None:
            message = (
                f"the account has lived to the end of {cursor.description.name}; "
                "begin a new one with --fresh or name another --data-dir"
            )
            raise ExchangeError(message)
    if duration_ms is not None:
        cursor.end_ms = cursor.last_close_ms + duration_ms
    return cursor
