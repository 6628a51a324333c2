"""The door: HTTP and WebSockets on one loopback port, on plain trio, h11 and wsproto.

Not the engine's guarded server: that one makes every answer correct and every ending
orderly, and this one has to be able to lose an answer, break a line in the middle and
keep silent. It also frames a message once for all who follow it, which a WebSocket
library in between would not let it do. It listens on loopback only, and answers only to
a loopback name, so that no web page can trade here either.
"""

from collections.abc import Awaitable, Callable
from ipaddress import ip_address

import h11
import trio

from actors.domain.errors import EngineError
from actors.loopback.acts import Acts
from actors.loopback.control import Control
from actors.loopback.exchange import Exchange
from actors.loopback.rest.counter import Counter, LineBroken
from actors.loopback.rest.listening import routes
from actors.loopback.rest.request import Reply, Request
from actors.loopback.runner import Runner
from actors.loopback.settings import SimSettings
from actors.loopback.streams.feed import Feed
from actors.loopback.streams.hub import Hub
from actors.loopback.streams.mischief import Mischief
from actors.loopback.streams.socket import Sockets
from actors.loopback.streams.users import Users
from actors.loopback.truth import Witness
from actors.runtime.clock import WallClock

HEAD_BYTES_MAX = 64 * 1024
BODY_BYTES_MAX = 1024 * 1024
IDLE_SECONDS = 120.0
CONNECTIONS_MAX = 2_000
BACKLOG = 512
LINGER_OFF = b"\x01\x00\x00\x00\x00\x00\x00\x00"  # on, zero seconds: reset on close


class NotLoopback(EngineError):
    """The exchange is asked to listen where others could reach it."""


async def serve_exchange(
    settings: SimSettings, started: Callable[[Exchange, int], None]
) -> None:
    """Open the exchange and serve it until cancelled; tell its port when it is open.

    Raises NotLoopback, MarketDataError, ValueError (the speed), OSError (the port).
    """
    check_loopback(settings.host)
    exchange = Exchange(settings, WallClock())
    listeners = await trio.open_tcp_listeners(
        settings.port, host=settings.host, backlog=BACKLOG
    )
    async with trio.open_nursery() as nursery:
        door = _assembled(exchange, nursery)
        port = listeners[0].socket.getsockname()[1]
        nursery.start_soon(door.runner.run)
        started(exchange, port)
        await trio.serve_listeners(door.serve, listeners)


def check_loopback(host: str) -> None:
    """Refuse an address that is not loopback."""
    try:
        fine = host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        fine = False
    if not fine:
        msg = f"{host}: toy money is traded on 127.0.0.1, ::1 or localhost only"
        raise NotLoopback(msg)


def _assembled(exchange: Exchange, nursery: trio.Nursery) -> "Door":
    acts = Acts(exchange)
    hub, users = Hub(exchange), Users(exchange)
    witness = Witness(exchange, acts)

    def told_order(*change: object) -> None:
        users.order(*change)  # type: ignore[arg-type]
        witness.order(*change)  # type: ignore[arg-type]

    def told_conditional(one: object) -> None:
        users.conditional(one)  # type: ignore[arg-type]
        witness.conditional(one)  # type: ignore[arg-type]

    exchange.tell_order = told_order
    exchange.tell_conditional = told_conditional
    mischief = Mischief(exchange, hub, nursery)
    counter = Counter(exchange, acts, routes(users), nursery)
    control = Control(exchange, acts, witness, (hub, users))
    runner = Runner(exchange, acts, (hub, Feed(exchange, hub)))
    control.switched = mischief.look
    control.advance = runner.advance
    door = Door(counter, control, Sockets(counter, hub, users), runner)
    runner.busy = lambda: door.answering > 0
    return door


class Door:
    """Every connection begins here."""

    def __init__(
        self, counter: Counter, control: Control, sockets: Sockets, runner: Runner
    ) -> None:
        self.runner = runner
        self.answering = 0
        self._counter, self._control, self._sockets = counter, control, sockets
        self._connections = 0

    async def serve(self, stream: trio.SocketStream) -> None:
        """Serve one connection to its end."""
        if self._connections >= CONNECTIONS_MAX:
            await stream.aclose()
            return
        self._connections += 1
        try:
            stream.setsockopt(trio.socket.IPPROTO_TCP, trio.socket.TCP_NODELAY, 1)
            await self._talk(stream)
        except LineBroken as broken:
            if broken.reset:
                linger = trio.socket.SO_LINGER
                stream.setsockopt(trio.socket.SOL_SOCKET, linger, LINGER_OFF)
        except (trio.BrokenResourceError, trio.ClosedResourceError, OSError):
            pass  # the client is gone; nobody is left to be told
        except h11.RemoteProtocolError:
            pass  # it speaks no HTTP: an exchange hangs up, too
        finally:
            self._connections -= 1
            with trio.CancelScope(shield=True):
                await trio.aclose_forcefully(stream)

    async def _talk(self, stream: trio.SocketStream) -> None:
        connection = h11.Connection(
            h11.SERVER, max_incomplete_event_size=HEAD_BYTES_MAX
        )
        while True:
            head = await _next(connection, stream)
            if not isinstance(head, h11.Request):
                return
            headers = {
                name.decode("latin-1"): value.decode("latin-1")
                for name, value in head.headers
            }
            target = head.target.decode("latin-1")
            if headers.get("upgrade", "").lower() == "websocket":
                if _is_local(headers):
                    ahead = connection.trailing_data[0]
                    given = list(head.headers)
                    await self._sockets.serve(stream, target, given, ahead)
                return
            body = await _body(connection, stream)
            path, _, query = target.partition("?")
            request = Request(
                head.method.decode(), path, query, body.decode("utf-8"), headers
            )
            await self._answer(connection, stream, request)
            if connection.our_state is not h11.DONE:
                return
            connection.start_next_cycle()

    async def _answer(
        self, connection: h11.Connection, stream: trio.SocketStream, request: Request
    ) -> None:
        act: Callable[[Request], Awaitable[Reply]] = self._counter.answer
        if not _is_local(request.headers):
            act = _refuse
        elif request.path.startswith("/sim/"):
            act = self._control.answer
        counted = act == self._counter.answer
        self.answering += counted
        try:
            reply = await act(request)
        finally:
            self.answering -= counted
        headers = [
            ("Content-Type", reply.kind),
            ("Content-Length", str(len(reply.body))),
            *reply.headers,
        ]
        response = h11.Response(status_code=reply.status, headers=headers)
        sent = [connection.send(response), connection.send(h11.Data(data=reply.body))]
        sent.append(connection.send(h11.EndOfMessage()))
        await stream.send_all(b"".join(one for one in sent if one))


async def _next(
    connection: h11.Connection, stream: trio.SocketStream
) -> h11.Event | type[h11.PAUSED] | None:
    with trio.move_on_after(IDLE_SECONDS):
        while True:
            event = connection.next_event()
            if event is not h11.NEED_DATA:
                return event  # type: ignore[return-value]
            if connection.they_are_waiting_for_100_continue:
                go_on = h11.InformationalResponse(status_code=100, headers=[])
                await stream.send_all(connection.send(go_on) or b"")
            connection.receive_data(await stream.receive_some())
    return None


async def _body(connection: h11.Connection, stream: trio.SocketStream) -> bytes:
    body = b""
    while True:
        event = await _next(connection, stream)
        if isinstance(event, h11.Data):
            body += bytes(event.data)
            if len(body) > BODY_BYTES_MAX:
                raise LineBroken(reset=False)
        elif isinstance(event, h11.EndOfMessage):
            return body
        else:
            raise LineBroken(reset=False)


def _is_local(headers: dict[str, str]) -> bool:
    """Say whether a request was meant for loopback by whoever sent it."""
    host = headers.get("host", "").rpartition(":")
    name = (host[0] or host[2]).strip("[]")
    return name in {"127.0.0.1", "localhost", "::1"} and "origin" not in headers


async def _refuse(_request: Request) -> Reply:
    return Reply(status=403, body=b'{"error":"loopback only"}')
