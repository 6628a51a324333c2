"""Markets through ccxt: minutes of trades, holes, dates as a clock, damaged rows."""

import subprocess
import sys
from collections.abc import Sequence
from decimal import Decimal
from email.utils import formatdate
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from actors.domain.errors import ExchangeError
from actors.domain.freshness import Health
from actors.exchange.ccxtrio import Family, Quote, Trade, exchange_class
from actors.exchange.ccxtrio.public import CLOCK_SETTINGS, SETTINGS, PublicSide
from actors.exchange.ccxtrio.serverdate import ServerDate
from actors.market.live.foreign import foreign
from actors.market.live.streams import Wish
from actors.market.live.told import Building, Hear, ToldStreams
from actors.market.live.wire import Channel
from config.settings import FeedGroup
from control.shell.foreign import Joined, candle_of

MINUTE = 60_000
START = 1_700_006_400_000
BTC = "BTC/USDT"


def trade(ts_ms: int, price: float, size: float = 1.0, number: int = 0) -> Trade:
    return Trade(BTC, str(number or ts_ms), price, size, START + ts_ms, taker_sold=None)


def test_a_minute_is_built_of_all_its_trades_and_of_nothing_less() -> None:
    """The first had begun before anything was heard; a late trade changes nothing."""
    building = Building()
    heard = (
        trade(30_000, 9.0),
        trade(MINUTE, 10.0),
        trade(MINUTE + 1, 12.0, 2.0),
        trade(MINUTE + 2, 8.0, 3.0),
        trade(2 * MINUTE, 11.0),
        trade(2 * MINUTE - 1, 99.0),
        trade(5 * MINUTE, 11.5),
    )
    found = [one for one in map(building.take, heard) if one is not None]
    rows = [
        (one.open_ts - START, one.open, one.high, one.low, one.close, one.volume)
        for one in found
    ]
    assert rows == [
        (MINUTE, 10.0, 12.0, 8.0, 8.0, 6.0),
        (2 * MINUTE, 11.0, 11.0, 11.0, 11.0, 1.0),
    ]
    assert [(one.trades, one.closed) for one in found] == [(3, True), (1, True)]


def test_a_trade_without_a_time_spoils_the_minute_it_may_belong_to() -> None:
    building = Building()
    undated = trade(-START, 10.0)
    heard = (trade(0, 9.0), trade(MINUTE, 9.0), undated, trade(MINUTE + 1, 9.0))
    more = (trade(2 * MINUTE, 9.0), trade(3 * MINUTE, 9.0))
    found = [one for one in map(building.take, (*heard, *more)) if one is not None]
    assert [one.open_ts - START for one in found] == [2 * MINUTE]


class Silent:
    """A source whose words a test puts into its mouth."""

    def __init__(self, *channels: Channel) -> None:
        self.channels = frozenset(channels)
        self.hear: Hear | None = None

    async def listen(self, _names: Sequence[str], hear: Hear) -> None:
        self.hear = hear
        await trio.sleep_forever()


async def test_a_hole_spoils_the_minute_and_the_feed_until_more_is_heard() -> None:
    source = Silent(Channel.TRADES)
    wish = Wish(natives=[BTC], budgets=FeedGroup(entries_ms_max=500))
    streams = ToldStreams(foreign("x", 9), wish, source, lambda: START + 3 * MINUTE)
    closed: list[int] = []
    streams.taps.closed = lambda _, candle: closed.append(candle.open_ts - START)
    symbol = streams.hub.symbols[BTC]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(streams.run)
        await wait_all_tasks_blocked()
        assert source.hear is not None
        assert streams.reconnects == 1, "the first minute's trades are not all there"
        for ts in (0, MINUTE, 2 * MINUTE):
            source.hear(BTC, Channel.TRADES, trade(ts, 10.0))
        assert closed == [MINUTE]
        source.hear(BTC, None, "gone")
        assert symbol.pulse.freshness().gap_ms is not None
        for ts in (2 * MINUTE + 5, 3 * MINUTE, 4 * MINUTE):
            source.hear(BTC, Channel.TRADES, trade(ts, 10.0))
        assert symbol.pulse.freshness().gap_ms is None
        assert closed == [MINUTE, 3 * MINUTE], "the third has a hole"
        assert streams.reconnects == 2
        nursery.cancel_scope.cancel()


async def test_a_source_that_is_listened_to_again_has_a_hole_and_new_numbers() -> None:
    source = Silent(Channel.TRADES, Channel.QUOTE)
    wish = Wish(natives=[BTC], budgets=FeedGroup(entries_ms_max=500))
    streams = ToldStreams(foreign("x", 9), wish, source, lambda: START + 3 * MINUTE)
    closed: list[int] = []
    streams.taps.closed = lambda _, candle: closed.append(candle.open_ts - START)
    symbol = streams.hub.symbols[BTC]
    for run, times in enumerate(((0, MINUTE), (MINUTE + 9, 2 * MINUTE, 3 * MINUTE))):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(streams.run)
            await wait_all_tasks_blocked()
            assert source.hear is not None
            assert symbol.quote is None
            assert symbol.pulse.freshness().gap_ms is not None
            for number, bid in ((500 - 499 * run, 10.0), (501 - 499 * run, 11.0)):
                source.hear(BTC, Channel.QUOTE, Quote(BTC, bid, 1, 12.0, 1, number, 0))
                assert symbol.quote.bid == bid
            for ts in times:
                source.hear(BTC, Channel.TRADES, trade(ts, 10.0))
            assert symbol.pulse.freshness().gap_ms is None
            nursery.cancel_scope.cancel()
    assert closed == [2 * MINUTE], "of the second, something was not heard"


async def test_a_source_that_streams_nothing_has_no_holes() -> None:
    streams = ToldStreams(foreign("x", 9), Wish(natives=[BTC]), Silent(), lambda: START)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(streams.run)
        await wait_all_tasks_blocked()
        assert streams.hub.symbols[BTC].pulse.freshness().gap_ms is None
        nursery.cancel_scope.cancel()


async def test_where_nothing_is_streamed_a_feed_may_be_as_old_as_its_bars() -> None:
    wish = Wish(natives=[BTC], budgets=FeedGroup(entries_ms_max=5_000))
    for source, health in (
        (Silent(), Health.FRESH),
        (Silent(Channel.CANDLE), Health.FRESH),
        (Silent(Channel.TRADES), Health.LOST),
    ):
        streams = ToldStreams(foreign("x", 9), wish, source, lambda: START + 50_000)
        pulse = streams.hub.symbols[BTC].pulse
        pulse.heard(streams.hub.now(), START)
        assert pulse.judge(streams.hub.now()).health is health
        assert streams.hub.is_polled is (not source.channels)


@pytest.fixture
def autojump_clock() -> MockClock:
    return MockClock(autojump_threshold=0)


async def test_dates_in_whole_seconds_become_a_clock_within_a_tenth(
    autojump_clock: MockClock,
) -> None:
    server, offset_ms, start = ServerDate(), 7_123, trio.current_time()
    for at in (0.0, 0.35, 0.62, 0.91, 1.24, 1.55, 1.86):
        await trio.sleep_until(start + at)
        ours_ms = trio.current_time() * 1e3
        told = server.take(http_date(int(START + ours_ms + offset_ms) // 1_000))
    assert abs(told - (START + ours_ms + offset_ms)) < 100
    assert abs(server.take(http_date(START // 1_000 + 99)) - (START + 99_500)) <= 1


def http_date(seconds: int) -> str:
    return formatdate(seconds, usegmt=True)


@pytest.mark.parametrize(
    "row",
    [
        [START, 1, 2, 0.5, None, 3],
        [START, 1, 2, 0.5, 1.5],
        [START, 0, 2, 0, 1.5, 3],
        [START, 1, 0.9, 0.5, 0.8, 3],
        [START, 1, 2, 1.2, 1.5, 3],
        [START, 1, float("inf"), 0.5, 1.5, 3],
        [START, 1, 2, 0.5, float("nan"), 3],
        [START, 1, 2, 0.5, 1.5, -1],
    ],
)
def test_a_damaged_row_is_no_candle(row: list[Any]) -> None:
    assert candle_of(row) is None
    sound = candle_of([START, 1, 2, 0.5, 1.5, 3])
    assert sound is not None
    assert (sound.close, sound.volume, sound.trades) == (1.5, 3.0, None)


async def test_a_trade_without_an_id_gets_a_number_of_its_own() -> None:
    joined = Joined(PublicSide(exchange_class("kraken")({}), ""))
    unnumbered = [joined._numbered(trade(1, 1.0, number=n)) for n in (5, 6)]
    assert [one.trade_id for one in unnumbered] == ["5", "6"]
    bare = Trade(BTC, "None", 1.0, 1.0, 1, taker_sold=None)
    assert len({joined._numbered(bare).trade_id for _ in range(3)}) == 3


async def test_steps_of_significant_digits_are_those_of_the_price_now() -> None:
    exchange = exchange_class("bitfinex")({})

    async def fetch_tickers() -> dict[str, Any]:
        return {BTC: {"last": 65_083.7}, "ETH/USDT": {"last": 0.0123}}

    exchange.fetch_tickers = fetch_tickers
    exchange.set_markets([bitfinex(exchange, base) for base in ("BTC", "ETH", "NEW")])
    listed = await PublicSide(exchange, "").listed()
    assert [(one.symbol, one.tick_size) for one in listed] == [
        (BTC, Decimal(1)),
        ("ETH/USDT", Decimal("0.000001")),
    ]
    assert listed[0].lot_size == Decimal("1E-8")


async def test_an_answer_that_is_none_is_an_error_and_an_empty_one_is_empty(
    autojump_clock: MockClock,
) -> None:
    """ccxt reads a page of a web server as no candles at all."""
    exchange = exchange_class("binance")(SETTINGS)
    answers: list[Any] = [[], None]

    async def fetch_ohlcv(*_: Any) -> list[Any]:
        exchange.last_json_response = answers[0]
        return []

    exchange.fetch_ohlcv = fetch_ohlcv
    exchange.set_markets([bitfinex(exchange, "BTC")])
    side = PublicSide(exchange, "")
    assert await side.candles(BTC, "1m", START, START + MINUTE) == {}
    del answers[0]
    with pytest.raises(ExchangeError, match="answered no JSON"):
        await side.candles(BTC, "1m", START, START + MINUTE)


async def test_the_clock_is_asked_without_a_wait_for_the_limiter(
    autojump_clock: MockClock,
) -> None:
    """Kraken lets one request a second through: a wait would pass for an offset."""
    limited = exchange_class("kraken")(SETTINGS)
    clock = exchange_class("kraken", Family.REST)(CLOCK_SETTINGS)

    async def fetch(*_: Any) -> Any:
        return {"error": [], "result": {"unixtime": START // 1_000}}

    limited.fetch = clock.fetch = fetch
    side, began = PublicSide(limited, "", clock), trio.current_time()
    assert [await side.time_ms() for _ in range(5)] == [START] * 5
    assert trio.current_time() == began
    slow = PublicSide(limited, "")
    assert [await slow.time_ms() for _ in range(5)] == [START] * 5
    assert trio.current_time() > began + 1


async def test_an_exchange_that_tells_no_time_is_asked_for_a_dated_answer() -> None:
    clock = exchange_class("bitstamp", Family.REST)(CLOCK_SETTINGS)
    clock.set_markets([bitfinex(clock, "BTC")])
    headers: list[dict[str, str]] = [{"date": http_date(START // 1_000)}, {}]

    async def fetch_ticker(symbol: str) -> None:
        assert symbol == BTC
        clock.last_response_headers = headers.pop(0)

    clock.fetch_ticker = fetch_ticker
    side = PublicSide(clock, "")
    assert START <= await side.time_ms() < START + 1_000
    with pytest.raises(ExchangeError, match="neither by itself nor in its answers"):
        await side.time_ms()


def bitfinex(exchange: Any, base: str) -> dict[str, Any]:
    kind = {"type": "spot", "spot": True, "swap": False, "active": True}
    names = {"id": f"t{base}USDT", "symbol": f"{base}/USDT", "base": base}
    more = {"quote": "USDT", "precision": {"price": 5, "amount": 8}}
    return exchange.safe_market_structure({**names, **kind, **more})


def test_the_command_starts_without_ccxt() -> None:
    code = "import sys, control.cli; sys.exit('ccxt' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
