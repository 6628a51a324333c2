"""Watches how far this machine's clock is from the exchange's, and says what follows.

An exchange refuses what is signed too early or too late, and data is judged old or new
by its time, so a wrong clock must stop entries before it costs money. The offset is the
median of a few answers of the exchange: one slow or odd answer moves it little.

Durations come from the monotonic clock alone. The machine's wall clock is read once at
the start of each sample and for nothing else: when somebody sets it an hour forth or
back, the next offset says so, and nothing that waits, ages or times out is touched.
`exchange_now_ms` is the exchange's time carried on by the monotonic clock.

What is not known fails closed: before the first round, and after some that failed,
entries are refused.
"""

from collections.abc import Awaitable, Callable
from enum import StrEnum
from statistics import median
from typing import Protocol

import msgspec
import trio

from actors.domain.errors import ExchangeError
from actors.domain.severity import Severity
from actors.runtime.clock import Clock
from config.settings import ClockGroup


class ClockVerdict(StrEnum):
    """What the offset means."""

    UNKNOWN = "unknown"  # never measured, or not for too many rounds
    GOOD = "good"
    WARN = "warn"
    REFUSE = "refuse"
    HALT = "halt"


class Consequence(msgspec.Struct, frozen=True):
    """What follows from a verdict. Reductions and cancels are always allowed."""

    entries: bool
    halted: bool
    severity: Severity


CONSEQUENCES = {
    ClockVerdict.UNKNOWN: Consequence(False, False, Severity.ERROR),
    ClockVerdict.GOOD: Consequence(True, False, Severity.INFO),
    ClockVerdict.WARN: Consequence(True, False, Severity.WARNING),
    ClockVerdict.REFUSE: Consequence(False, False, Severity.ERROR),
    ClockVerdict.HALT: Consequence(False, True, Severity.CRITICAL),
}


class ClockEstimate(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the exchange's clock. Offsets are the exchange's less ours."""

    offset_ms: int | None = None  # against the wall clock; None: never measured
    monotonic_offset_ms: int | None = None  # against the monotonic clock
    round_trip_ms: int | None = None  # median of the samples that counted
    samples: int = 0  # that counted in the newest good round
    failed_rounds: int = 0  # since then
    problem: str = ""  # of the newest failed round


class ClockChange(msgspec.Struct, frozen=True):
    """The verdict changed."""

    old: ClockVerdict
    new: ClockVerdict
    estimate: ClockEstimate

    @property
    def message(self) -> str:
        """Say it in a sentence, with the numbers."""
        known = self.estimate
        if self.new is not ClockVerdict.UNKNOWN:
            return f"the exchange's clock is {known.offset_ms} ms ahead: {self.new}"
        why = f"no answer in {known.failed_rounds} rounds: {known.problem}"
        return f"the exchange's clock is unknown, {why}"


class Sample(msgspec.Struct, frozen=True):
    """One answer: half of its round trip lies before the exchange's time."""

    offset_ms: float
    monotonic_offset_ms: float
    round_trip_ms: float


class TimeSource(Protocol):
    """An exchange, as far as its clock goes."""

    def fetch_time(self) -> Awaitable[int]:
        """The exchange's own clock, ms since 1970 UTC."""


def judge(estimate: ClockEstimate, limits: ClockGroup) -> ClockVerdict:
    """Say what an estimate means; a limit is reached at its very number."""
    if estimate.offset_ms is None or estimate.failed_rounds >= limits.failed_rounds_max:
        return ClockVerdict.UNKNOWN
    rows = (
        (limits.halt_ms, ClockVerdict.HALT),
        (limits.refuse_ms, ClockVerdict.REFUSE),
        (limits.warn_ms, ClockVerdict.WARN),
    )
    off = abs(estimate.offset_ms)
    return next((verdict for at, verdict in rows if off >= at), ClockVerdict.GOOD)


def next_estimate(
    before: ClockEstimate, samples: list[Sample], limits: ClockGroup, problem: str
) -> ClockEstimate:
    """Take one round in; without answers to most of it, it has failed."""
    if 2 * len(samples) <= limits.samples:
        return msgspec.structs.replace(
            before, failed_rounds=before.failed_rounds + 1, problem=problem
        )
    return ClockEstimate(
        offset_ms=round(median(s.offset_ms for s in samples)),
        monotonic_offset_ms=round(median(s.monotonic_offset_ms for s in samples)),
        round_trip_ms=round(median(s.round_trip_ms for s in samples)),
        samples=len(samples),
    )


class ClockGuard:
    """Measures for as long as it runs; `verdict` is the newest."""

    def __init__(
        self,
        exchange: TimeSource,
        limits: ClockGroup,
        wall: Clock,
        changed: Callable[[ClockChange], None],
        monotonic: Callable[[], float] = trio.current_time,  # seconds
    ) -> None:
        self.estimate = ClockEstimate()
        self.verdict = ClockVerdict.UNKNOWN
        self._exchange = exchange
        self._limits = limits
        self._wall = wall
        self._changed = changed
        self._monotonic = monotonic

    async def run(self) -> None:
        """Measure round after round until cancelled."""
        while True:
            await self.measure()
            await trio.sleep(self._limits.round_seconds)

    async def measure(self) -> None:
        """Measure one round and tell when the verdict has changed."""
        samples: list[Sample] = []
        problem = ""
        for _ in range(self._limits.samples):
            try:
                samples.append(await self._sample())
            except (ExchangeError, OSError, trio.TooSlowError) as error:
                problem = f"{type(error).__name__} {error}".rstrip()
        self.estimate = next_estimate(self.estimate, samples, self._limits, problem)
        old, self.verdict = self.verdict, judge(self.estimate, self._limits)
        if self.verdict is not old:
            self._changed(ClockChange(old, self.verdict, self.estimate))

    async def _sample(self) -> Sample:
        limit_ms = self._limits.round_trip_ms_max
        wall_ms, began_ms = self._wall.now_ms(), self._monotonic() * 1e3
        with trio.fail_after(limit_ms / 1e3):
            exchange_ms = await self._exchange.fetch_time()
        took_ms = self._monotonic() * 1e3 - began_ms
        if took_ms > limit_ms:
            msg = f"the time took {took_ms:.0f} ms, the limit is {limit_ms} ms"
            raise ExchangeError(msg)
        half_ms = took_ms / 2
        return Sample(
            exchange_ms - wall_ms - half_ms, exchange_ms - began_ms - half_ms, took_ms
        )

    def exchange_now_ms(self) -> int | None:
        """The exchange's time by the monotonic clock; None: never measured."""
        offset_ms = self.estimate.monotonic_offset_ms
        if offset_ms is None:
            return None
        return round(self._monotonic() * 1e3) + offset_ms
