"""What holds with real money alone: who may be entered, how small, and the clock's due.

The exchange is scripted; what makes it a real one here is that its hour waits for
nobody, so that the engine is woken by the clock as well.
"""

from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import trio
from trio.testing import MockClock

from actors.domain.live import LiveRules
from actors.domain.orders import OrderRequest, OrderState, OrderUpdate
from actors.realtime import TICK_SECONDS
from tests.sim.faulty import FaultyVenue
from tests.sim.script import leave, signal
from tests.sim.stops import LOST, alarms, instead, is_close, is_stop, standing
from tests.sim.test_real_time import Now, refused
from tests.sim.world import START_MS, A, B, Stage, World, living, preset

FIRST_USD = Decimal(60)


def rules(first_trades: int = 0) -> LiveRules:
    return LiveRules(
        allowed=frozenset({A}),
        first_order_usd_max=FIRST_USD,
        first_trades=first_trades,
    )


async def test_a_symbol_that_is_not_allowed_is_watched_and_never_entered(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    world = World({(name, 4): signal() for name in (A, B)})
    world.live = rules()
    async with living(world, tmp_path) as stage:
        await stage.bar(5)
        assert {one.symbol for one in stage.venue.placed} == {A}
        assert "not_allowed" in await refused(stage, B)
        assert "not_allowed" not in await refused(stage, A)


async def test_what_is_only_watched_takes_no_place_from_what_may_be_entered(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    world = World({(name, 4): signal() for name in (A, B)})
    world.preset = preset(scanner_config__max_candidates=1)
    world.live = msgspec.structs.replace(rules(), allowed=frozenset({B}))
    async with living(world, tmp_path) as stage:
        await stage.bar(5)
        assert {one.symbol for one in stage.venue.placed} == {B}


async def test_only_a_start_with_the_word_trades_real_money(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    world = World()
    world.live = rules()
    async with living(world, tmp_path, start=False) as stage:
        for word in ({}, {"confirm": "live"}, {"confirm": "LIVE", "mode": "paper"}):
            assert not (await stage.command("start", **word)).ok
        assert (await stage.command("start", confirm="LIVE")).ok


async def test_the_cap_of_the_first_orders_falls_with_the_trades_that_ended(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    script: Any = {(A, at): signal() for at in (4, 10, 16)}
    script |= {(A, at): leave() for at in (7, 13)}
    world = World(script)
    world.live = rules(first_trades=2)
    async with living(world, tmp_path) as stage:
        await stage.bar(18)
        entries = [one for one in stage.venue.placed if not one.reduce_only]
        # The band's far edge is 2% away: what is reserved is never above the cap.
        sizes = [one.quantity for one in entries]
        assert sizes == [Decimal("0.588"), Decimal("0.588"), Decimal("4.901")]


# --- by the clock alone ---------------------------------------------------------------


class Real(Now):
    """A market of now on an exchange whose hour runs on when it is told to."""

    def __init__(self, **given: object) -> None:
        super().__init__(**given)
        self.live = rules()
        self.back_ms = 0
        self._from: tuple[int, float] | None = None
        self.exchange_now_ms = self._hour

    def run_on(self, now_ms: int) -> None:
        """Let the hour run."""
        self._from = (now_ms, trio.current_time())

    def _hour(self) -> int:
        if self._from is None:
            return START_MS
        begun_ms, at = self._from
        return begun_ms + int((trio.current_time() - at) * 1000) - self.back_ms


def lose(stage: Stage, order: OrderRequest) -> None:
    """Have the exchange cancel an order by itself."""
    venue = stage.venue
    assert isinstance(venue, FaultyVenue)
    venue.vanish(order.client_id)
    at = (OrderState.CANCELLED, Decimal(0), "user", venue.now_ms)
    venue.say(OrderUpdate(order.client_id, "", A, *at))


async def test_a_stop_that_is_missing_is_noticed_by_time_alone(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    world = Real(script={(A, 2): signal(stop=95.0)})
    world.venue = FaultyVenue
    async with living(world, tmp_path) as stage:
        world.come(4)
        await stage.bar(3)
        assert stage.view.positions()[0].stop_confirmed
        stage.venue.instead = instead(LOST, 99, is_stop)
        (stop,) = standing(stage)
        lose(stage, stop)
        await trio.sleep(60)  # no time passes at the exchange
        assert len(standing(stage)) == len(alarms(stage)) == 0
        assert not any(map(is_close, stage.venue.placed))
        world.run_on(stage.engine.clock.now_ms())
        limit = world.preset.execution_config.stop_confirm_seconds_max
        await trio.sleep(float(limit) + 2 * TICK_SECONDS)
        assert stage.state.counts["cycles"] == 4
        assert any(map(is_close, stage.venue.placed))
        assert alarms(stage)


async def test_the_engine_s_clock_never_runs_backwards(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    world = Real()
    async with living(world, tmp_path) as stage:
        world.run_on(START_MS)
        seen = []
        for number in range(40):
            world.back_ms = 5_000 if 10 <= number < 30 else 0
            await trio.sleep(1)
            seen.append(stage.engine.clock.now_ms())
        steps = [after - before for before, after in pairwise(seen)]
        assert min(steps) == 0  # it waits until the hour has caught up
        assert abs(seen[-1] - seen[0] - 39_000) <= 1000 * TICK_SECONDS
        assert stage.engine.crashes == 0
