"""A WebSocket server on a loopback port that does what a test tells it to."""

import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import trio
from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    CloseConnection,
    Event,
    Ping,
    Request,
    TextMessage,
)
from wsproto.extensions import Extension


class Peer:
    """One accepted connection, spoken to through wsproto or byte by byte."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.stream = stream
        self.wire = WSConnection(ConnectionType.SERVER)
        self.request: Request | None = None
        self._turn = trio.StrictFIFOLock()

    async def accept(
        self,
        *,
        extensions: list[Extension] | None = None,
        subprotocol: str | None = None,
    ) -> Request | None:
        """Shake hands; None: the client hung up before."""
        request = await self.next()
        if request is None:
            return None
        assert isinstance(request, Request)
        self.request = request
        await self.send(AcceptConnection(subprotocol, extensions or []))
        return request

    async def next(self) -> Event | None:
        """The next event; None: the client hung up."""
        while True:
            for event in self.wire.events():
                return event
            try:
                received = await self.stream.receive_some(65_536)
            except trio.BrokenResourceError:
                return None
            if not received:
                return None
            self.wire.receive_data(received)

    async def send(self, event: Event) -> None:
        await self.raw(self.wire.send(event))

    async def raw(self, wire: bytes) -> None:
        async with self._turn:
            await self.stream.send_all(wire)


async def answered(peer: Peer) -> dict[str, Any] | None:
    """Read a request of Binance's kind and say that it is done; None: hung up."""
    text = ""
    while True:
        event = await peer.next()
        if event is None or isinstance(event, CloseConnection):
            return None
        if isinstance(event, Ping):
            await peer.send(event.response())
        elif isinstance(event, TextMessage):
            text += event.data
            if event.message_finished:
                break
    request: dict[str, Any] = json.loads(text)
    await peer.send(TextMessage(json.dumps({"result": None, "id": request["id"]})))
    return request


Script = Callable[[Peer], Awaitable[None]]


@asynccontextmanager
async def serving(
    script: Script, context: ssl.SSLContext | None = None
) -> AsyncIterator[str]:
    """Run `script` for each connection; give the address to dial."""

    async def handle(stream: trio.abc.Stream) -> None:
        if context is not None:
            stream = trio.SSLStream(
                stream, context, server_side=True, https_compatible=True
            )
        await script(Peer(stream))

    async with trio.open_nursery() as nursery:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        port = listeners[0].socket.getsockname()[1]
        nursery.start_soon(trio.serve_listeners, handle, listeners)
        scheme, host = ("ws", "127.0.0.1") if context is None else ("wss", "localhost")
        yield f"{scheme}://{host}:{port}/stream?x=1"
        nursery.cancel_scope.cancel()
