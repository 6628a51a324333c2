"""The probes: what a hostile, broken or unlucky peer sends, and what it is answered."""

from dataclasses import dataclass
from typing import Final

import h2.config
import h2.connection
import trio

from tests.wire.world import WS_KEY, frame, get, handshake, read_until

UNTIL_CLOSED: Final = b""
"""The peer is told nothing more: the server closes."""

WEBSOCKET: Final = b"101"
OK: Final = b"200"
BAD: Final = b"400"
FORBIDDEN: Final = b"403"
NO_SUCH_VERSION: Final = b"505"


@dataclass(frozen=True)
class Probe:
    """Bytes in steps; after each but the last the peer waits for a header's end."""

    name: str
    steps: tuple[bytes, ...]
    answer: bytes
    crashes: frozenset[str] = frozenset()
    """The classes of the exceptions that the guard has to catch."""

    kills_unguarded: bool = False
    """Hypercorn's server without our guard ends with this probe."""

    def __str__(self) -> str:
        return self.name.replace(" ", "_")

    async def play(self, client: trio.SocketStream) -> bytes:
        """Send the steps and return what came after the last."""
        for step in self.steps[:-1]:
            await client.send_all(step)
            await read_until(client, b"\r\n\r\n")
        await client.send_all(self.steps[-1])
        return await read_until(client, self.answer)


def http2(path: bytes = b"/plain") -> bytes:
    settings = h2.config.H2Configuration(
        header_encoding=False, validate_outbound_headers=False
    )
    connection = h2.connection.H2Connection(settings)
    connection.initiate_connection()
    pseudo = [(b":method", b"GET"), (b":scheme", b"http"), (b":path", path)]
    connection.send_headers(1, [*pseudo, (b":authority", b"localhost")], True)
    return connection.data_to_send()


def h2c(settings: bytes) -> bytes:
    return get(
        "/plain",
        b"Connection: Upgrade, HTTP2-Settings",
        b"Upgrade: h2c",
        b"HTTP2-Settings: " + settings,
    )


def deflate(parameters: bytes) -> bytes:
    offer = b"Sec-WebSocket-Extensions: permessage-deflate"
    return handshake("/ws", offer + parameters)


def post(*headers: bytes, body: bytes = b"") -> bytes:
    lines = [b"POST /body HTTP/1.1", b"Host: localhost", *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


JSON: Final = b"Content-Type: application/json"
PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HUGE: Final = b"\x82\xff\x7f" + b"\xff" * 7 + bytes(4)
SMUGGLED: Final = get("/raise")

PROBES: Final = (
    Probe("plain get", (get("/plain"),), OK),
    Probe("garbage", (b"\x00\xff\x16\x03\x01 no such thing\r\n\r\n",), BAD),
    Probe("bare line ends", (b"\r\n" * 40,), UNTIL_CLOSED),
    Probe("websocket", (handshake(), frame(b"hello")), b"hello"),
    Probe(
        "trailing byte before accept",
        (handshake() + b"x",),
        BAD,
        crashes=frozenset({"LocalProtocolError"}),
        kills_unguarded=True,
    ),
    Probe(
        "non ascii subprotocol",
        (handshake("/ws", b"Sec-WebSocket-Protocol: caf\xc3\xa9"),),
        UNTIL_CLOSED,
        crashes=frozenset({"UnicodeDecodeError"}),
        kills_unguarded=True,
    ),
    Probe(
        "non ascii extension",
        (handshake("/ws", b"Sec-WebSocket-Extensions: caf\xc3\xa9"),),
        WEBSOCKET,
        kills_unguarded=True,
    ),
    Probe("non ascii key", (handshake(key=b"caf\xc3\xa9"),), WEBSOCKET),
    Probe("no key", (handshake(key=b""),), WEBSOCKET),
    Probe(
        "non ascii connection token",
        (
            get(
                "/ws",
                b"Upgrade: websocket",
                b"Connection: Upgrade, \xff\xfe",
                b"Sec-WebSocket-Version: 13",
                b"Sec-WebSocket-Key: " + WS_KEY,
            ),
        ),
        UNTIL_CLOSED,
        crashes=frozenset({"UnicodeDecodeError"}),
        kills_unguarded=True,
    ),
    Probe(
        "old websocket",
        (get("/ws", b"Upgrade: websocket", b"Connection: Upgrade"),),
        BAD,
    ),
    Probe("deflate offered", (deflate(b""),), WEBSOCKET),
    Probe(
        "deflate bad",
        (deflate(b"; server_max_window_bits=x"),),
        WEBSOCKET,
        kills_unguarded=True,
    ),
    Probe(
        "deflate out of range", (deflate(b"; server_max_window_bits=99"),), WEBSOCKET
    ),
    Probe("deflate unknown", (deflate(b"; no_such=1; =; ;"),), WEBSOCKET),
    Probe(
        "deflate corrupt", (deflate(b""), frame(b"\xff" * 9, first=0xC1)), UNTIL_CLOSED
    ),
    Probe(
        "unoffered subprotocol",
        (handshake("/unoffered"),),
        UNTIL_CLOSED,
        crashes=frozenset({"Exception", "AttributeError"}),
        kills_unguarded=True,
    ),
    Probe("invalid utf8", (handshake(), frame(b"\xff\xfe")), UNTIL_CLOSED),
    Probe("reserved opcode", (handshake(), frame(b"x", first=0x83)), UNTIL_CLOSED),
    Probe("reserved bits", (handshake(), frame(b"x", first=0xF1)), UNTIL_CLOSED),
    Probe("unmasked frame", (handshake(), b"\x81\x01x"), UNTIL_CLOSED),
    Probe("fragmented ping", (handshake(), frame(b"x", first=0x09)), UNTIL_CLOSED),
    Probe(
        "continuation of nothing", (handshake(), frame(b"x", first=0x80)), UNTIL_CLOSED
    ),
    Probe(
        "close code of one byte", (handshake(), frame(b"x", first=0x88)), UNTIL_CLOSED
    ),
    Probe(
        "close code unknown",
        (handshake(), frame(b"\x00\x01", first=0x88)),
        UNTIL_CLOSED,
    ),
    Probe("frame of 2 to the 63", (handshake(), HUGE + bytes(70_000)), b"\x03\xf1"),
    Probe("http2", (http2(),), NO_SUCH_VERSION),
    Probe(
        "http2 non ascii path",
        (http2(b"/caf\xc3\xa9"),),
        NO_SUCH_VERSION,
        kills_unguarded=True,
    ),
    Probe("http2 garbage", (PREFACE + b"\xff" * 300,), NO_SUCH_VERSION),
    Probe("h2c", (h2c(b"AAMAAABkAAQAoAAAAAIAAAAA"),), OK),
    Probe("h2c bad settings", (h2c(b"!!!"),), OK),
    Probe("h2c non ascii settings", (h2c(b"\xff\xfe"),), OK),
    Probe("header flood", (get("/plain", *[b"X-Y: " + b"z" * 90] * 400),), b"431"),
    Probe("line without end", (b"GET /" + b"a" * 20_000,), b"431"),
    Probe("no host", (b"GET /plain HTTP/1.0\r\n\r\n",), BAD),
    Probe("two hosts", (get("/plain", b"Host: localhost"),), BAD),
    Probe("foreign host", (b"GET /plain HTTP/1.1\r\nHost: evil.example\r\n\r\n",), BAD),
    Probe(
        "foreign origin", (get("/plain", b"Origin: https://evil.example"),), FORBIDDEN
    ),
    Probe("non ascii origin", (get("/plain", b"Origin: \xff"),), FORBIDDEN),
    Probe("foreign websocket", (handshake("/ws", b"Origin: null"),), FORBIDDEN),
    Probe("non ascii token", (get("/plain", b"Authorization: Bearer \xff\xfe"),), OK),
    Probe(
        "non ascii path",
        (b"GET /caf\xc3\xa9 HTTP/1.1\r\nHost: localhost\r\n\r\n",),
        BAD,
    ),
    Probe("percent path", (get("/%ff%fe%00"),), b"404"),
    Probe(
        "connect method", (b"CONNECT x:1 HTTP/1.1\r\nHost: localhost\r\n\r\n",), b"404"
    ),
    Probe(
        "fault in the application",
        (get("/raise"),),
        b"500",
        crashes=frozenset({"ArithmeticError"}),
    ),
    Probe(
        "both lengths",
        (
            post(
                JSON,
                b"Content-Length: 5",
                b"Transfer-Encoding: chunked",
                body=b"0\r\n\r\n" + SMUGGLED,
            ),
        ),
        BAD,
    ),
    Probe("two lengths", (post(b"Content-Length: 5", b"Content-Length: 6"),), BAD),
    Probe("negative length", (post(b"Content-Length: -1"),), BAD),
    Probe("unknown transfer coding", (post(b"Transfer-Encoding: identity"),), b"501"),
    Probe(
        "bad chunk",
        (post(JSON, b"Transfer-Encoding: chunked", body=b"zz\r\n"),),
        BAD,
    ),
    Probe(
        "form",
        (post(b"Content-Length: 3", b"Content-Type: text/plain", body=b"a=b"),),
        b"415",
    ),
    Probe(
        "body of 64 MiB declared", (post(JSON, b"Content-Length: 67108864"),), b"413"
    ),
)
