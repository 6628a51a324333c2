"""A position has its stop at the exchange in time, or is being closed."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from trio.testing import MockClock

from actors.domain.ledger import Position
from actors.domain.money import ZERO
from actors.domain.orders import (
    Fill,
    OrderKind,
    OrderRequest,
    OrderState,
    OrderUpdate,
    Outcome,
    Refused,
    Side,
    Unknown,
)
from actors.exchange.book import PaperSettings
from actors.exchange.paper import CAPABILITIES
from actors.journal import Kind
from actors.risk.book import replay
from tests.sim.script import leave, signal
from tests.sim.world import A, Stage, World, living

CALM = [100.0] * 5
RISING = [*CALM, 100.0, 100.0, 108.0, 109.0, 110.0, 111.0]
Answer = Callable[[OrderRequest], Outcome | None]


def is_stop(request: OrderRequest) -> bool:
    return request.kind is OrderKind.STOP_MARKET


def is_close(request: OrderRequest) -> bool:
    return request.kind is OrderKind.MARKET and request.reduce_only


def instead(
    outcome: Outcome, times: int, *what: Callable[[OrderRequest], bool]
) -> Answer:
    """Answer so the first `times` requests of these kinds; the exchange has none."""
    left = [times]

    def answer(request: OrderRequest) -> Outcome | None:
        if left[0] and any(one(request) for one in what):
            left[0] -= 1
            return outcome
        return None

    return answer


async def closed(stage: Stage) -> list[Position]:
    positions = [row.decode(Position) for row in await stage.rows(Kind.POSITION)]
    return [position for position in positions if position.ended]


def alarms(stage: Stage) -> list[str]:
    return [
        alert.message
        for alert in stage.view.alerts()
        if alert.severity == "critical" and "without a confirmed stop" in alert.message
    ]


async def assert_sound(stage: Stage) -> None:
    """What holds at every end: one truth, no order twice, no book of its own."""
    ids = [request.client_id for request in stage.venue.placed]
    assert len(ids) == len(set(ids))
    assert not stage.venue.unjournalled
    assert stage.machine.illegal_transitions == 0
    assert stage.engine.crashes == 0
    await stage.engine.journal.commit()
    again = await replay(stage.engine.journal.read)
    assert msgspec.json.encode(again) == msgspec.json.encode(stage.state.book)


# --- in time, or flat -----------------------------------------------------------------


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
        assert held.exposure.since_ms is None
        assert 0 < held.exposure.total_ms < 1_000  # the way to the matching
        assert not alarms(stage)
        shown = stage.view.unprotected()
        assert (shown.positions, shown.seconds_total) == (
            0,
            held.exposure.total_ms / 1000,
        )
        await assert_sound(stage)


@pytest.mark.parametrize("arrives", [True, False])
async def test_a_stop_whose_answer_is_lost_is_asked_for_at_once_or_replaced_by_flat(
    tmp_path: Path, autojump_clock: MockClock, *, arrives: bool
) -> None:
    async with living(World({(A, 4): signal()}), tmp_path) as stage:
        lost = Unknown("the line broke")
        if arrives:
            place = stage.venue.place

            async def deaf(request: OrderRequest) -> Outcome:
                answer = await place(request)
                return lost if is_stop(request) else answer

            stage.venue.place = deaf  # type: ignore[method-assign]  # the fault
        else:
            stage.venue.instead = instead(lost, 1, is_stop)
        await stage.bar(8)
        if arrives:
            assert stage.view.positions()[0].stop_confirmed
            assert len(stage.venue.placed_as("stop_market")) == 1
            assert not alarms(stage)
            assert stage.view.unprotected().seconds_max < 1
        else:
            (trade,) = await closed(stage)
            assert trade.reason == "stop_unconfirmed"
            assert len(alarms(stage)) == 1
            gap = trade.exposure
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
        assert held.exposure.total_ms == held.exposure.longest_ms == 20_000
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
        assert trade.exposure.longest_ms > 540_000
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


# --- replacement ----------------------------------------------------------------------


def standing(stage: Stage) -> list[OrderRequest]:
    orders = stage.venue.state.orders.values()
    return [order.request for order in orders if is_stop(order.request)]


async def test_the_old_stop_goes_only_when_the_new_one_is_confirmed(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    world = World({(A, 4): signal(stop=95.0, target=150.0)}, closes={A: RISING})
    async with living(world, tmp_path) as stage:
        await stage.bar(6)
        (first,) = stage.venue.placed_as("stop_market")
        cancelled: list[bool] = []
        cancel = stage.venue.cancel

        async def watched(symbol: str, client_id: str) -> Outcome:
            book = stage.state.book
            shown = [o for o in book.orders.values() if o.purpose == "stop" and o.seen]
            cancelled.append(any(o.client_id != client_id for o in shown))
            return await cancel(symbol, client_id)

        stage.venue.cancel = watched  # type: ignore[method-assign]  # an eye on it
        stage.venue.instead = instead(Unknown("the line broke"), 1, is_stop)
        await stage.bar(7)  # the stop moves, and the answer is lost
        assert stage.state.book.positions[A].stop > Decimal(95)
        assert first in standing(stage)
        assert stage.view.positions()[0].stop_confirmed
        await stage.bar(10)
        assert first not in standing(stage)
        assert cancelled
        assert all(cancelled)
        assert stage.view.unprotected().seconds_max < 1
        assert not alarms(stage)
        await assert_sound(stage)


async def test_one_stop_at_a_time_leaves_a_gap_that_is_measured(
    tmp_path: Path, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World({(A, 4): signal(stop=95.0, target=150.0)}, closes={A: RISING})
    async with living(world, tmp_path) as stage:
        one = msgspec.structs.replace(CAPABILITIES, stops_overlap=False)
        monkeypatch.setattr(type(stage.venue), "capabilities", one)
        most: list[int] = []
        place = stage.venue.place

        async def counted(request: OrderRequest) -> Outcome:
            answer = await place(request)
            most.append(len(standing(stage)))
            return answer

        stage.venue.place = counted  # type: ignore[method-assign]  # an eye on it
        await stage.bar(6)
        before = stage.state.book.unprotected_ms
        await stage.bar(20)
        assert max(most) == 1
        assert len(stage.venue.placed_as("stop_market")) > 1
        assert stage.view.positions()[0].stop_confirmed
        assert stage.state.book.unprotected_ms > before
        await assert_sound(stage)


async def test_a_growing_position_is_covered_whole_by_few_stops(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    world = World({(A, 4): signal()})
    async with living(world, tmp_path) as stage:
        pieces = 10

        def torn(request: OrderRequest) -> Outcome | None:
            return Unknown("late") if not request.reduce_only else None

        stage.venue.instead = torn
        await stage.bar(4)
        entry = next(iter(stage.state.book.orders.values())).request
        lot = Decimal("0.001")
        part = (entry.quantity / pieces) // lot * lot
        sizes = [part] * (pieces - 1) + [entry.quantity - part * (pieces - 1)]
        now = stage.engine.clock.now_ms()
        account = stage.venue._account
        for number, size in enumerate(sizes):
            account._move(A, size, Decimal(100))
            stage.venue.say(
                Fill(
                    *(f"t-{number}", entry.client_id, A, Side.LONG, size),
                    *(Decimal(100), ZERO, False, now),
                )
            )
        await stage.bar(7)
        held = stage.state.book.positions[A]
        assert held.open == entry.quantity
        assert stage.view.positions()[0].stop_confirmed
        placed = stage.venue.placed_as("stop_market")
        assert [one.quantity for one in placed] == [sizes[0], entry.quantity]
        assert [one.quantity for one in standing(stage)] == [entry.quantity]
        assert stage.view.unprotected().seconds_max < 1


async def test_a_stop_that_vanishes_without_a_word_is_placed_again(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(World({(A, 4): signal()}), tmp_path) as stage:
        await stage.bar(6)
        (stop,) = standing(stage)
        del stage.venue.state.orders[stop.client_id]
        del stage.venue._markets[A].orders[stop.client_id]
        await stage.bar(9)
        (again,) = standing(stage)
        assert again.client_id != stop.client_id
        assert again.quantity == stage.state.book.positions[A].open
        assert stage.view.positions()[0].stop_confirmed


async def test_a_stop_that_is_shown_again_and_again_stays_the_one(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(World({(A, 4): signal()}), tmp_path) as stage:
        await stage.bar(6)
        orders = stage.state.book.orders.values()
        (stop,) = [order for order in orders if order.purpose == "stop"]
        now: Any = stage.engine.clock.now_ms()
        for _ in range(3):
            stage.venue.say(
                OrderUpdate(
                    *(stop.client_id, stop.exchange_id, A, OrderState.OPEN),
                    *(ZERO, "", now),
                )
            )
        await stage.bar(8)
        assert len(stage.venue.placed_as("stop_market")) == 1
        await assert_sound(stage)
