"""The spot account's endpoints."""

from decimal import Decimal
from typing import Any

from actors.domain.money import BPS, ZERO
from actors.loopback.accounts.order import Fill, Order
from actors.loopback.accounts.refusals import Refused
from actors.loopback.floor.grid import BUY
from actors.loopback.floor.pit import Venue
from actors.loopback.rest.request import Asked, Table, private, trading
from actors.loopback.rest.signing import told_ms
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
    """Write an order as the spot endpoints do."""
    grid = order.pit.grid
    return {
        "symbol": order.pit.id,
        "orderId": order.id,
        "orderListId": -1,
        "clientOrderId": order.client_id,
        "price": grid.price_text(order.ticks),
        "origQty": grid.size_text(order.lots),
        "executedQty": grid.size_text(order.filled),
        "origQuoteOrderQty": f"{order.quote:.8f}",
        "cummulativeQuoteQty": f"{order.paid:.8f}",
        "status": order.status,
        "timeInForce": order.force,
        "type": order.kind,
        "side": "BUY" if order.side == BUY else "SELL",
        "stopPrice": grid.price_text(order.stop_ticks),
        "icebergQty": "0.00000000",
        "time": order.created_ms,
        "updateTime": order.updated_ms,
        "isWorking": order.working,
        "workingTime": order.created_ms if order.working else -1,
        "selfTradePreventionMode": "NONE",
    }


def place(asked: Asked) -> Any:
    """Place an order."""
    order = placed(asked, wish_of(asked))
    told = order_row(order) | {"transactTime": order.updated_ms}
    answer = asked.maybe("newOrderRespType") or (
        "FULL" if order.kind in {"LIMIT", "MARKET"} else "ACK"
    )
    if answer == "ACK":
        kept = ("symbol", "orderId", "orderListId", "clientOrderId", "transactTime")
        return {name: told[name] for name in kept}
    if answer == "FULL":
        grid = order.pit.grid
        told["fills"] = [
            {
                "price": grid.price_text(fill.ticks),
                "qty": grid.size_text(fill.lots),
                "commission": f"{fill.fee:.8f}",
                "commissionAsset": fill.fee_asset,
                "tradeId": fill.id,
            }
            for fill in order.fills
        ]
    return told


def query(asked: Asked) -> Any:
    """Tell of one order."""
    return order_row(named(asked))


def cancel(asked: Asked) -> Any:
    """Cancel one order."""
    return _cancel_row(cancelled(asked))


def _cancel_row(order: Order) -> dict[str, Any]:
    return order_row(order) | {
        "origClientOrderId": order.client_id,
        "clientOrderId": f"cancel-{order.id}",
        "transactTime": order.updated_ms,
    }


def cancel_all(asked: Asked) -> Any:
    """Cancel every order of a symbol."""
    live = asked.exchange.desks[Venue.SPOT].live(asked.pit())
    if not live:
        raise Refused(-2011, "Unknown order sent.")
    for order in live:
        asked.exchange.cancel(order)
    return [_cancel_row(order) for order in live]


def list_open(asked: Asked) -> Any:
    """List the live orders."""
    return [order_row(one) for one in open_orders(asked)]


def open_weight(asked: Asked) -> int:
    """Tell what the list costs: all symbols are dear."""
    return 6 if asked.maybe("symbol") else 80


def list_all(asked: Asked) -> Any:
    """List a symbol's orders."""
    return [order_row(one) for one in all_orders(asked)]


def trades(asked: Asked) -> Any:
    """List a symbol's fills."""
    return [trade_row(*one) for one in own_trades(asked)]


def trade_row(order: Order, fill: Fill) -> dict[str, Any]:
    """Write a fill as the spot endpoints do."""
    grid = order.pit.grid
    return {
        "symbol": order.pit.id,
        "id": fill.id,
        "orderId": order.id,
        "orderListId": -1,
        "price": grid.price_text(fill.ticks),
        "qty": grid.size_text(fill.lots),
        "quoteQty": f"{grid.value(fill.ticks, fill.lots):.8f}",
        "commission": f"{fill.fee:.8f}",
        "commissionAsset": fill.fee_asset,
        "time": fill.time_ms,
        "isBuyer": order.side == BUY,
        "isMaker": fill.maker,
        "isBestMatch": True,
    }


def account(asked: Asked) -> Any:
    """Tell what is owned."""
    spot, key = asked.exchange.spot, asked.key
    assert key is not None
    rates = _rates(asked)
    return {
        "makerCommission": int(rates[0] * 10_000),
        "takerCommission": int(rates[1] * 10_000),
        "buyerCommission": 0,
        "sellerCommission": 0,
        "commissionRates": {
            "maker": f"{rates[0]:.8f}",
            "taker": f"{rates[1]:.8f}",
            "buyer": "0.00000000",
            "seller": "0.00000000",
        },
        "canTrade": key.trade,
        "canWithdraw": key.withdraw,
        "canDeposit": True,
        "brokered": False,
        "requireSelfTradePrevention": False,
        "preventSor": False,
        "updateTime": told_ms(asked.exchange),
        "accountType": "SPOT",
        "balances": [
            {
                "asset": asset,
                "free": f"{free:.8f}",
                "locked": f"{spot.locked.get(asset, ZERO):.8f}",
            }
            for asset, free in sorted(spot.free.items())
        ],
        "permissions": ["SPOT"],
        "uid": 1,
    }


def _rates(asked: Asked) -> tuple[Decimal, Decimal]:
    rules = asked.exchange.play.instruments[0]
    return rules.maker_fee_bps * BPS, rules.taker_fee_bps * BPS


ROUTES: Table = {
    ("POST", "/api/v3/order"): trading(place, "place", orders=1),
    ("POST", "/api/v3/order/test"): trading(tried, "query"),
    ("GET", "/api/v3/order"): private(query, 4, "query"),
    ("DELETE", "/api/v3/order"): trading(cancel, "cancel"),
    ("GET", "/api/v3/openOrders"): private(list_open, open_weight, "query"),
    ("DELETE", "/api/v3/openOrders"): trading(cancel_all, "cancel"),
    ("GET", "/api/v3/allOrders"): private(list_all, 20, "query"),
    ("GET", "/api/v3/myTrades"): private(trades, 20, "query"),
    ("GET", "/api/v3/account"): private(account, 20),
}
