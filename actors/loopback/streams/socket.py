"""One WebSocket: the handshake, what the client says, and what is sent to it.

Which venue a socket belongs to is told by its path, since loopback has one host: paths
that begin with /fstream, /public, /market or /private are futures', all others spot's.
A name of digits only, which ccxt adds to tell its sockets apart, is no stream.
"""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import trio
from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    CloseConnection,
    Ping,
    Pong,
    RejectConnection,
    Request,
    TextMessage,
)
from wsproto.utilities import RemoteProtocolError

from actors.loopback.floor.pit import Venue
from actors.loopback.rest.counter import Counter
from actors.loopback.rest.signing import told_ms
from actors.loopback.streams.api import Api
from actors.loopback.streams.frames import PING, close_frame, frame
from actors.loopback.streams.hub import Hub
from actors.loopback.streams.line import Line
from actors.loopback.streams.users import Users

PING_SECONDS, SILENT_SECONDS_MAX = 20.0, 60.0
MESSAGE_BYTES_MAX = 64 * 1024
SAID_MAX = {Venue.SPOT: 5, Venue.USDM: 10}  # messages a second from a client
PATIENCE = 20  # seconds' worth of messages at once before a client is cut off
CLOSE_SECONDS = 1.0
FUTURES_PATHS = frozenset({"fstream", "public", "market", "private", "ws-fapi"})
LINES_MAX = 1_000


class Sockets:
    """What all sockets share."""

    def __init__(self, counter: Counter, hub: Hub, users: Users) -> None:
        self.counter, self.hub, self.users = counter, hub, users

    async def serve(
        self,
        stream: trio.SocketStream,
        target: str,
        headers: list[tuple[bytes, bytes]],
        ahead: bytes,
    ) -> None:
        """Serve one client whose upgrade request has been read."""
        websocket = WSConnection(ConnectionType.SERVER)
        websocket.initiate_upgrade_connection(headers, target)
        asked = next(iter(websocket.events()), None)
        if not isinstance(asked, Request):
            return
        if len(self.hub.lines) >= LINES_MAX:
            await stream.send_all(websocket.send(RejectConnection(status_code=503)))
            return
        await stream.send_all(websocket.send(AcceptConnection()))
        one = _Socket(self, stream, websocket, target)
        if ahead:
            websocket.receive_data(ahead)
        await one.live()


class _Socket:
    def __init__(
        self,
        shared: Sockets,
        stream: trio.SocketStream,
        websocket: WSConnection,
        target: str,
    ) -> None:
        self._shared, self._stream, self._websocket = shared, stream, websocket
        exchange = shared.counter.exchange
        venue, words, asked = read_target(target)
        self.line = Line(
            venue, combined=words[:1] == ["stream"], opened_ms=exchange.now_ms()
        )
        self._api = Api(shared.counter, shared.users, self.line)
        self._is_api = words[:1] in (["ws-api"], ["ws-fapi"])
        self._allowance = float(SAID_MAX[venue] * PATIENCE)
        self._heard_at = trio.current_time()
        self._said = ""
        self._written = trio.Event()
        for name in [] if self._is_api else asked:
            self._follow(name)

    async def live(self) -> None:
        self._shared.hub.add(self.line)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._write, nursery.cancel_scope)
                nursery.start_soon(self._ping)
                await self._read()
                await self._part()
                nursery.cancel_scope.cancel()
        finally:
            self._shared.hub.remove(self.line)
            self._shared.users.forget(self.line)

    async def _part(self) -> None:
        """Say the last words, and listen to the end so that they are heard."""
        self.line.end_after_batch()
        with trio.move_on_after(CLOSE_SECONDS):
            await self._written.wait()
            try:
                await self._stream.send_eof()
                while await self._stream.receive_some():
                    pass
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                pass  # the client is gone; nobody is left to be told

    async def _write(self, scope: trio.CancelScope) -> None:
        try:
            while batch := await self.line.next_batch():
                await self._stream.send_all(batch)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            self.line.end()  # the client is gone; nobody is left to be told
        self._written.set()
        if not self.line.cut:
            await trio.sleep(CLOSE_SECONDS)  # the client may answer the close
        scope.cancel()

    async def _ping(self) -> None:
        while True:
            await trio.sleep(PING_SECONDS)
            if trio.current_time() - self.line.last_heard > SILENT_SECONDS_MAX:
                self.line.end()
            self.line.send(
                frame(str(told_ms(self._shared.counter.exchange)).encode(), PING)
            )

    async def _read(self) -> None:
        while self._take():
            try:
                received = await self._stream.receive_some()
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                return
            if not received:
                return
            try:
                self._websocket.receive_data(received)
            except RemoteProtocolError:
                await self._close(1002, "protocol error")
                return

    def _take(self) -> bool:
        """Take in what has arrived; False: this was the end."""
        for event in self._websocket.events():
            self.line.last_heard = trio.current_time()
            match event:
                case TextMessage():
                    if not self._piece(event):
                        return False
                case Ping():
                    self.line.send(self._websocket.send(event.response()))
                case CloseConnection():
                    self.line.send(self._websocket.send(event.response()))
                    return False
                case Pong():
                    continue
                case _:
                    return False
        return True

    def _piece(self, event: TextMessage) -> bool:
        """Take in a piece of a message; False: it is too much."""
        self._said += event.data
        if len(self._said) > MESSAGE_BYTES_MAX:
            self.line.send(close_frame(1009, "too long"))
            return False
        if event.message_finished:
            said, self._said = self._said, ""
            if not self._afford():
                self.line.send(close_frame(1008, "Too many requests"))
                return False
            self._hear(said)
        return True

    def _afford(self) -> bool:
        """Let a client say only so much a second, with some patience at first."""
        now, rate = trio.current_time(), SAID_MAX[self.line.venue]
        grown = self._allowance + (now - self._heard_at) * rate
        self._allowance = min(grown, rate * PATIENCE) - 1
        self._heard_at = now
        return self._allowance >= 0

    def _hear(self, said: str) -> None:
        try:
            message = msgspec.json.decode(said, type=dict[str, Any])
        except msgspec.MsgspecError:
            told = {"error": {"code": 3, "msg": "Invalid JSON: expected a request"}}
            self.line.say(msgspec.json.encode(told))
            return
        answer = self._api.answer if self._is_api else self._answer
        self.line.say(answer(message))

    def _answer(self, message: dict[str, Any]) -> bytes:
        """Carry out what a client of streams asks for."""
        told: dict[str, Any] = {"result": None, "id": message.get("id")}
        params = message.get("params") or []
        match message.get("method"):
            case "SUBSCRIBE":
                if not all([self._follow(str(name)) for name in params]):  # noqa: C419 - each is followed, whatever became of the last
                    told["error"] = {"code": 2, "msg": "Too many streams"}
            case "UNSUBSCRIBE":
                for name in params:
                    self._shared.hub.leave(self.line, str(name))
            case "LIST_SUBSCRIPTIONS":
                told["result"] = sorted(self.line.names)
            case "SET_PROPERTY":
                self.line.combined = params == ["combined", True]
            case other:
                why = f"Invalid request: unknown method {other}"
                told = {"error": {"code": 2, "msg": why}, "id": message.get("id")}
        return msgspec.json.encode(told)

    def _follow(self, name: str) -> bool:
        if name in self._shared.users.keys:
            self._shared.users.listen(self.line.venue, self.line, name)
            return True
        return self._shared.hub.follow(self.line, name)

    async def _close(self, code: int, reason: str) -> None:
        with trio.move_on_after(CLOSE_SECONDS):
            await self._stream.send_all(close_frame(code, reason))


def read_target(target: str) -> tuple[Venue, list[str], list[str]]:
    """Read a path: venue, what kind of socket, the streams that it names."""
    parts = urlsplit(target)
    words = [word for word in parts.path.split("/") if word]
    futures = bool(words) and words[0] in FUTURES_PATHS
    while words and words[0] in FUTURES_PATHS - {"ws-fapi"}:
        words.pop(0)
    if words[:2] == ["stream", "ws"]:
        words.pop(0)
    query = parse_qs(parts.query)
    names = [name for value in query.get("streams", []) for name in value.split("/")]
    names += [] if words[:1] == ["ws-api"] else words[1:]
    names += query.get("listenKey", [])
    venue = Venue.USDM if futures else Venue.SPOT
    return venue, words, [name for name in names if not name.isdigit()]
