"""A halt stops the next send, whatever the engine is doing and in every phase."""

from decimal import Decimal
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from actors.domain.messages import Alert, Command, Role
from actors.domain.orders import OrderRequest, OrderState, Outcome
from actors.domain.phases import Phase
from actors.exchange.paper.exchange import PaperExchange
from actors.journal import Kind
from tests.sim.script import Found, armed, signal
from tests.sim.world import A, B, C, Stage, World, living, preset

P = Phase
Script = dict[tuple[str, int], Found]
#: Phase -> the script and the commands that lead there.
WAYS: dict[Phase, tuple[Script, tuple[str, ...]]] = {
    P.SCANNING: ({}, ()),
    P.SIGNAL_WAIT: ({(A, 3): armed()}, ()),
    P.EXECUTION: ({(A, 3): signal()}, ()),
    P.MANAGING: ({(A, 2): signal()}, ()),
    P.PAUSED: ({}, ("pause",)),
    P.EMERGENCY: ({}, ("kill_switch",)),
    P.IDLE: ({(A, 2): signal()}, ("stop",)),
}


def slow(stage: Stage, seconds: float) -> list[tuple[float, OrderRequest]]:
    """Let every order take long at the exchange; note when each was handed over."""
    handed: list[tuple[float, OrderRequest]] = []

    async def place(request: OrderRequest) -> Outcome:
        handed.append((trio.current_time(), request))
        await trio.sleep(seconds)
        return await PaperExchange.place(stage.venue, request)

    stage.venue.place = place  # type: ignore[method-assign]  # the slow exchange
    return handed


@pytest.mark.parametrize("phase", WAYS)
async def test_nothing_that_opens_is_sent_after_a_halt(
    tmp_path: Path, autojump_clock: MockClock, phase: Phase
) -> None:
    script, commands = WAYS[phase]
    world = World(script, bars=60)
    for bar in range(4, 20):  # and entries want in all the time
        world.script[B, bar] = world.script[C, bar] = signal()
    async with living(world, tmp_path) as stage:
        await stage.bar(3)
        for name in commands:
            assert (await stage.command(name)).ok
        assert stage.machine.phase is phase
        handed = slow(stage, 3.0)
        if phase not in {P.PAUSED, P.IDLE}:
            await trio.sleep(1.1)  # so that the risk actor waits for answers
        halted = trio.current_time()
        assert (await stage.command("kill_switch", reason="now")).code in {200, 503}
        await trio.sleep(30)
        late = [r for at, r in handed if at > halted and not r.reduce_only]
        assert not late
        assert not stage.state.entries()


async def test_a_halt_overtakes_an_entry_whose_intent_is_being_written(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(World({(A, 3): signal()}, bars=60), tmp_path) as stage:
        await stage.bar(2)
        commit = stage.engine.journal.commit

        async def slowly() -> None:
            await trio.sleep(1.5)
            await commit()

        stage.engine.journal.commit = slowly  # type: ignore[method-assign]  # a slow disk
        await stage.until(lambda: bool(stage.state.entries()))
        assert not stage.venue.placed
        await stage.command("kill_switch", reason="now")
        await stage.until(lambda: not stage.state.entries())
        (entry,) = stage.state.book.ended.values()
        assert entry.state is OrderState.REFUSED
        assert "halted before it was sent" in entry.outcome
        assert not stage.venue.placed


async def test_a_halt_passes_what_waits_in_the_mailbox(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(World({}), tmp_path) as stage:
        await stage.bar(2)
        filler = Alert(0, "internal", "info", "test", None, "filler", "")
        for _ in range(300):
            stage.engine.risk_ref.tell(filler)
        assert (await stage.command("kill_switch")).ok
        await stage.bar(4)
        tripped = (await stage.rows(Kind.TRANSITION))[-1].seq
        alerts = await stage.rows(Kind.ALERT)
        fillers = [row.seq for row in alerts if b"filler" in bytes(row.body)]
        assert len(fillers) == 300
        assert tripped < fillers[1]


async def test_a_halt_that_does_not_trip_is_taken_back(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(World({}), tmp_path, start=False) as stage:
        answer = await stage.command("kill_switch")
        assert answer.ok
        assert "nothing is held" in answer.message
        assert stage.engine.halt.reason is None


async def test_a_halt_that_nobody_answers_stands(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(World({}), tmp_path) as stage:
        await stage.bar(2)

        async def never() -> None:
            await trio.sleep(60)

        stage.engine.journal.commit = never  # type: ignore[method-assign]  # a stuck disk
        answer = await stage.command("kill_switch", reason="now")
        assert answer.code == 503
        assert "nothing enters any more" in answer.message
        assert stage.engine.halt.reason is not None


async def test_a_daily_loss_of_three_limits_trips_it(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    world = World({(A, 4): signal(stop=95.0)}, closes={A: [*[100.0] * 7, 70.0]})
    for bars in world.bars.values():
        bars["open"][7] = bars["high"][7] = 71.0
    world.preset = preset(
        risk__max_position_size_usd=Decimal(50_000),
        risk__risk_per_trade=Decimal("0.004"),
        risk__daily_risk_limit=Decimal("0.004"),
        risk__kill_switch_loss_limit=Decimal("0.9"),
    )
    async with living(world, tmp_path) as stage:
        await stage.until(lambda: stage.state.book.kill is not None)
        kill = stage.state.book.kill
        assert "3 x its limit" in kill.reason
        assert stage.engine.halt.reason == kill.reason
        await stage.until(lambda: stage.state.book.kill.phase == "LATCHED")
        assert not stage.venue.state.positions


async def test_panic_exit_works_where_the_kill_switch_is_not_wanted(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(World({(A, 2): signal()}), tmp_path) as stage:
        await stage.bar(5)
        assert (await stage.command("panic_exit")).ok
        await stage.bar(8)
        assert not stage.venue.state.positions
        assert stage.state.book.kill is None
        assert stage.engine.halt.reason is None


async def test_an_unknown_command_sets_no_halt(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(World({}), tmp_path) as stage:
        order = Command("x", "kill_everything", {}, "test", Role.ADMIN)
        assert not (await stage.view.command(order)).ok
        assert stage.engine.halt.reason is None


@pytest.mark.parametrize("way", ["reset", "stop"])
async def test_a_halt_whose_handling_crashed_ends_where_a_person_begins_anew(
    tmp_path: Path, autojump_clock: MockClock, way: str
) -> None:
    async with living(World({(A, 30): signal()}, bars=60), tmp_path) as stage:
        await stage.bar(3)

        async def broken(_reason: str) -> None:
            raise ZeroDivisionError

        stage.engine.risk.kill.trip = broken  # type: ignore[method-assign]  # a fault of ours
        assert not (await stage.command("kill_switch", reason="now")).ok
        await stage.until(lambda: stage.machine.phase is P.ERROR)
        assert stage.engine.halt.reason is not None
        assert stage.state.book.kill is None
        assert (await stage.command(way)).ok
        await stage.until(lambda: stage.machine.phase is P.IDLE)
        assert stage.engine.halt.reason is None
        preset_path = stage.engine.setup.preset
        assert (await stage.command("start", preset=preset_path)).ok
        await stage.until(lambda: A in stage.state.book.positions)
