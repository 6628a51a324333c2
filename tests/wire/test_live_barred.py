"""An exchange that bars our address is not dialled again before it allows it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

import pytest
import trio
from trio.testing import MockClock

from actors.market.live import lane as lanes
from actors.market.live.bybit import LINEAR
from actors.market.live.hub import REST_SECONDS, Hub
from actors.market.live.lane import Plan
from actors.market.live.slot import Slot
from actors.sockets import HandshakeFailed
from config.settings import FeedGroup
from tests.gates import BEGAN_MS, Gated


@pytest.fixture
def autojump_clock() -> MockClock:
    return MockClock(autojump_threshold=0)


async def test_no_connection_of_a_barred_exchange_is_dialled_until_then(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of them wait; one that waited for its turn already waits on."""
    dials: list[float] = []
    gated = Gated()

    @asynccontextmanager
    async def refused(*_: object) -> AsyncIterator[None]:
        dials.append(trio.current_time())
        status = {1: 418, 2: 429, 3: 403}.get(len(dials), 502)
        await trio.sleep(0.1)
        told, msg = {"retry-after": "90"} if status > 403 else {}, "refused"
        raise HandshakeFailed(msg, status, told)
        yield

    monkeypatch.setattr(lanes, "open_websocket", refused)
    clock = gated.clock.now_ms
    hub = Hub(LINEAR, "", clock, FeedGroup(), Random(0), gated.gate)
    await hub.dials.wait(5.0)  # its burst is used up: the next ones wait for a turn
    began = trio.current_time()
    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(Slot(Plan("", ()), hub).run)
        await trio.sleep(300)
        nursery.cancel_scope.cancel()
    first, second, third, fourth, *others = (at - began for at in dials)
    assert first < 1
    assert second == pytest.approx(first + 91, abs=1)
    assert third == pytest.approx(second + 90, abs=1)
    assert fourth == pytest.approx(third + REST_SECONDS, abs=1)
    assert len(others) > 5, "another failure is no bar"
    assert hub.counts["dials_barred"]


@pytest.mark.parametrize(
    ("status", "banned"), [(418, True), (429, False), (403, False), (502, False)]
)
async def test_a_gate_is_told_how_a_dial_was_answered(
    autojump_clock: MockClock, *, status: int, banned: bool
) -> None:
    gated = Gated()
    gated.gate.turned_away(status, {"retry-after": "7"}, BEGAN_MS)
    assert gated.bans.left_seconds("binanceusdm") == (8.0 if banned else 0.0)
    assert gated.gate.view().requests == 0
    assert len(gated.alerts) == banned
