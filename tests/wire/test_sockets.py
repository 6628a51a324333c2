"""The WebSocket client against real loopback servers, kind ones and others."""

import ssl
from pathlib import Path

import pytest
import trio
from wsproto.events import BytesMessage, CloseConnection, Ping, TextMessage
from wsproto.extensions import PerMessageDeflate

from actors.sockets import (
    Address,
    ClosedByPeer,
    ClosedByUs,
    ConnectionLost,
    HandshakeFailed,
    MessageTooBig,
    NotUtf8,
    OutboxFull,
    PeerSilent,
    PeerStuck,
    ProtocolBroken,
    Terms,
    WebSocket,
    connect,
    open_websocket,
)
from tests.wire.certificates import certificates
from tests.wire.socket_peer import Peer, serving

HURRIED = Terms(handshake_seconds=2.0, close_seconds=0.3, send_seconds=0.3)


async def echo(peer: Peer) -> None:
    """Answer every message with itself, then say goodbye back."""
    await peer.accept(extensions=[PerMessageDeflate()])
    while (event := await peer.next()) is not None:
        if isinstance(event, TextMessage):
            await peer.send(
                TextMessage(event.data, message_finished=event.message_finished)
            )
        elif isinstance(event, BytesMessage):
            await peer.send(
                BytesMessage(bytes(event.data), message_finished=event.message_finished)
            )
        elif isinstance(event, Ping | CloseConnection):
            await peer.send(event.response())


async def received(socket: WebSocket, count: int) -> list[bytes]:
    messages: list[bytes] = []
    while len(messages) < count:
        messages += await socket.receive()
    return messages


@pytest.mark.parametrize("terms", [Terms(), Terms(deflate=False)])
async def test_messages_go_there_and_back_in_their_order(terms: Terms) -> None:
    texts = [f"{n} \u20ac" * (n % 7) for n in range(300)]
    with trio.fail_after(60):
        async with (
            serving(echo) as url,
            open_websocket(url, terms) as ws,
        ):
            assert ws.deflated is terms.deflate
            for text in texts:
                await ws.send_text(text)
            assert [m.decode() for m in await received(ws, 300)] == texts
            await ws.send_binary(bytes(range(256)) * 400)
            assert await received(ws, 1) == [bytes(range(256)) * 400]
        with pytest.raises(ClosedByUs):
            await ws.send_text("late")
        with pytest.raises(ClosedByUs):
            await ws.receive()


async def test_headers_and_subprotocol_are_asked_and_answered() -> None:
    seen = []

    async def script(peer: Peer) -> None:
        request = await peer.accept(subprotocol="v2")
        assert request is not None
        seen.append((request.target, dict(request.extra_headers), request.subprotocols))
        await peer.next()

    async with serving(script) as url:
        address = Address(url, {"X-Key": "abc"}, ("v1", "v2"))
        async with open_websocket(address, HURRIED) as ws:
            assert ws.subprotocol == "v2"
    ((target, headers, subprotocols),) = seen
    assert target == "/stream?x=1"
    assert headers[b"x-key"] == b"abc"
    assert subprotocols == ["v1", "v2"]


@pytest.mark.parametrize("name", ["Upgrade", "bad name", "X-\r\nY"])
async def test_a_header_that_cannot_be_sent_is_refused_here(name: str) -> None:
    async with serving(echo) as url:
        with pytest.raises(ValueError, match="header"):
            async with open_websocket(Address(url, {name: "x"})):
                pass


ANSWERS = {
    "no http": b"220 smtp ready\r\n\r\n",
    "forbidden": b"HTTP/1.1 403 Forbidden\r\ncontent-length: 4\r\n\r\ngone",
    "no accept": b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    "bad header": b"HTTP/1.1 101 X\r\nUpgrade websocket\r\n\r\n",
    "endless head": b"HTTP/1.1 101 X\r\n" + b"a: b\r\n" * 20_000,
    "hung up": b"",
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
async def test_an_answer_that_opens_nothing_is_a_failed_handshake(
    answer: bytes,
) -> None:
    async def script(peer: Peer) -> None:
        await peer.stream.receive_some(4096)
        await peer.stream.send_all(answer)
        await peer.stream.aclose()

    async with serving(script) as url:
        with trio.fail_after(60), pytest.raises(HandshakeFailed) as caught:
            async with open_websocket(url, HURRIED):
                pass
    if answer.startswith(b"HTTP/1.1 403"):
        assert caught.value.status == 403
        assert caught.value.body == b"gone"


async def test_a_peer_that_never_answers_the_handshake_has_a_deadline() -> None:
    async def script(peer: Peer) -> None:
        await trio.sleep_forever()

    async with serving(script) as url:
        with trio.fail_after(60), pytest.raises(HandshakeFailed, match=r"in 0\.2 s"):
            async with open_websocket(url, Terms(handshake_seconds=0.2)):
                pass


async def test_nobody_there_is_a_lost_connection() -> None:
    with pytest.raises(ConnectionLost, match="cannot be reached"):
        async with open_websocket("ws://127.0.0.1:1/"):
            pass


async def test_the_peers_goodbye_is_answered_and_told() -> None:
    answers = []

    async def script(peer: Peer) -> None:
        await peer.accept()
        await peer.send(TextMessage("last"))
        await peer.send(CloseConnection(1012, "restart"))
        answers.append(await peer.next())

    async with serving(script) as url, trio.open_nursery() as nursery:
        ws = await connect(nursery, url, HURRIED)
        assert await ws.receive() == [b"last"]
        for _ in range(2):
            with pytest.raises(ClosedByPeer) as caught:
                await ws.receive()
        assert (caught.value.code, caught.value.reason) == (1012, "restart")
    assert isinstance(answers[0], CloseConnection)
    assert answers[0].code == 1012


async def test_a_peer_that_hangs_up_is_a_lost_connection() -> None:
    async def script(peer: Peer) -> None:
        await peer.accept()
        await peer.stream.aclose()

    async with serving(script) as url, trio.open_nursery() as nursery:
        ws = await connect(nursery, url, HURRIED)
        with pytest.raises(ConnectionLost):
            await ws.receive()
        with pytest.raises(ConnectionLost):
            await ws.send_text("x")


FAULTS = {
    1002: (b"\x83\x01x", ProtocolBroken),
    1007: (b"\x81\x01\xff", NotUtf8),
    1009: (b"\x82\x7e\xff\xff", MessageTooBig),
}


@pytest.mark.parametrize("code", FAULTS)
async def test_a_break_of_the_protocol_is_told_to_both_sides(code: int) -> None:
    wire, expected = FAULTS[code]
    answers = []

    async def script(peer: Peer) -> None:
        await peer.accept()
        await peer.stream.send_all(b"\x81\x04good" + wire)
        answers.append(await peer.next())

    terms = Terms(message_bytes_max=1000, close_seconds=0.3)
    async with serving(script) as url, trio.open_nursery() as nursery:
        ws = await connect(nursery, url, terms)
        assert await ws.receive() == [b"good"]
        with pytest.raises(expected):
            await ws.receive()
    assert isinstance(answers[0], CloseConnection)
    assert answers[0].code == code


async def silent(peer: Peer) -> None:
    await peer.accept()
    await trio.sleep_forever()


@pytest.mark.parametrize(
    "terms",
    [
        Terms(ping_seconds=0.1, pong_seconds=0.1, close_seconds=0.2),
        Terms(ping_seconds=None, silence_seconds=0.2, close_seconds=0.2),
    ],
)
async def test_a_silent_peer_is_noticed(terms: Terms) -> None:
    async with serving(silent) as url:
        with trio.fail_after(60), pytest.raises(PeerSilent):
            async with open_websocket(url, terms) as ws:
                await ws.receive()


async def test_a_peer_that_pongs_is_not_silent_and_a_slow_reader_is_not_the_peer() -> (
    None
):
    terms = Terms(ping_seconds=0.3, pong_seconds=0.15)
    async with serving(echo) as url, open_websocket(url, terms) as ws:
        with trio.move_on_after(0.6):
            await ws.receive()
        await trio.sleep(0.6)  # nobody reads: that is our own silence
        await ws.send_text("x")
        assert await ws.receive() == [b"x"]


async def test_an_exchanges_own_ping_is_a_text() -> None:
    async with (
        serving(echo) as url,
        open_websocket(url, Terms(ping_seconds=0.05, ping_text=b"ping")) as ws,
    ):
        assert await received(ws, 3) == [b"ping"] * 3


async def test_a_ping_is_answered_while_sends_wait() -> None:
    pongs = []

    async def script(peer: Peer) -> None:
        await peer.accept()
        await peer.send(Ping(b"alive?"))
        pongs.append(await peer.next())

    async with serving(script) as url, open_websocket(url, HURRIED) as ws:
        with pytest.raises(ConnectionLost):
            await ws.receive()
    assert bytes(pongs[0].payload) == b"alive?"


async def test_a_peer_that_takes_nothing_is_noticed() -> None:
    async with serving(silent) as url:
        with trio.fail_after(60), pytest.raises(PeerStuck):
            await flood(url)


async def flood(url: str) -> None:
    async with open_websocket(url, HURRIED) as ws:
        while True:
            await ws.send_binary(bytes(1_000_000))


async def test_the_outbox_has_a_bound() -> None:
    async with serving(echo) as url, open_websocket(url, Terms()) as ws:
        for _ in range(256):
            ws.send_text_now("x")
        with pytest.raises(OutboxFull):
            ws.send_text_now("x")
        assert len(await received(ws, 256)) == 256


async def test_a_close_waits_for_the_answer_no_longer_than_its_deadline() -> None:
    async with serving(silent) as url:
        with trio.fail_after(60):
            async with open_websocket(url, HURRIED):
                pass


async def test_a_close_from_another_task_leaves_the_answer_to_the_reader() -> None:
    """The reader hears of it at once; nobody waits for the deadline."""
    async with serving(echo) as url, trio.open_nursery() as nursery:
        ws = await connect(nursery, url, Terms(close_seconds=600))

        async def read() -> None:
            with pytest.raises(ClosedByUs):
                await ws.receive()

        nursery.start_soon(read)
        await trio.testing.wait_all_tasks_blocked(0.05)
        with trio.fail_after(60):
            await ws.aclose()


async def test_cancelling_a_receive_loses_nothing() -> None:
    async with serving(echo) as url, open_websocket(url) as ws:
        with trio.move_on_after(0.05):
            await ws.receive()
        await ws.send_text("still here")
        assert await ws.receive() == [b"still here"]


async def test_the_blocks_own_error_comes_out_as_itself() -> None:
    async with serving(echo) as url:
        with pytest.raises(LookupError):
            async with open_websocket(url):
                raise LookupError


@pytest.fixture
def certified(tmp_path: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's context, and that of a client who trusts it."""
    return certificates(tmp_path)


async def test_tls_is_spoken_and_silence_heard_through_it(
    certified: tuple[ssl.SSLContext, ssl.SSLContext],
) -> None:
    server, trusting = certified
    async with serving(echo, server) as url:
        address = Address(url, ssl_context=trusting)
        async with open_websocket(address) as ws:
            await ws.send_text("x" * 100_000)
            assert b"".join(await received(ws, 1)) == b"x" * 100_000
        terms = Terms(ping_seconds=None, silence_seconds=0.1)
        with pytest.raises(PeerSilent):
            async with open_websocket(address, terms) as ws:
                await ws.receive()


async def test_what_is_no_tls_is_a_lost_connection() -> None:
    async def script(peer: Peer) -> None:
        await peer.stream.receive_some(10)
        await peer.stream.send_all(b"this is no TLS at all, not at all")

    async with serving(script) as url:
        with trio.fail_after(60), pytest.raises(ConnectionLost):
            async with open_websocket(url.replace("ws:", "wss:"), HURRIED):
                pass


@pytest.mark.parametrize(
    "url", ["http://x/", "ws://", "ws://u:p@h/", "ws://h/a b", "ws://h/\u20ac"]
)
async def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="ws"):
        async with open_websocket(url):
            pass
