"""What is heard late of an order that is over takes no stop from what is held."""

from decimal import Decimal
from pathlib import Path

from trio.testing import MockClock

from actors.domain.ledger import Position
from actors.domain.money import ZERO
from actors.domain.orders import (
    ExchangePosition,
    ExchangeUpdate,
    Fill,
    OrderState,
    OrderUpdate,
    Side,
)
from actors.domain.truth import Look, Truth
from actors.exchange.port import UpdateSink
from actors.risk.orders.records import OrderRecord
from tests.sim.faulty import Fault, FaultyVenue
from tests.sim.script import signal
from tests.sim.stops import standing
from tests.sim.world import A, Stage, World, living, preset

#: A long of bar 5 is stopped out in bar 7; the next one fills in bar 9, in part.
CLOSES = [*[100.0] * 7, 94.0, 100.0]


class Line:
    """Fails in the calls that a test names, for as long as it names them."""

    def __init__(self) -> None:
        self.faults: dict[str, Fault] = {}

    def strike(self, call: str) -> Fault | None:
        return self.faults.get(call)


class Reticent(FaultyVenue):
    """Does not say that it gave up the rest of an entry."""

    def _stream(self, sink: UpdateSink, update: ExchangeUpdate) -> None:
        if not (isinstance(update, OrderUpdate) and update.reason == "band"):
            super()._stream(sink, update)


def world() -> World:
    script = {(A, 4): signal(stop=95.0), (A, 8): signal(stop=90.0)}
    made = World(script, closes={A: CLOSES}, bars=60, symbols=(A,))
    made.preset = preset(risk__max_position_size_usd=Decimal(20_000))
    made.bars[A]["volume"][9:] = 1_000  # a tenth is ours
    made.venue = Reticent
    return made


def venue_of(stage: Stage) -> FaultyVenue:
    assert isinstance(stage.venue, FaultyVenue)
    return stage.venue


def entry_of(stage: Stage) -> OrderRecord:
    orders: list[OrderRecord] = list(stage.state.book.orders.values())
    (entry,) = (order for order in orders if order.purpose == "entry")
    return entry


def assert_covered(stage: Stage) -> None:
    """The position has one stop for all of it, and no bar has closed since."""
    stops = [stop.quantity for stop in standing(stage)]
    assert stops == [stage.state.book.positions[A].open]
    assert stage.state.counts["cycles"] == 10


async def test_the_end_of_an_old_target_takes_no_stop_from_a_new_position(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """One look brings both: the new entry's first fill, and what is long over."""
    async with living(world(), tmp_path) as stage:
        venue_of(stage).plan = line = Line()
        await stage.bar(6)
        line.faults = {"tell": Fault.DROPPED, "fetch_order": Fault.FAILS}
        await stage.bar(8)
        orders = stage.state.book.orders.values()
        old = [order.client_id for order in orders if "target" in order.purpose]
        assert len(old) == 2
        line.faults = {"tell": Fault.DROPPED, "fetch_positions": Fault.FAILS}
        await stage.until(lambda: A in stage.state.book.positions)
        ended = [stage.state.book.find(name) for name in old]
        assert [order.outcome for order in ended] == ["reduce_only"] * 2
        assert stage.state.book.positions[A].open == 100  # in part
        assert_covered(stage)


async def test_a_position_that_a_look_shows_is_given_its_stop_again(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """Stopped out and filled on since by the same entry: which came first is lost."""
    async with living(world(), tmp_path) as stage:
        venue_of(stage).plan = line = Line()
        line.faults = {"fetch_order": Fault.FAILS}
        await stage.bar(9)
        (stop,) = standing(stage)
        entry = entry_of(stage).request
        venue_of(stage).vanish(stop.client_id)
        more, now_ms = Decimal(10), stage.engine.clock.now_ms()
        stage.venue._account._move(A, more, Decimal(100))
        piece = Fill(
            *("t-more", entry.client_id, A, Side.LONG, more),
            *(Decimal(100), ZERO, False, now_ms),
        )
        gone = OrderUpdate(
            *(stop.client_id, "", A, OrderState.CANCELLED, ZERO, "reduce_only", now_ms)
        )
        held = ExchangePosition(
            A, stage.state.book.positions[A].open + more, Decimal(100)
        )
        look = Look(stage.engine.journal.appended, now_ms, (), now_ms, True, False)
        stage.engine.risk_ref.tell(
            Truth(look, (), (held,), (piece,), None, ((stop.client_id, gone),), ())
        )
        await stage.until(lambda: stage.state.book.positions[A].open == 110)
        assert_covered(stage)


async def test_a_stop_that_outlives_its_position_is_cancelled_at_its_sight(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """A crash came before its cancel: else it would close what is bought next."""
    made = World({(A, 4): signal(stop=95.0)}, bars=60)
    async with living(made, tmp_path) as stage:
        await stage.bar(6)
        closing, venue = stage.engine.risk.protection.closing, stage.venue

        async def crashed(_position: Position) -> None:
            return None

        venue._account.is_reducing = lambda _request: False  # type: ignore[method-assign]  # it lets orders rest that nothing is held for
        closing.cancel_all = crashed  # type: ignore[method-assign]
        assert (await stage.command("panic_exit")).ok
        await stage.until(lambda: not stage.state.book.positions)
        del closing.cancel_all
        assert [order.purpose for order in stage.state.book.orders.values()] == ["stop"]
        await stage.bar(12)
        assert not venue.state.orders
        assert not stage.state.book.orders
        assert not stage.state.book.halted
