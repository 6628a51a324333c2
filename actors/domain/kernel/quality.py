"""Market quality: vetoes on the state of the market and on the hour of the day."""

import math

from actors.domain.kernel import reasons as why
from actors.domain.kernel import record as rec
from actors.domain.kernel.compiled import part
from actors.domain.kernel.record import Record
from actors.domain.kernel.scan import at_least, at_most, reject

NOISE_BARS = 20


@part
def market_allows(s: Record, p: Record, side: int) -> bool:
    """Ask every veto that does not depend on the level."""
    return (
        _permitted(s, p, side)
        and _in_session(s, p)
        and _lively(s, p)
        and _calm(s, p)
        and _trending(s, p, side)
        and _clear(s, p)
    )


@part
def _permitted(s: Record, p: Record, side: int) -> bool:
    return side > 0 or p["shortable"] == 1 or reject(s, why.NOT_SHORTABLE, 0.0, 1.0)


@part
def _in_session(s: Record, p: Record) -> bool:
    """Keep away from the first and last minutes of the UTC day."""
    closed = s["ts"][(s["end"] - 1) & rec.RING_MASK] + p["frame_ms"]
    minute = float(closed % rec.DAY_MS // rec.MINUTE_MS)
    last = 1440.0 - p["session_last"]
    return at_least(s, minute, float(p["session_first"]), why.SESSION_START) and (
        at_most(s, minute, last, why.SESSION_END)
    )


@part
def range_at(s: Record, back: int) -> float:
    """Give the true range of the bar `back` bars before the newest."""
    at = (s["end"] - 1 - back) & rec.RING_MASK
    close = s["close"][(s["end"] - 2 - back) & rec.RING_MASK]
    return float(max(s["high"][at], close) - min(s["low"][at], close))


@part
def _lively(s: Record, p: Record) -> bool:
    if math.isnan(p["flat_min"]):
        return True
    total = 0.0
    for back in range(p["flat_bars"]):
        total += range_at(s, back)
    close = s["close"][(s["end"] - 1) & rec.RING_MASK]
    ratio = total / p["flat_bars"] / close
    return at_least(s, ratio, p["flat_min"], why.FLAT_MARKET)


@part
def _calm(s: Record, p: Record) -> bool:
    """Refuse a bar whose range stands out by too many deviations of those before."""
    if math.isnan(p["spike_sigma"]):
        return True
    count = p["spike_bars"]
    total, squares = 0.0, 0.0
    for back in range(1, count + 1):
        total += range_at(s, back)
    mean = total / count
    for back in range(1, count + 1):
        squares += (range_at(s, back) - mean) * (range_at(s, back) - mean)
    excess = range_at(s, 0) - mean
    if squares <= 0.0:
        # Every bar before had the same range: any larger one stands out.
        return excess <= 0.0 or reject(s, why.VOLATILITY_SPIKE, excess, 0.0)
    sigmas = excess / math.sqrt(squares / count)
    return at_most(s, sigmas, p["spike_sigma"], why.VOLATILITY_SPIKE)


@part
def _trending(s: Record, p: Record, side: int) -> bool:
    if math.isnan(p["trend_min"]):
        return True
    count = p["trend_bars"]
    newest = s["close"][(s["end"] - 1) & rec.RING_MASK]
    oldest = s["close"][(s["end"] - 1 - count) & rec.RING_MASK]
    slope = side * (newest / oldest - 1.0) / count
    return at_least(s, slope, p["trend_min"], why.NO_TREND)


@part
def _clear(s: Record, p: Record) -> bool:
    """Noise is 1 - |net move| / sum of |moves|: 0 is a straight line."""
    if math.isnan(p["noise_max"]):
        return True
    path = 0.0
    for back in range(NOISE_BARS):
        newer = s["close"][(s["end"] - 1 - back) & rec.RING_MASK]
        older = s["close"][(s["end"] - 2 - back) & rec.RING_MASK]
        path += abs(newer - older)
    newest = s["close"][(s["end"] - 1) & rec.RING_MASK]
    oldest = s["close"][(s["end"] - 1 - NOISE_BARS) & rec.RING_MASK]
    noise = 1.0
    if path > 0.0:
        noise = 1.0 - abs(newest - oldest) / path
    return at_most(s, noise, p["noise_max"], why.NOISE)
