"""Opening a WebSocket: for the length of a block, or into a nursery of the caller's."""

import os
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

import msgspec
import trio

from actors.sockets.client import Entropy, WebSocket
from actors.sockets.dial import dialled
from actors.sockets.handshake import Request
from actors.sockets.target import Target
from actors.sockets.terms import Terms


class Address(msgspec.Struct, frozen=True):
    """Whom to dial and what to say there."""

    url: str  # ws:// or wss://
    headers: Mapping[str, str] = {}  # beside the handshake's own; Host may be given
    subprotocols: Sequence[str] = ()
    ssl_context: ssl.SSLContext | None = None  # None: the system's authorities


async def connect(
    nursery: trio.Nursery,
    address: str | Address,
    terms: Terms | None = None,
    *,
    entropy: Entropy = os.urandom,
) -> WebSocket:
    """Dial and shake hands within the deadline; the back tasks run in `nursery`.

    They never raise, and end with the socket: whoever owns the nursery calls `aclose`
    or `cut`, or cancels it. Raises HandshakeFailed, ConnectionLost, or ValueError for
    what cannot be asked.
    """
    terms = terms or Terms()
    if isinstance(address, str):
        address = Address(address)
    request = Request(
        Target.parse(address.url),
        entropy(16),
        address.headers,
        address.subprotocols,
        terms.deflate,
    )
    stream, answer = await dialled(request, terms, address.ssl_context)
    socket = WebSocket(stream, answer, terms, entropy)
    nursery.start_soon(socket.run)
    return socket


@asynccontextmanager
async def open_websocket(
    address: str | Address,
    terms: Terms | None = None,
    *,
    entropy: Entropy = os.urandom,
) -> AsyncIterator[WebSocket]:
    """Keep a connection for the length of a block.

    It is closed in order at the block's end, and cut when the block ends in an error,
    which comes out as itself and not in a group.
    """
    try:
        async with trio.open_nursery() as nursery:
            socket = await connect(nursery, address, terms, entropy=entropy)
            try:
                yield socket
                await socket.aclose()
            finally:
                await socket.cut()
                nursery.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        if len(group.exceptions) > 1:
            raise
        error = group.exceptions[0]
        raise error from error.__cause__
