"""What a crash left without a stop, or half closed, is seen to after the restart."""

from contextlib import AbstractAsyncContextManager
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
import trio
from trio.testing import MockClock

from actors.domain.crash_points import CrashPoint
from actors.domain.orders import (
    OrderKind,
    OrderRequest,
    Outcome,
    Refused,
    Unknown,
)
from actors.domain.phases import Phase
from actors.exchange.paper.exchange import CAPABILITIES, PaperExchange
from actors.runtime.crash import arm, disarm
from tests.sim.script import leave, signal
from tests.sim.world import A, B, Stage, World, living


class Killed(BaseException):
    """The process is gone: nobody may catch this and tidy up."""


def life(world: World, where: Path) -> AbstractAsyncContextManager[Stage]:
    """Run the engine on a journal and a paper account that outlive it."""
    return living(world, where, account=True, journal=True)


def stops_that_lock(patch: pytest.MonkeyPatch) -> None:
    one = msgspec.structs.replace(CAPABILITIES, stops_overlap=False)
    patch.setattr(PaperExchange, "capabilities", one)


@pytest.mark.parametrize("lock", [False, True])
@pytest.mark.parametrize(
    ("point", "passing"),
    [
        (CrashPoint.ENTRY_FILLED, 1),
        (CrashPoint.ENTRY_FILLED, 2),
        (CrashPoint.INTENT_COMMITTED, 2),
    ],
)
async def test_what_a_crash_left_bare_has_its_stop_after_the_restart(
    tmp_path: Path,
    autojump_clock: MockClock,
    monkeypatch: pytest.MonkeyPatch,
    point: CrashPoint,
    passing: int,
    lock: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    if lock:
        stops_that_lock(monkeypatch)

    def world() -> World:
        return World({(A, 4): signal(), (B, 4): signal()}, bars=3_000)

    def die() -> None:
        raise Killed

    arm(point, die, passing=passing)
    with pytest.raises((Killed, BaseExceptionGroup)):
        async with life(world(), tmp_path) as stage:
            await stage.over()
    disarm()
    async with life(world(), tmp_path) as stage:
        await stage.until(lambda: stage.machine.phase is Phase.MANAGING)
        exchange = stage.engine.exchange
        held = await exchange.fetch_positions()
        assert {one.symbol for one in held} == {A, B}
        with trio.fail_after(600):
            await stage.bar(2)
        resting = await exchange.fetch_open_orders()
        for one in held:
            stops = [
                order.request
                for order in resting
                if order.request.symbol == one.symbol
                and order.request.kind is OrderKind.STOP_MARKET
            ]
            assert [stop.quantity for stop in stops] == [abs(one.quantity)]
            assert stage.state.book.positions[one.symbol].net == one.quantity
        assert all(view.stop_confirmed for view in stage.view.positions())
        assert not stage.state.book.halted
        assert stage.view.unprotected().seconds_total > 0


async def test_a_wish_to_close_outlives_the_process(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    def world() -> World:
        return World({(A, 4): signal(), (A, 9): leave()}, bars=3_000)

    async with life(world(), tmp_path) as stage:
        place = stage.engine.exchange.place

        async def busy(request: OrderRequest) -> Outcome:
            close = request.kind is OrderKind.MARKET and request.reduce_only
            return Refused("busy") if close else await place(request)

        stage.engine.exchange.place = busy  # type: ignore[method-assign]  # the fault
        await stage.bar(12)
        wanted = stage.state.book.positions[A].close_wanted
        assert wanted == "opposite"
        assert stage.view.positions()[0].stop_confirmed
    async with life(world(), tmp_path) as stage:
        await stage.until(lambda: A not in stage.state.book.positions)
        await stage.until(lambda: stage.view.positions()[0].phase == "CLOSED")
        assert stage.state.book.closed[-1].reason == "opposite"
        assert not await stage.engine.exchange.fetch_positions()


@pytest.mark.parametrize("fraction", [1, 0.5])
async def test_a_close_that_waits_for_its_stop_to_go_outlives_the_process(
    tmp_path: Path,
    autojump_clock: MockClock,
    monkeypatch: pytest.MonkeyPatch,
    fraction: float,
) -> None:
    """The stop locks what is to be closed, and the process ends between the two."""
    stops_that_lock(monkeypatch)

    def world() -> World:
        return World({(A, 4): signal()}, bars=3_000)

    async with life(world(), tmp_path) as stage:
        await stage.bar(6)
        before = stage.state.book.positions[A]

        async def lost(_symbol: str, _client_id: str) -> Outcome:
            return Unknown("the line broke")

        stage.engine.exchange.cancel = lost  # type: ignore[method-assign]  # the fault
        named = {"id": before.id, "fraction": fraction}
        assert (await stage.command("close_position", **named)).ok
        held = stage.state.book.positions[A]
        assert held.part_wanted or held.close_wanted
        assert held.open == before.open
    async with life(world(), tmp_path) as stage:
        left = before.open * (1 - Decimal(fraction))
        lot = Decimal("0.001")
        await stage.until(
            lambda: stage.state.book.ours(A) - left < lot and not _closing(stage)
        )
        theirs = sum(
            one.quantity for one in await stage.engine.exchange.fetch_positions()
        )
        assert 0 <= theirs - left < lot


def _closing(stage: Stage) -> bool:
    return any(o.purpose == "close" for o in stage.state.book.orders.values())
