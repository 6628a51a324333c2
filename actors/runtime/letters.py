"""Dead letters: every message that nobody handled, with the reason why."""

from collections import Counter, deque
from typing import Any

import msgspec

#: Names beyond this many share one counter, so that short-lived actors
#: cannot grow the table for ever.
COUNTERS_MAX = 16_384
OTHERS = "(others)"


class DeadLetter(msgspec.Struct, frozen=True):
    """One lost message: whose it was, why it was lost, and itself."""

    actor: str
    reason: str
    message: Any


class DeadLetters:
    """The newest lost messages, and counts of all of them by actor and reason."""

    def __init__(self, newest_max: int = 256) -> None:
        self._newest: deque[DeadLetter] = deque(maxlen=newest_max)
        self._counts: Counter[tuple[str, str]] = Counter()

    def add(self, actor: str, reason: str, message: object) -> None:
        """Record one loss."""
        self._newest.append(DeadLetter(actor, reason, message))
        key = (actor, reason)
        if key not in self._counts and len(self._counts) >= COUNTERS_MAX:
            key = (OTHERS, reason)
        self._counts[key] += 1

    @property
    def newest(self) -> tuple[DeadLetter, ...]:
        """The last losses, oldest first."""
        return tuple(self._newest)

    @property
    def counts(self) -> dict[tuple[str, str], int]:
        """All losses ever, by (actor, reason)."""
        return dict(self._counts)

    @property
    def total(self) -> int:
        """All losses ever."""
        return self._counts.total()
