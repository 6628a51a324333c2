"""What both venues' order endpoints share: reading a wish, and paging through lists."""

from collections.abc import Iterable
from typing import Any, TypeVar

from actors.loopback.accounts.judge import PRICED, SPOT_STOPS, judged
from actors.loopback.accounts.order import Fill, Order, Wish
from actors.loopback.accounts.refusals import missing, no_order, unknown_order
from actors.loopback.rest.request import Asked

PAGE, PAGE_MAX = 500, 1_000
TIMED_STOPS = SPOT_STOPS & PRICED  # they say how long the limit lives, as LIMIT does
T = TypeVar("T")


def wish_of(asked: Asked) -> Wish:
    """Read an order from a request. Raises Refused."""
    kind = asked.text("type").upper()
    if kind in {"LIMIT", *TIMED_STOPS}:
        asked.text("timeInForce")
    return Wish(
        pit=asked.pit(),
        side=asked.side(),
        kind=kind,
        force=asked.maybe("timeInForce") or "GTC",
        size=asked.amount("quantity"),
        price=asked.amount("price"),
        stop=asked.amount("stopPrice"),
        quote=asked.amount("quoteOrderQty"),
        client_id=asked.maybe("newClientOrderId"),
        reduce_only=asked.flag("reduceOnly"),
        close_position=asked.flag("closePosition"),
        position_side=asked.maybe("positionSide") or "BOTH",
        on_mark=asked.maybe("workingType") == "MARK_PRICE",
    )


def placed(asked: Asked, wish: Wish) -> Order:
    """Place an order; a fault may hide it from queries for a while. Raises Refused."""
    exchange = asked.exchange
    order = exchange.place(wish)
    blind = exchange.menu.hit("query_blind", order.pit.id)
    if blind is not None:
        order.hidden_until_ms = exchange.now_ms() + blind.ms
    return order


def tried(asked: Asked) -> dict[str, Any]:
    """Judge an order and place none. Raises Refused."""
    judged(wish_of(asked), 0, asked.exchange.now_ms())
    return {}


def named(asked: Asked) -> Order:
    """Find the order that a query names, as far as a fault lets it be seen."""
    found = _found(asked)
    if found is None or not seen(asked, found):
        raise no_order()
    return found


def cancelled(asked: Asked) -> Order:
    """Cancel the order that a request names. Raises Refused."""
    found = _found(asked)
    if found is None:
        raise unknown_order()
    exchange = asked.exchange
    if found.live and exchange.menu.hit("cancel_races", found.pit.id):
        asked.acts.fill_now(found)
    exchange.cancel(found)
    return found


def seen(asked: Asked, one: Any) -> bool:
    """Say whether a fault hides this order still."""
    return bool(one.hidden_until_ms <= asked.exchange.now_ms())


def cut(asked: Asked, rows: list[T]) -> list[T]:
    """Leave half of a list out when a fault says so."""
    if rows and asked.exchange.menu.hit("partial_pages", "query"):
        return rows[: len(rows) // 2]
    return rows


def all_orders(asked: Asked) -> list[Order]:
    """Page through a symbol's orders: from an id, or a stretch of time, or the last."""
    desk = asked.exchange.desks[asked.venue]
    first = asked.maybe_number("orderId")
    start, end = asked.maybe_number("startTime"), asked.number("endTime", 2**62)
    found = [
        one
        for one in desk.of(asked.pit())
        if seen(asked, one)
        and (first is None or one.id >= first)
        and (start or 0) <= one.created_ms <= end
    ]
    return cut(asked, _page(asked, found, from_start=first is not None or bool(start)))


def own_trades(asked: Asked) -> list[tuple[Order, Fill]]:
    """Page through a symbol's fills: from an id, or a stretch of time, or the last."""
    desk, pit = asked.exchange.desks[asked.venue], asked.pit()
    first, order_id = asked.maybe_number("fromId"), asked.maybe_number("orderId")
    start, end = asked.maybe_number("startTime"), asked.number("endTime", 2**62)
    found = [
        (order, fill)
        for order, fill in desk.fills
        if order.pit is pit
        and (first is None or fill.id >= first)
        and (order_id is None or order.id == order_id)
        and (start or 0) <= fill.time_ms <= end
    ]
    return cut(asked, _page(asked, found, from_start=first is not None or bool(start)))


def open_orders(asked: Asked) -> list[Order]:
    """List the live orders that a fault does not hide."""
    pit = asked.pit() if asked.maybe("symbol") else None
    live: Iterable[Order] = asked.exchange.desks[asked.venue].live(pit)
    return cut(asked, [one for one in live if seen(asked, one)])


def _found(asked: Asked) -> Order | None:
    order_id = asked.maybe_number("orderId")
    client_id = asked.maybe("origClientOrderId")
    if order_id is None and not client_id:
        raise missing(name="origClientOrderId")
    desk = asked.exchange.desks[asked.venue]
    return desk.find(asked.pit(), order_id, client_id)


def _page(asked: Asked, rows: list[T], *, from_start: bool) -> list[T]:
    limit = asked.limit(PAGE, PAGE_MAX)
    return rows[:limit] if from_start else rows[-limit:]
