"""The supervision tree, drawn as code; no policy lives here.

    engine            one_for_one
    +-- money         one_for_all, 1 restart in 300 s, then the process stops
    |   +-- risk      owns orders, positions and the global state
    +-- lead
    |   +-- conductor brings symbols and market up and down
    +-- symbols       one_for_one, 3 restarts in 60 s each, then that one is quarantined
    |   +-- BTC/USDT, ETH/USDT, ...
    +-- market        one_for_one, 10 restarts in 300 s
    |   +-- feed
    +-- (the control plane, given from outside; 5 restarts in 60 s)
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import structlog
import trio

from actors.conductor import Cast, Conductor, Lifecycle, MarketOver
from actors.domain.bars import Instrument
from actors.domain.findings import Strategy, SymbolContext
from actors.domain.messages import Command, CommandAnswer
from actors.domain.strategies.loader import load_strategy
from actors.domain.translate import Translator
from actors.domain.views import Publisher
from actors.exchange.paper import PaperExchange, PaperSettings
from actors.feed import Cursor, Feed, Listeners, Pace
from actors.journal import Journal, open_journal
from actors.latency import Latency
from actors.market import History, Market
from actors.risk.actor import RiskActor
from actors.risk.desk import Ports
from actors.risk.state import RiskState
from actors.runtime import (
    ActorRef,
    Backoff,
    Budget,
    ChildSpec,
    CrashReport,
    DeadLetters,
    MailboxSpec,
    OnExhausted,
    RefStatistics,
    Strategy as Restarting,
    Supervisor,
    SupervisorSpec,
    run_supervisor,
)
from actors.runtime.clock import Clock, MarketClock, WallClock
from actors.symbol import Past, PositionChanged, SymbolActor
from config.preset import Preset

log = structlog.get_logger(component="engine")

MINUTE_MS = 60_000
#: History kept for restarted symbols: the 24 h windows and some more.
HISTORY_SPAN_MS = 36 * 3_600_000

RISK_MAILBOX = MailboxSpec(capacity=65_536)
SYMBOL_MAILBOX = MailboxSpec(capacity=256)
SYMBOL_BUDGET = Budget(3, 60.0)


class EngineSetup(msgspec.Struct, frozen=True):
    """Everything an engine is made of, chosen before it runs."""

    engine_id: str
    session: str
    market: Market
    strategy: str
    pace: Pace
    seed: int
    equity_usd: Decimal
    paper: PaperSettings
    journal_path: Path | None  # None: in memory
    history_steps: int = 0  # steps before the first start that only build history


class Engine:
    """The composition root: makes every actor and knows every address."""

    def __init__(
        self, setup: EngineSetup, journal: Journal, publisher: Publisher, clock: Clock
    ) -> None:
        assert isinstance(clock, MarketClock), "a replayed market moves its own clock"
        self.setup = setup
        self.journal = journal
        self.clock = clock
        self.wall = WallClock()
        self.description = setup.market.describe()
        self.cursor = Cursor(setup.market, History(HISTORY_SPAN_MS))
        self.cursor.skip(setup.history_steps)
        clock.advance_to(self.cursor.last_close_ms)
        self.exchange = PaperExchange(
            self.description.instruments, setup.paper, clock, setup.equity_usd
        )
        self.latency = Latency()
        self.risk_state = RiskState(
            setup.equity_usd, clock.now_ms(), list(self.description.instruments)
        )
        self.market_over = trio.Event()
        self.dead_letters = DeadLetters()
        self.crashes = 0
        self.symbol_names = tuple(i.symbol for i in self.description.instruments)
        self.symbol_actors: dict[str, SymbolActor] = {}
        self.supervisor: Supervisor | None = None
        self._publisher = publisher
        self.risk: RiskActor = self._make_risk()

    # --- the tree -------------------------------------------------------------------

    def tree(self, extra: tuple[SupervisorSpec, ...]) -> SupervisorSpec:
        """Draw the tree."""
        money = SupervisorSpec(
            "money",
            (ChildSpec("risk", self._make_risk, mailbox=RISK_MAILBOX),),
            strategy=Restarting.ONE_FOR_ALL,
            group_budget=Budget(1, 300.0),
            budget=Budget(0, 300.0),
        )
        lead = SupervisorSpec(
            "lead",
            (ChildSpec("conductor", self._make_conductor),),
            group_budget=Budget(3, 60.0),
        )
        symbols = SupervisorSpec(
            "symbols",
            group_budget=Budget(4 * len(self.symbol_names) + 100, 60.0),
            on_child_exhausted=OnExhausted.QUARANTINE,
            backoff=Backoff(first_seconds=1.0, max_seconds=60.0),
        )
        market = SupervisorSpec("market", group_budget=Budget(10, 300.0))
        return SupervisorSpec(
            "engine",
            (money, lead, symbols, market, *extra),
            on_child_exhausted=OnExhausted.ESCALATE,
        )

    def _make_risk(self) -> RiskActor:
        ports = Ports(
            engine_id=self.setup.engine_id,
            clock=self.clock,
            wall=self.wall,
            exchange=self.exchange,
            journal=self.journal,
            publisher=self._publisher,
            position_changed=self._position_changed,
        )
        self.risk = RiskActor(ports, self.risk_state)
        return self.risk

    def _make_conductor(self) -> Conductor:
        return Conductor(self._root, self._cast, over=self.market_over.set)

    def _root(self) -> Supervisor:
        assert self.supervisor is not None, "the tree runs"
        return self.supervisor

    # --- one start --------------------------------------------------------------------

    def _cast(self, preset: Preset) -> Cast:
        """Name the children of one start: a symbol actor for each symbol, a feed."""
        strategy = load_strategy(self.setup.strategy, preset)
        timeframe_ms = self.description.timeframe_ms
        if preset.timeframe_minutes is not None:
            timeframe_ms = preset.timeframe_minutes * MINUTE_MS
        specs = [
            self._symbol_spec(index, instrument, strategy, preset)
            for index, instrument in enumerate(self.description.instruments)
        ]
        return Cast(specs, self._feed_spec, timeframe_ms)

    def _symbol_spec(
        self, index: int, instrument: Instrument, strategy: Strategy, preset: Preset
    ) -> ChildSpec:
        context = SymbolContext(instrument, self.description.timeframe_ms)

        def past() -> Past:
            return Past(
                *self.cursor.history.window(
                    index, self.cursor.last_close_ms, strategy.warmup_ms
                )
            )

        def make() -> SymbolActor:
            actor = SymbolActor(
                instrument.symbol,
                lambda: strategy.pipeline(context),
                lambda pipeline: Translator(
                    pipeline, instrument, preset, strategy.name
                ),
                past,
                self.risk_ref,
            )
            self.symbol_actors[instrument.symbol] = actor
            return actor

        return ChildSpec(
            instrument.symbol, make, mailbox=SYMBOL_MAILBOX, budget=SYMBOL_BUDGET
        )

    def _feed_spec(self, symbols: list[ActorRef[Any]]) -> ChildSpec:
        listeners = Listeners(self.risk_ref, symbols, self._market_is_over)

        def make() -> Feed:
            return Feed(
                self.cursor,
                self.clock,
                self.exchange,
                self.setup.pace,
                listeners,
                self.latency,
            )

        return ChildSpec("feed", make, budget=Budget(10, 300.0))

    def _market_is_over(self) -> None:
        self._root().ref("conductor").tell(MarketOver())

    # --- addresses ----------------------------------------------------------------------

    @property
    def risk_ref(self) -> ActorRef[Any]:
        """The risk actor's address."""
        return self._root().ref("risk")

    async def ask_conductor(self, command: Command, seconds: float) -> CommandAnswer:
        """Start or stop, and wait for the end of it."""
        conductor = self._root().ref("conductor")
        answer: CommandAnswer = await conductor.ask(
            lambda reply: Lifecycle(command, reply), seconds
        )
        return answer

    def symbol_statistics(self, symbol: str) -> RefStatistics | None:
        """The counters of one symbol's mailbox; None while it does not run."""
        if symbol not in self.symbol_actors:
            return None
        return self._root().ref(symbol).statistics()

    def _position_changed(self, symbol: str, held: bool) -> None:  # noqa: FBT001 - the fact itself
        self._root().ref(symbol).tell_urgent(PositionChanged(held))

    def crashed(self, report: CrashReport) -> None:
        """Count and log what the runtime reports of a crash."""
        self.crashes += 1
        log.error("actor_crashed", report=str(report))


@asynccontextmanager
async def open_engine(
    setup: EngineSetup,
    publisher: Publisher,
    extra: "tuple[SupervisorSpec, ...]" = (),
) -> AsyncIterator[Engine]:
    """Open the journal, run the tree, and take it down in reverse order at the end."""
    clock = MarketClock()
    async with open_journal(
        setup.journal_path, session=setup.session, clock=clock
    ) as journal:
        engine = Engine(setup, journal, publisher, clock)
        async with run_supervisor(
            engine.tree(extra),
            random=Random(setup.seed),
            reports=engine.crashed,
            dead_letters=engine.dead_letters,
        ) as supervisor:
            engine.supervisor = supervisor
            yield engine
