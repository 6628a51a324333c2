"""Market orders and stops at the paper exchange: when they trade, at what price."""

from decimal import Decimal
from math import ceil
from random import Random

import pytest

from actors.domain.orders import OrderKind, Side
from actors.exchange.paper.book import PaperSettings
from tests.unit.paper_desk import MINUTE, Desk, bar, instrument

STOP = OrderKind.STOP_MARKET
FLAT = (100.0, 100.0, 100.0, 100.0)


async def test_a_market_order_trades_at_the_price_of_its_arrival() -> None:
    desk = Desk()
    await desk.place(Side.LONG, "1")
    # 60 down in a minute: 50 ms after the open it is 0.05 lower, never the close.
    desk.play((100.0, 100.0, 40.0, 40.0), spread_bps=0.0)
    fill = desk.fills[0]
    assert (fill.ts_ms, fill.price) == (50, Decimal("99.96"))


async def test_an_order_placed_inside_a_bar_trades_on_the_rest_of_it() -> None:
    desk = Desk()
    await desk.place(Side.LONG, "1")
    desk.open((100.0, 160.0, 100.0, 160.0), spread_bps=0.0)
    assert await desk.exchange.play(0)
    assert desk.clock.now_ms() == 50
    await desk.place(Side.SHORT, "1")
    desk.finish()
    assert [f.ts_ms for f in desk.fills] == [50, 100]
    assert desk.fills[1].price == Decimal("100.09")
    assert desk.clock.now_ms() == MINUTE


async def test_buyers_pay_the_ask_and_sellers_get_the_bid() -> None:
    desk = Desk()
    await desk.place(Side.LONG, "1")
    await desk.place(Side.SHORT, "1")
    desk.play(FLAT, spread_bps=40.0)
    assert [f.price for f in desk.fills] == [Decimal("100.21"), Decimal("99.79")]


async def test_a_larger_order_pays_a_worse_mean_price() -> None:
    prices = []
    for quantity in ("100", "1000", "9000"):
        desk = Desk(equity=10**9)
        await desk.place(Side.LONG, quantity)
        desk.play(FLAT, spread_bps=0.0)
        prices.append(desk.fills[0].price)
    # 30 k USD a bps: 900 k USD walk 30 bps and pay 15 on the mean.
    assert prices == [Decimal("100.01"), Decimal("100.02"), Decimal("100.15")]


async def test_two_orders_of_one_moment_share_the_book() -> None:
    desk = Desk(equity=10**9)
    await desk.place(Side.LONG, "3000")
    await desk.place(Side.LONG, "3000")
    desk.play(FLAT, spread_bps=0.0)
    assert [f.price for f in desk.fills] == [Decimal("100.05"), Decimal("100.15")]


async def test_what_was_taken_grows_back() -> None:
    desk = Desk(equity=10**9)
    await desk.place(Side.LONG, "3000")
    desk.play(FLAT, spread_bps=0.0)
    await desk.place(Side.LONG, "3000")
    desk.play(FLAT, spread_bps=0.0)
    assert desk.fills[0].price == desk.fills[1].price


async def test_beyond_the_band_a_market_order_is_cancelled() -> None:
    desk = Desk(equity=10**9)
    await desk.place(Side.LONG, "9000", limit_price="100.10")
    desk.play(FLAT, spread_bps=0.0)
    # 10 bps of book at 30 k USD each.
    assert desk.fills[0].quantity == Decimal(3000)
    assert desk.fills[0].price == Decimal("100.05")
    assert desk.words("o1") == ["fill", "cancelled:band"]


async def test_a_band_below_the_ask_takes_nothing() -> None:
    desk = Desk()
    await desk.place(Side.LONG, "1", limit_price="99.99")
    desk.play(FLAT)
    assert desk.words("o1") == ["cancelled:band"]


async def test_without_a_band_the_rest_trades_on_as_the_path_goes() -> None:
    desk = Desk(equity=10**9)
    await desk.place(Side.LONG, "20000")
    desk.play((100.0, 106.0, 100.0, 106.0), spread_bps=0.0)
    assert desk.words("o1") == ["fill", "partial:", "fill", "filled:"]
    first, second = desk.fills
    assert first.quantity == pytest.approx(15_000, rel=Decimal("0.01"))  # 50 bps
    assert second.ts_ms - first.ts_ms == PaperSettings().refill_ms
    assert second.price > first.price - 1


async def test_a_bar_gives_only_a_share_of_its_volume() -> None:
    desk = Desk()
    await desk.place(Side.LONG, "25")
    for expected in (10, 20, 25):
        desk.play(FLAT, volume=100.0)
        assert desk.position == expected
    assert desk.fills[1].ts_ms == MINUTE + 1


async def test_takers_meet_the_quoted_floor_in_a_bar_without_volume() -> None:
    desk = Desk()
    await desk.place(Side.LONG, "9")
    desk.play(FLAT, volume=0.0)
    assert desk.position == 5  # 500 USD


async def test_a_stop_inside_the_bar_trades_when_the_path_touches_it() -> None:
    desk = Desk()
    await desk.place(Side.LONG, "1")
    await desk.place(Side.SHORT, "1", STOP, stop_price="99.50", reduce_only=True)
    # The low is nearer: 1 down, 4 up, 1 down in 60 s; half of the first leg is 5 s.
    desk.play((100.0, 103.0, 99.0, 102.0))
    assert desk.fills[1].ts_ms == 5_000
    assert desk.fills[1].price == Decimal("99.49")  # 99.5 less one bp, tick down
    assert desk.words("o2") == ["open:", "fill", "filled:"]


async def test_a_stop_in_a_gap_trades_at_the_open_not_at_its_price() -> None:
    desk = Desk()
    await desk.place(Side.LONG, "1")
    await desk.place(Side.SHORT, "1", STOP, stop_price="99", reduce_only=True)
    desk.play(FLAT)
    desk.play((90.0, 95.0, 89.0, 94.0))
    assert desk.fills[1].ts_ms == MINUTE
    assert desk.fills[1].price == Decimal("89.99")


async def test_a_stop_that_is_past_at_arrival_trades_at_once() -> None:
    desk = Desk()
    await desk.place(Side.LONG, "1", STOP, stop_price="99")
    desk.play(FLAT)
    assert desk.fills[0].ts_ms == 50
    assert desk.words("o1") == ["fill", "filled:"]


async def test_a_buy_stop_waits_for_a_rise() -> None:
    desk = Desk()
    await desk.place(Side.LONG, "1", STOP, stop_price="101")
    desk.play((100.0, 100.5, 95.0, 96.0))
    assert desk.words("o1") == ["open:"]
    desk.play((96.0, 101.0, 96.0, 101.0), spread_bps=0.0)  # at the very close
    assert desk.fills[0].ts_ms == 2 * MINUTE


async def test_a_protective_stop_that_the_volume_cannot_fill_keeps_trying() -> None:
    desk = Desk()
    await desk.place(Side.LONG, "30")
    desk.play(FLAT)
    await desk.place(Side.SHORT, "30", STOP, stop_price="99", reduce_only=True)
    desk.play((100.0, 100.0, 98.0, 98.0), volume=200.0)
    desk.play((97.0, 97.0, 97.0, 97.0), volume=200.0)
    assert desk.words("o2") == ["open:", "fill", "partial:", "fill", "filled:"]
    assert desk.fills[2].price < 97


async def test_symbols_trade_in_the_order_of_time_not_of_names() -> None:
    # The further a symbol rises in its minute, the sooner it is at its stop.
    rises = [2.0 + 0.1 * i for i in range(40)]
    Random(7).shuffle(rises)
    symbols, moments = [f"S{i}" for i in range(40)], {}
    desk = Desk(*(instrument(symbol) for symbol in symbols))
    for symbol, rise in zip(symbols, rises, strict=True):
        await desk.place(Side.LONG, "1", STOP, stop_price="101", symbol=symbol)
        moments[symbol] = 50 + ceil(MINUTE / rise)
    desk.clock.advance_to(50)
    desk.finish()  # all are at rest before any bar is laid out
    for symbol, rise in zip(symbols, rises, strict=True):
        desk.open((100.0, 100.0 + rise, 100.0, 100.0 + rise), symbol=symbol)
    desk.finish()
    traded = {fill.symbol: fill.ts_ms for fill in desk.fills}
    assert traded == pytest.approx(moments, abs=1)
    assert list(traded) == sorted(symbols, key=moments.__getitem__)


async def test_orders_arrive_and_end_when_no_bar_is_played_at_all() -> None:
    desk = Desk()
    await desk.place(Side.LONG, "1", expires_ms=MINUTE)
    assert not await desk.exchange.play(0)
    desk.clock.advance_to(50)
    desk.finish()
    assert desk.words("o1") == ["open:"]
    desk.clock.advance_to(MINUTE)
    desk.finish()
    assert desk.words("o1") == ["open:", "cancelled:expired"]


async def test_a_halted_symbol_trades_at_its_first_price_again() -> None:
    desk = Desk(instrument("AAA"), instrument("BBB"))
    await desk.place(Side.LONG, "1")
    desk.open(FLAT, symbol="BBB")
    desk.finish()
    assert desk.words("o1") == ["open:"]
    desk.play((200.0, 201.0, 199.0, 200.0), spread_bps=0.0)
    assert (desk.fills[0].ts_ms, desk.fills[0].price) == (MINUTE, Decimal("200.01"))


async def test_a_modelled_book_serves_where_none_was_recorded() -> None:
    desk = Desk()
    await desk.place(Side.LONG, "1")
    desk.exchange.open_bar("AAA", bar((100, 101, 99, 100))[0], 0, MINUTE)
    desk.finish()
    # 10 bps of half spread, and a tick for the walk into the book.
    assert desk.fills[0].price == Decimal("100.11")
