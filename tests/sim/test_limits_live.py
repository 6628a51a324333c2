"""Whatever stops an entry stops nothing that gets out of a position."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from trio.testing import MockClock

from actors.clockguard import ClockVerdict
from actors.domain.freshness import Health, Judgement
from actors.journal import Kind
from tests.sim.script import signal
from tests.sim.test_trades import CALM, closed, outcomes
from tests.sim.world import A, B, Stage, World, living, preset

OLD = Judgement(Health.QUIET, "event", 6_000, 5_000)
#: What happens to the ports, and the reason that an entry gets for it.
STOPS: list[tuple[dict[str, Callable[..., Any]], str]] = [
    ({"clock_verdict": lambda: ClockVerdict.REFUSE}, "clock_offset"),
    ({"clock_verdict": lambda: ClockVerdict.HALT}, "clock_offset"),
    ({"clock_verdict": lambda: ClockVerdict.UNKNOWN}, "clock_offset"),
    ({"shut": lambda: "the breaker is open"}, "exchange_shut"),
    ({"feed": lambda _symbol: OLD}, "old_data_event"),
    ({"reference": lambda _symbol: Decimal(10)}, "price_band"),
]


def now(stage: Stage, ports: dict[str, Callable[..., Any]]) -> None:
    desk = stage.engine.risk.desk
    desk.ports = msgspec.structs.replace(desk.ports, **ports)


@pytest.mark.parametrize(("ports", "reason"), STOPS)
async def test_it_refuses_an_entry_and_lets_the_stop_and_the_exit_go(
    tmp_path: Path,
    autojump_clock: MockClock,
    ports: dict[str, Callable[..., Any]],
    reason: str,
) -> None:
    world = World(
        {(A, 4): signal(stop=95.0), (B, 12): signal(stop=95.0)},
        closes={A: [*CALM, *[100] * 6, 99, 90]},
    )
    async with living(world, tmp_path) as stage:
        await stage.bar(8)
        now(stage, ports)
        await stage.over()
        (trade,) = await closed(stage)
        assert trade.reason == "stop"
        assert [row["reason"] for row in await outcomes(stage, "refused")] == [reason]
        assert not stage.venue.state.orders


async def test_limits_that_are_all_used_up_let_a_person_close_and_cancel(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """The day is lost many times over, in money, in R and in a row."""
    world = World({(A, 4): signal(stop=95.0), (B, 12): signal(stop=95.0)})
    async with living(world, tmp_path) as stage:
        await stage.bar(8)
        desk = stage.engine.risk.desk
        day = msgspec.structs.replace(
            desk.book.day, realized_r=Decimal(-99), consecutive_losses=99
        )
        desk.set_day(day)
        now(stage, {"clock_verdict": lambda: ClockVerdict.HALT})
        assert (await stage.command("panic_exit")).ok
        await stage.over()
        (trade,) = await closed(stage)
        assert trade.reason == "panic_exit"
        assert not stage.venue.state.orders


@pytest.mark.parametrize(("side", "limit"), [(1, "100.01"), (-1, "99.99")])
async def test_an_entry_s_limit_is_never_beyond_the_price_that_was_reserved(
    tmp_path: Path, autojump_clock: MockClock, side: int, limit: str
) -> None:
    """The worst fill is 1.7 bps away, 100.017 or 99.983: between two ticks."""
    world = World({(A, 4): signal(side, 100.0 - 5 * side)})
    world.preset = preset(execution_config__entry_band_bps=Decimal("1.7"))
    async with living(world, tmp_path) as stage:
        await stage.bar(6)
        intents = await stage.bodies(Kind.INTENT)
        entries = [row["request"] for row in intents if row["purpose"] == "entry"]
        assert [entry["limit_price"] for entry in entries] == [limit]
