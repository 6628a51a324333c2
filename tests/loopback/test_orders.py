"""The desks: what is taken, what is refused, what is filled and what it costs."""

from decimal import Decimal
from typing import Any

import pytest

from actors.loopback.accounts.order import CANCELED, EXPIRED, FILLED, NEW, PARTIAL
from actors.loopback.accounts.refusals import Refused
from actors.loopback.floor.grid import BUY, SELL
from actors.loopback.floor.maker import Quote
from actors.loopback.floor.pit import Venue
from tests.loopback.venue import MINUTE_MS, Floor, best

SPOT = Venue.SPOT


def code_of(floor: Floor, side: int, kind: str, size: str, **more: Any) -> int:
    with pytest.raises(Refused) as refused:
        floor.place(side, kind, size, **more)
    return refused.value.code


def test_a_market_order_takes_the_best_price_and_pays_the_taker_fee() -> None:
    floor = Floor()
    ask = best(floor.pit(), SELL)
    order = floor.place(BUY, "MARKET", "0.01", client_id="a")
    assert (order.status, order.average) == (FILLED, floor.pit().grid.price(ask))
    fee = order.paid * Decimal("0.00075")
    assert floor.exchange.futures.wallet == Decimal(10_000) - fee
    assert [what for _, what, _ in floor.told] == ["NEW", "TRADE"]


def test_a_limit_order_rests_until_the_market_comes_and_pays_the_maker_fee() -> None:
    floor = Floor()
    order = floor.place(BUY, "LIMIT", "0.01", ticks=-300, client_id="a")
    assert order.status == NEW
    for _ in range(120):
        floor.go(MINUTE_MS)
    assert order.status == FILLED
    assert all(fill.maker for fill in order.fills)
    assert {fill.ticks for fill in order.fills} == {order.ticks}
    assert sum(fill.fee for fill in order.fills) == order.paid * Decimal("0.0002")


def test_an_order_larger_than_the_touch_is_filled_in_pieces_at_worse_prices() -> None:
    floor = Floor()
    touch = floor.pit().best()[3]
    size = floor.pit().grid.size(touch + 1)
    order = floor.place(BUY, "MARKET", str(size), symbol="BTCUSDT")
    assert [fill.lots for fill in order.fills] == [touch, 1]
    assert order.fills[0].ticks < order.fills[1].ticks


def test_a_price_that_goes_through_an_order_fills_it_at_its_own_price() -> None:
    floor = Floor()
    order = floor.place(BUY, "LIMIT", "0.05", ticks=-40, client_id="a")
    pit, filled = order.pit, floor.exchange.desks[Venue.USDM].filled
    quote = Quote(float(order.ticks - 500), 10, 1_000, 1_000)
    pit.house.move(quote, lambda side, take: pit.printed(0, side, take, filled))
    assert (order.status, order.average) == (FILLED, pit.grid.price(order.ticks))


def test_an_order_that_turns_a_position_round_opens_at_its_own_price() -> None:
    floor = Floor()
    floor.place(BUY, "MARKET", "0.01")
    floor.go(5 * MINUTE_MS)
    sold = floor.place(SELL, "MARKET", "0.03")
    position = floor.exchange.futures.positions["BTCUSDT", "BOTH"]
    assert (position.size, position.entry) == (Decimal("-0.02"), sold.average)


def test_a_resting_order_is_filled_in_part_when_its_queue_is_reached() -> None:
    floor = Floor()
    pit = floor.pit()
    order = floor.place(BUY, "LIMIT", "1", ticks=1, client_id="a")  # alone in front
    filled = floor.exchange.desks[Venue.USDM].filled
    pit.house.flow(SELL, 100, lambda side, take: pit.printed(0, side, take, filled))
    assert (order.status, order.filled) == (PARTIAL, 100)


def test_immediate_or_cancel_keeps_nothing_in_the_book() -> None:
    floor = Floor()
    order = floor.place(BUY, "LIMIT", "0.01", ticks=-5, force="IOC")
    assert (order.status, order.filled) == (EXPIRED, 0)


def test_fill_or_kill_is_refused_when_it_cannot_be_filled_whole() -> None:
    floor = Floor()
    grid, touch = floor.pit().grid, floor.pit().best()[3]
    size, more = str(grid.size(touch + 1)), {"force": "FOK", "ticks": 0}
    wish = floor.wish(BUY, "LIMIT", size, **more)
    wish.price = grid.price(best(floor.pit(), SELL))
    with pytest.raises(Refused) as refused:
        floor.exchange.place(wish)
    assert refused.value.code == -5021


def test_post_only_is_refused_when_it_would_take() -> None:
    floor = Floor()
    spread = best(floor.pit(), SELL) - best(floor.pit(), BUY)
    assert code_of(floor, BUY, "LIMIT", "0.01", ticks=spread, force="GTX") == -5022
    spot = best(floor.pit(venue=SPOT), SELL) - best(floor.pit(venue=SPOT), BUY)
    more = {"ticks": spot, "venue": SPOT}
    assert code_of(floor, BUY, "LIMIT_MAKER", "0.01", **more) == -2010


@pytest.mark.parametrize(
    ("venue", "size", "more", "code"),
    [
        (Venue.USDM, "0", {}, -4003),
        (Venue.USDM, "0.000001", {}, -1111),  # between two lots
        (Venue.USDM, "9999999", {}, -4005),
        (Venue.USDM, "0.00001", {}, -4164),  # worth too little
        (Venue.USDM, "0.01", {"kind": "STOP_LOSS"}, -1116),
        (SPOT, "0.000001", {}, -1013),
        (SPOT, "9999999", {}, -1013),
        (SPOT, "0.00001", {}, -1013),
        (SPOT, "1", {}, -2010),  # not so much money
        (Venue.USDM, "5", {}, -2019),  # not so much margin
    ],
)
def test_what_a_filter_forbids_is_refused_with_its_code(
    venue: Venue, size: str, more: dict[str, Any], code: int
) -> None:
    floor = Floor()
    kind = more.pop("kind", "MARKET")
    assert code_of(floor, BUY, kind, size, venue=venue, **more) == code
    assert floor.told == []
    assert floor.exchange.futures.wallet == Decimal(10_000)


def test_a_price_off_the_grid_or_far_away_is_refused() -> None:
    floor = Floor()
    wish = floor.wish(BUY, "LIMIT", "0.01")
    for price, code in (("0", -4001), ("100000.05", -1111), ("200000", -4016)):
        wish.price = Decimal(price)
        with pytest.raises(Refused) as refused:
            floor.exchange.place(wish)
        assert refused.value.code == code


def test_a_client_id_is_taken_among_open_orders_only() -> None:
    floor = Floor()
    for venue, code in ((Venue.USDM, -4116), (SPOT, -2010)):
        more = {"ticks": -50, "client_id": "same", "venue": venue}
        order = floor.place(BUY, "LIMIT", "0.01", **more)
        assert code_of(floor, BUY, "LIMIT", "0.01", **more) == code
        floor.exchange.cancel(order)
        assert order.status == CANCELED
        assert floor.place(BUY, "LIMIT", "0.01", **more).status == NEW


def test_a_reduce_only_order_never_opens_and_never_flips() -> None:
    floor = Floor()
    assert code_of(floor, SELL, "MARKET", "0.01", reduce_only=True) == -2022
    floor.place(BUY, "MARKET", "0.01")
    floor.place(SELL, "MARKET", "0.05", reduce_only=True)
    assert floor.held() == 0


def test_reduce_only_orders_shrink_with_what_they_could_reduce() -> None:
    floor = Floor()
    floor.place(BUY, "MARKET", "0.02")
    rests = floor.place(SELL, "LIMIT", "0.02", ticks=200, reduce_only=True)
    floor.place(SELL, "MARKET", "0.015")
    assert rests.pit.grid.size(rests.left) == Decimal("0.005")
    floor.place(SELL, "MARKET", "0.005")
    assert (rests.status, floor.held()) == (EXPIRED, 0)


def test_a_closed_trade_leaves_its_profit_less_its_fees_in_the_wallet() -> None:
    floor = Floor()
    floor.place(BUY, "MARKET", "0.02")
    floor.go(10 * MINUTE_MS)
    floor.place(SELL, "MARKET", "0.02")
    profit = sum(fill.profit for _, fill in floor.fills)
    fees = sum(fill.fee for _, fill in floor.fills)
    (bought, _), (sold, _) = floor.fills
    assert profit == sold.paid - bought.paid
    assert floor.exchange.futures.wallet == Decimal(10_000) + profit - fees


def test_hedge_mode_keeps_long_and_short_apart() -> None:
    floor = Floor()
    assert code_of(floor, BUY, "MARKET", "0.01", position_side="LONG") == -4061
    floor.exchange.futures.hedged = True
    assert code_of(floor, BUY, "MARKET", "0.01") == -4061
    floor.place(BUY, "MARKET", "0.01", position_side="LONG")
    floor.place(SELL, "MARKET", "0.02", position_side="SHORT")
    assert floor.held(side="LONG") == Decimal("0.01")
    assert floor.held(side="SHORT") == Decimal("-0.02")
    floor.place(SELL, "MARKET", "0.05", position_side="LONG")  # closes, no more
    assert floor.held(side="LONG") == 0


def test_spot_coins_and_money_balance_to_the_last_digit() -> None:
    floor = Floor()
    spot = floor.exchange.spot
    floor.place(BUY, "MARKET", "0.05481", venue=SPOT)
    rests = floor.place(SELL, "LIMIT", "0.02", ticks=100, venue=SPOT)
    assert spot.locked["BTC"] == Decimal("0.02")
    floor.exchange.cancel(rests)
    (order, fill), *_ = floor.fills
    assert fill.fee_asset == "BTC"
    assert fill.fee == Decimal("0.00004110")  # 7.5 bps, to a balance's last digit
    assert spot.free["BTC"] == Decimal("0.05481") - fill.fee
    assert spot.free["USDT"] == Decimal(10_000) - order.paid
    assert not any(spot.locked.values())


def test_a_spot_buy_for_money_spends_no_more_than_that() -> None:
    floor = Floor()
    wish = floor.wish(BUY, "MARKET", "1", venue=SPOT)
    wish.size, wish.quote = None, Decimal(100)
    order = floor.exchange.place(wish)
    assert order.status == FILLED
    assert Decimal(99) < order.paid <= Decimal(100)


def test_the_margin_that_is_used_up_closes_everything() -> None:
    floor = Floor(wallet=Decimal(60))
    floor.exchange.futures.leverage["BTCUSDT"] = 125
    floor.place(BUY, "MARKET", "0.05")
    price = floor.exchange.futures.liquidation_price(
        floor.exchange.futures.positions["BTCUSDT", "BOTH"]
    )
    assert Decimal(90_000) < price < floor.pit().grid.price(floor.pit().mark)
    floor.exchange.futures.wallet = Decimal(1)
    assert floor.exchange.futures.doomed()
