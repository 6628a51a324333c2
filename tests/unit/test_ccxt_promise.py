"""Promises, races, gather and the shared load: what replaces asyncio under ccxt."""

import gc
import warnings
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from actors.exchange.ccxtrio.gather import ASYNCIO
from actors.exchange.ccxtrio.markets import SharedLoad
from actors.exchange.ccxtrio.promise import Promise

from ccxt.base.errors import ExchangeClosedByUser  # isort: skip - after the adapter


async def test_a_promise_gives_its_value_to_all_who_wait() -> None:
    promise, got = Promise(), []

    async def wait() -> None:
        got.append(await promise)

    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(wait)
        await wait_all_tasks_blocked()
        promise.resolve(7)
        promise.resolve(8)
    assert got == [7, 7, 7]
    assert await promise == 7


async def test_a_cancelled_waiter_leaves_the_promise_to_the_others() -> None:
    """In stock ccxt the cancellation is thrown into everybody."""
    promise, got = Promise(), []

    async def wait() -> None:
        got.append(await promise)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        with trio.move_on_after(0.01):
            await promise
        assert not promise.done()
        promise.resolve("kept")
    assert got == ["kept"]


async def test_a_promise_outlives_its_only_waiter() -> None:
    promise = Promise()
    with trio.move_on_after(0.01):
        await promise
    assert not promise.done()
    promise.resolve("later")
    assert await promise == "later"


async def test_a_broken_promise_raises_its_error() -> None:
    promise = Promise()
    promise.reject(KeyError("x"))
    with pytest.raises(KeyError):
        await promise
    assert isinstance(promise.exception(), KeyError)


async def test_a_promise_that_is_given_up_says_so() -> None:
    promise = Promise()
    assert promise.cancel()
    assert promise.cancelled()
    with pytest.raises(ExchangeClosedByUser):
        await promise


def test_a_race_is_decided_by_the_first_and_leaves_the_others() -> None:
    promises = [Promise() for _ in range(5)]
    race = Promise.race(promises)
    promises[3].resolve("third")
    promises[1].resolve("first")
    assert race.result() == "third"
    assert not any(promise.waited_for() for promise in promises)


async def test_a_race_nobody_waits_for_leaves_nothing_on_its_promises() -> None:
    promises = [Promise() for _ in range(5)]
    for _ in range(100):
        with trio.move_on_after(0):
            await Promise.race(promises)
    assert not any(promise.waited_for() for promise in promises)


async def test_gather_gives_results_in_the_order_of_the_call(
    autojump_clock: MockClock,
) -> None:
    async def slow(number: int) -> int:
        await trio.sleep(1 / number)
        return number

    assert await ASYNCIO.gather(slow(1), slow(2), slow(3)) == [1, 2, 3]


async def test_gather_starts_its_children_in_the_order_of_the_call() -> None:
    for _ in range(20):
        started: list[int] = []

        async def child(number: int, started: list[int] = started) -> None:
            started.append(number)
            await trio.lowlevel.checkpoint()

        await ASYNCIO.gather(*map(child, range(10)))
        assert started == list(range(10))


async def test_gather_raises_the_first_error_as_itself_and_ends_the_others(
    autojump_clock: MockClock,
) -> None:
    ended: list[str] = []

    async def failing(seconds: float) -> None:
        await trio.sleep(seconds)
        raise ValueError(seconds)

    async def endless() -> None:
        try:
            await trio.sleep_forever()
        finally:
            ended.append("cut")

    with pytest.raises(ValueError, match="1"):
        await ASYNCIO.gather(failing(2), failing(1), endless())
    assert ended == ["cut"]


async def test_gather_may_return_errors(autojump_clock: MockClock) -> None:
    async def failing() -> None:
        raise KeyError

    async def fine() -> int:
        return 1

    results = await ASYNCIO.gather(failing(), fine(), return_exceptions=True)
    assert isinstance(results[0], KeyError)
    assert results[1] == 1


async def test_a_gather_that_is_cancelled_early_leaves_no_coroutine_behind() -> None:
    async def child() -> None:
        await trio.sleep_forever()

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with trio.CancelScope() as scope:
            scope.cancel()
            await ASYNCIO.gather(*(child() for _ in range(5)))
        gc.collect()
    assert scope.cancelled_caught


async def test_a_base_class_may_only_hand_over_a_close() -> None:
    promise = Promise()
    assert ASYNCIO.ensure_future(promise) is promise
    with pytest.raises(TypeError, match="only a close"):
        ASYNCIO.ensure_future(object())  # type: ignore[arg-type]


async def test_one_load_serves_all_who_ask_meanwhile(autojump_clock: MockClock) -> None:
    shared, loads = SharedLoad(), []

    async def load() -> Any:
        loads.append(1)
        await trio.sleep(1)
        return "markets"

    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(lambda: shared.get(load, anew=False))
    assert loads == [1]


async def test_when_the_loading_caller_is_cancelled_another_takes_over(
    autojump_clock: MockClock,
) -> None:
    """Stock ccxt cancels everybody who waits for the load."""
    shared, got = SharedLoad(), []

    async def load() -> Any:
        await trio.sleep(1)
        return "markets"

    async def wait() -> None:
        got.append(await shared.get(load, anew=False))

    async with trio.open_nursery() as nursery:
        with trio.move_on_after(0.5):
            nursery.start_soon(_later, wait)
            await shared.get(load, anew=False)
    assert got == ["markets"]


async def _later(wait: Any) -> None:
    await trio.sleep(0.1)
    await wait()


async def test_a_waiter_that_is_cancelled_disturbs_nobody(
    autojump_clock: MockClock,
) -> None:
    shared, got = SharedLoad(), []

    async def load() -> Any:
        await trio.sleep(1)
        return "markets"

    async def lead() -> None:
        got.append(await shared.get(load, anew=False))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(lead)
        await wait_all_tasks_blocked()
        with trio.move_on_after(0.1) as scope:
            await shared.get(load, anew=False)
    assert scope.cancelled_caught
    assert got == ["markets"]


async def test_an_error_of_the_load_reaches_all_and_the_next_tries_again(
    autojump_clock: MockClock,
) -> None:
    shared, failed = SharedLoad(), []

    async def load() -> Any:
        await trio.sleep(1)
        raise OSError

    async def wait() -> None:
        try:
            await shared.get(load, anew=False)
        except OSError:
            failed.append(1)

    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(wait)
    assert failed == [1, 1, 1]
    assert not shared.under_way
