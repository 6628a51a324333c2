"""What was in doubt when the engine ended is asked for, and never sent again."""

from decimal import Decimal
from pathlib import Path

from trio.testing import MockClock

from actors.domain.orders import OrderKind, OrderState
from actors.domain.phases import Phase
from actors.journal import Kind
from actors.risk.orders.records import OrderRecord
from tests.sim.faulty import Always, Fault, FaultyVenue, Nth, Well, disagreements
from tests.sim.script import leave, signal
from tests.sim.world import A, Stage, World, living


def world() -> World:
    made = World({(A, 4): signal(stop=95.0, target=150.0)}, bars=60)
    made.venue = FaultyVenue
    return made


def venue_of(stage: Stage) -> FaultyVenue:
    assert isinstance(stage.venue, FaultyVenue)
    return stage.venue


async def entry_states(stage: Stage) -> list[OrderState]:
    rows = await stage.rows(Kind.ORDER)
    records = [row.decode(OrderRecord) for row in rows]
    return [record.state for record in records if record.purpose == "entry"]


def live(stage: Stage) -> list[OrderRecord]:
    return list(stage.state.book.orders.values())


async def again(stage: Stage) -> None:
    answer = await stage.command("stop")
    assert answer.ok, answer.message
    await stage.until(lambda: stage.machine.phase is Phase.IDLE)
    answer = await stage.command("start")
    assert answer.ok, answer.message


async def test_an_entry_on_its_way_at_a_stop_is_found_at_the_next_start(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(world(), tmp_path) as stage:
        venue_of(stage).plan = Always(
            place=Fault.SLOW, tell=Fault.DROPPED, fetch_open_orders=Fault.FAILS
        )
        await stage.bar(4)
        (entry,) = stage.state.book.orders.values()
        assert entry.state is OrderState.SENDING
        venue_of(stage).plan = Well()
        await again(stage)
        await stage.bar(14)
        assert venue_of(stage).executed[entry.client_id] == 1
        assert len(stage.venue.placed_as(OrderKind.MARKET)) == 1
        assert OrderState.UNKNOWN in await entry_states(stage)
        assert not disagreements(stage)


async def test_an_entry_that_never_went_is_absent_after_a_restart_too(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(world(), tmp_path) as stage:
        venue_of(stage).plan = Always(place=Fault.LOST)
        await stage.bar(4)
        await again(stage)
        (entry,) = stage.state.book.orders.values()
        assert entry.state is OrderState.UNKNOWN
        await stage.bar(14)
        ends = await entry_states(stage)
        assert (set(ends[:-1]), ends[-1]) == ({OrderState.UNKNOWN}, OrderState.ABSENT)
        assert len(stage.venue.placed) == 1
        assert not disagreements(stage)


async def test_a_cancel_lost_before_a_restart_is_asked_for_after_it(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    made = world()
    made.script[A, 8] = leave(side=1)
    async with living(made, tmp_path) as stage:
        venue = venue_of(stage)
        await stage.bar(7)
        venue.plan = Always(cancel=Fault.LOST)
        await stage.until(lambda: any(o.cancel_wanted for o in live(stage)))
        wanted = next(o for o in live(stage) if o.cancel_wanted)
        await again(stage)
        venue.plan = Well()
        await stage.bar(24)
        assert wanted.client_id not in venue.state.orders
        assert not disagreements(stage)


async def test_a_crash_of_the_risk_actor_between_send_and_answer_doubles_nothing(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(world(), tmp_path) as stage:
        venue_of(stage).plan = Nth("place", 1, Fault.SLOW)
        await stage.bar(4)
        stage.engine.risk_ref.tell(object())
        await stage.until(lambda: stage.machine.phase is Phase.ERROR)
        await stage.until(lambda: stage.state.settled)
        await stage.command("retry")
        await stage.bar(24)
        assert set(venue_of(stage).executed.values()) == {1}
        assert len(stage.venue.placed_as(OrderKind.MARKET)) == 1
        assert stage.state.book.positions[A].open > Decimal(0)
        found = [text for text in disagreements(stage) if "crashes" not in text]
        assert not found


async def test_entries_are_refused_until_all_is_answered(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    made = world()
    made.script[A, 10] = signal(stop=95.0)
    async with living(made, tmp_path) as stage:
        await stage.command("stop")
        await stage.until(lambda: stage.machine.phase is Phase.IDLE)
        venue_of(stage).plan = Always(fetch_balance=Fault.FAILS)
        await stage.command("start")
        await stage.until(lambda: stage.machine.phase is Phase.ERROR)
        assert not stage.state.settled
        venue_of(stage).plan = Well()
        assert (await stage.command("reconcile")).ok
        assert stage.state.settled


async def test_an_order_that_was_in_doubt_for_long_and_is_found_is_not_kept_in_mind(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(world(), tmp_path) as stage:
        venue_of(stage).plan = Always(
            place=Fault.ANSWER_LOST,
            tell=Fault.DROPPED,
            fetch_fills=Fault.FAILS,
            fetch_open_orders=Fault.FAILS,
            fetch_order=Fault.FAILS,
        )
        await stage.bar(8)
        doubts = stage.engine.risk.settlement._doubts
        assert len(doubts._alarmed) == 1
        venue_of(stage).plan = Well()
        await stage.bar(14)
        assert stage.state.book.positions[A].open > 0
        assert (doubts._alarmed, doubts._first_ms) == (set(), {})
        assert not disagreements(stage)
