"""What engine and exchange say over their socket: framed msgpack, asked and answered.

An Ask is answered by one Answer of its number. What the exchange tells by itself comes
as Told before the Answer of the `play` that made it happen.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec

from actors.domain.orders import (
    ExchangePosition,
    ExchangeUpdate,
    Fill,
    OpenOrder,
    OrderRequest,
    OrderUpdate,
    Outcome,
)


class LaidOut(msgspec.Struct, frozen=True):
    """One bar: a row of BAR as bytes."""

    symbol: str
    bar: bytes
    open_ms: int
    close_ms: int


class Status(msgspec.Struct, frozen=True):
    """What the port answers without waiting; it comes with every Answer."""

    now_ms: int = 0
    active: frozenset[str] = frozenset()
    held: frozenset[str] = frozenset()
    account_serial: int = 0


class Ask(msgspec.Struct, frozen=True):
    number: int
    method: str
    args: msgspec.Raw


class Answer(msgspec.Struct, frozen=True, tag="answer"):
    number: int
    status: Status
    result: msgspec.Raw
    error: str = ""


class Told(msgspec.Struct, frozen=True, tag="told"):
    now_ms: int
    update: ExchangeUpdate


#: method -> types of its arguments, type of its result.
METHODS: dict[str, tuple[Any, Any]] = {
    "hello": (tuple[()], None),
    "place": (tuple[OrderRequest], Outcome),
    "cancel": (tuple[str, str], Outcome),
    "fetch_order": (tuple[str, str], OrderUpdate | None),
    "fetch_open_orders": (tuple[()], tuple[OpenOrder, ...]),
    "fetch_positions": (tuple[()], tuple[ExchangePosition, ...]),
    "fetch_fills": (tuple[int], tuple[Fill, ...]),
    "fetch_balance": (tuple[()], Decimal),
    "fetch_equity": (tuple[()], Decimal),
    "fetch_time": (tuple[()], int),
    "play": (tuple[int, tuple[LaidOut, ...]], bool),
}

encode = msgspec.msgpack.Encoder().encode
read_ask = msgspec.msgpack.Decoder(Ask).decode
read_word = msgspec.msgpack.Decoder(Answer | Told).decode


def framed(message: Any) -> bytes:
    body = encode(message)
    return len(body).to_bytes(4, "big") + body


def asking(number: int, method: str, args: tuple[Any, ...]) -> bytes:
    return framed(Ask(number, method, msgspec.Raw(encode(args))))


class Frames:
    """Cuts a stream of bytes into frames; what is not whole yet is kept."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def add(self, more: bytes) -> None:
        self._bytes += more

    def whole(self) -> Iterator[bytes]:
        while (frame := self.next()) is not None:
            yield frame

    def next(self) -> bytes | None:
        if len(self._bytes) < 4:
            return None
        end = 4 + int.from_bytes(self._bytes[:4], "big")
        if len(self._bytes) < end:
            return None
        frame = bytes(self._bytes[4:end])
        del self._bytes[:end]
        return frame
