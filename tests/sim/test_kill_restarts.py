"""The kill switch goes on after a death in the middle of any of its phases."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from actors.domain.crash_points import CrashPoint
from actors.domain.errors import JournalError
from actors.domain.orders import Fill, Side
from actors.domain.phases import KILL_MACHINE, KillPhase, Phase, check
from actors.exchange.paper.account import PaperPosition
from actors.exchange.paper.exchange import PaperExchange
from actors.journal import Kind
from actors.risk.orders.records import KillChanged
from actors.runtime.crash import arm, disarm
from tests.sim.killing import (
    FOREIGN,
    Watch,
    flat,
    held_and_in_flight,
    is_phase,
    phase_of,
    told,
)
from tests.sim.venue import Venue
from tests.sim.world import A, B, C, Stage, living

K = KillPhase


class Killed(BaseException):
    """The process ends here, as by SIGKILL."""


@pytest.fixture(autouse=True)
def disarmed() -> Iterator[None]:
    yield
    disarm()


def die(stage: Stage) -> None:
    """End the engine where it is: what is not on the disk is lost."""
    journal = stage.engine.journal
    journal._failure = "killed"
    journal._buffers, journal._appended = {}, journal._durable  # nothing is left to do
    raise Killed


@asynccontextmanager
async def life(where: Path, *, start: bool = True) -> AsyncIterator[Stage]:
    """Live on the same files until the block or the engine ends."""
    try:
        world = held_and_in_flight(90)
        files = {"account": True, "journal": True}
        async with living(world, where, start=start, **files) as stage:
            yield stage
    except* (Killed, JournalError):
        pass


async def killed_dies(stage: Stage) -> None:
    """Trip it, and wait for a death that must come."""
    await stage.command("kill_switch", reason="drill")
    await stage.bar(40)
    pytest.fail("it was to die")


async def kill_phases(stage: Stage) -> list[KillPhase]:
    """Every phase that the journal holds, over all lives; no step leaves the table."""
    rows = [
        msg for msg in await stage.bodies(Kind.ACCOUNT) if msg["type"] == "KillChanged"
    ]
    walked = [K.ARMED, *(K(row["kill"]["phase"]) for row in rows if row["kill"])]
    steps = [
        step for n, step in enumerate(walked) if n == 0 or step is not walked[n - 1]
    ]
    for before, after in pairwise(steps):
        check(KILL_MACHINE, before, after)
    return steps


async def goes_on(where: Path) -> None:
    """The next life ends flat and latched, and lets go only by the typed word."""
    async with life(where) as stage:
        Watch(stage, lambda _request: "")
        await stage.until(lambda: stage.machine.phase is Phase.EMERGENCY)
        assert stage.engine.halt.reason is not None
        await flat(stage)
        assert (await kill_phases(stage))[-1] is K.LATCHED
        assert not (await stage.command("reset")).ok
        assert (await stage.command("reset", confirm="RESET")).ok


@pytest.mark.parametrize(
    ("point", "passing"),
    [
        (CrashPoint.ANSWERED, 1),  # its first cancel has gone out
        (CrashPoint.KILL_CANCELLED, 1),
        (CrashPoint.KILL_FLATTENING, 1),
        (CrashPoint.KILL_FLATTENING, 2),
        (CrashPoint.KILL_FLATTENING, 3),
        (CrashPoint.KILL_FLATTENING, 5),
    ],
)
async def test_a_death_at_a_named_point_is_gone_on_from(
    tmp_path: Path, autojump_clock: MockClock, point: CrashPoint, passing: int
) -> None:
    async with life(tmp_path) as stage:
        await stage.bar(6)
        arm(point, lambda: die(stage), passing=passing)
        await killed_dies(stage)
    disarm()
    await goes_on(tmp_path)


@pytest.mark.parametrize("phase", [K.CANCELLING, K.FLATTENING, K.LATCHED])
async def test_a_death_in_a_phase_is_gone_on_from(
    tmp_path: Path, autojump_clock: MockClock, phase: KillPhase
) -> None:
    async with life(tmp_path) as stage:
        await stage.bar(6)
        if phase is K.FLATTENING:
            Watch(stage, lambda _request: "busy")  # so that it lasts
        await stage.command("kill_switch", reason="drill")
        journal = stage.engine.journal
        await stage.until(lambda: phase_of(stage) is phase and journal.idle)
        die(stage)
    await goes_on(tmp_path)


async def test_a_death_during_the_recovery_of_a_kill_is_gone_on_from(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with life(tmp_path) as stage:
        await stage.bar(6)
        arm(CrashPoint.KILL_FLATTENING, lambda: die(stage))
        await killed_dies(stage)
    for point in (CrashPoint.RECOVERY_FETCHED, CrashPoint.RECOVERY_SETTLED):
        async with life(tmp_path, start=False) as stage:
            arm(point, lambda stage=stage: die(stage))
            await stage.command("start", preset=stage.engine.setup.preset)
            await stage.bar(40)
            pytest.fail("it was to die")
        disarm()
    await goes_on(tmp_path)


async def test_confirmed_flat_latches_at_the_next_start(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with life(tmp_path) as stage:
        await stage.bar(6)
        await stage.command("kill_switch", reason="drill")
        await flat(stage)
        rows = await stage.rows(Kind.ACCOUNT)
        (before,) = (row for row in rows if b'"CONFIRMED_FLAT"' in bytes(row.body))
        stage.state.book.apply(Kind.ACCOUNT, before.decode(KillChanged))
        stage.engine.risk.desk.snapshot()  # as if only this row were on the disk
        await stage.engine.journal.commit()
        stage.engine.journal._failure = "killed"
    await goes_on(tmp_path)


async def test_latched_stays_latched_and_trades_nothing(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with life(tmp_path) as stage:
        await stage.bar(6)
        await stage.command("kill_switch", reason="drill")
        await flat(stage)
    async with life(tmp_path) as stage:
        stage.world.script[A, 30] = held_and_in_flight().script[A, 4]
        await stage.until(lambda: stage.machine.phase is Phase.EMERGENCY)
        await stage.over()
        assert phase_of(stage) is K.LATCHED
        assert not stage.venue.placed


async def test_a_kill_before_the_first_start_flattens_what_a_dead_engine_held(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with life(tmp_path) as stage:
        await stage.bar(6)
        die(stage)
    async with life(tmp_path, start=False) as stage:
        assert stage.machine.phase is Phase.IDLE
        answer = await stage.command("kill_switch", reason="from the beach")
        assert "brought up to close 1 positions" in answer.message
        await flat(stage)
        assert stage.machine.phase is Phase.EMERGENCY
    async with life(tmp_path, start=False) as stage:
        assert (await stage.command("kill_switch")).message.startswith(
            "tripped already"
        )


async def test_a_crash_of_the_risk_actor_does_not_stop_it(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(held_and_in_flight(), tmp_path) as stage:
        await stage.bar(6)
        Watch(stage, lambda _request: "busy")
        await stage.command("kill_switch", reason="drill")
        await stage.bar(10)
        stage.engine.risk_ref.tell(object())
        await stage.until(lambda: stage.engine.crashes > 0)
        await stage.bar(12)
        assert phase_of(stage) is K.FLATTENING
        assert stage.machine.phase is Phase.EMERGENCY
        failures = stage.state.book.kill.efforts[A].failures
        assert failures >= 2
        Watch(stage, lambda _request: "")
        await stage.until(lambda: phase_of(stage) is K.LATCHED)
        assert not stage.venue.state.positions


class Slow(Venue):
    """Answers with its balance, and so with the whole truth, half a second late."""

    slow = False

    async def fetch_balance(self) -> Decimal:
        balance = await super().fetch_balance()
        if self.slow:
            await trio.sleep(0.5)
        return balance


async def test_what_was_asked_before_a_crash_of_the_risk_actor_proves_nothing(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """The fill comes after the positions were told, and its taking crashes."""
    world = held_and_in_flight()
    world.venue = Slow
    async with living(world, tmp_path) as stage:
        await stage.bar(6)
        Slow.slow = True
        await stage.command("kill_switch")
        left = stage.state.book
        await stage.until(
            lambda: (
                phase_of(stage) is K.FLATTENING
                and not (left.orders or left.positions)
                and stage.engine.in_hand.remaining > 0
            )
        )
        await trio.sleep(0.1)
        (entry,) = (o for o in left.ended.values() if o.request.symbol == B)
        stage.venue.state.positions[B] = PaperPosition(Decimal(2), Decimal(200))
        sold = (Decimal(2), Decimal(100), Decimal(0), False, entry.updated_ms)
        fill = Fill("t-late", entry.client_id, B, Side.LONG, *sold)

        def fail() -> None:
            raise ZeroDivisionError

        arm(CrashPoint.FILL_APPLIED, fail)
        stage.venue.say(fill)
        await stage.until(lambda: stage.engine.crashes > 0)
        listed = stage.venue.fetch_fills

        async def fills(since_ms: int) -> tuple[Fill, ...]:
            return (*await listed(since_ms), fill)

        stage.venue.fetch_fills = fills  # type: ignore[method-assign]  # as the exchange lists it
        await stage.until(lambda: not stage.venue.state.positions)
        facts = [fact["phase"] for fact in stage.published("KILL_SWITCH")]
        assert K.CONFIRMED_FLAT not in facts
        await is_phase(stage, K.LATCHED)
        assert B in {p.symbol for p in stage.state.book.closed}


async def test_a_foreign_order_keeps_it_alarming_over_a_restart(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with life(tmp_path) as stage:
        await stage.bar(6)
        await PaperExchange.place(stage.venue, FOREIGN)
        await stage.command("kill_switch", reason="drill")
        await stage.bar(12)
        assert phase_of(stage) is K.FLATTENING
        die(stage)
    async with life(tmp_path) as stage:
        await stage.bar(10)
        assert phase_of(stage) is K.FLATTENING
        assert len(told(stage, f"order mine in {C}")) >= 2
        await PaperExchange.cancel(stage.venue, C, "mine")
        await flat(stage)
