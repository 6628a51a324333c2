"""Bybit v5: linear perpetuals and spot.

Limits, from Bybit's pages ("Connect", "Rate Limit"): the topics of one public
connection are 21,000 characters together at the most; a spot request has ten topics at
the most; 500 dials in five minutes, 1,000 connections for a market. It wants
`{"op":"ping"}` every 20 s. REST: 600 requests in five seconds for one address.

A book comes as a snapshot when it is subscribed, and again whenever Bybit starts it
anew; between, `u` grows by one with each update. A gap is mended by subscribing anew.
"""

from collections.abc import Callable, Sequence

import msgspec

from actors.market.live.bybit_rest import BybitRest
from actors.market.live.dialect import Limits
from actors.market.live.sequence import SequenceRule, Verdict
from actors.market.live.wire import (
    Answer,
    Candle,
    Channel,
    Control,
    Decode,
    DepthUpdate,
    Level,
    lax,
)
from actors.sockets import Terms

#: Stands first, or behind `"type":"snapshot",` in spot candles.
TOPIC = b'"topic":"'
TOPIC_END_MAX = 48


class PublicTrade(
    msgspec.Struct,
    frozen=True,
    gc=False,
    rename={"trade_id": "i", "price": "p", "size": "v", "ts_ms": "T", "side": "S"},
):
    """One trade."""

    trade_id: str
    price: float
    size: float
    ts_ms: int
    side: str

    @property
    def taker_sold(self) -> bool:
        """The side is the taker's."""
        return self.side == "Sell"


class Touch(msgspec.Struct, frozen=True, gc=False):
    """The best bid and ask."""

    bid: float
    bid_size: float
    ask: float
    ask_size: float
    update_id: int
    ts_ms: int


class BookRows(msgspec.Struct, gc=False):
    """Levels of a book's message."""

    b: list[Level]
    a: list[Level]
    u: int
    seq: int = 0


class KlineRow(msgspec.Struct, gc=False):
    """A candle."""

    start: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    confirm: bool
    timestamp: int


class TradeFrame(msgspec.Struct, gc=False):
    """A message of trades."""

    data: list[PublicTrade]


class BookFrame(msgspec.Struct, gc=False):
    """A message of a book."""

    type: str
    ts: int
    data: BookRows
    cts: int | None = None  # when the matching engine made it


class KlineFrame(msgspec.Struct, gc=False):
    """A message of candles."""

    data: list[KlineRow]


class Said(msgspec.Struct):
    """A message outside of the topics."""

    topic: str | None = None
    op: str | None = None
    success: bool | None = None
    ret_msg: str = ""
    req_id: str | None = None


_trades, _books, _klines, _said = map(lax, (TradeFrame, BookFrame, KlineFrame, Said))


def _take_trades(payload: bytes) -> Sequence[PublicTrade]:
    found: list[PublicTrade] = _trades(payload).data
    return found


def _take_candles(payload: bytes) -> Sequence[Candle]:
    return [
        Candle(
            k.start, k.open, k.high, k.low, k.close, k.volume, k.confirm, k.timestamp
        )
        for k in _klines(payload).data
    ]


def _take_depth(payload: bytes) -> Sequence[DepthUpdate]:
    frame: BookFrame = _books(payload)
    d = frame.data
    whole = frame.type == "snapshot"
    ts_ms = frame.cts or frame.ts
    return (DepthUpdate(None, d.u, None, d.b, d.a, ts_ms, is_snapshot=whole),)


def touches() -> Callable[[bytes], Sequence[Touch]]:
    """Make a decoder of the one-level book, which says only what changed of it."""
    known: list[Level] = [(0.0, 0.0), (0.0, 0.0)]

    def take(payload: bytes) -> Sequence[Touch]:
        frame: BookFrame = _books(payload)
        for side, levels in enumerate((frame.data.b, frame.data.a)):
            standing = [level for level in levels if level[1] > 0]
            if standing:
                known[side] = standing[-1]
        if not (known[0][1] and known[1][1]):
            return ()
        ts_ms = frame.cts or frame.ts
        number = frame.data.seq or ts_ms
        return (Touch(*known[0], *known[1], number, ts_ms),)

    return take


def judge(update: DepthUpdate, last: int | None, _first: bool) -> Verdict:  # noqa: FBT001 - Judge
    """Each update is one after the newest."""
    assert update.last_id is not None
    if last is None or update.last_id > last + 1:
        return Verdict.GAP
    return Verdict.DROP if update.last_id <= last else Verdict.APPLY


class Bybit:
    """One category of Bybit's markets."""

    def __init__(self, name: str, category: str, topics_per_request: int) -> None:
        self.name = name
        self.stream_url = "wss://stream.bybit.com"
        self.rest_url = "https://api.bybit.com"
        self.rest = BybitRest(category)
        self.rule = SequenceRule(judge, by_rest=False, shared=False)
        self.terms = Terms(
            ping_seconds=5.0, pong_seconds=8.0, ping_text=b'{"op":"ping"}'
        )
        self.limits = Limits(
            topics_per_connection=600,
            topics_per_request=topics_per_request,
            request_bytes_max=16 * 1024,
            requests_per_second=10.0,
            dials_per_second=1.5,
        )
        self._category = category

    # --- streams --------------------------------------------------------------------

    def endpoint(self, _channel: Channel) -> str:
        """All public topics of a category come by one road."""
        return f"/v5/public/{self._category}"

    def topic(self, channel: Channel, native: str) -> str:
        """A topic's name."""
        kinds = {
            Channel.TRADES: "publicTrade",
            Channel.QUOTE: "orderbook.1",
            Channel.CANDLE: "kline.1",
            Channel.DEPTH: "orderbook.200",
        }
        return f"{kinds[channel]}.{native}"

    def subscribe(self, topics: Sequence[str], number: int) -> bytes:
        """Write a subscribe."""
        return self._request("subscribe", topics, number)

    def unsubscribe(self, topics: Sequence[str], number: int) -> bytes:
        """Write an unsubscribe."""
        return self._request("unsubscribe", topics, number)

    @staticmethod
    def _request(op: str, topics: Sequence[str], number: int) -> bytes:
        return msgspec.json.encode({"req_id": str(number), "op": op, "args": topics})

    def head(self, payload: bytes) -> bytes:
        """The topic stands at the beginning."""
        at = payload.find(TOPIC, 0, TOPIC_END_MAX)
        if at < 0:
            return b""
        start = at + len(TOPIC)
        return payload[start : payload.find(b'"', start)]

    def named(self, payload: bytes) -> str | None:
        """Read the topic, wherever it stands."""
        said: Said = _said(payload)
        return said.topic

    def answer(self, payload: bytes) -> Answer:
        """Read an answer to a request."""
        said: Said = _said(payload)
        if said.op in {"ping", "pong"} or said.ret_msg == "pong":
            return Answer(Control.IGNORED)
        number = int(said.req_id) if said.req_id and said.req_id.isdigit() else None
        if said.success is False:
            return Answer(Control.REFUSED, number, text=said.ret_msg[:200])
        if said.op in {"subscribe", "unsubscribe"}:
            return Answer(Control.TAKEN, number)
        return Answer(Control.UNHANDLED, text=payload[:200].decode())

    def decode(self, channel: Channel) -> Decode:
        """Give a decoder of a channel, for one topic on one connection."""
        if channel is Channel.QUOTE:
            return touches()
        return {
            Channel.TRADES: _take_trades,
            Channel.CANDLE: _take_candles,
            Channel.DEPTH: _take_depth,
        }[channel]


LINEAR = Bybit("bybit", "linear", topics_per_request=100)
SPOT = Bybit("bybitspot", "spot", topics_per_request=10)
