"""What the server speaks: HTTP/1.1 and plain WebSocket, and nothing else of Hypercorn.

Hypercorn 0.18 cannot be told to leave out HTTP/2 in clear (a non-ASCII path in it
ends the connection's tasks), permessage-deflate (two thirds of the hub's cost, and
more to attack), or the rest of a WebSocket message that is known to be too long. The
overrides below do, each where the release has its one place for it; the release is
pinned, and `tests/wire` says what breaks when it moves.
"""

from typing import Any, Final

import h11
from hypercorn.config import Config
from hypercorn.events import Closed, Event
from hypercorn.protocol.h11 import H11Protocol
from hypercorn.protocol.ws_stream import WSStream
from hypercorn.trio.tcp_server import TCPServer
from starlette.types import ASGIApp, Receive, Scope, Send

from control.door.guard import Guests, ServerLimits
from control.door.transport import current_transport

BAD_REQUEST: Final = 400

HEADERS_TOO_LARGE: Final = 431

VERSION_NOT_SUPPORTED: Final = 505


def configuration(limits: ServerLimits, tls: tuple[str, str] | None) -> Config:
    """Return Hypercorn's settings for these limits; it logs nothing by itself."""
    config = Config()
    config.read_timeout = limits.read_timeout_seconds
    config.websocket_ping_interval = limits.ping_seconds
    config.websocket_max_message_size = limits.message_bytes_max
    config.h11_max_incomplete_size = limits.incomplete_bytes_max
    config.keep_alive_timeout = limits.handshake_seconds_max
    config.ssl_handshake_timeout = limits.handshake_seconds_max
    config.graceful_timeout = limits.shutdown_seconds
    config.backlog = limits.backlog
    config.include_server_header = False
    config.alpn_protocols = ["http/1.1"]
    config.errorlog = None
    if tls is not None:
        config.certfile, config.keyfile = tls
    return config


class Application:
    """The ASGI application as Hypercorn calls it, its faults counted with the rest."""

    def __init__(self, app: ASGIApp, guests: Guests) -> None:
        self._app = app
        self._guests = guests

    async def __call__(
        self, scope: Scope, receive: Receive, send: Send, *_threads: object
    ) -> None:
        """Run one request or WebSocket; on a fault Hypercorn answers 500 or 1011."""
        interrupted = False
        try:
            await self._app(scope, receive, send)
        except* Exception as group:  # noqa: BLE001 - the connection guard
            transport = current_transport.get()
            assert transport is not None, "the guard sets it before any request"
            self._guests.record(group, transport.peer)
        except* KeyboardInterrupt:
            interrupted = True
        if interrupted:
            # Hypercorn swallows a group whatever is in it, a bare Ctrl-C never.
            raise KeyboardInterrupt


class PlainProtocol(H11Protocol):
    """Hypercorn's HTTP/1.1 without the upgrade to HTTP/2 and without deflate."""

    async def handle(self, event: Event) -> None:
        """Close after the frame that says a message is too long: 1009 is final."""
        await super().handle(event)
        if not isinstance(self.stream, WSStream):
            return
        # Hypercorn would go on keeping what the refused message still brings.
        if self.stream.buffer.length > self.config.websocket_max_message_size:
            await self.send(Closed())

    async def _check_protocol(self, event: h11.Request) -> None:
        """Leave an offered h2c alone: RFC 9110 lets a server ignore an upgrade."""

    async def _create_stream(self, request: h11.Request) -> None:
        # h11 limits an incomplete head only; one that came in one piece is whole.
        head_bytes = sum(len(name) + len(text) for name, text in request.headers)
        names = {name for name, _text in request.headers}
        if request.http_version > b"1.1":
            await self._turn_away(VERSION_NOT_SUPPORTED)
        elif names >= {b"content-length", b"transfer-encoding"}:
            # Whoever stands before us may have gone by the other one: smuggling.
            await self._turn_away(BAD_REQUEST)
        elif head_bytes > self.config.h11_max_incomplete_size:
            await self._turn_away(HEADERS_TOO_LARGE)
        else:
            await super()._create_stream(_without_extensions(request))

    async def _turn_away(self, status: int) -> None:
        await self._send_error_response(status)
        await self.send(Closed())


def _without_extensions(request: h11.Request) -> h11.Request:
    headers: list[Any] = [
        (name, text)
        for name, text in request.headers
        if name != b"sec-websocket-extensions"
    ]
    return h11.Request(
        method=request.method,
        target=request.target,
        headers=headers,
        http_version=request.http_version,
    )


class Connection(TCPServer):
    """Hypercorn's TCP server for one connection, speaking `PlainProtocol`."""

    async def _read_data(self) -> None:
        offered = self.protocol
        self.protocol = PlainProtocol(  # type: ignore[assignment]  # same interface
            offered.app,
            offered.config,
            offered.context,
            offered.task_group,
            offered.state,
            offered.ssl,
            offered.client,
            offered.server,
            offered.send,
        )
        await super()._read_data()
        # Whoever left between two requests would otherwise keep its place until the
        # time for the next one is over.
        await self.idle_task.stop()
