"""A release of the kill switch holds, and releases nothing that is still open."""

from decimal import Decimal
from pathlib import Path
from typing import Any

from trio.testing import MockClock

from actors.domain.messages import CommandAnswer
from actors.domain.orders import Side
from actors.domain.phases import WORKING_PHASES, Phase
from actors.domain.truth import Policy
from actors.journal import Kind
from tests.sim.killing import K, is_phase, phase_of
from tests.sim.script import signal
from tests.sim.test_halts import reasons
from tests.sim.test_settle import foreign, settle, venue_of, world
from tests.sim.world import A, B, Stage, World, living, preset


async def release(stage: Stage) -> CommandAnswer:
    return await stage.command("reset", confirm="RESET")


async def test_a_daily_loss_that_a_person_has_released_does_not_trip_it_again(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """But the day's loss goes on counting for entries."""
    fallen = World({(A, 4): signal(stop=95.0)}, closes={A: [*[100.0] * 7, 70.0]})
    for bars in fallen.bars.values():
        bars["open"][7] = bars["high"][7] = 71.0
    fallen.script[B, 30] = signal()
    fallen.preset = preset(
        risk__max_position_size_usd=Decimal(50_000),
        risk__risk_per_trade=Decimal("0.004"),
        risk__daily_risk_limit=Decimal("0.004"),
        risk__kill_switch_loss_limit=Decimal("0.9"),
    )
    async with living(fallen, tmp_path) as stage:
        await is_phase(stage, K.LATCHED)
        assert "daily loss" in stage.state.book.kill.reason
        assert (await release(stage)).ok
        answer = await stage.command("start", preset=stage.engine.setup.preset)
        assert answer.ok, answer.message
        await stage.bar(32)
        assert phase_of(stage) is K.ARMED
        assert stage.machine.phase in WORKING_PHASES
        assert await reasons(stage, "refused") == ["daily_loss"]


async def test_what_was_adopted_under_the_latch_is_closed_before_a_release(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(world(bars=60), tmp_path) as stage:
        await stage.bar(6)
        assert (await stage.command("kill_switch")).ok
        await is_phase(stage, K.LATCHED)
        await venue_of(stage).intrude(foreign(B, Side.LONG, "2"))
        await stage.bar(stage.state.counts["cycles"])
        for _ in range(2):
            await stage.command("reconcile")
        (row,) = [row for row in stage.view.differences() if row.symbol]
        assert (await settle(stage, row, Policy.ADOPT)).ok
        assert phase_of(stage) is K.LATCHED
        refused = await release(stage)
        assert not refused.ok
        assert "1 positions open; wait for LATCHED" in refused.message
        await is_phase(stage, K.LATCHED)
        assert B not in stage.venue.state.positions
        assert (await release(stage)).ok


async def test_a_release_that_a_crash_has_forgotten_leaves_the_halt_standing(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(world(), tmp_path) as stage:
        await stage.bar(6)
        assert (await stage.command("kill_switch")).ok
        await is_phase(stage, K.LATCHED)
        append = stage.engine.journal.append

        def refuses(kind: Kind, body: Any, **names: Any) -> int:
            if kind is Kind.AUDIT:
                stage.engine.journal.append = append  # type: ignore[method-assign]  # once
                msg = "no room"
                raise OSError(msg)
            return append(kind, body, **names)

        stage.engine.journal.append = refuses  # type: ignore[method-assign]  # the fault
        assert not (await release(stage)).ok
        await stage.until(lambda: stage.engine.crashes == 1)
        await stage.until(lambda: phase_of(stage) is K.LATCHED)
        assert stage.machine.phase is Phase.EMERGENCY
        assert stage.engine.halt.reason == stage.state.book.kill.reason
        assert (await release(stage)).ok
        assert stage.engine.halt.reason is None
