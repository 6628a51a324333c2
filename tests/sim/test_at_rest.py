"""What is open when nothing runs: at a real exchange it goes on without us."""

from pathlib import Path

import trio
from trio.testing import MockClock

from actors.domain.errors import ExchangeError
from actors.domain.money import ZERO
from actors.domain.orders import (
    ExchangePosition,
    Fill,
    OrderRequest,
    OrderState,
    Refused,
)
from actors.domain.phases import Phase
from actors.exchange.paper.account import PaperPosition
from actors.realtime import TICK_SECONDS
from actors.risk.orders.records import OrderRecord
from tests.sim.faulty import FaultyVenue
from tests.sim.killing import K, phase_of, told
from tests.sim.script import signal
from tests.sim.stops import LOST, instead, is_close, is_stop, standing
from tests.sim.test_live_rules import Real
from tests.sim.world import A, Stage, living

BUSY = Refused("too many requests")


def world() -> Real:
    made = Real(script={(A, 2): signal(stop=95.0)})
    made.venue = FaultyVenue
    return made


def is_entry(request: OrderRequest) -> bool:
    return not request.reduce_only


def unreadable_preset(stage: Stage) -> None:
    Path(stage.engine.setup.preset).unlink()


async def doubtful_entry(stage: Stage) -> OrderRecord:
    """Let the hour run, and stop while it is not known whether an entry lives."""
    at_rest = stage.world
    assert isinstance(at_rest, Real)
    at_rest.come(3)
    await stage.bar(2)
    at_rest.run_on(stage.engine.clock.now_ms())
    (entry,) = stage.state.entries()
    assert entry.state is OrderState.UNKNOWN
    answer = await stage.command("stop")
    assert answer.message == (
        "stopped; no open position; entries that may still fill: "
        f"{A} {entry.intent} unknown"
    )
    assert stage.machine.phase is Phase.IDLE
    return entry


async def test_an_entry_that_fills_after_the_stop_is_not_left_bare(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(world(), tmp_path) as stage:
        answers = [
            instead(LOST, 1, is_entry),
            instead(BUSY, 99, is_stop),
            instead(BUSY, 1, is_close),
        ]
        stage.venue.instead = lambda request: next(
            (said for answer in answers if (said := answer(request))), None
        )
        entry = await doubtful_entry(stage)
        size, now_ms = entry.request.quantity, stage.engine.clock.now_ms()
        stage.venue.state.positions[A] = PaperPosition(size, size * 100)
        sold = (size, entry.request.limit_price, ZERO, False, now_ms)
        stage.venue.say(Fill("t-late", entry.client_id, A, entry.request.side, *sold))
        await stage.until(lambda: A in stage.state.book.positions)
        assert told(stage, "close of")
        await trio.sleep(1 + 3 * TICK_SECONDS)
        assert stage.machine.phase is Phase.IDLE
        beside = [order.request for order in stage.venue.state.orders.values()]
        assert [one.quantity for one in beside if is_close(one)] == [size]


async def test_a_stop_that_vanishes_after_the_stop_is_placed_again(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    at_rest = world()
    async with living(at_rest, tmp_path) as stage:
        at_rest.come(4)
        await stage.bar(3)
        at_rest.run_on(stage.engine.clock.now_ms())
        assert (await stage.command("stop")).ok
        (stop,) = standing(stage)
        assert isinstance(stage.venue, FaultyVenue)
        stage.venue.vanish(stop.client_id)
        await trio.sleep(15)
        assert stage.machine.phase is Phase.IDLE
        assert len(standing(stage)) == 1
        assert stage.view.positions()[0].stop_confirmed


async def test_what_a_killed_engine_has_left_is_confirmed_where_nothing_comes_up(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(world(), tmp_path) as stage:
        stage.venue.instead = instead(LOST, 1, is_entry)
        await doubtful_entry(stage)
        unreadable_preset(stage)
        fetch, failing = stage.venue.fetch_positions, [3]

        async def positions() -> tuple[ExchangePosition, ...]:
            if failing[0] and not stage.state.book.orders:
                failing[0] -= 1
                msg = "busy"
                raise ExchangeError(msg)
            return await fetch()

        stage.venue.fetch_positions = positions  # type: ignore[method-assign]  # the fault
        assert (await stage.command("kill_switch")).ok
        await trio.sleep(60)
        assert told(stage, "No such file")
        assert stage.machine.phase is Phase.IDLE
        assert phase_of(stage) is K.LATCHED
        assert failing == [0]


async def test_a_book_of_before_a_start_is_first_held_against_the_exchange(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """It says to close what is not held there any more."""
    at_rest = world()
    async with living(at_rest, tmp_path, journal=True) as stage:
        stage.venue.instead = instead(BUSY, 99, is_stop, is_close)
        at_rest.come(4)
        await stage.bar(3)
        assert stage.state.book.positions[A].close_wanted
        now_ms = stage.engine.clock.now_ms()
    again = world()
    again.run_on(now_ms)
    async with living(again, tmp_path, journal=True, start=False) as stage:
        assert isinstance(stage.venue, FaultyVenue)
        await trio.sleep(15)
        assert stage.machine.phase is Phase.IDLE
        assert not stage.venue.placed
        (found,) = stage.view.differences()
        assert found.symbol == A
        settle = {"symbol": A, "id": found.id, "policy": "adopt", "confirm": A}
        assert (await stage.command("settle", **settle)).ok
        assert not stage.state.book.positions
        assert stage.engine.crashes == 0


async def test_a_time_stop_before_any_start_says_what_it_lacks(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(world(), tmp_path, start=False) as stage:
        stage.engine.risk.desk.machine.phase = Phase.ERROR
        answer = await stage.command("time_stop")
        assert not answer.ok
        assert "no preset was started yet" in answer.message
        assert stage.engine.crashes == 0
