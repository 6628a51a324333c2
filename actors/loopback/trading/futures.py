"""The futures account's order endpoints."""

from typing import Any

from actors.loopback.accounts.order import Fill, Order
from actors.loopback.accounts.refusals import Refused, illegal
from actors.loopback.floor.grid import BUY
from actors.loopback.floor.pit import Venue
from actors.loopback.rest.request import Asked, Table, private, trading
from actors.loopback.trading.conditional import RESTING_KINDS, conditional_from_order
from actors.loopback.trading.orders import (
    all_orders,
    cancelled,
    named,
    open_orders,
    own_trades,
    placed,
    tried,
    wish_of,
)


def order_row(order: Order) -> dict[str, Any]:
    """Write an order as the futures endpoints do."""
    grid = order.pit.grid
    return {
        "orderId": order.id,
        "symbol": order.pit.id,
        "status": order.status,
        "clientOrderId": order.client_id,
        "price": grid.price_text(order.ticks),
        "avgPrice": f"{order.average:.5f}",
        "origQty": grid.size_text(order.lots),
        "executedQty": grid.size_text(order.filled),
        "cumQty": grid.size_text(order.filled),
        "cumQuote": f"{order.paid:.5f}",
        "timeInForce": order.force,
        "type": order.kind,
        "reduceOnly": order.reduce_only,
        "closePosition": order.close_position,
        "side": "BUY" if order.side == BUY else "SELL",
        "positionSide": order.position_side,
        "stopPrice": grid.price_text(order.stop_ticks),
        "workingType": "CONTRACT_PRICE",
        "priceProtect": False,
        "origType": order.born_as or order.kind,
        "priceMatch": "NONE",
        "selfTradePreventionMode": "NONE",
        "goodTillDate": 0,
        "time": order.created_ms,
        "updateTime": order.updated_ms,
    }


def place(asked: Asked) -> Any:
    """Place an order."""
    if asked.text("type") in RESTING_KINDS:
        if not asked.exchange.settings.stops_as_orders:
            told = (
                "Order type not supported for this endpoint. Please use the Algo Order"
                " API endpoints instead."
            )
            raise Refused(-4120, told)
        return conditional_from_order(asked)
    order = placed(asked, wish_of(asked))
    row = order_row(order)
    if asked.maybe("newOrderRespType") != "RESULT":
        row |= {"status": "NEW", "avgPrice": "0.00"}
        row |= {"executedQty": "0", "cumQty": "0", "cumQuote": "0"}
    return row


def query(asked: Asked) -> Any:
    """Tell of one order."""
    return order_row(named(asked))


def query_open(asked: Asked) -> Any:
    """Tell of one live order."""
    order = named(asked)
    if not order.live:
        raise Refused(-2013, "Order does not exist.")
    return order_row(order)


def cancel(asked: Asked) -> Any:
    """Cancel one order."""
    return order_row(cancelled(asked))


def cancel_all(asked: Asked) -> Any:
    """Cancel every order of a symbol; conditional orders stay."""
    pit = asked.pit()
    for order in asked.exchange.desks[Venue.USDM].live(pit):
        asked.exchange.cancel(order)
    return {"code": 200, "msg": "The operation of cancel all open order is done."}


def list_open(asked: Asked) -> Any:
    """List the live orders."""
    return [order_row(one) for one in open_orders(asked)]


def open_weight(asked: Asked) -> int:
    """Charge one symbol lightly, all of them heavily."""
    return 1 if asked.maybe("symbol") else 40


def list_all(asked: Asked) -> Any:
    """List a symbol's orders."""
    return [order_row(one) for one in all_orders(asked)]


def trades(asked: Asked) -> Any:
    """List a symbol's fills."""
    return [trade_row(*one) for one in own_trades(asked)]


def trade_row(order: Order, fill: Fill) -> dict[str, Any]:
    """Write a fill as the futures endpoints do."""
    grid = order.pit.grid
    return {
        "symbol": order.pit.id,
        "id": fill.id,
        "orderId": order.id,
        "side": "BUY" if order.side == BUY else "SELL",
        "price": grid.price_text(fill.ticks),
        "qty": grid.size_text(fill.lots),
        "realizedPnl": f"{fill.profit:.8f}",
        "quoteQty": f"{grid.value(fill.ticks, fill.lots):.8f}",
        "commission": f"{fill.fee:.8f}",
        "commissionAsset": fill.fee_asset,
        "time": fill.time_ms,
        "positionSide": order.position_side,
        "buyer": order.side == BUY,
        "maker": fill.maker,
    }


def countdown(asked: Asked) -> Any:
    """Arm the dead man's switch of a symbol: its orders are cancelled when it ends."""
    pit, length_ms = asked.pit(), asked.number("countdownTime")
    if length_ms < 0:
        raise illegal(name="countdownTime")
    ends_ms = asked.exchange.now_ms() + length_ms if length_ms else None
    asked.acts.countdowns.arm(pit, ends_ms)
    return {"symbol": pit.id, "countdownTime": str(length_ms)}


ROUTES: Table = {
    ("POST", "/fapi/v1/order"): trading(place, "place", orders=1),
    ("POST", "/fapi/v1/order/test"): trading(tried, "query"),
    ("GET", "/fapi/v1/order"): private(query, 1, "query"),
    ("DELETE", "/fapi/v1/order"): trading(cancel, "cancel"),
    ("GET", "/fapi/v1/openOrder"): private(query_open, 1, "query"),
    ("GET", "/fapi/v1/openOrders"): private(list_open, open_weight, "query"),
    ("DELETE", "/fapi/v1/allOpenOrders"): trading(cancel_all, "cancel"),
    ("GET", "/fapi/v1/allOrders"): private(list_all, 5, "query"),
    ("GET", "/fapi/v1/userTrades"): private(trades, 5, "query"),
    ("POST", "/fapi/v1/countdownCancelAll"): trading(countdown, "account", weight=10),
}
