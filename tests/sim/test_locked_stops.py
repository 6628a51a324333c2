"""Where a resting stop locks what it protects, a position still can be closed.

So it is on spot: what a stop would sell, nothing else can sell. The stop goes first,
the close follows once it has ended, and a close that fails leaves a stop behind.
"""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from trio.testing import MockClock

from actors.domain.money import ZERO
from actors.domain.orders import Refused, Unknown
from actors.domain.phases import KillPhase
from actors.journal import Kind
from tests.sim.killing import flat, is_phase
from tests.sim.locking import LOT, closes, held, locking, spot
from tests.sim.stops import (
    alarms,
    assert_sound,
    closed,
    instead,
    is_close,
    is_stop,
    standing,
)
from tests.sim.world import A, Stage, World, living


def nothing_was_locked(stage: Stage) -> None:
    assert locking(stage).locked == 0
    assert not [a for a in stage.state.alerts if "was refused" in a.message]


async def test_the_kill_switch_ends_flat_with_one_close(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(spot(), tmp_path) as stage:
        before = await held(stage)
        gap_ms = stage.state.book.unprotected_ms
        assert (await stage.command("kill_switch")).ok
        assert stage.state.book.positions[A].gaps.since_ms is not None
        await stage.bar(9)
        await flat(stage)
        assert [one.quantity for one in closes(stage)] == [before.open]
        assert stage.state.counts["kill_closes_failed"] == 0
        assert len(stage.venue.placed_as("stop_market")) == 1
        nothing_was_locked(stage)
        assert stage.state.book.unprotected_ms > gap_ms  # the gap is measured
        assert not alarms(stage)
        await assert_sound(stage)


@pytest.mark.parametrize(
    ("command", "args", "reason"),
    [
        ("close_position", {}, "manual_close"),
        ("time_stop", {"minutes": 0}, "time_stop"),
        ("panic_exit", {}, "panic_exit"),
        ("flatten", {"confirm": "FLATTEN"}, "flatten"),
    ],
)
async def test_a_command_to_close_ends_flat_with_one_close(
    tmp_path: Path,
    autojump_clock: MockClock,
    command: str,
    args: dict[str, Any],
    reason: str,
) -> None:
    async with living(spot(), tmp_path) as stage:
        before = await held(stage)
        named = {"id": before.id} if command == "close_position" else {}
        answer = await stage.command(command, **args, **named)
        assert answer.ok, answer.message
        await stage.bar(9)
        assert not stage.state.book.positions
        assert not stage.venue.state.positions
        assert not stage.venue.state.orders
        (trade,) = await closed(stage)
        assert trade.reason == reason
        assert [one.quantity for one in closes(stage)] == [before.open]
        assert len(stage.venue.placed_as("stop_market")) == 1
        nothing_was_locked(stage)
        await assert_sound(stage)


async def test_half_is_closed_and_the_rest_gets_its_stop(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(spot(), tmp_path) as stage:
        before = await held(stage)
        answer = await stage.command("close_position", id=before.id, fraction=0.5)
        assert answer.ok, answer.message
        assert "its stop goes first" in answer.message
        again = await stage.command("close_position", id=before.id, fraction=0.5)
        assert not again.ok
        assert "is being closed already" in again.message
        await stage.bar(9)
        after = stage.state.book.positions[A]
        (close,) = closes(stage)
        assert 0 <= before.open / 2 - close.quantity < LOT
        assert after.open == before.open - close.quantity
        assert (after.part_wanted, after.close_wanted) == (ZERO, "")
        assert [one.quantity for one in standing(stage)] == [after.open]
        assert stage.view.positions()[0].stop_confirmed
        nothing_was_locked(stage)
        assert not alarms(stage)
        await assert_sound(stage)


async def test_a_limit_that_cannot_rest_beside_the_stop_is_refused(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(spot(), tmp_path) as stage:
        before = await held(stage)
        sent = len(stage.venue.placed)
        answer = await stage.command(
            "close_position", id=before.id, fraction=0.5, limit_price=110
        )
        assert not answer.ok
        assert "leave limit_price out to close at market" in answer.message
        assert len(stage.venue.placed) == sent


@pytest.mark.parametrize("fraction", [1, 0.5])
async def test_a_refused_close_arms_the_stop_again(
    tmp_path: Path, autojump_clock: MockClock, fraction: float
) -> None:
    async with living(spot(), tmp_path) as stage:
        before = await held(stage)
        venue = locking(stage)
        venue.before = instead(Refused("not today"), 1, is_close)
        await stage.command("close_position", id=before.id, fraction=fraction)
        await stage.until(lambda: bool(closes(stage)))
        await stage.until(lambda: len(stage.venue.placed_as("stop_market")) > 1)
        assert [one.quantity for one in standing(stage)] == [before.open]
        assert venue.placed.index(closes(stage)[0]) < venue.placed.index(
            standing(stage)[0]
        )
        assert venue.locked == 0
        await stage.bar(12)
        if fraction == 1:  # the wish stays, and the second is taken
            assert not stage.state.book.positions
            assert len(closes(stage)) == 2
        else:  # a part is not asked for twice
            assert stage.state.book.positions[A].open == before.open
            assert len(closes(stage)) == 1
            assert stage.view.positions()[0].stop_confirmed
        assert venue.locked == 0
        assert not alarms(stage)
        await assert_sound(stage)


async def test_a_kill_that_is_refused_waits_under_a_stop(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """Every wait between two tries has its stop, and no try finds it in its way."""
    async with living(spot(), tmp_path) as stage:
        before = await held(stage)
        venue = locking(stage)
        venue.before = instead(Refused("not today"), 4, is_close)
        assert (await stage.command("kill_switch")).ok
        await stage.until(lambda: stage.state.counts["kill_closes_failed"] == 3)
        await stage.until(lambda: bool(standing(stage)))
        assert [one.quantity for one in standing(stage)] == [before.open]
        await is_phase(stage, KillPhase.LATCHED)
        await flat(stage)
        assert venue.locked == 0
        sold = [one.quantity for one in closes(stage)[4:]]
        assert sum(sold) == before.open
        assert not alarms(stage)
        await assert_sound(stage)


async def test_a_stop_refused_while_a_kill_waits_is_asked_for_again(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """Seven failures in a row make the kill switch wait for a minute."""
    async with living(spot(), tmp_path) as stage:
        await held(stage)
        venue = locking(stage)
        no_close = instead(Refused("not today"), 8, is_close)
        no_stop = instead(Refused("nor this"), 1, is_stop)
        venue.before = lambda request: (
            no_close(request) or (no_stop(request) if len(closes(stage)) == 7 else None)
        )
        assert (await stage.command("kill_switch")).ok
        await is_phase(stage, KillPhase.LATCHED)
        await flat(stage)
        kinds = [request.kind for request in venue.placed]
        at = venue.placed.index(closes(stage)[6])
        assert kinds[at : at + 4] == ["market", "stop_market", "stop_market", "market"]
        assert venue.locked == 0


@pytest.mark.parametrize("lost", [1, 9])
async def test_a_stop_in_doubt_gets_one_at_its_side_and_is_not_waited_for(
    tmp_path: Path, autojump_clock: MockClock, lost: int
) -> None:
    """A second in doubt may be there or not, and the position is bare: it is closed."""
    async with living(spot(), tmp_path, start=False) as stage:
        venue = locking(stage)
        venue.before = instead(Unknown("the line broke"), lost, is_stop)
        assert (await stage.command("start", preset=stage.engine.setup.preset)).ok
        await stage.bar(12)
        assert len(stage.venue.placed_as("stop_market")) == 2
        trades = await closed(stage)
        if lost == 1:
            assert not trades
            assert stage.view.positions()[0].stop_confirmed
            assert stage.view.unprotected().seconds_max < 1
        else:
            (trade,) = trades
            assert trade.reason == "stop_unconfirmed"
            assert trade.closed_ms is not None
            assert trade.closed_ms - trade.opened_ms <= 60_000  # the bar
            assert len(closes(stage)) == 1
        assert venue.locked == 0
        await assert_sound(stage)


async def test_a_close_in_doubt_is_followed_by_a_stop_and_never_sent_twice_at_once(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(spot(), tmp_path) as stage:
        before = await held(stage)
        venue = locking(stage)
        venue.before = instead(Unknown("the line broke"), 1, is_close)
        assert (await stage.command("close_position", id=before.id)).ok
        await stage.until(lambda: bool(closes(stage)))
        await stage.bar(8)
        assert [one.quantity for one in standing(stage)] == [before.open]
        assert len(closes(stage)) == 1
        await stage.until(lambda: not stage.state.book.positions)
        assert len(closes(stage)) == 2
        assert venue.locked == 0
        await assert_sound(stage)


async def test_no_take_profit_is_laid_beside_the_stop_and_the_bar_takes_it(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    world = spot(position_config__trail_from_r=Decimal(9))
    rising = [100.0] * 10 + [112.0]
    world.bars[A] = World(closes={A: rising}, bars=60).bars[A]
    async with living(world, tmp_path) as stage:
        before = await held(stage)
        assert len(before.targets) == 2
        await stage.bar(9)
        assert len(stage.venue.placed) == 2  # the entry and its stop
        await stage.bar(20)
        assert not stage.venue.placed_as("limit")
        taken = closes(stage)
        assert taken
        assert stage.state.book.positions.get(A, before) != before
        rows = await stage.bodies(Kind.INTENT)
        purposes = [r["purpose"] for r in rows if r["purpose"].startswith("target")]
        assert purposes == ["target_1", "target_2"][: len(purposes)]
        assert purposes
        nothing_was_locked(stage)
        await assert_sound(stage)
