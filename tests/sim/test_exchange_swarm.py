"""Faults by the book: every call fails once, then many at random, then all is well."""

import os
from pathlib import Path
from random import Random

import pytest
from trio.testing import MockClock

from actors.domain.money import ONE, ZERO
from actors.domain.orders import OrderKind, OrderRequest, Side
from actors.exchange.paper.exchange import PaperExchange
from actors.risk.account.book import replay
from tests.sim.faulty import (
    MENU,
    Fault,
    FaultyVenue,
    Nth,
    Plan,
    Swarm,
    disagreements,
)
from tests.sim.script import leave, signal
from tests.sim.world import MINUTE_MS, START_MS, A, B, C, Stage, World, living

CALM = [100.0] * 5
#: Bars in which everything must come right again once the exchange is well.
HEALED_BARS = 8
#: More calls of one kind than a scenario makes.
CALLS_MAX = 200
SEEDS = int(os.environ.get("BREAKOUT_SWARM_SEEDS", "20"))


def scenario(bars: int) -> World:
    """A target that is hit, a stop that is hit, a close, and one more entry."""
    world = World(
        {
            (A, 4): signal(stop=95.0, target=104.0),
            (B, 4): signal(side=-1, stop=105.0),
            (C, 4): signal(stop=90.0),
            (C, 6): leave(side=1),
            (A, 8): signal(stop=97.0),
        },
        closes={
            A: [*CALM, 100, 105, 100, 100, 100, 96],
            B: [*CALM, 100, 100, 106, 100],
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
    async with living(scenario(16), tmp_path) as stage:
        await stage.bar(14)
        assert not disagreements(stage)
        assert not stage.state.book.halted
        reasons = [trade.reason for trade in stage.state.book.closed]
        assert sorted(reasons) == ["opposite", "stop", "stop", "target_1"]


class Both:
    """Two plans; the first one that strikes."""

    def __init__(self, *plans: Plan) -> None:
        self._plans = plans

    def strike(self, call: str) -> Fault | None:
        struck = [plan.strike(call) for plan in self._plans]
        return next((fault for fault in struck if fault is not None), None)


COUNTED = [(call, fault) for call, faults in MENU.items() for fault in faults]


@pytest.mark.parametrize(("call", "fault"), COUNTED)
async def test_whichever_call_fails_all_comes_right(
    tmp_path: Path, autojump_clock: MockClock, call: str, fault: Fault
) -> None:
    for number in range(1, CALLS_MAX):
        nth = Nth(call, number, fault)
        # Nobody asks for a single order until one is in doubt.
        lost = Nth("place", 1, Fault.LOST)
        plan = Both(lost, nth) if call == "fetch_order" else nth
        async with living(scenario(16), tmp_path) as stage:
            venue_of(stage).plan = plan
            await stage.bar(14)
            found = disagreements(stage)
            assert not found, f"{call} {number} {fault}: {found}"
        if not nth.struck:
            assert number > 1, "the scenario makes this call"
            return
    pytest.fail(f"{call} is called more than {CALLS_MAX} times")


async def mischief(venue: FaultyVenue, random: Random) -> None:
    """Do what an exchange or its user may do at any time."""
    orders, held = list(venue.state.orders.values()), sorted(venue.state.positions)
    stops = [o for o in orders if o.request.kind is OrderKind.STOP_MARKET]
    act = random.choice(("vanish", "cancel", "order", "close"))
    name = f"web-{random.getrandbits(32)}"
    if act == "vanish" and stops:
        venue.vanish(random.choice(stops).request.client_id)
    elif act == "cancel" and orders:
        request = random.choice(orders).request
        await PaperExchange.cancel(venue, request.symbol, request.client_id)
    elif act == "order":
        await venue.intrude(resting(random.choice((A, B, C)), name))
    elif act == "close" and held:
        symbol = random.choice(held)
        quantity = venue.state.positions[symbol].quantity
        side = Side.SHORT if quantity > ZERO else Side.LONG
        kind = OrderKind.MARKET
        await venue.intrude(OrderRequest(name, symbol, side, kind, abs(quantity)))


def resting(symbol: str, name: str) -> OrderRequest:
    """An order that rests far away and is not ours."""
    kind = OrderKind.LIMIT
    return OrderRequest(name, symbol, Side.LONG, kind, ONE, limit_price=ONE * 50)


@pytest.mark.parametrize("seed", range(SEEDS))
async def test_chaos_then_health_converges(
    tmp_path: Path, autojump_clock: MockClock, seed: int
) -> None:
    world, random = scenario(24 + HEALED_BARS), Random(seed)
    for number, symbol in ((10, B), (11, C), (13, A), (15, B), (16, C)):
        world.script[symbol, number] = signal(stop=95.0, target=103.0)
    for bars in world.bars.values():  # prices that reach stops and targets
        for name in ("high", "low"):
            sign = 1 if name == "high" else -1
            bars[name] += [sign * random.choice((0, 0, 0, 0, 7)) for _ in bars]
    async with living(world, tmp_path) as stage:
        venue = venue_of(stage)
        venue.plan, venue.heals_ms = Swarm(random), START_MS + 23 * MINUTE_MS
        for number in range(1, 23):
            await stage.bar(number)
            well = venue.now_ms >= venue.heals_ms  # late bars are caught up at once
            if seed % 2 and not well and random.random() < 0.2:
                await mischief(venue, random)
        await stage.bar(22 + HEALED_BARS)
        assert not disagreements(stage)
        await stage.engine.journal.commit()
        assert await replay(stage.engine.journal.read) == stage.state.book
