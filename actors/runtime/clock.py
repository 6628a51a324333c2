"""Time as a port: whoever needs the hour is given a clock, never the system's."""

import time
from typing import Protocol


class Clock(Protocol):
    """Milliseconds since 1970 UTC, as the engine's world counts them."""

    def now_ms(self) -> int:
        """Return the present moment of this clock."""


class WallClock:
    """The machine's own time, for live markets and for people."""

    def now_ms(self) -> int:
        """Return the system time in ms."""
        return time.time_ns() // 1_000_000


class MarketClock:
    """The time of a replayed market: it moves when its one owner, the feed, says so."""

    def __init__(self, now_ms: int = 0) -> None:
        self._now_ms = now_ms

    def now_ms(self) -> int:
        """Return the market's time in ms."""
        return self._now_ms

    def advance_to(self, now_ms: int) -> None:
        """Move forward; a market's time never runs backwards."""
        assert now_ms >= self._now_ms, f"{now_ms} is before {self._now_ms}"
        self._now_ms = now_ms
