"""The events of the user data streams, in the exchange's own shapes."""

from typing import Any

from actors.loopback.accounts.futures import FuturesLedger
from actors.loopback.accounts.order import Conditional, Fill, Order
from actors.loopback.floor.grid import BUY

_TYPES = {"TRIGGERED": "NEW"}


def execution_report(
    order: Order, what: str, fill: Fill | None, now_ms: int
) -> dict[str, Any]:
    """Spot: something happened to an order."""
    grid = order.pit.grid
    price, size = grid.price_text, grid.size_text
    ended = what == "CANCELED"
    told = {
        "e": "executionReport",
        "E": now_ms,
        "s": order.pit.id,
        "c": f"cancel-{order.id}" if ended else order.client_id,
        "S": _side(order.side),
        "o": order.kind,
        "f": order.force,
        "q": size(order.lots),
        "p": price(order.ticks),
        "P": price(order.stop_ticks),
        "F": "0.00000000",
        "g": -1,
        "C": order.client_id if ended else "",
        "x": _TYPES.get(what, what),
        "X": order.status,
        "r": "NONE",
        "i": order.id,
        "z": size(order.filled),
        "T": fill.time_ms if fill is not None else order.updated_ms,
        "I": order.id * 10,
        "w": order.live and order.working,
        "M": False,
        "O": order.created_ms,
        "Z": f"{order.paid:.8f}",
        "Q": f"{order.quote:.8f}",
        "W": order.created_ms,
        "V": "NONE",
    }
    return told | _spot_fill(order, fill)


def _spot_fill(order: Order, fill: Fill | None) -> dict[str, Any]:
    grid = order.pit.grid
    if fill is None:
        nothing = {"l": grid.size_text(0), "L": grid.price_text(0), "Y": "0.00000000"}
        return nothing | {"n": "0", "N": None, "t": -1, "m": False}
    return {
        "l": grid.size_text(fill.lots),
        "L": grid.price_text(fill.ticks),
        "Y": f"{grid.value(fill.ticks, fill.lots):.8f}",
        "n": f"{fill.fee:.8f}",
        "N": fill.fee_asset,
        "t": fill.id,
        "m": fill.maker,
    }


def order_trade_update(
    order: Order, what: str, fill: Fill | None, now_ms: int
) -> dict[str, Any]:
    """Futures: something happened to an order."""
    grid = order.pit.grid
    price, size = grid.price_text, grid.size_text
    at_ms = fill.time_ms if fill is not None else order.updated_ms
    row: dict[str, Any] = {
        "s": order.pit.id,
        "c": order.client_id,
        "S": _side(order.side),
        "o": order.kind,
        "f": order.force,
        "q": size(order.lots),
        "p": price(order.ticks),
        "ap": f"{order.average:.8f}",
        "sp": price(order.stop_ticks),
        "x": _TYPES.get(what, what),
        "X": order.status,
        "i": order.id,
        "z": size(order.filled),
        "T": at_ms,
        "b": "0",
        "a": "0",
        "R": order.reduce_only,
        "wt": "CONTRACT_PRICE",
        "ot": order.born_as or order.kind,
        "ps": order.position_side,
        "cp": order.close_position,
        "pP": False,
        "si": 0,
        "ss": 0,
        "V": "NONE",
        "pm": "NONE",
        "gtd": 0,
    }
    row |= _futures_fill(order, fill)
    return {"e": "ORDER_TRADE_UPDATE", "E": now_ms, "T": at_ms, "o": row}


def _futures_fill(order: Order, fill: Fill | None) -> dict[str, Any]:
    grid = order.pit.grid
    if fill is None:
        nothing = {"l": grid.size_text(0), "L": grid.price_text(0)}
        return nothing | {"t": 0, "m": False, "rp": "0"}
    return {
        "l": grid.size_text(fill.lots),
        "L": grid.price_text(fill.ticks),
        "t": fill.id,
        "m": fill.maker,
        "rp": f"{fill.profit:.8f}",
        "n": f"{fill.fee:.8f}",
        "N": fill.fee_asset,
    }


def algo_update(one: Conditional, now_ms: int) -> dict[str, Any]:
    """Futures: something happened to a conditional order."""
    grid, order = one.pit.grid, one.order
    row = {
        "caid": one.client_id,
        "aid": one.id,
        "at": "CONDITIONAL",
        "o": one.kind,
        "s": one.pit.id,
        "S": _side(one.side),
        "ps": one.position_side,
        "f": one.force,
        "q": grid.size_text(one.lots),
        "X": one.status,
        "ai": str(order.id) if order is not None else "",
        "ap": f"{order.average:.5f}" if order is not None else "0.00000",
        "aq": grid.size_text(order.filled) if order is not None else "0.00000",
        "act": order.kind if order is not None else "0",
        "tp": grid.price_text(one.trigger),
        "p": grid.price_text(one.ticks),
        "V": "NONE",
        "wt": "MARK_PRICE" if one.on_mark else "CONTRACT_PRICE",
        "pm": "NONE",
        "cp": one.close_position,
        "pP": False,
        "R": one.reduce_only,
        "tt": one.triggered_ms,
        "gtd": 0,
        "rm": one.why,
    }
    return {"e": "ALGO_UPDATE", "T": one.updated_ms, "E": now_ms, "o": row}


def account_update(ledger: FuturesLedger, reason: str, now_ms: int) -> dict[str, Any]:
    """Futures: the wallet or positions changed."""
    changed = sorted(ledger.changed)
    if reason == "FUNDING_FEE":
        changed = sorted((one.pit.id, one.side) for one in ledger.held())
    wallet = f"{ledger.wallet:.8f}"
    rows = []
    for key in changed:
        one = ledger.positions[key]
        rows.append(
            {
                "s": one.pit.id,
                "pa": one.pit.grid.size_text(one.lots),
                "ep": f"{one.entry:.8f}",
                "bep": f"{one.entry:.8f}",
                "cr": f"{one.realised:.8f}",
                "up": f"{one.unrealised:.8f}",
                "mt": "isolated" if one.pit.id in ledger.isolated else "cross",
                "iw": "0",
                "ps": one.side,
                "ma": "USDT",
            }
        )
    balance = {"a": "USDT", "wb": wallet, "cw": wallet, "bc": "0"}
    told = {"m": reason, "B": [balance], "P": rows}
    return {"e": "ACCOUNT_UPDATE", "E": now_ms, "T": now_ms, "a": told}


def _side(side: int) -> str:
    return "BUY" if side == BUY else "SELL"
