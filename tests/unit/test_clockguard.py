"""The exchange's clock: a median, three limits, and nothing but monotonic durations."""

from collections.abc import Callable

import pytest
import trio
from trio.testing import MockClock

from actors.clockguard import (
    CONSEQUENCES,
    ClockChange,
    ClockEstimate,
    ClockGuard,
    ClockVerdict,
    judge,
)
from actors.domain.errors import ExchangeError
from actors.runtime.clock import MarketClock
from config.settings import ClockGroup

V = ClockVerdict
HOUR_MS = 3_600_000
EPOCH_MS = 1_700_000_000_000
LIMITS = ClockGroup()


class Wall:
    """This machine's clock: it runs with the monotonic one, until somebody sets it."""

    def __init__(self) -> None:
        self.set_ms = EPOCH_MS

    def now_ms(self) -> int:
        return self.set_ms + round(trio.current_time() * 1e3)


class Exchange:
    """An exchange whose clock is `ahead_ms`, and whose answers take their time."""

    def __init__(
        self, *, ahead_ms: int = 0, takes_ms: tuple[float, ...] = (0,)
    ) -> None:
        self.ahead_ms = ahead_ms
        self.takes_ms = takes_ms
        self.fails: list[Exception | None] = []
        self.asked = 0
        self.meanwhile: Callable[[], None] = lambda: None

    async def fetch_time(self) -> int:
        takes_ms = self.takes_ms[self.asked % len(self.takes_ms)]
        self.asked += 1
        failure = self.fails.pop(0) if self.fails else None
        if failure is not None:
            raise failure
        await trio.sleep(takes_ms / 2e3)
        now_ms = EPOCH_MS + round(trio.current_time() * 1e3) + self.ahead_ms
        self.meanwhile()
        await trio.sleep(takes_ms / 2e3)
        return now_ms


class Watch:
    """A guard over an exchange, and what it reported."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange, self.wall = exchange, Wall()
        self.told: list[ClockChange] = []
        self.guard = ClockGuard(exchange, LIMITS, self.wall, self.told.append)

    async def measure(self, rounds: int = 1) -> None:
        for _ in range(rounds):
            await self.guard.measure()


@pytest.mark.parametrize(
    ("offset_ms", "verdict"),
    [
        (0, V.GOOD),
        (249, V.GOOD),
        (250, V.WARN),
        (499, V.WARN),
        (500, V.REFUSE),
        (999, V.REFUSE),
        (1_000, V.HALT),
        (HOUR_MS, V.HALT),
    ],
)
@pytest.mark.parametrize("sign", [1, -1])
def test_the_limits_hold_ahead_and_behind(
    offset_ms: int, verdict: ClockVerdict, sign: int
) -> None:
    assert judge(ClockEstimate(offset_ms=sign * offset_ms), LIMITS) is verdict


def test_every_verdict_has_its_consequence() -> None:
    assert set(CONSEQUENCES) == set(V)
    assert [v for v in V if CONSEQUENCES[v].entries] == [V.GOOD, V.WARN]
    assert [v for v in V if CONSEQUENCES[v].halted] == [V.HALT]


async def test_before_the_first_round_nothing_is_known(
    autojump_clock: MockClock,
) -> None:
    watch = Watch(Exchange())
    assert watch.guard.verdict is V.UNKNOWN
    assert watch.guard.exchange_now_ms() is None
    await watch.measure()
    assert [(c.old, c.new) for c in watch.told] == [(V.UNKNOWN, V.GOOD)]


@pytest.mark.parametrize("takes_ms", [0, 40, 1_900])
async def test_half_of_a_round_trip_is_the_way_there(
    autojump_clock: MockClock, takes_ms: float
) -> None:
    watch = Watch(Exchange(ahead_ms=-120, takes_ms=(takes_ms,)))
    await watch.measure()
    assert watch.guard.estimate.offset_ms == -120
    assert watch.guard.estimate.round_trip_ms == takes_ms
    assert watch.guard.exchange_now_ms() == watch.wall.now_ms() - 120


async def test_one_odd_answer_moves_nothing(autojump_clock: MockClock) -> None:
    """It is the median: one of five comes with its whole delay on one way."""
    watch = Watch(Exchange(ahead_ms=10))
    jumps = iter([0, 700, 0, 0, 0])

    def jump() -> None:
        watch.exchange.ahead_ms = 10 + next(jumps)

    watch.exchange.meanwhile = jump
    await watch.measure()
    assert watch.guard.estimate.offset_ms == 10
    assert watch.guard.verdict is V.GOOD


async def test_slow_answers_are_dropped_and_most_must_be_left(
    autojump_clock: MockClock,
) -> None:
    watch = Watch(Exchange(takes_ms=(5_000, 20, 5_000, 20, 20)))
    await watch.measure()
    assert (watch.guard.estimate.samples, watch.guard.estimate.round_trip_ms) == (3, 20)
    slow = Watch(Exchange(takes_ms=(5_000, 20, 5_000, 20, 5_000)))
    await slow.measure()
    assert slow.guard.estimate.failed_rounds == 1
    assert slow.guard.verdict is V.UNKNOWN
    assert slow.told == []


async def test_an_answer_that_blocked_everything_is_slow_too(
    autojump_clock: MockClock,
) -> None:
    """A stalled process is late for its own deadline: the answer is there, but old."""
    late = iter(range(0, 10_000, 3))
    guard = ClockGuard(
        Exchange(), LIMITS, Wall(), lambda _: None, lambda: float(next(late))
    )
    await guard.measure()
    assert guard.estimate.failed_rounds == 1
    assert "3000 ms, the limit is 2000 ms" in guard.estimate.problem


async def test_failed_rounds_age_the_estimate_until_it_is_unknown(
    autojump_clock: MockClock,
) -> None:
    watch = Watch(Exchange())
    await watch.measure()
    watch.exchange.fails = [ExchangeError("maintenance")] * 15
    await watch.measure(2)
    assert watch.guard.verdict is V.GOOD
    await watch.measure()
    assert watch.guard.verdict is V.UNKNOWN
    assert not CONSEQUENCES[watch.guard.verdict].entries
    assert watch.told[-1].message == (
        "the exchange's clock is unknown, no answer in 3 rounds: "
        "ExchangeError maintenance"
    )
    await watch.measure()
    assert watch.guard.verdict is V.GOOD
    assert watch.guard.estimate.failed_rounds == 0


@pytest.mark.parametrize("error", [OSError("reset"), trio.TooSlowError()])
async def test_a_failed_answer_is_only_one_sample_less(
    autojump_clock: MockClock, error: Exception
) -> None:
    watch = Watch(Exchange())
    watch.exchange.fails = [error, None, error, None, None]
    await watch.measure()
    assert (watch.guard.verdict, watch.guard.estimate.samples) == (V.GOOD, 3)


@pytest.mark.parametrize("step_ms", [HOUR_MS, -HOUR_MS])
async def test_a_wall_clock_that_is_set_changes_nothing_but_the_offset(
    autojump_clock: MockClock, step_ms: int
) -> None:
    watch = Watch(Exchange(ahead_ms=30, takes_ms=(20,)))
    await watch.measure()
    before = watch.guard.exchange_now_ms()
    watch.wall.set_ms += step_ms
    assert watch.guard.exchange_now_ms() == before
    assert watch.guard.verdict is V.GOOD
    began = trio.current_time()
    await watch.measure()
    assert trio.current_time() - began == pytest.approx(0.1)  # five answers of 20 ms
    assert watch.guard.estimate.offset_ms == 30 - step_ms
    assert watch.guard.estimate.round_trip_ms == 20
    assert watch.guard.verdict is V.HALT
    assert before is not None
    assert watch.guard.exchange_now_ms() == before + 100


async def test_a_wall_clock_that_is_set_while_it_is_measured_is_one_odd_answer(
    autojump_clock: MockClock,
) -> None:
    watch = Watch(Exchange(ahead_ms=30, takes_ms=(20,)))
    steps = iter([0, 0, 0, 0, HOUR_MS])

    def step() -> None:
        watch.wall.set_ms += next(steps)

    watch.exchange.meanwhile = step
    await watch.measure()
    assert watch.guard.estimate.offset_ms == 30


async def test_it_measures_once_a_round_until_it_is_stopped(
    autojump_clock: MockClock,
) -> None:
    watch = Watch(Exchange())
    with trio.move_on_after(LIMITS.round_seconds * 2.5):
        await watch.guard.run()
    assert watch.exchange.asked == 3 * LIMITS.samples


async def test_a_simulated_exchange_s_clock_is_the_market_s(
    autojump_clock: MockClock,
) -> None:
    market = MarketClock(5_000)

    class Simulated:
        async def fetch_time(self) -> int:
            await trio.lowlevel.checkpoint()
            return market.now_ms()

    guard = ClockGuard(Simulated(), LIMITS, market, lambda _: None)
    await guard.measure()
    assert guard.estimate.offset_ms == 0
    assert guard.verdict is V.GOOD
