"""Judges a wished order by its symbol's rules and makes an order of it."""

from decimal import Decimal

from actors.domain.money import ZERO
from actors.loopback.accounts.filters import (
    check_far,
    check_notional,
    price_of,
    size_of,
)
from actors.loopback.accounts.order import Order, Wish
from actors.loopback.accounts.refusals import (
    Refused,
    closed_symbol,
    illegal,
    too_late,
)
from actors.loopback.floor.grid import BUY
from actors.loopback.floor.pit import Venue

SPOT_STOPS = {"STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT"}
KINDS = {
    Venue.SPOT: {"LIMIT", "MARKET", "LIMIT_MAKER", *SPOT_STOPS},
    Venue.USDM: {"LIMIT", "MARKET"},
}
PRICED = {"LIMIT", "LIMIT_MAKER", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT"}
UNTIMED = {"LIMIT_MAKER", *(SPOT_STOPS - PRICED)}
FORCES = {
    Venue.SPOT: {"GTC", "IOC", "FOK"},
    Venue.USDM: {"GTC", "IOC", "FOK", "GTX", "GTD"},
}
CLIENT_ID_MAX = 36


def judged(wish: Wish, order_id: int, now_ms: int) -> Order:
    """Make an order of a wish. Raises Refused when a rule forbids it."""
    pit, venue = wish.pit, wish.pit.venue
    _check_words(wish)
    reducing = wish.reduce_only or wish.close_position
    if pit.status != "TRADING" and not reducing:
        raise (
            closed_symbol()
            if venue is Venue.USDM
            else Refused(-1013, "Market is closed.")
        )
    priced = wish.kind in PRICED
    wish.price = wish.price if priced else None
    ticks = price_of(wish, wish.price) if priced else 0
    by_money = wish.kind == "MARKET" and wish.size is None and wish.quote is not None
    lots = 0 if by_money else size_of(wish)
    stop = price_of(wish, wish.stop, "stopPrice") if wish.kind in SPOT_STOPS else 0
    if ticks:
        check_far(wish, ticks)
    _check_worth(wish, ticks or stop, lots)
    _check_crossing(wish, ticks, lots, stop)
    return Order(
        id=order_id,
        client_id=wish.client_id,
        pit=pit,
        side=wish.side,
        kind=wish.kind,
        force=wish.force if wish.kind not in UNTIMED else "GTC",
        lots=lots,
        ticks=ticks,
        stop_ticks=stop,
        quote=wish.quote or ZERO if by_money else ZERO,
        reduce_only=wish.reduce_only,
        close_position=wish.close_position,
        position_side=wish.position_side,
        source=wish.source,
        working=not stop,
        created_ms=now_ms,
        updated_ms=now_ms,
    )


def _check_words(wish: Wish) -> None:
    venue = wish.pit.venue
    if wish.kind not in KINDS[venue]:
        raise Refused(-1116, "Invalid orderType.")
    if wish.force not in FORCES[venue]:
        raise Refused(-1115, "Invalid timeInForce.")
    if len(wish.client_id) > CLIENT_ID_MAX:
        raise (
            illegal(name="newClientOrderId")
            if venue is Venue.SPOT
            else Refused(-4015, "Client order id length should be less than 36 chars.")
        )


def _check_worth(wish: Wish, ticks: int, lots: int) -> None:
    if not lots:
        least, money = wish.pit.instrument.notional_min, wish.quote or Decimal(0)
        if money < least:
            raise Refused(-1013, "Filter failure: NOTIONAL")
        return
    best = wish.pit.book.half(-wish.side).best or wish.pit.mark
    check_notional(wish, ticks or best, lots)


def _check_crossing(wish: Wish, ticks: int, lots: int, stop: int) -> None:
    """Refuse a maker that would take, a kill that cannot fill, a stop that is due."""
    book, spot = wish.pit.book, wish.pit.venue is Venue.SPOT
    if stop:
        rising = (wish.side == BUY) is not wish.kind.startswith("TAKE_PROFIT")
        last = wish.pit.tape.last
        if last >= stop if rising else last <= stop:
            raise (
                Refused(-2010, "Stop price would trigger immediately.")
                if (spot)
                else too_late()
            )
        return
    maker = wish.kind == "LIMIT_MAKER" or wish.force == "GTX"
    if maker and book.crosses(wish.side, ticks):
        raise (
            Refused(-2010, "Order would immediately match and take.")
            if (spot)
            else Refused(
                -5022,
                "Due to the order could not be executed as maker, the Post Only order"
                " will be rejected.",
            )
        )
    if wish.force == "FOK" and ticks and book.reachable(wish.side, ticks) < lots:
        if spot:
            raise Refused(-2010, "Fill or kill order could not be filled.")
        told = "the FOK order has been rejected."
        msg = f"Due to the order could not be filled immediately, {told}"
        raise Refused(-5021, msg)
