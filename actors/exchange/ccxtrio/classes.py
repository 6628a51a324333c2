"""Makes the class of an exchange, on trio: the one door to the adapter.

Binance = exchange_class("binance")
async with Binance({"enableRateLimit": True}) as exchange:
    candles = await exchange.fetch_ohlcv("BTC/USDT", "1m")
    trades = await exchange.watch_trades("BTC/USDT")
"""

import importlib
import sys
from difflib import get_close_matches
from enum import StrEnum
from functools import cache
from typing import Any

from actors.domain.errors import ExchangeError
from actors.exchange.ccxtrio.gather import bind
from actors.exchange.ccxtrio.importing import Package
from actors.exchange.ccxtrio.rest import RestOnTrio
from actors.exchange.ccxtrio.stream import StreamOnTrio


class Family(StrEnum):
    """Which of ccxt's packages a class comes from."""

    REST = "ccxt.async_support"
    STREAM = "ccxt.pro"  # REST and streams
    PREDICTION = "ccxt.prediction"  # markets of events, REST and streams


@cache
def exchange_class(exchange_id: str, family: Family = Family.STREAM) -> Any:
    """Give ccxt's class of this exchange, on trio; loads this exchange alone."""
    known = exchange_ids(family)
    if exchange_id not in known:
        close = ", ".join(get_close_matches(exchange_id, known)) or "none is close"
        msg = f"{family} has no exchange {exchange_id!r} ({close})"
        raise ExchangeError(msg)
    module = importlib.import_module(f"{family}.{exchange_id}")
    mixin = RestOnTrio if family is Family.REST else StreamOnTrio
    made = type(f"{exchange_id}_on_trio", (mixin, getattr(module, exchange_id)), {})
    bind(made)
    return made


@cache
def exchange_ids(family: Family = Family.STREAM) -> tuple[str, ...]:
    """Give the id of every exchange of a family."""
    package = sys.modules[family]
    assert isinstance(package, Package)
    return tuple(sorted(package.exchanges()))
