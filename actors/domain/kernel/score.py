"""The scan score: a weighted sum of how good each measure is.

An UNKNOWN measure adds nothing, and is noted when its weight is not zero.
"""

import math

from actors.domain.kernel import reasons as why
from actors.domain.kernel import record as rec
from actors.domain.kernel.compiled import part
from actors.domain.kernel.record import Record
from actors.domain.kernel.scan import at_least

CLIP = 3.0
ATR_BEST_MIN, ATR_BEST_MAX = 0.015, 0.035
CORRELATION_BEST_MIN, CORRELATION_BEST_MAX = 0.3, 0.7


@part
def scored(s: Record, p: Record) -> bool:
    """Score the newest bar, and pass it when the score reaches its minimum."""
    s["score"] = (
        _weighed(s, p, 0, _volume(s), why.VOLUME_SURGE_1H_UNKNOWN)
        + _weighed(s, p, 1, _range_quality(s), why.ATR_UNKNOWN)
        + _weighed(s, p, 2, _activity(s), why.TRADES_PER_MINUTE_UNKNOWN)
        + _weighed(s, p, 3, abs(s["oi_change"]) / 0.05, why.OI_DELTA_UNKNOWN)
        + _weighed(s, p, 4, _company(s), why.CORRELATION_UNKNOWN)
        + _weighed(s, p, 5, _gain(s), why.VOLUME_UNKNOWN)
    )
    if math.isnan(p["score_min"]):
        return True
    return at_least(s, s["score"], p["score_min"], why.SCORE)


@part
def _weighed(s: Record, p: Record, at: int, value: float, reason: int) -> float:
    weight = p["weights"][at]
    if weight == 0.0:
        return 0.0
    if math.isnan(value):
        s["notes"] |= 1 << reason
        return 0.0
    return float(weight * max(-CLIP, min(CLIP, value)))


@part
def _volume(s: Record) -> float:
    """0.6 of the hour's surge and 0.4 of the last five minutes', against 1.5.

    Where only one is known it stands for both; that is noted by its filter.
    """
    if math.isnan(s["surge_1h"]):
        return float(s["surge_5m"] - 1.5)
    if math.isnan(s["surge_5m"]):
        return float(s["surge_1h"] - 1.5)
    return float(0.6 * s["surge_1h"] + 0.4 * s["surge_5m"] - 1.5)


@part
def _range_quality(s: Record) -> float:
    """Best between 1.5% and 3.5% of price, falling off on both sides."""
    ratio = s["atr_ratio"]
    if math.isnan(ratio):
        return math.nan
    quality = 1.0
    if ratio < ATR_BEST_MIN:
        quality = ratio / ATR_BEST_MIN
    elif ratio > ATR_BEST_MAX:
        quality = max(0.0, 2.0 - ratio / ATR_BEST_MAX)
    return (quality - 0.5) / 0.2


@part
def _activity(s: Record) -> float:
    trades = s["trades"][(s["end"] - 1) & rec.RING_MASK]
    if math.isnan(trades):
        return math.nan
    if trades <= 0.0:
        return -CLIP
    return math.log(trades) - 2.0


@part
def _company(s: Record) -> float:
    """Best when the benchmark explains some of the movement, but not all."""
    size = abs(s["correlation"])
    if math.isnan(size):
        return math.nan
    if size < CORRELATION_BEST_MIN:
        return float(size / CORRELATION_BEST_MIN)
    if size > CORRELATION_BEST_MAX:
        return float((1.0 - size) / (1.0 - CORRELATION_BEST_MAX))
    return 1.0


@part
def _gain(s: Record) -> float:
    """100 x the change over 5 bars, plus the log of volume's last growth."""
    end = s["end"]
    now, before = (end - 1) & rec.RING_MASK, (end - 6) & rec.RING_MASK
    newer, older = 0.0, 0.0
    for back in range(3):
        newer += s["volume"][(end - 1 - back) & rec.RING_MASK]
    for back in range(3, 5):
        older += s["volume"][(end - 1 - back) & rec.RING_MASK]
    if not (newer > 0.0 and older > 0.0):
        return math.nan
    change = s["close"][now] / s["close"][before] - 1.0
    # Means of 3 and of 2 bars, so that steady volume adds nothing.
    return float(100.0 * change + math.log((newer / 3.0) / (older / 2.0)))
