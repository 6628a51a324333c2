"""Keeps to a rate: a bucket that fills with time, and a queue in front of it."""

import trio


class Pace:
    """So much a second, and so much at once; who waits first goes first."""

    def __init__(self, per_second: float, burst: float = 1.0) -> None:
        assert per_second > 0, "a rate is above zero"
        self._per_second = per_second
        self._burst = burst
        self._filled_at = -burst / per_second  # full from the beginning of time
        self._queue = trio.StrictFIFOLock()

    async def wait(self, amount: float = 1.0) -> None:
        """Wait until `amount` may be used; a cancelled wait uses nothing.

        An amount above the burst is let through by a full bucket, and paid off later.
        """
        async with self._queue:
            while True:  # while one waits, all may have to rest
                now = trio.current_time()
                start = max(self._filled_at, now - self._burst / self._per_second)
                ready = start + min(amount, self._burst) / self._per_second
                if ready <= now:
                    break
                await trio.sleep_until(ready)
            self._filled_at = start + amount / self._per_second

    def rest(self, seconds: float) -> None:
        """Let nobody through for so long; the bucket is empty then."""
        self._filled_at = max(self._filled_at, trio.current_time() + seconds)
