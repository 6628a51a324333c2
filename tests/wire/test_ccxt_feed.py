"""A feed of many symbols over a socket, and the history before it."""

import json
from typing import Any

import pytest
import trio

from actors.domain.errors import Unsent
from actors.exchange.ccxtrio import (
    Fetched,
    Hole,
    Kind,
    Quote,
    Trade,
    Wanted,
    exchange_class,
    fetch_history,
)
from actors.exchange.ccxtrio import feed as feed_module
from actors.exchange.ccxtrio.feed import Feed, ways
from tests.wire.ccxt_world import SYMBOLS, Stream, market, streaming, trade, until
from tests.wire.socket_peer import Peer

from ccxt.base import errors  # isort: skip - after the adapter

pytestmark = pytest.mark.usefixtures("no_asyncio_loop")
MINUTE = 60_000


def quote(number: int) -> dict[str, Any]:
    price, beyond = str(number), str(number + 1)
    sizes = {"B": "1", "A": "2", "u": number}
    return {"e": "bookTicker", "s": "BTCUSDT", "b": price, "a": beyond, **sizes}


def topics(stream: Stream) -> list[str]:
    return [topic for frame in stream.heard for topic in frame["params"]]


async def test_symbols_are_subscribed_in_batches_and_their_trades_come() -> None:
    async with streaming() as (exchange, stream), trio.open_nursery() as nursery:
        feed = Feed(exchange, SYMBOLS, {Kind.TRADES}, batch=2)
        nursery.start_soon(feed.run)
        await stream.until_heard(2)
        assert sorted(topics(stream)) == sorted(
            f"{symbol.replace('/', '').lower()}@trade" for symbol in SYMBOLS
        )
        assert sorted(len(frame["params"]) for frame in stream.heard) == [1, 2]
        for number in range(50):
            await stream.say(trade(number))
        got = [await anext(feed) for _ in range(50)]
        assert [each.trade_id for each in got if isinstance(each, Trade)] == [
            str(number) for number in range(50)
        ]
        nursery.cancel_scope.cancel()


async def test_of_quotes_the_newest_stays_for_who_reads_slowly() -> None:
    async with streaming() as (exchange, stream), trio.open_nursery() as nursery:
        feed = Feed(exchange, ["BTC/USDT"], {Kind.QUOTES})
        nursery.start_soon(feed.run)
        await stream.until_heard(1)
        for number in range(1, 101):
            await stream.say(quote(number))
        await until(lambda: exchange.bidsasks.get("BTC/USDT", {}).get("bid") == 100)
        event = await anext(feed)
        assert isinstance(event, Quote)
        assert (event.bid, event.ask, event.bid_size) == (100.0, 101.0, 1.0)
        nursery.cancel_scope.cancel()


async def test_trades_that_do_not_fit_leave_a_hole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(feed_module, "WAITING_MAX", 10)
    async with streaming() as (exchange, stream), trio.open_nursery() as nursery:
        feed = Feed(exchange, ["BTC/USDT"], {Kind.TRADES})
        nursery.start_soon(feed.run)
        await stream.until_heard(1)
        for number in range(30):
            await stream.say(trade(number))
        await until(lambda: len(exchange.trades.get("BTC/USDT", ())) == 30)
        events = [await anext(feed) for _ in range(11)]
        assert isinstance(events[0], Hole)
        assert sum(isinstance(event, Trade) for event in events) == 10
        nursery.cancel_scope.cancel()


async def test_a_lost_connection_is_a_hole_and_the_batch_subscribes_anew() -> None:
    async with streaming() as (exchange, stream), trio.open_nursery() as nursery:
        feed = Feed(exchange, ["BTC/USDT"], {Kind.TRADES})
        nursery.start_soon(feed.run)
        await stream.until_heard(1)
        await stream.say(trade(1))
        assert isinstance(await anext(feed), Trade)
        await stream.hang_up()
        hole = await anext(feed)
        assert isinstance(hole, Hole)
        await stream.until_heard(2)
        await stream.say(trade(2))
        event = await anext(feed)
        assert isinstance(event, Trade)
        assert event.trade_id == "2"
        nursery.cancel_scope.cancel()


async def test_a_refused_dial_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_module, "PAUSE_SECONDS_MIN", 0.01)
    heard = Stream()
    dials: list[Peer] = []

    async def refuse_first(peer: Peer) -> None:
        dials.append(peer)
        if len(dials) == 1:
            await peer.stream.aclose()
        else:
            await heard.script(peer)

    async with streaming(refuse_first) as (exchange, _), trio.open_nursery() as nursery:
        feed = Feed(exchange, ["BTC/USDT"], {Kind.TRADES})
        nursery.start_soon(feed.run)
        await heard.until_heard(1)
        await heard.say(trade(1))
        assert isinstance(await anext(feed), Trade)
        nursery.cancel_scope.cancel()


async def test_what_a_ban_holds_back_is_subscribed_after_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Some exchanges are asked by REST where their streams are."""
    monkeypatch.setattr(feed_module, "PAUSE_SECONDS_MIN", 0.01)
    async with streaming() as (exchange, stream), trio.open_nursery() as nursery:
        watch, bans = exchange.watch_trades_for_symbols, ["a ban holds"]

        async def banned_at_first(symbols: list[str]) -> Any:
            if bans:
                raise Unsent(bans.pop())
            return await watch(symbols)

        exchange.watch_trades_for_symbols = banned_at_first
        nursery.start_soon(Feed(exchange, ["BTC/USDT"], {Kind.TRADES}).run)
        await stream.until_heard(1)
        nursery.cancel_scope.cancel()


async def test_a_symbol_that_is_unknown_fails_the_feed() -> None:
    async with streaming() as (exchange, _):
        feed = Feed(exchange, ["NO/SUCH"], {Kind.TRADES})
        with pytest.raises(BaseExceptionGroup) as caught:
            await feed.run()
        assert caught.group_contains(errors.BadSymbol)
        with pytest.raises(StopAsyncIteration):
            await anext(feed)


async def test_what_an_exchange_does_not_stream_is_refused_in_words() -> None:
    zaif = exchange_class("luno")({})
    with pytest.raises(errors.NotSupported, match="luno streams no candles, quotes"):
        Feed(zaif, ["BTC/ZAR"], set(Kind))


def test_most_exchanges_stream_trades_in_batches_or_one_by_one() -> None:
    found = ways(exchange_class("bybit")({}))
    assert found[Kind.TRADES] == ("watch_trades_for_symbols", True)
    assert found[Kind.CANDLES] == ("watch_ohlcv_for_symbols", True)
    single = ways(exchange_class("bitstamp")({}))
    assert single[Kind.TRADES] == ("watch_trades", False)


class Candles:
    """A fetch_ohlcv that knows so many bars and fails now and then."""

    fails: type[Exception] = errors.RequestTimeout

    def __init__(self, known: int, page: int, failing: int = 0) -> None:
        self.rows = [[n * MINUTE, 1.0, 2.0, 0.5, float(n), 3.0] for n in range(known)]
        self.page = page
        self.failing = failing
        self.asked: list[int] = []

    async def fetch_ohlcv(
        self, _symbol: str, _timeframe: str, since: int, limit: int
    ) -> list[list[float]]:
        await trio.lowlevel.checkpoint()
        self.asked.append(since)
        if self.failing:
            self.failing -= 1
            raise self.fails(json.dumps(since))
        later = [row for row in self.rows if row[0] >= since]
        return later[: min(limit, self.page)]


async def history(
    candles: Candles, bars: int, now_ms: int, symbols: tuple[str, ...] = SYMBOLS[:1]
) -> list[Fetched]:
    exchange = exchange_class("binance")({})
    exchange.set_markets([market(exchange, symbol) for symbol in SYMBOLS])
    exchange.fetch_ohlcv = candles.fetch_ohlcv
    told: list[Fetched] = []
    await fetch_history(exchange, Wanted(symbols, bars, now_ms), told.append)
    return told


async def test_history_comes_page_by_page_without_the_forming_candle() -> None:
    candles = Candles(known=1000, page=100)
    (fetched,) = await history(candles, 500, now_ms=999 * MINUTE + 30_000)
    opens = [candle.open_ts // MINUTE for candle in fetched.candles]
    assert opens == list(range(499, 999))
    assert fetched.problem == ""
    assert len(candles.asked) == 5
    assert all(candle.closed for candle in fetched.candles)


async def test_the_candle_that_still_forms_is_left_out() -> None:
    candles = Candles(known=1000, page=1000)
    (fetched,) = await history(candles, 100, now_ms=999 * MINUTE + 30_000)
    assert fetched.candles[-1].open_ts == 998 * MINUTE
    assert len(fetched.candles) == 100


async def test_history_tells_how_far_it_is() -> None:
    told = await history(Candles(200, 100), 50, 100 * MINUTE, SYMBOLS)
    assert [(each.done, each.total) for each in told] == [(1, 3), (2, 3), (3, 3)]
    assert {each.symbol for each in told} == set(SYMBOLS)


async def test_a_page_that_fails_is_asked_again(autojump_clock: Any) -> None:
    (fetched,) = await history(Candles(200, 100, failing=3), 50, 100 * MINUTE)
    assert len(fetched.candles) == 50
    assert fetched.problem == ""


async def test_a_symbol_that_cannot_be_had_is_told_and_keeps_nobody(
    autojump_clock: Any,
) -> None:
    told = await history(Candles(200, 100, failing=4), 50, 100 * MINUTE, SYMBOLS[:1])
    assert told[0].problem.startswith("RequestTimeout")
    assert told[0].candles == []


@pytest.mark.parametrize(
    "fails", [errors.DDoSProtection, errors.RateLimitExceeded, Unsent]
)
async def test_a_ban_is_told_at_once_and_nothing_is_asked_again(
    autojump_clock: Any, fails: type[Exception]
) -> None:
    candles = Candles(200, 100, failing=1)
    candles.fails = fails
    (fetched,) = await history(candles, 50, 100 * MINUTE)
    assert fetched.problem.startswith(fails.__name__)
    assert len(candles.asked) == 1


async def test_a_young_market_has_what_it_has_and_says_so() -> None:
    (fetched,) = await history(Candles(known=20, page=100), 50, 20 * MINUTE)
    assert len(fetched.candles) == 20
    assert fetched.problem == "the exchange has 20 of 50 bars"
