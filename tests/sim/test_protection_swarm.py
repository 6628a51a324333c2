"""Under any mixture of faults: reductions only reduce, and the fills are the position.

Chaos first, then the exchange heals: every position must then have its stop.
"""

from decimal import Decimal
from pathlib import Path
from random import Random

import pytest
from trio.testing import MockClock

from actors.domain.money import ZERO
from actors.domain.orders import (
    Fill,
    OrderRequest,
    Outcome,
    Refused,
    Side,
    Unknown,
)
from actors.domain.phases import KillPhase
from actors.exchange.paper.book import PaperSettings
from actors.journal import Kind
from tests.sim.killing import is_phase
from tests.sim.locking import Locking
from tests.sim.script import Found, leave, signal
from tests.sim.stops import assert_sound
from tests.sim.world import SYMBOLS, Stage, World, living, preset

BARS = 70
CHAOS_BARS = 45
LOT = Decimal("0.001")


def random_world(draw: Random) -> World:
    script: dict[tuple[str, int], Found] = {}
    closes = {}
    for name in SYMBOLS:
        path = [100.0]
        for number in range(BARS):
            wild = 4.0 if draw.random() < 0.1 else 0.5
            path.append(round(max(50.0, path[-1] + draw.uniform(-wild, wild)), 2))
            if draw.random() < 0.2:
                side, away = draw.choice([1, -1]), draw.uniform(0.5, 5.0)
                stop = round(path[-2] - away * side, 2)
                target = round(path[-2] + draw.uniform(0.5, 6.0) * side, 2)
                script[name, number - 1] = signal(side, stop, target)
            elif draw.random() < 0.1:
                script[name, number - 1] = leave(draw.choice([1, -1]))
        closes[name] = path[1:]
    world = World(script, closes=closes, bars=BARS, volume=draw.choice([50.0, 1e5]))
    world.preset = preset(risk__max_position_size_usd=Decimal(2_000))
    world.paper = PaperSettings(latency_ms=draw.choice([1, 50, 2_000]))
    return world


class Chaos:
    """Faults of random kinds, at random rates, until it is over; and an eye on it."""

    def __init__(self, stage: Stage, draw: Random) -> None:
        self._stage = stage
        self._draw = draw
        self._rates = [draw.choice([0.0, 0.1, 0.4]) for _ in range(3)]
        self._place = stage.venue.place
        self.on = True

    async def place(self, request: OrderRequest) -> Outcome:
        self._watch(request)
        refused, lost, deaf = self._rates if self.on else (0.0, 0.0, 0.0)
        if self._draw.random() < refused:
            self._stage.venue.placed.append(request)
            return Refused("chaos")
        if self._draw.random() < lost:
            self._stage.venue.placed.append(request)
            return Unknown("lost on its way")
        answer = await self._place(request)
        return Unknown("lost answer") if self._draw.random() < deaf else answer

    def _watch(self, request: OrderRequest) -> None:
        """What is sent to reduce is never for more than what is held, nor adds."""
        if not request.reduce_only:
            return
        held = self._stage.state.book.positions[request.symbol]
        assert held.side is request.side.opposite
        assert ZERO < request.quantity <= held.open


async def assert_books_agree(stage: Stage) -> None:
    theirs = {one.symbol: one.quantity for one in await stage.venue.fetch_positions()}
    rows = [row.decode(Fill) for row in await stage.rows(Kind.FILL)]
    for name in SYMBOLS:
        filled = sum((f.quantity * f.side.sign for f in rows if f.symbol == name), ZERO)
        held = stage.state.book.positions.get(name)
        assert (held.net if held else ZERO) == filled == theirs.get(name, ZERO)


@pytest.mark.parametrize("seed", range(12))
async def test_chaos_ends_in_the_right_position_with_its_stop(
    tmp_path: Path, autojump_clock: MockClock, seed: int
) -> None:
    draw = Random(seed)
    async with living(random_world(draw), tmp_path, start=False) as stage:
        chaos = Chaos(stage, draw)
        stage.venue.place = chaos.place  # type: ignore[method-assign]  # the faults
        answer = await stage.command("start", preset=stage.engine.setup.preset)
        assert answer.ok
        await stage.bar(CHAOS_BARS)
        chaos.on = False
        await stage.bar(CHAOS_BARS + 8)  # whatever is in doubt is settled by now
        gap_max_ms = 5_000 + 2 * stage.world.paper.latency_ms
        now_ms = stage.engine.clock.now_ms()
        for held in stage.state.book.positions.values():
            since_ms = held.gaps.since_ms
            young = since_ms is not None and now_ms - since_ms <= gap_max_ms
            closing = stage.engine.risk.protection.closing.under_way(held)
            assert since_ms is None or young or closing
        await stage.over()
        await assert_books_agree(stage)
        assert not stage.venue.state.positions
        assert stage.state.counts["entries"] > 0
        assert not stage.state.book.halted
        sides = [one.side for one in stage.venue.placed if not one.reduce_only]
        assert set(sides) <= {Side.LONG, Side.SHORT}
        await assert_sound(stage)


@pytest.mark.parametrize("seed", range(6))
async def test_chaos_on_locking_stops_ends_in_the_right_position_with_its_stop(
    tmp_path: Path, autojump_clock: MockClock, seed: int
) -> None:
    draw = Random(seed)
    world = random_world(draw)
    world.venue = Locking
    async with living(world, tmp_path, start=False) as stage:
        chaos = Chaos(stage, draw)
        stage.venue.place = chaos.place  # type: ignore[method-assign]  # the faults
        assert (await stage.command("start", preset=stage.engine.setup.preset)).ok
        await stage.bar(CHAOS_BARS)
        chaos.on = False
        await stage.bar(CHAOS_BARS + 8)
        gap_max_ms = 5_000 + 3 * world.paper.latency_ms
        now_ms = stage.engine.clock.now_ms()
        for held in stage.state.book.positions.values():
            since_ms = held.gaps.since_ms
            young = since_ms is not None and now_ms - since_ms <= gap_max_ms
            closing = stage.engine.risk.protection.closing.under_way(held)
            assert since_ms is None or young or closing
        assert (await stage.command("kill_switch")).ok
        await is_phase(stage, KillPhase.LATCHED)
        await assert_books_agree(stage)
        assert not stage.venue.state.positions
        assert not stage.venue.state.orders
        assert stage.state.counts["entries"] > 0
        assert not stage.state.book.halted
        await assert_sound(stage)
