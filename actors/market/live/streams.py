"""All hot streams of one exchange: symbols, connections, repairs; one thing to run."""

from collections.abc import Callable, Iterable, Sequence
from random import Random
from typing import Protocol

import msgspec
import trio

from actors.market.live.dialect import Dialect
from actors.market.live.hub import Door, Hub
from actors.market.live.lane import Plan, Topic
from actors.market.live.repair import Fetch, Repairs
from actors.market.live.slot import Slot
from actors.market.live.symbol import SymbolStream, Taps
from actors.market.live.wire import Channel
from config.settings import FeedGroup

ALL = frozenset(Channel)


class Connection(Protocol):
    """What a market reads off one place for a connection."""

    @property
    def reconnects(self) -> int:
        """How often what came before was lost."""


class Present(Protocol):
    """Streams as a market takes them: these, or those that are told (`told.py`)."""

    hub: Hub
    taps: Taps

    @property
    def slots(self) -> Sequence[Connection]:
        """Where connections are."""

    async def run(self) -> None:
        """Stream until cancelled."""


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be streamed, and by which clock."""

    natives: Sequence[str]
    channels: frozenset[Channel] = ALL
    stream_url: str = ""  # empty: the exchange's own
    budgets: FeedGroup = FeedGroup()
    breath_ms: int = 5  # a message waits so long for others at most
    seed: int = 0  # of the jitter of pauses


class Streams:
    """The present of many symbols of one exchange."""

    def __init__(
        self,
        dialect: Dialect,
        wish: Wish,
        fetch: Fetch,
        clock: Callable[[], int],
        door: Door | None = None,
    ) -> None:
        url = wish.stream_url or dialect.stream_url
        jitter = Random(wish.seed)  # noqa: S311 - no secret hangs on it
        self.hub = Hub(dialect, url, clock, wish.budgets, jitter, door)
        self.hub.terms = msgspec.structs.replace(
            dialect.terms, breath_seconds=wish.breath_ms / 1e3
        )
        self.taps = Taps()
        for native in wish.natives:
            self.hub.symbols[native] = SymbolStream(
                native, dialect, wish.channels, wish.budgets, self.taps
            )
        self.slots = [
            Slot(plan, self.hub) for plan in plans(dialect, wish.natives, wish.channels)
        ]
        self.repairs = Repairs(self.hub, fetch, self._resubscribe)
        self.taps.broken = self.repairs.book
        self.taps.missing = self.repairs.tape

    def _resubscribe(self, native: str) -> None:
        name = self.hub.dialect.topic(Channel.DEPTH, native)
        for slot in self.slots:
            slot.resubscribe(name)

    async def run(self) -> None:
        """Stream until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.repairs.run)
            for slot in self.slots:
                nursery.start_soon(slot.run)

    def statistics(self) -> dict[str, int]:
        """Count what came and what went wrong."""
        symbols = self.hub.symbols.values()
        return {
            "messages": sum(one.messages for one in symbols),
            "trades": sum(one.tape.passed for one in symbols),
            "duplicates": sum(one.tape.duplicates for one in symbols),
            "trades_lost": sum(one.tape.lost for one in symbols),
            "gaps": sum(one.keeper.gaps for one in symbols),
            "books_fetched": self.repairs.books_fetched,
            "trades_fetched": self.repairs.trades_fetched,
            "connections": len(self.slots),
            "reconnects": sum(slot.reconnects for slot in self.slots),
            "takeovers": sum(slot.takeovers for slot in self.slots),
            **self.hub.counts,
        }


def plans(
    dialect: Dialect, natives: Iterable[str], channels: frozenset[Channel]
) -> list[Plan]:
    """Deal topics out to as few connections as the exchange allows.

    A symbol's topics stay together, as far as they come by the same road.
    """
    roads: dict[str, list[Topic]] = {}
    for native in natives:
        for channel in sorted(channels):
            topic = Topic(dialect.topic(channel, native), channel, native)
            roads.setdefault(dialect.endpoint(channel), []).append(topic)
    most = dialect.limits.topics_per_connection
    return [
        Plan(endpoint, tuple(topics[at : at + most]))
        for endpoint, topics in roads.items()
        for at in range(0, len(topics), most)
    ]
