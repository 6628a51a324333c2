"""An exchange that is away is told about, and nobody is flooded with it."""

import itertools
from pathlib import Path

from trio.testing import MockClock

from actors.domain.messages import Alert
from actors.risk.account.repeats import KEPT_MAX, Repeats
from tests.sim.faulty import Always, Fault, FaultyVenue, Plan, Well
from tests.sim.script import signal
from tests.sim.world import MINUTE_MS, A, Stage, World, living

AWAY = Always(
    fetch_open_orders=Fault.FAILS, fetch_fills=Fault.FAILS, fetch_balance=Fault.FAILS
)

PARTLY = Always(fetch_balance=Fault.FAILS)


def world() -> World:
    made = World({(A, 4): signal(stop=95.0)}, bars=60)
    made.venue = FaultyVenue
    return made


def plan(stage: Stage, faults: Plan) -> None:
    assert isinstance(stage.venue, FaultyVenue)
    stage.venue.plan = faults


def told(stage: Stage, words: str) -> list[Alert]:
    return [alert for alert in stage.state.alerts if words in alert.message]


async def test_an_exchange_that_is_away_is_told_once_a_minute_and_its_return_once(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(world(), tmp_path) as stage:
        await stage.bar(8)
        plan(stage, AWAY)
        began_ms = stage.venue.now_ms
        looks = 0
        while stage.venue.now_ms < began_ms + 10 * MINUTE_MS:
            asked = stage.state.counts["cycles"]
            plan(stage, (AWAY, PARTLY)[looks % 2])  # each time in other words
            await stage.command("reconcile")  # people ask again and again
            looks += 1
            await stage.bar(asked)
        away = told(stage, "did not answer")
        assert looks >= 10
        assert 9 <= len(away) <= 11
        assert all(
            after.ts_ms - before.ts_ms >= MINUTE_MS
            for before, after in itertools.pairwise(away)
        )
        assert not told(stage, "answers again")
        plan(stage, Well())
        await stage.bar(stage.state.counts["cycles"] + 10)
        assert len(told(stage, "answers again")) == 1
        assert told(stage, "did not answer") == away


async def test_an_exchange_that_comes_and_goes_floods_nobody(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(world(), tmp_path) as stage:
        await stage.bar(8)
        began_ms = stage.venue.now_ms
        for number in range(40):
            plan(stage, Well() if number % 2 else AWAY)
            await stage.command("reconcile")
        minutes = (stage.venue.now_ms - began_ms) // MINUTE_MS + 1
        assert minutes < 5
        assert 1 <= len(told(stage, "did not answer")) <= minutes
        assert 1 <= len(told(stage, "answers again")) <= minutes


def test_the_same_words_are_told_once_a_minute_and_others_at_once() -> None:
    repeats = Repeats()
    times = [ms for ms in range(0, 180_001, 2_000) if repeats.due(ms, "gone", "A")]
    assert times == [0, 60_000, 120_000, 180_000]
    assert repeats.due(180_001, "gone", "B")
    assert not repeats.due(180_001, "gone", "A")
    assert repeats.due(0, "gone", "A"), "a clock that was set back mutes nothing"


def test_what_is_remembered_of_alerts_is_bounded() -> None:
    repeats = Repeats()
    for number in range(KEPT_MAX + 1):
        assert repeats.due(0, str(number))
    assert repeats.due(0, "0"), "forgotten"
    assert not repeats.due(0, str(KEPT_MAX))
