"""A symbol that fails takes nothing with it: not another's decisions, not its stop."""

from pathlib import Path
from typing import Any

import pytest
from trio.testing import MockClock

from actors.domain.messages import Candidate, Findings
from actors.domain.phases import SymbolPhase
from actors.feed import Pace
from actors.journal import Kind
from tests.sim.script import idea, leave, signal, whynot
from tests.sim.world import MINUTE_MS, START_MS, SYMBOLS, A, B, C, Stage, World, living

BARS = 24
OTHERS = (B, C)


def busy(*, faults: dict[tuple[str, int], int] | None = None) -> World:
    """All symbols trade several times; A may fail."""
    script = {}
    for number, symbol in enumerate(SYMBOLS):
        for bar in range(2 + number, BARS, 3):
            script[symbol, bar] = whynot() if bar % 2 else signal(stop=98.0)
        for bar in range(7 + number, BARS, 8):
            script[symbol, bar] = leave()
    path = [100.0, 101, 100, 99, 97, 100, 102, 99] * 3
    world = World(script, closes=dict.fromkeys(SYMBOLS, path), bars=BARS)
    world.faults = dict(faults or {})
    return world


async def decided(stage: Stage, symbol: str) -> list[Any]:
    """All that was decided about a symbol, and what it earned; no ids of orders."""
    decisions = await stage.bodies(Kind.DECISION, symbol)
    positions = await stage.bodies(Kind.POSITION, symbol)
    return [*decisions, *positions]


async def lived(world: World, where: Path) -> tuple[dict[str, list[Any]], Stage]:
    async with living(world, where) as stage:
        await stage.over()
        rows = {symbol: await decided(stage, symbol) for symbol in SYMBOLS}
    return rows, stage


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    import trio  # noqa: PLC0415 - a loop of its own: one run serves every case

    async def run() -> dict[str, list[Any]]:
        return (await lived(busy(), tmp_path_factory.mktemp("undisturbed")))[0]

    return trio.run(run, clock=MockClock(autojump_threshold=0))


def test_the_undisturbed_run_has_something_to_compare(
    undisturbed: dict[str, list[Any]],
) -> None:
    assert min(len(rows) for rows in undisturbed.values()) > 12


@pytest.mark.parametrize("bar", range(BARS))
async def test_a_failure_at_any_message_changes_no_other_symbols_rows(
    tmp_path: Path,
    autojump_clock: MockClock,
    undisturbed: dict[str, list[Any]],
    bar: int,
) -> None:
    rows, stage = await lived(busy(faults={(A, bar): 1}), tmp_path)
    assert stage.engine.crashes == 1
    for other in OTHERS:
        assert rows[other] == undisturbed[other]


@pytest.mark.parametrize("bar", [1, 4, 12])
async def test_a_symbol_that_failed_decides_later_as_if_it_never_had(
    tmp_path: Path,
    autojump_clock: MockClock,
    undisturbed: dict[str, list[Any]],
    bar: int,
) -> None:
    assert (A, bar) not in busy().script, "a bar that finds nothing is not missed"
    rows, _ = await lived(busy(faults={(A, bar): 1}), tmp_path)
    assert rows[A] == undisturbed[A]


async def test_a_bar_that_always_fails_is_left_out_when_the_past_is_relived(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    world = World({(A, 12): signal()})
    world.faults = {(A, 4): 99, (A, 8): 99}
    async with living(world, tmp_path) as stage:
        await stage.bar(13)
        assert stage.engine.crashes == 2
        assert list(stage.state.book.positions) == [A]


async def test_the_fourth_failure_quarantines_and_all_others_trade_on(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    script = {(A, 2): signal(stop=95.0), (A, 16): signal(), (B, 16): signal()}
    path = [*[100.0] * 18, 99, 90]
    world = World(script, closes={A: path}, bars=30)
    world.faults = {(A, bar): 1 for bar in range(4, 8)}
    async with living(world, tmp_path) as stage:
        await stage.bar(17)
        row = stage.view.symbol(A)
        assert row is not None
        assert row.phase is SymbolPhase.QUARANTINED
        assert row.quarantine_reason is not None
        assert "ZeroDivisionError" in row.quarantine_reason
        assert stage.state.counts["quarantined"] == 1
        alerts = await stage.bodies(Kind.ALERT, A)
        assert any("QUARANTINED" in alert["message"] for alert in alerts)
        # Its position stands; the others take new ones.
        assert set(stage.state.book.positions) == {A, B}
        assert stage.state.book.positions[A].stop == 95
        await stage.over()
        trades = [p for p in await stage.bodies(Kind.POSITION, A) if p["closed_ms"]]
        assert [trade["reason"] for trade in trades] == ["stop"]
        assert stage.machine.illegal_transitions == 0


async def test_a_released_symbol_trades_again(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    world = World({(A, 20): signal()}, bars=30)
    world.faults = {(A, bar): 1 for bar in range(4, 8)}
    async with living(world, tmp_path) as stage:
        await stage.bar(14)
        await stage.engine.root().release(A)
        await stage.bar(15)
        row = stage.view.symbol(A)
        assert row is not None
        assert row.phase is SymbolPhase.SCANNING
        assert row.quarantine_reason is None
        await stage.bar(22)
        assert list(stage.state.book.positions) == [A]


async def test_a_quarantined_symbol_is_refused_and_a_new_start_forgives_it(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    world = World({(A, 20): signal()}, bars=30)
    world.faults = {(A, bar): 1 for bar in range(4, 8)}
    async with living(world, tmp_path) as stage:
        await stage.bar(14)
        assert A in stage.state.unavailable
        assert (await stage.command("stop")).ok
        answer = await stage.command("start", preset=stage.engine.setup.preset)
        assert answer.ok
        await stage.bar(22)
        assert list(stage.state.book.positions) == [A]


async def test_a_symbol_that_does_not_answer_is_counted_late_and_others_go_on(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    # The second failure pauses for a second: longer than the feed waits here.
    world = World({(B, 6): signal()})
    world.faults = {(A, 4): 1, (A, 5): 1}
    world.pace = Pace(speed=600.0, step_seconds_max=0.3)
    async with living(world, tmp_path) as stage:
        await stage.bar(8)
        feed = stage.engine.root().ref("feed").child
        assert feed._actor.statistics()["late_answers"] > 0  # type: ignore[attr-defined]  # the instance behind an actor's child
        assert list(stage.state.book.positions) == [B]
        await stage.bar(30)
        assert stage.view.symbol(A).feed_age_ms == 0  # type: ignore[union-attr]  # A is known


async def test_findings_that_come_late_are_all_taken_and_enter_nothing(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(World(), tmp_path) as stage:
        await stage.bar(5)
        for bar in (3, 4):
            late = idea(A, START_MS + bar * MINUTE_MS)
            found = Candidate(late.correlation, 1.0, ())
            stage.engine.risk_ref.tell(Findings(A, late.ts_ms, (found, late)))
        await stage.bar(7)
        rows = await stage.bodies(Kind.DECISION, A)
        assert [row["outcome"] for row in rows] == ["signal"] * 2 + ["refused"] * 2
        assert {row["finding"].get("reason") for row in rows[2:]} == {"late_signal"}
        assert not stage.venue.placed


async def test_a_restarted_symbol_still_shows_its_position(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    world = World({(A, 3): signal()})
    world.faults = {(A, 6): 1}
    async with living(world, tmp_path) as stage:
        await stage.bar(8)
        row = stage.view.symbol(A)
        assert row is not None
        assert row.restarts == 1
        assert row.phase is SymbolPhase.IN_POSITION
