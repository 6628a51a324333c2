"""Lays a bar out as the way its price went: open, one extreme, the other, close.

A bar does not say which extreme came first. The rule: the extreme nearer to the open
comes first (a tie: the low), and the price walks the whole way at one pace, so the
time of a leg is its share of the distance. Rejected: the extreme that hurts the
holder first. It is more pessimistic, but the path would then depend on who holds
what, and one market would have two histories for a long and a short.

Every order meets the price of its own moment. A level between two bars (a gap) is
met at the second bar's open, never at the level.
"""

from itertools import groupby, pairwise
from math import ceil

import msgspec


class Path(msgspec.Struct, frozen=True, gc=False):
    """A price that is linear in time between `prices[i]` at `times_ms[i]`.

    Times rise strictly; the first is the bar's open, the last its close.
    """

    times_ms: tuple[int, ...]
    prices: tuple[float, ...]

    @property
    def open_ms(self) -> int:
        """The bar's open."""
        return self.times_ms[0]

    @property
    def close_ms(self) -> int:
        """The bar's close."""
        return self.times_ms[-1]

    def price_at(self, ts_ms: int) -> float:
        """Return the price at a moment; outside the bar, its nearer end's."""
        start_ms, start = self.times_ms[0], self.prices[0]
        if ts_ms <= start_ms:
            return start
        for end_ms, end in zip(self.times_ms[1:], self.prices[1:], strict=True):
            if ts_ms < end_ms:
                share = (ts_ms - start_ms) / (end_ms - start_ms)
                return start + (end - start) * share
            start_ms, start = end_ms, end
        return start

    def first_touch(self, level: float, *, rising: bool, from_ms: int) -> int | None:
        """Return the first ms from `from_ms` on with the price at or past `level`.

        `rising`: past is above. None: this bar does not get there any more.
        """
        sign = 1.0 if rising else -1.0
        if from_ms > self.close_ms:
            return None
        if sign * (self.price_at(from_ms) - level) >= 0.0:
            return max(from_ms, self.open_ms)
        legs = pairwise(zip(self.times_ms, self.prices, strict=True))
        for (start_ms, start), (end_ms, end) in legs:
            if end_ms > from_ms and sign * (end - level) >= 0.0:
                share = (level - start) / (end - start)
                touch_ms = start_ms + ceil(share * (end_ms - start_ms))
                return min(max(touch_ms, from_ms), end_ms)
        return None


def lay_out(prices: tuple[float, float, float, float], times: tuple[int, int]) -> Path:
    """Return the path of a bar (open, high, low, close) over (open_ms, close_ms)."""
    opening, high, low, close = prices
    open_ms, close_ms = times
    assert 0.0 < low <= opening <= high, f"bar {prices} is not a bar"
    assert low <= close <= high, f"bar {prices} closes outside its range"
    assert close_ms - open_ms >= 3, f"bar of {close_ms - open_ms} ms has no room"
    if high == low:
        return Path((open_ms, close_ms), (opening, close))
    low_first = opening - low <= high - opening
    turns = (low, high) if low_first else (high, low)
    points = [price for price, _ in groupby((opening, *turns, close))]
    return Path(_times(points, open_ms, close_ms), tuple(points))


def _times(points: list[float], open_ms: int, close_ms: int) -> tuple[int, ...]:
    """Share the bar's time by distance; every leg gets 1 ms at least."""
    distances = [abs(b - a) for a, b in pairwise(points)]
    pace = (close_ms - open_ms) / sum(distances)
    times, walked = [open_ms], 0.0
    for legs_left, distance in zip(
        range(len(distances) - 1, 0, -1), distances, strict=False
    ):
        walked += distance
        earliest, latest = times[-1] + 1, close_ms - legs_left
        times.append(min(max(earliest, open_ms + round(walked * pace)), latest))
    return (*times, close_ms)
