"""What happens when the engine's own actors crash."""

import itertools
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from trio.testing import MockClock

from actors.domain.crash_points import CrashPoint
from actors.domain.orders import OrderKind, OrderRequest, OrderState, Outcome
from actors.domain.phases import Phase
from actors.journal import Kind
from actors.runtime import crash
from actors.runtime.errors import BudgetExhausted
from tests.sim.script import leave, signal
from tests.sim.world import A, B, C, Stage, World, living

pytestmark = pytest.mark.filterwarnings("error")


class Broken(Exception):
    """A fault of an adapter."""


def breaks(times: int, when: Callable[[OrderRequest], bool]) -> Any:
    """An exchange whose answer breaks our own code so many times."""
    left = [times]

    def instead(request: OrderRequest) -> Outcome | None:
        if left[0] > 0 and when(request):
            left[0] -= 1
            raise Broken(request.client_id)
        return None

    return instead


def is_stop(request: OrderRequest) -> bool:
    return request.kind is OrderKind.STOP_MARKET


def trading() -> World:
    script = {(A, 4): signal(stop=95.0), (B, 10): signal(), (C, 20): signal()}
    path = [*[100.0] * 25, 90]
    return World(script, closes={A: path})


async def crashed(stage: Stage) -> None:
    await stage.until(lambda: stage.machine.phase is Phase.ERROR)


async def test_a_risk_crash_ends_in_error_with_the_gate_closed_and_a_way_back(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(trading(), tmp_path) as stage:
        await stage.bar(7)
        steps = stage.machine.transitions
        stage.engine.risk_ref.tell(object())
        await crashed(stage)
        assert not stage.state.gate_open
        assert stage.machine.transitions == steps + 1
        await stage.bar(12)
        rows = await stage.bodies(Kind.DECISION, B)
        assert rows[-1]["finding"]["reason"] == "entries_closed"
        assert (await stage.command("retry")).ok
        assert stage.machine.phase is Phase.MANAGING
        await stage.bar(22)
        assert set(stage.state.book.positions) == {A, C}
        await stage.bar(27)
        trades = [p for p in await stage.bodies(Kind.POSITION, A) if p["closed_ms"]]
        assert [trade["reason"] for trade in trades] == ["stop"]
        walked = await stage.walked()
        joined = itertools.pairwise(walked)
        assert all(before[1] == after[0] for before, after in joined)


@pytest.mark.parametrize("name", ["pause", "flatten"])
async def test_a_retry_takes_back_no_pause_that_a_person_has_ordered(
    tmp_path: Path, autojump_clock: MockClock, name: str
) -> None:
    async with living(trading(), tmp_path) as stage:
        await stage.bar(7)
        given = {"confirm": "FLATTEN"} if name == "flatten" else {}
        assert (await stage.command(name, **given)).ok
        await stage.bar(9)
        stage.engine.risk_ref.tell(object())
        await crashed(stage)
        assert (await stage.command("retry")).message == "retrying: PAUSED"
        await stage.bar(12)
        assert B not in stage.state.book.positions
        assert stage.state.book.flat is (name == "flatten")
        assert (await stage.command("resume")).ok
        await stage.bar(22)
        assert C in stage.state.book.positions
        assert stage.machine.illegal_transitions == 0


async def test_a_second_risk_crash_ends_the_process(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    with pytest.raises(BudgetExhausted) as caught:  # noqa: PT012 - the engine ends inside
        async with living(trading(), tmp_path) as stage:
            await stage.bar(7)
            stage.engine.risk_ref.tell(object())
            await crashed(stage)
            stage.engine.risk_ref.tell(object())
            await stage.over()
    assert "risk" in str(caught.value) or "money" in str(caught.value)


async def test_an_adapter_that_breaks_at_a_stop_leaves_it_unknown_and_crashes_nobody(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(trading(), tmp_path) as stage:
        stage.venue.instead = breaks(1, is_stop)
        await stage.bar(5)
        orders = stage.state.book.orders.values()
        stops = {order.state for order in orders if order.purpose == "stop"}
        assert OrderState.UNKNOWN in stops
        alerts = [alert.message for alert in stage.view.alerts()]
        assert any("answer unknown" in message for message in alerts)
        assert stage.engine.crashes == 0


async def test_what_a_crash_left_bare_is_protected_at_the_restart(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(trading(), tmp_path) as stage:
        await stage.bar(7)
        (stop,) = [o for o in stage.state.book.orders.values() if o.purpose == "stop"]
        del stage.state.book.orders[stop.request.client_id]
        stage.engine.risk_ref.tell(object())
        await crashed(stage)
        await stage.bar(9)
        assert stage.view.positions()[0].stop_confirmed


async def test_a_feed_that_crashes_goes_on_where_it_was(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(trading(), tmp_path) as stage:
        await stage.bar(7)
        stage.venue.play = failing_once(stage)  # type: ignore[method-assign]  # the fault
        await stage.over()
        alerts = [alert.message for alert in stage.view.alerts()]
        assert any("feed crashed" in message for message in alerts)
        assert stage.engine.crashes == 1
        assert stage.state.counts["cycles"] >= 39
        assert stage.state.counts["entries"] == 3
        assert stage.machine.illegal_transitions == 0


def failing_once(stage: Stage) -> Callable[[int], Awaitable[bool]]:
    play = stage.engine.exchange.play
    left = [1]

    async def fails(until_ms: int) -> bool:
        if left[0]:
            left[0] -= 1
            raise Broken
        return await play(until_ms)

    return fails


async def test_a_conductor_that_crashes_still_knows_what_runs(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    world = trading()
    world.script[A, 8] = leave()
    async with living(world, tmp_path) as stage:
        await stage.bar(7)
        stage.engine.root().ref("conductor").tell(object())
        await stage.bar(9)
        assert (await stage.command("stop")).ok
        answer = await stage.command("start", preset=stage.engine.setup.preset)
        assert answer.ok
        await stage.bar(22)
        assert stage.machine.phase is not Phase.ERROR
        assert C in stage.state.book.positions


async def test_retry_needs_something_that_runs(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(trading(), tmp_path) as stage:
        await stage.bar(7)
        stage.engine.risk_ref.tell(object())
        await crashed(stage)
        assert (await stage.command("reset")).ok
        assert stage.machine.phase is Phase.IDLE
        assert not stage.state.running
        answer = await stage.command("start", preset=stage.engine.setup.preset)
        assert answer.ok, answer.message
        await stage.until(lambda: stage.machine.phase is Phase.MANAGING)
        assert stage.state.book.positions[A].stop == 95


async def test_a_crash_between_a_fill_and_its_position_loses_neither(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(trading(), tmp_path) as stage:
        await stage.bar(3)

        def fail() -> None:
            raise Broken(CrashPoint.FILL_APPLIED)

        crash.arm(CrashPoint.FILL_APPLIED, fail)
        await crashed(stage)
        await stage.until(lambda: A in stage.state.book.positions)
        await stage.bar(8)
        held = stage.state.book.positions[A]
        assert held.open == stage.venue.state.positions[A].quantity
        assert stage.view.positions()[0].stop_confirmed
        fills = [row["trade_id"] for row in await stage.bodies(Kind.FILL, A)]
        assert len(fills) == len(set(fills))
        walked = await stage.walked()
        assert all(a[1] == b[0] for a, b in itertools.pairwise(walked))
        assert stage.machine.illegal_transitions == 0


async def test_an_end_in_order_is_the_last_row_and_a_crash_writes_none(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    journals = []
    async with living(trading(), tmp_path) as stage:
        append = stage.engine.journal.append
        journal = stage.engine.journal

        def noted(kind: Kind, body: Any, **names: Any) -> int:
            journals.append((kind, type(body).__name__))
            return append(kind, body, **names)

        journal.append = noted  # type: ignore[method-assign]  # the last row is written after the block
        await stage.bar(7)
    assert journals[-1] == (Kind.SESSION, "SessionEnded")
