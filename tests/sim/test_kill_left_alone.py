"""What a person has said to leave alone stands in no way, as large as it was then."""

from decimal import Decimal
from pathlib import Path

import pytest
from trio.testing import MockClock

from actors.exchange.paper.account import PaperPosition
from tests.sim.killing import K, is_phase, phase_of, told
from tests.sim.world import C, Stage, World, living


def turns_up(stage: Stage, quantity: int) -> None:
    """Have the exchange hold so much in C, of which it lists no fill."""
    held = Decimal(quantity)
    stage.venue.state.positions[C] = PaperPosition(held, held * 100)


async def left_alone(stage: Stage) -> None:
    for _ in range(2):
        await stage.command("reconcile")
    (found,) = stage.view.differences()
    given = {"symbol": C, "policy": "ignore", "id": found.id, "confirm": C}
    assert (await stage.command("settle", **given)).ok


async def test_what_was_left_alone_is_not_in_the_way_of_flat(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(World(bars=60), tmp_path) as stage:
        await stage.bar(2)
        turns_up(stage, 1)
        await left_alone(stage)
        assert (await stage.command("kill_switch")).ok
        await is_phase(stage, K.LATCHED)
        assert stage.venue.state.positions[C].quantity == 1
        assert not stage.venue.placed


@pytest.mark.parametrize("quantity", [50, -1])
async def test_more_of_what_was_left_alone_is_not_flat(
    tmp_path: Path, autojump_clock: MockClock, quantity: int
) -> None:
    """Nobody has left alone what has come, or turned, since."""
    async with living(World(bars=60), tmp_path) as stage:
        await stage.bar(2)
        turns_up(stage, 1)
        await left_alone(stage)
        turns_up(stage, quantity)
        assert (await stage.command("kill_switch")).ok
        await stage.bar(20)
        assert phase_of(stage) is K.FLATTENING
        assert told(stage, f"position {quantity} in {C}")
        assert not (await stage.command("reset", confirm="RESET")).ok
        turns_up(stage, 1)
        await is_phase(stage, K.LATCHED)
        assert not stage.venue.placed
