"""What an engine is made of, chosen before it runs."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path

import msgspec

from actors.clockguard import ClockVerdict
from actors.domain.bars import MarketDescription
from actors.domain.findings import Strategy
from actors.domain.live import LIVE, PAPER, LiveRules
from actors.domain.shown.divergence import Divergence
from actors.domain.shown.exchange import ExchangeBudget
from actors.exchange.paper.book import PaperSettings
from actors.exchange.paper.exchange import PaperExchange
from actors.exchange.paper.opening import account_identity, open_account
from actors.exchange.port import SimulatedExchange
from actors.feed import Pace
from actors.journal import SessionStarted
from actors.market.port import Market
from actors.runtime.clock import MarketClock
from actors.watchdog import ResourceLimits
from config.library import PresetLibrary
from config.preset import Preset
from config.settings import SupervisionGroup

#: What a run depends on; its versions are in the journal.
VERSIONED = ("breakout-engine", "trio", "numba", "numpy", "polars", "apsw")

#: Opens the exchange for the engine's life, with the clock that its market moves.
OpenExchange = Callable[
    [MarketDescription, MarketClock], AbstractAsyncContextManager[SimulatedExchange]
]


class EngineSetup(msgspec.Struct, frozen=True):
    """Everything an engine is made of, chosen before it runs."""

    engine_id: str
    session: str
    market: Market
    strategy: Callable[[Preset], Strategy]  # made anew at each start
    pace: Pace
    seed: int
    equity_usd: Decimal
    paper: PaperSettings
    journal_path: Path | None  # None: in memory
    resources: ResourceLimits
    supervision: SupervisionGroup
    preset: str  # the one that the session begins with
    history_steps: int = 0  # of a new account: steps that only build history
    fresh: bool = False  # begin a new paper account, put the old one aside
    #: None: the paper account beside the journal, or one in memory.
    exchange: OpenExchange | None = None
    #: A real exchange's own hour, and what holds there; None: no real money.
    exchange_now_ms: Callable[[], int] | None = None
    live: LiveRules | None = None
    #: What this machine's clock is worth against the exchange's.
    clock_verdict: Callable[[], ClockVerdict] = lambda: ClockVerdict.GOOD
    #: How far a shadow's paper account is from the real one; None: there is no shadow.
    divergence: Callable[[], Divergence | None] = lambda: None

    #: What each exchange account's gate shows; a simulated market has none.
    exchange_budgets: Callable[[], tuple[ExchangeBudget, ...]] = tuple

    def shut(self) -> str | None:
        """Say why an exchange would be sent no entry now; None: it would."""
        reasons = (budget.no_entries for budget in self.exchange_budgets())
        return next((reason for reason in reasons if reason is not None), None)

    @property
    def mode(self) -> str:
        """Whose money is traded."""
        return PAPER if self.live is None else LIVE

    @property
    def library(self) -> PresetLibrary:
        """The presets: shipped, and own ones beside the journal."""
        if self.journal_path is None:
            return PresetLibrary()
        return PresetLibrary(self.journal_path.with_name("presets"))

    def open_exchange(
        self, market: MarketDescription, clock: MarketClock
    ) -> AbstractAsyncContextManager[SimulatedExchange]:
        """Open the exchange that the engine trades on; ExchangeError: it cannot be."""
        return (self.exchange or self._open_paper)(market, clock)

    @asynccontextmanager
    async def _open_paper(
        self, market: MarketDescription, clock: MarketClock
    ) -> AsyncIterator[SimulatedExchange]:
        given = (market.instruments, self.paper, clock, self.equity_usd)
        if self.journal_path is None:
            yield PaperExchange(*given)
            return
        path = self.journal_path.with_name("paper.sqlite")
        identity = account_identity(self.engine_id, market, self.seed)
        with open_account(path, identity, self.equity_usd, fresh=self.fresh) as store:
            yield PaperExchange(*given, store)

    def started(self, wall_ms: int) -> SessionStarted:
        """Say everything that is needed to repeat this run."""
        return SessionStarted(
            engine=self.engine_id,
            market=self.market.describe().name,
            preset=self.preset,
            mode=self.mode,
            seed=self.seed,
            versions={name: version(name) for name in VERSIONED},
            wall_ms=wall_ms,
        )
