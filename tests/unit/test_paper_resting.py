"""Resting orders: limits as makers, expiry, cancels, reduce-only."""

from decimal import Decimal

from actors.domain.orders import OrderKind, Placed, Refused, Side
from tests.unit.paper_desk import MINUTE, Desk, instrument

LIMIT, STOP = OrderKind.LIMIT, OrderKind.STOP_MARKET
FLAT = (100.0, 100.0, 100.0, 100.0)


async def test_a_limit_fills_only_when_the_path_trades_a_tick_beyond_it() -> None:
    desk = Desk()
    await desk.place(Side.LONG, "1", LIMIT, limit_price="99")
    desk.play((100.0, 100.0, 99.0, 100.0))
    assert desk.words("o1") == ["open:"]
    desk.play((100.0, 100.0, 98.99, 100.0))
    assert desk.words("o1") == ["open:", "fill", "filled:"]
    fill = desk.fills[0]
    assert (fill.price, fill.maker) == (Decimal(99), True)


async def test_a_sell_limit_fills_above_its_price() -> None:
    desk = Desk()
    await desk.place(Side.SHORT, "1", LIMIT, limit_price="101")
    desk.play((100.0, 101.0, 100.0, 100.0))
    assert not desk.fills
    desk.play((100.0, 101.01, 100.0, 100.0))
    assert desk.fills[0].price == Decimal(101)


async def test_a_limit_in_a_gap_fills_at_its_own_price() -> None:
    desk = Desk()
    await desk.place(Side.LONG, "1", LIMIT, limit_price="99")
    desk.play(FLAT)
    desk.play((90.0, 90.0, 90.0, 90.0))
    assert (desk.fills[0].price, desk.fills[0].ts_ms) == (Decimal(99), MINUTE)


async def test_a_limit_never_fills_in_a_bar_without_volume() -> None:
    desk = Desk()
    await desk.place(Side.LONG, "1", LIMIT, limit_price="99")
    desk.play(FLAT)
    desk.play((90.0, 90.0, 90.0, 90.0), volume=0.0)
    assert not desk.fills


async def test_a_limit_fills_in_parts_as_the_volume_allows() -> None:
    desk = Desk()
    await desk.place(Side.LONG, "25", LIMIT, limit_price="99")
    for _ in range(3):
        desk.play((98.5, 99.5, 98.0, 98.5), volume=100.0, spread_bps=200.0)
    parts = ["fill", "partial:", "fill", "partial:", "fill", "filled:"]
    assert desk.words("o1") == ["open:", *parts]
    assert [f.quantity for f in desk.fills] == [10, 10, 5]


async def test_a_crossing_limit_takes_and_then_rests() -> None:
    desk = Desk(equity=10**9)
    await desk.place(Side.LONG, "9000", LIMIT, limit_price="100.10")
    desk.play((100.0, 112.0, 100.0, 112.0), spread_bps=0.0)
    assert desk.fills[0].maker is False
    assert desk.fills[0].price == Decimal("100.06")  # from 100.01 to 100.10
    open_orders = await desk.exchange.fetch_open_orders()
    taken = sum(f.quantity for f in desk.fills)
    assert open_orders[0].filled_quantity == taken < 9000
    desk.play((112.0, 112.0, 100.0, 100.0), spread_bps=0.0)
    assert desk.fills[-1].maker is True
    assert desk.fills[-1].price == Decimal("100.10")


async def test_a_limit_inside_the_spread_waits_for_the_price_to_move() -> None:
    desk = Desk()
    await desk.place(Side.LONG, "1", LIMIT, limit_price="100.20")
    desk.play(FLAT, spread_bps=100.0)  # 99.50 to 100.50
    assert desk.words("o1") == ["open:"]
    desk.play((100.0, 100.0, 99.99, 100.0), spread_bps=100.0)
    assert desk.fills[0].price == Decimal("100.20")


async def test_a_post_only_order_that_would_cross_is_refused_at_the_door() -> None:
    desk = Desk()
    desk.open(FLAT)
    answer = await desk.place(
        Side.LONG, "1", LIMIT, limit_price="100.10", post_only=True
    )
    assert answer == Refused("post-only at 100.10 would cross")


async def test_a_post_only_order_that_crosses_at_arrival_is_cancelled() -> None:
    desk = Desk()
    await desk.place(Side.LONG, "1", LIMIT, limit_price="100.10", post_only=True)
    desk.play(FLAT)
    assert desk.words("o1") == ["cancelled:post_only"]


async def test_a_post_only_order_that_does_not_cross_rests() -> None:
    desk = Desk()
    await desk.place(Side.LONG, "1", LIMIT, limit_price="99", post_only=True)
    desk.play(FLAT)
    assert desk.words("o1") == ["open:"]


async def test_an_order_expires_at_its_time_inside_the_bar() -> None:
    desk = Desk()
    await desk.place(Side.LONG, "1", LIMIT, limit_price="90", expires_ms=30_000)
    desk.play(FLAT)
    assert desk.words("o1") == ["open:", "cancelled:expired"]
    assert desk.updates[-1].ts_ms == 30_000


async def test_an_order_expires_in_a_halt() -> None:
    desk = Desk(instrument("AAA"), instrument("BBB"))
    await desk.place(Side.LONG, "1", LIMIT, limit_price="90", expires_ms=30_000)
    desk.open(FLAT, symbol="BBB")
    desk.finish()
    assert desk.words("o1") == ["open:", "cancelled:expired"]


async def test_what_nobody_played_happens_late_and_in_its_order() -> None:
    desk = Desk()
    await desk.place(Side.LONG, "1")
    await desk.exchange.cancel("AAA", "o1")
    desk.clock.advance_to(MINUTE)
    desk.play(FLAT)
    assert desk.words("o1") == ["cancelled:user"]
    assert desk.updates[0].ts_ms == MINUTE


async def test_a_cancel_takes_effect_after_the_latency() -> None:
    desk = Desk()
    await desk.place(Side.LONG, "1", LIMIT, limit_price="90")
    desk.open(FLAT)
    assert await desk.exchange.play(0)
    assert await desk.exchange.cancel("AAA", "o1") == Placed("paper-1-1")
    desk.finish()
    assert desk.words("o1") == ["open:", "cancelled:user"]
    assert desk.updates[-1].ts_ms == 100


async def test_a_second_cancel_does_not_put_off_the_first() -> None:
    desk = Desk()
    await desk.place(Side.LONG, "1", LIMIT, limit_price="90")
    await desk.exchange.cancel("AAA", "o1")
    desk.clock.advance_to(30)
    await desk.exchange.cancel("AAA", "o1")
    desk.finish()
    desk.play(FLAT)
    assert desk.updates[-1].ts_ms == 50


async def test_a_cancel_may_lose_the_race_to_a_fill() -> None:
    desk = Desk()
    await desk.place(Side.LONG, "1", LIMIT, limit_price="99.91")
    desk.open((100.0, 100.0, 40.0, 40.0))  # 99.90 at the ms of the cancel
    assert await desk.exchange.play(0)
    assert isinstance(await desk.exchange.cancel("AAA", "o1"), Placed)
    desk.finish()
    assert desk.words("o1") == ["open:", "fill", "filled:"]
    assert desk.updates[-1].ts_ms == 100


async def test_a_cancel_of_what_is_not_live_is_refused() -> None:
    desk = Desk()
    await desk.place(Side.LONG, "1")
    desk.play(FLAT)
    for client_id in ("o1", "never"):
        answer = await desk.exchange.cancel("AAA", client_id)
        assert answer == Refused(f"no live order {client_id} of AAA")


async def test_reduce_only_without_a_position_is_cancelled_at_arrival() -> None:
    desk = Desk()
    answer = await desk.place(Side.SHORT, "1", reduce_only=True)
    assert isinstance(answer, Placed)
    desk.play(FLAT)
    assert desk.words("o1") == ["cancelled:reduce_only"]


async def test_reduce_only_on_the_positions_own_side_is_cancelled() -> None:
    desk = Desk()
    await desk.place(Side.LONG, "1")
    await desk.place(Side.LONG, "1", reduce_only=True)
    desk.play(FLAT)
    assert desk.words("o2") == ["cancelled:reduce_only"]


async def test_reduce_only_is_clamped_to_the_position() -> None:
    desk = Desk()
    await desk.place(Side.LONG, "1")
    await desk.place(Side.SHORT, "3", reduce_only=True)
    desk.play(FLAT)
    assert desk.position == 0
    assert desk.words("o2") == ["fill", "cancelled:reduce_only"]


async def test_a_closed_position_cancels_what_could_only_reduce_it() -> None:
    desk = Desk()
    await desk.place(Side.LONG, "2")
    await desk.place(Side.SHORT, "2", STOP, stop_price="95", reduce_only=True)
    await desk.place(Side.SHORT, "1", LIMIT, limit_price="101", reduce_only=True)
    await desk.place(Side.SHORT, "1", LIMIT, limit_price="102", reduce_only=True)
    desk.play((100.0, 103.0, 100.0, 103.0))
    assert desk.words("o3") == ["open:", "fill", "filled:"]
    assert desk.words("o2") == ["open:", "cancelled:reduce_only"]
    assert desk.position == 0


async def test_a_flipped_position_cancels_the_old_sides_stop() -> None:
    desk = Desk()
    await desk.place(Side.LONG, "1")
    await desk.place(Side.SHORT, "1", STOP, stop_price="95", reduce_only=True)
    desk.play(FLAT)
    await desk.place(Side.SHORT, "2")
    desk.play(FLAT)
    assert desk.position == -1
    assert desk.words("o2")[-1] == "cancelled:reduce_only"
