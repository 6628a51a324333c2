"""Where in the market the engine is: step by step, over restarts of the feed."""

from collections.abc import Iterator
from enum import IntEnum
from typing import Any

from actors.domain.bars import Bars
from actors.market.port import Block, History, Market, Step, steps


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
        self.progress = Progress.AHEAD
        self.played: dict[str, Any] = {}  # symbol -> the bar it was played last
        self._blocks = market.blocks()
        self._steps: Iterator[Step] = iter(())
        self._peeked: Step | None = None

    def peek(self) -> Step | None:
        """Return the next step and leave it for `next_step`; None at the end."""
        if self._peeked is None:
            self._peeked = self._pull()
        return self._peeked

    def next_step(self) -> Step | None:
        """Return the next step of the market, or None at its end."""
        step, self._peeked = self.peek(), None
        self.progress = Progress.AHEAD
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

    @property
    def bars(self) -> tuple[Bars, ...]:
        """The arrays of the block in hand."""
        assert self.block is not None, "there are bars only after the first step"
        return self.block.bars
