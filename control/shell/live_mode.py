"""Live mode: what must hold, and be typed, before real money is traded.

The engine is the same; what differs is the exchange that it trades on, the clock that
it lives by, and the account's own rules. Nothing is traded before the key, the rules of
each symbol and the account's modes were seen to be as they must be.
"""

import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
from rich.console import Console

from actors.domain.bars import MarketDescription
from actors.domain.errors import ExchangeError
from actors.domain.live import LiveRules
from actors.domain.shown.divergence import Divergence
from actors.exchange.live import Accept, LiveAccount, LivePlan, open_live_account
from actors.exchange.live.plan import MarginMode
from actors.exchange.port import SimulatedExchange
from actors.exchange.shadow import Shadowed
from actors.runtime import Budget, SupervisorSpec
from actors.runtime.clock import MarketClock
from actors.service import service
from actors.setup import EngineSetup, OpenExchange
from config.errors import SettingsError
from config.live import LiveGroup
from config.secrets import Secret, find_secret
from config.settings import Settings
from control.shell.confirming import allowed
from control.shell.opened import Opened
from control.shell.preparing import paper_settings
from control.shell.ways import REAL


class Real(msgspec.Struct, frozen=True):
    """An account with real money, prepared, and all that the engine needs of it."""

    rules: LiveRules
    now_ms: Callable[[], int]
    exchange: OpenExchange
    divergence: Callable[[], Divergence | None]
    services: tuple[SupervisorSpec, ...]

    def trade(self, setup: EngineSetup) -> EngineSetup:
        """Let an engine trade this account instead of a paper one."""
        return msgspec.structs.replace(
            setup,
            exchange=self.exchange,
            exchange_now_ms=self.now_ms,
            live=self.rules,
            divergence=self.divergence,
            pace=msgspec.structs.replace(setup.pace, simulated=False),
        )


class ExchangeHour:
    """The exchange's own clock as a port."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self.now_ms = now_ms


@asynccontextmanager
async def opened_account(
    settings: Settings, memory: Path | None, opened: Opened, say: Console
) -> AsyncIterator[Real]:
    """Open and prepare the account for the length of a block.

    `memory` is where the shadow keeps what it compared.

    Raises SettingsError for keys and symbols that are not there, ExchangeError with the
    remedy for an account that is not as it must be.
    """
    plan, rules = live_plan(settings, opened, os.environ), _rules(settings.live, opened)
    async with open_live_account(plan) as account:
        await account.prepare()
        shadowed = Shadowed(
            account,
            ExchangeHour(plan.now_ms),
            plan.instruments,
            paper_settings(settings),
            await account.fetch_equity(),
            memory,
            compares=settings.live.shadow,
        )

        @asynccontextmanager
        async def exchange(
            _market: MarketDescription, _clock: MarketClock
        ) -> AsyncIterator[SimulatedExchange]:
            yield shadowed

        say.print(f"live:    {_described(settings, account)}", style="bold red")
        private = service("account", account.run)
        yield Real(
            rules=rules,
            now_ms=plan.now_ms,
            exchange=exchange,
            divergence=shadowed.divergence if settings.live.shadow else lambda: None,
            services=(SupervisorSpec("live", (private,), group_budget=Budget(10, 60)),),
        )


def _rules(live: LiveGroup, opened: Opened) -> LiveRules:
    """Take the account's rules. Raises SettingsError: a symbol is not traded there."""
    names = allowed(live)
    traded = {one.symbol for one in opened.market.describe().instruments}
    if unknown := sorted(set(names) - traded):
        msg = (
            f"live.symbols names {', '.join(unknown)}, which this market does not have"
        )
        raise SettingsError(msg)
    return LiveRules(
        allowed=frozenset(names),
        first_order_usd_max=live.first_order_usd_max,
        first_trades=live.first_trades,
    )


def live_plan(
    settings: Settings, opened: Opened, environment: Mapping[str, str]
) -> LivePlan:
    """Say what is to be opened; SettingsError: a key is missing."""
    live, now_ms = settings.live, opened.exchange_now_ms
    if now_ms is None:
        msg = f"{settings.market.spec} tells no time: it cannot be traded live"
        raise ExchangeError(msg)
    return LivePlan(
        exchange=settings.market.spec.removeprefix(REAL),
        key=_key("exchange_key", live.key_file, environment),
        secret=_key("exchange_secret", live.secret_file, environment),
        password=find_secret("exchange_password", environment, live.password_file),
        instruments=opened.market.describe().instruments,
        now_ms=now_ms,
        leverage=live.leverage,
        margin_mode=MarginMode(live.margin),
        accept=_accepted(live),
        dead_man_seconds=live.dead_man_seconds,
        allowed=frozenset(allowed(live)),
        touched=opened.in_hand,
        seed=settings.engine.seed,
        rest_url=settings.streams.rest_url,
        stream_url=settings.streams.stream_url,
        # One that counts nothing, as beside ccxt, is none for money.
        gate=next((one for one in opened.gates if one.terms.weight), None),
    )


def _key(name: str, path: str, environment: Mapping[str, str]) -> Secret:
    found = find_secret(name, environment, path)
    if found is None:
        msg = f"live mode needs BREAKOUT_{name.upper()}, a file or a credential {name}"
        raise SettingsError(msg)
    return found


def _accepted(live: LiveGroup) -> frozenset[Accept]:
    chosen = {
        Accept.WITHDRAWAL: live.accept_withdrawal,
        Accept.UNVERIFIED: live.accept_unverified,
        Accept.SWITCH_MODE: live.accept_switch_mode,
    }
    return frozenset(what for what, yes in chosen.items() if yes)


def _described(settings: Settings, account: LiveAccount) -> str:
    live = settings.live
    return (
        f"real money on {account.capabilities.name}; {len(allowed(live))} symbols may "
        f"be entered, the first {live.first_trades} trades with "
        f"{live.first_order_usd_max} USD at most"
    )
