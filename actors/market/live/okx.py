"""OKX v5: linear swaps and spot.

Limits, from OKX's pages ("WebSocket / Overview", "Connection count limit"): three dials
a second; 480 subscribe, unsubscribe and login requests an hour on one connection; a
request is 64 KB at the most; a connection that is silent for 30 s is cut, a text `ping`
keeps it. Half a minute before an upgrade it says so (`notice`, 64008). Of how many
topics a connection may carry nothing is written; 300 keep one readable. REST: 20
requests in two seconds is the tightest of what is asked here.

Books and trades come by the public road, candles by the business road. An update names
the newest one before it (`prevSeqId`); older recordings have no numbers, but a checksum
of the 25 best levels, which is held against the book wherever it is given. A gap is
mended by subscribing anew.
"""

from collections.abc import Sequence

import msgspec

from actors.market.live.dialect import Limits
from actors.market.live.okx_rest import OkxRest, candle_of
from actors.market.live.sequence import SequenceRule, Verdict
from actors.market.live.wire import (
    Answer,
    Candle,
    Channel,
    Control,
    Decode,
    DepthUpdate,
    lax,
)
from actors.sockets import Terms

CLOSING_CODE = "64008"


class PublicTrade(
    msgspec.Struct,
    frozen=True,
    gc=False,
    rename={"trade_id": "tradeId", "price": "px", "size": "sz", "ts_ms": "ts"},
):
    """Trades of one taker at one price."""

    trade_id: str
    price: float
    size: float
    ts_ms: int
    side: str

    @property
    def taker_sold(self) -> bool:
        """The side is the taker's."""
        return self.side == "sell"


class Touch(msgspec.Struct, frozen=True, gc=False):
    """The best bid and ask."""

    bid: float
    bid_size: float
    ask: float
    ask_size: float
    update_id: int
    ts_ms: int


class BookRows(msgspec.Struct, gc=False, rename="camel"):
    """A book's message: levels as they are written, for the checksum."""

    asks: list[list[str]]
    bids: list[list[str]]
    ts: int
    checksum: int | None = None
    seq_id: int | None = None
    prev_seq_id: int | None = None


class Topic(msgspec.Struct, rename="camel"):
    """What a message is about."""

    channel: str
    inst_id: str = ""


class TradeFrame(msgspec.Struct, gc=False):
    """A message of trades."""

    data: list[PublicTrade]


class BookFrame(msgspec.Struct, gc=False):
    """A message of a book."""

    data: list[BookRows]
    action: str = ""


class CandleFrame(msgspec.Struct, gc=False):
    """A message of candles."""

    data: list[list[str]]


class Said(msgspec.Struct, rename="camel"):
    """Any message: what it is about, or what it answers."""

    arg: Topic | None = None
    event: str | None = None
    code: str = ""
    msg: str = ""
    id: str | None = None


_trades, _books, _candles, _said = map(lax, (TradeFrame, BookFrame, CandleFrame, Said))


def _take_trades(payload: bytes) -> Sequence[PublicTrade]:
    found: list[PublicTrade] = _trades(payload).data
    return found


def _take_touch(payload: bytes) -> Sequence[Touch]:
    found = []
    for row in _books(payload).data:
        if row.bids and row.asks:
            (bid, bid_size, *_), (ask, ask_size, *_) = row.bids[0], row.asks[0]
            number = row.seq_id or row.ts
            touch = Touch(
                float(bid), float(bid_size), float(ask), float(ask_size), number, row.ts
            )
            found.append(touch)
    return found


def _take_depth(payload: bytes) -> Sequence[DepthUpdate]:
    frame: BookFrame = _books(payload)
    return [
        DepthUpdate(
            None,
            row.seq_id,
            row.prev_seq_id,
            [(float(one[0]), float(one[1])) for one in row.bids],
            [(float(one[0]), float(one[1])) for one in row.asks],
            row.ts,
            is_snapshot=frame.action == "snapshot",
            checksum=row.checksum,
            texts=(row.bids, row.asks) if row.checksum else None,
        )
        for row in frame.data
    ]


def _topic_of(about: Topic) -> str:
    return f"{about.channel}:{about.inst_id}"


def judge(update: DepthUpdate, last: int | None, _first: bool) -> Verdict:  # noqa: FBT001 - Judge
    """Each update names the newest one; after maintenance numbers may begin anew."""
    if update.last_id is None:
        return Verdict.APPLY  # an unnumbered stream: its checksum judges
    if last is None:
        return Verdict.GAP
    if update.previous_id == last:
        return Verdict.APPLY
    return Verdict.DROP if update.last_id <= last else Verdict.GAP


class Okx:
    """One kind of OKX's instruments."""

    def __init__(self, name: str, kind: str) -> None:
        self.name = name
        self.stream_url = "wss://ws.okx.com:8443"
        self.rest_url = "https://www.okx.com"
        self.rest = OkxRest(kind)
        self.rule = SequenceRule(judge, by_rest=False, shared=False)
        self.terms = Terms(ping_seconds=5.0, pong_seconds=8.0, ping_text=b"ping")
        self.limits = Limits(
            topics_per_connection=300,
            topics_per_request=50,
            request_bytes_max=60 * 1024,
            requests_per_second=3.0,
            requests_per_hour=400,
            dials_per_second=1.5,
        )
        self._swap = kind == "SWAP"

    # --- streams --------------------------------------------------------------------

    def endpoint(self, channel: Channel) -> str:
        """Candles have a road of their own."""
        business = channel is Channel.CANDLE
        return "/ws/v5/business" if business else "/ws/v5/public"

    def topic(self, channel: Channel, native: str) -> str:
        """A channel and an instrument, as one name."""
        kinds = {
            Channel.TRADES: "trades",
            Channel.QUOTE: "bbo-tbt",
            Channel.CANDLE: "candle1m",
            Channel.DEPTH: "books",
        }
        return f"{kinds[channel]}:{native}"

    def subscribe(self, topics: Sequence[str], number: int) -> bytes:
        """Write a subscribe."""
        return self._request("subscribe", topics, number)

    def unsubscribe(self, topics: Sequence[str], number: int) -> bytes:
        """Write an unsubscribe."""
        return self._request("unsubscribe", topics, number)

    @staticmethod
    def _request(op: str, topics: Sequence[str], number: int) -> bytes:
        pairs = [topic.split(":") for topic in topics]
        args = [{"channel": channel, "instId": native} for channel, native in pairs]
        return msgspec.json.encode({"id": str(number), "op": op, "args": args})

    def head(self, payload: bytes) -> bytes:
        """What a message is about stands at the beginning."""
        if payload[:8] != b'{"arg":{':
            return b""
        return payload[8 : payload.find(b"}", 8)]

    def named(self, payload: bytes) -> str | None:
        """Read what a message is about."""
        if payload == b"pong":
            return None
        said: Said = _said(payload)
        if said.arg is None or said.event is not None:
            return None
        return _topic_of(said.arg)

    def answer(self, payload: bytes) -> Answer:
        """Read an answer to a request, or a notice."""
        if payload == b"pong":
            return Answer(Control.IGNORED)
        said: Said = _said(payload)
        topic = None if said.arg is None else _topic_of(said.arg)
        number = int(said.id) if said.id and said.id.isdigit() else None
        if said.event == "notice" and said.code == CLOSING_CODE:
            return Answer(Control.CLOSING, text=said.msg[:200])
        if said.event == "error":
            return Answer(Control.REFUSED, number, topic, f"{said.code} {said.msg}")
        if said.event in {"subscribe", "unsubscribe"}:
            return Answer(Control.TAKEN, number, topic)
        if said.event in {"channel-conn-count", "notice"}:
            return Answer(Control.IGNORED)
        return Answer(Control.UNHANDLED, text=payload[:200].decode())

    def decode(self, channel: Channel) -> Decode:
        """Give the decoder of a channel."""
        return {
            Channel.TRADES: _take_trades,
            Channel.QUOTE: _take_touch,
            Channel.CANDLE: self._take_candles,
            Channel.DEPTH: _take_depth,
        }[channel]

    def _take_candles(self, payload: bytes) -> Sequence[Candle]:
        return [candle_of(row, self._swap) for row in _candles(payload).data]


SWAP = Okx("okx", "SWAP")
SPOT = Okx("okxspot", "SPOT")
