"""A market in real time, minute by minute under a virtual clock, without a socket."""

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import numpy as np
import pytest
import trio
from trio.testing import MockClock

from actors.cursor import open_cursor
from actors.domain.bars import empty_bars
from actors.domain.errors import ExchangeError, MarketDataError
from actors.domain.freshness import Health
from actors.market.context import volume_rank
from actors.market.live.binance import SpotQuote
from actors.market.live.dialect import Ask
from actors.market.live.exchanges import DIALECTS
from actors.market.live.market import LiveMarket
from actors.market.live.minutes import MINUTE_MS
from actors.market.live.opening import Plan, Way, open_live
from actors.market.live.ranks import Ranks
from actors.market.live.repair import Fetch
from actors.market.live.wire import Candle, DepthUpdate
from config.settings import FeedGroup

START_MS = 1_700_006_400_000  # midnight UTC
NATIVES = ("BTCUSDT", "AAAUSDT", "BBBUSDT")
HISTORY_MINUTES = 30


class Exchange:
    """Answers REST as Binance does; its clock is the virtual one."""

    def __init__(self) -> None:
        self.asked: list[Ask] = []
        self.down = False
        self.silent: set[str] = set()  # symbols whose candles it does not give

    def now_ms(self) -> int:
        return START_MS + HISTORY_MINUTES * MINUTE_MS + int(trio.current_time() * 1e3)

    async def fetch(self, ask: Ask) -> bytes:
        self.asked.append(ask)
        await trio.sleep(0.05)
        if self.down:
            msg = "binance is away"
            raise ExchangeError(msg)
        if ask.path.endswith("exchangeInfo"):
            return msgspec.json.encode({"symbols": [row(name) for name in NATIVES]})
        native = ask.query["symbol"]
        first, last = (int(ask.query[name]) for name in ("startTime", "endTime"))
        times = range(first, min(last, self.now_ms() - MINUTE_MS) + 1, MINUTE_MS)
        rows = [] if native in self.silent else [kline(ts) for ts in times]
        return msgspec.json.encode(rows)


def row(native: str) -> dict[str, Any]:
    return {
        "symbol": native,
        "status": "TRADING",
        "baseAsset": native[:3],
        "quoteAsset": "USDT",
        "filters": [
            {"filterType": "PRICE_FILTER", "tickSize": "0.01000000"},
            {
                "filterType": "LOT_SIZE",
                "stepSize": "0.00100000",
                "minQty": "0.00100000",
            },
        ],
    }


def kline(ts: int) -> list[Any]:
    return [ts, "10", "12", "9", "11", "100", ts + MINUTE_MS - 1, "1100", 42]


def candle(ts: int, close: float = 20.0, *, closed: bool = True) -> Candle:
    return Candle(ts, 19.0, 21.0, 18.0, close, 50.0, closed, ts + MINUTE_MS, 7)


class World:
    def __init__(self, exchange: Exchange, market: LiveMarket) -> None:
        self.exchange = exchange
        self.market = market
        self.opened = START_MS + HISTORY_MINUTES * MINUTE_MS

    def say(self, native: str, item: Candle) -> None:
        hub = self.market.streams.hub
        hub.symbols[native].candles(hub.now(), [item], 1)

    async def until(self, offset_ms: int) -> None:
        """Wait for a moment after the first live minute has opened."""
        await trio.sleep(offset_ms / 1e3 - trio.current_time() + self.began)

    began = 0.0


def binance(fetch: Fetch) -> Way:
    return Way(dialect=DIALECTS["binance"], fetch=fetch)


@asynccontextmanager
async def world() -> AsyncIterator[World]:
    exchange = Exchange()
    plan = Plan(symbols=None, history_ms=HISTORY_MINUTES * MINUTE_MS)
    market = await open_live(
        binance(exchange.fetch), plan, exchange.now_ms, lambda *_: None
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(market.minutes.run)
        yield World(exchange, market)
        nursery.cancel_scope.cancel()


@pytest.fixture
def autojump_clock() -> MockClock:
    return MockClock(autojump_threshold=0)


async def test_the_past_is_a_block_and_later_minutes_follow(
    autojump_clock: MockClock,
) -> None:
    async with world() as there:
        market, opened = there.market, there.opened
        cursor = open_cursor(
            market, 0, history_steps=market.history_steps, duration_ms=None
        )
        assert cursor.last_close_ms == opened
        assert market.history_steps == HISTORY_MINUTES
        assert cursor.peek() is None
        woken: list[float] = []
        assert cursor.when_more(lambda: woken.append(trio.current_time()))
        await there.until(MINUTE_MS + 200)
        for native in NATIVES:
            there.say(native, candle(opened))
        await trio.sleep(0.01)
        assert len(woken) == 1
        step = cursor.next_step()
        assert step is not None
        assert (step.open_ts, step.indices) == (opened, [0, 1, 2])
        bar = cursor.bars[1][0]
        assert (bar["close"], bar["trades_per_minute"]) == (20.0, 7)
        assert bar["reference_close"] == 20.0
        assert math.isnan(bar["spread_bps"])
        assert math.isnan(bar["volume_rank"]), "nobody was seen for a day"
        assert len(there.exchange.asked) == 1 + len(NATIVES)


async def test_a_missing_close_is_asked_for_and_the_minute_is_in_time(
    autojump_clock: MockClock,
) -> None:
    async with world() as there:
        await there.until(MINUTE_MS + 100)
        there.say("BTCUSDT", candle(there.opened))
        there.say("BBBUSDT", candle(there.opened))
        await there.until(MINUTE_MS + 2_900)
        block = list(there.market.blocks())[-1]
        assert [bars["close"].tolist() for bars in block.bars] == [
            [20.0],
            [11.0],
            [20.0],
        ]
        assert there.market.minutes.fetched == 1
        assert there.market.minutes.missed == 0


async def test_a_close_that_nobody_has_is_left_out_and_never_comes_late(
    autojump_clock: MockClock,
) -> None:
    async with world() as there:
        there.exchange.silent.add("AAAUSDT")
        await there.until(MINUTE_MS + 100)
        there.say("BTCUSDT", candle(there.opened))
        there.say("BBBUSDT", candle(there.opened))
        await there.until(MINUTE_MS + 3_100)
        block = list(there.market.blocks())[-1]
        assert [len(bars) for bars in block.bars] == [1, 0, 1]
        there.say("AAAUSDT", candle(there.opened))
        assert there.market.minutes.too_late == 1
        known = there.market.streams.hub.symbols["AAAUSDT"].pulse.freshness()
        assert (known.late_closes, known.last_close_late) == (1, True)


async def test_an_outage_ends_in_late_bars_and_not_in_a_hole(
    autojump_clock: MockClock,
) -> None:
    """Entries are refused while the engine catches up: its bars are of long ago."""
    async with world() as there:
        there.exchange.down = True
        await there.until(5 * MINUTE_MS + 10_000)
        blocks = there.market.blocks()
        next(blocks)
        assert next(blocks, None) is None
        there.exchange.down = False
        await there.until(5 * MINUTE_MS + 20_000)
        found = [int(block.bars[0]["ts"][0]) for block in blocks]
        assert found == [there.opened + n * MINUTE_MS for n in range(5)]
        hub = there.market.streams.hub
        for symbol in hub.symbols.values():
            symbol.pulse.heard(hub.now(), hub.now().exchange_ms)
        behind = there.market.judge("AAA/USDT", there.opened + MINUTE_MS)
        level = there.market.judge("AAA/USDT", hub.now().exchange_ms - 100)
        assert (behind.health, behind.age) == (Health.QUIET, "event")
        assert not behind.consequence.entries
        assert level.health is Health.FRESH


async def test_what_the_streams_know_is_written_into_the_bar(
    autojump_clock: MockClock,
) -> None:
    async with world() as there:
        await there.until(MINUTE_MS + 100)
        hub = there.market.streams.hub
        symbol, now = hub.symbols["AAAUSDT"], hub.now()
        symbol.quotes(now, [SpotQuote(1, 99.9, 1.0, 100.1, 1.0, now.exchange_ms)], 1)
        bids = [(99.95 - n / 10, 2.0) for n in range(10)]
        asks = [(100.05 + n / 10, 1.0) for n in range(4)]
        symbol.keeper.restart(
            DepthUpdate(None, 5, None, bids, asks, 0, is_snapshot=True)
        )
        for native in NATIVES:
            there.say(native, candle(there.opened))
        await trio.sleep(0.01)
        bar = list(there.market.blocks())[-1].bars[1][0]
        assert bar["spread_bps"] == pytest.approx(20.0)
        assert bar["bid_depth_03_usd"] == pytest.approx(2 * (99.95 + 99.85 + 99.75))
        assert bar["ask_depth_03_usd"] == pytest.approx(100.05 + 100.15 + 100.25)
        assert bar["imbalance"] == pytest.approx(1 / 3, abs=0.01)
        assert bar["bid_depth_05_usd"] == pytest.approx(
            2 * sum(price for price, _ in bids[:5])
        )
        assert math.isnan(bar["ask_depth_05_usd"]), "the book does not know so far"
        assert math.isnan(bar["open_interest_usd"])


def test_ranks_are_those_of_a_replay() -> None:
    """A day of live minutes carries the ranks that the whole recording would."""
    minutes, symbols = 27 * 60, 3
    random = np.random.default_rng(1)
    worth = random.uniform(1, 100, (symbols, minutes))
    ts = START_MS + np.arange(minutes) * MINUTE_MS
    code = np.repeat(np.arange(symbols), minutes)
    expected = volume_rank(
        code, np.tile(ts, symbols), MINUTE_MS, worth.ravel(), symbols
    ).reshape(symbols, minutes)
    past = []
    for index in range(symbols):
        bars = empty_bars(1_400)
        bars["ts"], bars["close"] = ts[:1_400], 1.0
        bars["volume"] = worth[index, :1_400]
        past.append(bars)
    ranks = Ranks(symbols)
    ranks.add_past(tuple(past), MINUTE_MS)
    for at in range(1_400, minutes):
        for index in range(symbols):
            open_ts = int(ts[at])
            ranks.add(index, open_ts, open_ts + MINUTE_MS, worth[index, at])
        found = ranks.at(int(ts[at]) + MINUTE_MS)
        assert np.array_equal(found, expected[:, at], equal_nan=True), at


async def test_what_is_not_traded_is_refused_with_what_is() -> None:
    exchange = Exchange()
    plan = Plan(symbols=("XXX/USDT",), history_ms=0)
    with pytest.raises(MarketDataError, match=r"XXX/USDT.*BTC/USDT"):
        await open_live(binance(exchange.fetch), plan, exchange.now_ms, lambda *_: None)


@pytest.mark.parametrize(
    ("in_hand", "opened"),
    [((), ["BTC/USDT"]), (("BBB/USDT", "XXX/USDT"), ["BTC/USDT", "BBB/USDT"])],
)
async def test_what_is_in_hand_is_among_so_many_symbols(
    in_hand: tuple[str, ...], opened: list[str], autojump_clock: MockClock
) -> None:
    exchange = Exchange()
    plan = Plan(symbols=1, in_hand=frozenset(in_hand), history_ms=0)
    market = await open_live(
        binance(exchange.fetch), plan, exchange.now_ms, lambda *_: None
    )
    described = market.describe()
    assert [one.symbol for one in described.instruments] == opened
    assert described.lists_change


async def test_a_symbol_without_history_starts_without_one(
    autojump_clock: MockClock,
) -> None:
    exchange = Exchange()

    async def fetch(ask: Ask) -> bytes:
        if ask.query.get("symbol") == "AAAUSDT":
            msg = "not now"
            raise ExchangeError(msg)
        return await exchange.fetch(ask)

    plan = Plan(symbols=None, history_ms=5 * MINUTE_MS, budgets=FeedGroup())
    market = await open_live(binance(fetch), plan, exchange.now_ms, lambda *_: None)
    (fault,) = market.describe().faults
    assert (fault.symbol, fault.kind) == ("AAA/USDT", "no_history")
    assert [len(bars) for bars in next(market.blocks()).bars] == [5, 0, 5]


async def test_a_page_of_a_web_server_is_no_history_and_no_end(
    autojump_clock: MockClock,
) -> None:
    """Status 200, and no candles: marked; late closes are asked for again."""
    async with world() as there:
        exchange, pages = there.exchange, [0]

        async def fetch(ask: Ask) -> bytes:
            if ask.query.get("symbol") != "AAAUSDT":
                return await exchange.fetch(ask)
            pages[0] += 1
            return b"<html>we will be back soon</html>"

        plan = Plan(symbols=None, history_ms=5 * MINUTE_MS)
        market = await open_live(binance(fetch), plan, exchange.now_ms, lambda *_: None)
        (fault,) = market.describe().faults
        assert (fault.symbol, fault.kind, pages) == ("AAA/USDT", "no_history", [1])
        assert "<html>" in fault.detail
        async with trio.open_nursery() as nursery:
            nursery.start_soon(market.minutes.run)
            await trio.sleep(2 * MINUTE_MS / 1e3 + 10)
            nursery.cancel_scope.cancel()
        blocks = list(market.blocks())[1:]
        assert [[len(bars) for bars in block.bars] for block in blocks] == [
            [1, 0, 1]
        ] * 2
