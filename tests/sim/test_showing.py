"""What the engine shows: each read against a world whose facts are known."""

from decimal import Decimal
from pathlib import Path

import pytest
from trio.testing import MockClock

from actors.cursor import open_cursor
from actors.domain import limits
from actors.domain.phases import KillPhase
from actors.domain.shown.money import LimitRow, RiskView
from actors.market.synthetic import Demo
from actors.showing.candles import change_in_a_day
from tests.sim.script import signal, whynot
from tests.sim.world import MINUTE_MS, START_MS, A, B, C, Stage, World, living, preset

CALM = [100.0] * 5
RISE = [*CALM, 100, 101, 102, 103, 104]
D = Decimal


def rows(view: RiskView) -> dict[tuple[str, str], LimitRow]:
    return {(row.name, row.detail): row for row in view.limits}


async def test_candles_are_the_closed_bars_and_join_to_coarser_ones(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    world = World(closes={A: RISE})
    world.bars[B] = world.bars[B][[*range(5), *range(6, 40)]]
    async with living(world, tmp_path) as stage:
        await stage.bar(11)
        gap = stage.view.candles(B, 10, 5 * MINUTE_MS)[1]
        assert (gap.time_ms, gap.volume) == (START_MS + 5 * MINUTE_MS, 4e5)
        shown = stage.view.candles(A, 4)
        closed = stage.engine.cursor.last_close_ms
        assert [c.time_ms for c in shown] == [
            closed - n * MINUTE_MS for n in (4, 3, 2, 1)
        ]
        assert shown[-1].close == float(stage.world.bars[A]["close"][11])
        five = stage.view.candles(A, 10, 5 * MINUTE_MS)
        assert [c.time_ms for c in five] == [START_MS, START_MS + 5 * MINUTE_MS]
        bars = stage.world.bars[A][5:10]
        assert (five[1].open, five[1].close) == (bars["open"][0], bars["close"][-1])
        assert (five[1].high, five[1].low) == (bars["high"].max(), bars["low"].min())
        assert five[1].volume == bars["volume"].sum()
        with pytest.raises(ValueError, match="timeframeMs is 90000; bars of 60000 ms"):
            stage.view.candles(A, 10, 90_000)
        assert stage.view.candles("NONE/USDT:USDT", 10) == ()


async def test_a_position_is_told_with_its_risk_excursions_and_time_unprotected(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    world = World({(A, 4): signal(stop=95.0, target=120.0)}, closes={A: RISE})
    async with living(world, tmp_path) as stage:
        await stage.bar(9)
        await stage.engine.journal.commit()
        (shown,) = stage.view.positions()
        assert (shown.signal, shown.initial_stop) == ("scripted", D(95))
        assert shown.entered == shown.size > 0
        assert shown.exit is None
        held = stage.state.book.positions[A]
        assert shown.risk_percent is not None
        assert abs(shown.risk_percent - held.risk_usd / 1000) < D("0.001")
        assert shown.mfe_r == held.r_at(held.best) > D("0.7")
        assert D(-1) < shown.mae_r <= 0
        assert shown.r_now == held.r_of(held.unrealized_usd - held.fees) > 0
        assert 0 < shown.unprotected_seconds < 1
        stop = next(o for o in stage.view.orders() if o.purpose == "stop")
        assert (stop.reduce_only, stop.position) == (True, held.correlation)


async def test_a_chart_is_told_signal_entry_moved_stop_and_exit(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    closes = [*RISE, 106, 108, 110, 104, 90]
    world = World({(A, 4): signal(stop=95.0, target=200.0)}, closes={A: closes})
    async with living(world, tmp_path) as stage:
        await stage.until(lambda: stage.state.counts["trades"] == 1)
        await stage.engine.journal.commit()
        shown = stage.view.markers(A)
        kinds = [marker.kind for marker in shown]
        assert kinds[:2] == ["signal", "entry"]
        assert "stop_moved" in kinds
        assert kinds[-1] == "exit"
        (closed,) = stage.state.book.closed
        assert shown[-1].price == closed.exit
        assert {m.position_id for m in shown} == {closed.id}
        assert stage.view.markers(B) == ()


async def test_the_risk_page_tells_what_judges_entries(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    world = World({(A, 4): signal(stop=95.0), (B, 30): signal()}, closes={A: RISE})
    world.preset = preset(risk__max_concurrent_positions=1, risk__daily_loss_r_max=D(6))
    async with living(world, tmp_path) as stage:
        assert stage.view.risk().limits
        await stage.bar(8)
        await stage.engine.journal.commit()
        shown = stage.view.risk()
        found, account = rows(shown), stage.state.account(stage.engine.clock.now_ms())
        judged = limits.account_rows(account, A)
        for name, used, limit in judged:
            row = found[name, A if name == "duplicate_position" else ""]
            assert (row.used, row.limit, row.blocks) == (used, limit, used >= limit)
        assert found["max_positions", ""].blocks
        (held,) = account.holdings
        assert found["same_direction", "long"].used == held.notional
        assert found["same_direction", "short"].used == 0
        assert found["correlated", "USDT-long"].used == held.notional
        assert found["margin", ""].used == held.notional
        assert found["per_trade", A].used == held.risk_usd
        assert found["kill_drawdown", ""].limit == world.equity
        assert found["drawdown_at_stops", "when every stop is hit"].used > 0
        assert shown.open_risk_usd == held.risk_usd > 0
        assert [(e.key, e.positions) for e in shown.by_bucket] == [("USDT-long", 1)]
        assert shown.day.cash_usd == stage.state.book.cash
        assert (shown.kill.phase, shown.kill.left) == (KillPhase.ARMED, ())


async def test_an_entry_in_flight_is_shown_as_reserved(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    world = World({(B, 6): signal()})
    world.bars[B] = world.bars[B][[*range(7), *range(15, 40)]]  # B halts in flight
    async with living(world, tmp_path) as stage:
        await stage.bar(6)
        await stage.engine.journal.commit()
        (reserved,) = stage.view.risk().reserved
        (order,) = stage.state.book.orders.values()
        assert reserved.client_order_id == order.client_id
        assert reserved.risk_usd == order.risk_usd > 0
        assert reserved.notional_usd == order.notional


async def test_the_kill_switch_says_what_keeps_it_from_flat(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    world = World({(A, 4): signal(stop=60.0)})
    async with living(world, tmp_path) as stage:
        await stage.bar(8)
        assert (await stage.command("kill_switch", reason="drill")).ok
        left = stage.view.risk().kill.left
        assert any(one.startswith("position ") and A in one for one in left)
        await stage.until(lambda: stage.state.book.kill.phase == "LATCHED")
        await stage.engine.journal.commit()
        kill = stage.view.risk().kill
        assert (kill.phase, kill.reason, kill.left) == ("LATCHED", "drill", ())


async def test_the_funnel_by_hour_adds_up_and_ends_after_a_week(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    script = {(C, 59): whynot(), (B, 70): whynot(), (A, 71): signal()}
    async with living(World(script, bars=130), tmp_path) as stage:
        await stage.over()
        first, second, third = stage.view.funnel_hours()
        assert first.hour_ms == START_MS
        assert (first.candidates, second.signals, third.signals) == (0, 0, 0)
        assert first.drops == {"signal:too_quiet": 1}
        assert second.drops == {"signal:too_quiet": 1}
        assert (first.entries, second.entries) == (0, 1)
        total = stage.view.funnel()["evaluations"]
        hours = stage.view.funnel_hours()
        assert sum(hour.evaluations for hour in hours) == total == 3 * 130
        drop = stage.view.drops()[0]
        assert (drop.stage, drop.reason, drop.count) == ("signal", "too_quiet", 2)
        assert (drop.symbol, drop.value, drop.threshold) == (B, "1", "2")


async def test_a_symbol_that_starts_again_is_counted_once_in_the_funnel(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    world = World(bars=130)
    world.faults[A, 30] = 1
    async with living(world, tmp_path) as stage:
        await stage.over()
        hours = stage.view.funnel_hours()
        # The bar that it failed on was evaluated by nobody.
        assert sum(hour.evaluations for hour in hours) == 3 * 130 - 1


async def test_every_light_and_actor_and_number_is_told(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(World({(A, 4): signal()}), tmp_path) as stage:
        await stage.bar(8)
        await stage.engine.journal.commit()
        lights = {light.name: light.state for light in stage.view.lights()}
        assert lights["feed"] == lights["journal"] == lights["exchange"] == "ok"
        assert lights["clock"] == "ok"
        assert lights["control"] == "unknown"
        actors = {row.name: row for row in stage.view.actors()}
        assert stage.view.actors()[0].parent == ""
        assert (actors[A].parent, actors[A].capacity) == ("symbols", 256)
        assert actors[A].messages > 8
        numbers = stage.view.numbers()
        assert (numbers.signals, numbers.entries) == (1, 1)
        assert numbers.bars == stage.engine.cursor.bars_taken
        assert numbers.outcomes["placed"] >= 2
        assert numbers.orders["open"] >= 1
        assert numbers.journal_commit_seconds_last is not None
        assert numbers.journal_bytes is None


async def test_depth_is_the_modelled_book_around_the_newest_close(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(World(), tmp_path, start=False) as stage:
        assert stage.view.depth(A) is None
        assert await start(stage)
        await stage.bar(3)
        shown = stage.view.depth(A)
        assert shown is not None
        assert shown.modelled
        assert shown.bids[0].price < 100.0 < shown.asks[0].price
        prices = [level.price for level in shown.asks]
        assert prices == sorted(prices)
        detail = stage.view.detail(A)
        assert detail is not None
        assert detail.depth == shown
        assert detail.candle == stage.view.candles(A, 1)[0]
        assert detail.correlation_bucket == "USDT"


async def start(stage: Stage) -> bool:
    answer = await stage.command("start", preset=stage.engine.setup.preset)
    return answer.ok


def test_the_change_over_a_day_is_unknown_until_there_was_one() -> None:
    market = Demo(symbols=2, seed=1)
    cursor = open_cursor(market, 0, history_steps=1_500, duration_ms=None)
    bars, start, stop = cursor.history.window(0, cursor.last_close_ms, 86_400_000 * 2)
    change = change_in_a_day(cursor, 0, bars, stop - 1)
    then = bars["close"][stop - 1 - 1_440]
    assert change == pytest.approx(bars["close"][stop - 1] / then - 1)
    assert change_in_a_day(cursor, 0, bars, start + 100) is None
