"""Money that comes and goes without an order: what is a loss, and what is not."""

from decimal import Decimal
from pathlib import Path

import pytest
from trio.testing import MockClock

from actors.domain.limits import COST_SHARE_MAX
from actors.journal import Kind
from actors.risk.account.book import replay
from tests.sim.script import signal
from tests.sim.world import A, Stage, World, living, preset

D = Decimal
EIGHT_HOURS_BARS = 480


def holding(bars: int = 40) -> World:
    """A is bought and held; a kill limit that a withdrawal would reach."""
    made = World({(A, 4): signal(stop=95.0)}, bars=bars, symbols=(A,))
    made.preset = preset(
        risk__kill_switch_loss_limit=D("0.05"), risk__daily_risk_limit=D("0.03")
    )
    return made


async def told(stage: Stage) -> list[str]:
    """The reasons of every adjustment of cash."""
    rows = await stage.bodies(Kind.ACCOUNT)
    return [row["reason"] for row in rows if row.get("reason", "").startswith("bal")]


@pytest.mark.parametrize("share", ["-0.5", "-0.1", "0.5"])
async def test_a_transfer_is_no_result_and_trips_nothing(
    tmp_path: Path, autojump_clock: MockClock, share: str
) -> None:
    async with living(holding(), tmp_path) as stage:
        await stage.bar(8)
        book = stage.state.book
        before, lost = book.day, 1 - stage.state.equity / book.day.kill_baseline
        moved = (book.cash * D(share)).quantize(D(1))
        stage.venue.state.cash += moved
        await stage.bar(20)
        assert stage.state.book.cash == await stage.venue.fetch_balance()
        after = stage.state.book
        assert after.kill is None
        assert 1 - stage.state.equity / after.day.kill_baseline == pytest.approx(
            lost, abs=D("1e-9")
        )
        for name in ("kill_baseline", "equity_at_start", "equity_high"):
            ratio = getattr(after.day, name) / getattr(before, name)
            assert ratio == pytest.approx(1 + D(share), abs=D("0.001"))
        (reason,) = await told(stage)
        assert reason.endswith("a transfer")
        await stage.engine.journal.commit()
        assert await replay(stage.engine.journal.read) == after


async def test_a_charge_on_what_is_held_is_a_loss(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(holding(), tmp_path) as stage:
        await stage.bar(8)
        before = stage.state.book.day
        (held,) = stage.state.holdings()
        stage.venue.state.cash -= held.notional * COST_SHARE_MAX / 2
        await stage.bar(20)
        assert stage.state.book.cash == await stage.venue.fetch_balance()
        assert stage.state.book.day.kill_baseline == before.kill_baseline
        (reason,) = await told(stage)
        assert reason.endswith("a cost")


async def test_funding_each_eight_hours_is_booked_each_time_and_halts_nothing(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(holding(4 * EIGHT_HOURS_BARS), tmp_path) as stage:
        await stage.bar(8)
        for charge in range(1, 4):
            stage.venue.state.cash -= 3
            await stage.bar(charge * EIGHT_HOURS_BARS)
            assert stage.state.book.cash == await stage.venue.fetch_balance()
        assert len(await told(stage)) == 3
        assert not stage.state.book.halted
        assert stage.state.book.kill is None


async def test_an_account_that_was_emptied_stops_what_is_open(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(holding(), tmp_path) as stage:
        await stage.bar(8)
        stage.venue.state.cash -= await stage.venue.fetch_balance()
        await stage.until(lambda: stage.state.book.kill is not None)
        assert "drawdown" in stage.state.book.kill.reason
