"""Every legal edge of the global machine is taken; every other one is refused.

`SCENES` says which scene takes which edges by the engine's own means: commands,
signals, fills and faults. What no situation takes is taken at the machine, with why.
"""

from collections.abc import Awaitable, Callable
from decimal import Decimal
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import pytest
from trio.testing import MockClock

from actors.domain.messages import Command, Role, Transition
from actors.domain.money import ZERO
from actors.domain.orders import Fill, Side
from actors.domain.phases import GLOBAL_MACHINE, WORKING_PHASES, Phase, route
from actors.journal import Kind
from actors.risk.account.machine import GlobalMachine
from actors.risk.truth.requests import CommandRequest
from actors.runtime import DeadLetters, ReplyTo
from actors.runtime.clock import MarketClock
from tests.sim.script import Found, armed, disarmed, leave, signal
from tests.sim.world import START_MS, A, B, Stage, World, living, preset

Script = dict[tuple[str, int], Found]
Scene = Callable[[Stage], Awaitable[None]]
P = Phase
LEGAL = {(source, target) for source, row in GLOBAL_MACHINE.items() for target in row}


# --- scenes ------------------------------------------------------------------------


def until(bar: int) -> Scene:
    """Only watch."""

    async def play(stage: Stage) -> None:
        await stage.bar(bar)

    return play


def then(phase: Phase, *names: str) -> Scene:
    """Command something once the engine rests in a phase."""

    async def play(stage: Stage) -> None:
        await stage.until(lambda: stage.machine.phase is phase)
        for name in names:
            preset_name = stage.engine.setup.preset
            given = {"preset": preset_name} if name == "start" else {}
            answer = await stage.command(name, **given)
            assert answer.ok, answer.message
        if names[-1] == "start":
            await stage.bar(6)
            await stage.until(lambda: stage.machine.phase in WORKING_PHASES)

    return play


def broken(phase: Phase, *then_names: str) -> Scene:
    """Let the journal refuse one row while the machine is in a phase, durably.

    A phase that only half a turn came to is forgotten with that turn.
    """

    async def play(stage: Stage) -> None:
        append, refused = stage.engine.journal.append, list[Kind]()

        def refuses(kind: Kind, body: Any, **names: Any) -> int:
            durable = stage.engine.journal.idle
            if stage.machine.phase is phase and durable and not refused:
                refused.append(kind)
                msg = "no room"
                raise OSError(msg)
            return append(kind, body, **names)

        stage.engine.journal.append = refuses  # type: ignore[method-assign]  # the fault
        if phase in {P.PAUSED, P.IDLE, P.SCANNING}:
            if phase is P.PAUSED:
                await stage.command("pause")
            await stage.command("reload")
        await stage.until(lambda: stage.machine.phase is P.ERROR)
        if then_names:
            await then(P.ERROR, *then_names)(stage)

    return play


async def killed_and_reset(stage: Stage) -> None:
    await then(P.MANAGING, "kill_switch")(stage)
    await stage.until(lambda: stage.state.book.kill.phase == "LATCHED")
    assert (await stage.command("reset", confirm="RESET")).ok


async def killed_at_the_start(stage: Stage) -> None:
    """The halt overtakes the start: the symbols are still coming up."""

    def kill(symbol: str) -> None:
        if symbol == A:
            order = Command("k", "kill_switch", {}, "test", Role.ADMIN)
            letters: ReplyTo[Any] = ReplyTo("test", DeadLetters())
            stage.engine.risk_ref.tell_urgent(CommandRequest(order, letters))

    stage.world.cast = kill
    await stage.command("start", preset=stage.engine.setup.preset)
    await stage.until(lambda: stage.state.book.kill is not None)


async def failed_start(stage: Stage) -> None:
    stage.engine.root().commons.names.add(A)  # the name is taken
    await stage.command("start", preset=stage.engine.setup.preset)
    await stage.until(lambda: stage.machine.phase is P.ERROR)


async def late_fill(stage: Stage) -> None:
    """A cancelled entry fills after all, while another symbol is armed."""
    await stage.bar(8)
    (order,) = stage.state.book.ended.values()
    request = order.request
    sold = (request.quantity, Decimal(100), ZERO, False, START_MS)
    stage.venue.say(Fill("t-late", request.client_id, A, Side.LONG, *sold))
    await stage.until(lambda: stage.machine.phase is P.MANAGING)


TRADE: Script = {(A, 2): signal(), (A, 5): disarmed(), (A, 8): leave()}
LEVELS: Script = {(A, 2): armed()[:2]}
ARMED: Script = {(A, 2): armed()}
HALTED: Script = {(A, 2): signal() + disarmed(), (B, 6): armed()}
QUIET: Script = {}

WHOLE_TRADE = (
    "IDLE INITIALIZING SCANNING LEVEL_BUILDING SIGNAL_WAIT SIZING EXECUTION "
    "MANAGING SCANNING"
)
#: name -> (script, scene, edges that it takes)
SCENES: dict[str, tuple[Script, Scene, str]] = {
    "one trade": (
        TRADE,
        until(11),
        WHOLE_TRADE,
    ),
    "levels lead nowhere": (LEVELS, until(3), "LEVEL_BUILDING SCANNING"),
    "disarmed": (ARMED | {(A, 4): disarmed()}, until(5), "SIGNAL_WAIT SCANNING"),
    "too small": (TRADE, until(3), "SIZING SCANNING"),
    "halted entry": (HALTED, until(8), "EXECUTION SCANNING"),
    "late fill": (HALTED, late_fill, "SIGNAL_WAIT MANAGING"),
    "pause scanning": (
        QUIET,
        then(P.SCANNING, "pause", "resume"),
        "SCANNING PAUSED SCANNING",
    ),
    "pause armed": (ARMED, then(P.SIGNAL_WAIT, "pause"), "SIGNAL_WAIT PAUSED"),
    "pause managing": (
        TRADE,
        then(P.MANAGING, "pause", "resume"),
        "MANAGING PAUSED MANAGING",
    ),
    "stop scanning": (QUIET, then(P.SCANNING, "stop"), "SCANNING STOPPED IDLE"),
    "stop armed": (ARMED, then(P.SIGNAL_WAIT, "stop"), "SIGNAL_WAIT STOPPED"),
    "stop in flight": (TRADE, then(P.EXECUTION, "stop"), "EXECUTION STOPPED"),
    "stop managing": (
        TRADE,
        then(P.MANAGING, "stop", "start"),
        "MANAGING STOPPED IDLE INITIALIZING SCANNING MANAGING",
    ),
    "stop paused": (QUIET, then(P.SCANNING, "pause", "stop"), "PAUSED STOPPED"),
    "stop in error": (QUIET, broken(P.SCANNING, "stop"), "ERROR STOPPED"),
    "kill scanning": (QUIET, then(P.SCANNING, "kill_switch"), "SCANNING EMERGENCY"),
    "kill armed": (ARMED, then(P.SIGNAL_WAIT, "kill_switch"), "SIGNAL_WAIT EMERGENCY"),
    "kill in flight": (TRADE, then(P.EXECUTION, "kill_switch"), "EXECUTION EMERGENCY"),
    "kill managing": (TRADE, killed_and_reset, "MANAGING EMERGENCY IDLE"),
    "kill paused": (
        QUIET,
        then(P.SCANNING, "pause", "kill_switch"),
        "PAUSED EMERGENCY",
    ),
    "kill in error": (QUIET, broken(P.SCANNING, "kill_switch"), "ERROR EMERGENCY"),
    "kill at start": (QUIET, killed_at_the_start, "INITIALIZING EMERGENCY"),
    "failed start": (QUIET, failed_start, "INITIALIZING ERROR"),
    "broken idle": (QUIET, broken(P.IDLE), "IDLE ERROR"),
    "broken scanning": (QUIET, broken(P.SCANNING, "retry"), "SCANNING ERROR SCANNING"),
    "broken armed": (ARMED, broken(P.SIGNAL_WAIT), "SIGNAL_WAIT ERROR"),
    "broken in flight": (TRADE, broken(P.EXECUTION), "EXECUTION ERROR"),
    "broken managing": (TRADE, broken(P.MANAGING, "retry"), "MANAGING ERROR MANAGING"),
    "broken paused": (QUIET, broken(P.PAUSED, "reset"), "PAUSED ERROR IDLE"),
}
BEFORE_A_START = {"kill at start", "failed start", "broken idle"}

#: Taken at the machine alone, and why.
AT_THE_MACHINE = {
    (P.IDLE, P.SCANNING): "every start goes through INITIALIZING",
    (P.IDLE, P.STOPPED): "there is nothing to stop, so the command is refused",
    (P.INITIALIZING, P.STOPPED): "a stop waits its turn until the start has ended",
    (P.LEVEL_BUILDING, P.EMERGENCY): "levels are built within one turn",
    (P.LEVEL_BUILDING, P.STOPPED): "levels are built within one turn",
    (P.LEVEL_BUILDING, P.ERROR): "a turn that fails is forgotten, with its phases",
    (P.SIZING, P.ERROR): "a turn that fails is forgotten, with its phases",
    (P.SIZING, P.EMERGENCY): "sizing takes one turn",
    (P.SIZING, P.STOPPED): "sizing takes one turn",
    (P.MANAGING, P.MANAGING): "only when forced, which nothing needs",
    (P.PAUSED, P.IDLE): "a reset is for ERROR and EMERGENCY; a stop ends in IDLE",
    (P.EMERGENCY, P.STOPPED): "only a reset leaves EMERGENCY",
    (P.STOPPED, P.INITIALIZING): "a start waits until the stop has ended in IDLE",
}


def edges_of(walk: str) -> set[tuple[str, str]]:
    states = walk.split()
    return set(pairwise(states))


@pytest.mark.parametrize("name", SCENES)
async def test_a_scene_takes_its_edges(
    tmp_path: Path, autojump_clock: MockClock, name: str
) -> None:
    script, scene, walk = SCENES[name]
    world = World(script)
    if script is HALTED:
        world.bars[A] = world.bars[A][[*range(3), *range(20, 40)]]
    if name == "too small":
        world.preset = preset(risk__max_position_size_usd=Decimal(1))
    async with living(world, tmp_path, start=name not in BEFORE_A_START) as stage:
        await scene(stage)
        walked = await stage.walked()
        assert edges_of(walk) <= set(walked)
        assert all(before[1] == after[0] for before, after in pairwise(walked))
        assert stage.machine.illegal_transitions == 0


def test_scenes_and_machine_take_every_legal_edge() -> None:
    taken = set().union(*(edges_of(walk) for _, _, walk in SCENES.values()))
    assert taken | AT_THE_MACHINE.keys() == LEGAL
    assert not taken & AT_THE_MACHINE.keys()


# --- the machine itself ------------------------------------------------------------


def machine_in(phase: Phase) -> tuple[GlobalMachine, list[Transition]]:
    rows: list[Transition] = []
    machine = GlobalMachine(MarketClock(START_MS), rows.append)
    machine.phase = phase
    return machine, rows


@pytest.mark.parametrize(("source", "target"), sorted(LEGAL))
def test_a_legal_edge_is_recorded_with_its_cause(source: Phase, target: Phase) -> None:
    machine, rows = machine_in(source)
    assert machine.move(target, "why", A, forced=source is target, metadata={"k": "v"})
    assert machine.phase is target
    expected = Transition(START_MS, source, target, "why", A, {"k": "v"})
    assert rows == [expected] == list(machine.history)
    assert (machine.transitions, machine.illegal_transitions) == (1, 0)


@pytest.mark.parametrize(("source", "target"), sorted(set(product(P, P)) - LEGAL))
def test_an_illegal_edge_is_refused_and_changes_nothing(
    source: Phase, target: Phase
) -> None:
    machine, rows = machine_in(source)
    assert not machine.move(target, "why", forced=True)
    assert machine.phase is source
    assert not rows
    assert not machine.history
    assert (machine.transitions, machine.illegal_transitions) == (0, 1)


def test_the_144_pairs_are_all_judged() -> None:
    assert len(set(product(P, P))) == 144
    assert len(LEGAL) == 57


@pytest.mark.parametrize("phase", P)
def test_the_same_state_unforced_is_ignored(phase: Phase) -> None:
    machine, rows = machine_in(phase)
    assert not machine.move(phase, "again")
    assert not rows
    assert machine.illegal_transitions == 0


def test_the_last_hundred_transitions_are_at_hand() -> None:
    machine, rows = machine_in(P.SCANNING)
    for _ in range(75):
        machine.move(P.PAUSED, "down")
        machine.move(P.SCANNING, "up")
    assert list(machine.history) == rows[-100:]


@pytest.mark.parametrize(
    ("source", "target"), sorted(product(WORKING_PHASES, WORKING_PHASES))
)
def test_work_can_always_follow_its_leading_stage(source: Phase, target: Phase) -> None:
    walk = (source, *route(source, target))
    assert walk[-1] is target
    assert all(step in LEGAL for step in pairwise(walk))
