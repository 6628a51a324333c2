"""Opens an account at a real exchange: the way there, its stream, and its port."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from actors.domain.errors import ExchangeError
from actors.exchange.live.account import LiveAccount
from actors.exchange.live.binance import Binance
from actors.exchange.live.binance_money import Money
from actors.exchange.live.binance_setup import Setup
from actors.exchange.live.binance_stream import PrivateHalf, PrivateStream
from actors.exchange.live.capabilities import Row, row_for
from actors.exchange.live.dead_man import DeadMan, check_switch
from actors.exchange.live.plan import LivePlan
from actors.exchange.live.registry import Registry
from actors.exchange.live.symbols import Symbols
from actors.exchange.live.unified import Unified
from actors.exchange.live.unified_setup import UnifiedMoney, UnifiedSetup
from actors.exchange.live.unified_stream import Bell, UnifiedStream
from actors.exchange.live.unified_words import WORDS
from actors.exchange.live.wire import Wire

#: Orders are written for these exchanges' own endpoints, for others by unified calls.
OWN = frozenset({"binance", "binanceusdm"})
VENUES = OWN | WORDS.keys()


@asynccontextmanager
async def open_live_account(plan: LivePlan) -> AsyncIterator[LiveAccount]:
    """Open the account; `prepare` and `run` are the caller's.

    Raises ExchangeError: an exchange that is not traded live.
    """
    row = row_for(plan)
    name = row.port.name
    if name not in (WORDS.keys() if plan.unified else VENUES):
        msg = (
            f"{plan.exchange}: orders are written for {', '.join(sorted(VENUES))} only"
        )
        raise ExchangeError(msg)
    check_switch(plan, row)
    made = _unified if plan.unified or name not in OWN else _own
    account, wire = made(plan, row)
    async with wire.exchange:
        yield account


def _own(plan: LivePlan, row: Row) -> tuple[LiveAccount, Wire]:
    wire = Wire(plan, row, PrivateHalf)
    registry = Registry(plan.now_ms, plan.touched)
    usdm = row.port.name == "binanceusdm"
    venue = Binance(wire, Symbols(plan.instruments), registry, usdm=usdm)
    stream = PrivateStream(venue, plan.now_ms)
    setup, money = Setup(venue, plan), Money(venue, plan)
    seconds = plan.dead_man_seconds
    switch = DeadMan(venue.arm, registry, seconds) if seconds else None
    return LiveAccount((plan, row), venue, stream, setup, money, switch), wire


def _unified(plan: LivePlan, row: Row) -> tuple[LiveAccount, Wire]:
    name = row.port.name
    wire = Wire(plan, row, Bell, **WORDS[name].options)
    venue = Unified(wire, (plan, row), Symbols(plan.instruments))
    stream = UnifiedStream(venue, plan.now_ms)
    setup, money = UnifiedSetup(venue, plan, name), UnifiedMoney(venue, name)
    return LiveAccount((plan, row), venue, stream, setup, money), wire
