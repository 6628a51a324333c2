"""Recorded sessions through the ccxt adapter: message by message, nothing unhandled.

Frames go in where the socket would give them, REST answers come where they came; what
comes out is what our reader makes of what ccxt's handlers resolve. Run with `-s` to see
the counts.
"""

import json
import shutil
from collections import Counter
from typing import Any

import msgspec
import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from actors.exchange.ccxtrio import Candle, Hole, Quote, Trade, exchange_class
from actors.exchange.ccxtrio.client import SocketClient
from actors.exchange.ccxtrio.reading import Reader
from tests import ccxt_sessions as sessions
from tests.ccxt_sessions import Line, Wire
from tests.wire_sessions import SESSIONS

from ccxt.async_support.base.ws.order_book import OrderBook  # isort: skip - after it

pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif(not SESSIONS.is_dir(), reason="recorded sessions are not here"),
    pytest.mark.skipif(shutil.which("zstd") is None, reason="needs zstd"),
]

Way = tuple[trio.MemorySendChannel[Line], trio.MemoryReceiveChannel[Line]]


class Listener:
    """One session: its exchange, one connection of it, and what comes of a frame."""

    def __init__(self, wire: Wire, nursery: trio.Nursery) -> None:
        self.wire = wire
        self.counts: Counter[str] = Counter()
        self.unhandled: Counter[str] = Counter()
        self.apart: Counter[str] = Counter()
        self.events: list[Any] = []
        self.books: dict[str, OrderBook] = {}
        self.crossed = 0
        self.resolutions = 0
        self.ways: dict[str, Way] = {}
        self.channels: dict[int, tuple[str, str]] = {}
        self.exchange = exchange_class(wire.exchange)({"enableRateLimit": False})
        self.exchange.options |= wire.options
        self.exchange.attach(nursery)
        self.exchange.set_markets(sessions.markets(wire, self.exchange))
        self.exchange.fetch = self.fetch
        self.client: SocketClient = self.exchange.client(wire.url)
        self.reader = Reader(
            self.exchange, self.exchange.symbols, "1m", self.events.append
        )
        self.exchange.listen(self)
        self.prepare()

    def prepare(self) -> None:
        """Do what ccxt does when the answer to its own subscription comes."""
        if self.wire is not sessions.GATE:
            return
        for symbol in self.exchange.symbols:
            about = {"symbol": symbol, "limit": 100}
            self.client.subscriptions[f"orderbook:{symbol}"] = about
            self.exchange.handle_order_book_subscription(self.client, {}, about)

    # --- what the exchange's handlers say -------------------------------------------

    def resolved(self, result: Any, message_hash: object) -> None:
        self.resolutions += 1
        self.reader.resolved(result, message_hash)
        if isinstance(result, OrderBook):
            self.books[str(result["symbol"])] = result
            bids, asks = result["bids"], result["asks"]
            if bids and asks:
                self.crossed += bids[0][0] >= asks[0][0]

    def ended(self, url: str) -> None:
        raise AssertionError(url)

    # --- REST, as it was answered ---------------------------------------------------

    async def fetch(self, url: str, *_: Any, **__: Any) -> Any:
        """Wait for the next answer that the recording has to this, a book."""
        native = url.partition("symbol=")[2] or url.partition("currency_pair=")[2]
        line = await self.way(native.partition("&")[0])[1].receive()
        return {"current": line.at_ms, **json.loads(line.text)}

    def answered(self, line: Line) -> None:
        query = line.where.partition("?")[2]
        pairs = dict(part.split("=") for part in query.split("&") if part)
        native = pairs.get("symbol") or pairs.get("currency_pair")
        if native is not None:
            self.way(native)[0].send_nowait(line)

    def way(self, native: str) -> Way:
        return self.ways.setdefault(native, trio.open_memory_channel[Line](9))

    # --- a frame --------------------------------------------------------------------

    async def take(self, line: Line) -> None:
        if line.kind == "http":
            self.answered(line)
            await wait_all_tasks_blocked()
            return
        message = json.loads(line.text)
        channel = self.wire.channel(message, self.channels)
        before, kept = self.resolutions, self.kept()
        self.client.handle_message(line.text.encode())
        await wait_all_tasks_blocked()
        done = self.resolutions > before
        if not channel:
            self.counts["control"] += 1
        elif channel not in self.wire.supported:
            assert not done, f"{channel} is supported"
            self.apart[channel] += 1
        elif done:
            self.counts[channel] += 1
        elif self.kept() != kept:
            self.counts[f"{channel}, kept for the snapshot"] += 1
        elif self.before_the_book(message):
            self.counts[f"{channel}, before the snapshot"] += 1
        else:
            self.unhandled[channel] += 1

    def kept(self) -> int:
        books = self.exchange.orderbooks.values()
        return sum(len(book.cache) for book in books)

    def before_the_book(self, message: Any) -> bool:
        """An update that the book's snapshot has in it already."""
        data = message.get("data") or message.get("result") or {}
        native, last = data.get("symbol") or data.get("s"), data.get("sequenceEnd")
        book = self.exchange.orderbooks.get(self.exchange.safe_symbol(native))
        number = last if last is not None else data.get("u")
        nonce = book["nonce"] if book else None
        return None not in {nonce, number} and int(nonce) >= int(number)

    def say(self) -> None:
        kinds = Counter(type(event).__name__ for event in self.events)
        print(f"\n{self.wire.name}: handled {dict(self.counts)}")
        print(f"  unhandled {dict(self.unhandled)}; not supported {dict(self.apart)}")
        print(f"  read {dict(kinds)}; books {len(self.books)}, crossed {self.crossed}")


def is_sane(event: Any) -> bool:
    if isinstance(event, Trade):
        return event.price > 0 and event.size > 0 and event.ts_ms > 1_600_000_000_000
    if isinstance(event, Quote):
        return 0 < event.bid < event.ask
    if isinstance(event, Candle):
        low, high = event.low, event.high
        inside = low <= min(event.open, event.close) <= max(event.open, event.close)
        return low > 0 and inside and max(event.open, event.close) <= high
    return isinstance(event, Hole)


async def heard(wire: Wire) -> Listener:
    async with trio.open_nursery() as nursery:
        listener = Listener(wire, nursery)
        for line in sessions.recorded(wire):
            await listener.take(line)
        listener.say()
        nursery.cancel_scope.cancel()
    return listener


#: Of each recording: messages of supported channels, of others, and books.
EXPECTED = [
    (sessions.KRAKEN, 0, 4_305, 0),  # all of it is version 1; see the next test
    (sessions.COINBASE, 994, 6, 2),  # candles: ccxt has no handler
    (sessions.KUCOIN, 4_702, 5, 9),  # trade.candles.add, which KuCoin sends no more
    (sessions.GATE, 217, 0, 9),  # one book's snapshot was too old, and had no other
    (sessions.BITFINEX, 1_628, 0, 7),
    (sessions.DERIBIT, 135, 0, 10),
]


@pytest.mark.parametrize(
    ("wire", "handled", "apart", "books"), EXPECTED, ids=lambda each: str(each)[:14]
)
async def test_a_recorded_session_is_understood_message_by_message(
    wire: Wire, handled: int, apart: int, books: int
) -> None:
    listener = await heard(wire)
    assert dict(listener.unhandled) == {}
    assert listener.counts.total() - listener.counts["control"] == handled
    assert (listener.apart.total(), len(listener.books)) == (apart, books)
    assert listener.crossed == 0
    assert [event for event in listener.events if not is_sane(event)] == []
    assert not [event for event in listener.events if isinstance(event, Hole)]


async def test_krakens_session_is_understood_in_the_words_of_version_2() -> None:
    """The recording is of version 1: each fact of it, worded as ccxt hears it today."""
    listener = await heard(sessions.KRAKEN_2)
    assert dict(listener.unhandled) == {}
    assert dict(listener.counts) == {"trade": 8, "ticker": 18, "book": 4_279}
    assert (len(listener.books), listener.crossed) == (10, 0)
    kinds = Counter(type(event) for event in listener.events)
    assert kinds == {Trade: 10, Quote: 18}
    assert [event for event in listener.events if not is_sane(event)] == []


async def test_a_message_that_nothing_handles_is_noticed() -> None:
    """Coinbase's candles, if they were thought to be supported."""
    known = sessions.COINBASE
    wire = msgspec.structs.replace(known, supported=known.supported | {"candles"})
    listener = await heard(wire)
    assert dict(listener.unhandled) == {"candles": 6}
