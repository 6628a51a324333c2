"""Signals: momentum breakouts and retests, long and short.

The strategies are asked in the preset's order. The first that fires is the signal;
when none fires, the reason is that of the first one that found a level to judge.
"""

import math

from actors.domain.kernel import confirm
from actors.domain.kernel import reasons as why
from actors.domain.kernel import record as rec
from actors.domain.kernel.compiled import part
from actors.domain.kernel.levels import RETEST_AGE_MAX_MS, nearest_fresh
from actors.domain.kernel.quality import market_allows
from actors.domain.kernel.record import Record
from actors.domain.kernel.scan import at_least, at_most, reject, unknown

SIGNAL_KINDS = ("momentum", "retest")
MOMENTUM, RETEST = 0, 1
RETEST_HOURS_MIN = 1.0


@part
def decide(s: Record, p: Record) -> int:
    """Give the kind of signal; -1: none, and the one reason is in `s`."""
    chosen, reason, value, threshold = -1, 0, math.nan, math.nan
    for turn in range(rec.PRIORITY_MAX):
        kind = p["priority"][turn]
        fired = False
        if kind == MOMENTUM:
            fired = _momentum(s, p)
        elif kind == RETEST:
            fired = _retest(s, p)
        else:
            continue
        if fired:
            s["level_state"][s["chosen"]] = rec.USED
            newest = s["ts"][(s["end"] - 1) & rec.RING_MASK]
            s["level_broken"][s["chosen"]] = newest + p["frame_ms"]
            return int(kind)
        if chosen < 0 and s["chosen"] >= 0:
            chosen, reason = s["chosen"], s["reason"]
            value, threshold = s["value"], s["threshold"]
    s["chosen"] = chosen
    if chosen >= 0:
        reject(s, reason, value, threshold)
    else:
        _explain_nothing(s, p)
    return -1


@part
def _explain_nothing(s: Record, p: Record) -> None:
    """No level was crossed: say by how much the nearest one was missed."""
    close = s["close"][(s["end"] - 1) & rec.RING_MASK]
    at = nearest_fresh(s, close)
    s["chosen"] = at
    if at < 0:
        reject(s, why.NO_LEVEL, 0.0, 1.0)
        return
    beyond = s["level_side"][at] * (close / s["level_price"][at] - 1.0)
    reject(s, why.NO_BREAKOUT, beyond, p["epsilon"])


@part
def _momentum(s: Record, p: Record) -> bool:
    at = _find(s, p, MOMENTUM)
    if at < 0:
        return False
    side = s["level_side"][at]
    stop = confirm.momentum_stop(s, p, side)
    fired = (
        _qualified(s, p, at)
        and market_allows(s, p, side)
        and confirm.near_level(s, p, at)
        and confirm.volume_multiple(s, p["multiple_min"], why.VOLUME_MULTIPLE)
        and confirm.volume_confirmed(s, p)
        and at_least(s, confirm.body_ratio(s), p["body_min"], why.BODY_RATIO)
        and confirm.book_agrees(s, p, side)
        and confirm.near_vwap(s, p)
        and confirm.no_false_start(s, p, at)
        and confirm.calm_approach(s, p)
        and confirm.consolidated(s, p, at)
        and confirm.pushed(s, p, side)
        and confirm.stop_stands(s, side, stop)
    )
    body = min(1.0, confirm.body_ratio(s) / 0.8)
    s["confidence"] = _confidence(s, 0.2 * body)
    return fired


@part
def _retest(s: Record, p: Record) -> bool:
    at = _find(s, p, RETEST)
    if at < 0:
        return False
    price, side = s["level_price"][at], s["level_side"][at]
    newest = (s["end"] - 1) & rec.RING_MASK
    closed = s["ts"][newest] + p["frame_ms"]
    hours = (closed - s["level_broken"][at]) / rec.HOUR_MS
    extreme = s["low"][newest] if side > 0 else s["high"][newest]
    held = side * (s["close"][newest] / price - 1.0)
    atr = s["atr"]
    stop = price - side * atr
    if p["stop_atr_mode"] == 1:
        stop = s["close"][newest] - side * p["stop_atr"] * atr
    fired = (
        at_least(s, hours, RETEST_HOURS_MIN, why.RETEST_TOO_EARLY)
        and _qualified(s, p, at)
        and market_allows(s, p, side)
        and at_least(s, held, 0.0, why.RETEST_NOT_HELD)
        and confirm.near_level(s, p, at)
        and at_most(
            s, side * (price - extreme), p["retest_pierce"] * atr, why.RETEST_PIERCE
        )
        and confirm.volume_multiple(s, p["retest_volume_min"], why.RETEST_VOLUME)
        and _trades_at_touch(s, p)
        and confirm.stop_stands(s, side, stop)
    )
    s["confidence"] = _confidence(s, 0.2 * s["level_strength"][at])
    return fired


@part
def _confidence(s: Record, shape: float) -> float:
    """0.4 scan + 0.3 volume / 5 + 0.1 imbalance / 0.5, each at most 1, and `shape`.

    For a momentum breakout `shape` is 0.2 body / 0.8. No source has a formula for the
    retest; the level's strength takes the body's place.
    """
    total = 0.4 * max(0.0, min(1.0, s["score"])) + shape
    total += 0.3 * min(1.0, s["multiple"] / 5.0)
    if not math.isnan(s["imbalance"]):
        total += 0.1 * min(1.0, abs(s["imbalance"]) / 0.5)
    return float(total)


@part
def _find(s: Record, p: Record, kind: int) -> int:
    """Find the nearest level that this bar crossed, or came back to.

    One that is good enough goes before one that is not, whatever the distance.
    """
    close = s["close"][(s["end"] - 1) & rec.RING_MASK]
    best, good, gap = -1, False, 0.0
    for at in range(rec.LEVELS_MAX):
        if s["level_id"][at] == 0 or not _meets(s, p, at, kind):
            continue
        distance = abs(s["level_price"][at] - close)
        fit = _qualified(s, p, at)
        if best < 0 or (fit and not good) or (fit == good and distance < gap):
            best, good, gap = at, fit, distance
    s["chosen"] = best
    return best


@part
def _meets(s: Record, p: Record, at: int, kind: int) -> bool:
    newest = (s["end"] - 1) & rec.RING_MASK
    price, side = s["level_price"][at], s["level_side"][at]
    state = s["level_state"][at]
    if kind == MOMENTUM:
        beyond = side * (s["close"][newest] - price) > p["epsilon"] * price
        return bool(state == rec.FRESH and beyond)
    # Back at a level that was broken on an earlier bar, coming from beyond it.
    closed = s["ts"][newest] + p["frame_ms"]
    before = s["close"][(s["end"] - 2) & rec.RING_MASK]
    reach = p["retest_tolerance"] * price
    return bool(
        state == rec.BROKEN
        and closed - s["level_broken"][at] <= RETEST_AGE_MAX_MS
        and side * (before - price) > 0.0
        and s["low"][newest] <= price + reach
        and s["high"][newest] >= price - reach
    )


@part
def _qualified(s: Record, p: Record, at: int) -> bool:
    """Judge the level itself: touched often, strong, not beside a stronger one."""
    if not at_least(
        s, float(s["level_touches"][at]), float(p["touches_min"]), why.LEVEL_TOUCHES
    ):
        return False
    own = s["level_strength"][at]
    if not at_least(s, own, p["strength_min"], why.LEVEL_STRENGTH):
        return False
    apart = p["separation_atr"] * s["atr"]
    for other in range(rec.LEVELS_MAX):
        distance = abs(s["level_price"][other] - s["level_price"][at])
        rival = (
            s["level_id"][other] != 0
            and s["level_state"][other] == rec.FRESH
            and s["level_side"][other] == s["level_side"][at]
            and s["level_touches"][other] >= p["touches_min"]
            and s["level_strength"][other] > own
        )
        if rival and distance < apart:
            return reject(s, why.LEVEL_SEPARATION, distance, apart)
    return True


@part
def _trades_at_touch(s: Record, p: Record) -> bool:
    """Compare trades per minute at the touch with the mean of the hour before."""
    count = max(1, rec.HOUR_MS // p["frame_ms"])
    total = 0.0
    for back in range(1, min(count, rec.WARM_BARS - 1) + 1):
        total += s["trades"][(s["end"] - 1 - back) & rec.RING_MASK]
    mean = total / min(count, rec.WARM_BARS - 1)
    trades = s["trades"][(s["end"] - 1) & rec.RING_MASK]
    if math.isnan(mean + trades):
        limit = p["touch_trades_min"]
        return unknown(s, p, why.TRADES_PER_MINUTE_UNKNOWN, limit)
    return at_least(s, trades, p["touch_trades_min"] * mean, why.RETEST_TRADES)
