"""Asking again: what, how often, with which pauses, and never past the deadline."""

from collections.abc import Awaitable, Callable
from itertools import pairwise
from random import Random
from typing import Any

import httpx
import pytest
import trio
from trio.testing import MockClock

from actors.domain.errors import ExchangeError, Unsent
from actors.exchange.gate import retried
from actors.exchange.gate.reads import PAUSE_SECONDS, PAUSE_SECONDS_MAX, TRIES_MAX


def status(code: int) -> Exception:
    request = httpx.Request("GET", "http://x/")
    error = ExchangeError(f"answered {code}")
    answer = httpx.Response(code, request=request)
    error.__cause__ = httpx.HTTPStatusError("", request=request, response=answer)
    return error


def failing(*errors: Exception) -> Callable[[], Awaitable[float]]:
    """Fail with each in turn, then tell the time."""
    left = list(errors)

    async def read() -> float:
        await trio.lowlevel.checkpoint()
        if left:
            raise left.pop(0)
        return trio.current_time()

    return read


class Fullest(Random):
    def uniform(self, a: float, b: float) -> float:
        assert a == 0  # full jitter
        return b


async def ask(*errors: Exception, within: float = 90.0, **more: Any) -> float:
    return await retried(
        failing(*errors), within_seconds=within, random=Fullest(1), **more
    )


async def test_pauses_double_up_to_a_bound_and_are_drawn_from_zero(
    autojump_clock: MockClock,
) -> None:
    notes: list[float] = []

    def note() -> None:
        notes.append(trio.current_time())

    await ask(*[status(503)] * 7, note=note)
    steps = [later - sooner for sooner, later in pairwise(notes)]
    assert steps == [0.5, 1, 2, 4, 8, 16]
    assert 16 < PAUSE_SECONDS * 2**6 > PAUSE_SECONDS_MAX
    drawn = await retried(
        failing(status(503)), within_seconds=9, random=Random(3), note=note
    )
    assert trio.current_time() - PAUSE_SECONDS < drawn


@pytest.mark.parametrize("code", [500, 502, 503, 408, 429])
async def test_what_passes_by_itself_is_asked_again(
    autojump_clock: MockClock, code: int
) -> None:
    assert await ask(status(code)) == PAUSE_SECONDS


@pytest.mark.parametrize("code", [400, 401, 403, 404, 418])
async def test_what_stays_as_it_is_is_not(autojump_clock: MockClock, code: int) -> None:
    with pytest.raises(ExchangeError, match=str(code)):
        await ask(status(code))
    assert trio.current_time() == 0


async def test_an_error_that_says_nothing_is_not_asked_again() -> None:
    with pytest.raises(ExchangeError, match="odd"):
        await ask(ExchangeError("odd"))
    with pytest.raises(ZeroDivisionError):
        await ask(ZeroDivisionError())


async def test_a_line_that_breaks_is_dialled_again(autojump_clock: MockClock) -> None:
    assert await ask(ConnectionResetError(), httpx_error()) == 0.5 + 1


def httpx_error() -> Exception:
    error = ExchangeError("x: ReadError")
    error.__cause__ = httpx.ReadError("")
    return error


async def test_no_pause_is_begun_that_would_not_end_in_time(
    autojump_clock: MockClock,
) -> None:
    with pytest.raises(ExchangeError, match="answered 503"):
        await ask(*[status(503)] * 9, within=3.0)
    assert trio.current_time() == 0.5 + 1
    with trio.fail_after(1), pytest.raises(ExchangeError, match="answered 503"):
        await ask(*[status(503)] * 9)


async def test_there_is_a_last_try(autojump_clock: MockClock) -> None:
    last = status(502)
    with pytest.raises(ExchangeError, match="502"):
        await ask(*[status(503)] * (TRIES_MAX - 1), last, status(500), within=1e9)


async def test_a_gate_that_says_how_long_is_asked_no_sooner(
    autojump_clock: MockClock,
) -> None:
    assert await ask(Unsent("banned", 30_000)) == 30.5
    with pytest.raises(Unsent):
        await ask(Unsent("banned", 100_000))
