"""How fast others spend from the same budget, as the exchange's figures betray it.

An exchange tells one sum for an address. What it grew by, less what of ours was
answered meanwhile, is what others have spent. They will go on: what they spend in a
window at that rate, less what they have spent in the running one, is expected of them
and not ours to spend. Requests under way blur a single figure, so the sum is kept
signed and looked at over half a window at least; the highest rate fades over some
windows. Until one has been watched, some is expected anyway.
"""

from collections import deque

#: Of the limit, until others have been watched for a window.
UNWATCHED = 0.3
#: Within so many windows the highest rate fades to a half.
FADING_WINDOWS = 5.0
POINTS_MAX = 1_000


class Others:
    """What others on our address spend within a window."""

    def __init__(self, limit: float, seconds: float) -> None:
        self._limit, self._seconds = limit, seconds
        self._points: deque[tuple[float, float]] = deque(maxlen=POINTS_MAX)
        self._began: float | None = None
        self._total = 0.0
        self._used = 0.0
        self._seen = 0.0
        self._spent = 0.0  # by others, in the running window
        self._peak = 0.0  # of what they spend in a whole one

    def see(self, used: float, ours: float, now: float) -> None:
        """Take a newer figure, and what of ours was answered since the one before."""
        if self._began is None:
            self._began = now
        elif used < self._used:
            # The window turned: what was spent between the two figures is lost.
            self._points.clear()
            self._spent = max(0.0, used - ours)
        else:
            self._total += used - self._used - ours
            self._spent += used - self._used - ours
        self._used = used
        self._peak *= 0.5 ** ((now - self._seen) / self._seconds / FADING_WINDOWS)
        self._seen = now
        while self._points and self._points[0][0] < now - self._seconds:
            self._points.popleft()
        self._points.append((now, self._total))
        span = max(now - self._points[0][0], self._seconds / 2)
        rate = (self._total - self._points[0][1]) / span * self._seconds
        self._peak = max(self._peak, rate)

    def expected(self, now: float) -> float:
        """Say what they may still spend before the exchange counts anew."""
        if self._began is None:
            return 0.0
        least = self._limit * UNWATCHED if now < self._began + self._seconds else 0.0
        return max(0.0, max(self._peak, least) - max(0.0, self._spent))
