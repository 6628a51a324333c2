"""The market that a run trades on, opened: simulated at once, a real one by asking."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import msgspec
import structlog
from rich.console import Console

from actors.clockguard import ClockChange, ClockGuard, ClockVerdict
from actors.domain.errors import ExchangeError
from actors.market.live.opening import Plan, dialect_of, open_live
from actors.market.live.rest import public_rest
from actors.market.live.time import ExchangeTime
from actors.market.port import Market, open_market
from actors.runtime import Budget, SupervisorSpec
from actors.runtime.clock import WallClock
from actors.service import service
from config.settings import Settings

log = structlog.get_logger(component="clock")

HOUR_MS = 3_600_000
REAL = "exchange:"


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """A market, and what comes with it."""

    market: Market
    history_steps: int = 0  # of a new account: they only build history
    is_real: bool = False
    clock_verdict: Callable[[], ClockVerdict] = lambda: ClockVerdict.GOOD
    services: tuple[SupervisorSpec, ...] = ()


@asynccontextmanager
async def opened_market(
    settings: Settings, symbols: int | tuple[str, ...] | None, say: Console
) -> AsyncIterator[Opened]:
    """Open the market of a run for the length of a block.

    Raises MarketDataError, and ExchangeError where an exchange cannot be asked.
    """
    spec = settings.market.spec
    if spec.startswith(REAL):
        async with _real(settings, symbols, say) as real:
            yield real
        return
    market = open_market(spec, symbols=symbols, seed=settings.engine.seed)
    steps = 0
    if spec == "demo":
        span_ms = int(settings.market.warmup_hours * HOUR_MS)
        steps = span_ms // market.describe().timeframe_ms
    yield Opened(market=market, history_steps=steps)


@asynccontextmanager
async def _real(
    settings: Settings, symbols: int | tuple[str, ...] | None, say: Console
) -> AsyncIterator[Opened]:
    """List, measure the clock, fetch history; the engine's tree then streams."""
    dialect = dialect_of(settings.market.spec.removeprefix(REAL))
    plan = Plan(
        symbols=symbols,
        history_ms=int(settings.market.warmup_hours * HOUR_MS),
        stream_url=settings.streams.stream_url,
        depth=settings.streams.depth,
        breath_ms=settings.streams.breath_ms,
        budgets=settings.feed,
        seed=settings.engine.seed,
    )

    def told(done: int, of: int) -> None:
        if done == of or done % max(1, of // 10) == 0:
            say.print(f"history: {done} of {of} symbols")

    async with public_rest(dialect, settings.streams.rest_url) as rest:
        source = ExchangeTime(dialect, rest)
        guard = ClockGuard(source, settings.clock, WallClock(), _clock_changed)
        await guard.measure()

        def now_ms() -> int:
            known = guard.exchange_now_ms()
            if known is None:
                msg = f"{dialect.name} does not tell its time: {guard.estimate.problem}"
                raise ExchangeError(msg)
            return known

        now_ms()
        market = await open_live(dialect, plan, rest, now_ms, told)
        clock = service("clock", guard.run)
        yield Opened(
            market=market,
            history_steps=market.history_steps,
            is_real=True,
            clock_verdict=lambda: guard.verdict,
            services=(SupervisorSpec("clocks", (clock,), group_budget=Budget(5, 60)),),
        )


def _clock_changed(change: ClockChange) -> None:
    log.warning("clock_changed", message=change.message)
