"""Every fault of an exchange ends in the right position, with the right orders."""

import os
from pathlib import Path
from random import Random

import pytest
from trio.testing import MockClock

from tests.sim.faulty import (
    MENU,
    Fault,
    FaultyVenue,
    Nth,
    Swarm,
    Well,
    disagreements,
)
from tests.sim.script import leave, signal
from tests.sim.world import A, B, C, Stage, World, living

CALM = [100.0] * 5
#: Bars in which everything must come right again once the exchange is well.
HEALED_BARS = 8
#: More calls of one kind than a scenario makes.
CALLS_MAX = 200
SEEDS = int(os.environ.get("BREAKOUT_SWARM_SEEDS", "20"))


def scenario(bars: int = 24) -> World:
    """A target that is hit, a stop that is hit, a close, and one more entry."""
    world = World(
        {
            (A, 4): signal(stop=95.0, target=104.0),
            (B, 4): signal(side=-1, stop=105.0),
            (C, 5): signal(stop=90.0),
            (C, 8): leave(side=1),
            (A, 12): signal(stop=97.0),
        },
        closes={
            A: [*CALM, 100, 101, 105, *[100] * 6, 100, 96],
            B: [*CALM, 100, 100, 100, 106, 100],
        },
        bars=bars,
    )
    world.venue = FaultyVenue
    return world


def venue_of(stage: Stage) -> FaultyVenue:
    assert isinstance(stage.venue, FaultyVenue)
    return stage.venue


async def test_the_scenario_itself_goes_well(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(scenario(), tmp_path) as stage:
        await stage.bar(22)
        assert not disagreements(stage)
        assert not stage.state.book.halted
        reasons = [trade.reason for trade in stage.state.book.closed]
        assert sorted(reasons) == ["opposite", "stop", "stop", "target_1"]


# --- count to N --------------------------------------------------------------------

COUNTED = [(call, fault) for call, faults in MENU.items() for fault in faults]


@pytest.mark.parametrize(("call", "fault"), COUNTED)
async def test_whichever_call_fails_all_comes_right(
    tmp_path: Path, autojump_clock: MockClock, call: str, fault: Fault
) -> None:
    for number in range(1, CALLS_MAX):
        plan = Nth(call, number, fault)
        async with living(scenario(), tmp_path) as stage:
            venue_of(stage).plan = plan
            await stage.bar(22)
            found = disagreements(stage)
            assert not found, f"{call} {number} {fault}: {found}"
        if not plan.struck:
            assert number > 1, "the scenario makes this call"
            return
    pytest.fail(f"{call} is called more than {CALLS_MAX} times")


# --- the swarm ---------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(SEEDS))
async def test_chaos_then_health_converges(
    tmp_path: Path, autojump_clock: MockClock, seed: int
) -> None:
    world = scenario(bars=24 + HEALED_BARS)
    world.seed = seed
    async with living(world, tmp_path) as stage:
        venue = venue_of(stage)
        venue.plan = Swarm(Random(seed))
        await stage.bar(22)
        venue.plan = Well()
        await stage.bar(22 + HEALED_BARS)
        assert not disagreements(stage)
