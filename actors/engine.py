"""The supervision tree, drawn as code; no policy lives here.

engine            one_for_one
+-- money         one_for_all, 1 restart in 300 s, then the process stops
|   +-- dispatch  carries requests to the exchange, each once
|   +-- risk      owns orders, positions and the global state
|   +-- reconcile asks the exchange for its truth
+-- lead
|   +-- conductor brings symbols and market up and down
+-- symbols       one_for_one, 3 restarts in 60 s each, then that one is quarantined
|   +-- BTC/USDT, ETH/USDT, ...
+-- machine
|   +-- monitor   measures CPU, memory, disk, descriptors and loop lag
+-- market        one_for_one, 10 restarts in 300 s
|   +-- streams   of a market in real time
|   +-- time      of a real exchange, where its money is traded
|   +-- feed
+-- (the control plane, given from outside; 5 restarts in 60 s)
"""

from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from decimal import Decimal
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import structlog
import trio

from actors.aftermath import Aftermath
from actors.archive import Archive, open_archive
from actors.casting import Casting, Stage, symbols_group
from actors.choice import Choice
from actors.conductor import Conductor, Lifecycle, Rouse
from actors.crashes import crash_alert
from actors.cursor import open_cursor
from actors.domain.messages import Alert, Command, CommandAnswer, Tick
from actors.domain.views import Publisher
from actors.exchange.port import SimulatedExchange
from actors.funnel import Funnel
from actors.journal import Journal, Kind, SessionEnded, open_journal
from actors.latency import Latency
from actors.realtime import beside_the_feed, judging
from actors.risk.account.account import open_book
from actors.risk.account.book import empty_book
from actors.risk.account.state import RiskState
from actors.risk.actor import RiskActor
from actors.risk.orders.dispatch import Halt
from actors.runtime import (
    ActorChild,
    ActorRef,
    Budget,
    ChildSpec,
    ChildState,
    CrashReport,
    DeadLetters,
    Latch,
    OnExhausted,
    Supervisor,
    SupervisorSpec,
    run_supervisor,
)
from actors.runtime.clock import MarketClock, WallClock
from actors.runtime.errors import NoSuchChild
from actors.service import service
from actors.setup import EngineSetup
from actors.symbol import PositionChanged, SymbolActor, newest_scans
from actors.treasury import Sources, Treasury
from actors.watchdog import MachineSources, ResourceMonitor

log = structlog.get_logger(component="engine")


class Engine:
    """The composition root: makes every actor and knows every address."""

    archive: Archive  # set before anything is attached

    def __init__(
        self,
        setup: EngineSetup,
        journal: Journal,
        clock: MarketClock,
        exchange: SimulatedExchange,
    ) -> None:
        self.setup = setup
        self.journal = journal
        self.clock = clock
        self.wall = WallClock()
        self.description = setup.market.describe()
        self.exchange = exchange
        self.cursor = open_cursor(
            setup.market,
            exchange.now_ms,
            history_steps=setup.history_steps,
            duration_ms=setup.pace.duration_ms,
        )
        clock.advance_to(max(self.cursor.last_close_ms, exchange.now_ms))
        self.latency = Latency()
        traded, mode = list(self.description.instruments), setup.mode
        self.risk_state = RiskState(empty_book(), traded, mode)
        self.in_hand, self.halt = Latch(), Halt()
        self.treasury = Treasury(self.halt, self.in_hand)
        self.market_over = trio.Event()
        self.dead_letters = DeadLetters()
        self.crashes = 0
        self.symbol_actors: dict[str, SymbolActor] = {}
        self.symbol_names = tuple(i.symbol for i in self.description.instruments)
        self.funnel, self.aftermath = Funnel(self.risk_state), Aftermath(self.cursor)
        self._index = {name: index for index, name in enumerate(self.symbol_names)}
        self.data_faults = Counter(f.symbol for f in self.description.faults)
        where = setup.journal_path.parent if setup.journal_path else Path.cwd()
        self.monitor = ResourceMonitor(
            setup.resources, MachineSources(where), clock=self.wall
        )
        self.running_children: list[str] = []  # the conductor's
        self.supervisor: Supervisor | None = None
        self.publisher: Publisher | None = None

    async def open_book(self) -> None:
        """Know the account again, before anybody acts on it."""
        self.risk_state.book = await open_book(
            self.journal, self.exchange, self.description, self.clock.now_ms()
        )

    # --- the tree -------------------------------------------------------------------

    def tree(self, extra: tuple[SupervisorSpec, ...]) -> SupervisorSpec:
        """Draw the tree."""
        setup, limits = self.setup, self.setup.supervision
        self.treasury.sources = self._sources()
        conductor = ChildSpec("conductor", self._make_conductor)
        lead = SupervisorSpec("lead", (conductor,), group_budget=Budget(3, 60.0))
        symbols = symbols_group(len(self.symbol_names), limits)
        now_ms = setup.exchange_now_ms
        market = SupervisorSpec(
            "market",
            beside_the_feed(setup.market, self.clock, now_ms, self._tell),
            group_budget=Budget(limits.feed_restarts_max, limits.feed_period_seconds),
        )
        monitor = service("monitor", partial(self.monitor.run, self._tell))
        machine = SupervisorSpec("machine", (monitor,), group_budget=Budget(5, 60.0))
        return SupervisorSpec(
            "engine",
            (self.treasury.group(limits), lead, machine, symbols, market, *extra),
            on_child_exhausted=OnExhausted.ESCALATE,
        )

    def _sources(self) -> Sources:
        assert self.publisher is not None, "facts have somewhere to go"
        return Sources(
            engine_id=self.setup.engine_id,
            clock=self.clock,
            wall=self.wall,
            exchange=self.exchange,
            journal=self.journal,
            publisher=self.publisher,
            state=self.risk_state,
            position_changed=self._position_changed,
            reference=self._reference,
            root=self.root,
            rouse=self._rouse,
            scanned=partial(newest_scans, self.symbol_actors),
            refused=self.aftermath.follow,
            presets=self.setup.library,
            clock_verdict=self.setup.clock_verdict,
            feed=judging(self.setup.market, self.cursor),
            live=self.setup.live,
            shut=self.setup.shut,
        )

    def _rouse(self) -> None:
        self.root().ref("conductor").tell(Rouse())

    def _make_conductor(self) -> Conductor:
        stage = Stage(
            self.setup,
            self.description,
            self.cursor,
            self.clock,
            self.exchange,
            self.latency,
            self.symbol_actors,
            self.funnel,
            self.aftermath,
            self.in_hand,
            self.root,
        )
        choice = Choice(self.setup.preset, self.setup.mode, self.setup.library)
        return Conductor(
            self.root,
            Casting(stage).cast,
            choice,
            running=self.running_children,
            over=self.market_over.set,
            wall=self.wall,
        )

    def root(self) -> Supervisor:
        """The running tree."""
        assert self.supervisor is not None, "the tree runs"
        return self.supervisor

    def _tell(self, message: Alert | Tick) -> None:
        # Looked up each time: services start before the tree is known here.
        if self.supervisor is not None:
            self.risk_ref.tell(message)

    # --- addresses ----------------------------------------------------------------

    @property
    def risk_ref(self) -> ActorRef[Any]:
        """The risk actor's address."""
        return self.treasury.ref

    @property
    def risk(self) -> RiskActor:
        """The risk actor's present incarnation."""
        return self.treasury.risk

    async def ask_conductor(self, command: Command, seconds: float) -> CommandAnswer:
        """Start or stop, and wait for the end of it."""
        conductor = self.root().ref("conductor")
        answer: CommandAnswer = await conductor.ask(
            lambda reply: Lifecycle(command, reply), seconds
        )
        return answer

    def symbol_children(self) -> dict[str, ActorChild]:
        """The symbols' actors as the runtime knows them; empty before a start."""
        return {} if self.supervisor is None else self.supervisor.actors_in("symbols")

    @property
    def running(self) -> bool:
        """Whether the tree of actors runs, the risk actor with it."""
        if self.supervisor is None:
            return False
        return self.risk_ref.statistics().state is ChildState.RUNNING

    def _position_changed(self, symbol: str, held: bool) -> None:  # noqa: FBT001 - the fact itself
        with suppress(NoSuchChild):  # stopped: there is no actor to be told
            self.root().ref(symbol).tell_urgent(PositionChanged(held))

    def _reference(self, symbol: str) -> Decimal | None:
        return self.cursor.last_price(self._index[symbol])

    def crashed(self, report: CrashReport) -> None:
        """Count, log and journal a crash, with its verdict and what was done."""
        self.crashes += 1
        log.error("actor_crashed", report=report.format())
        symbol = report.actor if report.actor in self.symbol_actors else None
        self._tell(crash_alert(report, symbol, self.clock.now_ms()))


#: Plugs the control plane in: where facts go, and what runs beside the engine.
Attach = Callable[[Engine], tuple[Publisher, tuple[SupervisorSpec, ...]]]


@asynccontextmanager
async def open_engine(setup: EngineSetup, attach: Attach) -> AsyncIterator[Engine]:
    """Open the journal, run the tree, and take it down in reverse order at the end."""
    clock = MarketClock()
    async with (
        open_journal(setup.journal_path, session=setup.session, clock=clock) as journal,
        setup.open_exchange(setup.market.describe(), clock) as exchange,
        open_archive(setup.journal_path, journal) as archive,
    ):
        engine = Engine(setup, journal, clock, exchange)
        engine.archive = archive
        archive.afterwards = engine.aftermath.r_of
        await engine.open_book()
        engine.publisher, extra = attach(engine)
        journal.append(Kind.SESSION, setup.started(engine.wall.now_ms()))
        await journal.commit()
        async with (
            engine.treasury.sending(),
            run_supervisor(
                engine.tree(extra),
                random=Random(setup.seed),  # noqa: S311 - jitter, not a secret
                reports=engine.crashed,
                dead_letters=engine.dead_letters,
            ) as supervisor,
        ):
            engine.supervisor = supervisor
            yield engine
        # Only now have all actors said their last, and only an end in order is told.
        engine.supervisor = None
        wall_ms = engine.wall.now_ms()
        journal.append(Kind.SESSION, SessionEnded("ended in order", wall_ms))
