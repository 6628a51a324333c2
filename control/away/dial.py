"""Open a WebSocket and leave nothing open behind it.

trio-websocket keeps the TCP stream when the other side refuses or closes first; here
the stream is ours, and it is closed however the talk ends.
"""

import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import trio
import trio_websocket as ws
from wsproto.utilities import LocalProtocolError

CONNECT_SECONDS_MAX = 10.0
CLOSE_SECONDS_MAX = 1.0
FRAME_BYTES_MAX = 16 * 1024 * 1024

Stream = trio.SocketStream | trio.SSLStream[trio.SocketStream]
Headers = Sequence[tuple[bytes, bytes]]


def socket_url(url: str) -> str:
    """Turn what a person types (http://host:port) into the WebSocket's address."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        scheme, rest = "http", url
    scheme = {"http": "ws", "https": "wss"}.get(scheme, scheme)
    rest = rest.rstrip("/")
    return f"{scheme}://{rest}" if rest.endswith("/ws") else f"{scheme}://{rest}/ws"


@asynccontextmanager
async def dial(url: str, headers: Headers) -> AsyncIterator[ws.WebSocketConnection]:
    """Connect; raises OSError, ValueError, trio.TooSlowError or ws.HandshakeError."""
    parts = urlsplit(url)
    host = parts.hostname or "127.0.0.1"
    secure = parts.scheme == "wss"
    port = parts.port or (443 if secure else 80)
    with trio.fail_after(CONNECT_SECONDS_MAX):
        plain = await trio.open_tcp_stream(host, port)
    stream: Stream = plain
    if secure:
        context = ssl.create_default_context()
        stream = trio.SSLStream(
            plain, context, server_hostname=host, https_compatible=True
        )
    is_done = False
    try:
        async with trio.open_nursery() as nursery:
            socket = await _shake_hands(nursery, stream, parts.netloc, headers)
            try:
                yield socket
                is_done = True
            finally:
                with trio.move_on_after(CLOSE_SECONDS_MAX):
                    await socket.aclose()
                nursery.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        # A ping that crosses our goodbye has trio-websocket send a pong too late.
        crossed, others = group.split(LocalProtocolError)
        if others is not None:
            if len(others.exceptions) == 1:  # the caller's own error, as it was raised
                raise others.exceptions[0] from None
            raise others from None
        if not is_done:
            msg = "the other side said goodbye in the middle of the talk"
            raise ConnectionAbortedError(msg) from crossed
    finally:
        await trio.aclose_forcefully(stream)


async def _shake_hands(
    nursery: trio.Nursery, stream: Stream, host: str, headers: Headers
) -> ws.WebSocketConnection:
    with trio.fail_after(CONNECT_SECONDS_MAX):
        return await ws.wrap_client_stream(
            nursery,
            stream,
            host,
            "/ws",
            extra_headers=list(headers),
            max_message_size=FRAME_BYTES_MAX,
        )
