"""The engine's process: the real engine, its file journal, and an exchange elsewhere.

It is told where to die. What it did it says on a pipe, line by line, so that its last
word is there when it has gone.
"""

import math
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import trio
import trio.testing

from actors.domain.bars import MarketDescription
from actors.domain.crash_points import CrashPoint
from actors.domain.messages import (
    Command,
    CommandAnswer,
    OrderView,
    PositionView,
    Published,
    Role,
)
from actors.engine import Engine, open_engine
from actors.feed import Pace
from actors.journal import writer
from actors.projections import Projections
from actors.risk.account import desk
from actors.risk.account.book import Book
from actors.runtime import SupervisorSpec
from actors.runtime.clock import MarketClock
from actors.runtime.crash import arm, disarm
from actors.setup import EngineSetup
from actors.watchdog import ResourceLimits
from config.load import dump_preset
from tests.crash.mutants import MUTANTS
from tests.crash.remote import RemoteExchange
from tests.crash.scenarios import Scenario, world_of
from tests.sim.world import MINUTE_MS, START_MS

LIFE_SECONDS_MAX = 20  # a life takes a third of one where nothing else runs
SNAPSHOT_ROWS = 15
PAGES_LOGGED_MAX = 20
#: Bars that a life has to come to rest, or to pass its point.
REST_BARS = 9


class Life(msgspec.Struct, frozen=True, kw_only=True):
    """One start of the engine: how it may end, and whether commands are given."""

    number: int
    point: CrashPoint | None = None
    passing: int = 1
    opens: int | None = None
    survey: bool = False  # count what is passed and do not die
    commands: dict[int, str] = {}  # by the market's bar
    orders: dict[int, str] = {}  # the same, by this life's bar
    rest_bars: int = REST_BARS
    speed: float = math.inf  # market seconds a second
    mutant: str = ""  # a defect that the oracle must see

    @property
    def told(self) -> str:
        """What was laid out for it, for a reader."""
        aim = "" if self.point is None else f", {self.point} number {self.passing}"
        window = "its start" if self.opens is None else f"bar {self.opens}"
        told = [f"life {self.number} from {window}{aim}"]
        told += [f"scripted {self.commands}"] if self.commands else []
        told += [f"ordered {self.orders}"] if self.orders else []
        return ", ".join(told)


class Said(msgspec.Struct, omit_defaults=True):
    """One line of the pipe."""

    up: bool = False  # on the line with the exchange
    landed: str = ""  # the point at which it died
    phase: str = ""
    acked: str = ""  # the id of a command that was carried out
    passed: dict[str, int] = {}
    seen: "Seen | None" = None
    report: "Report | None" = None


class Report(msgspec.Struct, frozen=True):
    """What the engine believes once it has come to rest."""

    book: Book
    phase: str
    settled: bool


class Seen(msgspec.Struct, frozen=True):
    """An order or a position as the engine published it."""

    topic: str
    name: str
    state: str


class Stage:
    """One life of the engine."""

    def __init__(self, life: Life, scenario: Scenario, pipe: int) -> None:
        self._life = life
        self._scenario = scenario
        self._pipe = pipe
        self._passed: dict[str, int] = {}
        self._first: int | None = None  # bar of this life
        self._rest_at = 0
        self._ordered = 0
        self._rested = trio.Event()
        self.engine: Engine | None = None
        self.nursery: trio.Nursery
        self.stopped = False

    def say(self, said: Said) -> None:
        os.write(self._pipe, msgspec.json.encode(said) + b"\n")

    # --- who looks at the engine --------------------------------------------------

    watched = True

    def publish(self, fact: Published) -> None:
        """Say at once what was seen: it must be there after any crash."""
        if isinstance(fact.data, OrderView):
            view = fact.data
            self.say(Said(seen=Seen("order", view.client_order_id, view.state)))
        elif isinstance(fact.data, PositionView):
            size = f"{fact.data.size.normalize():f}"
            self.say(Said(seen=Seen("position", fact.data.id, size)))

    # --- the window ---------------------------------------------------------------

    def open_window(self) -> None:
        if self._life.survey:
            for point in CrashPoint:
                self._count(point)
        elif self._life.point is not None:
            arm(self._life.point, self._die, passing=self._life.passing)

    def _count(self, point: CrashPoint) -> None:
        def passed() -> None:
            self._passed[point] = self._passed.get(point, 0) + 1
            arm(point, passed)

        arm(point, passed)

    def _die(self) -> None:
        assert self._life.point is not None, "only an armed life dies"
        phase = "" if self.engine is None else self._phase()
        self.say(Said(landed=self._life.point, phase=phase))
        os.kill(os.getpid(), signal.SIGKILL)

    def _phase(self) -> str:
        machine = None if self.engine is None else self.engine.risk_state.machine
        return "" if machine is None else str(machine.phase)

    # --- the script -----------------------------------------------------------------

    async def before(self, until_ms: int) -> None:
        """Act before a bar is lived; at the last one, never come back."""
        bar = (until_ms - START_MS) // MINUTE_MS - 1
        if self._first is None:
            self._first = bar
            self._rest_at = max(bar, self._life.opens or 0) + self._life.rest_bars
            if self._life.opens is None:
                disarm()  # the window was the start
        if bar == self._life.opens:
            self.open_window()
        name = self._life.commands.get(bar)
        name = name or self._life.orders.get(bar - self._first)
        if name is not None:
            done = trio.Event()
            self.nursery.start_soon(self._command, name, done)
            if name != "stop":  # a stop ends the feed that would wait here
                await done.wait()
        if bar >= self._rest_at:
            self._rested.set()
            await trio.sleep_forever()

    async def _command(self, name: str, done: trio.Event) -> None:
        answer = await self.order(name)
        if answer.ok:
            self.say(Said(acked=answer.id))
        done.set()
        if name == "stop":
            self.stopped = True
            self._rested.set()

    async def order(self, name: str, **args: Any) -> CommandAnswer:
        assert self.engine is not None, "commands are given to an engine"
        self._ordered += 1  # the script and a person may order the same
        number = f"life-{self._life.number}-{self._ordered}-{name}"
        command = Command(number, name, args, "crash", Role.ADMIN)
        return await Projections(self.engine).command(command)

    # --- life -----------------------------------------------------------------------

    async def live(self, socket: Path, journal: Path) -> None:
        if self._life.opens is None:
            self.open_window()
        world = world_of(self._scenario)
        preset = journal.with_name("scripted.json")
        preset.write_bytes(dump_preset(world.preset))

        @asynccontextmanager
        async def dialled(
            _market: MarketDescription, clock: MarketClock
        ) -> AsyncIterator[RemoteExchange]:
            remote = await RemoteExchange.dial(socket, clock)
            remote.before = self.before
            self.say(Said(up=True))
            yield remote

        def attach(_engine: Engine) -> tuple["Stage", tuple[SupervisorSpec, ...]]:
            return self, ()

        setup = EngineSetup(
            engine_id="crash",
            session=f"s-{self._life.number}",
            market=world,
            strategy=world.strategy,
            pace=Pace(speed=self._life.speed),
            seed=1,
            equity_usd=world.equity,
            paper=world.paper,
            journal_path=journal,
            resources=ResourceLimits(
                math.inf, 1e9, 100.0, 0.0, 10_000, 100.0, math.inf
            ),
            supervision=world.supervision,
            preset=str(preset),
            exchange=dialled,
        )
        async with open_engine(setup, attach) as self.engine:
            await self._run(str(preset))
        self.say(Said(passed=self._passed))

    async def _run(self, preset: str) -> None:
        assert self.engine is not None, "it was opened"
        async with trio.open_nursery() as self.nursery:
            answer = await self.order("start", preset=preset)
            if answer.ok:
                await self._rested.wait()
            if not self.stopped:
                await self._rest()
            self.nursery.cancel_scope.cancel()

    async def _rest(self) -> None:
        """Report what is believed now, and vanish as a crash does."""
        assert self.engine is not None, "it was opened"
        await trio.testing.wait_all_tasks_blocked(0.02)
        await self.engine.journal.commit()
        self.say(Said(passed=self._passed, report=report(self.engine)))
        os._exit(0)


def report(engine: Engine) -> Report:
    state = engine.risk_state
    phase = "" if state.machine is None else str(state.machine.phase)
    return Report(book=state.book, phase=phase, settled=state.settled)


def tighten() -> None:
    """Let come within a few bars what otherwise takes hours: folds and snapshots."""
    bounds: Any = (desk, writer)
    bounds[0].SNAPSHOT_ROWS = SNAPSHOT_ROWS
    bounds[1].PAGES_LOGGED_MAX = PAGES_LOGGED_MAX


def run_engine(
    life: Life, scenario: Scenario, socket: Path, journal: Path, pipe: int
) -> None:
    """Be the engine's process."""
    signal.alarm(LIFE_SECONDS_MAX)
    tighten()
    if life.mutant:
        MUTANTS[life.mutant]()
    stage = Stage(life, scenario, pipe)
    trio.run(stage.live, socket, journal)
