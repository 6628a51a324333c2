"""A command whose end nobody heard of: the risk actor was too slow to answer."""

from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from actors.conductor import ANSWER_SECONDS
from actors.domain.crash_points import CrashPoint
from actors.domain.messages import Alert
from actors.domain.phases import Phase
from actors.runtime.crash import arm
from tests.sim.killing import K, phase_of
from tests.sim.script import signal
from tests.sim.test_kill_rouse import fail, slow_disk
from tests.sim.world import A, Stage, World, living

P = Phase


def starts(stage: Stage) -> dict[str, Any]:
    return {"preset": stage.engine.setup.preset}


async def unheard(stage: Stage, name: str, led_to: Phase, **given: Any) -> None:
    """Have a command carried out, and answered when nobody waits any more."""
    slow_disk(stage, lambda: stage.machine.phase is led_to)
    answer = await stage.command(name, **given)
    assert answer.code == 503
    assert "did not reply" in answer.message
    await trio.sleep(ANSWER_SECONDS)
    assert stage.machine.phase is led_to
    assert stage.engine.running_children


# --- a halt -------------------------------------------------------------------------


@pytest.mark.parametrize("at_rest", [False, True])
async def test_a_halt_that_found_no_room_ends_where_a_person_begins_anew(
    tmp_path: Path, autojump_clock: MockClock, *, at_rest: bool
) -> None:
    world = World({(A, 30): signal()}, bars=60)
    async with living(world, tmp_path, start=not at_rest) as stage:
        filler = Alert(0, "internal", "info", "test", None, "filler", "")
        while stage.engine.risk_ref.tell_urgent(filler):
            pass
        answer = await stage.command("kill_switch", reason="now")
        assert answer.code == 503
        assert "urgent lane is full" in answer.message
        assert stage.engine.halt.reason is not None
        if not at_rest:
            assert (await stage.command("stop")).ok
            assert stage.engine.halt.reason is not None
        assert (await stage.command("start", **starts(stage))).ok
        assert stage.engine.halt.reason is None
        await stage.until(lambda: A in stage.state.book.positions)


# --- a stop -------------------------------------------------------------------------


async def test_a_stop_that_was_answered_too_late_may_be_ordered_again(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(World({(A, 4): signal()}, bars=400), tmp_path) as stage:
        await stage.bar(8)
        await unheard(stage, "stop", P.STOPPED)
        assert (await stage.command("stop")).ok
        assert stage.machine.phase is P.IDLE
        assert not stage.engine.running_children
        assert not (await stage.command("stop")).ok  # now nothing runs
        assert stage.engine.crashes == 0
        assert stage.machine.illegal_transitions == 0


async def test_a_start_ends_what_a_stop_that_was_answered_too_late_has_left(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(World({(A, 4): signal()}, bars=400), tmp_path) as stage:
        await stage.bar(8)
        await unheard(stage, "stop", P.STOPPED)
        answer = await stage.command("start", **starts(stage))
        assert answer.ok, answer.message
        await stage.until(lambda: stage.machine.phase is P.MANAGING)
        assert len(stage.engine.running_children) == len(stage.world.symbols) + 1
        assert stage.engine.crashes == 0
        assert stage.machine.illegal_transitions == 0


async def test_a_reset_that_was_answered_too_late_leaves_nothing_in_the_way(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(World({(A, 4): signal()}, bars=400), tmp_path) as stage:
        await stage.bar(8)
        assert (await stage.command("kill_switch")).ok
        await stage.until(lambda: phase_of(stage) is K.LATCHED)
        await unheard(stage, "reset", P.IDLE, confirm="RESET")
        assert (await stage.command("stop")).ok
        assert (await stage.command("start", **starts(stage))).ok
        await stage.until(lambda: stage.machine.phase is P.SCANNING)
        assert stage.engine.crashes == 0
        assert stage.machine.illegal_transitions == 0


async def test_stops_that_a_stuck_disk_does_not_answer_crash_nothing(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(World(bars=400), tmp_path) as stage:
        await stage.bar(3)
        commit = stage.engine.journal.commit

        async def stuck() -> None:
            await trio.sleep(10 * ANSWER_SECONDS)

        stage.engine.journal.commit = stuck  # type: ignore[method-assign]  # the fault
        for _ in range(5):
            assert (await stage.command("stop")).code == 503
        stage.engine.journal.commit = commit  # type: ignore[method-assign]  # it heals
        await trio.sleep(10 * ANSWER_SECONDS)
        assert stage.engine.running
        assert stage.engine.crashes == 0
        assert (await stage.command("stop")).ok
        assert stage.machine.phase is P.IDLE


async def test_a_stop_whose_end_crashed_the_risk_actor_is_answered(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(World({(A, 4): signal()}, bars=400), tmp_path) as stage:
        await stage.bar(8)
        arm(CrashPoint.STOP_CHILDREN_DOWN, fail)
        assert (await stage.command("stop")).ok
        assert stage.engine.crashes == 1
        await stage.until(lambda: stage.state.settled)
        assert (await stage.command("start", **starts(stage))).ok
        await stage.until(lambda: stage.machine.phase is P.MANAGING)
        assert stage.engine.crashes == 1


async def test_the_end_of_a_market_is_told_though_the_stop_was_answered_too_late(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(World(bars=10), tmp_path) as stage:
        await stage.bar(2)
        slow_disk(stage, lambda: stage.machine.phase is P.STOPPED)
        with trio.fail_after(120):
            await stage.engine.market_over.wait()
        assert stage.engine.crashes == 0


async def test_an_actor_that_is_started_again_too_late_is_answered_for(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(World(bars=400), tmp_path) as stage:
        await stage.bar(3)
        slow_disk(stage, lambda: True)
        answer = await stage.command("symbol_restart", symbol=A)
        assert answer.code == 503
        assert "did not reply" in answer.message
        assert stage.engine.crashes == 0
