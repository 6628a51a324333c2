"""Recorded sessions: every message of a supported channel is decoded, books are whole.

Run with `-s` to see the counts.
"""

import shutil
from collections import Counter
from typing import Any

import pytest

from actors.domain.freshness import Now
from actors.market.live.dialect import Dialect
from actors.market.live.exchanges import DIALECTS
from actors.market.live.sequence import BookState
from actors.market.live.symbol import SymbolStream, Taps
from actors.market.live.wire import Channel, Control
from config.settings import FeedGroup
from tests.wire_sessions import RAW, SESSIONS, raw_stream, session, zipped

pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif(not SESSIONS.is_dir(), reason="recorded sessions are not here"),
]
needs_zstd = pytest.mark.skipif(shutil.which("zstd") is None, reason="needs zstd")
NOW = Now(0, 10**14)

#: What each recording subscribed to, by the words of its topics; None: not supported.
BINANCE = {
    "aggTrade": Channel.TRADES,
    "trade": Channel.TRADES,
    "bookTicker": Channel.QUOTE,
    "kline_1m": Channel.CANDLE,
    "depth": Channel.DEPTH,
}
BYBIT = {
    "publicTrade": Channel.TRADES,
    "kline": Channel.CANDLE,
    "orderbook": Channel.DEPTH,
    "tickers": None,
}
OKX = {"trades": Channel.TRADES, "books": Channel.DEPTH, "tickers": None}
RECORDED = [
    ("BINANCE", "binance", BINANCE, 265),
    ("BINANCE_FUTURES", "binanceusdm", BINANCE, 1_535),
    ("BYBIT", "bybit", BYBIT, 3_227),
    ("OKX", "okx", OKX, 410),
]


class Listener:
    """Everything of one session, by symbol."""

    def __init__(self, dialect: Dialect, kinds: dict[str, Channel | None]) -> None:
        self.dialect = dialect
        self.kinds = kinds
        self.counts: Counter[str] = Counter()
        self.symbols: dict[str, SymbolStream] = {}
        self.decoders: dict[str, Any] = {}

    def symbol(self, native: str) -> SymbolStream:
        if native not in self.symbols:
            self.symbols[native] = SymbolStream(
                native, self.dialect, frozenset(Channel), FeedGroup(), Taps()
            )
        return self.symbols[native]

    def parts(self, name: str) -> tuple[str, str]:
        """The word that says the kind, and the native name, of a topic's name."""
        if "@" in name:
            native, kind = name.split("@")[:2]
            return kind, native.upper()
        split = name.split("." if "." in name else ":")
        return split[0], split[-1]

    def take(self, payload: bytes, road: str) -> None:
        name = self.dialect.named(payload)
        if name is None:
            control = self.dialect.answer(payload).control
            self.counts[f"control {control}"] += 1
            assert control is not Control.UNHANDLED, payload[:200]
            return
        kind, native = self.parts(name)
        channel = self.kinds[kind]
        if channel is None:
            self.counts[f"{kind} (not subscribed by us)"] += 1
            return
        assert self.dialect.head(payload), "found without parsing"
        items = self.dialect.decode(channel)(payload)
        assert items, payload[:200]
        symbol = self.symbol(f"{native} {road}" if road else native)
        sink = {
            Channel.TRADES: symbol.trades,
            Channel.QUOTE: symbol.quotes,
            Channel.CANDLE: symbol.candles,
            Channel.DEPTH: symbol.depths,
        }[channel]
        sink(NOW, items, 1)
        self.counts[channel] += 1


@needs_zstd
@pytest.mark.parametrize(("name", "exchange", "kinds", "expected"), RECORDED)
def test_a_recorded_session_is_understood_message_by_message(
    name: str, exchange: str, kinds: dict[str, Channel | None], expected: int
) -> None:
    listener = Listener(DIALECTS[exchange], kinds)
    for kind, where, text in session(name):
        if kind == "http" and "/depth?symbol=" in where:
            native = where.partition("symbol=")[2].partition("&")[0]
            update = listener.dialect.rest.read_depth(text.encode())
            listener.symbol(native).keeper.restart(update)
        elif kind == "recv":
            road = where if name == "BYBIT" else ""
            listener.take(text.encode(), road)
    keepers = [one.keeper for one in listener.symbols.values()]
    states = Counter(str(keeper.state.name) for keeper in keepers)
    print(f"\n{name}: {dict(listener.counts)}; books {dict(states)}")
    assert sum(listener.counts.values()) == expected
    assert sum(keeper.gaps for keeper in keepers) == 0
    assert sum(keeper.crossings for keeper in keepers) == 0
    assert states == {"WHOLE": len(keepers)}


@pytest.mark.parametrize(
    ("log", "exchange", "native", "updates"),
    [
        ("binance_spot_btcusdt_20240808.log.xz", "binance", "BTCUSDT", 3_451),
        ("binance_spot_ethusdt_20240808.log.xz", "binance", "ETHUSDT", 3_434),
        ("binance_usdm_btcusdt_20240808.log.xz", "binanceusdm", "BTCUSDT", 6_551),
    ],
)
def test_a_raw_depth_stream_rebuilds_its_book_without_a_gap(
    log: str, exchange: str, native: str, updates: int
) -> None:
    """Against the snapshot in the log; and the touch is that of the quotes."""
    listener = Listener(DIALECTS[exchange], BINANCE)
    symbol = listener.symbol(native)
    agreed = compared = 0
    for payload in raw_stream(log):
        if payload.startswith(b'{"lastUpdateId"'):
            symbol.keeper.restart(listener.dialect.rest.read_depth(payload))
            continue
        if b"@trade" in payload[:40]:
            listener.counts["trade"] += 1
            continue
        listener.take(payload, "")
        quote, book = symbol.quote, symbol.keeper.book
        if b"@depth" in payload[:40] and quote and symbol.keeper.resets:
            compared += 1
            agreed += (book.bids.best(), book.asks.best()) == (quote.bid, quote.ask)
    keeper = symbol.keeper
    print(f"\n{log}: {dict(listener.counts)}; touch equal {agreed}/{compared}")
    assert listener.counts[Channel.DEPTH] == updates
    assert (keeper.state, keeper.gaps, keeper.crossings) == (BookState.WHOLE, 0, 0)
    assert agreed / compared > 0.99  # a quote may run a little ahead


def test_bybits_archived_book_is_whole() -> None:
    name = "bybit_xrpusdt_ob500_2024-12-01.data.zip"
    if not (RAW / name).exists():
        pytest.skip("the archive is not here")
    listener = Listener(DIALECTS["bybit"], BYBIT)
    for payload in zipped(name):
        listener.take(payload, "")
    (symbol,) = listener.symbols.values()
    keeper = symbol.keeper
    print(f"\n{name}: {dict(listener.counts)}")
    assert listener.counts[Channel.DEPTH] == 50
    assert (keeper.state, keeper.gaps, keeper.crossings) == (BookState.WHOLE, 0, 0)


@needs_zstd
def test_a_missing_update_is_noticed_on_every_exchange() -> None:
    """Take one update out of a session: each rule must see that it is gone."""
    for name, exchange, kinds, _ in RECORDED:
        listener = Listener(DIALECTS[exchange], kinds)
        depth: Counter[str] = Counter()
        for kind, where, text in session(name):
            if kind == "http" and "/depth?symbol=" in where:
                native = where.partition("symbol=")[2].partition("&")[0]
                update = listener.dialect.rest.read_depth(text.encode())
                listener.symbol(native).keeper.restart(update)
            if kind != "recv":
                continue
            topic = listener.dialect.named(text.encode())
            if topic is not None and kinds[listener.parts(topic)[0]] is Channel.DEPTH:
                depth[topic + where] += 1
                if depth[topic + where] == 15:
                    continue
            road = where if name == "BYBIT" else ""
            listener.take(text.encode(), road)
        gaps = {one.native: one.keeper.gaps for one in listener.symbols.values()}
        assert any(gaps.values()), name


@needs_zstd
def test_the_listings_of_the_sessions_are_read() -> None:
    """Every symbol that was subscribed is listed, with its rules."""
    found = {}
    for name, exchange, _, _ in RECORDED[:3]:
        rest = DIALECTS[exchange].rest
        for kind, where, text in session(name):
            if kind == "http" and (
                "exchangeInfo" in where or "category=linear" in where
            ):
                listed = rest.read_listed(text.encode())
                found[name] = {one.instrument.symbol: one for one in listed}
    assert found["BINANCE"]["RUNE/EUR"].native == "RUNEEUR"
    sushi = found["BINANCE_FUTURES"]["SUSHI/USDT:USDT"].instrument
    assert (str(sushi.tick_size), sushi.shortable) == ("0.001", True)
    bitcoin = found["BYBIT"]["BTC/USDT:USDT"].instrument
    assert (str(bitcoin.tick_size), str(bitcoin.lot_size)) == ("0.10", "0.001")
