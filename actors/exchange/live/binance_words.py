"""Binance's words for orders, states and fills, and ours."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from actors.domain.errors import ExchangeError
from actors.domain.money import ZERO
from actors.domain.orders import (
    Fill,
    OpenOrder,
    OrderKind,
    OrderRequest,
    OrderState,
    OrderUpdate,
    Side,
)
from actors.exchange.live.symbols import Symbols, fee_in_coin, fee_in_quote
from actors.exchange.live.wire import Call

Row = Mapping[str, Any]

#: Binance takes no GTD that ends sooner.
GOOD_TILL_MS_MIN = 600_000
SIDES = {"BUY": Side.LONG, "SELL": Side.SHORT}
STATES = {
    "NEW": OrderState.OPEN,
    "PENDING_NEW": OrderState.OPEN,
    "PARTIALLY_FILLED": OrderState.PARTIAL,
    "FILLED": OrderState.FILLED,
    "CANCELED": OrderState.CANCELLED,
    "PENDING_CANCEL": OrderState.OPEN,
    "REJECTED": OrderState.CANCELLED,
    "EXPIRED": OrderState.CANCELLED,
    "EXPIRED_IN_MATCH": OrderState.CANCELLED,
}
#: A conditional order; what it became after its trigger has a state of its own.
ALGO_STATES = {
    "NEW": OrderState.OPEN,
    "TRIGGERING": OrderState.OPEN,
    "TRIGGERED": OrderState.OPEN,
    "FINISHED": None,
    "CANCELED": OrderState.CANCELLED,
    "REJECTED": OrderState.CANCELLED,
    "EXPIRED": OrderState.CANCELLED,
}


def text_of(value: Decimal | None) -> str:
    """Write a number digit by digit, never in powers of ten."""
    assert value is not None
    return f"{value:f}"


def order_fields(request: OrderRequest, market_id: str, *, usdm: bool) -> Call:
    """Write a request as the endpoint for it wants it. Raises ExchangeError."""
    fields: dict[str, str | int] = {
        "symbol": market_id,
        "side": "BUY" if request.side is Side.LONG else "SELL",
        "quantity": text_of(request.quantity),
    }
    if usdm and request.reduce_only:
        fields["reduceOnly"] = "true"
    if request.kind is OrderKind.STOP_MARKET:
        return _stop(request, fields, usdm=usdm)
    fields["newClientOrderId"] = request.client_id
    fields["newOrderRespType"] = "RESULT" if usdm else "FULL"
    if request.kind is OrderKind.MARKET and request.limit_price is None:
        fields["type"] = "MARKET"
    else:
        fields |= _limit(request, usdm=usdm)
    return Call("fapiPrivatePostOrder" if usdm else "privatePostOrder", **fields)


def _limit(request: OrderRequest, *, usdm: bool) -> dict[str, str | int]:
    fields: dict[str, str | int] = {"price": text_of(request.limit_price)}
    if request.kind is OrderKind.MARKET:
        return fields | {"type": "LIMIT", "timeInForce": "IOC"}
    if request.post_only:
        if usdm:
            return fields | {"type": "LIMIT", "timeInForce": "GTX"}
        return fields | {"type": "LIMIT_MAKER"}
    if request.expires_ms is not None and usdm:
        # Whole seconds only: the order ends no later than was asked.
        ends_ms = request.expires_ms // 1_000 * 1_000
        fields |= {"timeInForce": "GTD", "goodTillDate": ends_ms}
        return fields | {"type": "LIMIT"}
    return fields | {"type": "LIMIT", "timeInForce": "GTC"}


def _stop(request: OrderRequest, fields: dict[str, str | int], *, usdm: bool) -> Call:
    if not usdm:
        fields |= {
            "type": "STOP_LOSS",
            "stopPrice": text_of(request.stop_price),
            "newClientOrderId": request.client_id,
            "newOrderRespType": "RESULT",
        }
        return Call("privatePostOrder", **fields)
    fields |= {
        "algoType": "CONDITIONAL",
        "type": "STOP_MARKET",
        "triggerPrice": text_of(request.stop_price),
        "workingType": "CONTRACT_PRICE",
        "clientAlgoId": request.client_id,
    }
    return Call("fapiPrivatePostAlgoOrder", **fields)


def reason_of(status: str, force: str = "") -> str:
    """Say in the engine's words why an order ended."""
    if status in {"EXPIRED", "EXPIRED_IN_MATCH"}:
        return "band" if force in {"IOC", "FOK"} else "expired"
    return {"CANCELED": "user", "REJECTED": "rejected"}.get(status, "")


def order_update(row: Row, client_id: str, symbol: str) -> OrderUpdate:
    """Read an order as the REST endpoints write it."""
    status = str(row["status"])
    return OrderUpdate(
        client_id=client_id,
        exchange_id=str(row["orderId"]),
        symbol=symbol,
        state=state_of(status),
        filled_quantity=Decimal(row["executedQty"]),
        reason=reason_of(status, str(row.get("timeInForce", ""))),
        ts_ms=int(row["updateTime"]),
    )


def algo_update(row: Row, symbol: str, child: Row | None) -> OrderUpdate:
    """Read a conditional order, and the order that it became."""
    status = str(row["algoStatus"])
    if status not in ALGO_STATES:
        msg = f"conditional order {row['clientAlgoId']} is {status!r}: unknown state"
        raise ExchangeError(msg)
    state, filled, ended = ALGO_STATES[status], ZERO, status
    if child is not None:
        ended = str(child["status"])
        state, filled = state_of(ended), Decimal(child["executedQty"])
    if state is None:
        msg = f"conditional order {row['clientAlgoId']} is finished without an order"
        raise ExchangeError(msg)
    return OrderUpdate(
        client_id=str(row["clientAlgoId"]),
        exchange_id=str(row["algoId"]),
        symbol=symbol,
        state=state,
        filled_quantity=filled,
        reason=reason_of(ended),
        ts_ms=int(row["updateTime"]),
    )


def state_of(status: str) -> OrderState:
    """Give our state. Raises ExchangeError for one that nobody has written down."""
    state = STATES.get(status)
    if state is None:
        msg = f"order state {status!r} is unknown: it says nothing"
        raise ExchangeError(msg)
    return state


def open_order(row: Row, symbols: Symbols) -> OpenOrder:
    """Read a resting order, ours or not."""
    kind, force = str(row["type"]), str(row.get("timeInForce", ""))
    stop = Decimal(row.get("stopPrice") or 0)
    price = Decimal(row.get("price") or 0)
    banded = force in {"IOC", "FOK"}
    request = OrderRequest(
        client_id=str(row["clientOrderId"]),
        symbol=symbols.symbol_of(str(row["symbol"])),
        side=SIDES[row["side"]],
        kind=(
            OrderKind.STOP_MARKET
            if kind == "STOP_LOSS"
            else OrderKind.MARKET
            if kind == "MARKET" or banded
            else OrderKind.LIMIT
        ),
        quantity=Decimal(row["origQty"]),
        limit_price=price or None,
        stop_price=stop or None,
        reduce_only=bool(row.get("reduceOnly") or row.get("closePosition")),
        post_only=force == "GTX" or kind == "LIMIT_MAKER",
    )
    return OpenOrder(request, str(row["orderId"]), Decimal(row["executedQty"]))


def open_algo(row: Row, symbols: Symbols) -> OpenOrder:
    """Read a waiting conditional order, ours or not.

    One that closes a position, or that trails, has no size or no trigger: 0 or None.
    """
    price = Decimal(row.get("price") or 0)
    request = OrderRequest(
        client_id=str(row["clientAlgoId"]),
        symbol=symbols.symbol_of(str(row["symbol"])),
        side=SIDES[row["side"]],
        kind=(
            OrderKind.STOP_MARKET
            if row["orderType"] == "STOP_MARKET"
            else OrderKind.LIMIT
        ),
        quantity=Decimal(row.get("quantity") or 0),
        limit_price=price or None,
        stop_price=Decimal(row.get("triggerPrice") or 0) or None,
        reduce_only=bool(row.get("reduceOnly") or row.get("closePosition")),
    )
    return OpenOrder(request, str(row["algoId"]))


def trade_name(market_id: str, number: int, *, buyer: bool) -> str:
    """Name one side of a trade: a number is its symbol's, and we may meet ourselves."""
    return f"{market_id}-{number}-{'b' if buyer else 's'}"


def fill_of(row: Row, client_id: str, symbols: Symbols) -> Fill:
    """Read a trade as the REST endpoints of either venue write it."""
    buyer = row["buyer"] if "buyer" in row else row["isBuyer"]
    maker = bool(row["maker"] if "maker" in row else row["isMaker"])
    symbol = symbols.symbol_of(str(row["symbol"]))
    traded = Decimal(row["qty"]), Decimal(row["price"])
    instrument = symbols.instruments.get(symbol)
    asset, fee = str(row["commissionAsset"]), Decimal(row["commission"])
    return Fill(
        trade_id=trade_name(row["symbol"], row["id"], buyer=bool(buyer)),
        client_id=client_id,
        symbol=symbol,
        side=Side.LONG if buyer else Side.SHORT,
        quantity=traded[0],
        price=traded[1],
        fee=fee_in_quote(asset, fee, traded, instrument, maker=maker),
        maker=maker,
        ts_ms=int(row["time"]),
        coin_fee=fee_in_coin(asset, fee, instrument),
    )
