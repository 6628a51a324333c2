"""A market as the engine takes it: blocks of bars, and the steps through them.

A market hands out blocks; the engine pulls the next one when it has used the last,
so a fast market never runs ahead of a slow engine, and the memory of a run is that of
a block whatever the length of the market.
"""

from collections.abc import Callable, Iterator
from typing import Protocol, runtime_checkable

import msgspec
import numpy as np

from actors.domain.bars import Bars, MarketDescription
from actors.domain.freshness import Judgement


class Block(msgspec.Struct, frozen=True):
    """A stretch of the market, time-ordered across symbols.

    `bars` has one BAR array for each instrument, in the order of the description's
    instruments, each sorted by ts without repeats; an array may be empty. Every bar of
    a block is later than every bar of the block before it.
    """

    bars: tuple[Bars, ...]


class Market(Protocol):
    """A source of bars, finite (a recording) or endless (the demo)."""

    def describe(self) -> MarketDescription:
        """Say what the market offers; known before its first bar."""

    def blocks(self) -> Iterator[Block]:
        """Hand out the market from its start, one bounded block after the other."""


@runtime_checkable
class RealTimeMarket(Market, Protocol):
    """A market that happens now: its blocks run out, and later there are more."""

    def when_more(self, wake: Callable[[], None]) -> bool:
        """Have `wake` called once when there is another block.

        False: there will never be one. A later call takes the place of an earlier one.
        """

    def judge(self, symbol: str, engine_ms: int) -> Judgement:
        """Judge a symbol's feed, for an engine that has lived up to `engine_ms`."""

    async def run(self) -> None:
        """Be the market, until cancelled."""


class Step(msgspec.Struct, frozen=True, gc=False):
    """All bars of one open time: what the engine learns at one instant."""

    open_ts: int
    close_ts: int
    indices: list[int]  # instrument indices that have a bar at this ts, ascending
    rows: list[int]  # the row of each in its own block array


def steps(block: Block, timeframe_ms: int) -> Iterator[Step]:
    """Walk through every distinct time of `block`, oldest first.

    The grouping is one stable sort over the whole block; stable, because the arrays
    are joined in index order and so stay ascending within a time.
    """
    sizes = [len(bars) for bars in block.bars]
    if not sum(sizes):
        return
    times = np.concatenate([bars["ts"] for bars in block.bars])
    order = np.argsort(times, kind="stable")
    times = times[order]
    index = np.repeat(np.arange(len(sizes)), sizes)[order].tolist()
    row = np.concatenate([np.arange(size) for size in sizes])[order].tolist()
    starts = np.flatnonzero(np.diff(times, prepend=times[0] - 1))
    opens = times[starts].tolist()
    stops = [*starts[1:].tolist(), len(row)]
    for ts, start, stop in zip(opens, starts.tolist(), stops, strict=True):
        yield Step(ts, ts + timeframe_ms, index[start:stop], row[start:stop])
