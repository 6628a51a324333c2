"""A client of the exchange over real sockets: signed requests, and WebSockets."""

import hashlib
import hmac
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any
from urllib.parse import urlencode

import h11
import msgspec
import trio
from trio_websocket import (
    ConnectionClosed,
    WebSocketConnection,
    open_websocket_url,
)

from actors.loopback.exchange import Exchange
from actors.loopback.floor.pit import Pit, Venue
from actors.loopback.server import serve_exchange
from actors.loopback.settings import KEYS, Key, SimSettings
from actors.runtime.clock import WallClock

#: Long enough for a slow machine: a test that waits so long has failed.
PATIENCE_SECONDS = 60.0


class NoAnswer(Exception):
    """The exchange ended the line without an answer."""


class Answered(msgspec.Struct):
    """What came back."""

    status: int
    headers: dict[str, str]
    raw: bytes

    @property
    def body(self) -> Any:
        return msgspec.json.decode(self.raw)


class Client:
    """Asks one exchange; a new line for each request, so that any may be broken."""

    def __init__(self, exchange: Exchange, port: int, key: Key = KEYS[0]) -> None:
        self.exchange, self.port, self.key = exchange, port, key

    @property
    def pit(self) -> Pit:
        """The futures' BTCUSDT."""
        found = self.exchange.pit(Venue.USDM, "BTCUSDT")
        assert found is not None
        return found

    @staticmethod
    def wall_ms() -> int:
        """The machine's own time."""
        return WallClock().now_ms()

    async def call(self, method: str, path: str, **fields: Any) -> Answered:
        """Ask without a signature."""
        return await self.send(method, path, urlencode(fields))

    async def signed(self, method: str, path: str, **fields: Any) -> Answered:
        """Ask with a signature, by the exchange's own clock."""
        fields = {"timestamp": self.exchange.clock.now_ms(), **fields}
        return await self.send(method, path, self.sign(urlencode(fields)))

    def sign(self, query: str) -> str:
        digest = hmac.new(self.key.secret.encode(), query.encode(), hashlib.sha256)
        return f"{query}&signature={digest.hexdigest()}"

    async def order(self, side: str, kind: str, size: str, **more: Any) -> Answered:
        """Place a futures order."""
        fields = {"symbol": "BTCUSDT", "side": side, "type": kind, "quantity": size}
        if kind == "LIMIT":
            fields["timeInForce"] = "GTC"
        fields["newOrderRespType"] = "RESULT"
        return await self.signed("POST", "/fapi/v1/order", **(fields | more))

    async def sim(self, method: str, path: str, body: Any = None) -> Any:
        """Ask the exchange itself."""
        raw = msgspec.json.encode(body) if body is not None else b""
        return (await self.send(method, f"/sim/{path}", "", raw)).body

    async def send(
        self, method: str, path: str, query: str, body: bytes = b""
    ) -> Answered:
        """Send exactly this; the query is the form of a POST or PUT."""
        if method in {"POST", "PUT"} and not body:
            body, query = query.encode(), ""
        target = f"{path}?{query}" if query else path
        connection = h11.Connection(h11.CLIENT)
        head = h11.Request(
            method=method,
            target=target,
            headers=[
                ("Host", f"127.0.0.1:{self.port}"),
                ("X-MBX-APIKEY", self.key.key),
                ("Content-Length", str(len(body))),
                ("Connection", "close"),
            ],
        )
        sent = (connection.send(head) or b"") + (connection.send(h11.Data(body)) or b"")
        with trio.fail_after(PATIENCE_SECONDS):
            stream = await trio.open_tcp_stream("127.0.0.1", self.port)
            async with stream:
                await stream.send_all(sent)
                return await _answer(connection, stream)

    @asynccontextmanager
    async def listen(self, path: str) -> "AsyncIterator[Ear]":
        """Open a WebSocket."""
        url = f"ws://127.0.0.1:{self.port}{path}"
        async with open_websocket_url(url, disconnect_timeout=0.2) as socket:
            try:
                yield Ear(socket)
            finally:  # trio-websocket leaks its socket when the other side closes first
                await trio.aclose_forcefully(socket._stream)
                # Its reader would wait for ever to hand over what nobody hears.
                with suppress(ConnectionClosed):
                    while True:
                        await socket.get_message()


class Ear:
    """One WebSocket, and what was heard on it."""

    def __init__(self, socket: WebSocketConnection) -> None:
        self.socket = socket

    async def say(self, **message: Any) -> Any:
        """Say something and wait for the answer to it."""
        await self.socket.send_message(msgspec.json.encode(message).decode())
        return await self.hear(lambda one: one.get("id") == message.get("id"))

    async def hear(self, wanted: Callable[[Any], bool] = lambda _one: True) -> Any:
        """Wait for a message; leave out what is not wanted."""
        with trio.fail_after(PATIENCE_SECONDS):
            while True:
                message = msgspec.json.decode(await self.socket.get_message())
                if wanted(message):
                    return message

    async def until_closed(self) -> int:
        """Hear until the exchange closes; tell with which code, 1006 without one."""
        code = 0
        with trio.fail_after(PATIENCE_SECONDS):
            while not code:
                try:
                    await self.socket.get_message()
                except ConnectionClosed as closed:
                    code = int(closed.reason.code) if closed.reason else 1006
        return code

    async def all_for(self, seconds: float) -> list[Any]:
        """Collect everything that comes for a while."""
        found = []
        with trio.move_on_after(seconds):
            while True:
                found.append(msgspec.json.decode(await self.socket.get_message()))
        return found


async def _answer(connection: h11.Connection, stream: trio.SocketStream) -> Answered:
    status, headers, raw = 0, {}, b""
    while True:
        try:
            event = connection.next_event()
        except h11.RemoteProtocolError as error:
            raise NoAnswer from error
        if event is h11.NEED_DATA:
            try:
                connection.receive_data(await stream.receive_some())
            except trio.BrokenResourceError as error:
                raise NoAnswer from error
        elif isinstance(event, h11.Response):
            status = event.status_code
            headers = {k.decode(): v.decode() for k, v in event.headers}
        elif isinstance(event, h11.Data):
            raw += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage):
            return Answered(status, headers, raw)
        else:
            raise NoAnswer(str(event))


@asynccontextmanager
async def exchange(**chosen: Any) -> AsyncIterator[Client]:
    """Serve an exchange on a free port; at speed `hand` unless told otherwise."""
    given = {"symbols": 2, "speed": "hand", "history_minutes": 30, "twins": True}
    settings = SimSettings(port=0, **(given | chosen))
    opened: list[Client] = []
    async with trio.open_nursery() as nursery:
        ready = trio.Event()

        def started(made: Exchange, port: int) -> None:
            opened.append(Client(made, port))
            ready.set()

        nursery.start_soon(serve_exchange, settings, started)
        await ready.wait()
        try:
            yield opened[0]
        finally:
            nursery.cancel_scope.cancel()
