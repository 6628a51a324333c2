"""The futures algo endpoints: conditional orders, which ccxt sends all stops to."""

from typing import Any

from actors.loopback.accounts.order import Conditional, Wish
from actors.loopback.accounts.refusals import (
    Refused,
    missing,
    no_order,
    unknown_order,
)
from actors.loopback.accounts.stops import KINDS
from actors.loopback.floor.grid import BUY
from actors.loopback.rest.request import Asked, Table, private, trading
from actors.loopback.trading.orders import PAGE, PAGE_MAX, cut, seen

RESTING_KINDS = frozenset(KINDS)


def algo_row(one: Conditional) -> dict[str, Any]:
    """Write a conditional order as the algo endpoints do."""
    grid, order = one.pit.grid, one.order
    return {
        "algoId": one.id,
        "clientAlgoId": one.client_id,
        "algoType": "CONDITIONAL",
        "orderType": one.kind,
        "symbol": one.pit.id,
        "side": "BUY" if one.side == BUY else "SELL",
        "positionSide": one.position_side,
        "timeInForce": one.force,
        "quantity": grid.size_text(one.lots),
        "algoStatus": one.status,
        "actualOrderId": str(order.id) if order is not None else "",
        "actualPrice": f"{order.average:.5f}" if order is not None else "0.00000",
        "triggerPrice": grid.price_text(one.trigger),
        "price": grid.price_text(one.ticks),
        "icebergQuantity": None,
        "selfTradePreventionMode": "NONE",
        "workingType": "MARK_PRICE" if one.on_mark else "CONTRACT_PRICE",
        "priceMatch": "NONE",
        "closePosition": one.close_position,
        "priceProtect": False,
        "reduceOnly": one.reduce_only,
        "createTime": one.created_ms,
        "updateTime": one.updated_ms,
        "triggerTime": one.triggered_ms,
        "goodTillDate": 0,
    }


def place(asked: Asked) -> Any:
    """Place a conditional order."""
    if asked.text("algoType") != "CONDITIONAL":
        raise Refused(-1116, "Invalid algoType.")
    return algo_row(_placed(asked, "triggerPrice", "clientAlgoId"))


def conditional_from_order(asked: Asked) -> Any:
    """Take a stop order sent to the order endpoint, as the exchange once did."""
    return algo_row(_placed(asked, "stopPrice", "newClientOrderId"))


def _placed(asked: Asked, trigger: str, client_id: str) -> Conditional:
    exchange = asked.exchange
    wish = Wish(
        pit=asked.pit(),
        side=asked.side(),
        kind=asked.text("type"),
        force=asked.maybe("timeInForce") or "GTC",
        size=asked.amount("quantity"),
        price=asked.amount("price"),
        stop=asked.amount(trigger),
        client_id=asked.maybe(client_id),
        reduce_only=asked.flag("reduceOnly"),
        close_position=asked.flag("closePosition"),
        position_side=asked.maybe("positionSide") or "BOTH",
        on_mark=asked.maybe("workingType") == "MARK_PRICE",
    )
    if exchange.menu.hit("stop_refused", wish.pit.id):
        raise Refused(-4045, "Reach max stop order limit.")
    one = exchange.place_conditional(wish)
    blind = exchange.menu.hit("query_blind", one.pit.id)
    if blind is not None:
        one.hidden_until_ms = exchange.now_ms() + blind.ms
    gone = exchange.menu.hit("stop_vanishes", one.pit.id)
    if gone is not None:
        asked.acts.vanishing.append((exchange.now_ms() + gone.ms, one))
    return one


def query(asked: Asked) -> Any:
    """Tell of one conditional order."""
    found = _named(asked)
    if found is None or not seen(asked, found):
        raise no_order()
    return algo_row(found)


def cancel(asked: Asked) -> Any:
    """Cancel one conditional order."""
    found = _named(asked)
    if found is None:
        raise unknown_order()
    asked.exchange.stops.cancel(found)
    return {
        "algoId": found.id,
        "clientAlgoId": found.client_id,
        "code": "200",
        "msg": "success",
    }


def cancel_all(asked: Asked) -> Any:
    """Cancel every waiting conditional order of a symbol."""
    for one in asked.exchange.stops.live(asked.pit()):
        asked.exchange.stops.cancel(one)
    return {"code": 200, "msg": "The operation of cancel all open order is done."}


def list_open(asked: Asked) -> Any:
    """List what waits."""
    pit = asked.pit() if asked.maybe("symbol") else None
    live = [one for one in asked.exchange.stops.live(pit) if seen(asked, one)]
    return [algo_row(one) for one in cut(asked, live)]


def list_all(asked: Asked) -> Any:
    """List a symbol's conditional orders, the newest last."""
    pit, first = asked.pit(), asked.number("algoId", 0)
    start, end = asked.number("startTime", 0), asked.number("endTime", 2**62)
    found = [
        one
        for one in asked.exchange.stops.all.values()
        if one.pit is pit
        and one.id >= first
        and start <= one.created_ms <= end
        and seen(asked, one)
    ]
    return [algo_row(one) for one in cut(asked, found[-asked.limit(PAGE, PAGE_MAX) :])]


def _named(asked: Asked) -> Conditional | None:
    algo_id, client_id = asked.maybe_number("algoId"), asked.maybe("clientAlgoId")
    if algo_id is None and not client_id:
        raise missing(name="clientAlgoId")
    return asked.exchange.stops.find(algo_id, client_id)


def _open_weight(asked: Asked) -> int:
    return 1 if asked.maybe("symbol") else 40


ROUTES: Table = {
    ("POST", "/fapi/v1/algoOrder"): trading(place, "place", orders=1),
    ("GET", "/fapi/v1/algoOrder"): private(query, 1, "query"),
    ("DELETE", "/fapi/v1/algoOrder"): trading(cancel, "cancel"),
    ("GET", "/fapi/v1/openAlgoOrders"): private(list_open, _open_weight, "query"),
    ("DELETE", "/fapi/v1/algoOpenOrders"): trading(cancel_all, "cancel"),
    ("GET", "/fapi/v1/allAlgoOrders"): private(list_all, 5, "query"),
}
