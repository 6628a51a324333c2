"""The WebSocket through TLS: records, ends, damage, certificates that do not fit."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from itertools import chain
from pathlib import Path

import pytest
import trio
from wsproto.events import TextMessage

from actors.sockets import Address, ConnectionLost, Terms, WebSocket, open_websocket
from tests.wire.certificates import certificates
from tests.wire.socket_peer import Peer, Script, serving

HURRIED = Terms(handshake_seconds=3.0, close_seconds=0.3, send_seconds=0.3)
NUMBERS = [b"%d" % number for number in range(50)]
Contexts = tuple[ssl.SSLContext, ssl.SSLContext]


@pytest.fixture(params=[ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def contexts(request: pytest.FixtureRequest, tmp_path: Path) -> Contexts:
    server, trusting = certificates(tmp_path)
    server.minimum_version = server.maximum_version = request.param
    return server, trusting


def records_then(end: Script) -> Script:
    """Send each number in a record of its own, and then something else."""

    async def script(peer: Peer) -> None:
        await peer.accept()
        for number in NUMBERS:
            await peer.send(TextMessage(number.decode()))
        await end(peer)

    return script


async def stay(peer: Peer) -> None:
    await peer.next()


async def break_off(peer: Peer) -> None:
    assert isinstance(peer.stream, trio.SSLStream)
    await trio.aclose_forcefully(peer.stream.transport_stream)


async def damage(peer: Peer) -> None:
    assert isinstance(peer.stream, trio.SSLStream)
    await peer.stream.transport_stream.send_all(b"\x17\x03\x03\x00\x20" + bytes(32))
    await trio.sleep_forever()


async def received(socket: WebSocket, count: int) -> list[list[bytes]]:
    found: list[list[bytes]] = []
    while sum(map(len, found)) < count:
        found.append(await socket.receive())
    return found


async def test_records_that_came_together_are_one_batch(contexts: Contexts) -> None:
    async with serving(records_then(stay), contexts[0]) as url:
        address = Address(url, ssl_context=contexts[1])
        async with open_websocket(address, HURRIED) as ws:
            await trio.sleep(0.3)
            with trio.fail_after(60):
                found = await received(ws, len(NUMBERS))
    assert list(chain(*found)) == NUMBERS
    assert len(found) <= 3, "beside the one that came with the handshake's answer"


@pytest.mark.parametrize(
    ("end", "why"), [(break_off, "without a goodbye"), (damage, "broke")]
)
async def test_what_came_before_the_end_is_read_first(
    contexts: Contexts, end: Script, why: str
) -> None:
    async with serving(records_then(end), contexts[0]) as url:
        address = Address(url, ssl_context=contexts[1])
        with trio.fail_after(60):
            async with open_websocket(address, HURRIED) as ws:
                await trio.sleep(0.3)
                assert list(chain(*await received(ws, len(NUMBERS)))) == NUMBERS
                with pytest.raises(ConnectionLost, match=why):
                    await ws.receive()


async def test_both_may_talk_at_once(contexts: Contexts) -> None:
    async def script(peer: Peer) -> None:
        await peer.accept()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(listen, peer)
            for number in range(200):
                await peer.send(TextMessage(str(number) * 1000))

    async def listen(peer: Peer) -> None:
        while await peer.next() is not None:
            pass

    async def talk(socket: WebSocket) -> None:
        for _ in range(20):
            await socket.send_text("x" * 100_000)

    async with serving(script, contexts[0]) as url:
        address = Address(url, ssl_context=contexts[1])
        with trio.fail_after(60):
            async with (
                open_websocket(address, Terms(close_seconds=0.3)) as ws,
                trio.open_nursery() as nursery,
            ):
                nursery.start_soon(talk, ws)
                found = list(chain(*await received(ws, 200)))
                nursery.cancel_scope.cancel()
    assert found == [str(number).encode() * 1000 for number in range(200)]


@asynccontextmanager
async def refused_by_client(context: ssl.SSLContext) -> AsyncIterator[str]:
    """A server that expects to be hung up on in the handshake."""

    async def handle(stream: trio.SocketStream) -> None:
        tls = trio.SSLStream(stream, context, server_side=True)
        with suppress(trio.BrokenResourceError):
            await tls.do_handshake()
            await tls.receive_some()

    async with trio.open_nursery() as nursery:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, handle, listeners)
        yield f"wss://localhost:{listeners[0].socket.getsockname()[1]}/"
        nursery.cancel_scope.cancel()


async def test_a_certificate_that_nobody_vouches_for_is_refused(
    contexts: Contexts,
) -> None:
    async with refused_by_client(contexts[0]) as url:
        with pytest.raises(ConnectionLost, match="CERTIFICATE_VERIFY_FAILED"):
            async with open_websocket(Address(url), HURRIED):
                pass


async def test_a_certificate_of_another_host_is_refused(contexts: Contexts) -> None:
    async with refused_by_client(contexts[0]) as url:
        address = Address(
            url.replace("localhost", "127.0.0.1"), ssl_context=contexts[1]
        )
        with pytest.raises(ConnectionLost, match="IP address mismatch"):
            async with open_websocket(address, HURRIED):
                pass
