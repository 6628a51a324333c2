"""Reads of each exchange's account what ccxt's unified calls do not tell exactly.

What a key may do has no unified call. Money has one, but no exchange's reading of it
says what a balance is without unrealised results: the exchange's own row does.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from actors.domain.errors import ExchangeError
from actors.exchange.live.permissions import Permissions
from actors.exchange.live.plan import MarginMode

Row = Mapping[str, Any]
Money = tuple[Decimal, Decimal]


class Reader(msgspec.Struct, frozen=True, kw_only=True):
    """One exchange; methods are ccxt's for its own endpoints."""

    key: str  # what tells what a key may do
    permissions: Callable[[Row], Permissions]
    account: str  # what tells how the account is set up; "": nothing more to know
    #: Why the account as it is set up is not traded, or "".
    wrong: Callable[[Row, MarginMode], str]
    #: Whether ccxt can be asked for one-way mode; else a symbol's position tells it.
    mode: bool
    symbol_margin: bool  # a symbol's margin mode can be set
    #: Balance without, and equity with, unrealised results; None: no such coin.
    money: Callable[[Row, str], Money | None]


def _number(row: Row, name: str) -> Decimal:
    return Decimal(row[name] or 0)


def _coin(rows: Any, name: str, quote: str) -> Row | None:
    return next((row for row in rows if row[name] == quote), None)


# --- Binance USD-M --------------------------------------------------------------------


def _binance_key(body: Row) -> Permissions:
    return Permissions(
        trade=body.get("enableFutures"),
        withdraw=body.get("enableWithdrawals"),
        ip_restricted=body.get("ipRestrict"),
    )


def _binance_money(info: Row, quote: str) -> Money | None:
    row = _coin(info["assets"], "asset", quote)
    if row is None:
        return None
    return _number(row, "walletBalance"), _number(row, "marginBalance")


# --- bybit: https://bybit-exchange.github.io/docs/v5/user/apikey-info -----------------

BYBIT_MARGIN = {
    MarginMode.ISOLATED: "ISOLATED_MARGIN",
    MarginMode.CROSS: "REGULAR_MARGIN",
}


def _bybit_key(body: Row) -> Permissions:
    told = body["result"]
    may = told.get("permissions")
    if not isinstance(may, dict):
        return Permissions()
    orders = "Order" in (may.get("ContractTrade") or ())
    return Permissions(
        trade=orders and str(told.get("readOnly")) == "0",
        withdraw="Withdraw" in may["Wallet"] if "Wallet" in may else None,
        ip_restricted="*" not in (told.get("ips") or ["*"]),
    )


def _bybit_wrong(body: Row, mode: MarginMode) -> str:
    told = body["result"]
    if int(told.get("unifiedMarginStatus") or 0) < 3:  # 1: a classic account
        return "it is no unified trading account: make it one"
    if told.get("marginMode") != BYBIT_MARGIN[mode]:
        return (
            f"its margin mode is {told.get('marginMode')}, of all its symbols, where "
            f"{BYBIT_MARGIN[mode]} is wanted: change it in the exchange's settings"
        )
    return ""


def _bybit_money(info: Row, quote: str) -> Money | None:
    row = _coin(info["result"]["list"][0]["coin"], "coin", quote)
    if row is None:
        return None
    return _number(row, "walletBalance"), _number(row, "equity")


# --- okx: https://www.okx.com/docs-v5/en/#trading-account-rest-api --------------------

OKX_FUTURES = "2"  # "Futures mode": one currency pays for its own positions


def _okx_key(body: Row) -> Permissions:
    (told,) = body["data"]
    if "perm" not in told:
        return Permissions()
    may = str(told["perm"]).split(",")
    restricted = bool(told.get("ip"))
    return Permissions(
        trade="trade" in may, withdraw="withdraw" in may, ip_restricted=restricted
    )


def _okx_wrong(body: Row, _mode: MarginMode) -> str:
    (told,) = body["data"]
    if str(told.get("acctLv")) != OKX_FUTURES:
        return (
            f"its account mode is {told.get('acctLv')!r}: switch it to futures mode "
            f"({OKX_FUTURES}), in which no other coin pays for a loss"
        )
    if told.get("posMode") != "net_mode":
        return "it is in long/short mode, where an order opens that is to reduce"
    return ""


def _okx_money(info: Row, quote: str) -> Money | None:
    row = _coin(info["data"][0]["details"], "ccy", quote)
    if row is None:
        return None
    equity = _number(row, "eq")
    return equity - _number(row, "upl"), equity


READERS = {
    "binanceusdm": Reader(
        key="sapiGetAccountApiRestrictions",
        permissions=_binance_key,
        account="",
        wrong=lambda _body, _mode: "",
        mode=True,
        symbol_margin=True,
        money=_binance_money,
    ),
    "bybit": Reader(
        key="privateGetV5UserQueryApi",
        permissions=_bybit_key,
        account="privateGetV5AccountInfo",
        wrong=_bybit_wrong,
        mode=False,
        symbol_margin=False,
        money=_bybit_money,
    ),
    "okx": Reader(
        key="privateGetAccountConfig",
        permissions=_okx_key,
        account="privateGetAccountConfig",
        wrong=_okx_wrong,
        mode=True,
        symbol_margin=False,
        money=_okx_money,
    ),
}


def money_of(exchange: str, info: Row, quote: str) -> Money:
    """Read balance and equity. Raises ExchangeError: there is no such coin."""
    found = READERS[exchange].money(info, quote)
    if found is None:
        msg = f"the account has no {quote}: move some of it to the trading account"
        raise ExchangeError(msg)
    return found
