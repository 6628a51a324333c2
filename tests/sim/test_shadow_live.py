"""A whole engine on an exchange with a shadow: the feed plays both, one after another.

The real exchange is a paper exchange as well, so the shadow must come to the same fills
in the same ms, for every order that the engine thinks of.
"""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from trio.testing import MockClock

from actors.domain.ledger import Position
from actors.domain.orders import OrderRequest, OrderUpdate, Outcome, Unknown
from actors.exchange.port import UpdateSink
from actors.exchange.shadow import Shadowed
from actors.feed import Pace
from actors.journal import Kind
from tests.sim.test_ledger import market
from tests.sim.venue import Venue
from tests.sim.world import Stage, World, living, preset


class Inner:
    """The venue as the real exchange of a shadow."""

    def __init__(self, twin: "Twin") -> None:
        self._twin = twin

    def __getattr__(self, name: str) -> Any:
        return getattr(super(Twin, self._twin), name)


class Twin(Venue):
    """A venue whose every call passes a shadow, and whose bars are played twice."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        instruments, settings, clock, equity = given
        inner: Any = Inner(self)
        self.shadow = Shadowed(inner, clock, instruments, settings, equity)
        self._bars: list[Any] = []

    def connect(self, sink: UpdateSink) -> None:
        self.shadow.connect(sink)

    async def place(self, request: OrderRequest) -> Outcome:
        return await self.shadow.place(request)

    async def cancel(self, symbol: str, client_id: str) -> Outcome:
        return await self.shadow.cancel(symbol, client_id)

    async def fetch_order(self, symbol: str, client_id: str) -> OrderUpdate | None:
        return await self.shadow.fetch_order(symbol, client_id)

    def active(self) -> frozenset[str]:
        return super().active() | self.shadow.active()

    def open_bar(self, symbol: str, bar: Any, open_ms: int, close_ms: int) -> None:
        super().open_bar(symbol, bar, open_ms, close_ms)
        self._bars.append((symbol, bar, open_ms, close_ms))

    async def play(self, until_ms: int) -> bool:
        if await super().play(until_ms):
            return True
        while self._bars:
            self.shadow.open_bar(*self._bars.pop(0))
        return await self.shadow.play(until_ms)


def world_of(seed: int) -> World:
    """A market of many signals, and a band in which many orders fill."""
    world = market(seed)
    world.preset = preset(
        risk__max_concurrent_positions=3, risk__max_position_size_usd=Decimal(3000)
    )
    world.venue = Twin
    return world


def twin_of(stage: Stage) -> Twin:
    venue = stage.venue
    assert isinstance(venue, Twin)
    return venue


async def closed(stage: Stage) -> list[Position]:
    positions = [row.decode(Position) for row in await stage.rows(Kind.POSITION)]
    return [position for position in positions if position.ended]


@pytest.mark.parametrize("speed", [60.0, float("inf")])
async def test_every_trade_of_the_engine_is_the_same_on_paper(
    tmp_path: Path, autojump_clock: MockClock, speed: float
) -> None:
    world = world_of(4)
    world.pace = Pace(speed)
    async with living(world, tmp_path) as stage:
        await stage.over()
        found = twin_of(stage).shadow.divergence()
        trades = await closed(stage)
    assert (found.faults, found.last_fault) == (0, "")
    assert len(found.trades) == len(trades) > 20
    assert found.uncompared == {}
    ours = sum(position.pnl_usd for position in trades)
    assert sum(row.real_usd for row in found.trades) == ours
    for row in found.orders:
        assert row.real == row.paper, row
    assert found.totals.difference_usd == 0
    assert found.totals.slippage.n > 40
    assert found.totals.slippage.p95_bps == 0


async def test_lost_answers_do_not_upset_the_comparison(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    world = world_of(4)
    lost = 0

    def answer(outcome: Outcome) -> Outcome:
        nonlocal lost
        lost += 1
        return Unknown("lost") if lost % 7 == 0 else outcome

    async with living(world, tmp_path, start=False) as stage:
        twin_of(stage).answer = answer
        told = await stage.command("start", preset=str(tmp_path / "scripted.json"))
        assert told.ok, told.message
        await stage.over()
        found = twin_of(stage).shadow.divergence()
    assert lost > 20
    assert found.faults == 0
    assert len(found.trades) > 20
    assert found.totals.difference_usd == 0
