"""The frame reader against the protocol's cases, and against wsproto as an oracle."""

import zlib
from random import Random

import pytest
from wsproto.frame_protocol import FrameProtocol, Opcode, ParseFailed

from actors.sockets import (
    Binary,
    FrameReader,
    HandshakeFailed,
    MessageTooBig,
    NotUtf8,
    ProtocolBroken,
)
from actors.sockets.handshake import Request, answered
from actors.sockets.inflate import Deflate, agreed
from actors.sockets.target import Target
from actors.sockets.writing import close_payload, frame, masked

LIMIT = 1 << 20


def raw(first: int, payload: bytes, *, mask: int = 0, form: int | None = None) -> bytes:
    """One frame as a server writes it; `form` forces a length of 2 or 8 bytes."""
    size = len(payload)
    form = form or (0 if size < 126 else 2 if size < 1 << 16 else 8)
    if form == 0:
        return bytes((first, mask | size)) + payload
    code = {2: 126, 8: 127}[form]
    return bytes((first, mask | code)) + size.to_bytes(form, "big") + payload


def read(wire: bytes, reader: FrameReader | None = None) -> list[bytes]:
    reader = reader or FrameReader(LIMIT)
    messages = reader.feed(wire)
    if reader.broken is not None:
        raise reader.broken
    return messages


# --- good streams ---------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65_535, 65_536, 300_000])
@pytest.mark.parametrize("kind", [0x81, 0x82])
def test_a_message_of_any_length_comes_whole(size: int, kind: int) -> None:
    payload = b"x" * size
    (message,) = read(raw(kind, payload))
    assert message == payload
    assert isinstance(message, Binary) is (kind == 0x82)


def test_one_receive_gives_all_its_messages_and_keeps_the_rest() -> None:
    reader = FrameReader(LIMIT)
    wire = b"".join(raw(0x81, b"%d" % n) for n in range(100))
    assert reader.feed(wire[:-1]) == [b"%d" % n for n in range(99)]
    assert reader.feed(wire[-1:]) == [b"99"]


def test_control_frames_may_stand_between_the_pieces_of_a_message() -> None:
    reader = FrameReader(LIMIT)
    wire = raw(0x01, "gr\u00fc".encode()[:3]) + raw(0x89, b"are you there")
    wire += raw(0x00, "gr\u00fc".encode()[3:]) + raw(0x8A, b"") + raw(0x80, b"n")
    assert read(wire, reader) == ["gr\u00fcn".encode()]
    assert reader.pings == [b"are you there"]
    assert reader.pongs == 1


def test_nothing_is_read_after_the_peers_goodbye() -> None:
    reader = FrameReader(LIMIT)
    goodbye = raw(0x88, close_payload(1001, "maintenance"))
    assert read(raw(0x81, b"last") + goodbye + raw(0x81, b"never"), reader) == [b"last"]
    assert reader.closed == (1001, "maintenance")
    assert reader.feed(raw(0x81, b"never")) == []


@pytest.mark.parametrize("code", [1000, 1001, 1003, 1007, 1011, 1014, 3000, 4999])
def test_a_valid_close_code_is_understood(code: int) -> None:
    reader = FrameReader(LIMIT)
    read(raw(0x88, code.to_bytes(2, "big")), reader)
    assert reader.closed == (code, "")


# --- broken streams -------------------------------------------------------------------

BROKEN = {
    "reserved bit 2": raw(0xA1, b"x"),
    "reserved bit 3": raw(0x91, b"x"),
    "compressed without an agreement": raw(0xC1, b"x"),
    "opcode 3": raw(0x83, b"x"),
    "opcode 11": raw(0x8B, b"x"),
    "masked": raw(0x81, b"\0\0\0\0x", mask=0x80),
    "ping in pieces": raw(0x09, b"x"),
    "ping of 126 bytes": raw(0x89, b"x" * 126),
    "close of 126 bytes": raw(0x88, b"\x03\xe8" + b"x" * 124),
    "goes on without a beginning": raw(0x80, b"x"),
    "begins within another": raw(0x01, b"x") + raw(0x81, b"y"),
    "binary within a text": raw(0x01, b"x") + raw(0x82, b"y"),
    "short length in two bytes": raw(0x81, b"x", form=2),
    "short length in eight bytes": raw(0x81, b"x" * 126, form=8),
    "negative length": b"\x81\x7f" + b"\xff" * 8,
    "close with half a code": raw(0x88, b"\x03"),
    "close with 1005": raw(0x88, (1005).to_bytes(2, "big")),
    "close with 1006": raw(0x88, (1006).to_bytes(2, "big")),
    "close with 1015": raw(0x88, (1015).to_bytes(2, "big")),
    "close with 999": raw(0x88, (999).to_bytes(2, "big")),
    "close with 2000": raw(0x88, (2000).to_bytes(2, "big")),
    "close with 5000": raw(0x88, (5000).to_bytes(2, "big")),
}


@pytest.mark.parametrize("wire", BROKEN.values(), ids=BROKEN)
def test_a_break_of_the_protocol_ends_the_stream(wire: bytes) -> None:
    reader = FrameReader(LIMIT)
    assert reader.feed(raw(0x81, b"good") + wire) == [b"good"]
    assert type(reader.broken) is ProtocolBroken
    assert reader.feed(raw(0x81, b"never")) == []


NOT_UTF8 = [b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xce\xba\xe1"]


@pytest.mark.parametrize("text", NOT_UTF8)
def test_a_text_that_is_not_utf8_is_refused(text: bytes) -> None:
    wires = [
        raw(0x81, text),
        raw(0x01, text[:1]) + raw(0x80, text[1:]),
        raw(0x88, b"\x03\xe8" + text),
    ]
    for wire in wires:
        with pytest.raises(NotUtf8):
            read(wire)
    assert read(raw(0x82, text)) == [text]


def test_a_message_above_the_limit_is_refused_at_its_head() -> None:
    with pytest.raises(MessageTooBig):
        read(raw(0x81, b"x" * 1001)[:4], FrameReader(1000))
    with pytest.raises(MessageTooBig):
        read(raw(0x01, b"x" * 600) + raw(0x80, b"x" * 401), FrameReader(1000))
    assert read(raw(0x81, b"x" * 1000), FrameReader(1000)) == [b"x" * 1000]


def test_the_pieces_of_a_message_and_the_pings_are_counted() -> None:
    with pytest.raises(MessageTooBig):
        read(raw(0x01, b"") + raw(0x00, b"") * 70_000)
    with pytest.raises(ProtocolBroken):
        read(raw(0x89, b"") * 2_000)


# --- compression ----------------------------------------------------------------------


def deflated(compressor: "zlib._Compress", text: bytes) -> bytes:
    return (compressor.compress(text) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]


@pytest.mark.parametrize("terms", [Deflate(True, 15), Deflate(False, 15)])
def test_compressed_messages_are_inflated(terms: Deflate) -> None:
    reader = FrameReader(LIMIT, terms)
    compressor = zlib.compressobj(wbits=-15)
    for n in range(50):
        if terms.afresh:
            compressor = zlib.compressobj(wbits=-15)
        text = b'{"price": %d}' % n * 20
        body = deflated(compressor, text)
        wire = raw(0x41, body[:5]) + raw(0x89, b"") + raw(0x80, body[5:])
        assert read(wire, reader) == [text]
    assert read(raw(0x81, b"plain"), reader) == [b"plain"]


def test_a_block_that_says_it_is_the_last_is_no_fault() -> None:
    reader = FrameReader(LIMIT, Deflate(False, 15))
    compressor = zlib.compressobj(wbits=-15)
    body = compressor.compress(b"Hello") + compressor.flush(zlib.Z_FINISH) + b"\0"
    assert read(raw(0xC1, body) * 2, reader) == [b"Hello"] * 2


def test_a_bomb_is_cut_off_at_the_limit() -> None:
    bomb = deflated(zlib.compressobj(wbits=-15), b"\0" * 50_000_000)
    assert len(bomb) < 60_000
    with pytest.raises(MessageTooBig):
        read(raw(0xC2, bomb), FrameReader(100_000, Deflate(False, 15)))


def test_damaged_compression_is_a_break_of_the_protocol() -> None:
    with pytest.raises(ProtocolBroken):
        read(raw(0xC1, b"\xff\xff\xff"), FrameReader(LIMIT, Deflate(False, 15)))
    with pytest.raises(ProtocolBroken):  # only a message's first piece may say it
        read(raw(0x41, b"") + raw(0xC0, b""), FrameReader(LIMIT, Deflate(False, 15)))


@pytest.mark.parametrize(
    "header",
    [
        "x-webkit-deflate-frame",
        "permessage-deflate; server_max_window_bits=7",
        "permessage-deflate; server_max_window_bits",
        "permessage-deflate; mystery",
        "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
        "permessage-deflate, permessage-deflate",
    ],
)
def test_compression_on_terms_that_were_not_offered_is_refused(header: str) -> None:
    with pytest.raises(HandshakeFailed):
        agreed(header, offered=True)


def test_the_peers_terms_of_compression_are_read() -> None:
    header = 'permessage-deflate; server_max_window_bits="10"; client_max_window_bits=9'
    assert agreed(header, offered=True) == Deflate(False, 10)
    full = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
    assert agreed(full, offered=True) == Deflate(True, 15)
    assert agreed(None, offered=True) is None
    with pytest.raises(HandshakeFailed):
        agreed(header, offered=False)


def test_a_subprotocol_or_compression_that_nobody_asked_for_is_refused() -> None:
    request = Request(Target.parse("ws://x/"), b"k" * 16, {}, ("v1",), deflate=False)
    head = (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\n"
        b"Connection: keep-alive, Upgrade\r\n"
        b"Sec-WebSocket-Accept: fWqaG1+MrNNJFCD8bf/FloL+yTY=\r\n%s\r\nrest"
    )
    good = answered(request, head % b"Sec-WebSocket-Protocol: v1\r\n")
    assert good is not None
    assert (good.subprotocol, good.rest) == ("v1", b"rest")
    for extra in (
        b"Sec-WebSocket-Protocol: v2\r\n",
        b"Sec-WebSocket-Extensions: permessage-deflate\r\n",
    ):
        with pytest.raises(HandshakeFailed):
            answered(request, head % extra)


# --- against wsproto ------------------------------------------------------------------


def random_stream(random: Random) -> bytes:
    """Messages in random pieces with control frames between them."""
    wire = []
    for _ in range(random.randint(1, 12)):
        size = random.choice([0, 1, 20, 125, 126, 400, 66_000])
        text = random.random() < 0.7
        letters = random.choice(["abc", "a\u00e9\u20ac\U0001f600"])
        body = (
            "".join(random.choices(letters, k=size // 2)).encode()
            if text
            else random.randbytes(size)
        )
        pieces = random.choice([1, 1, 1, 2, 5])
        cuts = sorted(random.randint(0, len(body)) for _ in range(pieces - 1))
        edges = [0, *cuts, len(body)]
        for at in range(pieces):
            first = (0x1 if text else 0x2) if at == 0 else 0x0
            fin = 0x80 if at == pieces - 1 else 0
            wire.append(raw(fin | first, body[edges[at] : edges[at + 1]]))
            if random.random() < 0.2:
                kind = random.choice([0x89, 0x8A])
                wire.append(raw(kind, random.randbytes(random.randint(0, 125))))
    return b"".join(wire)


def oracle(wire: bytes) -> tuple[list[bytes], list[bytes], bool]:
    """What wsproto reads: messages, pings, whether it found a fault."""
    protocol, parts = FrameProtocol(client=True, extensions=[]), []
    messages, pings, faulty = [], [], False
    protocol.receive_bytes(wire)
    try:
        for found in protocol.received_frames():
            if found.opcode is Opcode.PING:
                pings.append(bytes(found.payload))
            elif found.opcode is Opcode.CLOSE:
                break
            elif found.opcode in {Opcode.TEXT, Opcode.BINARY, Opcode.CONTINUATION}:
                payload = found.payload
                text = isinstance(payload, str)
                parts.append(payload.encode() if text else bytes(payload))
                if found.message_finished:
                    messages.append(b"".join(parts))
                    parts.clear()
    except ParseFailed:
        faulty = True
    return messages, pings, faulty


def fed_in_pieces(reader: FrameReader, wire: bytes, random: Random) -> list[bytes]:
    messages, at = [], 0
    largest = random.choice([1, 3, 50, 5_000, 200_000])
    while at < len(wire):
        step = random.randint(1, largest)
        messages += reader.feed(wire[at : at + step])
        at += step
    return messages


@pytest.mark.parametrize("seed", range(150))
def test_any_fragmentation_of_the_bytes_gives_what_wsproto_gives(seed: int) -> None:
    random = Random(seed)
    wire = random_stream(random)
    expected, pings, faulty = oracle(wire)
    reader = FrameReader(LIMIT)
    assert not faulty
    assert fed_in_pieces(reader, wire, random) == expected
    assert reader.pings == pings
    assert reader.broken is None


@pytest.mark.parametrize("seed", range(300))
def test_damaged_bytes_are_judged_as_wsproto_judges_them(seed: int) -> None:
    random = Random(seed)
    wire = bytearray(random_stream(random)[:3_000])
    for _ in range(random.randint(1, 3)):
        wire[random.randrange(len(wire))] = random.randrange(256)
    expected, _, faulty = oracle(bytes(wire))
    reader = FrameReader(1 << 62)
    found = fed_in_pieces(reader, bytes(wire), random)
    # wsproto checks a text piece by piece, so it may give up before we do, never later.
    assert found[: len(expected)] == expected
    if reader.broken is not None:
        assert faulty


# --- what we write --------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 3, 4, 125, 126, 65_535, 65_536, 100_001])
def test_wsproto_reads_what_we_write(size: int) -> None:
    payload = Random(size).randbytes(size)
    server = FrameProtocol(client=False, extensions=[])
    server.receive_bytes(frame(0x2, payload, b"\x12\x34\xab\xcd"))
    assert b"".join(bytes(f.payload) for f in server.received_frames()) == payload


def test_masking_twice_gives_the_payload_back() -> None:
    for size in range(70):
        payload = bytes(range(size))
        assert masked(masked(payload, b"abcd"), b"abcd") == payload


def test_a_long_reason_is_cut_between_letters() -> None:
    payload = close_payload(1000, "\u20ac" * 60)
    assert len(payload) <= 125
    assert payload[2:].decode() == "\u20ac" * 41
