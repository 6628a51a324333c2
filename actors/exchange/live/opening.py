"""Opens an account at a real exchange: the way there, its stream, and its port."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from actors.domain.errors import ExchangeError
from actors.exchange.live.account import LiveAccount
from actors.exchange.live.binance import Binance
from actors.exchange.live.binance_stream import PrivateHalf, PrivateStream
from actors.exchange.live.capabilities import row_for
from actors.exchange.live.plan import LivePlan
from actors.exchange.live.registry import Registry
from actors.exchange.live.symbols import Symbols
from actors.exchange.live.wire import Wire

VENUES = frozenset({"binance", "binanceusdm"})


@asynccontextmanager
async def open_live_account(plan: LivePlan) -> AsyncIterator[LiveAccount]:
    """Open the account; `prepare` and `run` are the caller's.

    Raises ExchangeError: an exchange that is not traded live.
    """
    row = row_for(plan)
    if row.port.name not in VENUES:
        msg = (
            f"{plan.exchange}: orders are written for {', '.join(sorted(VENUES))} only"
        )
        raise ExchangeError(msg)
    wire = Wire(plan, row, PrivateHalf)
    registry = Registry(plan.now_ms, plan.touched)
    usdm = row.port.name == "binanceusdm"
    venue = Binance(wire, Symbols(plan.instruments), registry, usdm=usdm)
    async with wire.exchange:
        yield LiveAccount(plan, row, venue, PrivateStream(venue, plan.now_ms))
