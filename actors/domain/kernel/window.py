"""Puts market bars together: pipeline bars, 24 h windows, volume buckets, ATRs.

Bars are never made up. A bar that does not belong (repeated, out of order, a price
that is no price) is counted and left out; a gap is counted, and what a window lacks
makes it UNKNOWN once more than a tenth of it is missing.
"""

import math

from actors.domain.kernel import record as rec
from actors.domain.kernel.compiled import part
from actors.domain.kernel.indicators import deviation, sma, true_range, wilder_next
from actors.domain.kernel.levels import note_source
from actors.domain.kernel.record import Record

ATR_BARS = 14
BAND_BARS = 20
EXTREME_BARS = 100


@part
def take_bar(s: Record, p: Record, bar: Record) -> bool:
    """Take a market bar; True when it closed a pipeline bar on time."""
    ts = bar["ts"]
    usable = (
        ts > s["last_ts"]
        and bar["low"] > 0.0
        and bar["low"] <= bar["open"]
        and bar["low"] <= bar["close"]
        and bar["open"] <= bar["high"]
        and bar["close"] <= bar["high"]
        and bar["high"] < math.inf
        and bar["volume"] >= 0.0
        and bar["volume"] < math.inf
    )
    if not usable:
        s["bad_bars"] += 1
        return False
    s["bars"] += 1
    if s["last_ts"] >= 0:
        missing = (ts - s["last_ts"]) // p["market_ms"] - 1
        if missing > 0:
            s["gaps"] += 1
            s["missing_bars"] += missing
    s["last_ts"] = ts
    _roll_day(s, p, bar)
    _roll_bucket(s, p, bar)
    _roll_quarter(s, p, bar)
    return _join(s, p, bar)


@part
def _join(s: Record, p: Record, bar: Record) -> bool:
    slot = bar["ts"] // p["frame_ms"]
    if s["slot"] >= 0 and s["slot"] != slot:
        # The bar that should have closed it never came. It counts as history, but
        # nothing is decided on it: its close is old news by now.
        s["late_bars"] += 1
        _close_bar(s, p)
    if s["slot"] < 0:
        s["slot"] = slot
        s["next_open"] = bar["open"]
        s["next_high"] = bar["high"]
        s["next_low"] = bar["low"]
        s["next_volume"] = bar["volume"]
    else:
        s["next_high"] = max(s["next_high"], bar["high"])
        s["next_low"] = min(s["next_low"], bar["low"])
        s["next_volume"] += bar["volume"]
    s["next_close"] = bar["close"]
    s["next_reference"] = bar["reference_close"]
    s["next_spread"] = bar["spread_bps"]
    s["next_trades"] = bar["trades_per_minute"]
    s["volume_rank"] = bar["volume_rank"]
    s["bid_depth_03"] = bar["bid_depth_03_usd"]
    s["ask_depth_03"] = bar["ask_depth_03_usd"]
    s["bid_depth_05"] = bar["bid_depth_05_usd"]
    s["ask_depth_05"] = bar["ask_depth_05_usd"]
    s["imbalance"] = bar["imbalance"]
    s["open_interest"] = bar["open_interest_usd"]
    if bar["ts"] + p["market_ms"] < (slot + 1) * p["frame_ms"]:
        return False
    _close_bar(s, p)
    return True


@part
def _close_bar(s: Record, p: Record) -> None:
    ts = s["slot"] * p["frame_ms"]
    end = s["end"]
    before = s["ts"][(end - 1) & rec.RING_MASK]
    if end > 0 and (ts - before) // p["frame_ms"] - 1 > rec.GAP_RESET_BARS:
        s["resets"] += 1
        s["warm"] = 0
        s["pending_end"] = 0
    at = end & rec.RING_MASK
    s["ts"][at] = ts
    s["open"][at] = s["next_open"]
    s["high"][at] = s["next_high"]
    s["low"][at] = s["next_low"]
    s["close"][at] = s["next_close"]
    s["volume"][at] = s["next_volume"]
    s["reference"][at] = s["next_reference"]
    s["spread"][at] = s["next_spread"]
    s["trades"][at] = s["next_trades"]
    s["slot"] = -1
    close = math.nan
    if s["warm"] > 0:
        close = s["close"][(end - 1) & rec.RING_MASK]
    span = true_range(s["high"][at], s["low"][at], close)
    s["atr"] = wilder_next(s["atr"], span, s["warm"], ATR_BARS)
    s["end"] = end + 1
    s["warm"] += 1
    s["width"][at] = math.nan
    if s["warm"] >= BAND_BARS:
        mean = sma(s["close"], end + 1, BAND_BARS)
        s["width"][at] = 4.0 * deviation(s["close"], end + 1, BAND_BARS) / mean
    _note_volume_extreme(s, p)
    _note_pivots(s, p)


@part
def _note_volume_extreme(s: Record, p: Record) -> None:
    """Both ends of a bar in the top share of volume, judged when it closes."""
    newest = s["end"] - 1
    count = min(s["warm"] - 1, EXTREME_BARS)
    volume = s["volume"][newest & rec.RING_MASK]
    if count < BAND_BARS or volume <= 0.0:
        return
    larger = 0
    for back in range(1, count + 1):
        if s["volume"][(newest - back) & rec.RING_MASK] >= volume:
            larger += 1
    if larger < p["extreme_fraction"] * count:
        note_source(s, p, newest, 1, rec.VOLUME_EXTREME)
        note_source(s, p, newest, -1, rec.VOLUME_EXTREME)


@part
def _note_pivots(s: Record, p: Record) -> None:
    """A pivot is known only when its right-hand bars have closed: now."""
    left, right = p["pivot_left"], p["pivot_right"]
    if s["warm"] < left + right + 1:
        return
    middle = s["end"] - 1 - right
    top, bottom = True, True
    high = s["high"][middle & rec.RING_MASK]
    low = s["low"][middle & rec.RING_MASK]
    for step in range(1, left + 1):
        at = (middle - step) & rec.RING_MASK
        top = top and s["high"][at] < high
        bottom = bottom and s["low"][at] > low
    for step in range(1, right + 1):
        at = (middle + step) & rec.RING_MASK
        top = top and s["high"][at] <= high
        bottom = bottom and s["low"][at] >= low
    if top:
        note_source(s, p, middle, 1, rec.SWING)
    if bottom:
        note_source(s, p, middle, -1, rec.SWING)


@part
def _roll_day(s: Record, p: Record, bar: Record) -> None:
    """Move the 24 h window on; a bar belongs to the slot in which it closes."""
    slot = (bar["ts"] + p["market_ms"] - 1) // rec.SLOT_MS
    steps = min(slot - s["day_slot"], rec.DAY_RING) if s["day_slot"] >= 0 else 0
    for step in range(steps):
        entering = (slot - steps + 1 + step) % rec.DAY_RING
        s["day_close"][entering] = math.nan
        s["day_interest"][entering] = math.nan
        leaving = (slot - steps + 1 + step - rec.DAY_SLOTS) % rec.DAY_RING
        s["day_volume_sum"] -= s["day_volume"][leaving]
        s["day_bars_sum"] -= s["day_bars"][leaving]
        s["day_volume"][leaving] = 0.0
        s["day_bars"][leaving] = 0
        if entering == 0:
            # Summed afresh once a day, so that rounding cannot pile up.
            s["day_volume_sum"] = 0.0
            for at in range(rec.DAY_RING):
                s["day_volume_sum"] += s["day_volume"][at]
    s["day_slot"] = slot
    at = slot % rec.DAY_RING
    quote = bar["volume"] * (bar["high"] + bar["low"] + bar["close"]) / 3.0
    s["day_volume"][at] += quote
    s["day_volume_sum"] += quote
    s["day_bars"][at] += 1
    s["day_bars_sum"] += 1
    s["day_close"][at] = bar["close"]
    s["day_interest"][at] = bar["open_interest_usd"]


@part
def _roll_bucket(s: Record, p: Record, bar: Record) -> None:
    """Add to the volume bucket; a bucket that lacks a bar stays UNKNOWN."""
    slot = bar["ts"] // p["bucket_ms"]
    if s["bucket_slot"] != slot:
        steps = min(slot - s["bucket_end"], rec.BUCKET_RING)
        for step in range(steps):
            s["buckets"][(slot - 1 - step) % rec.BUCKET_RING] = math.nan
        s["bucket_end"] = slot
        s["bucket_slot"] = slot
        s["bucket_bars"] = 0
        s["bucket_sum"] = 0.0
    s["bucket_bars"] += 1
    s["bucket_sum"] += bar["volume"]
    if s["bucket_bars"] * p["market_ms"] >= p["bucket_ms"]:
        s["buckets"][slot % rec.BUCKET_RING] = s["bucket_sum"]
        s["bucket_end"] = slot + 1


@part
def _roll_quarter(s: Record, p: Record, bar: Record) -> None:
    """Wilder's ATR of 15-minute bars, where the market's bars make them up."""
    if p["quarters"] == 0:
        return
    slot = bar["ts"] // rec.QUARTER_MS
    if s["quarter_open"] == 1 and s["quarter_slot"] == slot:
        s["quarter_high"] = max(s["quarter_high"], bar["high"])
        s["quarter_low"] = min(s["quarter_low"], bar["low"])
    else:
        if s["quarter_open"] == 1:
            _close_quarter(s)
        if slot - s["quarter_slot"] - 1 > rec.GAP_RESET_BARS:
            s["quarter_seen"] = 0
            s["quarter_before"] = math.nan
        s["quarter_slot"] = slot
        s["quarter_open"] = 1
        s["quarter_high"] = bar["high"]
        s["quarter_low"] = bar["low"]
    s["quarter_close"] = bar["close"]
    if bar["ts"] + p["market_ms"] >= (slot + 1) * rec.QUARTER_MS:
        _close_quarter(s)


@part
def _close_quarter(s: Record) -> None:
    span = true_range(s["quarter_high"], s["quarter_low"], s["quarter_before"])
    average, seen = s["quarter_atr"], s["quarter_seen"]
    s["quarter_atr"] = wilder_next(average, span, seen, ATR_BARS)
    s["quarter_seen"] += 1
    s["quarter_before"] = s["quarter_close"]
    s["quarter_open"] = 0
