"""A kill switch tripped where nothing runs is roused until it is flat."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from actors.conductor import ANSWER_SECONDS
from actors.domain.crash_points import CrashPoint
from actors.domain.phases import Phase
from actors.journal import Journal
from actors.runtime import Supervisor
from actors.runtime.crash import arm, disarm
from tests.sim.killing import K, flat, held_and_in_flight, phase_of, told
from tests.sim.world import A, Stage, living


@pytest.fixture(autouse=True)
def disarmed() -> Iterator[None]:
    yield
    disarm()


@asynccontextmanager
async def at_rest(where: Path) -> AsyncIterator[Stage]:
    """Hold A where nothing runs."""
    async with living(held_and_in_flight(400), where) as stage:
        await stage.bar(6)
        assert (await stage.command("stop")).ok
        assert stage.machine.phase is Phase.IDLE
        assert A in stage.state.book.positions
        yield stage


def slow_disk(stage: Stage, when: Callable[[], bool]) -> None:
    """Let one commit, the next for which it holds, take longer than an ask waits."""
    commit, left = Journal.commit, [1]

    async def slowly() -> None:
        if left[0] and when():
            left[0] = 0
            await trio.sleep(ANSWER_SECONDS + 1)
        await commit(stage.engine.journal)

    stage.engine.journal.commit = slowly  # type: ignore[method-assign]  # the fault


def fail() -> None:
    raise ZeroDivisionError


async def test_a_begin_that_is_not_answered_in_time_is_tried_again(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with at_rest(tmp_path) as stage:
        slow_disk(stage, lambda: stage.machine.phase is Phase.INITIALIZING)
        assert (await stage.command("kill_switch", reason="drill")).ok
        await stage.until(lambda: stage.machine.phase is Phase.ERROR)
        assert told(stage, "start failed: risk did not reply")
        await flat(stage)


async def test_a_recovery_that_a_crash_of_the_risk_actor_ends_is_tried_again(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with at_rest(tmp_path) as stage:
        arm(CrashPoint.RECOVERY_FETCHED, fail)
        assert (await stage.command("kill_switch", reason="drill")).ok
        await stage.until(lambda: phase_of(stage) is K.LATCHED)
        assert told(stage, "start failed: risk did not reply")
        assert not stage.venue.state.positions
        assert stage.machine.phase is Phase.EMERGENCY
        assert stage.engine.crashes == 1


async def test_a_conductor_that_crashes_while_it_brings_up_begins_anew(
    tmp_path: Path, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with at_rest(tmp_path) as stage:
        start_child, left, seen = Supervisor.start_child, [1], []

        async def breaks(self: Supervisor, *given: Any) -> Any:
            if left[0]:
                left[0] = 0
                seen.append(stage.machine.phase)
                fail()
            return await start_child(self, *given)

        monkeypatch.setattr(Supervisor, "start_child", breaks)
        assert (await stage.command("kill_switch", reason="drill")).ok
        await stage.until(lambda: phase_of(stage) is K.LATCHED)
        assert seen == [Phase.INITIALIZING]
        assert stage.engine.crashes == 1
        assert not stage.venue.state.positions
        assert stage.machine.phase is Phase.EMERGENCY
        assert stage.machine.illegal_transitions == 0


@pytest.mark.parametrize(
    "point", [CrashPoint.KILL_FLATTENING, CrashPoint.INTENT_COMMITTED]
)
async def test_a_crash_before_it_has_asked_for_a_market_does_not_leave_it_at_rest(
    tmp_path: Path, autojump_clock: MockClock, point: CrashPoint
) -> None:
    async with at_rest(tmp_path) as stage:
        arm(point, fail)
        assert not (await stage.command("kill_switch", reason="drill")).ok
        assert stage.engine.crashes == 1
        await stage.until(lambda: phase_of(stage) is K.LATCHED)
        assert not stage.venue.state.positions
        assert stage.machine.phase is Phase.EMERGENCY
        assert stage.machine.illegal_transitions == 0


async def test_a_conductor_that_crashes_half_way_begins_anew(
    tmp_path: Path, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with at_rest(tmp_path) as stage:
        start_child, left, came_up = Supervisor.start_child, [2], []

        async def breaks(self: Supervisor, *given: Any) -> Any:
            left[0] -= 1
            if not left[0]:
                came_up.extend(stage.engine.running_children)
                fail()
            return await start_child(self, *given)

        monkeypatch.setattr(Supervisor, "start_child", breaks)
        assert (await stage.command("kill_switch", reason="drill")).ok
        await stage.until(lambda: phase_of(stage) is K.LATCHED)
        assert came_up == [A]
        assert stage.engine.crashes == 1
        assert not stage.venue.state.positions
        assert stage.machine.phase is Phase.EMERGENCY
        assert stage.machine.illegal_transitions == 0


async def test_a_crash_while_the_symbols_come_up_leaves_it_an_emergency(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with at_rest(tmp_path) as stage:
        seen: list[str] = []

        def breaks(symbol: str) -> None:
            if not seen:
                stage.engine.risk_ref.tell(object())
            seen.append(symbol)

        stage.world.cast = breaks
        assert (await stage.command("kill_switch", reason="drill")).ok
        await stage.until(lambda: phase_of(stage) is K.LATCHED)
        assert stage.engine.crashes == 1
        assert not (await stage.command("retry")).ok
        assert not stage.state.gate_open
        assert stage.machine.phase is Phase.EMERGENCY
        assert (await stage.command("reset", confirm="RESET")).ok
        assert stage.machine.illegal_transitions == 0


async def test_what_runs_goes_on_when_one_start_more_is_not_answered_in_time(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(held_and_in_flight(400), tmp_path) as stage:
        await stage.bar(6)
        slow_disk(stage, lambda: True)
        answer = await stage.command("start", preset=stage.engine.setup.preset)
        assert answer.code == 503
        assert "start failed: risk did not reply" in answer.message
        assert answer.ts_ms == stage.engine.wall.now_ms()
        await stage.bar(stage.state.counts["cycles"] + 3)
        assert stage.machine.phase in {Phase.MANAGING, Phase.EXECUTION}
        assert not told(stage, "start failed")
        assert stage.engine.crashes == 0
