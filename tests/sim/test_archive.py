"""What the journal tells of the past, beside a living engine and after it."""

import math
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
from trio.testing import MockClock

from actors.archive import Archive
from actors.domain.views import HistoryView
from actors.feed import Pace
from config.load import dump_preset
from tests.sim.script import signal, whynot
from tests.sim.world import A, B, Stage, World, living

CALM = [100.0] * 5
FALL = [*CALM, 100, 100, 94]
D = Decimal


def history(stage: Stage) -> HistoryView:
    return stage.engine.archive


async def lived(stage: Stage) -> None:
    await stage.until(lambda: stage.state.counts["trades"] >= 2)
    await stage.engine.journal.commit()


async def everything(past: HistoryView, order: str) -> tuple[Any, ...]:
    return (
        await past.trades(),
        await past.decisions(A, 10),
        await past.audit(10),
        await past.incidents(10),
        await past.timeline(order),
    )


def two_trades() -> World:
    script = {(A, 4): signal(), (B, 4): signal(), (A, 2): whynot()}
    return World(script, closes={A: FALL, B: [*CALM, 100, 100, 112, 90]})


async def test_trades_are_the_ended_positions_with_the_money_after_each(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    world = two_trades()
    async with living(world, tmp_path) as stage:
        assert await history(stage).trades() == ()
        await lived(stage)
        trades = await history(stage).trades()
        closed = {one.id: one for one in stage.state.book.closed}
        assert [trade.id for trade in trades] == list(closed)
        for trade in trades:
            one = closed[trade.id]
            assert trade.pnl_usd == one.pnl_usd
            assert trade.signal == "scripted"
            assert (trade.mae_r, trade.mfe_r) == (one.mae_r, one.mfe_r)
        assert trades[-1].equity_after_usd == stage.state.book.cash
        total = sum((trade.pnl_usd for trade in trades), D(0))
        assert trades[-1].equity_after_usd == world.equity + total
        assert await history(stage).trades() == trades


async def test_an_order_is_told_from_its_intent_to_its_end_by_either_name(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(two_trades(), tmp_path) as stage:
        await lived(stage)
        entry = next(o for o in stage.view.orders() if o.purpose == "entry")
        steps = await history(stage).timeline(entry.id)
        assert steps == await history(stage).timeline(entry.client_order_id)
        assert steps[0].kind == "intent"
        assert (steps[-1].state, steps[-1].filled) == ("filled", entry.filled)
        fills = [step for step in steps if step.kind == "fill"]
        assert sum(step.quantity or 0 for step in fills) == entry.filled
        assert [step.seq for step in steps] == sorted(step.seq for step in steps)
        assert await history(stage).timeline("i-none") == ()


async def test_a_symbols_decisions_page_backwards_and_stay_its_own(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(two_trades(), tmp_path) as stage:
        await lived(stage)
        found = await history(stage).decisions(A, 10)
        assert [row.stage for row in found] == ["exit", "sent", "signal", "signal"]
        assert found[-1].reason == "too_quiet"
        assert {row.symbol for row in found} == {A}
        first = await history(stage).decisions(A, 2)
        rest = await history(stage).decisions(A, 10, first[-1].seq)
        assert (*first, *rest) == found


async def test_audit_is_searched_paged_and_taken_from_others(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(World(), tmp_path) as stage:
        await stage.command("pause")
        await stage.command("resume")
        await history(stage).record("ada", "token create bob", "", "viewer", "done")
        rows = await history(stage).audit(10)
        assert [row.what.split()[0] for row in rows] == [
            *("token", "resume", "pause", "start")
        ]
        assert (rows[0].who, rows[0].after) == ("ada", "viewer")
        assert await history(stage).audit(10, search="stay MANAGED") == (rows[2],)
        assert await history(stage).audit(2, before=rows[1].seq) == rows[2:]
        assert (await stage.engine.journal.verify()).problem is None


async def test_incidents_are_the_alerts_and_the_kill_switchs_steps(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    world = World({(A, 4): signal()})
    async with living(world, tmp_path) as stage:
        await stage.bar(8)
        await stage.command("kill_switch", reason="drill")
        await stage.until(lambda: stage.state.book.kill.phase == "LATCHED")
        await stage.engine.journal.commit()
        rows = await history(stage).incidents(50)
        phases = [row.action for row in rows if row.category == "kill_switch"]
        assert phases == ["LATCHED", "CONFIRMED_FLAT", "FLATTENING", "CANCELLING"]
        found = await history(stage).incidents(50, search="every position is closed")
        assert [row.message for row in found] == ["kill switch: drill"]
        assert await history(stage).incidents(1, before=rows[0].seq) == (rows[1],)


async def test_a_file_is_read_beside_its_owner_and_again_after_a_restart(
    tmp_path: Path,
) -> None:
    """Threads have no virtual time: the market goes as fast as it can."""
    world = two_trades()
    world.pace = Pace(speed=math.inf)
    async with living(world, tmp_path, journal=True, account=True) as stage:
        await stage.over()
        (running,) = await history(stage).sessions()
        assert (running.ended_ms, running.market) == (None, "scripted")
        assert running.checkpoints["closed"] == 2
        order = stage.view.orders()[-1].id
        owner = Archive(stage.engine.journal.read, stage.engine.journal)
        told = await everything(owner, order)
        assert told == await everything(stage.engine.archive, order)
        assert all(told[:3])
        await history(stage).record("ada", "preset save x", "1", "2", "done")
        assert (await history(stage).audit(1))[0].who == "ada"
    longer = World(bars=60)
    again = living(longer, tmp_path, journal=True, account=True, start=False)
    async with again as stage:
        assert await history(stage).trades() == told[0]


async def test_an_own_preset_is_saved_and_applies_at_the_next_start(
    tmp_path: Path,
) -> None:
    world = World(bars=60)
    async with living(world, tmp_path, journal=True, account=True) as stage:
        library = stage.view.library()
        mine = msgspec.structs.replace(world.preset, name="my_own")
        library.save("my_own", dump_preset(mine), None)
        assert stage.view.status().preset == "scripted"
        assert (await stage.command("stop")).ok
        answer = await stage.command("start", preset="my_own")
        assert answer.ok, answer.message
        assert stage.view.status().preset == "my_own"
        assert (await stage.command("stop")).ok
        unknown = await stage.command("start", preset="../my_own")
        assert "no preset '../my_own'; known: " in unknown.message
