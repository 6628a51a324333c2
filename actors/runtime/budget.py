"""How often a child may fail, and how long it rests before it tries again."""

from collections import deque
from random import Random

from actors.runtime.spec import Backoff, Budget


class RestartWindow:
    """The restarts within the last period of one budget.

    The rule is OTP's: keep the times inside the period; more than `intensity` of
    them is too many (`supervisor:add_restart`, and "Restart intensity and period").
    """

    __slots__ = ("_budget", "_times")

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._times: deque[float] = deque()

    def allows_one_more(self, now_seconds: float) -> bool:
        """Record a restart at this moment; False when it is one too many."""
        times = self._times
        times.append(now_seconds)
        while times[0] <= now_seconds - self._budget.period_seconds:
            times.popleft()
        return len(times) <= self._budget.intensity

    def clear(self) -> None:
        """Forget the past, as after a release from quarantine."""
        self._times.clear()


def next_pause_seconds(backoff: Backoff, previous: float | None) -> float:
    """Pause after `previous` (None: the first of an unhealthy stretch), no jitter."""
    if previous is None:
        return 0.0
    if previous == 0:
        return backoff.first_seconds
    return min(previous * backoff.factor, backoff.max_seconds)


def with_jitter(backoff: Backoff, pause_seconds: float, random: Random) -> float:
    """Lengthen a pause by a random part of at most `jitter_ratio`."""
    if pause_seconds == 0:
        return 0.0
    return pause_seconds * (1 + backoff.jitter_ratio * random.random())
