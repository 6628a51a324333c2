"""How each exchange wants what ccxt's unified calls leave to it: a row for each.

The rows of bybit (v5, unified account, linear) and okx (v5, swaps) are from
documentation and from what ccxt writes; their requests are held in tests word by word,
but neither has been traded against. The row of binanceusdm is traded against our
loopback exchange, which is how the calls themselves are known to work.

- bybit has one list and one kind of order, conditional or not, under one client id; a
  triggered order keeps both its ids. Its single order is looked for among the open
  ones, then among those that ended lately, then in the history.
- okx has conditional ("algo") orders apart, with ids of their own; what one became is
  told with the client id of its origin. Its sizes are in contracts.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

Info = Mapping[str, Any]
Params = dict[str, Any]


class Look(msgspec.Struct, frozen=True):
    """One way to ask for one order; `method` gives an order, or a list of them."""

    method: str
    more: Params = {}
    list: bool = False


class Words(msgspec.Struct, frozen=True, kw_only=True):
    """One exchange."""

    options: Params  # ccxt's
    name: str  # the parameter that is a client id
    id: str  # the parameter that is the exchange's id, where lists are searched
    stop_name: str  # the client id of a conditional order when it is placed
    stop: Params = {}  # what is said of each of them
    order: Params = {}  # what is said of each order
    own_margin: bool = False  # each order and leverage says its margin mode
    good_till: bool = False
    apart: bool = False  # conditional orders have endpoints of their own
    trigger: Params = {}  # what leads there
    resting: tuple[Params, ...]  # every list of open orders
    looks: tuple[Look, ...]
    children: bool = False  # what a stop became is told by the list of stops only
    fills: Params = {}
    every_symbol: bool  # fills are told for all symbols at once
    page: int  # how many orders
    fills_page: int
    whole: Callable[[Any], bool]  # whether an answer is one
    listed: Callable[[Any], bool]  # whether it has a list
    next_page: Callable[[Any, int], Params | None]
    child: Callable[[Info], str]  # the order that a triggered one became
    same: frozenset[str]  # "nothing to change"


# --- Binance USD-M --------------------------------------------------------------------


def _binance_whole(body: Any) -> bool:
    if isinstance(body, dict):
        return not str(body.get("code", "")).startswith("-")
    return isinstance(body, list)


def _all_at_once(body: Any, page: int) -> Params | None:
    if isinstance(body, list) and len(body) >= page:
        msg = f"{len(body)} rows at once: there may be more, and they are not asked for"
        raise ValueError(msg)
    return None


# --- bybit ----------------------------------------------------------------------------


def _bybit_whole(body: Any) -> bool:
    told = body if isinstance(body, dict) else {}
    return str(told.get("retCode")) == "0" and isinstance(told.get("result"), dict)


def _bybit_listed(body: Any) -> bool:
    return _bybit_whole(body) and isinstance(body["result"].get("list"), list)


def _cursor(body: Any, page: int) -> Params | None:
    rows, cursor = body["result"]["list"], body["result"].get("nextPageCursor")
    return {"cursor": cursor} if cursor and len(rows) >= page else None


# --- okx ------------------------------------------------------------------------------


def _okx_whole(body: Any) -> bool:
    told = body if isinstance(body, dict) else {}
    return str(told.get("code")) == "0" and isinstance(told.get("data"), list)


def _after(body: Any, page: int) -> Params | None:
    rows = body["data"]
    if len(rows) < page:
        return None
    last = rows[-1]
    return {"after": last.get("billId") or last.get("algoId") or last["ordId"]}


def _okx_child(info: Info) -> str:
    ids = info.get("ordIdList") or [info.get("ordId")]
    return str(ids[0] or "")


WORDS = {
    "binanceusdm": Words(
        options={"warnOnFetchOpenOrdersWithoutSymbol": False},
        name="clientOrderId",
        id="orderId",
        stop_name="clientOrderId",
        stop={"workingType": "CONTRACT_PRICE"},
        good_till=True,
        apart=True,
        trigger={"trigger": True},
        resting=({}, {"trigger": True}),
        looks=(Look("fetch_order"),),
        children=True,
        every_symbol=False,
        page=1_000,
        fills_page=1_000,
        whole=_binance_whole,
        listed=lambda body: isinstance(body, list),
        next_page=_all_at_once,
        child=lambda info: str(info.get("actualOrderId") or ""),
        same=frozenset({"-4046"}),
    ),
    "bybit": Words(
        options={
            "defaultType": "swap",
            "defaultSubType": "linear",
            "fetchMarkets": {"types": ["linear"]},
        },
        name="orderLinkId",
        id="orderId",
        stop_name="orderLinkId",
        stop={"triggerBy": "LastPrice"},
        order={"positionIdx": 0},  # one-way mode: in another it is refused
        resting=({"limit": 50},),
        looks=(
            Look("fetch_open_orders", {"openOnly": 0}, list=True),
            Look("fetch_open_orders", {"openOnly": 1}, list=True),
            Look("fetch_canceled_and_closed_orders", list=True),
        ),
        every_symbol=True,
        page=50,
        fills_page=100,
        whole=_bybit_whole,
        listed=_bybit_listed,
        next_page=_cursor,
        child=lambda _info: "",
        same=frozenset({"110043"}),
    ),
    "okx": Words(
        # Without a client id, ccxt would give a stop one of its own, and its tag.
        options={
            "defaultType": "swap",
            "brokerId": None,
            "createOrder": "privatePostTradeOrder",
            "fetchMarkets": {"types": ["swap"]},
        },
        name="clientOrderId",
        id="ordId",
        stop_name="algoClOrdId",
        stop={"slTriggerPxType": "last"},
        own_margin=True,
        apart=True,
        trigger={"trigger": True},
        resting=(
            {"instType": "SWAP"},
            {"instType": "SWAP", "trigger": True, "ordType": "conditional,oco"},
            {"instType": "SWAP", "trigger": True, "ordType": "trigger"},
            {"instType": "SWAP", "trigger": True, "ordType": "move_order_stop"},
        ),
        looks=(Look("fetch_order"),),
        fills={"instType": "SWAP"},
        every_symbol=True,
        page=100,
        fills_page=100,
        whole=_okx_whole,
        listed=_okx_whole,
        next_page=_after,
        child=_okx_child,
        same=frozenset(),
    ),
}
