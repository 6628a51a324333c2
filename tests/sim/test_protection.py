"""A position has its stop at the exchange in time, or is being closed."""

from pathlib import Path

import pytest
from trio.testing import MockClock

from actors.domain.money import ZERO
from actors.domain.orders import (
    OpenOrder,
    OrderRequest,
    Outcome,
    Refused,
)
from actors.exchange.paper.book import PaperSettings
from tests.sim.script import leave, signal
from tests.sim.stops import (
    LOST,
    alarms,
    assert_sound,
    closed,
    instead,
    is_close,
    is_stop,
    standing,
)
from tests.sim.world import A, World, living

CALM = [100.0] * 5


async def test_a_stop_counts_only_when_the_exchange_shows_it(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(World({(A, 4): signal()}), tmp_path) as stage:
        await stage.bar(6)
        (view,) = stage.published("POSITION_OPEN")
        assert not view.stop_confirmed
        held = stage.state.book.positions[A]
        (stop,) = [o for o in stage.state.book.orders_of(held) if o.purpose == "stop"]
        assert stop.seen
        assert held.gaps.since_ms is None
        assert 0 < held.gaps.total_ms < 1_000  # the way to the matching
        assert not alarms(stage)
        shown = stage.view.unprotected()
        assert (shown.positions, shown.seconds_total) == (
            0,
            held.gaps.total_ms / 1000,
        )
        await assert_sound(stage)


async def test_a_stop_whose_answer_is_lost_is_asked_for_at_once(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(World({(A, 4): signal()}), tmp_path) as stage:
        place = stage.venue.place

        async def deaf(request: OrderRequest) -> Outcome:
            answer = await place(request)
            return LOST if is_stop(request) else answer

        stage.venue.place = deaf  # type: ignore[method-assign]  # the fault
        await stage.bar(8)
        assert stage.view.positions()[0].stop_confirmed
        assert len(stage.venue.placed_as("stop_market")) == 1
        assert not alarms(stage)
        assert stage.view.unprotected().seconds_max < 1
        await assert_sound(stage)


async def test_a_stop_that_is_lost_gets_another_at_its_side_at_once(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(World({(A, 4): signal()}), tmp_path) as stage:
        stage.venue.instead = instead(LOST, 1, is_stop)
        await stage.bar(8)
        assert stage.view.positions()[0].stop_confirmed
        assert len(stage.venue.placed_as("stop_market")) == 2
        assert stage.view.unprotected().seconds_max < 1
        assert not alarms(stage)
        await assert_sound(stage)


async def test_a_stop_that_is_hidden_for_a_while_is_cancelled_beside_the_other(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(World({(A, 4): signal()}), tmp_path) as stage:
        place, fetch = stage.venue.place, stage.venue.fetch_open_orders
        hidden: list[str] = []

        async def answer(request: OrderRequest) -> Outcome:
            answer = await place(request)
            if not is_stop(request) or hidden:
                return answer
            hidden.append(request.client_id)
            return LOST

        async def hiding() -> tuple[OpenOrder, ...]:
            orders = await fetch()
            return tuple(o for o in orders if o.request.client_id not in hidden)

        async def unheard(_symbol: str, _client_id: str) -> None:
            return None

        stage.venue.place = answer  # type: ignore[method-assign]  # the fault
        stage.venue.fetch_open_orders = hiding  # type: ignore[method-assign]
        stage.venue.fetch_order = unheard  # type: ignore[method-assign]
        await stage.bar(5)
        del stage.venue.fetch_open_orders, stage.venue.fetch_order  # seen from now on
        await stage.bar(8)
        assert len(stage.venue.placed_as("stop_market")) == 2
        assert len(standing(stage)) == 1
        assert stage.view.positions()[0].stop_confirmed
        assert stage.view.unprotected().seconds_max < 1
        await assert_sound(stage)


async def test_two_lost_stops_are_enough_and_the_position_is_closed(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(World({(A, 4): signal()}), tmp_path) as stage:
        stage.venue.instead = instead(LOST, 9, is_stop)
        await stage.bar(8)
        (trade,) = await closed(stage)
        assert trade.reason == "stop_unconfirmed"
        assert len(stage.venue.placed_as("stop_market")) == 2
        assert len(alarms(stage)) == 1
        gap = trade.gaps
        assert gap.longest_ms == gap.total_ms > 5_000
        assert stage.view.unprotected().seconds_max == gap.longest_ms / 1000
        await assert_sound(stage)


async def test_a_stop_that_is_accepted_and_never_rests_is_not_hoped_for(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(World({(A, 4): signal()}), tmp_path) as stage:
        place = stage.venue.place

        async def swallowing(request: OrderRequest) -> Outcome:
            answer = await place(request)
            if is_stop(request):  # gone, and nobody is told
                order = stage.venue.state.orders.pop(request.client_id)
                del stage.venue._markets[A].orders[request.client_id]
                assert order.filled == ZERO
            return answer

        stage.venue.place = swallowing  # type: ignore[method-assign]  # the fault
        await stage.bar(7)
        (trade,) = await closed(stage)
        assert trade.reason == "stop_unconfirmed"
        assert not stage.venue.state.positions
        assert len(alarms(stage)) == 1
        await assert_sound(stage)


async def test_a_late_confirmation_is_measured_and_alarmed_once(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    world = World({(A, 4): signal()})
    world.paper = PaperSettings(latency_ms=20_000)
    async with living(world, tmp_path) as stage:
        await stage.bar(8)
        held = stage.state.book.positions[A]
        assert held.gaps.total_ms == held.gaps.longest_ms == 20_000
        assert stage.view.positions()[0].stop_confirmed
        assert len(alarms(stage)) == 1
        shown = stage.view.unprotected()
        assert (shown.seconds_total, shown.seconds_max) == (20, 20)
        health = stage.view.resource_health()["unprotected"]
        assert health == {"positions": 0, "secondsTotal": 20.0, "secondsMax": 20.0}
        await assert_sound(stage)


@pytest.mark.parametrize("refusals", [1, 2, 3, 4, 6])
async def test_refused_stops_and_closes_end_flat_or_protected(
    tmp_path: Path, autojump_clock: MockClock, refusals: int
) -> None:
    """A refused stop is followed by a close, a refused close by a stop at once."""
    async with living(World({(A, 4): signal()}), tmp_path) as stage:
        no = Refused("not now")
        stage.venue.instead = instead(no, refusals, is_stop, is_close)
        await stage.bar(9)
        (trade,) = await closed(stage)
        assert trade.reason == "stop_refused"
        tried = [is_stop(one) for one in stage.venue.placed[1:]]
        assert tried[: min(refusals, 3)] == [True, False, True][: min(refusals, 3)]
        assert len(stage.venue.placed) <= refusals + 4
        assert len(alarms(stage)) == (refusals > 2)
        assert not stage.venue.state.orders
        await assert_sound(stage)


async def test_what_cannot_be_protected_nor_closed_is_tried_for_and_alarmed_once(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(World({(A, 4): signal()}), tmp_path) as stage:
        stage.venue.instead = instead(Refused("no"), 10_000, is_stop, is_close)
        await stage.bar(15)
        assert stage.view.unprotected().positions == 1
        assert stage.view.unprotected().seconds_total > 540
        assert len(alarms(stage)) == 1
        tries = [is_close(one) for one in stage.venue.placed]
        assert 9 <= sum(tries) <= 12  # once for each bar
        stage.venue.instead = lambda _request: None
        await stage.bar(17)
        (trade,) = await closed(stage)
        assert trade.reason == "stop_refused"
        assert trade.gaps.longest_ms > 540_000
        await assert_sound(stage)


async def test_a_close_that_is_refused_is_tried_again_at_the_next_bar(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    world = World({(A, 4): signal(), (A, 8): leave()})
    async with living(world, tmp_path) as stage:
        stage.venue.instead = instead(Refused("busy"), 2, is_close)
        await stage.bar(8)
        assert stage.view.positions()[0].stop_confirmed  # it has stayed
        assert stage.state.book.positions[A].close_wanted == "opposite"
        await stage.bar(11)
        (trade,) = await closed(stage)
        assert trade.reason == "opposite"
        assert sum(is_close(one) for one in stage.venue.placed) == 3
        await assert_sound(stage)
