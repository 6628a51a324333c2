"""Says why the paper exchange refuses an order at once; None is a good order.

Only what can be proved at the door is refused here. Reduce-only is decided when the
order arrives; crossing and margin are looked at here and again in the matching.
"""

from collections.abc import Callable

from actors.domain.bars import Instrument
from actors.domain.money import ZERO
from actors.domain.orders import OrderKind, OrderRequest, Side
from actors.exchange.paper.account import Account

Check = Callable[[OrderRequest, Instrument, Account], str | None]


def refusal(
    request: OrderRequest, instrument: Instrument | None, account: Account
) -> str | None:
    """Return the first reason against the order; names thing, value and limit."""
    if instrument is None:
        return f"unknown symbol {request.symbol}"
    for check in CHECKS:
        reason = check(request, instrument, account)
        if reason is not None:
            return reason
    return None


def _duplicate(request: OrderRequest, _: Instrument, account: Account) -> str | None:
    client_id = request.client_id
    if client_id in account.state.orders or client_id in account.state.ended:
        return f"duplicate client id {client_id}"
    return None


def _form(request: OrderRequest, _: Instrument, __: Account) -> str | None:
    kind = request.kind
    if (request.stop_price is not None) is not (kind is OrderKind.STOP_MARKET):
        return f"a {kind} order with stop price {request.stop_price}"
    if kind is OrderKind.LIMIT and request.limit_price is None:
        return "a limit order without a limit price"
    if kind is OrderKind.STOP_MARKET and request.limit_price is not None:
        return f"a stop_market order with limit price {request.limit_price}"
    if request.post_only and kind is not OrderKind.LIMIT:
        return f"a post-only {kind} order"
    return None


def _price(request: OrderRequest, instrument: Instrument, _: Account) -> str | None:
    tick = instrument.tick_size
    for name in ("limit_price", "stop_price"):
        price = getattr(request, name)
        if price is not None and price <= ZERO:
            return f"{name} {price} is not above 0"
        if price is not None and price % tick != ZERO:
            return f"{name} {price} is off the tick {tick}"
    return None


def _quantity(request: OrderRequest, instrument: Instrument, _: Account) -> str | None:
    quantity = request.quantity
    if quantity <= ZERO:
        return f"quantity {quantity} is not above 0"
    if quantity % instrument.lot_size != ZERO:
        return f"quantity {quantity} is off the lot {instrument.lot_size}"
    if quantity < instrument.quantity_min:
        return f"quantity {quantity} is below the minimum {instrument.quantity_min}"
    return None


def _notional(
    request: OrderRequest, instrument: Instrument, account: Account
) -> str | None:
    price = account.price_for(request)
    if request.reduce_only or price is None:  # a small rest may always be closed
        return None
    notional = request.quantity * price
    if notional < instrument.notional_min:
        return f"notional {notional} is below the minimum {instrument.notional_min}"
    return None


def _spot(
    request: OrderRequest, instrument: Instrument, account: Account
) -> str | None:
    if instrument.shortable or request.reduce_only or request.side is Side.LONG:
        return None
    held = account.position(request.symbol)
    if request.quantity > held:
        return f"sale of {request.quantity} with {held} held: no shorts on spot"
    return None


def _margin(request: OrderRequest, _: Instrument, account: Account) -> str | None:
    needed = account.margin_to_open(request, request.quantity)
    if needed == ZERO:  # an exit is never held up
        return None
    free = account.equity() - account.margin_used()
    if needed > free:
        return f"margin {needed:.2f} is above the free margin {free:.2f}"
    return None


CHECKS: tuple[Check, ...] = (
    _duplicate,
    _form,
    _price,
    _quantity,
    _notional,
    _spot,
    _margin,
)
