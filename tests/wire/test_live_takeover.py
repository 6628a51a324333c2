"""A take-over that fails, and one that leaves a book behind: no book stands still."""

from collections.abc import Awaitable, Callable
from random import Random

import pytest
import trio
from trio.testing import MockClock

from actors.market.live import slot as slots
from actors.market.live.bybit import LINEAR
from actors.market.live.hub import Hub
from actors.market.live.lane import Lane, Plan, Topic
from actors.market.live.sequence import BookState
from actors.market.live.slot import Slot
from actors.market.live.symbol import SymbolStream, Taps
from actors.market.live.wire import Channel, DepthUpdate
from actors.sockets import ConnectionLost, SocketError, Terms
from config.settings import FeedGroup
from tests.wire.socket_peer import Peer, serving

X = "XUSDT"
PLAN = Plan("", (Topic("orderbook.200.X", Channel.DEPTH, X),))


@pytest.fixture
def autojump_clock() -> MockClock:
    return MockClock(autojump_threshold=0)


def the_hub(url: str = "") -> Hub:
    hub = Hub(LINEAR, url, lambda: 1_700_000_000_000, FeedGroup(), Random(0))
    hub.symbols[X] = SymbolStream(X, LINEAR, frozenset(Channel), FeedGroup(), Taps())
    return hub


class Scripted:
    """A lane that a test plays."""

    played: "list[Scripted]"
    script: "Callable[[Scripted], Awaitable[None]]"

    def __init__(self, _plan: Plan, hub: Hub, changed: Callable[[], None]) -> None:
        self.generation = hub.next_generation()
        self.ready = self.closing = self.retired = False
        self.reason: SocketError | None = None
        self.messages = 1
        self.opened_at = trio.current_time()
        self._hub = hub
        self.changed = changed
        Scripted.played.append(self)

    async def run(self) -> None:
        await Scripted.script(self)

    async def retire(self) -> None:
        self.retired = True

    def brings(self, number: int, bid: float, *, whole: bool = False) -> None:
        levels = [(bid, 1.0)], [(bid + 1, 1.0)]
        update = DepthUpdate(None, number, None, *levels, 0, is_snapshot=whole)
        self._hub.symbols[X].depths(self._hub.now(), [update], self.generation)


async def dies(heir: Scripted) -> None:
    heir.brings(50, 110.0, whole=True)
    heir.reason = ConnectionLost("cut")
    heir.changed()


async def is_never_ready(heir: Scripted) -> None:
    heir.brings(50, 110.0, whole=True)


async def brings_no_book(heir: Scripted) -> None:
    heir.ready = True
    heir.changed()


@pytest.mark.parametrize(
    ("heir", "stays", "number"),
    [(dies, 1, 51), (is_never_ready, 1, 51), (brings_no_book, 2, 11)],
)
async def test_a_book_of_the_lane_that_ended_waits_for_one_of_the_lane_that_stays(
    heir: Callable[[Scripted], Awaitable[None]],
    stays: int,
    number: int,
    autojump_clock: MockClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What stays goes on with updates that would even fit by their numbers."""

    async def script(lane: Scripted) -> None:
        if lane.generation == 1:
            lane.brings(10, 100.0, whole=True)
        elif lane.generation == 2:
            await heir(lane)

    monkeypatch.setattr(slots, "Lane", Scripted)
    Scripted.played, Scripted.script = [], staticmethod(script)
    hub = the_hub()
    symbol, slot, wanted = hub.symbols[X], Slot(PLAN, hub), []
    symbol._taps.broken = wanted.append
    async with trio.open_nursery() as nursery:
        nursery.start_soon(slot.run)
        await trio.sleep(1)
        slot.lane.closing = True
        slot._poke()
        await trio.sleep(slots.TAKEOVER_SECONDS + 1)
        lane, other = Scripted.played[stays - 1], Scripted.played[2 - stays]
        assert slot.lane is lane
        assert (lane.retired, other.retired) == (False, True)
        lane.brings(number, 105.0)
        assert symbol.keeper.state is BookState.EMPTY
        assert symbol.pulse.freshness().gap_ms is not None
        assert set(wanted) == {X}, "so it is subscribed anew"
        lane.brings(60, 120.0, whole=True)
        lane.brings(61, 120.5)
        assert (symbol.keeper.state, symbol.keeper.gaps) == (BookState.WHOLE, 1)
        assert symbol.keeper.book.bids.best() == 120.5
        assert symbol.pulse.freshness().gap_ms is None
        nursery.cancel_scope.cancel()


async def test_a_slot_that_is_run_again_has_lost_what_it_had(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def script(lane: Scripted) -> None:
        await trio.sleep(1)
        lane.brings(10, 100.0, whole=True)

    monkeypatch.setattr(slots, "Lane", Scripted)
    Scripted.played, Scripted.script = [], staticmethod(script)
    hub = the_hub()
    symbol, slot = hub.symbols[X], Slot(PLAN, hub)
    for reconnects, state in ((0, BookState.EMPTY), (1, BookState.BROKEN)):
        with trio.move_on_after(5):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(slot.run)
                await trio.sleep(0.5)
                assert (slot.reconnects, symbol.keeper.state) == (reconnects, state)
                await trio.sleep(1)
                assert symbol.keeper.state is BookState.WHOLE


async def test_a_lane_that_is_retired_while_it_dials_is_over() -> None:
    """It would subscribe to everything later, and nobody would ever end it."""
    dialled = trio.Event()

    async def silent(peer: Peer) -> None:
        dialled.set()
        await peer.stream.receive_some()
        await trio.sleep_forever()

    async with serving(silent) as url, trio.open_nursery() as nursery:
        hub = the_hub(url)
        hub.terms = Terms(handshake_seconds=600)
        changes: list[str] = []
        lane = Lane(PLAN, hub, lambda: changes.append("over"))
        nursery.start_soon(lane.run)
        with trio.fail_after(60):
            await dialled.wait()
            await lane.retire()
        assert changes == ["over"], "nothing comes of it any more"
        nursery.cancel_scope.cancel()
