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
|   +-- feed
+-- (the control plane, given from outside; 5 restarts in 60 s)
"""

from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from random import Random
from typing import Any

import structlog
import trio

from actors.casting import Casting, Stage
from actors.conductor import Conductor, Lifecycle, Rouse
from actors.cursor import Cursor
from actors.domain.crash_points import CrashPoint
from actors.domain.errors import ExchangeError
from actors.domain.limits import open_day
from actors.domain.messages import Alert, Command, CommandAnswer
from actors.domain.severity import verdict_named
from actors.domain.truth import Look
from actors.domain.views import Publisher
from actors.exchange.port import SimulatedExchange
from actors.journal import (
    Journal,
    Kind,
    SessionEnded,
    open_journal,
)
from actors.latency import Latency
from actors.market.port import History
from actors.reconcile import Reconciler
from actors.risk.actor import RiskActor
from actors.risk.book import Book, replay
from actors.risk.desk import Ports
from actors.risk.dispatch import Answered, Dispatcher, Halt
from actors.risk.records import AccountOpened
from actors.risk.state import RiskState
from actors.runtime import (
    ActorRef,
    Backoff,
    Budget,
    ChildSpec,
    ChildState,
    CrashReport,
    DeadLetters,
    Latch,
    MailboxSpec,
    OnExhausted,
    RefStatistics,
    Supervisor,
    SupervisorSpec,
    run_supervisor,
)
from actors.runtime import Strategy as Restarting
from actors.runtime.clock import MarketClock, WallClock
from actors.runtime.crash import reached
from actors.runtime.errors import NoSuchChild
from actors.service import Service, service
from actors.setup import EngineSetup
from actors.symbol import PositionChanged, SymbolActor
from actors.watchdog import MachineSources, ResourceMonitor

log = structlog.get_logger(component="engine")

#: History kept for restarted symbols: the 24 h windows and the kernel's ring of bars.
HISTORY_MS = 36 * 3_600_000
HISTORY_BARS = 300

RISK_MAILBOX = MailboxSpec(capacity=65_536)


class Engine:
    """The composition root: makes every actor and knows every address."""

    def __init__(
        self,
        setup: EngineSetup,
        journal: Journal,
        clock: MarketClock,
        exchange: SimulatedExchange,
        book: Book,
    ) -> None:
        self.setup = setup
        self.journal = journal
        self.clock = clock
        self.wall = WallClock()
        self.description = setup.market.describe()
        self.exchange = exchange
        self.cursor = self._go_on()
        self.latency = Latency()
        self.risk_state = RiskState(book, list(self.description.instruments))
        self.halt = Halt()
        self.in_hand = Latch()  # what a simulated market waits for
        self.market_over = trio.Event()
        self.dead_letters = DeadLetters()
        self.crashes = 0
        self.symbol_names = tuple(i.symbol for i in self.description.instruments)
        self.data_faults = Counter(f.symbol for f in self.description.faults)
        where = setup.journal_path.parent if setup.journal_path else Path.cwd()
        self.monitor = ResourceMonitor(
            setup.resources, MachineSources(where), clock=self.wall
        )
        self.running_children: list[str] = []  # the conductor's
        self.symbol_actors: dict[str, SymbolActor] = {}
        self.supervisor: Supervisor | None = None
        self.publisher: Publisher | None = None
        # The present incarnations, set by their factories.
        self.dispatcher: Dispatcher
        self.risk: RiskActor

    def _go_on(self) -> Cursor:
        """Find the step at which the exchange's market goes on, or begins."""
        setup, now_ms = self.setup, self.exchange.now_ms
        history_ms = max(HISTORY_MS, HISTORY_BARS * self.description.timeframe_ms)
        cursor = Cursor(setup.market, History(history_ms))
        if now_ms == 0:
            cursor.skip(setup.history_steps)
            self.clock.advance_to(cursor.last_close_ms)
        else:
            cursor.skip_to(now_ms)
            if cursor.peek() is None:
                message = (
                    f"the account has lived to the end of {self.description.name}; "
                    "begin a new one with --fresh or name another --data-dir"
                )
                raise ExchangeError(message)
        if setup.pace.duration_ms is not None:
            cursor.end_ms = cursor.last_close_ms + setup.pace.duration_ms
        return cursor

    async def know_account(self) -> None:
        """Open a new account in the book, if the exchange has a new one."""
        book, exchange = self.risk_state.book, self.exchange
        now_ms = self.clock.now_ms()
        reached(CrashPoint.RECOVERY_REPLAYED)
        if book.account == exchange.account_serial:
            return
        cash = await exchange.fetch_balance()
        opened = AccountOpened(
            serial=exchange.account_serial,
            market=self.description.name,
            cash=cash,
            day=open_day(cash, now_ms),
            opened_ms=now_ms,
        )
        self.journal.append(Kind.ACCOUNT, opened)
        book.apply(Kind.ACCOUNT, opened)

    # --- the tree -------------------------------------------------------------------

    def tree(self, extra: tuple[SupervisorSpec, ...]) -> SupervisorSpec:
        """Draw the tree."""
        limits = self.setup.supervision
        money = SupervisorSpec(
            "money",
            (
                ChildSpec("dispatch", self._make_dispatch, shutdown_seconds=0.0),
                ChildSpec("risk", self._make_risk, mailbox=RISK_MAILBOX),
                ChildSpec("reconcile", self._make_reconciler),
            ),
            strategy=Restarting.ONE_FOR_ALL,
            group_budget=Budget(limits.core_restarts_max, limits.core_period_seconds),
            budget=Budget(0, limits.core_period_seconds),
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
            backoff=Backoff(
                first_seconds=limits.backoff_first_seconds,
                max_seconds=limits.backoff_max_seconds,
            ),
        )
        market = SupervisorSpec(
            "market",
            group_budget=Budget(limits.feed_restarts_max, limits.feed_period_seconds),
        )
        machine = SupervisorSpec(
            "machine",
            (service("monitor", self._watch_machine),),
            group_budget=Budget(5, 60.0),
        )
        return SupervisorSpec(
            "engine",
            (money, lead, machine, symbols, market, *extra),
            on_child_exhausted=OnExhausted.ESCALATE,
        )

    def _make_dispatch(self) -> Service:
        self.dispatcher = Dispatcher(self.exchange, self.halt, self._answered_late)
        return Service(self.dispatcher.run)

    def _answered_late(self, late: Answered) -> None:
        self.risk_ref.tell(late)

    def _make_reconciler(self) -> Reconciler:
        return Reconciler(self.exchange, lambda: self.risk_ref, self.in_hand)

    def _look(self, look: Look) -> None:
        self.in_hand.add()
        self.root().ref("reconcile").tell_tracked(look, self.in_hand)

    def _rouse(self) -> None:
        self.root().ref("conductor").tell(Rouse())

    def _make_risk(self) -> RiskActor:
        assert self.publisher is not None, "facts have somewhere to go"
        ports = Ports(
            engine_id=self.setup.engine_id,
            clock=self.clock,
            wall=self.wall,
            exchange=self.exchange,
            dispatcher=self.dispatcher,
            halt=self.halt,
            journal=self.journal,
            publisher=self.publisher,
            position_changed=self._position_changed,
            look=self._look,
            rouse=self._rouse,
        )
        self.risk = RiskActor(ports, self.risk_state)
        return self.risk

    def _make_conductor(self) -> Conductor:
        stage = Stage(
            self.setup,
            self.description,
            self.cursor,
            self.clock,
            self.exchange,
            self.latency,
            self.symbol_actors,
            self.in_hand,
            self.root,
        )
        return Conductor(
            self.root,
            Casting(stage).cast,
            preset=self.setup.preset,
            running=self.running_children,
            over=self.market_over.set,
        )

    def root(self) -> Supervisor:
        """The running tree."""
        assert self.supervisor is not None, "the tree runs"
        return self.supervisor

    async def _watch_machine(self) -> None:
        await self.monitor.run(self._alert)

    def _alert(self, alert: Alert) -> None:
        # Looked up at each alert: services start before the tree is known here.
        if self.supervisor is not None:
            self.risk_ref.tell(alert)

    # --- addresses ----------------------------------------------------------------

    @property
    def risk_ref(self) -> ActorRef[Any]:
        """The risk actor's address."""
        return self.risk.context.ref  # known before the tree has wholly started

    async def ask_conductor(self, command: Command, seconds: float) -> CommandAnswer:
        """Start or stop, and wait for the end of it."""
        conductor = self.root().ref("conductor")
        answer: CommandAnswer = await conductor.ask(
            lambda reply: Lifecycle(command, reply), seconds
        )
        return answer

    def symbol_actor(self, symbol: str) -> SymbolActor | None:
        """The present incarnation of a symbol's actor; None before a start."""
        return self.symbol_actors.get(symbol)

    def symbol_statistics(self, symbol: str) -> RefStatistics | None:
        """The counters of one symbol's mailbox; None while it does not run."""
        if self.supervisor is None or self.supervisor.find(symbol) is None:
            return None
        return self.supervisor.ref(symbol).statistics()

    @property
    def running(self) -> bool:
        """Whether the tree of actors runs, the risk actor with it."""
        if self.supervisor is None:
            return False
        return self.risk_ref.statistics().state is ChildState.RUNNING

    def _position_changed(self, symbol: str, held: bool) -> None:  # noqa: FBT001 - the fact itself
        with suppress(NoSuchChild):  # stopped: there is no actor to be told
            self.root().ref(symbol).tell_urgent(PositionChanged(held))

    def crashed(self, report: CrashReport) -> None:
        """Count, log and journal a crash, with its verdict and what was done."""
        self.crashes += 1
        log.error("actor_crashed", report=report.format())
        judged = verdict_named(report.crash.kind)
        self._alert(
            Alert(
                ts_ms=self.clock.now_ms(),
                category=judged.category,
                severity=judged.severity,
                component=report.actor,
                symbol=report.actor if report.actor in self.symbol_actors else None,
                message=f"{report.phase} {report.crash}",
                action=report.outcome,
            )
        )


#: Plugs the control plane in: where facts go, and what runs beside the engine.
Attach = Callable[[Engine], tuple[Publisher, tuple[SupervisorSpec, ...]]]


@asynccontextmanager
async def open_engine(setup: EngineSetup, attach: Attach) -> AsyncIterator[Engine]:
    """Open the journal, run the tree, and take it down in reverse order at the end."""
    clock = MarketClock()
    async with (
        open_journal(setup.journal_path, session=setup.session, clock=clock) as journal,
        setup.open_exchange(setup.market.describe(), clock) as exchange,
    ):
        engine = Engine(setup, journal, clock, exchange, await replay(journal.read))
        await engine.know_account()
        engine.publisher, extra = attach(engine)
        journal.append(Kind.SESSION, setup.started(engine.wall.now_ms()))
        async with run_supervisor(
            engine.tree(extra),
            random=Random(setup.seed),  # noqa: S311 - jitter, not a secret
            reports=engine.crashed,
            dead_letters=engine.dead_letters,
        ) as supervisor:
            engine.supervisor = supervisor
            yield engine
        # Only now have all actors said their last, and only an end in order is told.
        engine.supervisor = None
        wall_ms = engine.wall.now_ms()
        journal.append(Kind.SESSION, SessionEnded("ended in order", wall_ms))
