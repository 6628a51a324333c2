"""Differences that should not be, and that a person settles all the same."""

from decimal import Decimal
from pathlib import Path

import pytest
from msgspec import structs
from trio.testing import MockClock

from actors.domain.money import ZERO
from actors.domain.orders import Fill, OpenOrder, OrderKind, Outcome, Placed, Side
from actors.domain.views import DifferenceRow
from actors.exchange.paper.account import PaperPosition
from actors.risk.account.book import replay
from actors.risk.orders.records import DustLeft
from tests.sim.killing import FOREIGN, K, phase_of
from tests.sim.script import signal
from tests.sim.world import A, C, Stage, World, living

D = Decimal


async def shown(stage: Stage) -> DifferenceRow:
    """The one difference of A, seen twice."""
    await stage.command("reconcile")
    await stage.command("reconcile")
    (row,) = [row for row in stage.engine.risk.policies.rows() if row.symbol]
    return row


async def settle(stage: Stage, row: DifferenceRow, policy: str) -> str:
    args = {"symbol": A, "policy": policy, "confirm": A, "id": row.id}
    answer = await stage.command("settle", **args)
    assert answer.ok, answer.message
    return answer.message


async def adopt(stage: Stage) -> str:
    return await settle(stage, await shown(stage), "adopt")


async def same_after_replay(stage: Stage) -> bool:
    await stage.engine.journal.commit()
    return await replay(stage.engine.journal.read) == stage.state.book


# --- two orders of one name ---------------------------------------------------------


async def test_of_two_foreign_orders_of_one_name_the_one_that_was_meant_is_cancelled(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """A name is its own within a symbol only."""
    async with living(World(bars=60), tmp_path) as stage:
        await stage.bar(3)
        cancelled: list[tuple[str, str]] = []
        theirs = tuple(
            OpenOrder(structs.replace(FOREIGN, symbol=symbol), "x") for symbol in (A, C)
        )

        async def listed() -> tuple[OpenOrder, ...]:
            return theirs

        async def cancel(symbol: str, client_id: str) -> Outcome:
            cancelled.append((symbol, client_id))
            return Placed("x")

        stage.venue.fetch_open_orders = listed  # type: ignore[method-assign]  # as it lists them
        stage.venue.cancel = cancel  # type: ignore[method-assign]  # as it takes it
        for _ in range(2):
            await stage.command("reconcile")
        (row,) = [row for row in stage.view.differences() if row.symbol == A]
        await settle(stage, row, "flatten")
        assert cancelled == [(A, FOREIGN.client_id)]


# --- more was taken off than was held ------------------------------------------------


def sold(stage: Stage, name: str, size: Decimal, price: int) -> None:
    """Let the exchange tell that the stop has sold."""
    records = [*stage.state.book.orders.values(), *stage.state.book.ended.values()]
    stop = next(order.client_id for order in records if order.purpose == "stop")
    now_ms = stage.engine.clock.now_ms()
    stage.venue.say(
        Fill(name, stop, A, Side.SHORT, size, D(price), ZERO, False, now_ms)
    )


async def over_exited(stage: Stage, by: Decimal, theirs: Decimal) -> None:
    """A stop took off more than we knew of; the exchange shows what it shows."""
    await stage.bar(8)
    stage.venue.state.positions.pop(A)
    stage.venue.state.orders.clear()
    if theirs:
        stage.venue.state.positions[A] = PaperPosition(theirs, theirs * 100)
    sold(stage, "t-over", stage.state.book.ours(A) + by, 95)
    await stage.bar(12)
    assert stage.state.book.ours(A) == -by
    assert A in stage.state.book.halted


@pytest.mark.parametrize("theirs", [0, -1, -5, 3])
async def test_what_was_taken_off_too_much_is_booked_as_the_exchange_has_it(
    tmp_path: Path, autojump_clock: MockClock, theirs: int
) -> None:
    async with living(World({(A, 4): signal(stop=95.0)}, bars=60), tmp_path) as stage:
        await over_exited(stage, D(2), D(theirs))
        assert f"booked: {theirs} held" in await adopt(stage)
        assert stage.state.book.ours(A) == theirs
        assert A not in stage.state.book.halted
        ended = [position.net for position in stage.state.book.closed]
        assert ended == ([ZERO] if theirs >= 0 else [])
        again = await stage.command("reconcile")
        assert A not in again.message
        assert stage.engine.crashes == 0
        assert await same_after_replay(stage)


async def test_what_it_cost_is_in_the_cash_when_an_over_exit_is_made_good(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(World({(A, 4): signal(stop=95.0)}, bars=60), tmp_path) as stage:
        await over_exited(stage, D(2), ZERO)
        sold(stage, "t-more", D(1), 94)  # now 2 were sold at 95 and 1 at 94
        await stage.until(lambda: stage.state.book.ours(A) == -3)
        cash = stage.state.book.cash
        await adopt(stage)  # all 3 were bought at the newest price, 94
        (done,) = stage.state.book.closed
        assert done.reason == "stop"
        assert done.realized == done.exit_value - done.entry_value
        assert stage.state.book.cash == pytest.approx(cash + 2, abs=D("1e-9"))


async def test_the_kill_switch_closes_what_was_taken_off_too_much(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(World({(A, 4): signal(stop=95.0)}, bars=60), tmp_path) as stage:
        await over_exited(stage, D(2), D(-2))
        assert (await stage.command("kill_switch")).ok
        await stage.bar(20)
        (close,) = [o for o in stage.venue.placed if o.kind is OrderKind.MARKET][1:]
        assert (close.side, close.quantity) == (Side.LONG, 2)
        assert close.reduce_only
        assert A not in stage.venue.state.positions
        assert phase_of(stage) is K.LATCHED
        (done,) = stage.state.book.closed
        assert done.net == ZERO


async def test_an_exit_that_came_before_its_entry_is_not_bought_back_by_the_kill_switch(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(World({(A, 4): signal(stop=95.0)}, bars=60), tmp_path) as stage:
        await stage.bar(8)
        stage.venue.state.positions.pop(A)
        stage.venue.state.orders.clear()
        sold(stage, "t-over", stage.state.book.ours(A) + 3, 95)
        await stage.until(lambda: stage.state.book.ours(A) == -3)
        assert (await stage.command("kill_switch")).ok
        await stage.bar(12)
        (entry,) = stage.venue.placed_as(OrderKind.MARKET)
        now_ms = stage.engine.clock.now_ms()
        bought = (D(3), D(100), ZERO, False, now_ms)
        stage.venue.say(Fill("t-late", entry.client_id, A, Side.LONG, *bought))
        await stage.until(lambda: not stage.state.book.positions)
        assert len(stage.venue.placed_as(OrderKind.MARKET)) == 1


# --- dust that is gone ---------------------------------------------------------------


@pytest.mark.parametrize("held", [0, 1])
async def test_dust_that_the_exchange_no_longer_shows_leaves_the_book(
    tmp_path: Path, autojump_clock: MockClock, held: int
) -> None:
    script = {(A, 4): signal(stop=95.0)} if held else {}
    async with living(World(script, bars=60), tmp_path) as stage:
        await stage.bar(8)
        assert len(stage.state.book.positions) == held
        dust = DustLeft(A, D("0.0004"))  # as of a position before
        stage.engine.risk.desk.account(dust, A)
        stage.venue.state.positions.pop(A, None)  # a person has swept the account
        stage.venue.state.orders.clear()
        row = await shown(stage)
        placed = len(stage.venue.placed)
        assert set(row.would) == {"adopt", "ignore", "halt"}
        assert "dust of 0.0004" in row.would["adopt"]
        answer = await settle(stage, row, "adopt")
        assert "dust of 0.0004" in answer
        assert A not in stage.state.book.halted
        assert not stage.state.book.dust
        assert not stage.state.book.positions
        assert len(stage.state.book.closed) == held
        assert len(stage.venue.placed) == placed
        assert A not in (await stage.command("reconcile")).message
        assert stage.engine.crashes == 0
        assert await same_after_replay(stage)


async def test_dust_that_is_gone_may_be_let_be(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(World(bars=60), tmp_path) as stage:
        await stage.bar(3)
        stage.engine.risk.desk.account(DustLeft(A, D("0.0004")), A)
        await settle(stage, await shown(stage), "ignore")
        assert A not in stage.state.book.halted
        assert stage.state.book.expected(A) == ZERO
        assert (await shown(stage)).policy == "ignore"
