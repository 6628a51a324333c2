"""Binance, spot and USD-M futures.

Limits, from Binance's own pages ("WebSocket Streams", "Websocket Market Streams" and
"General Info" of each API): 1,024 streams on a connection; 5 messages a second from us
on spot, 10 on futures, pings and pongs counted; 300 dials in five minutes; a connection
lives 24 hours. Spot pings every 20 s and hangs up a minute after; futures ping every
three minutes. Spot says `serverShutdown` before it goes down. REST: 6,000 weight a
minute on spot, 2,400 on futures.

USD-M has two roads since March 2026 (the older address is gone): depth and quotes come
by `/public`, everything else by `/market`.

A book is a REST snapshot and the updates that follow it ("How to manage a local order
book correctly"): on spot each update begins one after the end of the last (`U`, `u`),
on futures it names the end of the last (`pu`).
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import msgspec

from actors.market.live.binance_rest import AggTrade, BinanceRest
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

PREFIX = b'{"stream":"'


class SpotQuote(
    msgspec.Struct,
    frozen=True,
    gc=False,
    rename={"update_id": "u", "bid": "b", "bid_size": "B", "ask": "a", "ask_size": "A"},
):
    """Best bid and ask; futures say when, spot does not."""

    update_id: int
    bid: float
    bid_size: float
    ask: float
    ask_size: float
    ts_ms: int = msgspec.field(default=0, name="T")


class Kline(msgspec.Struct, gc=False):
    """The candle within its message, field by field as Binance names them."""

    t: int
    o: float
    h: float
    l: float  # noqa: E741 - Binance's name
    c: float
    v: float
    n: int
    x: bool


class KlineEvent(msgspec.Struct, gc=False):
    """A candle's message."""

    E: int
    k: Kline


class Depth(msgspec.Struct, gc=False):
    """An update of the book."""

    E: int
    U: int
    u: int
    b: list[Level]
    a: list[Level]
    pu: int | None = None


class TradeFrame(msgspec.Struct, gc=False):
    """A combined stream's envelope."""

    data: AggTrade


class QuoteFrame(msgspec.Struct, gc=False):
    """A combined stream's envelope."""

    data: SpotQuote


class KlineFrame(msgspec.Struct, gc=False):
    """A combined stream's envelope."""

    data: KlineEvent


class DepthFrame(msgspec.Struct, gc=False):
    """A combined stream's envelope."""

    data: Depth


class Said(msgspec.Struct):
    """A message outside of the streams we asked for."""

    stream: str | None = None
    id: int | None = None
    result: Any = None
    error: dict[str, Any] | None = None
    e: str | None = None
    data: dict[str, Any] | None = None


_trades, _quotes, _klines, _depths, _said = map(
    lax, (TradeFrame, QuoteFrame, KlineFrame, DepthFrame, Said)
)


def _take_trade(payload: bytes) -> Sequence[AggTrade]:
    return (_trades(payload).data,)


def _take_quote(payload: bytes) -> Sequence[SpotQuote]:
    return (_quotes(payload).data,)


def _take_candle(payload: bytes) -> Sequence[Candle]:
    event: KlineEvent = _klines(payload).data
    k = event.k
    return (Candle(k.t, k.o, k.h, k.l, k.c, k.v, k.x, event.E, k.n),)


def _take_depth(payload: bytes) -> Sequence[DepthUpdate]:
    d: Depth = _depths(payload).data
    return (DepthUpdate(d.U, d.u, d.pu, d.b, d.a, d.E),)


DECODERS: dict[Channel, Decode] = {
    Channel.TRADES: _take_trade,
    Channel.QUOTE: _take_quote,
    Channel.CANDLE: _take_candle,
    Channel.DEPTH: _take_depth,
}
STREAMS = {
    Channel.TRADES: "aggTrade",
    Channel.QUOTE: "bookTicker",
    Channel.CANDLE: "kline_1m",
    Channel.DEPTH: "depth@100ms",
}


def judge_spot(update: DepthUpdate, last: int | None, _first: bool) -> Verdict:  # noqa: FBT001 - Judge
    """Each update begins right after the newest one; an overlap repeats sizes."""
    assert update.first_id is not None
    assert update.last_id is not None
    if last is None or update.first_id > last + 1:
        return Verdict.GAP
    return Verdict.DROP if update.last_id <= last else Verdict.APPLY


def judge_futures(update: DepthUpdate, last: int | None, first: bool) -> Verdict:  # noqa: FBT001 - Judge
    """Each update names the newest one; the first one has the snapshot's id in it."""
    assert update.first_id is not None
    assert update.last_id is not None
    if last is None:
        return Verdict.GAP
    if first:
        if update.last_id < last:
            return Verdict.DROP
        follows = update.first_id <= last or update.previous_id == last
        return Verdict.APPLY if follows else Verdict.GAP
    if update.last_id <= last:
        return Verdict.DROP
    previous = update.previous_id
    follows = previous is not None and previous <= last
    return Verdict.APPLY if follows else Verdict.GAP


class Binance:
    """Both markets; their differences are given."""

    def __init__(
        self,
        name: str,
        urls: tuple[str, str],
        api: str,
        limits: Limits,
        rule: SequenceRule,
    ) -> None:
        self.name = name
        self.stream_url, self.rest_url = urls
        self.rest = BinanceRest(api)
        self.limits = limits
        self.rule = rule
        self.terms = Terms(ping_seconds=5.0, pong_seconds=8.0)
        self._futures = api.startswith("/fapi")

    # --- streams --------------------------------------------------------------------

    def endpoint(self, channel: Channel) -> str:
        """Spot has one road; futures have two: depth and quotes, and the rest."""
        if not self._futures:
            return "/stream"
        public = channel in {Channel.DEPTH, Channel.QUOTE}
        return "/public/stream" if public else "/market/stream"

    def topic(self, channel: Channel, native: str) -> str:
        """A stream's name."""
        return f"{native.lower()}@{STREAMS[channel]}"

    def subscribe(self, topics: Sequence[str], number: int) -> bytes:
        """Write a SUBSCRIBE."""
        return self._request("SUBSCRIBE", topics, number)

    def unsubscribe(self, topics: Sequence[str], number: int) -> bytes:
        """Write an UNSUBSCRIBE."""
        return self._request("UNSUBSCRIBE", topics, number)

    @staticmethod
    def _request(method: str, topics: Sequence[str], number: int) -> bytes:
        return msgspec.json.encode({"method": method, "params": topics, "id": number})

    def head(self, payload: bytes) -> bytes:
        """The stream's name stands at the beginning."""
        if payload[:11] != PREFIX:
            return b""
        return payload[11 : payload.find(b'"', 11)]

    def named(self, payload: bytes) -> str | None:
        """Read the stream's name, wherever it stands."""
        said: Said = _said(payload)
        return said.stream

    def answer(self, payload: bytes) -> Answer:
        """Read an answer to a request, or a notice."""
        said: Said = _said(payload)
        event = said.e or (said.data or {}).get("e")
        if event == "serverShutdown":
            return Answer(Control.CLOSING, text="serverShutdown")
        if said.error is not None:
            return Answer(Control.REFUSED, said.id, text=str(said.error)[:200])
        if said.id is not None:
            return Answer(Control.TAKEN, said.id)
        return Answer(Control.UNHANDLED, text=payload[:200].decode())

    def decode(self, channel: Channel) -> Decode:
        """Give the decoder of a channel."""
        return DECODERS[channel]


_shared = partial(
    Limits,
    topics_per_connection=1024,
    topics_per_request=200,
    request_bytes_max=16 * 1024,
    dials_per_second=0.8,
)
SPOT = Binance(
    "binance",
    ("wss://stream.binance.com:9443", "https://api.binance.com"),
    "/api/v3",
    _shared(requests_per_second=2.5),
    SequenceRule(judge_spot, by_rest=True, shared=True),
)
USDM = Binance(
    "binanceusdm",
    ("wss://fstream.binance.com", "https://fapi.binance.com"),
    "/fapi/v1",
    _shared(requests_per_second=5.0),
    SequenceRule(judge_futures, by_rest=True, shared=True),
)
