"""The money part of the engine at a model exchange, through lives and deaths.

The real risk actor, book, journal, dispatcher and reconciler; the exchange's time is
trio's mock time. A process may die at any moment: then only what was committed to the
database is left, and the next one begins with that.
"""

from collections import deque
from collections.abc import Awaitable, Callable
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, TypeVar

import apsw
import msgspec
import trio
import trio.testing

from actors.domain.crash_points import CrashPoint
from actors.domain.limits import open_day
from actors.domain.messages import (
    Command,
    CommandAnswer,
    Findings,
    Published,
    Role,
    Signal,
    StepClosed,
    WatchedBar,
)
from actors.domain.orders import OrderRequest, Side
from actors.domain.phases import Phase
from actors.domain.truth import Look
from actors.journal import Journal, JournalReader, Kind
from actors.journal.schema import prepare
from actors.journal.storage import MEMORY
from actors.reconcile import Reconciler
from actors.risk.actor import RiskActor
from actors.risk.book import replay
from actors.risk.desk import Ports
from actors.risk.dispatch import Dispatcher, Halt
from actors.risk.records import AccountOpened
from actors.risk.requests import (
    Began,
    Begin,
    BeginFailed,
    CommandRequest,
    Ended,
    Recover,
)
from actors.risk.state import RiskState
from actors.runtime import DeadLetters, Latch, ReplyTo
from actors.runtime import crash as crash_points
from tests.chronicle import Chronicle
from tests.model_exchange import EPOCH_MS, ModelExchange
from tests.presets import breakout_v1, changed, instrument

T = TypeVar("T")

SYMBOLS = ("AAA/USDT:USDT", "BBB/USDT:USDT", "CCC/USDT:USDT")
TIMEFRAME_MS = 900_000
CASH = Decimal(10_000)
STEP_SECONDS = 2.0
PRESET = changed(breakout_v1(), "risk.max_concurrent_positions", 2)
HALTING = frozenset({"kill_switch", "emergency_stop"})


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

        self.journal.append = tapped  # type: ignore[method-assign]  # a tap, not a fake

    async def raise_group(self, incarnation: int) -> None:
        """Make dispatcher, risk actor and reconciler, as the supervisor does."""
        if self.group is not None:
            self.group.cancel()
        self.group = trio.CancelScope()
        self.looks.clear()
        dispatcher = Dispatcher(self.line, self.halt, self.inbox.append)
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

    async def start(self) -> None:
        """Begin, recover, go to work, as the conductor leads it."""
        order = Command("start", "start", {}, "test", Role.ADMIN)
        answer = await self.ask(lambda r: Begin(order, PRESET, TIMEFRAME_MS, r))
        if answer is None or not answer.ok:
            return
        unsettled = await self.ask(Recover)
        if self.dead:
            return
        if unsettled == "":
            self.inbox.append(Began(len(SYMBOLS)))
            self.running = True
        else:
            self.inbox.append(BeginFailed(f"start failed: {unsettled}"))
        await self.settle()

    async def command(self, name: str) -> None:
        """Give one command, as the control plane and the conductor do."""
        order = Command(f"k-{name}", name, {}, "test", Role.ADMIN)
        if name in HALTING:
            self.halt.reason = f"{name} by test"
        answer: CommandAnswer | None = await self.ask(
            lambda reply: CommandRequest(order, reply)
        )
        if name in {"stop", "reset"} and answer is not None and answer.ok:
            self.running = False
            await self.ask(lambda reply: Ended(name, reply))


class World:
    """One exchange, one database, and one process after another."""

    watched = True

    def __init__(
        self, check: Callable[..., None], heal: Callable[["World"], Awaitable[None]]
    ) -> None:
        self.clock = TrioClock()
        self.database = apsw.Connection(MEMORY)
        self.chronicle = Chronicle()
        self._check, self._heal = check, heal
        self.processes = 0
        self.correlations = 0
        self.bare_ms: dict[str, int] = {}  # since when a position was not protected
        self.unprotected_ms = 0
        self.fault: AssertionError | None = None
        self.exchange: ModelExchange
        self.process: Process

    async def run(self, actions: list[Any]) -> None:
        """Live through the actions, then heal everything and demand agreement."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            nursery.start_soon(self._watch)
            self.exchange = ModelExchange(self.clock, nursery, CASH)
            self.exchange.marks = dict.fromkeys(SYMBOLS, Decimal(100))
            self.exchange.on_send = self._sending
            try:
                await self._live_through(actions)
            finally:
                self.process.die()  # its writer would write for ever
            nursery.cancel_scope.cancel()

    async def _live_through(self, actions: list[Any]) -> None:
        await self.bring_up()
        for action in actions:
            await action.act(self)
            if self.process.dead:
                await self.bring_up()
            await self.process.settle()
            await self.check_whole()
        await self._heal(self)

    async def _watch(self) -> None:
        """A world in which nothing happens any more has a fault."""
        await trio.sleep(100_000)
        msg = "everybody waits for ever"
        self.process.die()
        raise AssertionError(msg)

    async def bring_up(self) -> None:
        """Start a process until one comes up alive."""
        for _ in range(5):
            self.processes += 1
            self.process = Process(self, self.processes)
            await self._nursery.start(self._live)
            self.exchange.disturbed()
            self.bare_ms.clear()
            await self.process._guarded(self.process.boot)
            if not self.process.dead:
                await self.process.start()
            if not self.process.dead:
                return

    def end_process(self) -> None:
        """Be the act of a crash point: all that lives ends here, whoever came by."""
        self.process.die()
        raise Death

    async def _live(self, *, task_status: trio.TaskStatus[None]) -> None:
        await self.process.live(task_status=task_status)

    # --- what is watched --------------------------------------------------------------

    def appended(self, seq: int, kind: Kind, body: Any) -> None:
        """See a row before the book follows it."""
        self.check("row", kind, body)
        self.chronicle.add(seq, kind, body)

    def _sending(self, request: OrderRequest) -> None:
        self.check("send", request)

    def publish(self, fact: Published) -> None:
        """See what the world sees."""
        self.check("fact", fact)

    def check(self, when: str, *subject: Any) -> None:
        """Check every invariant of this moment."""
        self._check(when, self, *subject)

    async def check_whole(self) -> None:
        """Check what is compared only while everything rests."""
        if self.process.dead:
            return
        self.check("message")
        pending = self.process.journal._buffers
        kept = {kind: list(rows) for kind, rows in pending.items()}
        book = await replay(self.process.journal.read)
        assert kept == {k: list(r) for k, r in pending.items()}, (
            "reading writes nothing"
        )
        self.check("rest", book)

    # --- what a market does -----------------------------------------------------------

    async def wait(self, seconds: float, step_seconds: float = STEP_SECONDS) -> None:
        """Let time pass, step by step."""
        until = trio.current_time() + seconds
        while trio.current_time() < until and not self.process.dead:
            await trio.sleep(min(step_seconds, until - trio.current_time()))
            if self.process.running:
                self.process.inbox.append(StepClosed(self.clock.now_ms(), 0))
            await self.process.settle()
            if not self.process.dead:
                self.check("time")

    async def signal(self, symbol: str, side: Side, *, ladder: bool) -> None:
        """Let a symbol find a trade at the present price."""
        self.correlations += 1
        mark = self.exchange.marks[symbol]
        distance = mark / 50
        target = mark + 2 * distance * side.sign
        signal = Signal(
            correlation=f"c-{self.correlations}",
            symbol=symbol,
            ts_ms=self.clock.now_ms(),
            side=side,
            kind="momentum",
            entry=mark,
            stop=(mark - distance * side.sign).quantize(Decimal("0.0001")),
            targets=((target.quantize(Decimal("0.0001")), Decimal("0.5")),)
            if ladder
            else (),
            level=None,
            confidence=0.5,
            score=1.0,
            atr=distance,
            opposite_depth_usd=None,
            spread_bps=None,
            stamps=(),
        )
        found = Findings(symbol, self.clock.now_ms(), (signal,))
        self.process.inbox.append(found)

    def bar(self, symbol: str) -> None:
        """Show the risk actor the price of a symbol."""
        price, now_ms = self.exchange.marks[symbol], self.clock.now_ms()
        closed_ms = now_ms - now_ms % TIMEFRAME_MS
        volume = Decimal(100)
        if self.process.running and not self.process.dead:
            bar = WatchedBar(symbol, closed_ms, price, price, price, price, volume)
            self.process.inbox.append(bar)


def canonical(book: Any) -> bytes:
    """Encode a book so that two books are equal if and only if their bytes are."""
    return msgspec.json.encode(book)
