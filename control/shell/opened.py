"""The market that a run trades on, opened: simulated at once, a real one by asking."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import msgspec
import structlog
from rich.console import Console

from actors.clockguard import ClockChange, ClockGuard, ClockVerdict
from actors.domain.errors import ExchangeError
from actors.domain.messages import Alert
from actors.domain.shown.exchange import ExchangeBudget
from actors.engine import Engine
from actors.exchange.gate import Bans, Gate, Lane, in_lane, retried, terms_of
from actors.market.live.dialect import Ask
from actors.market.live.opening import Plan, dialect_of, open_live
from actors.market.live.repair import Fetch
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
#: How long a question to the exchange is asked again and again.
PATIENCE_SECONDS = 90.0


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """A market, and what comes with it."""

    market: Market
    history_steps: int = 0  # of a new account: they only build history
    is_real: bool = False
    exchange_now_ms: Callable[[], int] | None = None  # its own clock
    clock_verdict: Callable[[], ClockVerdict] = lambda: ClockVerdict.GOOD
    services: tuple[SupervisorSpec, ...] = ()
    gates: tuple[Gate, ...] = ()  # one for each exchange account that is asked
    #: The engine that trades on it, once there is one.
    engines: list[Engine] = msgspec.field(default_factory=list)

    def in_hand(self) -> frozenset[str]:
        """The symbols in which the engine's books have an order or a position."""
        return frozenset(name for one in self.engines for name in one.symbols_in_hand())

    def alarm_to(
        self, tell: Callable[[Alert], None], is_running: Callable[[], bool]
    ) -> None:
        """Let the gates tell their alarms to the engine, once it runs."""
        for gate in self.gates:
            gate.tally.alarms = lambda a: tell(a) if is_running() else _alarm(a)

    def budgets(self) -> tuple[ExchangeBudget, ...]:
        """Show every gate."""
        return tuple(gate.view() for gate in self.gates)


@asynccontextmanager
async def opened_market(
    settings: Settings,
    symbols: int | tuple[str, ...] | None,
    data_dir: Path | None,
    say: Console,
) -> AsyncIterator[Opened]:
    """Open the market of a run for the length of a block.

    `data_dir`: where an exchange's bans are kept; None: in memory. Raises
    MarketDataError, and ExchangeError where an exchange cannot be asked.
    """
    spec = settings.market.spec
    if spec.startswith(REAL):
        bans = Bans(data_dir and data_dir / "bans.json", WallClock())
        async with _real(settings, symbols, bans, say) as real:
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
    settings: Settings,
    symbols: int | tuple[str, ...] | None,
    bans: Bans,
    say: Console,
) -> AsyncIterator[Opened]:
    """List, measure the clock, fetch history; the engine's tree then streams."""
    dialect = dialect_of(settings.market.spec.removeprefix(REAL))
    gate = Gate(terms_of(dialect.name), bans, WallClock(), _alarm)
    url = settings.streams.rest_url
    async with (
        public_rest(dialect, gate, url) as rest,
        public_rest(dialect, gate, url) as line,  # the clock's: never behind scans
    ):
        source = ExchangeTime(dialect, _prompt(line))
        guard = ClockGuard(source, settings.clock, WallClock(), _clock_changed)
        await guard.measure()

        def now_ms() -> int:
            known = guard.exchange_now_ms()
            if known is None:
                msg = f"{dialect.name} does not tell its time: {guard.estimate.problem}"
                raise ExchangeError(msg)
            return known

        now_ms()
        random = Random(settings.engine.seed)  # noqa: S311 - pauses, no secret
        patient, plan = _patient(rest, gate, random), _plan(settings, symbols)
        market = await open_live(dialect, plan, rest, now_ms, _told(say), patient)
        clock = service("clock", guard.run)
        yield Opened(
            market=market,
            history_steps=market.history_steps,
            is_real=True,
            exchange_now_ms=now_ms,
            clock_verdict=lambda: guard.verdict,
            services=(SupervisorSpec("clocks", (clock,), group_budget=Budget(5, 60)),),
            gates=(gate,),
        )


def _plan(settings: Settings, symbols: int | tuple[str, ...] | None) -> Plan:
    return Plan(
        symbols=symbols,
        history_ms=int(settings.market.warmup_hours * HOUR_MS),
        stream_url=settings.streams.stream_url,
        depth=settings.streams.depth,
        budgets=settings.feed,
        seed=settings.engine.seed,
    )


def _told(say: Console) -> Callable[[int, int], None]:
    def told(done: int, of: int) -> None:
        if done == of or done % max(1, of // 10) == 0:
            say.print(f"history: {done} of {of} symbols")

    return told


def _prompt(rest: Fetch) -> Fetch:
    """Let the clock be asked before all scans: a wait would count as the way."""

    async def fetch(ask: Ask) -> bytes:
        with in_lane(Lane.RECONCILE):
            return await rest(ask)

    return fetch


def _patient(rest: Fetch, gate: Gate, random: Random) -> Fetch:
    """Ask again where the table of faults says that it helps."""

    async def fetch(ask: Ask) -> bytes:
        return await retried(
            lambda: rest(ask),
            within_seconds=PATIENCE_SECONDS,
            random=random,
            note=gate.tally.retry,
        )

    return fetch


def _alarm(alert: Alert) -> None:
    """Log what happens before there is an engine to tell."""
    log.warning("exchange_gate", message=alert.message, action=alert.action)


def _clock_changed(change: ClockChange) -> None:
    log.warning("clock_changed", message=change.message)
