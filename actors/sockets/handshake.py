"""The opening handshake: our request, the peer's answer, and what both agree on."""

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence

import msgspec

from actors.sockets.errors import HandshakeFailed
from actors.sockets.inflate import OFFER, Deflate, agreed
from actors.sockets.target import Target

HEAD_BYTES_MAX = 64 * 1024
BODY_BYTES_MAX = 4 * 1024
MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
STATUS_LINE = re.compile(r"HTTP/1\.1 (\d{3})(?: .*)?")
#: Headers that are ours to set.
OWN = frozenset(
    {
        "connection",
        "upgrade",
        "sec-websocket-key",
        "sec-websocket-version",
        "sec-websocket-extensions",
        "sec-websocket-protocol",
    }
)


class Request(msgspec.Struct, frozen=True):
    """What we ask for; `key` is sixteen random bytes."""

    target: Target
    key: bytes
    headers: Mapping[str, str] = {}
    subprotocols: Sequence[str] = ()
    deflate: bool = True


class Answer(msgspec.Struct, frozen=True):
    """What was agreed; `rest` are bytes that already belong to frames."""

    headers: dict[str, str]  # lower-case names
    subprotocol: str | None
    deflate: Deflate | None
    rest: bytes


def written(request: Request) -> bytes:
    """Write the request; ValueError: a header of the caller's cannot be sent."""
    lines = [f"GET {request.target.resource} HTTP/1.1"]
    if not any(name.lower() == "host" for name in request.headers):
        lines.append(f"Host: {request.target.authority}")
    lines += [
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {base64.b64encode(request.key).decode()}",
        "Sec-WebSocket-Version: 13",
    ]
    if request.deflate:
        lines.append(f"Sec-WebSocket-Extensions: {OFFER}")
    if request.subprotocols:
        lines.append(f"Sec-WebSocket-Protocol: {', '.join(request.subprotocols)}")
    for name, value in request.headers.items():
        _check_header(name, value)
        lines.append(f"{name}: {value}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def _check_header(name: str, value: str) -> None:
    clean = HEADER_NAME.fullmatch(name) and not re.search(r"[\r\n\0]", value)
    if not clean or name.lower() in OWN:
        msg = f"the header {name!r} is the handshake's own, or cannot be sent"
        raise ValueError(msg)


def answered(request: Request, received: bytes) -> Answer | None:
    """Read the answer; None while its head is not complete.

    Raises HandshakeFailed for an answer that does not open this WebSocket.
    """
    head, complete, rest = received.partition(b"\r\n\r\n")
    if len(head) > HEAD_BYTES_MAX:
        msg = f"the answer's head is longer than {HEAD_BYTES_MAX} bytes"
        raise HandshakeFailed(msg)
    if not complete:
        return None
    status, headers = _head(head)
    if status != 101:
        told = rest[:BODY_BYTES_MAX]
        msg = f"the peer answered {status} {told[:200]!r} instead of 101"
        raise HandshakeFailed(msg, status, headers, told)
    _check_switch(request, headers)
    protocol = headers.get("sec-websocket-protocol")
    if protocol is not None and protocol not in request.subprotocols:
        msg = f"the peer chose the subprotocol {protocol!r}, which was not offered"
        raise HandshakeFailed(msg, status, headers)
    extensions = headers.get("sec-websocket-extensions")
    deflate = agreed(extensions, offered=request.deflate)
    return Answer(headers, protocol, deflate, rest)


def _head(head: bytes) -> tuple[int, dict[str, str]]:
    first, *lines = head.decode("latin-1").split("\r\n")
    status = STATUS_LINE.fullmatch(first)
    if status is None:
        msg = f"the answer is no HTTP/1.1: {first[:200]!r}"
        raise HandshakeFailed(msg)
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or HEADER_NAME.fullmatch(name) is None:
            msg = f"the answer has a damaged header: {line[:200]!r}"
            raise HandshakeFailed(msg, int(status[1]))
        name, value = name.lower(), value.strip()
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return int(status[1]), headers


def _check_switch(request: Request, headers: dict[str, str]) -> None:
    digest = hashlib.sha1(  # noqa: S324 - the protocol's own, no secret hangs on it
        base64.b64encode(request.key) + MAGIC
    ).digest()
    connection = {
        part.strip().lower() for part in headers.get("connection", "").split(",")
    }
    wrong = {
        "Upgrade": headers.get("upgrade", "").lower() != "websocket",
        "Connection": "upgrade" not in connection,
        "Sec-WebSocket-Accept": headers.get("sec-websocket-accept")
        != base64.b64encode(digest).decode(),
    }
    for name, is_wrong in wrong.items():
        if is_wrong:
            msg = f"the answer's {name} is not that of a WebSocket: "
            msg += f"{headers.get(name.lower())!r}"
            raise HandshakeFailed(msg, 101, headers)
