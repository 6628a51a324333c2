"""Conditional orders: when they trigger, on which price, and how they end."""

from decimal import Decimal

import pytest

from actors.loopback.accounts.order import (
    CANCELED,
    EXPIRED,
    FILLED,
    FINISHED,
    NEW,
    REJECTED,
    TRIGGERED,
    TRIGGERING,
)
from actors.loopback.accounts.refusals import Refused
from actors.loopback.floor.grid import BUY, SELL
from actors.loopback.floor.pit import Venue
from tests.loopback.venue import MINUTE_MS, Floor


def reach(floor: Floor, ticks: int) -> None:
    """Print a trade at a price, as a market that came there would."""
    pit = floor.pit()
    trade = pit.tape.trade(floor.exchange.now_ms(), ticks, 1, sold=True)
    pit.span = (trade.ticks, trade.ticks)
    floor.exchange.settle(pit)


def test_a_stop_becomes_an_order_under_its_own_id_and_closes_the_position() -> None:
    floor = Floor()
    floor.place(BUY, "MARKET", "0.02")
    stop = floor.stop(SELL, "0.02", -100, client_id="s")
    assert stop.status == NEW
    floor.told.clear()
    reach(floor, stop.trigger)
    assert floor.held() == 0
    assert stop.order is not None
    assert (stop.order.client_id, stop.order.status) == ("s", FILLED)
    algo = [status for _, what, status in floor.told if what == "ALGO"]
    assert algo == [TRIGGERING, TRIGGERED, FINISHED]


@pytest.mark.parametrize(
    ("kind", "side", "trigger"),
    [
        ("STOP_MARKET", SELL, 10),
        ("STOP_MARKET", BUY, -10),
        ("TAKE_PROFIT_MARKET", SELL, -10),
        ("TAKE_PROFIT_MARKET", BUY, 10),
    ],
)
def test_a_trigger_on_the_wrong_side_is_refused(
    kind: str, side: int, trigger: int
) -> None:
    floor = Floor()
    floor.place(-side, "MARKET", "0.02")
    with pytest.raises(Refused) as refused:
        floor.stop(side, "0.02", trigger, kind=kind)
    assert refused.value.code == -2021


def test_a_stop_does_not_trigger_before_its_price_is_reached() -> None:
    floor = Floor()
    floor.place(BUY, "MARKET", "0.02")
    stop = floor.stop(SELL, "0.02", -100)
    reach(floor, stop.trigger + 1)
    assert stop.status == NEW


def test_a_stop_on_the_mark_price_does_not_heed_trades() -> None:
    floor = Floor()
    floor.place(BUY, "MARKET", "0.02")
    stop = floor.stop(SELL, "0.02", -100, on_mark=True)
    reach(floor, stop.trigger)
    assert stop.status == NEW
    floor.pit().mark = stop.trigger
    floor.exchange.settle(floor.pit())
    assert stop.status == FINISHED


def test_a_reduce_only_stop_without_a_position_is_rejected_when_triggered() -> None:
    floor = Floor()
    stop = floor.stop(SELL, "0.02", -100)
    reach(floor, stop.trigger)
    assert (stop.status, stop.order) == (REJECTED, None)
    assert "ReduceOnly" in stop.why


def test_a_stop_that_closes_the_position_goes_with_it() -> None:
    floor = Floor()
    floor.place(BUY, "MARKET", "0.02")
    more = {"close_position": True, "reduce_only": False}
    stop = floor.stop(SELL, "0", -100, **more)
    floor.place(SELL, "MARKET", "0.02")
    assert stop.status == EXPIRED


def test_a_closing_stop_takes_whatever_is_held_then() -> None:
    floor = Floor()
    floor.place(BUY, "MARKET", "0.02")
    more = {"close_position": True, "reduce_only": False}
    stop = floor.stop(SELL, "0", -100, **more)
    floor.place(BUY, "MARKET", "0.03")
    reach(floor, stop.trigger)
    assert floor.held() == 0


def test_a_stop_limit_rests_at_its_price() -> None:
    floor = Floor()
    floor.place(BUY, "MARKET", "0.02")
    wish = floor.wish(SELL, "STOP", "0.02", trigger=-100, ticks=500, reduce_only=True)
    stop = floor.exchange.place_conditional(wish)
    reach(floor, stop.trigger)
    assert stop.status == TRIGGERED
    assert stop.order is not None
    assert (stop.order.kind, stop.order.status) == ("LIMIT", NEW)
    floor.exchange.cancel(stop.order)
    assert stop.status == FINISHED


def test_a_cancelled_stop_is_known_and_cannot_be_cancelled_again() -> None:
    floor = Floor()
    stop = floor.stop(SELL, "0.02", -100, client_id="s")
    floor.exchange.stops.cancel(stop)
    assert floor.exchange.stops.find(None, "s") is stop
    assert stop.status == CANCELED
    with pytest.raises(Refused) as refused:
        floor.exchange.stops.cancel(stop)
    assert refused.value.code == -2011


def test_the_market_itself_triggers_stops() -> None:
    floor = Floor()
    floor.place(BUY, "MARKET", "0.02")
    stop = floor.stop(SELL, "0.02", -200)
    take = floor.stop(SELL, "0.02", 200, kind="TAKE_PROFIT_MARKET")
    for _ in range(120):
        floor.go(MINUTE_MS)
        if not floor.held():
            break
    assert floor.held() == 0
    assert FINISHED in {stop.status, take.status}


def test_a_spot_stop_waits_outside_of_the_book_with_its_coins_locked() -> None:
    floor = Floor()
    spot = {"venue": Venue.SPOT}
    floor.place(BUY, "MARKET", "0.05", **spot)
    wish = floor.wish(SELL, "STOP_LOSS", "0.02", trigger=-100, **spot)
    order = floor.exchange.place(wish)
    pit = floor.pit(venue=Venue.SPOT)
    assert floor.exchange.spot.locked["BTC"] == Decimal("0.02")
    pit.span = (order.stop_ticks, order.stop_ticks)
    floor.exchange.settle(pit)
    assert order.status == FILLED
    assert floor.exchange.spot.locked["BTC"] == 0


def test_a_spot_stop_with_a_limit_lives_as_long_as_it_says() -> None:
    floor = Floor()
    spot = {"venue": Venue.SPOT}
    floor.place(BUY, "MARKET", "0.05", **spot)
    coins = floor.exchange.spot
    pit = floor.pit(venue=Venue.SPOT)
    for force, status in (("GTC", NEW), ("IOC", EXPIRED)):
        kind, far = "STOP_LOSS_LIMIT", 2_000  # above the market: it cannot fill
        wish = floor.wish(SELL, kind, "0.02", trigger=-100, ticks=far, **spot)
        wish.force = force
        order = floor.exchange.place(wish)
        pit.span = (order.stop_ticks, order.stop_ticks)
        floor.exchange.settle(pit)
        assert (order.status, order.working) == (status, True)
        assert coins.locked["BTC"] == Decimal("0.02") * (status == NEW)
        if order.live:
            floor.exchange.cancel(order)
    assert not coins.locked["BTC"]


def test_what_a_spot_stop_locks_nobody_else_can_sell() -> None:
    floor = Floor()
    spot = {"venue": Venue.SPOT}
    floor.place(BUY, "MARKET", "0.05", **spot)
    free = floor.exchange.spot.free["BTC"]
    stop = floor.place(SELL, "STOP_LOSS", "0.04996", trigger=-100, **spot)
    assert free - Decimal("0.04996") == floor.exchange.spot.free["BTC"] > 0
    with pytest.raises(Refused) as refused:
        floor.place(SELL, "MARKET", "0.001", **spot)
    assert refused.value.code == -2010
    floor.exchange.cancel(stop)
    assert floor.exchange.spot.free["BTC"] == free
    assert floor.place(SELL, "MARKET", "0.04996", **spot).status == FILLED
