"""A refusal is told, however late; a target that does not rest is still taken."""

from decimal import Decimal
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from actors.domain.crash_points import CrashPoint
from actors.domain.orders import OrderKind, OrderRequest, Outcome, Refused
from actors.domain.phases import Phase
from actors.journal import Kind
from actors.runtime.crash import arm, disarm
from tests.sim.script import signal
from tests.sim.stops import LOST, assert_sound, instead, is_close, standing
from tests.sim.test_protection_crash import Killed, life
from tests.sim.world import A, Stage, World, living, preset

#: Beyond the first target, 107.5, and never at the second.
REACHED = [100.0] * 50 + [108.0]


def one_position(bars: int = 100) -> World:
    world = World({(A, 4): signal(stop=95.0)}, closes={A: REACHED}, bars=bars)
    rules = {"trail_from_r": Decimal(9), "exit_rules__stall_hours": Decimal(0)}
    world.preset = preset(**{f"position_config__{k}": v for k, v in rules.items()})
    return world


def is_target(request: OrderRequest) -> bool:
    return request.kind is OrderKind.LIMIT


def told(stage: Stage, word: str) -> list[tuple[str, str]]:
    return [(a.message, a.action) for a in stage.state.alerts if word in a.message]


async def assert_first_target_taken(stage: Stage, entered: Decimal) -> None:
    await stage.until(lambda: stage.state.book.positions[A].open < entered)
    await stage.until(lambda: len(stage.state.book.orders) == 1)
    rows = await stage.bodies(Kind.INTENT)
    at_market = [r for r in rows if r["request"]["kind"] == OrderKind.MARKET]
    assert [r["purpose"] for r in at_market] == ["entry", "target_1"]
    held = stage.state.book.positions[A]
    assert held.open == entered - Decimal(at_market[1]["request"]["quantity"])
    assert (held.targets_hit, held.close_wanted) == (1, "")
    assert stage.view.positions()[0].stop_confirmed


@pytest.mark.parametrize("fraction", [0.5, 1])
async def test_a_close_refused_late_is_told(
    tmp_path: Path, autojump_clock: MockClock, fraction: float
) -> None:
    async with living(one_position(), tmp_path) as stage:
        await stage.bar(6)
        place, refusals = stage.venue.place, [Refused("not today")]

        async def slow(request: OrderRequest) -> Outcome:
            if not (is_close(request) and refusals):
                return await place(request)
            await trio.sleep(0.4)
            return refusals.pop()

        stage.venue.place = slow  # type: ignore[method-assign]  # the fault
        held = stage.state.book.positions[A]
        answer = await stage.command("close_position", id=held.id, fraction=fraction)
        assert answer.ok
        await stage.bar(12)
        ((message, then),) = told(stage, "not today")
        assert message.startswith("close of ")
        assert then.endswith(
            "tried again" if fraction == 1 else "it is not tried again"
        )
        assert (A in stage.state.book.positions) is (fraction < 1)


@pytest.mark.parametrize("late", [False, True])
async def test_refused_targets_are_told_and_the_bar_takes_them(
    tmp_path: Path,
    autojump_clock: MockClock,
    late: bool,  # noqa: FBT001 - a parameter
) -> None:
    async with living(one_position(), tmp_path, start=False) as stage:
        place = stage.venue.place

        async def no_targets(request: OrderRequest) -> Outcome:
            if not is_target(request):
                return await place(request)
            await trio.sleep(0.4 * late)
            return Refused("price filter")

        stage.venue.place = no_targets  # type: ignore[method-assign]  # the fault
        await stage.command("start", preset=stage.engine.setup.preset)
        await stage.bar(10)
        entered = stage.state.book.positions[A].entered
        assert len(told(stage, "was refused: price filter")) == 2
        assert len(standing(stage)) == 1
        await assert_first_target_taken(stage, entered)
        await assert_sound(stage)


async def test_targets_that_were_lost_are_taken_by_the_bar(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(one_position(), tmp_path) as stage:
        stage.venue.instead = instead(LOST, 2, is_target)
        await stage.bar(40)
        assert len(told(stage, "proved absent")) == 2
        await assert_first_target_taken(stage, stage.state.book.positions[A].entered)
        await assert_sound(stage)


async def test_a_crash_between_stop_and_targets_forgets_no_target(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    def die() -> None:
        raise Killed

    arm(CrashPoint.INTENT_COMMITTED, die, passing=2)
    with pytest.raises((Killed, BaseExceptionGroup)):
        async with life(one_position(), tmp_path) as stage:
            await stage.over()
    disarm()
    async with life(one_position(3_000), tmp_path) as stage:
        await stage.until(lambda: stage.machine.phase is Phase.MANAGING)
        await assert_first_target_taken(stage, stage.state.book.positions[A].entered)
