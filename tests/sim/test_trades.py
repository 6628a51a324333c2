"""From a signal to a booked trade, with the orders that the exchange saw."""

from decimal import Decimal
from pathlib import Path

import pytest

from actors.domain.ledger import Position
from actors.journal import Kind
from tests.sim.world import A, Stage, World, leave, living, signal

pytestmark = pytest.mark.usefixtures("autojump_clock")

CALM = [100.0] * 5


async def closed(stage: Stage) -> list[Position]:
    positions = [row.decode(Position) for row in await stage.rows(Kind.POSITION)]
    return [position for position in positions if position.ended]


async def test_a_position_is_entered_protected_and_stopped_out(tmp_path: Path) -> None:
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
    assert trade.closed_ms is not None
    assert not stage.venue.unjournalled
    assert not stage.venue.state.orders
