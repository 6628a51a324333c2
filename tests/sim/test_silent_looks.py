"""An exchange that is silent for minutes is asked one thing at a time."""

from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from pathlib import Path
from typing import Any

import trio
from trio.testing import MockClock

from actors.domain.phases import KillPhase
from actors.feed import Pace
from actors.risk.truth.looks import LOST_MS
from tests.sim.killing import phase_of
from tests.sim.venue import Venue
from tests.sim.world import START_MS, A, Stage, World, living

K = KillPhase
#: A silence, in seconds, and how long one look at a silent exchange takes.
SILENCE, LOOK = 660, 40
#: After so many seconds, two bars, the scene is set.
BEGUN = 2 * 60 + 1


class Silent(Venue):
    """An exchange that takes a moment to answer, or forever."""

    silent = False
    asked = 0

    async def gate(self) -> None:
        self.asked += 1
        await trio.sleep(1000 if self.silent else 0.1)

    async def fetch_open_orders(self) -> Any:
        await self.gate()
        return await super().fetch_open_orders()

    async def fetch_positions(self) -> Any:
        await self.gate()
        return await super().fetch_positions()

    async def fetch_fills(self, since_ms: int) -> Any:
        await self.gate()
        return await super().fetch_fills(since_ms)

    async def fetch_balance(self) -> Any:
        await self.gate()
        return await super().fetch_balance()


def silenced(where: Path) -> AbstractAsyncContextManager[Stage]:
    """Live in a market that waits for nobody."""
    world = World(bars=60, symbols=(A,))
    world.venue = Silent
    world.pace = Pace(speed=1.0, simulated=False)
    world.exchange_now_ms = lambda: START_MS + int(trio.current_time() * 1000)
    return living(world, where)


def venue_of(stage: Stage) -> Silent:
    assert isinstance(stage.venue, Silent)
    return stage.venue


def waiting(stage: Stage) -> int:
    """How many looks wait behind the one under way."""
    return int(stage.engine.root().ref("reconcile").depth)


@contextmanager
def silence(stage: Stage) -> Iterator[None]:
    venue_of(stage).silent = True
    yield
    venue_of(stage).silent = False


async def test_the_kill_switch_piles_up_no_looks_while_the_exchange_is_silent(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with silenced(tmp_path) as stage:
        await trio.sleep(BEGUN)
        venue = venue_of(stage)
        with silence(stage):
            assert (await stage.command("kill_switch")).ok
            before = venue.asked
            for _ in range(SILENCE // 10):
                await trio.sleep(10)
                assert waiting(stage) <= 1
            assert phase_of(stage) is not K.LATCHED
            # It is asked again and again all the same, as fast as it does not answer.
            assert venue.asked - before >= SILENCE // LOOK * 4
        before = venue.asked
        with trio.fail_after(2 * LOOK):
            await stage.until(lambda: phase_of(stage) is K.LATCHED)
        await trio.sleep(60)
        assert venue.asked - before <= 30


async def test_looks_that_were_wanted_during_another_are_one_look_after_it(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with silenced(tmp_path) as stage:
        await trio.sleep(BEGUN)
        venue, looks = venue_of(stage), stage.engine.risk.settlement.looks
        before = venue.asked
        await stage.until(lambda: venue.asked > before)
        await trio.sleep(2)  # the next one in a period is not due yet
        before = venue.asked
        for _ in range(5):
            looks.look(whole=True)
        await trio.sleep(3)
        assert venue.asked - before == 2 * 4


async def test_a_look_whose_answer_was_lost_is_not_waited_for_without_end(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with silenced(tmp_path) as stage:
        await trio.sleep(BEGUN)
        venue, looks = venue_of(stage), stage.engine.risk.settlement.looks
        await stage.until(lambda: not looks._looking)
        looks._looking, before = True, venue.asked
        await trio.sleep(LOST_MS / 1000 - 30)
        assert venue.asked == before
        await trio.sleep(60)
        assert venue.asked > before
