"""The exchange's clock: the market's time, at a speed.

At speed 1 it is the machine's own time unless the market's start is asked for. At speed
S a second of the machine is S seconds of the market, on every wire: `/time`, events,
candles, rate limits, listen keys, funding. Whoever trades here at a speed other than 1
has to live on the same clock: `GET /sim/clock` gives a point of it on the machine's
monotonic clock, which all processes of one machine share, so

    market_ms = marketMs + (time.monotonic() - monotonic) * speed * 1000

is this clock in another process, exactly. Signed timestamps are judged on it, with the
window (recvWindow, and the second into the future) S times as long: the same time of
the machine. At speed "max" and by hand no time passes between two steps of the market,
and timestamps are not judged unless the clock stands still by hand.

When the machine cannot keep up, this clock waits for the market rather than run ahead
of it; `slips` counts that, and the point that `GET /sim/clock` gives has moved.
"""

import time
from enum import StrEnum


class Pace(StrEnum):
    """How the market's time moves."""

    STEADY = "steady"  # with the machine's, times a factor
    MAX = "max"  # as fast as everything that is told is taken
    HAND = "hand"  # when somebody says so


class MarketTime:
    """The market's time and how it moves."""

    def __init__(self, pace: Pace, speed: float, now_ms: int) -> None:
        assert speed > 0.0, f"speed {speed}"
        self.pace, self.speed = pace, speed
        self.slips = 0
        self._ms = now_ms
        self._at = time.monotonic()

    def now_ms(self) -> int:
        """Tell the market's time."""
        if self.pace is not Pace.STEADY:
            return self._ms
        return self._ms + int((time.monotonic() - self._at) * self.speed * 1_000)

    def point(self) -> tuple[float, int]:
        """Give one moment on both clocks: monotonic seconds, market ms."""
        return (
            (self._at, self._ms)
            if self.pace is Pace.STEADY
            else (
                time.monotonic(),
                self._ms,
            )
        )

    def move(self, now_ms: int) -> None:
        """By hand or at most speed: the market has come so far."""
        assert now_ms >= self._ms, f"{now_ms} is before {self._ms}"
        self._ms = now_ms

    def slip(self, now_ms: int) -> None:
        """The market has only come so far: go on from there."""
        self.slips += 1
        self._ms, self._at = now_ms, time.monotonic()

    def seconds(self, market_ms: float) -> float:
        """Say how long so much market time is on the machine's clock."""
        return market_ms / 1_000 / self.speed if self.pace is Pace.STEADY else 0.0

    @property
    def stretch(self) -> float | None:
        """By how much windows for timestamps are longer; None: they are not judged."""
        if self.pace is Pace.STEADY:
            return max(1.0, self.speed)
        return 1.0 if self.pace is Pace.HAND else None
