"""The kill switch, the limits, and the commands that close what is open."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from trio.testing import MockClock

from actors.domain.phases import Phase
from actors.journal import Kind
from tests.sim.script import signal
from tests.sim.world import A, B, C, Stage, World, living, preset

CALM = [100.0] * 5
FALL = {A: [*CALM, 100, 100, 40]}
TIGHT = {
    f"risk__{name}": Decimal("0.02")
    for name in ("risk_per_trade", "daily_risk_limit", "kill_switch_loss_limit")
}
#: Half of the equity in one position, which a fall of 10% turns into 5%.
LARGE = {"risk__max_position_size_usd": Decimal(50_000)}


async def reasons(stage: Stage, outcome: str) -> list[str]:
    rows = await stage.bodies(Kind.DECISION)
    return [row["finding"]["reason"] for row in rows if row["outcome"] == outcome]


async def ended(stage: Stage) -> list[dict[str, Any]]:
    rows = await stage.bodies(Kind.POSITION)
    return [row for row in rows if row["phase"] == "CLOSED"]


async def test_a_drawdown_trips_flattens_and_latches_when_the_exchange_is_flat(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    script = {(A, 4): signal(stop=60.0)}
    world = World(script, closes=FALL)
    for bars in world.bars.values():  # a gap past the stops, into a thin market
        bars["open"][7] = bars["high"][7] = 41.0
        bars["volume"][7:] = 0.0
    world.preset = preset(**TIGHT, **LARGE)
    async with living(world, tmp_path) as stage:
        await stage.until(lambda: stage.state.book.kill is not None)
        stage.venue.fetch_faults = 3
        assert stage.machine.phase is Phase.EMERGENCY
        assert stage.state.book.kill.phase == "FLATTENING"
        refused = await stage.command("reset", confirm="RESET")
        assert not refused.ok
        assert "is FLATTENING" in refused.message
        await stage.until(lambda: stage.state.book.kill.phase == "LATCHED")
        assert stage.venue.fetch_faults == 0
        assert not stage.venue.state.positions
        trades = await ended(stage)
        assert len(trades) == 1
        intents = await stage.bodies(Kind.INTENT)
        assert sum(row["reason"] == "kill_switch" for row in intents) == 1
        phases = [fact["phase"] for fact in stage.published("KILL_SWITCH")]
        steps = ["CANCELLING", "FLATTENING", "CONFIRMED_FLAT", "LATCHED"]
        assert phases == steps
        refused = await stage.command("reset")
        assert not refused.ok
        assert '{"confirm": "RESET"}' in refused.message
        assert (await stage.command("reset", confirm="RESET")).ok
        assert stage.machine.phase is Phase.IDLE
        assert stage.state.book.kill is None
        assert stage.machine.illegal_transitions == 0
        answer = await stage.command("start", preset=stage.engine.setup.preset)
        assert answer.ok, answer.message
        await stage.until(lambda: stage.machine.phase is Phase.SCANNING)


async def test_a_profit_never_trips_the_kill_switch(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    rise = {A: [*CALM, 100, 150, 300]}
    world = World({(A, 4): signal(stop=60.0)}, closes=rise)
    world.preset = preset(**TIGHT, **LARGE)
    async with living(world, tmp_path) as stage:
        await stage.over()
        assert stage.state.book.kill is None
        assert stage.state.equity > world.equity


async def test_a_person_trips_it_and_entries_in_flight_are_cancelled(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    world = World({(A, 4): signal(), (B, 6): signal()})
    world.bars[B] = world.bars[B][[*range(7), *range(15, 40)]]  # B halts in flight
    async with living(world, tmp_path) as stage:
        await stage.bar(6)
        assert stage.machine.phase is Phase.EXECUTION
        assert (await stage.command("kill_switch", reason="drill")).ok
        await stage.until(lambda: stage.state.book.kill.phase == "LATCHED")
        assert await reasons(stage, "failed") in (["expired"], ["user"])
        assert [trade["reason"] for trade in await ended(stage)] == ["kill_switch"]
        assert not stage.state.book.orders


@pytest.mark.parametrize(
    ("limit", "name"),
    [
        ({"risk__max_concurrent_positions": 1}, "max_positions"),
        ({"risk__max_consecutive_losses": 1}, "consecutive_losses"),
        (TIGHT | LARGE | {"risk__kill_switch_loss_limit": Decimal(1)}, "daily_loss"),
        ({"risk__max_opens_per_minute": 1}, "opens_per_minute"),
        ({"scanner_config__max_candidates": 1}, "rank"),
    ],
)
async def test_a_limit_refuses_the_entry_with_its_name(
    tmp_path: Path, autojump_clock: MockClock, limit: dict[str, Any], name: str
) -> None:
    world = World({(A, 4): signal(stop=98.0), (B, 4): signal(stop=98.0)})
    world.script[C, 12] = signal()
    if name in {"consecutive_losses", "daily_loss"}:
        del world.script[B, 4]
        world.bars[A] = World(closes={A: [*CALM, 100, 94]}).bars[A]
        world.bars[A]["open"][6] = world.bars[A]["high"][6] = 94.5  # a gap
    elif name == "max_positions":
        del world.script[B, 4]
    world.preset = preset(**limit)
    async with living(world, tmp_path) as stage:
        await stage.bar(13)
        assert await reasons(stage, "refused") == [name]


async def test_panic_exit_closes_everything_and_changes_nothing_else(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    world = World({(A, 4): signal(), (B, 4): signal(-1, 105.0), (C, 12): signal()})
    async with living(world, tmp_path) as stage:
        await stage.bar(6)
        answer = await stage.command("panic_exit")
        assert answer.message == "closing 2 positions at market"
        await stage.bar(8)
        assert not stage.venue.state.positions
        assert {trade["reason"] for trade in await ended(stage)} == {"panic_exit"}
        await stage.bar(14)
        assert list(stage.state.book.positions) == [C]


async def test_time_stop_closes_what_was_held_long_enough(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    world = World({(A, 4): signal(), (B, 9): signal()})
    async with living(world, tmp_path) as stage:
        await stage.bar(11)
        assert not (await stage.command("time_stop", minutes="soon")).ok
        answer = await stage.command("time_stop", minutes=5)
        assert answer.ok
        await stage.bar(13)
        assert list(stage.state.book.positions) == [B]
        (trade,) = await ended(stage)
        assert (trade["symbol"], trade["reason"]) == (A, "time_stop")


async def test_a_pause_closes_the_gate_while_exits_go_on(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    path = {A: [*[100.0] * 12, 90]}
    world = World({(A, 4): signal(stop=95.0), (B, 9): signal(), (C, 20): signal()})
    world.bars[A] = World(closes=path).bars[A]
    async with living(world, tmp_path) as stage:
        await stage.bar(7)
        assert (await stage.command("pause")).ok
        assert not stage.state.gate_open
        assert stage.machine.phase is Phase.PAUSED
        await stage.bar(14)
        assert await reasons(stage, "refused") == ["entries_closed"]
        assert [trade["reason"] for trade in await ended(stage)] == ["stop"]
        assert stage.machine.phase is Phase.PAUSED
        assert (await stage.command("resume")).ok
        assert stage.machine.phase is Phase.SCANNING
        await stage.bar(22)
        assert list(stage.state.book.positions) == [C]


async def test_a_pause_in_execution_is_shown_at_the_next_legal_edge(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    world = World({(A, 4): signal(), (B, 4): signal()})
    async with living(world, tmp_path) as stage:
        await stage.bar(4)
        assert stage.machine.phase is Phase.EXECUTION
        assert (await stage.command("pause")).ok
        assert stage.machine.phase is Phase.EXECUTION
        assert not stage.state.gate_open
        await stage.bar(5)
        assert stage.machine.phase is Phase.PAUSED
        assert set(stage.state.book.positions) == {A, B}
        assert ("MANAGING", "PAUSED") in await stage.walked()
        assert stage.machine.illegal_transitions == 0


async def test_stop_leaves_stops_resting_and_a_new_start_manages_on(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    path = {A: [*[100.0] * 12, 90]}
    world = World({(A, 4): signal(stop=95.0)}, closes=path)
    async with living(world, tmp_path) as stage:
        await stage.bar(6)
        answer = await stage.command("stop")
        assert (
            answer.message
            == "stopped; 1 open positions keep their stops at the exchange"
        )
        assert stage.machine.phase is Phase.IDLE
        kinds = [one.request.kind for one in await stage.venue.fetch_open_orders()]
        assert "stop_market" in kinds
        answer = await stage.command("start", preset=stage.engine.setup.preset)
        assert answer.ok
        await stage.until(lambda: stage.machine.phase is Phase.MANAGING)
        row = stage.view.symbol(A)
        assert row is not None
        assert row.phase == "IN_POSITION"
        await stage.over()
        assert [trade["reason"] for trade in await ended(stage)] == ["stop"]
        assert stage.machine.illegal_transitions == 0


async def test_a_halt_is_answered_in_every_state_and_only_once(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    world = World({})
    async with living(world, tmp_path, start=False) as stage:
        idle = await stage.command("kill_switch")
        assert idle.ok
        assert stage.machine.phase is Phase.IDLE
        assert stage.state.book.kill is None
        assert (await stage.command("start", preset="breakout_v1")).ok
        assert (await stage.command("kill_switch", reason="first")).ok
        again = await stage.command("kill_switch", reason="second")
        assert again.ok
        assert "first" in again.message
        assert stage.machine.illegal_transitions == 0


async def test_a_preset_path_from_a_client_is_not_opened(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    path = tmp_path / "secret.json"
    path.write_text("{}")
    async with living(World({}), tmp_path, start=False) as stage:
        answer = await stage.command("start", preset=str(path))
        assert not answer.ok
        assert "known: " in answer.message
        assert stage.machine.phase is Phase.IDLE


async def test_correlated_exposure_warns_before_it_refuses(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    world = World({(A, 4): signal()})
    world.preset = preset(risk__correlated_exposure_warn=Decimal("1e-9"))
    async with living(world, tmp_path) as stage:
        await stage.bar(6)
        assert A in stage.state.book.positions
        told = [alert.message for alert in stage.state.alerts]
        assert any("correlated exposure" in message for message in told)
