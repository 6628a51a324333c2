"""Bodies, hosts, origins and headers, as a peer at the wire meets them."""

import psutil
import pytest
import trio
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from control.door.fence import BodyLimit, HostFence, OriginFence
from tests.wire.world import PATIENCE_SECONDS, get, open_world, read_until

MIB = 1_048_576


def post(*headers: bytes, path: str = "/body") -> bytes:
    head = get(path, b"Content-Type: application/json", *headers)
    return head.replace(b"GET", b"POST", 1)


async def status(request: bytes, app: ASGIApp | None = None) -> bytes:
    """Return the status of the answer; the world must survive it."""
    async with open_world(app=app) as world:
        async with await world.connect() as client:
            await client.send_all(request)
            with trio.fail_after(PATIENCE_SECONDS):
                answer = await read_until(client, b"\r\n\r\n")
        await world.serving.emptied()
    return answer.split(b" ")[1]


@pytest.mark.parametrize(
    ("body_bytes", "answer"), [(0, b"200"), (65_536, b"200"), (65_537, b"413")]
)
async def test_body_may_have_64_kib_declared(body_bytes: int, answer: bytes) -> None:
    head = post(b"Content-Length: %d" % body_bytes)
    assert await status(head + bytes(body_bytes)) == answer


@pytest.mark.parametrize(("chunks", "answer"), [(8, b"200"), (9, b"413")])
async def test_body_may_have_64_kib_streamed(chunks: int, answer: bytes) -> None:
    chunk = b"2000\r\n" + bytes(0x2000) + b"\r\n"
    head = post(b"Transfer-Encoding: chunked")
    assert await status(head + chunk * chunks + b"0\r\n\r\n") == answer


@pytest.mark.parametrize(
    "length", [b"Content-Length: 67108864", b"Transfer-Encoding: chunked"]
)
async def test_body_of_64_mib_is_not_kept(length: bytes) -> None:
    piece = b"10000\r\n" + bytes(0x10000) + b"\r\n"
    async with open_world() as world:
        before_bytes = psutil.Process().memory_info().rss
        client = await world.connect()
        with trio.fail_after(PATIENCE_SECONDS):
            await client.send_all(post(length))
            with pytest.RaisesGroup(trio.BrokenResourceError):
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(send_for_ever, client, piece)
        after_bytes = psutil.Process().memory_info().rss
        client.socket.close()
        await world.survives()
        assert world.serving.statistics().received_bytes < 4 * MIB
        assert after_bytes - before_bytes < 16 * MIB


async def send_for_ever(client: trio.SocketStream, piece: bytes) -> None:
    for _ in range(1_024):
        await client.send_all(piece)


@pytest.mark.parametrize("part", [b"", b"half of it"])
async def test_slow_body_is_answered_408_at_its_deadline(part: bytes) -> None:
    app = BodyLimit(PlainTextResponse("never"), seconds_max=0.2)
    assert await status(post(b"Content-Length: 99") + part, app) == b"408"


async def test_sender_that_leaves_is_never_passed_on() -> None:
    called = False

    async def app(_scope: Scope, _receive: Receive, _send: Send) -> None:
        nonlocal called
        called = True

    async with open_world(app=BodyLimit(app)) as world:
        async with await world.connect() as client:
            await client.send_all(post(b"Content-Length: 99") + b"half of it")
            await world.engine.advances()
        with trio.fail_after(PATIENCE_SECONDS):
            await world.serving.emptied()
    assert not called


@pytest.mark.parametrize(
    ("host", "answer"),
    [
        (b"localhost", b"200"),
        (b"LOCALHOST:8080", b"200"),
        (b"[::1]:8080", b"200"),
        (b"[::1]", b"200"),
        (b"::1", b"400"),
        (b"evil.example", b"400"),
        (b"localhost.evil.example", b"400"),
        (b"localhost:80:evil", b"400"),
        (b"", b"400"),
        (b"\xff", b"400"),
    ],
)
async def test_only_our_hosts_are_answered(host: bytes, answer: bytes) -> None:
    app = HostFence(PlainTextResponse("ours"), allowed=["localhost", "[::1]"])
    request = b"GET / HTTP/1.1\r\nHost: " + host + b"\r\n\r\n"
    assert await status(request, app) == answer


@pytest.mark.parametrize(
    ("headers", "answer"),
    [
        (
            (b"Content-Type: application/json; charset=utf-8", b"Content-Length: 0"),
            b"200",
        ),
        ((b"Content-Length: 0",), b"200"),
        ((), b"200"),
        ((b"Origin: http://console",), b"200"),
        ((b"Origin: http://console", b"Origin: http://evil"), b"403"),
        ((b"Origin: http://console.evil",), b"403"),
        ((b"Origin: null",), b"403"),
        ((b"Content-Length: 1",), b"415"),
        ((b"Transfer-Encoding: chunked",), b"415"),
        ((b"Content-Type: text/plain",), b"415"),
        ((b"Content-Type: application/json", b"Content-Type: text/plain"), b"415"),
    ],
)
async def test_foreign_pages_and_forms_are_kept_out(
    headers: tuple[bytes, ...], answer: bytes
) -> None:
    app = OriginFence(PlainTextResponse("ours"), allowed=["http://console"])
    request = get("/", *headers).replace(b"GET", b"POST", 1)
    assert await status(request, app) == answer


@pytest.mark.parametrize("path", ["/plain", "/no-such", "/raise"])
async def test_every_answer_carries_the_security_headers(path: str) -> None:
    async with open_world() as world:
        async with await world.connect() as client:
            await client.send_all(get(path))
            with trio.fail_after(PATIENCE_SECONDS):
                answer = (await read_until(client, b"\r\n\r\n")).lower()
        for header in (
            b"content-security-policy: default-src 'self'; base-uri 'none'; ",
            b"frame-ancestors 'none'",
            b"cross-origin-opener-policy: same-origin",
            b"cross-origin-resource-policy: same-origin",
            b"permissions-policy: camera=()",
            b"x-frame-options: deny",
            b"x-content-type-options: nosniff",
            b"referrer-policy: no-referrer",
            b"strict-transport-security: max-age=",
        ):
            assert header in answer
        assert b"\r\nserver:" not in answer
