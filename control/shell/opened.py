"""The market that a run trades on, opened: simulated at once, a real one by asking."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import structlog
import trio
from rich.console import Console

from actors.clockguard import ClockChange, ClockGuard, ClockVerdict
from actors.domain.errors import ExchangeError
from actors.domain.messages import Alert
from actors.domain.shown.exchange import ExchangeBudget
from actors.engine import Engine
from actors.exchange.gate import Bans, Gate
from actors.journal import open_journal
from actors.market.live.opening import Plan, open_live
from actors.market.live.time import ExchangeTime
from actors.market.port import Market, open_market
from actors.risk.account.book import replay
from actors.runtime import Budget, SupervisorSpec
from actors.runtime.clock import MarketClock, WallClock
from actors.service import service
from config.settings import Settings
from control.shell.ways import REAL, alarm, way_to

log = structlog.get_logger(component="clock")

HOUR_MS = 3_600_000


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
        return frozenset().union(*(e.risk_state.book.in_hand() for e in self.engines))

    def alarm_to(
        self, tell: Callable[[Alert], None], is_running: Callable[[], bool]
    ) -> None:
        """Let the gates tell their alarms to the engine, once it runs."""
        for gate in self.gates:
            gate.tally.alarms = lambda a: tell(a) if is_running() else alarm(a)

    def budgets(self) -> tuple[ExchangeBudget, ...]:
        """Show every gate."""
        return tuple(gate.view() for gate in self.gates)


@asynccontextmanager
async def opened_market(
    settings: Settings,
    symbols: int | tuple[str, ...] | None,
    data_dir: Path | None,
    say: Console,
    journal: Path | None = None,
) -> AsyncIterator[Opened]:
    """Open the market of a run for the length of a block.

    `data_dir`: where an exchange's bans are kept; None: in memory. `journal`: what it
    has in hand is among so many symbols of an exchange. Raises MarketDataError, and
    ExchangeError where an exchange cannot be asked, JournalError.
    """
    spec = settings.market.spec
    if spec.startswith(REAL):
        bans = Bans(data_dir and data_dir / "bans.json", WallClock())
        # Those that are named, or all, need no look at the journal.
        held = await in_hand(journal) if isinstance(symbols, int) else frozenset()
        plan = _plan(settings, symbols, held)
        async with _real(settings, plan, bans, say) as real:
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
    plan: Plan,
    bans: Bans,
    say: Console,
) -> AsyncIterator[Opened]:
    """List, measure the clock, fetch history; the engine's tree then streams."""
    async with way_to(settings, bans) as asked:
        way = asked.way
        source = ExchangeTime(way.dialect, asked.clock)
        guard = ClockGuard(source, settings.clock, WallClock(), _clock_changed)
        await guard.measure()

        def now_ms() -> int:
            known = guard.exchange_now_ms()
            if known is None:
                problem = guard.estimate.problem
                msg = f"{way.dialect.name} does not tell its time: {problem}"
                raise ExchangeError(msg)
            return known

        now_ms()
        market = await open_live(way, plan, now_ms, _told(say))
        clock = service("clock", guard.run)
        yield Opened(
            market=market,
            history_steps=market.history_steps,
            is_real=True,
            exchange_now_ms=now_ms,
            clock_verdict=lambda: guard.verdict,
            services=(SupervisorSpec("clocks", (clock,), group_budget=Budget(5, 60)),),
            gates=asked.gates,
        )


async def in_hand(journal: Path | None) -> frozenset[str]:
    """The symbols in which an earlier run has left an order or a position.

    Raises JournalError.
    """
    if journal is None or not await trio.Path(journal).exists():
        return frozenset()
    async with open_journal(journal, session="", clock=MarketClock()) as opened:
        return (await replay(opened.read)).in_hand()


def _plan(
    settings: Settings,
    symbols: int | tuple[str, ...] | None,
    in_hand: frozenset[str],
) -> Plan:
    return Plan(
        symbols=symbols,
        in_hand=in_hand,
        history_ms=int(settings.market.warmup_hours * HOUR_MS),
        stream_url=settings.streams.stream_url,
        depth=settings.streams.depth,
        breath_ms=settings.streams.breath_ms,
        budgets=settings.feed,
        seed=settings.engine.seed,
    )


def _told(say: Console) -> Callable[[int, int], None]:
    def told(done: int, of: int) -> None:
        if done == of or done % max(1, of // 10) == 0:
            say.print(f"history: {done} of {of} symbols")

    return told


def _clock_changed(change: ClockChange) -> None:
    log.warning("clock_changed", message=change.message)
