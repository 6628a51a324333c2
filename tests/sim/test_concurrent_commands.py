"""Many people command at once while the market runs: the state stays true."""

import itertools
from decimal import Decimal
from pathlib import Path
from random import Random

import pytest
import trio
from trio.testing import MockClock

from actors.domain.phases import WORKING_PHASES, Phase
from actors.journal import Kind
from actors.risk.commands import RULES
from tests.sim.script import armed, disarmed, leave, signal, whynot
from tests.sim.world import START_MS, SYMBOLS, Stage, World, living

BARS = 120
PEOPLE, ORDERS = 4, 40
P = Phase


def lively(random: Random) -> World:
    """Every symbol does something on every other bar, at random."""
    choices = [
        signal(stop=97.0),
        signal(-1, stop=103.0),
        whynot(),
        armed(),
        disarmed(),
        leave(),
        leave(-1),
    ]
    script = {
        (symbol, bar): random.choice(choices)
        for symbol in SYMBOLS
        for bar in range(2, BARS, 2)
    }
    path = [100.0]
    while len(path) < BARS:
        path.append(round(min(max(path[-1] + random.uniform(-2, 2), 80), 120), 2))
    return World(script, closes=dict.fromkeys(SYMBOLS, path), bars=BARS)


async def person(stage: Stage, random: Random) -> None:
    """Order something at random again and again; start what has stopped."""
    names = [*RULES, "pause", "resume", "resume", "no_such_command"]
    for _ in range(ORDERS):
        await trio.sleep(random.uniform(0, 3))
        phase = stage.machine.phase
        name = random.choice(names)
        if phase in {P.IDLE, P.STOPPED} or random.random() < 0.05:
            name = "start"
        elif phase is P.EMERGENCY:
            name = "reset"
        given = {"preset": stage.engine.setup.preset} if name == "start" else {}
        if stage.engine.market_over.is_set():
            return
        await stage.command(name, **given)
        assert stage.machine.illegal_transitions == 0


def state_is_true(stage: Stage) -> None:
    """What the machine says agrees with what there is."""
    state, phase = stage.state, stage.machine.phase
    if phase in WORKING_PHASES:
        assert phase is state.leading_stage()
    if phase in {P.PAUSED, P.ERROR, P.EMERGENCY, P.STOPPED, P.IDLE}:
        assert not state.gate_open
    assert (state.book.kill is not None) == (phase is P.EMERGENCY)
    for symbol, position in state.book.positions.items():
        held = stage.venue.state.positions[symbol].quantity
        assert held == position.open * position.side.sign


@pytest.mark.parametrize("seed", range(6))
async def test_commands_from_many_tasks_leave_the_state_true(
    tmp_path: Path, autojump_clock: MockClock, seed: int
) -> None:
    random = Random(seed)
    async with living(lively(random), tmp_path) as stage:
        async with trio.open_nursery() as nursery:
            for number in range(PEOPLE):
                nursery.start_soon(person, stage, Random(seed * 100 + number))
        await trio.sleep(3)
        # Between two moments of the market: what the exchange told has been heard.
        await stage.until(lambda: stage.engine.in_hand.remaining == 0)
        state_is_true(stage)
        gap = abs(worth(stage) - await stage.venue.fetch_equity())
        assert gap < Decimal("1e-9")
        assert stage.engine.crashes == 0
        assert stage.machine.illegal_transitions == 0
        walked = await stage.walked()
        assert len(walked) > 50
        joined = itertools.pairwise(walked)
        assert all(before[1] == after[0] for before, after in joined)
        assert not stage.venue.unjournalled
        audits = await stage.rows(Kind.AUDIT)
        assert min(row.ts_ms for row in audits) >= START_MS


def worth(stage: Stage) -> Decimal:
    """Cash and positions at the exchange's own last prices."""
    state, venue = stage.state, stage.venue
    equity: Decimal = state.book.cash
    for symbol, position in state.book.positions.items():
        price = venue._last_price(symbol)
        assert price is not None
        equity += (price - position.entry) * position.open * position.side.sign
    return equity
