"""Reads orders and fills as ccxt's unified calls give them.

ccxt's numbers are texts here (its `number` is set to that), and what it leaves out of
its own structure is looked for in the exchange's row, which it keeps in `info`.
"""

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
from actors.exchange.live.binance_words import trade_name
from actors.exchange.live.symbols import Symbols, fee_in_quote

Row = Mapping[str, Any]

SIDES = {"buy": Side.LONG, "sell": Side.SHORT}
AT_ONCE = frozenset({"IOC", "FOK"})
ENDED = {"canceled": "user", "expired": "expired", "rejected": "rejected"}


def exact(value: Any) -> Decimal:
    """Give a number of ccxt's; what is not told is zero. Raises ArithmeticError."""
    return ZERO if value in {None, ""} else Decimal(str(value))


def name_of(row: Row) -> str:
    """Give the client id as it is written there, of a stop also for what it became."""
    info = row["info"]
    own = info.get("algoClOrdId") or row.get("clientOrderId")
    return str(own or info.get("orderLinkId") or info.get("clOrdId") or "")


def state_of(row: Row, size: Decimal) -> tuple[OrderState, Decimal, str]:
    """Say how an order stands, what it filled, and why it ended."""
    status, filled = row["status"], exact(row["filled"]) * size
    wanted = exact(row["amount"]) * size
    if status == "open":
        return (OrderState.PARTIAL if filled else OrderState.OPEN), filled, ""
    if status == "closed" and wanted and filled >= wanted:
        return OrderState.FILLED, filled, ""
    if status == "closed" and wanted:  # bybit: "partially filled, cancelled"
        return OrderState.CANCELLED, filled, _reason(row, "user")
    if status in ENDED:
        return OrderState.CANCELLED, filled, _reason(row, ENDED[status])
    msg = f"order state {status!r} is unknown: it says nothing"
    raise ExchangeError(msg)


def _reason(row: Row, otherwise: str) -> str:
    return "band" if row["timeInForce"] in AT_ONCE else otherwise


def update_of(row: Row, found: tuple[str, str, str], size: Decimal) -> OrderUpdate:
    """Read an order; `found` is its client id, its own id, and its symbol."""
    state, filled, reason = state_of(row, size)
    at_ms = row.get("lastUpdateTimestamp") or row.get("timestamp") or 0
    return OrderUpdate(*found, state, filled, reason, int(at_ms))


def open_order_of(row: Row, client_id: str, size: Decimal) -> OpenOrder:
    """Read a resting order, ours or not."""
    price = exact(row["price"]) or None
    stop = exact(row.get("stopLossPrice") or row.get("triggerPrice")) or None
    force = row.get("timeInForce")
    if stop is not None:
        kind = OrderKind.LIMIT if price else OrderKind.STOP_MARKET
    else:
        banded = row["type"] == "market" or force in AT_ONCE
        kind = OrderKind.MARKET if banded else OrderKind.LIMIT
    request = OrderRequest(
        client_id=client_id,
        symbol=str(row["symbol"]),
        side=SIDES[row["side"]],
        kind=kind,
        quantity=exact(row["amount"]) * size,
        limit_price=price,
        stop_price=stop,
        reduce_only=bool(row.get("reduceOnly")),
        post_only=bool(row.get("postOnly")) or force == "PO",
    )
    return OpenOrder(request, str(row["id"]), exact(row["filled"]) * size)


def fill_of(
    row: Row, client_id: str, market: tuple[str, Decimal], symbols: Symbols
) -> Fill:
    """Read a trade; `market` is the exchange's name of it and its contract's size."""
    side = SIDES[row["side"]]
    maker = row["takerOrMaker"] == "maker"
    traded = exact(row["amount"]) * market[1], exact(row["price"])
    fee = row.get("fee") or {}
    return Fill(
        trade_id=trade_name(market[0], row["id"], buyer=side is Side.LONG),
        client_id=client_id,
        symbol=str(row["symbol"]),
        side=side,
        quantity=traded[0],
        price=traded[1],
        fee=fee_in_quote(
            str(fee.get("currency") or ""),
            exact(fee.get("cost")),
            traded,
            symbols.instruments.get(str(row["symbol"])),
            maker=maker,
        ),
        maker=maker,
        ts_ms=int(row["timestamp"]),
    )
