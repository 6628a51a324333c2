"""How long the engine takes from a closed bar to its last decision on it."""

from collections import deque

WINDOW = 200


class Latency:
    """A moving window of measured durations."""

    def __init__(self) -> None:
        self._seconds: deque[float] = deque(maxlen=WINDOW)

    def observe(self, seconds: float) -> None:
        """Add one measurement."""
        self._seconds.append(seconds)

    def mean_ms(self) -> float:
        """Mean of the window in ms; zero before anything was measured."""
        if not self._seconds:
            return 0.0
        return 1000 * sum(self._seconds) / len(self._seconds)
