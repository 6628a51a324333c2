"""What handlers resolve, as events: each trade once, closes, holes."""

from typing import Any

import pytest

from actors.exchange.ccxtrio import Candle, Hole, Quote, Trade, exchange_class
from actors.exchange.ccxtrio.reading import Reader

from ccxt.async_support.base.ws.cache import (  # isort: skip - after the adapter
    ArrayCache,
    ArrayCacheByTimestamp,
)

BTC = "BTC/USDT"
MINUTE = 60_000


class World:
    def __init__(self) -> None:
        self.exchange = exchange_class("binance")({})
        self.events: list[Any] = []
        self.reader = Reader(self.exchange, [BTC], "1m", self.events.append)

    def trades(self, *numbers: int, cache: ArrayCache | None = None) -> ArrayCache:
        stored = cache if cache is not None else ArrayCache(1000)
        for number in numbers:
            stored.append(
                {
                    "symbol": BTC,
                    "id": str(number),
                    "timestamp": number * 10,
                    "price": 1.0 + number,
                    "amount": 2.0,
                    "side": "sell",
                }
            )
        self.exchange.trades[BTC] = stored
        self.reader.resolved(stored, "trade")
        return stored

    def candles(
        self, *rows: list[float], cache: ArrayCacheByTimestamp | None = None
    ) -> ArrayCacheByTimestamp:
        stored = cache if cache is not None else ArrayCacheByTimestamp(1000)
        for row in rows:
            stored.append(row)
        self.exchange.ohlcvs = {BTC: {"1m": stored}}
        self.reader.resolved(stored, "ohlcv")
        return stored

    def ids(self) -> list[str]:
        return [each.trade_id for each in self.events if isinstance(each, Trade)]

    def closes(self) -> list[tuple[int, float]]:
        closed = (e for e in self.events if isinstance(e, Candle) and e.closed)
        return [(each.open_ts, each.close) for each in closed]


@pytest.fixture
def world() -> World:
    return World()


def test_every_trade_is_given_once_and_in_order(world: World) -> None:
    cache = world.trades(1, 2, 3)
    world.reader.resolved(cache, "the same under another hash")
    world.trades(4, 5, cache=cache)
    assert world.ids() == ["1", "2", "3", "4", "5"]
    assert world.events[0] == Trade(BTC, "1", 2.0, 2.0, 10, taker_sold=True)


def test_trades_of_one_millisecond_are_given_once(world: World) -> None:
    cache = ArrayCache(1000)
    for number in range(3):
        trade = {"symbol": BTC, "id": str(number), "timestamp": 5, "price": 1.0}
        cache.append({**trade, "amount": 1.0, "side": None})
        world.exchange.trades[BTC] = cache
        world.reader.resolved(cache, "trade")
    assert world.ids() == ["0", "1", "2"]
    assert world.events[0].taker_sold is None


def test_a_cache_made_anew_joins_where_the_old_one_ended(world: World) -> None:
    world.trades(1, 2, 3)
    world.trades(2, 3, 4, 5)
    assert world.ids() == ["1", "2", "3", "4", "5"]
    assert not any(isinstance(event, Hole) for event in world.events)


def test_a_cache_that_does_not_join_is_a_hole(world: World) -> None:
    world.trades(1, 2, 3)
    world.trades(7, 8)
    assert world.ids() == ["1", "2", "3", "7", "8"]
    assert isinstance(world.events[3], Hole)


def test_more_trades_than_the_cache_holds_are_a_hole(world: World) -> None:
    cache = world.trades(1, cache=ArrayCache(3))
    world.trades(2, 3, 4, 5, 6, cache=cache)
    assert world.ids() == ["1", "4", "5", "6"]
    assert isinstance(world.events[1], Hole)


def test_a_candle_closes_when_its_successor_shows(world: World) -> None:
    cache = world.candles([0, 1, 2, 0.5, 1.5, 10])
    world.candles([0, 1, 3, 0.5, 2.5, 12], cache=cache)
    assert world.closes() == []
    world.candles([MINUTE, 2.5, 2.5, 2.5, 2.5, 1], cache=cache)
    assert world.closes() == [(0, 2.5)]
    newest = world.events[-1]
    assert (newest.open_ts, newest.closed, newest.volume) == (MINUTE, False, 1)


def test_candles_that_come_together_close_one_by_one(world: World) -> None:
    rows = [[n * MINUTE, 1, 1, 1, float(n), 1] for n in range(4)]
    world.candles(*rows)
    assert world.closes() == [(n * MINUTE, float(n)) for n in range(3)]


def test_a_candle_under_several_symbols_names_its_own(world: World) -> None:
    cache = ArrayCacheByTimestamp(1000)
    cache.append([0, 1, 1, 1, 1, 1])
    world.reader.resolved([BTC, "1m", cache], "multi")
    world.reader.resolved([BTC, "5m", cache], "multi")
    assert len(world.events) == 1


def test_the_best_prices_are_quotes(world: World) -> None:
    ticker = {"symbol": BTC, "bid": 1.0, "ask": 1.1, "bidVolume": 5, "timestamp": None}
    world.reader.resolved(ticker, "ticker")
    world.reader.resolved({BTC: ticker, "ETH/USDT": ticker}, "tickers")
    first, second, third = world.events
    assert first == Quote(BTC, 1.0, 5, 1.1, None, 1, 0)
    assert (second.update_id, third.update_id) == (2, 3)


def test_what_is_not_known_or_not_wanted_is_passed_over(world: World) -> None:
    for value in (
        {"symbol": BTC, "bid": None, "ask": 1.0},
        {"symbol": "DOGE/USDT", "bid": 1.0, "ask": 1.1},
        {"bids": [], "asks": []},
        [1, 2, 3],
        "text",
        None,
        ArrayCache(5),
    ):
        world.reader.resolved(value, "x")
    assert world.events == []
