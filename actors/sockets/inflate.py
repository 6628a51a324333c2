"""permessage-deflate as a client: the offer, the peer's answer, bounded inflating.

We never compress what we send, so only the peer's half of the answer matters: whether
it starts afresh with each message and how large its window is.
"""

import zlib

import msgspec

from actors.sockets.errors import HandshakeFailed, MessageTooBig, ProtocolBroken

OFFER = "permessage-deflate; client_max_window_bits"
#: What the sender cuts off the end of every message (RFC 7692, section 7.2.1).
TAIL = b"\x00\x00\xff\xff"
#: What may be left of a message: nothing, or that end behind a block marked the last.
ENDS = frozenset({b"", TAIL, b"\x00" + TAIL})
WINDOWS = frozenset(str(bits) for bits in range(8, 16))


class Deflate(msgspec.Struct, frozen=True):
    """What was agreed about the peer's messages."""

    afresh: bool  # server_no_context_takeover
    window_bits: int


def agreed(header: str | None, *, offered: bool) -> Deflate | None:
    """Read the peer's Sec-WebSocket-Extensions; None: messages come as they are.

    Raises HandshakeFailed for an answer that was not offered or has unknown terms.
    """
    if not header:
        return None
    name, *parameters = [part.strip() for part in header.split(";")]
    if not offered or name.lower() != "permessage-deflate":
        msg = f"the peer uses an extension that was not offered: {header[:200]!r}"
        raise HandshakeFailed(msg)
    given: dict[str, str] = {}
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        key, value = key.strip().lower(), value.strip().strip('"')
        if key in given or not _allowed(key, value):
            msg = f"the peer's compression has bad terms: {header[:200]!r}"
            raise HandshakeFailed(msg)
        given[key] = value
    return Deflate(
        "server_no_context_takeover" in given,
        int(given.get("server_max_window_bits", "15")),
    )


def _allowed(key: str, value: str) -> bool:
    if key in {"server_no_context_takeover", "client_no_context_takeover"}:
        return not value
    if key in {"server_max_window_bits", "client_max_window_bits"}:
        return value in WINDOWS
    return False


class Inflater:
    """Inflates message after message, none above `bytes_max`."""

    def __init__(self, terms: Deflate, bytes_max: int) -> None:
        self._terms = terms
        self._bytes_max = bytes_max
        self._stream = self._fresh()

    def _fresh(self) -> "zlib._Decompress":
        # zlib refuses a raw window of 8 bits; one of 9 reads it as well.
        return zlib.decompressobj(-max(self._terms.window_bits, 9))

    def message(self, compressed: bytes) -> bytes:
        """Inflate one whole message; a bomb is cut off at the limit.

        Raises MessageTooBig or ProtocolBroken; the connection is of no use then.
        """
        stream = self._stream
        try:
            inflated = stream.decompress(compressed + TAIL, self._bytes_max + 1)
        except zlib.error as error:
            msg = f"a compressed message is damaged: {error}"
            raise ProtocolBroken(msg) from error
        if len(inflated) > self._bytes_max:
            msg = f"a message inflates beyond {self._bytes_max} bytes"
            raise MessageTooBig(msg)
        if stream.unused_data not in ENDS:
            msg = "a compressed message goes on after its end"
            raise ProtocolBroken(msg)
        if self._terms.afresh or stream.eof:
            self._stream = self._fresh()
        return inflated
