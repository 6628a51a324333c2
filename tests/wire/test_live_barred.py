"""An exchange that bars our address is not dialled again before it allows it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.utils import formatdate
from random import Random

import pytest
import trio
from trio.testing import MockClock

from actors.market.live import lane as lanes
from actors.market.live.barred import BARRED_SECONDS, BARRED_SECONDS_MAX, barred_seconds
from actors.market.live.bybit import LINEAR
from actors.market.live.hub import Hub
from actors.market.live.lane import Plan
from actors.market.live.slot import Slot
from actors.sockets import ConnectionLost, HandshakeFailed
from config.settings import FeedGroup
from tests.wire.socket_peer import Peer, serving

NOW_MS = 1_700_000_000_000


@pytest.fixture
def autojump_clock() -> MockClock:
    return MockClock(autojump_threshold=0)


def the_hub(url: str = "") -> Hub:
    return Hub(LINEAR, url, lambda: NOW_MS, FeedGroup(), Random(0))


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        ("", BARRED_SECONDS),
        ("soon", BARRED_SECONDS),
        ("-5", BARRED_SECONDS),
        ("7", 7.0),
        ("0", 0.0),
        ("99999999999", BARRED_SECONDS_MAX),
        (formatdate(NOW_MS // 1000 + 90, usegmt=True), 90.0),
        (formatdate(NOW_MS // 1000 - 90, usegmt=True), 0.0),
    ],
)
def test_it_says_for_how_long_or_it_is_a_minute(told: str, seconds: float) -> None:
    for status in (403, 418, 429):
        refusal = HandshakeFailed("no", status, {"retry-after": told})
        assert barred_seconds(refusal, NOW_MS) == seconds
    for other in (HandshakeFailed("no", 502, {"retry-after": "7"}), ConnectionLost("")):
        assert barred_seconds(other, NOW_MS) == 0.0


async def test_no_connection_of_a_barred_exchange_is_dialled_until_then(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of them wait; one that waited for its turn already waits on."""
    dials: list[float] = []

    @asynccontextmanager
    async def refused(*_: object) -> AsyncIterator[None]:
        dials.append(trio.current_time())
        status = {1: 429, 2: 403}.get(len(dials))
        await trio.sleep(0.1)
        told, msg = {"retry-after": "90"} if status == 429 else {}, "refused"
        raise HandshakeFailed(msg, status, told)
        yield

    monkeypatch.setattr(lanes, "open_websocket", refused)
    hub, began = the_hub(), trio.current_time()
    await hub.dials.wait(5.0)  # its burst is used up: the next ones wait for a turn
    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(Slot(Plan("", ()), hub).run)
        await trio.sleep(200)
        nursery.cancel_scope.cancel()
    first, second, third, *others = (at - began for at in dials)
    assert first < 1
    assert second == pytest.approx(first + 90, abs=1)
    assert third == pytest.approx(second + BARRED_SECONDS, abs=1)
    assert len(others) > 5, "another failure is no bar"
    assert hub.counts["dials_barred"] == 2


async def test_a_refusal_on_the_wire_is_such_a_bar() -> None:
    async def refuse(peer: Peer) -> None:
        await peer.next()
        await peer.raw(b"HTTP/1.1 418 No\r\nRetry-After: 90\r\n\r\n")
        await peer.stream.aclose()

    async with serving(refuse) as url, trio.open_nursery() as nursery:
        hub = the_hub(url)
        nursery.start_soon(Slot(Plan("", ()), hub).run)
        with trio.fail_after(3):
            while not hub.counts["dials_barred"]:  # noqa: ASYNC110 - a short look
                await trio.sleep(0.01)
        with trio.move_on_after(0.5) as waited:
            await hub.dials.wait()
        assert waited.cancelled_caught
        nursery.cancel_scope.cancel()
