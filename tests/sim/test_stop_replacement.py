"""A stop is replaced, lost and placed again, and something stands all the while."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from trio.testing import MockClock

from actors.domain.money import ZERO
from actors.domain.orders import (
    Fill,
    OrderRequest,
    OrderState,
    OrderUpdate,
    Outcome,
    Side,
    Unknown,
)
from actors.exchange.paper.exchange import CAPABILITIES
from tests.sim.script import signal
from tests.sim.stops import (
    alarms,
    assert_sound,
    closed,
    instead,
    is_stop,
    standing,
)
from tests.sim.world import A, World, living

CALM = [100.0] * 5
RISING = [*CALM, 100.0, 100.0, 108.0, 109.0, 110.0, 111.0]


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
        moved = stage.published("STOP_MOVED")[-1]["new_sl"]
        assert stage.published("POSITION_UPDATE")[-1].stop == moved
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
        assert stage.view.unprotected().seconds_max < 1
        assert not alarms(stage)
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


async def test_an_exchange_that_takes_every_stop_away_is_not_trusted(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(World({(A, 4): signal()}), tmp_path) as stage:
        sink = stage.venue._outbox.sink
        assert sink is not None

        def told(update: Any) -> None:
            sink(update)
            stops = [o for o in stage.venue.state.orders.values() if is_stop(o.request)]
            for order in stops:
                if update.client_id == order.request.client_id and not order.cancel_ms:
                    order.cancel_ms = stage.engine.clock.now_ms() + 1
                    stage.venue._schedule(A, stage.venue._market(A))

        stage.venue._outbox.sink = told
        await stage.bar(8)
        (trade,) = await closed(stage)
        assert trade.reason == "stop_unconfirmed"
        assert len(stage.venue.placed_as("stop_market")) == 4
        await assert_sound(stage)


async def test_a_position_that_a_person_closed_by_hand_starts_no_storm_of_orders(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(World({(A, 4): signal()}), tmp_path) as stage:
        await stage.bar(6)
        held, before = stage.state.book.positions[A], len(stage.venue.placed)
        stage.venue._account._move(A, -held.net, Decimal(100))
        (stop,) = standing(stage)
        await stage.venue.cancel(A, stop.client_id)
        await stage.bar(16)
        assert "position" in stage.state.book.halted[A]
        assert len(stage.venue.placed) - before < 10 * 8  # of ten bars
        assert not stage.venue.state.positions  # reductions never open one
        assert len(alarms(stage)) >= 1
