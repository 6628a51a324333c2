"""What is refused before it is sent: the only refusals that need no proof."""

from collections.abc import Iterator

from actors.domain.bars import Instrument
from actors.domain.money import ZERO
from actors.domain.orders import OrderKind, OrderRequest, Side
from actors.exchange.live.binance_words import GOOD_TILL_MS_MIN
from actors.exchange.live.capabilities import Row

#: An end this near to the exchange's least would be too near once the order arrives.
ARRIVAL_MS = 1_000


def unsendable(
    request: OrderRequest, row: Row, instrument: Instrument, now_ms: int
) -> str:
    """Say why a request is not even sent, or "": it is."""
    reasons = (
        *_shape(request, row),
        *_reduction(request, row),
        *_end(request, row, now_ms),
        *_grid(request, instrument),
    )
    return reasons[0] if reasons else ""


def _shape(request: OrderRequest, row: Row) -> Iterator[str]:
    stop = request.kind is OrderKind.STOP_MARKET
    if not row.names(request.client_id):
        yield f"{request.client_id!r} is no client id here: {row.client_id}"
    if stop is not (request.stop_price is not None):
        yield f"a {request.kind} order with stop price {request.stop_price}"
    if stop and request.limit_price is not None:
        yield f"a stop with a limit, {request.limit_price}, may be left unfilled"
    if stop and not request.reduce_only:
        yield "only stops that reduce may rest at the exchange"
    if request.kind is OrderKind.LIMIT and request.limit_price is None:
        yield "a limit order without its price"


def _reduction(request: OrderRequest, row: Row) -> Iterator[str]:
    if not row.reduce_only and request.reduce_only is (request.side is Side.LONG):
        yield f"no shorts on spot: {request.side}, reduce_only {request.reduce_only}"


def _end(request: OrderRequest, row: Row, now_ms: int) -> Iterator[str]:
    if request.expires_ms is None or request.kind is not OrderKind.LIMIT:
        return  # an order that does not rest ends by itself
    if not row.good_till_date:
        return
    if request.post_only:
        yield "a post-only order cannot have an end here"
    if request.expires_ms - now_ms <= GOOD_TILL_MS_MIN + ARRIVAL_MS:
        yield f"it would end within {GOOD_TILL_MS_MIN} ms, the exchange's least"


def _grid(request: OrderRequest, instrument: Instrument) -> Iterator[str]:
    """Compare with the exchange's steps.

    Numbers go out digit by digit as they are: rounding an order would make another one
    of it.
    """
    steps = (
        ("quantity", request.quantity, instrument.lot_size),
        ("limit price", request.limit_price, instrument.tick_size),
        ("stop price", request.stop_price, instrument.tick_size),
    )
    for name, value, step in steps:
        if value is None:
            continue
        if not value.is_finite() or value <= ZERO or value % step:
            yield f"{name} {value} of {request.symbol} is no multiple of {step}"
    if request.quantity < instrument.quantity_min:
        yield f"quantity {request.quantity} is below {instrument.quantity_min}"
