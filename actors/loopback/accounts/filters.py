"""What a symbol admits: its filters as exchangeInfo lists them, and their judgement.

The two venues refuse the same things with different codes. The limits that a market
does not tell are chosen here: sizes up to ten million lots, a fifth of that at the
market; limit prices within 15 % (futures) or a factor of five (spot) of the market.
"""

from decimal import Decimal
from typing import Any

from actors.domain.money import ZERO
from actors.loopback.accounts.order import Wish
from actors.loopback.accounts.refusals import Refused, filtered, missing
from actors.loopback.floor.pit import Pit, Venue

LOTS_MAX = 10_000_000
LOTS_MARKET_MAX = 2_000_000
ORDERS_MAX, STOPS_MAX = 200, 100
FUTURES_UP, FUTURES_DOWN = Decimal("1.15"), Decimal("0.85")
SPOT_UP, SPOT_DOWN = Decimal(5), Decimal("0.2")
TICKS_MAX = 10**9


def listed(pit: Pit) -> list[dict[str, Any]]:
    """List the filters of a symbol as exchangeInfo does."""
    grid, rules = pit.grid, pit.instrument
    sizes = {"minQty": _text(rules.quantity_min), "stepSize": _text(grid.step)}
    prices = {"minPrice": _text(grid.tick), "maxPrice": _text(grid.price(TICKS_MAX))}
    most, most_at_market = _text(grid.size(LOTS_MAX)), _text(grid.size(LOTS_MARKET_MAX))
    own = _spot_only if pit.venue is Venue.SPOT else _futures_only
    return [
        _filter("PRICE_FILTER", **prices, tickSize=_text(grid.tick)),
        _filter("LOT_SIZE", maxQty=most, **sizes),
        _filter("MARKET_LOT_SIZE", maxQty=most_at_market, **sizes),
        _filter("MAX_NUM_ORDERS", limit=ORDERS_MAX, maxNumOrders=ORDERS_MAX),
        _filter("MAX_NUM_ALGO_ORDERS", limit=STOPS_MAX, maxNumAlgoOrders=STOPS_MAX),
        *own(_text(rules.notional_min)),
    ]


def _filter(kind: str, **fields: object) -> dict[str, Any]:
    return {"filterType": kind, **fields}


def _spot_only(notional: str) -> list[dict[str, Any]]:
    up, down = _text(SPOT_UP), _text(SPOT_DOWN)
    return [
        _filter(
            "NOTIONAL",
            minNotional=notional,
            applyMinToMarket=True,
            maxNotional="9000000.00000000",
            applyMaxToMarket=False,
            avgPriceMins=5,
        ),
        _filter("PERCENT_PRICE", multiplierUp=up, multiplierDown=down, avgPriceMins=5),
    ]


def _futures_only(notional: str) -> list[dict[str, Any]]:
    up, down = _text(FUTURES_UP), _text(FUTURES_DOWN)
    return [
        _filter("MIN_NOTIONAL", notional=notional),
        _filter(
            "PERCENT_PRICE", multiplierUp=up, multiplierDown=down, multiplierDecimal="4"
        ),
    ]


def size_of(wish: Wish) -> int:
    """Judge a size: the lots of it. Raises Refused."""
    spot = wish.pit.venue is Venue.SPOT
    if wish.size is None:
        raise missing(name="quantity")
    if wish.size <= ZERO:
        raise (
            Refused(-1013, "Invalid quantity.")
            if spot
            else Refused(-4003, "Quantity less than or equal to zero.")
        )
    lots = wish.pit.grid.lots(wish.size)
    if lots is None:
        raise filtered(name="LOT_SIZE") if spot else _precision()
    at_market = wish.price is None
    most = LOTS_MARKET_MAX if at_market else LOTS_MAX
    if lots > most:
        name = "MARKET_LOT_SIZE" if at_market else "LOT_SIZE"
        raise (
            filtered(name)
            if spot
            else Refused(-4005, "Quantity greater than max quantity.")
        )
    if wish.size < wish.pit.instrument.quantity_min:
        raise (
            filtered(name="LOT_SIZE")
            if spot
            else Refused(-4004, "Quantity less than min quantity.")
        )
    return lots


def price_of(wish: Wish, price: Decimal | None, name: str = "price") -> int:
    """Judge a price: the ticks of it. Raises Refused."""
    if price is None:
        raise missing(name)
    spot = wish.pit.venue is Venue.SPOT
    if price <= ZERO:
        raise (
            filtered(name="PRICE_FILTER")
            if spot
            else Refused(-4001, "Price less than 0.")
        )
    ticks = wish.pit.grid.ticks(price)
    if ticks is None:
        if spot:
            raise filtered(name="PRICE_FILTER")
        finer = _places(price) > _places(wish.pit.grid.tick)
        raise (
            _precision()
            if finer
            else Refused(-4014, "Price not increased by tick size.")
        )
    return ticks


def check_far(wish: Wish, ticks: int) -> None:
    """Refuse a limit price that is too far from the market."""
    mark = wish.pit.mark
    if wish.pit.venue is Venue.SPOT:
        if not mark * SPOT_DOWN <= ticks <= mark * SPOT_UP:
            raise filtered(name="PERCENT_PRICE")
        return
    grid = wish.pit.grid
    if wish.side > 0 and ticks > mark * FUTURES_UP:
        most = grid.price_text(int(mark * FUTURES_UP))
        raise Refused(-4016, f"Limit price can't be higher than {most}.")
    if wish.side < 0 and ticks < mark * FUTURES_DOWN:
        least = grid.price_text(int(mark * FUTURES_DOWN))
        raise Refused(-4024, f"Limit price can't be lower than {least}.")


def check_notional(wish: Wish, ticks: int, lots: int) -> None:
    """Refuse what is worth too little; reductions of a position may be."""
    least = wish.pit.instrument.notional_min
    if wish.pit.grid.value(ticks, lots) >= least:
        return
    if wish.pit.venue is Venue.SPOT:
        raise filtered(name="NOTIONAL")
    if not (wish.reduce_only or wish.close_position):
        told = (
            f"Order's notional must be no smaller than {least}"
            " (unless you choose reduce only)."
        )
        raise Refused(-4164, told)


def _precision() -> Refused:
    return Refused(-1111, "Precision is over the maximum defined for this asset.")


def _places(value: Decimal) -> int:
    exponent = value.normalize().as_tuple().exponent
    assert isinstance(exponent, int)
    return max(0, -exponent)


def _text(value: Decimal) -> str:
    return f"{value.normalize():f}"
