"""The engine on a market that happens now: it waits for bars, and minds their age."""

import math
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import trio
from trio.testing import MockClock

from actors.clockguard import ClockVerdict
from actors.domain.bars import MarketDescription
from actors.domain.freshness import Health, Judgement
from actors.feed import Pace
from actors.journal import Kind
from actors.market.port import Block
from tests.sim.script import signal
from tests.sim.world import A, Stage, World, living


class Now(World):
    """A scripted market whose minutes come when the test says so."""

    def __init__(self, **given: object) -> None:
        super().__init__(**given)  # type: ignore[arg-type]
        self.pace = Pace(math.inf, 1.0)
        self.health = Health.FRESH
        self.asked: list[tuple[str, int]] = []
        self.streaming = 0
        self._come = 0
        self._given = 0
        self._wake: Callable[[], None] | None = None

    def describe(self) -> MarketDescription:
        return msgspec.structs.replace(super().describe(), end_ms=None, bars_total=None)

    def blocks(self) -> Iterator[Block]:
        return self

    def __iter__(self) -> Iterator[Block]:
        return self

    def __next__(self) -> Block:
        if self._given >= self._come:
            raise StopIteration
        at, self._given = self._given, self._given + 1
        return Block(tuple(self.bars[name][at : at + 1] for name in self.symbols))

    def when_more(self, wake: Callable[[], None]) -> bool:
        self._wake = wake
        if self._given < self._come:
            self._call()
        return True

    def _call(self) -> None:
        wake, self._wake = self._wake, None
        if wake is not None:
            wake()

    def come(self, count: int) -> None:
        """So many minutes more have closed."""
        self._come += count
        self._call()

    def judge(self, symbol: str, engine_ms: int) -> Judgement:
        self.asked.append((symbol, engine_ms))
        return Judgement(self.health, "event", 7_000, 5_000)

    async def run(self) -> None:
        self.streaming += 1
        await trio.sleep_forever()


async def refused(stage: Stage, symbol: str = A) -> list[str]:
    rows = await stage.bodies(Kind.DECISION, symbol)
    return [row["finding"].get("reason", "") for row in rows]


async def test_the_feed_waits_for_a_minute_and_is_woken_by_it(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    world = Now()
    async with living(world, tmp_path) as stage:
        assert world.streaming == 1
        for number in range(5):
            await trio.sleep(60)
            assert stage.state.counts["cycles"] == number
            assert not stage.engine.market_over.is_set()
            world.come(1)
            await stage.bar(number)


async def test_fresh_data_lets_an_entry_through_and_old_data_does_not(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    world = Now(script={(A, 2): signal(stop=98.0), (A, 4): signal(stop=98.0)})
    async with living(world, tmp_path) as stage:
        world.health = Health.QUIET
        world.come(3)
        await stage.bar(2)
        assert "old_data_event" in await refused(stage)
        assert not stage.state.book.orders
        world.health = Health.FRESH
        world.come(2)
        await stage.bar(4)
        assert stage.state.book.orders
        assert {symbol for symbol, _ in world.asked} == {A}


async def test_a_clock_that_is_off_stops_entries(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    world = Now(script={(A, 2): signal(stop=98.0)})
    world.clock_verdict = lambda: ClockVerdict.REFUSE
    async with living(world, tmp_path) as stage:
        world.come(3)
        await stage.bar(2)
        assert "clock_offset" in await refused(stage)
        assert not stage.state.book.orders


async def test_a_feed_that_is_started_again_is_woken_again(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    world = Now()
    async with living(world, tmp_path) as stage:
        world.come(2)
        await stage.bar(1)
        assert (await stage.command("stop")).ok
        world.come(2)
        await trio.sleep(10)
        assert stage.state.counts["cycles"] == 2
        assert (await stage.command("start")).ok
        await stage.bar(3)
        world.come(1)
        await stage.bar(4)
