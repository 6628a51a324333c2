"""Where a fee is taken from the coin, all that is held is known, to the last digit.

What the fee leaves is no whole number of lots. The stop and the close are for the lots;
the rest is dust: set aside, shown, and taken along by the symbol's next position.
"""

from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from trio.testing import MockClock

from actors.domain.bars import MarketDescription
from actors.domain.money import ZERO, floor_to
from actors.domain.orders import OrderState, Refused
from actors.domain.phases import KillPhase, TradePhase
from actors.exchange.paper.account import PaperPosition
from tests.sim.killing import is_phase
from tests.sim.locking import Coined
from tests.sim.script import leave, signal
from tests.sim.stops import assert_sound, closed, instead, is_close, standing
from tests.sim.world import A, Stage, World, living

D = Decimal
LOT = D("0.001")
CENT = D("0.01")
FALL = [100.0] * 8 + [94.0]


class Spot(World):
    """A world in which nothing can be sold short."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.venue = Coined

    def describe(self) -> MarketDescription:
        market = super().describe()
        spot = tuple(
            msgspec.structs.replace(one, shortable=False) for one in market.instruments
        )
        return msgspec.structs.replace(market, instruments=spot)


def there(stage: Stage) -> Decimal:
    held = stage.venue.state.positions.get(A)
    return ZERO if held is None else held.quantity


def assert_one_truth(stage: Stage) -> None:
    """The book's coins and money are the exchange's, and nobody was asked."""
    book = stage.state.book
    assert book.ours(A) + book.dust_in(A) == there(stage)
    assert abs(book.cash - stage.venue._account.balance()) < CENT
    assert not book.halted
    assert not [a for a in stage.state.alerts if a.severity in {"error", "critical"}]
    assert not [a for a in stage.state.alerts if "the balance is" in a.message]


async def test_the_stop_is_for_the_lots_of_what_is_held_and_the_rest_is_dust(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    world = Spot({(A, 4): signal(stop=95.0)}, closes={A: FALL}, bars=60)
    async with living(world, tmp_path) as stage:
        await stage.bar(6)
        (entry,) = (o for o in stage.venue.placed if not o.reduce_only)
        position = stage.state.book.positions[A]
        assert position.open == position.entered == there(stage) < entry.quantity
        assert [o.quantity for o in standing(stage)] == [floor_to(there(stage), LOT)]
        assert stage.view.positions()[0].stop_confirmed
        await stage.bar(11)
        (gone,) = await closed(stage)
        assert (gone.phase, gone.reason) == (TradePhase.DUST, "stop")
        assert 0 < gone.dust == there(stage) < LOT
        await stage.bar(30)  # several looks at positions and balance
        assert_one_truth(stage)
        await assert_sound(stage)


async def test_the_next_position_begins_with_the_dust_of_the_one_before(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    script = {(A, n): signal(stop=90.0) for n in (4, 16, 28)}
    script |= {(A, n): leave() for n in (10, 22, 34)}
    async with living(Spot(script, bars=60), tmp_path) as stage:
        await stage.bar(13)
        first = stage.state.book.dust[A]
        await stage.bar(19)
        assert not stage.state.book.dust
        assert stage.state.book.positions[A].open == there(stage)
        assert_one_truth(stage)
        await stage.bar(50)
        trades = await closed(stage)
        assert [one.phase for one in trades] == [TradePhase.DUST] * 3
        assert 0 < there(stage) < LOT
        assert stage.state.book.dust[A].quantity == there(stage) != first.quantity
        assert stage.state.book.dust[A].loss == 0  # the coins are there
        results = sum((one.pnl_usd for one in trades), ZERO)
        assert stage.world.equity + results == stage.state.book.cash
        assert_one_truth(stage)
        await assert_sound(stage)


@pytest.mark.parametrize("later", ["0", "0.00061"])
async def test_fractions_of_a_lot_come_and_go_and_halt_nothing(
    tmp_path: Path, autojump_clock: MockClock, later: str
) -> None:
    world = Spot({(A, 50): signal(stop=95.0)}, bars=60)
    async with living(world, tmp_path, start=False) as stage:
        positions = stage.venue.state.positions
        positions[A] = PaperPosition(D("0.00042"), D("0.042"))
        assert (await stage.command("start", preset=stage.engine.setup.preset)).ok
        await stage.bar(6)
        assert stage.state.book.dust[A].quantity == D("0.00042")
        del positions[A]
        if D(later):
            positions[A] = PaperPosition(D(later), D(later) * 100)
        await stage.bar(40)
        assert stage.state.book.dust_in(A) == D(later)
        assert not stage.state.book.halted
        await stage.bar(54)
        assert A in stage.state.book.positions  # it trades all the same
        assert stage.state.book.positions[A].open == there(stage)
        await assert_sound(stage)


async def test_a_crumb_of_a_position_is_no_position_that_could_be_sold(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """A person has sold all but a crumb: nothing is sent, and a person decides."""
    async with living(Spot({(A, 4): signal(stop=95.0)}, bars=60), tmp_path) as stage:
        await stage.bar(6)
        stage.venue.state.orders.clear()
        stage.venue.state.positions[A] = PaperPosition(D("0.0004"), D("0.04"))
        await stage.until(lambda: A in stage.state.book.halted)
        assert A in stage.state.not_held
        sent = len(stage.venue.placed)
        assert not (await stage.command("close_position", id="x")).ok
        await stage.bar(30)
        assert len(stage.venue.placed) == sent


async def test_the_kill_switch_is_flat_with_dust_in_the_account(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(Spot({(A, 4): signal(stop=95.0)}, bars=60), tmp_path) as stage:
        await stage.bar(6)
        held = there(stage)
        assert (await stage.command("kill_switch")).ok
        await is_phase(stage, KillPhase.LATCHED)
        (close,) = (o for o in stage.venue.placed if is_close(o))
        assert close.quantity == floor_to(held, LOT)
        assert not stage.venue.state.orders
        assert stage.state.book.dust[A].quantity == there(stage) == held % LOT
        assert stage.venue.locked == 0
        await assert_sound(stage)


async def test_what_is_below_the_least_notional_by_its_fraction_is_let_go(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """Its whole lots are worth less than is taken, whatever the fraction adds."""
    async with living(Spot({(A, 4): signal(stop=95.0)}, bars=60), tmp_path) as stage:
        await stage.bar(6)
        position = stage.state.book.positions[A]
        stage.venue.before = instead(Refused("NOTIONAL"), 1, is_close)
        await stage.command("close_position", id=position.id)
        await stage.until(
            lambda: any(
                o.state is OrderState.REFUSED and o.purpose == "close"
                for o in stage.state.book.ended.values()
            )
        )
        (refused,) = (
            o for o in stage.state.book.ended.values() if o.purpose == "close"
        )
        small = msgspec.structs.replace(
            position, open=D("0.05002"), mark=D("99.99"), close_wanted="x"
        )
        order = msgspec.structs.replace(refused.request, quantity=D("0.050"))
        stage.state.book.ended[refused.client_id] = msgspec.structs.replace(
            refused, request=order
        )
        closing = stage.engine.risk.protection.closing
        assert closing.hopeless(small)
        assert not closing.hopeless(msgspec.structs.replace(small, mark=D("100.01")))


async def test_what_is_not_ours_is_flattened_down_to_the_lot(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(Spot({}, bars=60), tmp_path) as stage:
        await stage.bar(3)
        stage.venue.state.positions[A] = PaperPosition(D("0.50042"), D("50.042"))
        await stage.until(lambda: A in stage.state.book.halted)
        (row,) = [row for row in stage.engine.risk.policies.rows() if row.symbol]
        assert row.would["flatten"].endswith("short 0.5")
        args = {"symbol": A, "policy": "flatten", "confirm": A, "id": row.id}
        assert (await stage.command("settle", **args)).ok
        await stage.bar(20)
        assert there(stage) == stage.state.book.dust_in(A) == D("0.00042")
        assert not stage.engine.risk.settlement.differences.all()
