"""Orders that act late, and fills that the exchange counts and does not list."""

from decimal import Decimal
from pathlib import Path

import pytest
from msgspec import structs
from trio.testing import MockClock

from actors.domain.money import ZERO
from actors.domain.orders import OrderKind, OrderState
from actors.domain.truth import DifferenceKind
from actors.domain.views import DifferenceRow
from actors.journal import Kind
from actors.risk.account.book import replay
from actors.risk.orders.records import OrderRecord
from tests.sim.faulty import (
    LATE_MS,
    Always,
    Fault,
    FaultyVenue,
    Nth,
    Well,
    disagreements,
)
from tests.sim.script import signal
from tests.sim.stops import standing
from tests.sim.world import A, Stage, World, living

D = Decimal
MISSING = DifferenceKind.FILLS_MISSING


def world() -> World:
    made = World({(A, 4): signal(stop=95.0)}, bars=60)
    made.venue = FaultyVenue
    return made


def venue_of(stage: Stage) -> FaultyVenue:
    assert isinstance(stage.venue, FaultyVenue)
    return stage.venue


async def states(stage: Stage, purpose: str) -> set[OrderState]:
    records = [row.decode(OrderRecord) for row in await stage.rows(Kind.ORDER)]
    return {r.state for r in records if r.purpose == purpose}


# --- late orders ----------------------------------------------------------------------


@pytest.mark.parametrize("late_ms", [1, LATE_MS])
async def test_an_order_that_acts_within_its_deadline_is_one_protected_position(
    tmp_path: Path, autojump_clock: MockClock, late_ms: int
) -> None:
    async with living(world(), tmp_path) as stage:
        venue_of(stage).plan = Nth("place", 1, Fault.LATE)
        venue_of(stage).late_ms = late_ms
        await stage.bar(9)
        assert len(stage.venue.placed_as(OrderKind.MARKET)) == 1
        assert stage.view.positions()[0].stop_confirmed
        assert not disagreements(stage)


async def test_an_order_1_ms_past_its_deadline_is_never_taken_and_proved_absent(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(world(), tmp_path) as stage:
        venue_of(stage).plan = Nth("place", 1, Fault.LATE)
        venue_of(stage).late_ms = LATE_MS + 1
        await stage.bar(9)
        assert await states(stage, "entry") == {OrderState.UNKNOWN, OrderState.ABSENT}
        assert not stage.state.book.positions
        assert len(stage.venue.placed) == 1
        assert not disagreements(stage)


@pytest.mark.parametrize("late_ms", [LATE_MS + 1, 60_000, 300_000])
async def test_an_entry_taken_past_its_deadline_is_booked_and_protected(
    tmp_path: Path, autojump_clock: MockClock, late_ms: int
) -> None:
    async with living(world(), tmp_path) as stage:
        venue = venue_of(stage)
        venue.plan, venue.keeps_deadline = Nth("place", 1, Fault.LATE), False
        venue.late_ms = late_ms
        await stage.bar(16)
        absent = OrderState.ABSENT in await states(stage, "entry")
        assert absent is (late_ms == 300_000)
        assert len(venue.placed_as(OrderKind.MARKET)) == 1
        assert stage.state.book.ours(A) == venue.state.positions[A].quantity
        assert stage.view.positions()[0].stop_confirmed
        assert not disagreements(stage)


async def test_a_cancel_that_was_refused_ends_no_order_that_has_not_arrived(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(world(), tmp_path) as stage:
        venue_of(stage).plan = Nth("place", 1, Fault.LATE)
        await stage.bar(4)
        await stage.engine.risk.commands._kill.cancel_entries()
        entry = stage.state.book.orders[stage.venue.placed[0].client_id]
        assert (entry.state, entry.cancel_wanted) == (OrderState.UNKNOWN, True)
        assert stage.state.no_entries(A)
        await stage.bar(9)
        assert not disagreements(stage)


async def test_a_stop_taken_long_past_its_deadline_goes_again(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(world(), tmp_path) as stage:
        venue = venue_of(stage)
        venue.plan, venue.keeps_deadline = Nth("place", 2, Fault.LATE), False
        venue.late_ms = 300_000
        await stage.bar(18)
        assert len(venue.placed_as(OrderKind.STOP_MARKET)) == 2
        stops = [o for o in venue.state.orders.values() if o.level == D(95)]
        assert len(stops) == 1
        assert stage.view.positions()[0].stop_confirmed
        assert not disagreements(stage)


# --- missing fills --------------------------------------------------------------------


async def unlisted(stage: Stage) -> DifferenceRow:
    """An entry was filled, and the exchange does not list the fill."""
    venue_of(stage).plan = Always(tell=Fault.DROPPED, fetch_fills=Fault.NONE)
    await stage.bar(12)
    assert not stage.state.book.positions
    assert A in stage.state.book.halted
    rows = {row.kind: row for row in stage.view.differences()}
    assert set(rows) == {MISSING, DifferenceKind.POSITION}
    venue_of(stage).plan = Always(fetch_fills=Fault.NONE)
    return rows[MISSING]


async def adopt(stage: Stage, row: DifferenceRow) -> str:
    answer = await stage.command(
        "settle", symbol=A, policy="adopt", confirm=A, id=row.id
    )
    return "" if answer.ok else answer.message


async def test_a_missing_fill_is_booked_when_a_person_says_so_and_then_protected(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(world(), tmp_path) as stage:
        row = await unlisted(stage)
        assert set(row.would) == {"adopt", "halt"}
        assert not await adopt(stage, row)
        await stage.bar(18)
        held = stage.state.book.positions[A]
        assert held.open == venue_of(stage).state.positions[A].quantity == D(row.theirs)
        assert stage.view.positions()[0].stop_confirmed
        await stage.engine.journal.commit()
        assert await replay(stage.engine.journal.read) == stage.state.book


async def test_a_fill_that_is_listed_after_it_was_adopted_is_not_booked_again(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(world(), tmp_path) as stage:
        row = await unlisted(stage)
        assert not await adopt(stage, row)
        await stage.bar(14)
        released = await stage.command("settle", symbol=A, policy="adopt", confirm=A)
        assert released.ok, released.message
        venue = venue_of(stage)
        venue.plan = Well()
        for fill in [*await venue.fetch_fills(0)] * 2:
            venue.say(fill)
        await stage.bar(28)
        assert stage.state.book.ours(A) == venue.state.positions[A].quantity
        assert not stage.state.book.halted
        entry = next(o for o in stage.state.book.ended.values() if o.purpose == "entry")
        assert (entry.filled, entry.adopted) == (entry.request.quantity, ZERO)
        assert stage.state.book.cash == await venue.fetch_balance()
        assert not disagreements(stage)
        await stage.engine.journal.commit()
        assert await replay(stage.engine.journal.read) == stage.state.book


async def test_a_position_is_not_adopted_while_missing_fills_explain_it(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(world(), tmp_path) as stage:
        await unlisted(stage)
        (row,) = [r for r in stage.view.differences() if r.kind != MISSING]
        assert "missing fills" in await adopt(stage, row)
        assert not stage.state.book.positions


async def test_a_part_of_a_standing_order_that_is_not_listed_is_missing_and_booked_once(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(world(), tmp_path) as stage:
        await stage.bar(8)
        venue, (stop,) = venue_of(stage), standing(stage)
        venue.plan = Always(tell=Fault.DROPPED, fetch_fills=Fault.NONE)
        order, now_ms = venue.state.orders[stop.client_id], stage.engine.clock.now_ms()
        part = venue._account.apply(order, D(1), D(95), (now_ms, False))
        await stage.bar(12)
        rows = {row.kind: row for row in stage.view.differences()}
        assert set(rows) == {MISSING, DifferenceKind.POSITION}
        assert rows[MISSING].subject == stop.client_id
        assert "missing fills" in await adopt(stage, rows[DifferenceKind.POSITION])
        assert not await adopt(stage, rows[MISSING])
        assert stage.state.book.ours(A) == venue.state.positions[A].quantity
        venue.plan = Well()
        venue.say(part)  # now it is listed
        await stage.bar(16)
        assert stage.state.book.ours(A) == venue.state.positions[A].quantity
        assert stage.view.positions()[0].stop_confirmed
        assert not [row for row in stage.view.differences() if row.symbol]


@pytest.mark.parametrize("left", [0, 1])
async def test_a_fill_that_comes_between_the_look_and_the_settle_is_booked_once(
    tmp_path: Path, autojump_clock: MockClock, left: int
) -> None:
    """`left`: so much of the order has not filled, so it lives on."""
    async with living(world(), tmp_path) as stage:
        row = await unlisted(stage)
        venue, orders = venue_of(stage), stage.state.book.orders
        venue.plan = Well()
        whole = structs.replace(
            orders[row.subject].request, quantity=D(row.theirs) + left
        )
        orders[row.subject] = structs.replace(orders[row.subject], request=whole)
        for fill in await venue.fetch_fills(0):
            venue.say(fill)
        await stage.until(lambda: A in stage.state.book.positions)
        assert (row.subject in orders) is bool(left)
        assert row.id in {shown.id for shown in stage.view.differences()}
        refused = await adopt(stage, row)
        assert f"fills of {row.subject} are here" in refused
        assert "reconcile" in refused
        assert stage.engine.crashes == 0
        await stage.bar(18)
        assert stage.state.book.ours(A) == venue.state.positions[A].quantity
