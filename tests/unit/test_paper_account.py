"""The paper account: refusals at the door, fees, equity, margin, what is asked."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from actors.domain.orders import (
    ExchangePosition,
    OpenOrder,
    OrderKind,
    OrderRequest,
    Refused,
    Side,
)
from actors.exchange.paper.account import PaperState
from actors.exchange.paper.book import PaperSettings
from tests.unit.paper_desk import MINUTE, Desk, instrument

LIMIT, STOP = OrderKind.LIMIT, OrderKind.STOP_MARKET
FLAT = (100.0, 100.0, 100.0, 100.0)

REFUSALS: list[tuple[str, OrderKind, dict[str, Any], str]] = [
    ("1", LIMIT, {"limit_price": "99", "symbol": "ZZZ"}, "unknown symbol ZZZ"),
    ("1", LIMIT, {"limit_price": "99.005"}, "limit_price 99.005 is off the tick 0.01"),
    ("1", STOP, {"stop_price": "99.005"}, "stop_price 99.005 is off the tick 0.01"),
    ("1", LIMIT, {"limit_price": "-1"}, "limit_price -1 is not above 0"),
    ("1.0005", LIMIT, {"limit_price": "99"}, "quantity 1.0005 is off the lot 0.001"),
    ("0", LIMIT, {"limit_price": "99"}, "quantity 0 is not above 0"),
    (
        "0.009",
        LIMIT,
        {"limit_price": "99"},
        "quantity 0.009 is below the minimum 0.01",
    ),
    ("0.01", LIMIT, {"limit_price": "99"}, "notional 0.99 is below the minimum 5"),
    ("1", LIMIT, {}, "a limit order without a limit price"),
    ("1", STOP, {}, "a stop_market order with stop price None"),
    (
        "1",
        STOP,
        {"stop_price": "99", "limit_price": "98"},
        "a stop_market order with limit price 98",
    ),
    ("1", OrderKind.MARKET, {"post_only": True}, "a post-only market order"),
]


@pytest.mark.parametrize(("quantity", "kind", "fields", "reason"), REFUSALS)
async def test_a_bad_order_is_refused_with_value_and_limit(
    quantity: str, kind: OrderKind, fields: dict[str, Any], reason: str
) -> None:
    desk = Desk()
    assert await desk.place(Side.LONG, quantity, kind, **fields) == Refused(reason)
    assert not desk.exchange.active()


async def test_a_client_id_is_taken_once_even_after_its_order_ended() -> None:
    desk = Desk()
    await desk.place(Side.LONG, "1", client_id="same")
    again = await desk.place(Side.LONG, "1", client_id="same")
    assert again == Refused("duplicate client id same")
    desk.play(FLAT)
    again = await desk.place(Side.LONG, "1", client_id="same")
    assert again == Refused("duplicate client id same")
    assert desk.position == 1


async def test_a_market_orders_notional_is_judged_at_the_last_price() -> None:
    desk = Desk()
    desk.exchange.mark("AAA", 100.0)
    answer = await desk.place(Side.LONG, "0.01")
    assert answer == Refused("notional 1.000 is below the minimum 5")


async def test_a_small_rest_may_always_be_closed() -> None:
    desk = Desk()
    desk.exchange.mark("AAA", 100.0)
    assert not isinstance(
        await desk.place(Side.SHORT, "0.01", reduce_only=True), Refused
    )


async def test_margin_bounds_positions_and_live_orders_together() -> None:
    desk = Desk(equity=100)
    await desk.place(Side.LONG, "5", LIMIT, limit_price="100")
    answer = await desk.place(Side.LONG, "5", LIMIT, limit_price="100")
    assert isinstance(answer, Refused)
    assert answer.reason == "margin 50.25 is above the free margin 49.75"


async def test_an_exit_needs_no_margin() -> None:
    desk = Desk(equity=100)
    await desk.place(Side.LONG, "9")
    desk.play(FLAT)
    answer = await desk.place(Side.SHORT, "9", LIMIT, limit_price="110")
    assert not isinstance(answer, Refused)


async def test_an_exit_trades_even_when_the_margin_is_gone() -> None:
    desk = Desk(equity=100)
    await desk.place(Side.LONG, "9")
    desk.play((100.0, 100.0, 95.0, 95.0))
    await desk.place(Side.SHORT, "9")
    desk.play((95.0, 95.0, 95.0, 95.0))
    assert desk.words("o2") == ["fill", "filled:"]


async def test_margin_that_is_gone_at_arrival_cancels_the_order() -> None:
    desk = Desk(equity=100)
    await desk.place(Side.LONG, "5", LIMIT, limit_price="10")
    await desk.place(Side.LONG, "9")  # no price is known yet
    desk.play((200.0, 200.0, 200.0, 200.0))
    assert desk.words("o2") == ["cancelled:margin"]


async def test_margin_is_asked_for_after_a_halt_too() -> None:
    desk = Desk(equity=100)
    await desk.place(Side.LONG, "11")
    desk.clock.advance_to(MINUTE)
    desk.finish()
    desk.play(FLAT)
    assert desk.words("o1") == ["open:", "cancelled:margin"]


async def test_spot_cannot_be_sold_short() -> None:
    desk = Desk(instrument(shortable=False))
    answer = await desk.place(Side.SHORT, "1", LIMIT, limit_price="100")
    assert answer == Refused("sale of 1 with 0 held: no shorts on spot")


async def test_two_sales_of_one_spot_holding_do_not_go_short() -> None:
    desk = Desk(instrument(shortable=False))
    await desk.place(Side.LONG, "1")
    desk.play(FLAT)
    await desk.place(Side.SHORT, "1")
    await desk.place(Side.SHORT, "1")
    desk.play(FLAT)
    assert desk.position == 0
    assert desk.words("o3") == ["cancelled:reduce_only"]


async def test_spot_has_no_leverage() -> None:
    desk = Desk(instrument(shortable=False), equity=100)
    answer = await desk.place(Side.LONG, "1.1", LIMIT, limit_price="100")
    assert isinstance(answer, Refused)


async def test_makers_and_takers_pay_their_own_fees() -> None:
    desk = Desk()
    await desk.place(Side.LONG, "1")
    await desk.place(Side.SHORT, "1", LIMIT, limit_price="101")
    desk.play((100.0, 102.0, 100.0, 102.0), spread_bps=0.0)
    taker, maker = desk.fills
    assert taker.fee == taker.price * Decimal("0.0005")
    assert maker.fee == Decimal("0.0202")


async def test_equity_is_cash_and_the_position_at_its_last_price() -> None:
    desk = Desk(equity=1_000)
    await desk.place(Side.SHORT, "2")
    desk.play((100.0, 100.0, 90.0, 90.0), spread_bps=0.0)
    fill = desk.fills[0]
    assert (
        await desk.exchange.fetch_equity() == 1_000 + 2 * (fill.price - 90) - fill.fee
    )
    desk.exchange.mark("AAA", 95.5)
    gain = 2 * (fill.price - Decimal("95.5"))
    assert await desk.exchange.fetch_equity() == 1_000 + gain - fill.fee


async def test_the_entry_price_is_the_mean_of_what_is_still_open() -> None:
    desk = Desk()
    for price in (100.0, 110.0):
        await desk.place(Side.LONG, "1")
        desk.play((price,) * 4, spread_bps=0.0)
    await desk.place(Side.SHORT, "1")
    desk.play((120.0,) * 4, spread_bps=0.0)
    mean = sum(f.price for f in desk.fills[:2]) / 2
    held = await desk.exchange.fetch_positions()
    assert held == (ExchangePosition("AAA", Decimal(1), mean),)


async def test_a_flipped_position_was_entered_at_the_flip() -> None:
    desk = Desk()
    await desk.place(Side.LONG, "1")
    desk.play(FLAT)
    await desk.place(Side.SHORT, "3")
    desk.play((120.0,) * 4)
    held = await desk.exchange.fetch_positions()
    assert held == (ExchangePosition("AAA", Decimal(-2), desk.fills[1].price),)


async def test_live_orders_are_told_from_the_moment_they_are_taken() -> None:
    desk = Desk()
    request = OrderRequest(
        "mine", "AAA", Side.LONG, LIMIT, Decimal(1), limit_price=Decimal(90)
    )
    await desk.exchange.place(request)
    assert await desk.exchange.fetch_open_orders() == (OpenOrder(request, "paper-1-1"),)
    assert desk.exchange.active() == {"AAA"}


async def test_fills_are_told_since_a_moment_and_the_newest_are_kept() -> None:
    desk = Desk(settings=PaperSettings(fills_kept=3))
    for _ in range(6):
        await desk.place(Side.LONG, "1")
        desk.play(FLAT)
    kept = await desk.exchange.fetch_fills(0)
    assert kept == tuple(desk.fills[-3:])
    assert await desk.exchange.fetch_fills(5 * MINUTE + 50) == kept[-1:]
    assert await desk.exchange.fetch_fills(5 * MINUTE + 51) == ()


async def test_the_state_survives_being_written_down() -> None:
    desk = Desk()
    await desk.place(Side.LONG, "1")
    await desk.place(Side.SHORT, "1", STOP, stop_price="90", reduce_only=True)
    desk.play(FLAT)
    written = msgspec.json.encode(desk.exchange.state)
    assert msgspec.json.decode(written, type=PaperState) == desk.exchange.state
