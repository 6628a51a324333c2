"""The scan: is this symbol worth building levels for, and how good is it?

Filters are asked cheapest first; the first that fails is the one reason. An UNKNOWN
input fails too, unless the preset says to skip that filter, which leaves a note.
"""

import math

from actors.domain.kernel import reasons as why
from actors.domain.kernel import record as rec
from actors.domain.kernel.compiled import part
from actors.domain.kernel.indicators import correlation, median
from actors.domain.kernel.record import Record

CORRELATION_BARS = 60
GAP_BARS = 60
SPREAD_BARS = 5
WIDTH_BARS = 200
WIDTH_BARS_MIN = 60
GAINERS, LOSERS = 1, 2
GAIN_24H_MIN = 0.08
LOSS_24H_MIN = 0.06


@part
def reject(s: Record, reason: int, value: float, threshold: float) -> bool:
    """Write down the one reason; always False, so that it reads as the verdict."""
    s["reason"] = reason
    s["value"] = value
    s["threshold"] = threshold
    return False


@part
def at_least(s: Record, value: float, minimum: float, reason: int) -> bool:
    """Pass a value that reaches its minimum."""
    return value >= minimum or reject(s, reason, value, minimum)


@part
def at_most(s: Record, value: float, maximum: float, reason: int) -> bool:
    """Pass a value that keeps below its maximum."""
    return value <= maximum or reject(s, reason, value, maximum)


@part
def unknown(s: Record, p: Record, reason: int, threshold: float) -> bool:
    """Do what the preset says about an absent input: skip with a note, or fail."""
    if (p["skip"] >> reason) & 1 == 1:
        s["notes"] |= 1 << reason
        return True
    return reject(s, reason, math.nan, threshold)


@part
def scan(s: Record, p: Record) -> bool:
    """Ask every filter of the newest closed bar; False leaves the reason in `s`."""
    s["notes"] = 0
    measure(s, p)
    return (
        _listed(s, p)
        and _whole(s, p)
        and _ranked(s, p)
        and _traded(s, p)
        and _open_interest(s, p)
        and _spread(s, p)
        and _deep(s, p)
        and _busy(s, p)
        and _moving(s, p)
        and _biased(s, p)
        and _interest_moved(s, p)
        and _surged(s, p)
        and _squeezed(s, p)
        and _independent(s, p)
    )


@part
def measure(s: Record, p: Record) -> None:
    """Measure what is cheap; the dear ones are measured when their turn comes."""
    close = s["close"][(s["end"] - 1) & rec.RING_MASK]
    s["atr_ratio"] = math.nan
    if s["quarter_seen"] >= 14:
        s["atr_ratio"] = s["quarter_atr"] / close
    s["oi_change"] = math.nan
    before = s["day_interest"][_day_ago(s, p)]
    if before > 0.0:
        s["oi_change"] = s["open_interest"] / before - 1.0
    s["surge_1h"] = math.nan
    s["surge_5m"] = math.nan
    s["correlation"] = math.nan


@part
def _day_ago(s: Record, p: Record) -> int:
    """Find the slot of the first bar of the last 24 h, at most a tenth later."""
    reach = max(29, p["market_ms"] // rec.SLOT_MS)
    for step in range(min(reach, rec.DAY_RING)):
        at = (s["day_slot"] - rec.DAY_SLOTS + step) % rec.DAY_RING
        if not math.isnan(s["day_close"][at]):
            return int(at)
    # Nothing that old: the slot that has just left is empty, hence UNKNOWN.
    return int((s["day_slot"] + 1) % rec.DAY_RING)


@part
def _listed(s: Record, p: Record) -> bool:
    return p["blocked"] == 0 or reject(s, why.BLACKLISTED, 1.0, 0.0)


@part
def _whole(s: Record, p: Record) -> bool:
    newest = s["ts"][(s["end"] - 1) & rec.RING_MASK]
    oldest = s["ts"][(s["end"] - GAP_BARS) & rec.RING_MASK]
    missing = (newest - oldest) // p["frame_ms"] + 1 - GAP_BARS
    limit = rec.MISSING_SHARE_MAX * GAP_BARS
    return at_most(s, float(missing), limit, why.DATA_GAP)


@part
def _ranked(s: Record, p: Record) -> bool:
    if p["top_n"] == 0:
        return True
    rank, limit = s["volume_rank"], float(p["top_n"])
    if math.isnan(rank):
        return unknown(s, p, why.VOLUME_RANK_UNKNOWN, limit)
    return at_most(s, rank, limit, why.VOLUME_RANK)


@part
def _traded(s: Record, p: Record) -> bool:
    # What was seen so far is a lower bound: enough of it decides before the day is
    # whole. Too little of it decides nothing until then.
    known = s["day_bars_sum"] * p["market_ms"]
    whole = known >= (1.0 - rec.MISSING_SHARE_MAX) * rec.DAY_MS
    if not whole and s["day_volume_sum"] < p["volume_24h_min"]:
        return unknown(s, p, why.VOLUME_24H_UNKNOWN, p["volume_24h_min"])
    return at_least(s, s["day_volume_sum"], p["volume_24h_min"], why.VOLUME_24H)


@part
def _open_interest(s: Record, p: Record) -> bool:
    if math.isnan(p["oi_min"]):
        return True
    if math.isnan(s["open_interest"]):
        return unknown(s, p, why.OPEN_INTEREST_UNKNOWN, p["oi_min"])
    return at_least(s, s["open_interest"], p["oi_min"], why.OPEN_INTEREST)


@part
def _spread(s: Record, p: Record) -> bool:
    """Hold the median of the last bars' spreads: one snapshot says little."""
    if math.isnan(s["spread"][(s["end"] - 1) & rec.RING_MASK]):
        return unknown(s, p, why.SPREAD_UNKNOWN, p["spread_max"])
    spread = median(s["spread"], s["end"], SPREAD_BARS, 1, s["scratch"])
    return at_most(s, spread, p["spread_max"], why.SPREAD)


@part
def _deep(s: Record, p: Record) -> bool:
    """Both sides must be deep: what is bought must be sold again."""
    wide = min(s["bid_depth_05"], s["ask_depth_05"])
    near = min(s["bid_depth_03"], s["ask_depth_03"])
    if math.isnan(s["bid_depth_05"] + s["ask_depth_05"]):
        return unknown(s, p, why.DEPTH_UNKNOWN, p["depth_05_min"])
    if math.isnan(s["bid_depth_03"] + s["ask_depth_03"]):
        return unknown(s, p, why.DEPTH_UNKNOWN, p["depth_03_min"])
    return at_least(s, wide, p["depth_05_min"], why.DEPTH_05) and at_least(
        s, near, p["depth_03_min"], why.DEPTH_03
    )


@part
def _busy(s: Record, p: Record) -> bool:
    trades = s["trades"][(s["end"] - 1) & rec.RING_MASK]
    if math.isnan(trades):
        return unknown(s, p, why.TRADES_PER_MINUTE_UNKNOWN, p["trades_min"])
    return at_least(s, trades, p["trades_min"], why.TRADES_PER_MINUTE)


@part
def _moving(s: Record, p: Record) -> bool:
    if math.isnan(s["atr_ratio"]):
        return unknown(s, p, why.ATR_UNKNOWN, p["atr_min"])
    return at_least(s, s["atr_ratio"], p["atr_min"], why.ATR_LOW) and at_most(
        s, s["atr_ratio"], p["atr_max"], why.ATR_HIGH
    )


@part
def _biased(s: Record, p: Record) -> bool:
    if p["bias"] == 0:
        return True
    close = s["close"][(s["end"] - 1) & rec.RING_MASK]
    change = close / s["day_close"][_day_ago(s, p)] - 1.0
    if math.isnan(change):
        return reject(s, why.CHANGE_24H_UNKNOWN, math.nan, GAIN_24H_MIN)
    if p["bias"] == GAINERS:
        return at_least(s, change, GAIN_24H_MIN, why.NOT_A_GAINER)
    return at_most(s, change, -LOSS_24H_MIN, why.NOT_A_LOSER)


@part
def _interest_moved(s: Record, p: Record) -> bool:
    if math.isnan(p["oi_delta_min"]):
        return True
    if math.isnan(s["oi_change"]):
        return unknown(s, p, why.OI_DELTA_UNKNOWN, p["oi_delta_min"])
    return at_least(s, abs(s["oi_change"]), p["oi_delta_min"], why.OI_DELTA)


@part
def _surged(s: Record, p: Record) -> bool:
    count = p["hour_buckets"]
    if count > 0:
        s["surge_1h"] = _surge(s, count, count)
    if p["bucket_ms"] == rec.SLOT_MS:
        s["surge_5m"] = _surge(s, 1, 20)
    if math.isnan(s["surge_1h"]):
        hour = unknown(s, p, why.VOLUME_SURGE_1H_UNKNOWN, p["surge_1h_min"])
    else:
        hour = at_least(s, s["surge_1h"], p["surge_1h_min"], why.VOLUME_SURGE_1H)
    if not hour:
        return False
    if math.isnan(s["surge_5m"]):
        return unknown(s, p, why.VOLUME_SURGE_5M_UNKNOWN, p["surge_5m_min"])
    return at_least(s, s["surge_5m"], p["surge_5m_min"], why.VOLUME_SURGE_5M)


@part
def _surge(s: Record, newer: int, older: int) -> float:
    """Median volume of the `newer` last buckets over the `older` ones before."""
    end, lacking = s["bucket_end"], rec.MISSING_SHARE_MAX
    known = newer - int(lacking * newer)
    top = median(s["buckets"], end, newer, known, s["scratch"])
    known = older - int(lacking * older)
    bottom = median(s["buckets"], end - newer, older, known, s["scratch"])
    if not bottom > 0.0:
        return math.nan
    return top / bottom


@part
def _squeezed(s: Record, p: Record) -> bool:
    """Rank the band width in its own history: 100 is the widest ever seen."""
    end = s["end"]
    count = min(s["warm"] - 20, WIDTH_BARS)
    if count < WIDTH_BARS_MIN:
        return unknown(s, p, why.BB_WIDTH_UNKNOWN, p["width_max"])
    width = s["width"][(end - 1) & rec.RING_MASK]
    below = 0
    for back in range(1, count + 1):
        if s["width"][(end - 1 - back) & rec.RING_MASK] < width:
            below += 1
    return at_most(s, 100.0 * below / count, p["width_max"], why.BB_WIDTH)


@part
def _independent(s: Record, p: Record) -> bool:
    value = correlation(s["close"], s["reference"], s["end"], CORRELATION_BARS)
    s["correlation"] = value
    if math.isnan(value):
        return unknown(s, p, why.CORRELATION_UNKNOWN, p["correlation_max"])
    return at_most(s, abs(value), p["correlation_max"], why.CORRELATION)
