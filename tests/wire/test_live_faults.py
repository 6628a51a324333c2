"""A feed that freezes, drops, repeats, reorders or dies: what passes, and how soon."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import trio

from actors.domain.freshness import Health
from actors.market.live.exchanges import DIALECTS
from actors.market.live.sequence import BookState
from actors.market.live.slot import Slot
from actors.market.live.streams import Streams, Wish
from actors.market.live.wire import Trade
from config.settings import FeedGroup
from tests.live_venue import Venue, venue_at

NATIVES = ["AAAUSDT", "BBBUSDT", "CCCUSDT"]
#: A fifth of the defaults, so that a test takes a fifth of the time.
BUDGETS = FeedGroup(entries_ms_max=1_000, stale_ms_max=3_000, reconnect_ms_max=4_000)
#: Long enough for a slow machine: a feed that is not well by then stays so.
PATIENCE_SECONDS = 60.0


class World:
    def __init__(self, venue: Venue, streams: Streams) -> None:
        self.venue = venue
        self.streams = streams
        self.passed: dict[str, list[int]] = {name: [] for name in NATIVES}
        streams.taps.trade = self._note

    def _note(self, native: str, trade: Trade) -> None:
        assert isinstance(trade.trade_id, int)
        self.passed[native].append(trade.trade_id)

    def healths(self) -> set[Health]:
        now = self.streams.hub.now()
        return {s.pulse.judge(now).health for s in self.streams.hub.symbols.values()}

    def whole(self) -> bool:
        symbols = self.streams.hub.symbols.values()
        return all(one.keeper.state is BookState.WHOLE for one in symbols)

    def well(self) -> bool:
        """Fresh, and every book in step."""
        return self.whole() and self.healths() == {Health.FRESH}

    async def until(self, true: Callable[[], bool]) -> None:
        with trio.fail_after(PATIENCE_SECONDS):
            while not true():  # noqa: ASYNC110 - many things may make it true
                await trio.sleep(0.01)

    async def books_agree(self) -> None:
        """The venue stands still for a moment, and both have the same books."""
        self.venue.natives, natives = [], self.venue.natives
        await trio.sleep(0.15)
        for native in natives:
            book = self.streams.hub.symbols[native].keeper.book
            bids, asks = self.venue.books[native]
            assert dict(book.bids.levels()) == bids
            assert dict(book.asks.levels()) == asks
        self.venue.natives = natives

    def passed_once(self) -> None:
        """No trade twice; none is missing between the first and the last."""
        for ids in self.passed.values():
            assert len(ids) == len(set(ids)), "a trade was passed on twice"
            assert sorted(ids) == list(range(min(ids), max(ids) + 1)), "one is missing"


@asynccontextmanager
async def world() -> AsyncIterator[World]:
    async with venue_at(NATIVES) as (venue, url):
        wish = Wish(natives=NATIVES, stream_url=url, budgets=BUDGETS)
        streams = Streams(DIALECTS["binance"], wish, venue.fetch, venue.now_ms)
        there = World(venue, streams)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(streams.run)
            await there.until(there.well)
            yield there
            nursery.cancel_scope.cancel()


def nothing(_messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return []


async def test_a_healthy_feed_is_fresh_whole_and_lossless() -> None:
    async with world() as there:
        await trio.sleep(1)
        await there.until(there.well)
        await there.books_agree()
        there.passed_once()
        assert there.streams.statistics()["duplicates"] == 0
        assert there.streams.statistics().get("unhandled_message", 0) == 0
        assert len(there.streams.slots) == 1


async def test_a_frozen_feed_stops_entries_in_time_and_comes_back_whole() -> None:
    """Connected, ponging, and silent: what happened meanwhile is repaired by REST."""
    async with world() as there:
        there.venue.fault = nothing
        await there.until(lambda: Health.QUIET in there.healths())  # older: STALE
        await there.until(lambda: Health.STALE in there.healths())
        there.venue.fault = lambda messages: messages
        await there.until(there.well)
        await there.until(lambda: not missing(there))
        await there.books_agree()
        there.passed_once()


def missing(there: World) -> int:
    return sum(len(one.tape.missing) for one in there.streams.hub.symbols.values())


async def test_a_silent_peer_is_left_and_another_one_dialled() -> None:
    async with world() as there:
        there.venue.fault, there.venue.answering = nothing, False
        await there.until(lambda: there.streams.slots[0].reconnects > 0)
        there.venue.fault, there.venue.answering = (lambda messages: messages), True
        await there.until(there.well)
        await there.until(lambda: not missing(there))
        await there.books_agree()
        there.passed_once()


async def test_a_cut_connection_is_dialled_again_and_nothing_is_lost() -> None:
    async with world() as there:
        for _ in range(3):
            await there.venue.cut()
            await there.until(lambda: not there.whole())
            await there.until(there.well)
        await there.until(lambda: not missing(there))
        await there.books_agree()
        there.passed_once()


async def test_dropped_messages_are_noticed_and_repaired() -> None:
    async with world() as there:
        random = there.venue.random
        there.venue.fault = lambda m: [one for one in m if random.random() > 0.1]
        await trio.sleep(2)
        there.venue.fault = lambda messages: messages
        await trio.sleep(0.2)
        await there.until(there.well)
        await there.until(lambda: not missing(there))
        counts = there.streams.statistics()
        assert counts["gaps"] > 0
        assert counts["trades_fetched"] > 0
        assert counts["trades_lost"] == 0
        await there.books_agree()
        there.passed_once()


async def test_repeated_messages_change_nothing() -> None:
    async with world() as there:
        there.venue.fault = lambda messages: [*messages, *messages]
        await trio.sleep(1)
        assert there.whole()
        assert there.streams.statistics()["gaps"] == 0
        assert there.streams.statistics()["duplicates"] > 50
        await there.books_agree()
        there.passed_once()


async def test_reordered_messages_heal_by_themselves() -> None:
    """Two beats at once, all in disorder: the missing pieces come a moment later."""
    held: list[dict[str, Any]] = []
    async with world() as there:

        def shuffled(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
            held.extend(messages)
            if len(held) < 2 * len(messages):
                return []
            out = list(held)
            held.clear()
            there.venue.random.shuffle(out)
            return out

        there.venue.fault = shuffled
        await trio.sleep(1.5)
        there.venue.fault = lambda messages: messages
        await trio.sleep(0.2)  # what was held back for good is noticed by what follows
        await there.until(there.well)
        await there.until(lambda: not missing(there))
        assert there.streams.statistics()["gaps"] > 0
        assert there.streams.statistics()["trades_lost"] == 0
        await there.books_agree()
        there.passed_once()


async def test_a_take_over_loses_nothing_and_passes_nothing_on_twice() -> None:
    async with world() as there:
        slot: Slot = there.streams.slots[0]
        await there.venue.announce_shutdown()
        seen: set[bool] = set()

        def taken_over() -> bool:
            seen.add(there.whole())
            return slot.takeovers == 1

        await there.until(taken_over)
        assert seen == {True}, "no book was ever out of step"
        await trio.sleep(0.3)
        assert there.venue.dials == 2
        assert slot.reconnects == 0
        assert there.streams.statistics()["duplicates"] > 0
        await there.books_agree()
        there.passed_once()


async def test_an_old_connection_is_succeeded_before_the_exchange_ends_it() -> None:
    async with world() as there:
        slot = there.streams.slots[0]
        there.venue.dials = 0
        slot._lifetime = trio.current_time() - slot.lane.opened_at + 0.2
        slot._poke()
        await there.until(lambda: slot.takeovers == 1)
        assert there.whole()
        there.passed_once()


async def test_a_damaged_message_costs_itself_only() -> None:
    async with world() as there:

        def damaged(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
            there.venue.fault = lambda same: same
            bad = {"stream": messages[0]["stream"], "data": {"a": "x"}}
            return [bad, *messages]

        there.venue.fault = damaged
        await there.until(
            lambda: there.streams.statistics().get("damaged_message", 0) == 1
        )
        await there.until(there.well)
        there.passed_once()
