"""From a signal to a booked trade, with the orders that the exchange saw."""

from decimal import Decimal
from pathlib import Path
from typing import Any

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
from actors.exchange.paper.book import PaperSettings
from actors.journal import Kind
from tests.sim.script import disarmed, leave, signal
from tests.sim.world import START_MS, A, B, Stage, World, living, preset

CALM = [100.0] * 5


async def closed(stage: Stage) -> list[Position]:
    positions = [row.decode(Position) for row in await stage.rows(Kind.POSITION)]
    return [position for position in positions if position.ended]


async def outcomes(stage: Stage, name: str) -> list[dict[str, Any]]:
    """The findings of the decisions with this outcome."""
    rows = await stage.bodies(Kind.DECISION)
    return [row["finding"] for row in rows if row["outcome"] == name]


async def test_a_position_is_entered_protected_and_stopped_out(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    world = World({(A, 4): signal(stop=95.0)}, closes={A: [*CALM, 100, 99, 90]})
    async with living(world, tmp_path) as stage:
        await stage.bar(5)
        (held,) = stage.view.positions()
        assert held.stop_confirmed
        assert held.stop == Decimal("95.00")
        await stage.over()
        (trade,) = await closed(stage)
        assert trade.reason == "stop"
        assert trade.exit <= Decimal("95.00")
        assert not stage.venue.unjournalled
        assert not stage.venue.state.orders
        assert stage.state.equity == await stage.venue.fetch_equity()


@pytest.mark.parametrize(("side", "stop", "end"), [(1, 95.0, 112.0), (-1, 105.0, 88.0)])
async def test_a_target_takes_the_profit_on_both_sides(
    tmp_path: Path, autojump_clock: MockClock, side: int, stop: float, end: float
) -> None:
    found = signal(side, stop, target=100.0 + 10 * side)
    world = World({(A, 4): found}, closes={A: [*CALM, 100.0, end]})
    async with living(world, tmp_path) as stage:
        await stage.over()
        (trade,) = await closed(stage)
        assert trade.reason == "target_1"
        assert trade.exit == Decimal(100 + 10 * side)
        assert trade.pnl_usd > 0
        assert not stage.venue.unjournalled


async def test_the_strategys_exit_closes_its_side_only(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    script = {
        (A, 4): signal(),
        (B, 4): signal(),
        (A, 8): leave(side=1),
        (B, 8): leave(side=-1),
    }
    async with living(World(script), tmp_path) as stage:
        await stage.bar(9)
        (trade,) = await closed(stage)
        assert (trade.symbol, trade.reason) == (A, "opposite")
        assert list(stage.state.book.positions) == [B]


async def test_a_second_signal_of_a_held_symbol_is_refused(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    world = World({(A, 4): signal(), (A, 6): signal()})
    async with living(world, tmp_path) as stage:
        await stage.bar(7)
        (refused,) = await outcomes(stage, "refused")
        assert refused["reason"] == "duplicate_position"
        assert (refused["value"], refused["threshold"]) == ("1", "1")
        assert stage.state.counts["entries"] == 1


async def test_two_signals_of_one_symbol_in_one_step_make_one_entry(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    world = World({(A, 4): signal() + signal()})
    async with living(world, tmp_path) as stage:
        await stage.bar(7)
        assert len(stage.venue.placed_as("market")) == 1
        (refused,) = await outcomes(stage, "refused")
        assert refused["reason"] == "duplicate_position"


async def test_an_entry_outside_its_band_marks_its_signal_failed(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    world = World({(A, 4): signal(), (A, 5): disarmed()}, closes={A: CALM})
    world.bars[A]["open"][5] = world.bars[A]["high"][5] = 104.0
    async with living(world, tmp_path) as stage:
        await stage.bar(6)
        (failed,) = await outcomes(stage, "failed")
        assert (failed["stage"], failed["reason"]) == ("execution", "band")
        assert failed["value"] == "0"
        assert stage.state.counts["entries_failed"] == 1
        assert not stage.state.book.positions
        assert stage.machine.phase == "SCANNING"


async def test_an_entry_that_meets_no_bar_expires_and_fails(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    world = World({(A, 4): signal()})
    halted = [*range(5), *range(9, 40)]
    world.bars[A] = world.bars[A][halted]
    async with living(world, tmp_path) as stage:
        await stage.bar(11)
        (failed,) = await outcomes(stage, "failed")
        assert (failed["stage"], failed["reason"]) == ("execution", "expired")
        assert not stage.state.book.orders


async def test_a_partial_fill_is_a_smaller_position_with_a_stop_of_its_size(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    world = World({(A, 4): signal()}, volume=0.0)
    world.preset = preset(risk__max_position_size_usd=Decimal(2000))
    async with living(world, tmp_path) as stage:
        await stage.bar(6)
        (held,) = stage.view.positions()
        (entry,) = stage.venue.placed_as("market")
        assert ZERO < held.size < entry.quantity
        (stop,) = [o for o in stage.state.book.orders.values() if o.purpose == "stop"]
        assert stop.request.quantity == held.size
        assert held.stop_confirmed
        assert held.phase == "RUNNING"


async def test_a_thin_market_closes_all_at_the_end(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    world = World({(A, 4): signal()})
    world.bars[A]["volume"][8:] = 0.0
    world.preset = preset(risk__max_position_size_usd=Decimal(20_000))
    async with living(world, tmp_path) as stage:
        await stage.over()
        (trade,) = await closed(stage)
        assert trade.reason == "end_of_market"
        assert len(await stage.rows(Kind.FILL)) > 20
        assert not stage.venue.state.positions


async def test_an_entry_of_the_last_bar_meets_no_price_any_more(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    world = World({(A, 4): signal(), (A, 6): leave(), (A, 39): signal()})
    async with living(world, tmp_path) as stage:
        await stage.over()
        (trade,) = await closed(stage)
        assert trade.reason == "opposite"
        (failed,) = await outcomes(stage, "failed")
        assert failed["reason"] == "user"
        assert not stage.venue.state.positions
        assert not stage.venue.state.orders


async def test_a_stop_that_the_exchange_cancels_is_placed_again(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    world = World({(A, 4): signal(stop=95.0)}, closes={A: [*CALM] + [100.0] * 4 + [90]})
    async with living(world, tmp_path) as stage:
        await stage.bar(6)
        (stop,) = stage.venue.placed_as("stop_market")
        await stage.venue.cancel(A, stop.client_id)
        await stage.bar(7)
        assert len(stage.venue.placed_as("stop_market")) == 2
        assert stage.view.positions()[0].stop_confirmed
        await stage.over()
        (trade,) = await closed(stage)
        assert trade.reason == "stop"


async def test_a_refused_stop_closes_the_position(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    def refuse(request: OrderRequest) -> Outcome | None:
        return Refused("no") if request.kind is OrderKind.STOP_MARKET else None

    async with living(World({(A, 4): signal()}), tmp_path) as stage:
        stage.venue.instead = refuse
        await stage.bar(6)
        (trade,) = await closed(stage)
        assert trade.reason == "stop_refused"
        assert any("was refused" in alert.message for alert in stage.view.alerts())


async def test_a_refused_new_stop_leaves_the_old_one_and_is_tried_again(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    rise = [*CALM, 100.0, 100.0, 108.0, 109.0, 110.0, 111.0]
    world = World({(A, 4): signal(stop=95.0, target=150.0)}, closes={A: rise})
    async with living(world, tmp_path) as stage:
        await stage.bar(6)
        stage.venue.instead = lambda _request: Refused("not now")
        await stage.bar(7)
        assert stage.state.book.positions[A].stop == Decimal("95.00")
        assert stage.view.positions()[0].stop_confirmed
        stage.venue.instead = lambda _request: None
        await stage.bar(9)
        (stop,) = [
            order
            for order in stage.state.book.orders.values()
            if order.purpose == "stop" and order.state is OrderState.OPEN
        ]
        assert stop.request.stop_price == stage.state.book.positions[A].stop
        assert stop.request.stop_price > Decimal(100)


async def test_updates_told_twice_are_applied_once(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    world = World({(A, 4): signal()}, closes={A: [*CALM, 100, 99, 90]})
    async with living(world, tmp_path) as stage:
        stage.venue.repeats = 2
        await stage.over()
        (trade,) = await closed(stage)
        fills = await stage.rows(Kind.FILL)
        told = [update for update in stage.venue.heard if isinstance(update, Fill)]
        assert len(fills) == len(told)
        assert stage.state.equity == await stage.venue.fetch_equity()
        assert trade.entered == trade.entered.copy_abs()
        assert stage.machine.illegal_transitions == 0


async def test_a_foreign_fill_makes_its_symbol_unavailable_for_good(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    world = World({(A, 8): signal(), (B, 8): signal()})
    world.faults = {(A, 6): 1}  # its restart must not make it available again
    async with living(world, tmp_path) as stage:
        await stage.bar(4)
        one = Decimal(1)
        stage.venue.say(
            Fill("t-x", "foreign", A, Side.LONG, one, one, ZERO, False, START_MS)
        )
        await stage.bar(10)
        (refused,) = await outcomes(stage, "refused")
        assert refused["reason"] == "symbol_unavailable"
        assert refused["value"].startswith("foreign fill t-x: ")
        assert list(stage.state.book.positions) == [B]


async def test_a_late_fill_of_a_cancelled_entry_is_a_protected_position(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    world = World({(A, 4): signal()})
    halted = [*range(5), *range(9, 40)]
    world.bars[A] = world.bars[A][halted]
    async with living(world, tmp_path) as stage:
        await stage.bar(10)
        (order,) = stage.state.book.ended.values()
        assert order.state is OrderState.CANCELLED
        part = order.request.quantity / 2
        price = Decimal(100)
        for number in (1, 2):
            late = Fill(
                f"t-late-{number}",
                order.request.client_id,
                A,
                Side.LONG,
                part,
                price,
                ZERO,
                False,
                START_MS,
            )
            stage.venue.say(late)
        await stage.until(lambda: len(stage.state.book.positions) == 1)
        await stage.until(lambda: stage.state.book.positions[A].open == 2 * part)
        stops = [o for o in stage.venue.placed if o.kind is OrderKind.STOP_MARKET]
        assert stops[-1].quantity == 2 * part
        assert stage.state.counts["entries_late"] == 1
        assert stage.state.leading_stage() == "MANAGING"
        assert stage.machine.illegal_transitions == 0


async def test_an_unknown_answer_keeps_the_risk_reserved_and_is_not_sent_again(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    world = World({(A, 4): signal(), (A, 5): signal()})
    async with living(world, tmp_path) as stage:
        stage.venue.instead = lambda _request: Unknown("the line broke")
        await stage.bar(5)
        (order,) = stage.state.book.orders.values()
        assert order.state is OrderState.UNKNOWN
        assert len(stage.venue.placed) == 1
        (refused,) = await outcomes(stage, "refused")
        assert refused["reason"] == "symbol_unavailable"
        assert "UNKNOWN" in refused["value"]
        assert stage.state.holdings()[0].risk_usd > 0
        seen = OrderUpdate(
            order.request.client_id, "x-1", A, OrderState.OPEN, ZERO, "", START_MS
        )
        stage.venue.say(seen)
        await stage.until(
            lambda: (
                next(iter(stage.state.book.orders.values())).state is OrderState.OPEN
            )
        )


async def test_slow_paper_does_not_confirm_a_stop_before_its_time(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    world = World({(A, 4): signal()})
    world.paper = PaperSettings(latency_ms=20_000)
    async with living(world, tmp_path) as stage:
        await stage.over()
        opened = stage.published("POSITION_OPEN")
        assert [view.stop_confirmed for view in opened] == [False]
        assert stage.venue.state.serial >= 3
