"""What a feed gives: trades, quotes, candles, and holes in them.

The names of the fields are those that the hot streams' market shapes have, so that
whoever reads one kind of feed can read the other. Floats, as everywhere where the
market is only seen. None means that the exchange does not say.
"""

from enum import StrEnum

import msgspec


class Kind(StrEnum):
    """What can be wanted of a symbol."""

    TRADES = "trades"
    QUOTES = "quotes"  # best bid and ask
    CANDLES = "candles"


class Shape(msgspec.Struct, frozen=True, tag=True, gc=False):
    """The base: something that a feed gives."""

    symbol: str


class Trade(Shape, frozen=True):
    """One trade."""

    trade_id: str
    price: float
    size: float
    ts_ms: int
    taker_sold: bool | None


class Quote(Shape, frozen=True):
    """The best bid and ask."""

    bid: float
    bid_size: float | None
    ask: float
    ask_size: float | None
    update_id: int  # counted by the feed: of two, the larger is the newer
    ts_ms: int  # 0: the exchange does not say


class Candle(Shape, frozen=True):
    """A candle so far, or at its close, which is when its successor shows."""

    open_ts: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    closed: bool
    ts_ms: int  # 0: ccxt does not keep the time of the message


class Hole(Shape, frozen=True):
    """Something was lost: what follows does not join what came before."""

    reason: str


Event = Trade | Quote | Candle | Hole
