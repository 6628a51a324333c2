"""One symbol is paused, resumed, restarted and released; all others go on."""

import math
from pathlib import Path

from trio.testing import MockClock

from actors.domain.orders import Fill, Side
from actors.domain.phases import Phase, SymbolPhase
from actors.feed import Pace
from actors.journal import Kind
from tests.sim.script import signal
from tests.sim.world import A, B, C, Stage, World, living


async def audit(stage: Stage) -> dict[str, str]:
    return dict((await stage.bodies(Kind.AUDIT))[-1])


async def refusals(stage: Stage) -> list[str]:
    rows = await stage.bodies(Kind.DECISION)
    return [
        f"{row['finding']['reason']}: {row['finding']['value']}"
        for row in rows
        if row["outcome"] == "refused"
    ]


async def test_a_paused_symbol_takes_no_entry_and_the_others_trade(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(World({(A, 9): signal(), (B, 9): signal()}), tmp_path) as stage:
        await stage.bar(5)
        answer = await stage.command("symbol_pause", symbol=A)
        assert answer.ok, answer.message
        row = await audit(stage)
        assert (row["before"], row["after"]) == ("takes entries", "PAUSED")
        await stage.bar(12)
        assert set(stage.state.book.positions) == {B}
        assert await refusals(stage) == ["symbol_unavailable: paused by test as admin"]
        shown = stage.view.symbol(A)
        assert shown is not None
        assert (shown.phase, shown.paused_by) == (SymbolPhase.PAUSED, "test as admin")
        assert stage.view.risk().halted == {A: "paused by test as admin"}
        again = await stage.command("symbol_pause", symbol=A)
        assert again.ok
        assert "paused already" in again.message


async def test_a_paused_symbols_position_stays_managed_and_protected(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    closes = {A: [*[100.0] * 8, 100, 104, 110, 112, 112, 90]}
    async with living(
        World({(A, 4): signal(target=200.0)}, closes=closes), tmp_path
    ) as stage:
        await stage.bar(7)
        first = stage.state.book.positions[A].stop
        assert (await stage.command("symbol_pause", symbol=A)).ok
        await stage.bar(11)
        assert stage.state.book.positions[A].stop > first
        assert stage.view.positions()[0].stop_confirmed
        await stage.until(lambda: not stage.state.book.positions)
        assert stage.state.book.closed[-1].reason in {"trail", "breakeven"}


async def test_a_resumed_symbol_trades_again(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(World({(A, 4): signal(), (A, 9): signal()}), tmp_path) as stage:
        await stage.bar(2)
        await stage.command("symbol_pause", symbol=A)
        await stage.bar(6)
        assert (await stage.command("symbol_resume", symbol=A)).ok
        await stage.bar(11)
        assert set(stage.state.book.positions) == {A}
        shown = stage.view.symbol(A)
        assert shown is not None
        assert (shown.phase, shown.paused_by) == (SymbolPhase.IN_POSITION, None)
        refused = await stage.command("symbol_resume", symbol=A)
        assert not refused.ok
        assert "is not paused" in refused.message


async def test_a_pause_survives_the_actor_and_the_process(tmp_path: Path) -> None:
    """Threads have no virtual time: the market goes as fast as it can."""
    world = World(bars=20)
    async with living(
        world, tmp_path, journal=True, account=True, start=False
    ) as stage:
        assert (await stage.command("symbol_pause", symbol=A)).ok
    longer = World({(A, 30): signal(), (B, 30): signal()}, bars=60)
    longer.pace = Pace(speed=math.inf)
    longer.faults[A, 25] = 1
    async with living(longer, tmp_path, journal=True, account=True) as stage:
        await stage.over()
        assert stage.state.book.paused_symbols == {A: "test as admin"}
        assert await refusals(stage) == ["symbol_unavailable: paused by test as admin"]
        traded = {trade.symbol for trade in await stage.engine.archive.trades()}
        assert traded == {B}


async def test_an_unknown_symbol_is_refused_by_every_command(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(World(), tmp_path) as stage:
        await stage.bar(2)
        for name in ("pause", "resume", "restart", "release"):
            answer = await stage.command(
                f"symbol_{name}", symbol="NO/USDT", confirm="NO/USDT"
            )
            assert (answer.ok, answer.code) == (False, 400)
            assert "'NO/USDT' is unknown; the market has 3" in answer.message
            assert "refused" in (await audit(stage))["result"]


async def test_a_restart_by_command_uses_up_no_budget(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(World({(A, 20): signal()}), tmp_path) as stage:
        for bar in range(3, 9):  # more often than its budget allows
            await stage.bar(bar)
            answer = await stage.command("symbol_restart", symbol=A)
            assert answer.ok, answer.message
        row = await audit(stage)
        assert (row["before"], row["after"]) == ("running", "running")
        shown = stage.view.symbol(A)
        assert shown is not None
        assert (shown.actor_state, shown.restarts) == ("running", 6)
        await stage.bar(22)
        assert set(stage.state.book.positions) == {A}
        assert stage.engine.crashes == 0


async def test_a_quarantined_symbol_is_released_with_a_fresh_budget(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    world = World({(A, 30): signal(), (B, 5): signal()}, bars=60)
    for bar in (3, 4, 5, 6):
        world.faults[A, bar] = 1
    world.faults[A, 25] = 1
    async with living(world, tmp_path) as stage:
        await stage.until(lambda: stage.state.counts["quarantined"] == 1)
        shown = stage.view.symbol(A)
        assert shown is not None
        assert shown.phase is SymbolPhase.QUARANTINED
        restarted = await stage.command("symbol_restart", symbol=A)
        assert "is quarantined; symbol_release frees it" in restarted.message
        untyped = await stage.command("symbol_release", symbol=A)
        assert not untyped.ok
        assert f"confirm is None; it must be '{A}'" in untyped.message
        answer = await stage.command("symbol_release", symbol=A, confirm=A)
        assert answer.ok, answer.message
        row = await audit(stage)
        assert row["before"].startswith("quarantined")
        assert row["after"].startswith("running")
        await stage.bar(32)  # one more failure on the way: a restart, no quarantine
        assert A in stage.state.book.positions
        assert stage.state.counts["quarantined"] == 1


async def test_a_restart_that_fails_says_so(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(World(), tmp_path) as stage:
        await stage.bar(4)

        def fails(_symbol: str) -> None:
            raise ZeroDivisionError

        stage.world.cast = fails
        answer = await stage.command("symbol_restart", symbol=A)
        assert not answer.ok
        assert f"{A} is backoff: ZeroDivisionError" in answer.message


async def test_a_release_lifts_a_halt_where_nothing_differs(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(World({(C, 20): signal()}), tmp_path) as stage:
        await stage.bar(3)
        stray = Fill(
            "t-x", "bx1-none", C, Side.LONG, *[stage.world.equity] * 3, False, 0
        )  # type: ignore[arg-type,call-arg]
        stage.engine.risk_ref.tell(stray)
        await stage.until(lambda: C in stage.state.book.halted)
        answer = await stage.command("symbol_release", symbol=C, confirm=C)
        assert answer.ok, answer.message
        assert "takes entries again" in answer.message
        assert C not in stage.state.book.halted
        nothing = await stage.command("symbol_release", symbol=C, confirm=C)
        assert not nothing.ok
        assert "neither quarantined nor halted" in nothing.message


async def test_a_scan_tells_what_every_symbols_newest_bar_said(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(World(), tmp_path) as stage:
        await stage.bar(3)
        answer = await stage.command("scan")
        assert answer.ok
        assert answer.message.startswith("3 symbols are scanned at each closed bar")
        await stage.until(lambda: bool(stage.published("SCAN_RESULT")))
        assert stage.published("SCAN_RESULT")[0].symbols == 3
        assert (await stage.command("stop")).ok
        await stage.until(lambda: stage.machine.phase is Phase.IDLE)
        refused = await stage.command("scan")
        assert "scan is not possible in IDLE" in refused.message
