"""Asks again: reads only, with full jitter, within a deadline, by the table of faults.

An order must never come this way: it may have been taken though its answer was lost.
The deadline includes the pauses, and a pause that would not end before it is not begun:
the caller then gets the error that there was, and not a time-out that hides it.
"""

from collections.abc import Awaitable, Callable
from random import Random
from typing import TypeVar

import trio

from actors.domain.errors import ExchangeError, Unsent
from actors.exchange.gate.faults import RULES, fault_of

T = TypeVar("T")

PAUSE_SECONDS, PAUSE_SECONDS_MAX = 0.5, 20.0
TRIES_MAX = 8


async def retried(
    read: Callable[[], Awaitable[T]],
    *,
    within_seconds: float,
    random: Random,
    note: Callable[[], None] = lambda: None,
) -> T:
    """Return the first answer; raise the last error when there is none in time.

    `note` is called before each further try.
    """
    end = trio.current_time() + within_seconds
    end = min(end, trio.current_effective_deadline())
    for attempt in range(TRIES_MAX):
        try:
            return await read()
        except (ExchangeError, OSError) as error:
            pause = _pause_seconds(error, attempt, random)
            is_last = attempt == TRIES_MAX - 1
            if pause is None or is_last or trio.current_time() + pause >= end:
                raise
        note()
        await trio.sleep(pause)
    raise AssertionError  # the last try returns or raises


def _pause_seconds(error: Exception, attempt: int, random: Random) -> float | None:
    """Draw how long to wait before asking again; None: it is of no use."""
    fullest = min(PAUSE_SECONDS * 2**attempt, PAUSE_SECONDS_MAX)
    drawn = random.uniform(0, fullest)
    if isinstance(error, Unsent):
        return error.left_ms / 1000 + drawn
    fault = fault_of(error)
    return drawn if fault is not None and RULES[fault].retry else None
