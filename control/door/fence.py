"""What no request gets past: body size, host, origin, content type, headers.

Each fence is a pure ASGI middleware that knows nothing of the routes behind it.
`fenced` puts them round an application in the one right order.
"""

from collections.abc import Collection
from typing import Final

import trio
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from actors.runtime.clock import WallClock
from control.wire import Reply, encode, iso

BODY_BYTES_MAX: Final = 65_536

BODY_SECONDS_MAX: Final = 10.0

OVERRUN_FACTOR: Final = 16
"""A body up to so many times too long is read away, so that its sender hears 413."""

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})

CONTENT_POLICY: Final = (
    b"default-src 'self'; base-uri 'none'; form-action 'self';"
    b" frame-ancestors 'none'; object-src 'none'"
)

HEADERS: Final = (
    (b"content-security-policy", CONTENT_POLICY),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (
        b"permissions-policy",
        b"camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    ),
)

_clock = WallClock()

TLS_ONLY: Final = (b"strict-transport-security", b"max-age=31536000")


class BodyLimit:
    """Reads a request's whole body before the application runs, or refuses it.

    413 for too many bytes, declared or streamed; 408 for a body that is not whole at
    its deadline.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        bytes_max: int = BODY_BYTES_MAX,
        seconds_max: float = BODY_SECONDS_MAX,
    ) -> None:
        self._app = app
        self._bytes_max = bytes_max
        self._seconds_max = seconds_max

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what is not HTTP, and HTTP once its body is whole."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = _values(scope, b"content-length")
        try:
            with trio.fail_after(self._seconds_max):
                body = await self._read(receive, int(declared[0]) if declared else 0)
        except trio.TooSlowError:
            limit = f"the body was not whole after {self._seconds_max} s"
            await refuse(scope, send, 408, limit)
        except _TooLong:
            limit = f"the body is longer than {self._bytes_max} bytes"
            await refuse(scope, send, 413, limit)
        except _Gone:
            return
        else:
            await self._app(scope, _Replay(body, receive), send)

    async def _read(self, receive: Receive, declared_bytes: int) -> bytes:
        """Return the body; raises _TooLong, or _Gone when its sender left."""
        body = bytearray()
        read_bytes = 0
        while max(read_bytes, declared_bytes) <= self._bytes_max * OVERRUN_FACTOR:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise _Gone
            piece = message.get("body", b"")
            read_bytes += len(piece)
            if read_bytes <= self._bytes_max:
                body += piece
            if not message.get("more_body", False):
                break
        if read_bytes > self._bytes_max or declared_bytes > self._bytes_max:
            raise _TooLong
        return bytes(body)


class _TooLong(Exception):
    """The body has more bytes than the limit."""


class _Gone(Exception):
    """The sender left before the body was whole."""


class _Replay:
    """Gives the application the body that was read, then what comes after it."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._body: bytes | None = body
        self._receive = receive

    async def __call__(self) -> Message:
        if self._body is None:
            return await self._receive()
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}


class HostFence:
    """Answers 400 to a request for a host that is not ours: no DNS rebinding."""

    def __init__(self, app: ASGIApp, *, allowed: Collection[str]) -> None:
        self._app = app
        self._allowed = frozenset(host.lower().encode() for host in allowed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Compare the one Host header, without its port, with the list."""
        hosts = _values(scope, b"host")
        if len(hosts) == 1 and _without_port(hosts[0]).lower() in self._allowed:
            await self._app(scope, receive, send)
        else:
            await refuse(scope, send, 400, "the Host header names no host of ours")


class OriginFence:
    """Keeps other sites' pages out, and every body that is not JSON.

    A browser sends its cookies with a WebSocket handshake from any page and asks no
    CORS question, so the Origin is compared before the application can accept. A
    request without Origin comes from no page; the sign-in behind this decides on it.
    """

    def __init__(self, app: ASGIApp, *, allowed: Collection[str]) -> None:
        self._app = app
        self._allowed = frozenset(origin.encode() for origin in allowed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 403 to a foreign origin and 415 to a form."""
        if not self._allowed.issuperset(_values(scope, b"origin")):
            await refuse(scope, send, 403, "this Origin is not on the list")
        elif scope["type"] == "http" and not _is_json_or_empty(scope):
            await refuse(scope, send, 415, "the body must be application/json")
        else:
            await self._app(scope, receive, send)


class SecurityHeaders:
    """Adds to every answer what a browser must not do with it."""

    def __init__(self, app: ASGIApp, *, tls: bool) -> None:
        self._app = app
        self._headers = [*HEADERS, TLS_ONLY] if tls else [*HEADERS]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on, the answer's start with our headers."""

        async def send_with_headers(message: Message) -> None:
            if message["type"].endswith("response.start"):
                headers = [*message.get("headers", []), *self._headers]
                message = {**message, "headers": headers}
            await send(message)

        await self._app(scope, receive, send_with_headers)


def fenced(
    app: ASGIApp, *, hosts: Collection[str], origins: Collection[str], tls: bool
) -> ASGIApp:
    """Return the application behind every fence, the cheapest test first.

    `hosts` are names without port, `origins` exact as a browser sends them, such as
    `https://console.example:8443`.
    """
    limited = BodyLimit(app)
    known = HostFence(OriginFence(limited, allowed=origins), allowed=hosts)
    return SecurityHeaders(known, tls=tls)


def _values(scope: Scope, name: bytes) -> list[bytes]:
    return [value for key, value in scope["headers"] if key == name]


def _without_port(host: bytes) -> bytes:
    """Cut the port; the brackets of an IPv6 address stay."""
    name, colon, port = host.rpartition(b":")
    return name if colon and port.isdigit() and not name.endswith(b":") else host


def _is_json_or_empty(scope: Scope) -> bool:
    if scope["method"] in SAFE_METHODS:
        return True
    types = _values(scope, b"content-type")
    if not types:
        lengths = _values(scope, b"content-length")
        chunked = _values(scope, b"transfer-encoding")
        return not chunked and all(int(length) == 0 for length in lengths)
    essence = types[0].partition(b";")[0].strip().lower()
    return len(types) == 1 and essence == b"application/json"


async def refuse(
    scope: Scope, send: Send, status: int, reason: str, *more: tuple[bytes, bytes]
) -> None:
    """Answer with a status before the application has seen anything."""
    prefix = "websocket." if scope["type"] == "websocket" else ""
    body = encode(Reply(False, reason, iso(_clock.now_ms())))
    await send(
        {
            "type": f"{prefix}http.response.start",
            "status": status,
            "headers": [
                (b"content-type", b"application/json"),
                (b"content-length", str(len(body)).encode()),
                *more,
            ],
        }
    )
    await send({"type": f"{prefix}http.response.body", "body": body})
