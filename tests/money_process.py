"""One life of the engine's money part: it may end at any moment, and all in it."""

from collections import deque
from collections.abc import Awaitable, Callable
from decimal import Decimal
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, TypeVar

import apsw
import trio
import trio.testing

from actors.domain.crash_points import CrashPoint
from actors.domain.limits import open_day
from actors.domain.messages import (
    Command,
    CommandAnswer,
    Role,
)
from actors.domain.phases import Phase
from actors.domain.truth import Look
from actors.journal import Journal, JournalReader, Kind
from actors.journal.schema import prepare
from actors.journal.storage import MEMORY
from actors.reconcile import Reconciler
from actors.risk.account.book import replay
from actors.risk.account.ports import Ports
from actors.risk.account.state import RiskState
from actors.risk.actor import RiskActor
from actors.risk.acts.positions import FLATTEN
from actors.risk.commands import CONFIRMATION
from actors.risk.orders.dispatch import Dispatcher, Halt
from actors.risk.orders.records import AccountOpened
from actors.risk.truth.requests import (
    Began,
    Begin,
    BeginFailed,
    CommandRequest,
    Ended,
    Recover,
)
from actors.runtime import DeadLetters, Latch, ReplyTo
from actors.runtime import crash as crash_points
from tests.model_exchange import ModelExchange
from tests.model_order import EPOCH_MS
from tests.presets import breakout_v1, changed, instrument

if TYPE_CHECKING:
    from tests.money_world import World

T = TypeVar("T")

SYMBOLS = ("AAA/USDT:USDT", "BBB/USDT:USDT", "CCC/USDT:USDT")
TIMEFRAME_MS = 900_000
CASH = Decimal(10_000)
STEP_SECONDS = 2.0
PRESET = changed(breakout_v1(), "risk.max_concurrent_positions", 2)
HALTING = frozenset({"kill_switch", "emergency_stop"})
ROUSE_SECONDS = 30.0
TYPED = {"reset": {"confirm": CONFIRMATION}, "flatten": {"confirm": FLATTEN}}


class Death(BaseException):
    """The process ends here."""


class Crash(Exception):
    """The risk actor ends here; its process lives."""


class TrioClock:
    """Market time that flows with trio's mock time."""

    def now_ms(self) -> int:
        return EPOCH_MS + round(trio.current_time() * 1_000)


class Disk:
    """One process's way to the database; after its death nothing is written."""

    def __init__(self, database: apsw.Connection) -> None:
        self._database = database
        self.cut = False

    async def run(self, work: Callable[[apsw.Connection], T]) -> T:
        await trio.lowlevel.checkpoint()
        if self.cut:
            msg = "the process is dead"
            raise apsw.IOError(msg)
        return work(self._database)


class Line:
    """One process's way to the exchange; after its death nothing arrives."""

    def __init__(self, exchange: ModelExchange) -> None:
        self._exchange = exchange
        self.cut = False

    def __getattr__(self, name: str) -> Any:
        if self.cut:
            raise Death
        return getattr(self._exchange, name)


class Process:
    """One life: everything in it is lost with it."""

    def __init__(self, world: "World", number: int) -> None:
        self.world = world
        self.number = number
        self.dead = False
        self.inbox: deque[Any] = deque()
        self.disk = Disk(world.database)
        self.line = Line(world.exchange)
        self.handling = trio.CancelScope()
        self.halt = Halt()
        self.looks: deque[Look] = deque()
        self.running = False
        self.roused = False  # asked to start only to flatten
        self.not_before = 0.0  # a start has failed: rouse no sooner
        self.group: trio.CancelScope | None = None
        self.nursery: trio.Nursery
        self.journal: Journal
        self.state: RiskState
        self.actor: RiskActor
        self.phase_before: Phase = Phase.IDLE

    async def live(self, *, task_status: trio.TaskStatus[None]) -> None:
        """Hold the tasks of this life."""
        try:
            async with trio.open_nursery() as self.nursery:
                task_status.started()
                await trio.sleep_forever()
        except* Death:
            assert self.dead, "who raises it has ended us"

    def die(self) -> None:
        """End at once: no row, no request and no message more."""
        if self.dead:
            return
        self.dead = self.disk.cut = self.line.cut = True
        crash_points.disarm()
        self.world.exchange.sink = None
        self.handling.cancel()
        self.nursery.cancel_scope.cancel()
        if hasattr(self, "journal"):
            self.journal._failure = "the process is dead"
            self.journal._written.unpark_all()
            self.journal.close()

    # --- coming up --------------------------------------------------------------------

    async def boot(self) -> None:
        """Open the journal, replay it, know the account."""
        world = self.world
        opened = prepare(world.database, MEMORY)
        world.chronicle.cut_to(opened.last_seq)
        reader = JournalReader(MEMORY, self.disk)
        session = f"s-{self.number}"
        self.journal = Journal(self.disk, reader, session, world.clock, opened)
        self._tap()
        self.nursery.start_soon(self.journal.write_until_closed)
        book = await replay(self.journal.read)
        crash_points.reached(CrashPoint.RECOVERY_REPLAYED)
        if book.account != 1:
            day = open_day(CASH, world.clock.now_ms())
            now_ms = world.clock.now_ms()
            account = AccountOpened(1, "model", CASH, day, now_ms)
            self.journal.append(Kind.ACCOUNT, account)
            book.apply(Kind.ACCOUNT, account)
        self.state = RiskState(book, [instrument(s) for s in SYMBOLS])
        await self.raise_group(1)

    def _tap(self) -> None:
        """Let the chronicle see every row as it is appended."""
        append = self.journal.append

        def tapped(kind: Kind, body: Any, **more: Any) -> int:
            seq = append(kind, body, **more)
            self.world.appended(seq, kind, body)
            return seq

        forget = self.journal.forget_waiting

        def forgotten() -> None:
            forget()
            self.world.chronicle.cut_to(self.journal.appended, process=False)

        self.journal.append = tapped  # type: ignore[method-assign]  # a tap, not a fake
        self.journal.forget_waiting = forgotten  # type: ignore[method-assign]

    async def raise_group(self, incarnation: int) -> None:
        """Make dispatcher, risk actor and reconciler, as the supervisor does."""
        if self.group is not None:
            self.group.cancel()
        self.group = trio.CancelScope()
        self.looks.clear()
        dispatcher = Dispatcher(self.line, self.halt, self.inbox.append, self.nursery)
        self.actor = RiskActor(self._ports(dispatcher), self.state)
        self.actor.context = SimpleNamespace(incarnation=incarnation)
        self.nursery.start_soon(self._within, self.group, dispatcher.run)
        self.world.exchange.connect(self.inbox.append)
        await self.actor.on_start()

    async def _within(
        self, scope: trio.CancelScope, run: Callable[[], Awaitable[None]]
    ) -> None:
        with scope:
            await run()

    def _ports(self, dispatcher: Dispatcher) -> Ports:
        return Ports(
            engine_id="engine",
            clock=self.world.clock,
            wall=self.world.clock,
            exchange=self.line,
            dispatcher=dispatcher,
            halt=self.halt,
            journal=self.journal,
            publisher=self.world,
            position_changed=lambda _symbol, _held: None,
            look=self.looks.append,
            rouse=self._rouse,
        )

    async def ask_exchange(self) -> None:
        """Be the reconciler: answer what was asked for."""
        reconciler = Reconciler(self.line, lambda: self, Latch())  # type: ignore[arg-type,return-value]  # it tells
        while self.looks and not self.dead:
            await reconciler.handle(self.looks.popleft())

    def tell_tracked(self, message: Any, _latch: Latch) -> None:
        self.inbox.append(message)

    # --- work -------------------------------------------------------------------------

    async def settle(self) -> None:
        """Handle everything that can be handled now."""
        while not self.dead:
            while self.inbox and not self.dead:
                await self._guarded(self._handle, self.inbox.popleft())
            if self.looks:
                await self._guarded(self.ask_exchange)
            await trio.testing.wait_all_tasks_blocked()
            if not self.inbox and not self.looks:
                return

    async def _handle(self, message: Any) -> None:
        await self.actor.handle(message)
        self.world.check("message")

    async def _guarded(self, act: Callable[..., Awaitable[None]], *given: Any) -> None:
        self.handling = trio.CancelScope()
        try:
            with self.handling:
                await act(*given)
        except Death:
            self.die()
        except Crash:
            self.world.exchange.disturbed()
            await self._guarded(self.raise_group, 2)
        except Exception:
            if not self.dead:
                raise

    async def ask(self, make: Callable[[ReplyTo[Any]], Any]) -> Any:
        """Ask the risk actor; None: it did not answer."""
        reply: ReplyTo[Any] = ReplyTo("risk", DeadLetters())
        self.inbox.append(make(reply))
        await self.settle()
        return reply._reply

    def _rouse(self) -> None:
        self.roused = True

    async def start_if_roused(self) -> None:
        """Start only to flatten, as the conductor does when it is asked to."""
        if self.roused and not self.running and trio.current_time() >= self.not_before:
            self.roused = False
            await self.start(to_flatten=True)

    async def start(self, *, to_flatten: bool = False) -> None:
        """Begin, recover, go to work, as the conductor leads it."""
        order = Command("start", "start", {}, "test", Role.ADMIN)
        answer = await self.ask(
            lambda reply: Begin(order, PRESET, TIMEFRAME_MS, reply, to_flatten)
        )
        if answer is None or not answer.ok:
            return
        unsettled = await self.ask(Recover)
        if self.dead:
            return
        if unsettled == "":
            self.inbox.append(Began(len(SYMBOLS)))
            self.running = True
        else:
            self.not_before = trio.current_time() + ROUSE_SECONDS
            self.inbox.append(BeginFailed(f"start failed: {unsettled}"))
        await self.settle()

    async def command(self, name: str, **args: Any) -> None:
        """Give one command, as the control plane and the conductor do."""
        if name == "start":
            await self.start()
            return
        typed = TYPED.get(name, {}) | args
        order = Command(f"k-{name}", name, typed, "test", Role.ADMIN)
        if name in HALTING:
            self.halt.reason = f"{name} by test"
        answer: CommandAnswer | None = await self.ask(
            lambda reply: CommandRequest(order, reply)
        )
        if name in {"stop", "reset"} and answer is not None and answer.ok:
            self.running = False
            await self.ask(lambda reply: Ended(name, reply))
