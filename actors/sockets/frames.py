"""Reads frames: all that are complete in what was received, in one pass.

A market's messages come many in one receive, each one unfragmented text frame. That
case is the loop of `feed`; everything rarer is a method of its own. Bytes of a frame
that is not complete are kept until its last byte is there, so a message that comes in
a thousand pieces is copied once and not a thousand times.

A break of the protocol is not raised by `feed`, because messages that came before it
in the same bytes are good: it returns them, and `broken` says what ended the stream.
"""

from actors.sockets.errors import MessageTooBig, NotUtf8, ProtocolBroken, SocketError
from actors.sockets.inflate import Deflate, Inflater
from actors.sockets.writing import BINARY, CLOSE, CONTINUATION, FIN, PING, PONG, TEXT

WHOLE_TEXT = FIN | TEXT
COMPRESSED = 0x40
RESERVED = 0x30
FRAGMENTS_MAX = 65_536
CONTROLS_MAX = 1_024
#: Codes that a peer may send (RFC 6455, section 7.4, and the registry behind it).
CLOSE_CODES = frozenset({*range(1000, 1004), *range(1007, 1015), *range(3000, 5000)})
NO_CODE = 1005


class Binary(bytes):
    """A binary message."""

    __slots__ = ()


class FrameReader:
    """One connection's incoming bytes, turned into messages."""

    def __init__(self, bytes_max: int, deflate: Deflate | None = None) -> None:
        self.broken: SocketError | None = None
        self.pings: list[bytes] = []  # that want a pong, oldest first
        self.pongs = 0
        self.closed: tuple[int, str] | None = None  # the peer's goodbye
        self._bytes_max = bytes_max
        self._inflater = None if deflate is None else Inflater(deflate, bytes_max)
        self._pending = bytearray()
        self._needed = 2
        self._fragments: list[bytes] = []
        self._fragments_bytes = 0
        self._opening: int | None = None  # the first byte of a fragmented message

    def feed(self, received: bytes | bytearray) -> list[bytes]:
        """Take bytes in; return the messages that are complete by them."""
        if self._pending:
            self._pending += received
            if len(self._pending) < self._needed:
                return []
            received, self._pending = self._pending, bytearray()
        messages: list[bytes] = []
        try:
            if not self._done():
                self._walk(bytes(received), messages)
        except ProtocolBroken as error:
            self.broken = error
        return messages

    def _done(self) -> bool:
        return self.broken is not None or self.closed is not None

    def _walk(self, received: bytes, messages: list[bytes]) -> None:
        at, end = 0, len(received)
        while end - at >= 2:
            first, size, start = received[at], received[at + 1], at + 2
            if size > 125:
                size, start = self._long(received, start, size)
            stop = start + size
            if stop > end or start > end:
                self._check(first, size)  # nobody waits for what is not allowed
                self._keep(received, at, max(start, stop) - at)
                return
            if first == WHOLE_TEXT and self._opening is None:
                if size > self._bytes_max:
                    self._check(first, size)
                text = received[start:stop]
                if not text.isascii():
                    check_utf8(text)
                messages.append(text)
            else:
                self._check(first, size)
                self._rare(first, received[start:stop], messages)
                if self.closed is not None:
                    return
            at = stop
        self._keep(received, at, 2)

    def _keep(self, received: bytes, at: int, needed: int) -> None:
        self._pending = bytearray(received[at:])
        self._needed = needed

    def _long(self, received: bytes, start: int, size: int) -> tuple[int, int]:
        """Read a length of two or eight bytes; where its end is not there, start > end.

        The answer is then the size 0 and where the length will end.
        """
        if size > 127:
            msg = "the peer masks its frames"
            raise ProtocolBroken(msg)
        body = start + (2 if size == 126 else 8)
        if body > len(received):
            return 0, body
        found = int.from_bytes(received[start:body], "big")
        if found < (126 if size == 126 else 1 << 16) or found >= 1 << 63:
            msg = f"a length of {found} bytes is written in {body - start} bytes"
            raise ProtocolBroken(msg)
        return found, body

    def _check(self, first: int, size: int) -> None:
        """Judge a frame by its first byte and its length."""
        opcode = first & 0x0F
        if first & RESERVED or (first & COMPRESSED and not self._may_compress(opcode)):
            msg = f"a frame has reserved bits set: {first:#04x}"
            raise ProtocolBroken(msg)
        if opcode in {CLOSE, PING, PONG}:
            if not first & FIN or size > 125:
                msg = f"a control frame of {size} bytes, or in pieces: {first:#04x}"
                raise ProtocolBroken(msg)
            return
        if opcode not in {CONTINUATION, TEXT, BINARY}:
            msg = f"a frame has the unknown opcode {opcode}"
            raise ProtocolBroken(msg)
        if (opcode == CONTINUATION) is (self._opening is None):
            msg = "a message begins within another, or goes on without a beginning"
            raise ProtocolBroken(msg)
        if size + self._fragments_bytes > self._bytes_max:
            msg = f"a message is longer than {self._bytes_max} bytes"
            raise MessageTooBig(msg)

    def _may_compress(self, opcode: int) -> bool:
        return self._inflater is not None and opcode in {TEXT, BINARY}

    def _rare(self, first: int, payload: bytes, messages: list[bytes]) -> None:
        """Take a frame that is not a whole text."""
        opcode = first & 0x0F
        if opcode == PING:
            if len(self.pings) >= CONTROLS_MAX:
                msg = f"more than {CONTROLS_MAX} pings at once"
                raise ProtocolBroken(msg)
            self.pings.append(payload)
        elif opcode == PONG:
            self.pongs += 1
        elif opcode == CLOSE:
            self.closed = _goodbye(payload)
        else:
            self._piece(first, payload, messages)

    def _piece(self, first: int, payload: bytes, messages: list[bytes]) -> None:
        if self._opening is None:
            self._opening = first
        self._fragments.append(payload)
        self._fragments_bytes += len(payload)
        if first & FIN:
            opening, whole = self._opening, b"".join(self._fragments)
            self._opening, self._fragments_bytes = None, 0
            self._fragments.clear()
            messages.append(self._message(opening, whole))
        elif len(self._fragments) >= FRAGMENTS_MAX:
            msg = f"a message in more than {FRAGMENTS_MAX} pieces"
            raise MessageTooBig(msg)

    def _message(self, opening: int, payload: bytes) -> bytes:
        if opening & COMPRESSED:
            assert self._inflater is not None, "checked with the frame's first byte"
            payload = self._inflater.message(payload)
        if opening & 0x0F == BINARY:
            return Binary(payload)
        check_utf8(payload)
        return payload


def check_utf8(text: bytes) -> None:
    """Raise NotUtf8 for a text that is none."""
    try:
        text.decode()
    except UnicodeDecodeError as error:
        msg = f"a text is not UTF-8 at byte {error.start}: {error.reason}"
        raise NotUtf8(msg) from error


def _goodbye(payload: bytes) -> tuple[int, str]:
    if not payload:
        return NO_CODE, ""
    code = int.from_bytes(payload[:2], "big")
    if len(payload) == 1 or code not in CLOSE_CODES:
        msg = f"a close frame has no valid code: {payload[:2]!r}"
        raise ProtocolBroken(msg)
    check_utf8(payload[2:])
    return code, payload[2:].decode()
