"""Many messages read at one wake-up: how long one waits, and that none is lost."""

import time
from contextlib import suppress
from itertools import chain
from pathlib import Path

import pytest
import trio
from wsproto.events import TextMessage

from actors.sockets import (
    Address,
    ClosedByUs,
    ConnectionLost,
    Terms,
    WebSocket,
    open_websocket,
)
from actors.sockets.direct import FLOOD_BYTES, doze_until
from tests.wire.certificates import certificates
from tests.wire.socket_peer import Peer, Script, serving

BREATH = Terms(breath_seconds=0.2)


def sending(count: int, pause_seconds: float, size: int = 1) -> Script:
    """Send numbers, one at a time, then stay until the client leaves."""

    async def script(peer: Peer) -> None:
        await peer.accept()
        with suppress(trio.BrokenResourceError):
            for number in range(count):
                await peer.send(TextMessage(str(number).rjust(size)))
                await trio.sleep(pause_seconds)
        await peer.next()

    return script


async def batches(socket: WebSocket, count: int) -> list[list[int]]:
    found: list[list[int]] = []
    while sum(map(len, found)) < count:
        found.append([int(message) for message in await socket.receive()])
    return found


async def test_messages_that_follow_closely_are_read_together_within_a_breath() -> None:
    async with serving(sending(100, 0.005)) as url, open_websocket(url, BREATH) as ws:
        with trio.fail_after(60):
            found = await batches(ws, 100)
    assert list(chain(*found)) == list(range(100))
    assert len(found) <= 10, "half a second has at most four ends of a breath in it"


async def test_a_message_and_the_next_are_read_at_once() -> None:
    """Only the next after those has been heard to come often."""
    terms = Terms(breath_seconds=600.0, close_seconds=0.1)
    async with serving(sending(2, 0.05)) as url, open_websocket(url, terms) as ws:
        with trio.fail_after(60):
            assert await batches(ws, 2) == [[0], [1]]


async def test_without_a_breath_each_is_read_as_it_comes() -> None:
    async with serving(sending(20, 0.02)) as url, open_websocket(url) as ws:
        with trio.fail_after(60):
            found = await batches(ws, 20)
    assert list(chain(*found)) == list(range(20))
    assert len(found) >= 15


async def test_a_flood_takes_no_breath() -> None:
    """Twenty reads of a flood's size; a breath for each would take minutes."""
    terms = Terms(breath_seconds=30.0, receive_bytes=FLOOD_BYTES)
    async with (
        serving(sending(20, 0, FLOOD_BYTES)) as url,
        open_websocket(url, terms) as ws,
    ):
        await trio.sleep(0.3)  # all of it is there
        with trio.fail_after(60):
            assert list(chain(*await batches(ws, 20))) == list(range(20))


async def test_a_tls_record_for_each_message_is_no_breath_for_each(
    tmp_path: Path,
) -> None:
    server, trusting = certificates(tmp_path)
    async with serving(sending(300, 0.001), server) as url:
        address = Address(url, ssl_context=trusting)
        async with open_websocket(address, BREATH) as ws:
            with trio.fail_after(40):  # a breath for each would take a minute
                assert list(chain(*await batches(ws, 300))) == list(range(300))


async def test_a_reader_that_is_cancelled_in_its_breath_loses_nothing() -> None:
    found: list[int] = []
    async with serving(sending(100, 0.005)) as url, open_websocket(url, BREATH) as ws:
        with trio.fail_after(60):
            while len(found) < 100:
                with trio.move_on_after(0.03):
                    found += [int(message) for message in await ws.receive()]
    assert found == list(range(100))


async def test_a_peer_that_hangs_up_is_heard_in_a_breath() -> None:
    async def hanging_up(peer: Peer) -> None:
        with trio.move_on_after(0.3):
            await sending(20, 0.005)(peer)
        await trio.aclose_forcefully(peer.stream)

    async with serving(hanging_up) as url:
        with trio.fail_after(60):
            async with open_websocket(url, BREATH) as ws:
                assert list(chain(*await batches(ws, 20))) == list(range(20))
                with pytest.raises(ConnectionLost):
                    await ws.receive()


async def test_a_socket_that_is_cut_in_a_breath_ends_its_reader() -> None:
    async def cut(socket: WebSocket) -> None:
        await trio.sleep(0.05)  # into the breath
        await socket.cut()

    async with serving(sending(1000, 0.005)) as url:
        with trio.fail_after(60):
            async with (
                open_websocket(url, BREATH) as ws,
                trio.open_nursery() as nursery,
            ):
                await batches(ws, 3)
                nursery.start_soon(cut, ws)
                with pytest.raises(ClosedByUs):
                    await batches(ws, 1000)


async def test_a_doze_lasts_until_its_moment() -> None:
    for seconds in (-1.0, 0.0, 0.05):
        began = trio.current_time()
        await doze_until(began + seconds)
        assert max(seconds, 0) <= trio.current_time() - began < 60


async def test_a_doze_is_cancelled_like_any_wait() -> None:
    with trio.fail_after(60), trio.move_on_after(0.05) as scope:
        await doze_until(trio.current_time() + 600)
    assert scope.cancelled_caught


async def test_a_doze_that_is_over_and_cancelled_at_once_ends_once() -> None:
    moment = trio.current_time() + 0.05
    steps = []
    with trio.fail_after(60):
        with trio.move_on_at(moment):
            await doze_until(moment)
            steps.append("over")
            await trio.lowlevel.checkpoint()
            steps.append("not cancelled")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(doze_until, trio.current_time() + 0.05)
            await trio.lowlevel.checkpoint()
            time.sleep(0.1)  # noqa: ASYNC251 - trio does not hear of the moment
            nursery.cancel_scope.cancel()
    assert steps in (["over"], [])
