"""Closing a part or all of a position, cancelling one order, and flattening."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from trio.testing import MockClock

from actors.domain.messages import OrderView
from actors.domain.orders import OrderState, Refused
from actors.domain.phases import Phase
from actors.journal import Kind
from tests.sim.script import signal
from tests.sim.world import A, B, Stage, World, living, preset

D = Decimal
CALM = [100.0] * 5
HELD = [*CALM, *[100.0] * 30]
UP = [*CALM, *[100.0] * 10, 103.0, 103.0]


def one_position(**more: Any) -> World:
    world = World({(A, 4): signal(stop=95.0)}, closes={A: HELD}, bars=60)
    world.preset = preset(**more)
    return world


async def held(stage: Stage, bar: int = 7) -> Any:
    await stage.bar(bar)
    return stage.state.book.positions[A]


def stops(stage: Stage) -> list[Any]:
    return [o for o in stage.state.book.orders.values() if o.purpose == "stop"]


def targets(stage: Stage) -> list[Any]:
    orders = stage.state.book.orders.values()
    return [o for o in orders if o.purpose.startswith("target")]


async def audited(stage: Stage) -> dict[str, str]:
    rows = await stage.bodies(Kind.AUDIT)
    return dict(rows[-1])


async def test_half_a_position_is_closed_and_the_rest_keeps_stop_and_ladder(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(one_position(), tmp_path) as stage:
        before = await held(stage)
        ladder = {o.purpose: o.unfilled for o in targets(stage)}
        assert len(ladder) == 2
        answer = await stage.command("close_position", id=before.id, fraction=0.5)
        assert answer.ok, answer.message
        await stage.until(lambda: stage.state.book.positions[A].open < before.open)
        await stage.bar(9)
        after = stage.state.book.positions[A]
        assert 0 <= after.open - before.open / 2 < D("0.001")
        assert (after.phase, after.close_wanted) == ("PARTIAL_CLOSED", "")
        assert [o.unfilled >= after.open for o in stops(stage)] == [True]
        left = {o.purpose: o.unfilled for o in targets(stage)}
        for purpose, size in left.items():
            assert abs(size - ladder[purpose] / 2) <= D("0.001"), purpose
        assert sum(left.values()) <= after.open
        row = await audited(stage)
        assert row["before"] == f"{before.open} held"
        assert row["after"].startswith("close of ")
        assert stage.machine.illegal_transitions == 0


async def test_all_of_a_position_is_closed_at_market(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(one_position(), tmp_path) as stage:
        before = await held(stage)
        assert (await stage.command("close_position", id=before.id)).ok
        await stage.until(lambda: not stage.state.book.positions)
        (closed,) = stage.state.book.closed
        assert closed.reason == "manual_close"
        await stage.bar(10)
        assert not stage.state.book.orders
        assert stage.machine.phase is Phase.SCANNING


async def test_a_limit_close_rests_reduce_only_beside_a_stop_for_all(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    world = one_position(position_config__trail_from_r=D(9))
    world.bars[A] = World(closes={A: UP}).bars[A]
    async with living(world, tmp_path) as stage:
        before = await held(stage)
        answer = await stage.command(
            "close_position", id=before.id, fraction=0.25, limit_price=102.5
        )
        assert answer.ok, answer.message
        await stage.bar(9)
        (limit,) = [
            o for o in stage.state.book.orders.values() if o.purpose == "limit_close"
        ]
        assert limit.request.reduce_only
        assert limit.request.limit_price == D("102.5")
        assert limit.state is OrderState.OPEN
        assert [o.unfilled >= before.open for o in stops(stage)] == [True]
        await stage.until(lambda: stage.state.book.positions[A].open < before.open)
        await stage.bar(17)
        after = stage.state.book.positions[A]
        quarter = before.open / 4
        assert abs(after.open - before.open + quarter) <= D("0.001")
        assert [o.unfilled >= after.open for o in stops(stage)] == [True]


async def test_a_limit_close_can_be_cancelled_and_a_stop_cannot(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(one_position(), tmp_path) as stage:
        before = await held(stage)
        await stage.command(
            "close_position", id=before.id, fraction=1, limit_price="110"
        )
        await stage.bar(9)
        shown: dict[str, OrderView] = {o.purpose: o for o in stage.view.orders()}
        for purpose, why in (("stop", "protective stop"), ("target_1", "take-profit")):
            refused = await stage.command("cancel_order", id=shown[purpose].id)
            assert not refused.ok
            assert why in refused.message
        name = shown["limit_close"].client_order_id
        assert (await stage.command("cancel_order", id=name)).ok
        await stage.until(lambda: name not in stage.state.book.orders)
        assert stage.state.book.positions[A].open == before.open
        gone = await stage.command("cancel_order", id=shown["limit_close"].id)
        assert "has ended: cancelled" in gone.message
        none = await stage.command("cancel_order", id="i-none")
        assert "no live order 'i-none'" in none.message


async def test_an_entry_in_flight_is_taken_back(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    world = World({(B, 6): signal()}, bars=60)
    world.bars[B] = world.bars[B][[*range(7), *range(15, 60)]]  # B halts in flight
    async with living(world, tmp_path) as stage:
        await stage.bar(6)
        (entry,) = stage.state.entries()
        answer = await stage.command("cancel_order", id=entry.intent)
        assert answer.ok, answer.message
        row = await audited(stage)
        assert (row["before"], row["after"]) == ("open", "cancelling")
        await stage.until(lambda: not stage.state.entries())
        await stage.bar(20)
        assert not stage.state.book.positions
        failed = [
            r for r in await stage.bodies(Kind.DECISION) if r["outcome"] == "failed"
        ]
        assert len(failed) == 1


async def test_a_market_close_of_all_takes_a_resting_limit_close_away(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(one_position(), tmp_path) as stage:
        before = await held(stage)
        await stage.command(
            "close_position", id=before.id, fraction=0.9, limit_price=120
        )
        await stage.bar(9)
        more = await stage.command(
            "close_position", id=before.id, fraction=0.5, limit_price=121
        )
        assert not more.ok
        assert "is being closed by" in more.message
        assert (await stage.command("close_position", id=before.id)).ok
        (limit,) = [
            o for o in stage.state.book.orders.values() if o.purpose == "limit_close"
        ]
        assert limit.cancel_wanted
        await stage.until(lambda: not stage.state.book.positions)
        await stage.bar(12)
        assert not stage.state.book.orders
        assert not stage.venue.state.orders


@pytest.mark.parametrize(
    ("args", "says"),
    [
        ({"id": "p-none"}, "no open position 'p-none'; open: p-"),
        ({"fraction": 0}, "fraction is 0; it must be over 0 and at most 1"),
        ({"fraction": 1.5}, "fraction is 1.5; it must be over 0 and at most 1"),
        ({"fraction": "much"}, "fraction is 'much'; it must be a number"),
        ({"fraction": True}, "fraction is True; it must be a number"),
        ({"limit_price": 100.005}, "limit_price is 100.005; it must be over 0"),
        ({"limit_price": -1}, "limit_price is -1; it must be over 0"),
        ({"limit_price": 1000}, "more than 50% from the newest price, 100"),
        ({"limit_price": "1e30"}, "more than 50% from the newest price, 100"),
        ({"limit_price": "1e999999999"}, "more than 50% from the newest price, 100"),
        ({"fraction": "1e-999999999"}, "it must be over 0 and at most 1"),
        ({"limit_price": "1e27"}, "more than 50% from the newest price, 100"),
        ({"limit_price": "-1e999999"}, "it must be over 0"),
        ({"fraction": "0.00001"}, "the least that can be traded is 0.001: close 0."),
    ],
)
async def test_a_close_that_cannot_be_meant_is_refused_and_sends_nothing(
    tmp_path: Path, autojump_clock: MockClock, args: dict[str, Any], says: str
) -> None:
    async with living(one_position(), tmp_path) as stage:
        before = await held(stage)
        sent = len(stage.venue.placed)
        answer = await stage.command("close_position", **({"id": before.id} | args))
        assert (answer.ok, answer.code) == (False, 400)
        assert says in answer.message
        assert len(stage.venue.placed) == sent
        assert stage.state.book.positions[A].open == before.open
        assert stage.engine.crashes == 0


async def test_a_rest_too_small_to_trade_is_closed_with_the_part_and_said(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(one_position(), tmp_path) as stage:
        before = await held(stage)
        answer = await stage.command("close_position", id=before.id, fraction="0.995")
        assert answer.ok
        assert "would be too little to be traded" in answer.message
        await stage.until(lambda: not stage.state.book.positions)
        assert stage.state.book.closed[-1].reason == "manual_close"
        assert not stage.state.book.dust


async def test_a_refused_part_is_told_and_the_position_stays_protected(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(one_position(), tmp_path) as stage:
        before = await held(stage)
        stage.venue.instead = lambda request: (
            Refused("not today") if request.kind == "market" else None
        )
        answer = await stage.command("close_position", id=before.id, fraction=0.5)
        assert not answer.ok
        assert "the exchange refused" in answer.message
        assert [o.unfilled >= before.open for o in stops(stage)] == [True]


async def test_flatten_takes_the_word_closes_all_and_pauses_without_a_latch(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    world = World({(A, 4): signal(), (B, 6): signal()}, bars=60)
    world.bars[B] = world.bars[B][[*range(7), *range(15, 60)]]  # B halts in flight
    async with living(world, tmp_path) as stage:
        await stage.bar(6)
        refused = await stage.command("flatten", confirm="flatten")
        assert not refused.ok
        assert '{"confirm": "FLATTEN"}' in refused.message
        answer = await stage.command("flatten", confirm="FLATTEN")
        assert answer.ok, answer.message
        await stage.until(lambda: not stage.state.book.positions)
        await stage.until(lambda: not stage.state.book.orders)
        await stage.bar(20)
        assert stage.machine.phase is Phase.PAUSED
        assert stage.state.book.kill is None
        assert not stage.state.gate_open
        assert not stage.venue.state.positions
        assert (await stage.command("resume")).ok
        assert not stage.state.book.flat
        assert stage.machine.illegal_transitions == 0


async def test_what_a_late_fill_brings_after_a_flatten_is_closed_too(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """The answer and the cancel of an entry were lost; it fills afterwards."""
    world = World({(A, 4): signal()}, bars=60)
    async with living(world, tmp_path) as stage:
        await stage.bar(4)
        assert stage.state.entries()
        stage.venue.cancel = lost  # type: ignore[method-assign,assignment]  # a fault
        assert (await stage.command("flatten", confirm="FLATTEN")).ok
        await stage.until(lambda: stage.state.counts["trades"] == 1)
        (closed,) = stage.state.book.closed
        assert closed.reason == "flatten"
        assert not stage.state.gate_open


async def lost(_symbol: str, _client_id: str) -> Refused:
    return Refused("no such order")
