"""Confirmations: what a close beyond a level must bring along to be believed."""

import math

from actors.domain.kernel import reasons as why
from actors.domain.kernel import record as rec
from actors.domain.kernel.compiled import part
from actors.domain.kernel.indicators import highest, lowest, median, sma
from actors.domain.kernel.record import Record
from actors.domain.kernel.scan import at_least, at_most, reject, unknown

MEDIAN_BARS = 19
MEAN_BARS = 20
VWAP_BARS = 20
APPROACH_BARS = 10
CONSOLIDATION_RATIO = 0.005
SWING_BARS = 10
SWING_ATR = 1.2


@part
def near_level(s: Record, p: Record, at: int) -> bool:
    """Refuse a close that is already far from the level."""
    close = s["close"][(s["end"] - 1) & rec.RING_MASK]
    distance = abs(close / s["level_price"][at] - 1.0) * 1e4
    return at_most(s, distance, p["distance_max"], why.DISTANCE)


@part
def volume_multiple(s: Record, minimum: float, reason: int) -> bool:
    """Compare the bar's volume with the median of the 19 before it."""
    end = s["end"]
    middle = median(s["volume"], end - 1, MEDIAN_BARS, MEDIAN_BARS, s["scratch"])
    if middle <= 0.0:
        return reject(s, why.VOLUME_UNKNOWN, math.nan, minimum)
    s["multiple"] = s["volume"][(end - 1) & rec.RING_MASK] / middle
    return at_least(s, s["multiple"], minimum, reason)


@part
def volume_confirmed(s: Record, p: Record) -> bool:
    """Compare the bar's volume with the mean of the 20 before it."""
    mean = sma(s["volume"], s["end"] - 1, MEAN_BARS)
    if mean <= 0.0:
        return reject(s, why.VOLUME_UNKNOWN, math.nan, p["volume_confirmation"])
    ratio = s["volume"][(s["end"] - 1) & rec.RING_MASK] / mean
    return at_least(s, ratio, p["volume_confirmation"], why.VOLUME_CONFIRMATION)


@part
def body_ratio(s: Record) -> float:
    """Give the body's share of the bar's range; 0 for a bar without range."""
    at = (s["end"] - 1) & rec.RING_MASK
    span = s["high"][at] - s["low"][at]
    if span <= 0.0:
        return 0.0
    return float(abs(s["close"][at] - s["open"][at]) / span)


@part
def book_agrees(s: Record, p: Record, side: int) -> bool:
    """Ask for an imbalance toward the trade: a wall against it is no support."""
    if math.isnan(s["imbalance"]):
        return unknown(s, p, why.IMBALANCE_UNKNOWN, p["imbalance_min"])
    return at_least(s, side * s["imbalance"], p["imbalance_min"], why.IMBALANCE)


@part
def near_vwap(s: Record, p: Record) -> bool:
    """Refuse a close too many ATRs from the volume-weighted price of 20 bars."""
    money, volume = 0.0, 0.0
    for back in range(VWAP_BARS):
        at = (s["end"] - 1 - back) & rec.RING_MASK
        typical = (s["high"][at] + s["low"][at] + s["close"][at]) / 3.0
        money += typical * s["volume"][at]
        volume += s["volume"][at]
    if volume <= 0.0 or s["atr"] <= 0.0:
        return reject(s, why.VOLUME_UNKNOWN, math.nan, p["vwap_gap_max"])
    close = s["close"][(s["end"] - 1) & rec.RING_MASK]
    gap = abs(close - money / volume) / s["atr"]
    return at_most(s, gap, p["vwap_gap_max"], why.VWAP_GAP)


@part
def no_false_start(s: Record, p: Record, at: int) -> bool:
    """Count the bars before that poked through the level and did not hold."""
    price, side = s["level_price"][at], s["level_side"][at]
    pokes = 0
    for back in range(1, p["clean_bars"] + 1):
        bar = (s["end"] - 1 - back) & rec.RING_MASK
        if side > 0 and s["high"][bar] > price * (1.0 + p["epsilon"]):
            pokes += 1
        if side < 0 and s["low"][bar] < price * (1.0 - p["epsilon"]):
            pokes += 1
    return at_most(s, float(pokes), 0.0, why.FALSE_START)


@part
def calm_approach(s: Record, p: Record) -> bool:
    """Refuse a run-up: the mean move per bar of the ten bars before the breakout."""
    newest = s["close"][(s["end"] - 2) & rec.RING_MASK]
    oldest = s["close"][(s["end"] - 2 - APPROACH_BARS) & rec.RING_MASK]
    slope = abs(newest / oldest - 1.0) / APPROACH_BARS
    return at_most(s, slope, p["approach_slope_max"], why.APPROACH_SLOPE)


@part
def consolidated(s: Record, p: Record, at: int) -> bool:
    """Count closes within 0.5% of the level among the ten before the breakout."""
    count = 0
    for back in range(1, APPROACH_BARS + 1):
        close = s["close"][(s["end"] - 1 - back) & rec.RING_MASK]
        if abs(close / s["level_price"][at] - 1.0) <= CONSOLIDATION_RATIO:
            count += 1
    return at_least(s, float(count), float(p["consolidation_bars"]), why.CONSOLIDATION)


@part
def pushed(s: Record, p: Record, side: int) -> bool:
    """Ask for a move toward the trade over the last bars; 0 switches it off."""
    if p["momentum_slope_min"] <= 0.0:
        return True
    newest = s["close"][(s["end"] - 1) & rec.RING_MASK]
    oldest = s["close"][(s["end"] - 1 - p["slope_bars"]) & rec.RING_MASK]
    move = side * (newest / oldest - 1.0)
    return at_least(s, move, p["momentum_slope_min"], why.MOMENTUM_SLOPE)


@part
def momentum_stop(s: Record, p: Record, side: int) -> float:
    """Give the nearer of the 10-bar swing and 1.2 ATR, or the preset's own ATRs."""
    close = s["close"][(s["end"] - 1) & rec.RING_MASK]
    if p["stop_atr_mode"] == 1:
        return float(close - side * p["stop_atr"] * s["atr"])
    if side > 0:
        swing = lowest(s["low"], s["end"], SWING_BARS)
        return float(max(swing, close - SWING_ATR * s["atr"]))
    swing = highest(s["high"], s["end"], SWING_BARS)
    return float(min(swing, close + SWING_ATR * s["atr"]))


@part
def stop_stands(s: Record, side: int, stop: float) -> bool:
    """Refuse a stop that is not behind the entry, or not a price."""
    close = s["close"][(s["end"] - 1) & rec.RING_MASK]
    distance = side * (close - stop) / close
    if not (stop > 0.0 and distance > 0.0):
        return reject(s, why.STOP_DISTANCE, distance, 0.0)
    s["stop"] = stop
    return True
