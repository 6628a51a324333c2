"""The limiter: costs, idle time, cancelled callers, lanes."""

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from actors.domain.errors import ExchangeError
from actors.exchange.gate import limiter as module
from actors.exchange.gate.limiter import Lane, Limiter, in_lane

#: One token every 50 ms, as binance's rateLimit of 50 gives.
BUCKET = {"refillRate": 1 / 50, "capacity": 1, "cost": 1, "algorithm": "leakyBucket"}
WINDOW = {"algorithm": "rollingWindow", "windowSize": 1000.0, "rateLimit": 100.0}


async def test_requests_go_out_at_the_pace_of_the_limit(
    autojump_clock: MockClock,
) -> None:
    limiter = Limiter(BUCKET)
    started = trio.current_time()
    for _ in range(21):
        await limiter()
    assert trio.current_time() - started == pytest.approx(20 * 0.05)


async def test_a_dear_request_makes_the_next_one_wait_for_all_of_its_cost(
    autojump_clock: MockClock,
) -> None:
    limiter = Limiter(BUCKET)
    await limiter(40)
    started = trio.current_time()
    await limiter(1)
    assert trio.current_time() - started == pytest.approx(40 * 0.05)


async def test_idle_time_is_credited(autojump_clock: MockClock) -> None:
    """Stock ccxt still waits four seconds here."""
    limiter = Limiter(BUCKET)
    await limiter(80)
    await trio.sleep(5)
    started = trio.current_time()
    await limiter(1)
    assert trio.current_time() == started


async def test_idle_time_buys_no_burst(autojump_clock: MockClock) -> None:
    limiter = Limiter(BUCKET)
    await trio.sleep(3600)
    started = trio.current_time()
    for _ in range(11):
        await limiter()
    assert trio.current_time() - started >= 9 * 0.05


async def test_a_cancelled_caller_is_not_charged(autojump_clock: MockClock) -> None:
    """Stock ccxt makes the next one wait two seconds here."""
    limiter = Limiter(BUCKET)
    await limiter()
    with trio.move_on_after(0.001):
        async with trio.open_nursery() as nursery:
            for _ in range(40):
                nursery.start_soon(limiter)
    assert limiter.waiting == 0
    started = trio.current_time()
    await limiter()
    assert trio.current_time() - started <= 0.05


async def test_callers_of_one_lane_are_served_in_their_order(
    autojump_clock: MockClock,
) -> None:
    limiter, served = Limiter(BUCKET), []

    async def ask(number: int) -> None:
        await limiter()
        served.append(number)

    async with trio.open_nursery() as nursery:
        for number in range(10):
            nursery.start_soon(ask, number)
            await wait_all_tasks_blocked()
    assert served == list(range(10))


async def test_a_more_urgent_lane_overtakes_all_that_wait(
    autojump_clock: MockClock,
) -> None:
    limiter, served = Limiter(BUCKET), []

    async def ask(lane: Lane) -> None:
        with in_lane(lane):
            await limiter()
        served.append(lane)

    await limiter(10)
    async with trio.open_nursery() as nursery:
        for lane in reversed(Lane):  # the least urgent one asks first
            nursery.start_soon(ask, lane)
            await wait_all_tasks_blocked()
    assert served == list(Lane)


async def test_the_lane_ends_with_its_block(autojump_clock: MockClock) -> None:
    limiter, served = Limiter(BUCKET), []

    async def ask(lane: Lane | None) -> None:
        if lane is not None:
            with in_lane(lane):
                pass
        await limiter()
        served.append(lane)

    await limiter(10)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask, None)
        await wait_all_tasks_blocked()
        nursery.start_soon(ask, Lane.PROTECT)
    assert served == [None, Lane.PROTECT]


async def test_the_first_in_the_queue_may_be_cancelled(
    autojump_clock: MockClock,
) -> None:
    limiter = Limiter(BUCKET)
    await limiter(2)
    started = trio.current_time()
    async with trio.open_nursery() as nursery:
        with trio.move_on_after(0.01):
            nursery.start_soon(limiter)
            await wait_all_tasks_blocked()
            await limiter()
    assert trio.current_time() - started == pytest.approx(0.1)


async def test_a_rolling_window_spends_at_once_and_then_waits(
    autojump_clock: MockClock,
) -> None:
    limiter = Limiter(WINDOW)
    started = trio.current_time()
    for _ in range(10):
        await limiter(1)
    assert trio.current_time() == started
    await limiter(1)
    assert trio.current_time() - started == pytest.approx(1.0)


async def test_a_cost_above_the_window_waits_for_an_empty_one(
    autojump_clock: MockClock,
) -> None:
    limiter = Limiter(WINDOW)
    await limiter(1)
    started = trio.current_time()
    await limiter(50)
    assert trio.current_time() - started == pytest.approx(1.0)


async def test_the_queue_has_a_bound(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WAITING_MAX", 3)
    limiter = Limiter(BUCKET)
    await limiter(100)
    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(limiter)
        await wait_all_tasks_blocked()
        with pytest.raises(ExchangeError, match="3 requests wait"):
            await limiter()
        nursery.cancel_scope.cancel()
