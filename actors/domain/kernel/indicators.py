"""Indicators: averages, ranges, strength and medians, one bar at a time.

Windows are read from rings: an array whose element `end - 1 - k` modulo its length is
the k-th newest. A plain array works too, with `end` one past the newest index.
All functions may be called from compiled code and from Python alike.
"""

import math

import numpy as np
import numpy.typing as npt

from actors.domain.kernel.compiled import indicator

Ring = npt.NDArray[np.float64]


@indicator
def true_range(high: float, low: float, close_previous: float) -> float:
    """Give Wilder's true range; NaN previous close: the bar's own range."""
    if math.isnan(close_previous):
        return high - low
    return max(high, close_previous) - min(low, close_previous)


@indicator
def wilder_next(average: float, value: float, seen: int, period: int) -> float:
    """Take `value` into Wilder's average, of which `seen` values came before.

    The first `period` values are averaged plainly, then each new one weighs
    1 / period (Wilder, New Concepts in Technical Trading Systems, 1978).
    """
    if seen < period:
        return (average * seen + value) / (seen + 1)
    return (average * (period - 1) + value) / period


@indicator
def ema_next(average: float, value: float, seen: int, period: int) -> float:
    """Take `value` into an exponential average of weight 2 / (period + 1).

    The first `period` values are averaged plainly, which seeds the average.
    """
    if seen < period:
        return (average * seen + value) / (seen + 1)
    return average + (value - average) * (2.0 / (period + 1))


@indicator
def rsi(gain: float, loss: float) -> float:
    """Give the relative strength index, 0..100, of Wilder's mean gain and loss.

    A market that has not moved at all is neither strong nor weak: 50.
    """
    if gain + loss <= 0.0:
        return 50.0
    return 100.0 * gain / (gain + loss)


@indicator
def sma(ring: Ring, end: int, count: int) -> float:
    """Give the mean of the newest `count` values."""
    size = len(ring)
    at = (end - count) % size
    total = 0.0
    for _ in range(count):
        total += ring[at]
        at += 1
        if at == size:
            at = 0
    return total / count


@indicator
def deviation(ring: Ring, end: int, count: int) -> float:
    """Give the population standard deviation of the newest `count` values."""
    mean = sma(ring, end, count)
    size = len(ring)
    at = (end - count) % size
    total = 0.0
    for _ in range(count):
        total += (ring[at] - mean) * (ring[at] - mean)
        at += 1
        if at == size:
            at = 0
    return math.sqrt(total / count)


@indicator
def highest(ring: Ring, end: int, count: int) -> float:
    """Give the largest of the newest `count` values."""
    size = len(ring)
    at = (end - count) % size
    top = float(ring[at])
    for _ in range(count):
        top = max(top, ring[at])
        at += 1
        if at == size:
            at = 0
    return top


@indicator
def lowest(ring: Ring, end: int, count: int) -> float:
    """Give the smallest of the newest `count` values."""
    size = len(ring)
    at = (end - count) % size
    bottom = float(ring[at])
    for _ in range(count):
        bottom = min(bottom, ring[at])
        at += 1
        if at == size:
            at = 0
    return bottom


@indicator
def median(ring: Ring, end: int, count: int, known_min: int, scratch: Ring) -> float:
    """Give the median of the known values among the newest `count`.

    NaN when fewer than `known_min` (or none) are known. `scratch` holds `count`.
    """
    known = 0
    for back in range(count):
        value = ring[(end - 1 - back) % len(ring)]
        if math.isnan(value):
            continue
        at = known
        while at > 0 and scratch[at - 1] > value:
            scratch[at] = scratch[at - 1]
            at -= 1
        scratch[at] = value
        known += 1
    if known == 0 or known < known_min:
        return math.nan
    half = known // 2
    if known % 2 == 1:
        return float(scratch[half])
    return float(scratch[half - 1] + scratch[half]) / 2.0


@indicator
def correlation(left: Ring, right: Ring, end: int, count: int) -> float:
    """Give Pearson's correlation of the newest `count` returns of two price rings.

    NaN when a price is unknown or not positive, or when one side did not move.
    """
    size = len(left)
    sum_l = sum_r = sum_ll = sum_rr = sum_lr = 0.0
    for back in range(count):
        now = (end - 1 - back) % size
        before = (end - 2 - back) % size
        if not (left[before] > 0.0 and right[before] > 0.0):
            return math.nan
        one = left[now] / left[before] - 1.0
        two = right[now] / right[before] - 1.0
        sum_l += one
        sum_r += two
        sum_ll += one * one
        sum_rr += two * two
        sum_lr += one * two
    spread_l = sum_ll - sum_l * sum_l / count
    spread_r = sum_rr - sum_r * sum_r / count
    if not (spread_l > 1e-18 and spread_r > 1e-18):
        return math.nan
    between = sum_lr - sum_l * sum_r / count
    return max(-1.0, min(1.0, between / math.sqrt(spread_l * spread_r)))
