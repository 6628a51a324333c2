"""How often somebody may ask: token buckets and failed sign-ins, in bounded tables.

A table that is full forgets its longest-unused key, so a flood of addresses costs
memory that is known beforehand.
"""

from collections import OrderedDict
from collections.abc import Callable

import msgspec

Now = Callable[[], float]


class _Bucket(msgspec.Struct):
    """What is left for one key, as of `at_seconds`."""

    left: float
    at_seconds: float


class Limiter:
    """Allow each key `burst` acts at once and `per_second` of them for ever."""

    def __init__(
        self, per_second: float, burst: float, now: Now, *, keys_max: int = 1024
    ) -> None:
        self._per_second = per_second
        self._burst = burst
        self._now = now
        self._keys_max = keys_max
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def wait_seconds(self, key: str) -> float:
        """Return how long `key` must wait before its next act; 0 means now."""
        return max(0.0, (1.0 - self._refilled(key).left) / self._per_second)

    def spend(self, key: str) -> None:
        """Count one act of `key`."""
        bucket = self._refilled(key)
        bucket.left = max(0.0, bucket.left - 1.0)

    def take(self, key: str) -> float:
        """Spend one act if there is one; return the seconds to wait otherwise."""
        wait = self.wait_seconds(key)
        if wait == 0.0:
            self.spend(key)
        return wait

    def _refilled(self, key: str) -> _Bucket:
        now = self._now()
        bucket = self._buckets.get(key)
        if bucket is None:
            if len(self._buckets) >= self._keys_max:
                self._buckets.popitem(last=False)
            bucket = self._buckets[key] = _Bucket(self._burst, now)
        self._buckets.move_to_end(key)
        grown = (now - bucket.at_seconds) * self._per_second
        bucket.left = min(self._burst, bucket.left + grown)
        bucket.at_seconds = now
        return bucket
