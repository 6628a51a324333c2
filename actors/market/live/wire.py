"""What every exchange's messages become: trades, quotes, candles, changes of a book.

Each exchange's file declares structs with these attribute names over its own field
names, so a message is decoded once, straight into the shape that the engine reads.
Prices are floats here, as everywhere where the market is only seen.
"""

from collections.abc import Callable, Sequence
from enum import StrEnum
from math import isfinite
from typing import Any, Protocol

import msgspec

Level = tuple[float, float]  # price, size; a size of 0 takes the level away


class Channel(StrEnum):
    """What can be subscribed for one symbol."""

    TRADES = "trades"
    QUOTE = "quote"  # best bid and ask
    CANDLE = "candle"  # of one minute
    DEPTH = "depth"


class Trade(Protocol):
    """One trade, or several of one taker at one price."""

    @property
    def trade_id(self) -> int | str:
        """Unique for the symbol."""

    @property
    def price(self) -> float:
        """In quote currency."""

    @property
    def size(self) -> float:
        """In the exchange's own units: contracts, or base currency."""

    @property
    def ts_ms(self) -> int:
        """When it happened, by the exchange."""

    @property
    def taker_sold(self) -> bool:
        """The taker's side."""


class Quote(Protocol):
    """The best bid and ask."""

    @property
    def bid(self) -> float:
        """Best price of a buyer."""

    @property
    def bid_size(self) -> float:
        """What stands there."""

    @property
    def ask(self) -> float:
        """Best price of a seller."""

    @property
    def ask_size(self) -> float:
        """What stands there."""

    @property
    def update_id(self) -> int:
        """Grows with each quote of the symbol, until the exchange begins anew."""

    @property
    def ts_ms(self) -> int:
        """When it was so, by the exchange; 0: it does not say."""


class Candle(msgspec.Struct, frozen=True, gc=False):
    """A one-minute candle so far, or at its close."""

    open_ts: int
    open: float
    high: float
    low: float
    close: float
    volume: float  # in base currency
    closed: bool
    ts_ms: int  # of the message, by the exchange
    trades: int | None = None  # None: the exchange does not say


def is_sound(candle: Candle) -> bool:
    """Whether it can be: prices above zero, the range around them, all finite."""
    opened, high, low, close = candle.open, candle.high, candle.low, candle.close
    if not all(map(isfinite, (opened, high, low, close, candle.volume))):
        return False
    inside = low <= min(opened, close) and max(opened, close) <= high
    return low > 0 and inside and candle.volume >= 0


class DepthUpdate(msgspec.Struct, gc=False):
    """Levels that changed, or a whole book, with its place in the sequence."""

    first_id: int | None  # the first change in it; None: the exchange numbers none
    last_id: int | None
    previous_id: int | None  # the last change of the update before it
    bids: Sequence[Level]
    asks: Sequence[Level]
    ts_ms: int
    is_snapshot: bool = False
    checksum: int | None = None  # of the book once this is applied
    #: The same levels as the exchange wrote them, where its checksum needs them.
    texts: tuple[Sequence[Sequence[str]], Sequence[Sequence[str]]] | None = None


Decode = Callable[[bytes], Sequence[Any]]


class Control(StrEnum):
    """What a message that belongs to no topic means."""

    IGNORED = "ignored"  # pongs, welcomes
    TAKEN = "taken"  # a request was carried out
    REFUSED = "refused"
    CLOSING = "closing"  # this connection will be closed soon: dial another
    UNHANDLED = "unhandled"


class Answer(msgspec.Struct, frozen=True):
    """A control message, read."""

    control: Control
    request: int | None = None  # the number of the request it answers
    topic: str | None = None  # where answers name topics instead of requests
    text: str = ""


def lax(kind: Any) -> Any:
    """Make a decoder that reads numbers out of strings, as exchanges write them."""
    return msgspec.json.Decoder(kind, strict=False).decode
