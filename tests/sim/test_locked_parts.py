"""Where a stop locks what it covers, a part is closed once, and the rest stays held."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from actors.domain.orders import ExchangePosition, OrderRequest, Outcome, Refused
from control.shell.run import STOPS_SECONDS_MAX, stops_stand
from tests.sim.locking import closes, held, locking, spot
from tests.sim.stops import LOST, assert_sound, is_close, standing
from tests.sim.world import A, Stage, World, living


def rising() -> World:
    """Reach the first target at bar 10."""
    world = spot(position_config__trail_from_r=Decimal(9))
    up = [100.0] * 10 + [108.0]
    world.bars[A] = World(closes={A: up}, bars=60).bars[A]
    return world


@pytest.mark.parametrize("own", [0, 100])
async def test_a_part_whose_answer_is_lost_closes_no_more_than_the_part(
    tmp_path: Path, autojump_clock: MockClock, own: int
) -> None:
    """Where a person's own coins lie beside them, no stop may be for these."""
    async with living(spot(), tmp_path) as stage:
        before = await held(stage)
        locking(stage).own = Decimal(own)
        place = stage.venue.place

        async def deaf(request: OrderRequest) -> Outcome:
            answer = await place(request)
            return LOST if is_close(request) else answer

        stage.venue.place = deaf  # type: ignore[method-assign]  # the fault
        answer = await stage.command("close_position", id=before.id, fraction=0.5)
        assert answer.ok, answer.message
        await stage.bar(12)
        (close,) = closes(stage)
        after = stage.state.book.positions[A]
        assert after.open == before.open - close.quantity
        assert after.close_wanted == ""
        assert [one.quantity for one in standing(stage)] == [after.open]
        await assert_sound(stage)


async def test_all_is_closed_though_a_part_still_waits_for_its_stop_to_go(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(spot(), tmp_path) as stage:
        before, cancel = await held(stage), stage.venue.cancel

        async def lost(_symbol: str, _client_id: str) -> Outcome:
            return LOST

        stage.venue.cancel = lost  # type: ignore[method-assign]  # the fault
        half = await stage.command("close_position", id=before.id, fraction=0.5)
        assert half.ok, half.message
        assert stage.state.book.positions[A].part_wanted
        more = await stage.command("close_position", id=before.id, fraction=0.3)
        assert not more.ok
        assert "is being closed already" in more.message
        everything = await stage.command("close_position", id=before.id)
        assert everything.ok, everything.message
        stage.venue.cancel = cancel  # type: ignore[method-assign]
        await stage.bar(12)
        assert not stage.state.book.positions
        assert [one.quantity for one in closes(stage)] == [before.open]
        await assert_sound(stage)


async def test_an_end_waits_for_the_stop_that_is_on_its_way_and_no_longer(
    tmp_path: Path, autojump_clock: MockClock, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody could place it while the engine is down."""
    async with living(spot(), tmp_path) as stage:
        before = await held(stage)
        await stage.command("close_position", id=before.id, fraction=0.5)
        assert not stage.view.positions()[0].stop_confirmed
        await stops_stand(stage.view)
        left = stage.state.book.positions[A].open
        assert left < before.open
        assert [one.quantity for one in standing(stage)] == [left]
        assert "without a stop" not in capsys.readouterr().err
        locking(stage).before = lambda _request: Refused("maintenance")
        (stop,) = standing(stage)
        await stage.venue.cancel(A, stop.client_id)
        await stage.until(lambda: not standing(stage))
        began = trio.current_time()
        await stops_stand(stage.view)
        assert trio.current_time() - began == pytest.approx(STOPS_SECONDS_MAX, abs=0.1)
        assert "left without a stop" in capsys.readouterr().err


def slow_closes(stage: Stage, by_ms: int) -> None:
    """Let each market close reach the matching so much later."""
    place, venue = stage.venue.place, stage.venue

    async def slow(request: OrderRequest) -> Outcome:
        answer = await place(request)
        if is_close(request):
            venue.state.orders[request.client_id].arrival_ms += by_ms
            venue._schedule(A, venue._market(A))
        return answer

    venue.place = slow  # type: ignore[method-assign]  # the fault


async def test_a_part_that_takes_its_time_leaves_the_rest_with_a_stop(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(spot(), tmp_path) as stage:
        before = await held(stage)
        slow_closes(stage, 8_000)
        beside: list[list[Decimal]] = []  # stops that stand when the close fills
        apply = stage.venue._account.apply

        def watched(order: Any, *given: Any) -> Any:
            beside.append([one.quantity for one in standing(stage)])
            return apply(order, *given)

        stage.venue._account.apply = watched  # type: ignore[method-assign]  # an eye
        await stage.command("close_position", id=before.id, fraction=0.5)
        await stage.bar(12)
        (close,) = closes(stage)
        rest = before.open - close.quantity
        assert beside == [[rest]]
        assert [one.quantity for one in standing(stage)] == [rest]
        assert len(stage.venue.placed_as("stop_market")) == 2
        assert locking(stage).locked == 0
        await assert_sound(stage)


async def test_a_target_that_takes_its_time_sells_no_more_than_its_share(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(rising(), tmp_path) as stage:
        before = await held(stage)
        slow_closes(stage, 8_000)
        await stage.bar(14)
        (close,) = closes(stage)
        after = stage.state.book.positions[A]
        assert (after.open, after.close_wanted) == (before.open - close.quantity, "")
        assert [one.quantity for one in standing(stage)] == [after.open]
        await assert_sound(stage)


async def test_a_target_takes_no_stop_from_what_the_exchange_does_not_show(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """Its word may be late: the stop stays, and the target is taken when it shows."""
    async with living(rising(), tmp_path) as stage:
        before = await held(stage)
        fetch = stage.venue.fetch_positions

        async def none() -> tuple[ExchangePosition, ...]:
            return ()

        stage.venue.fetch_positions = none  # type: ignore[method-assign]  # the fault
        await stage.until(lambda: A in stage.state.not_held)
        await stage.bar(13)
        assert [one.quantity for one in standing(stage)] == [before.open]
        assert not closes(stage)
        stage.venue.fetch_positions = fetch  # type: ignore[method-assign]
        await stage.bar(17)
        (close,) = closes(stage)
        after = stage.state.book.positions[A]
        assert (after.open, after.targets_hit) == (before.open - close.quantity, 1)
        assert [one.quantity for one in standing(stage)] == [after.open]
