"""The level table: where the price turned or was refused, and what became of it.

Levels come from Donchian extremes, swing pivots and high-volume bars. A source near
a fresh level of its side joins it; otherwise it is a level of its own, with an id
made of its kind, side and birth. The table is brought up to date only for a bar that
passed the scan; each level remembers up to which bar it has been judged, so the late
judgement is the same as a prompt one. Nothing of the bar under evaluation is used.
"""

from actors.domain.kernel import record as rec
from actors.domain.kernel.compiled import part
from actors.domain.kernel.record import Record
from actors.domain.kernel.touches import follow, strength

BREAKOUT_KEPT_MS = 7 * rec.DAY_MS
RETEST_AGE_MAX_MS = rec.DAY_MS


@part
def build_levels(s: Record, p: Record) -> int:
    """Bring the table up to the bar before the newest; how many levels there are."""
    list_sources(s, p)
    _follow_all(s, p, s["end"] - 1)
    _add_donchian(s, p, 1)
    _add_donchian(s, p, -1)
    volume = 0.0
    for back in range(2, rec.WARM_BARS + 1):
        volume += s["volume"][(s["end"] - back) & rec.RING_MASK]
    volume /= rec.WARM_BARS - 1
    count = 0
    for at in range(rec.LEVELS_MAX):
        if s["level_id"][at] != 0 and _keep(s, p, at, volume):
            count += 1
    return count


@part
def note_source(s: Record, p: Record, bar: int, side: int, kind: int) -> None:
    """Keep a level source, known from the newest bar's close, to be listed later."""
    if s["pending_end"] == rec.PENDING_MAX:
        list_sources(s, p)
    at = s["pending_end"]
    s["pending_bar"][at] = bar
    s["pending_noted"][at] = s["end"]
    s["pending_gap"][at] = p["merge_atr"] * s["atr"]
    s["pending_side"][at] = side
    s["pending_kind"][at] = kind
    s["pending_end"] += 1


@part
def list_sources(s: Record, p: Record) -> None:
    """List what waits, in order, each as if it were listed when it became known."""
    for number in range(s["pending_end"]):
        bar, noted = s["pending_bar"][number], s["pending_noted"][number]
        if bar < s["end"] - rec.RING_BARS:
            continue
        _follow_all(s, p, min(noted, s["end"] - 1))
        known = s["ts"][(noted - 1) & rec.RING_MASK] + p["frame_ms"]
        side, kind = s["pending_side"][number], s["pending_kind"][number]
        s["merge_gap"] = s["pending_gap"][number]
        _add(s, p, bar, side, kind, known)
    s["pending_end"] = 0


@part
def _follow_all(s: Record, p: Record, stop: int) -> None:
    for at in range(rec.LEVELS_MAX):
        if s["level_id"][at] != 0 and s["level_state"][at] == rec.FRESH:
            follow(s, p, at, stop)


@part
def _keep(s: Record, p: Record, at: int, volume: float) -> bool:
    follow(s, p, at, s["end"] - 1)
    newest = s["ts"][(s["end"] - 1) & rec.RING_MASK]
    broken = s["level_broken"][at]
    if broken > 0 and newest - broken > BREAKOUT_KEPT_MS:
        s["level_id"][at] = 0
        return False
    if s["level_state"][at] == rec.FRESH or s["level_strength"][at] == 0.0:
        s["level_strength"][at] = strength(s, p, at, volume)
    return True


@part
def _add_donchian(s: Record, p: Record, side: int) -> None:
    """Add the extremes of the windows that end before the newest bar."""
    newest = s["end"] - 2
    known = s["ts"][newest & rec.RING_MASK] + p["frame_ms"]
    extreme, step = newest, 0
    s["merge_gap"] = p["merge_atr"] * s["atr"]
    for window in range(rec.DONCHIANS_MAX):
        length = p["donchian_bars"][window]
        if length == 0:
            break
        while step < min(length, s["warm"] - 1):
            bar = newest - step
            one = bar & rec.RING_MASK
            best = extreme & rec.RING_MASK
            higher = side > 0 and s["high"][one] >= s["high"][best]
            lower = side < 0 and s["low"][one] <= s["low"][best]
            if higher or lower:
                extreme = bar
            step += 1
        _add(s, p, extreme, side, rec.DONCHIAN, known)


@part
def _add(s: Record, p: Record, bar: int, side: int, kind: int, known: int) -> None:
    """Make a source join a fresh level nearby, or start a level with it."""
    price = s["low"][bar & rec.RING_MASK]
    if side > 0:
        price = s["high"][bar & rec.RING_MASK]
    birth = s["ts"][bar & rec.RING_MASK]
    if _is_listed(s, side, birth):
        return
    joined, gap = -1, s["merge_gap"]
    for at in range(rec.LEVELS_MAX):
        distance = abs(s["level_price"][at] - price)
        mergeable = (
            s["level_id"][at] != 0
            and s["level_side"][at] == side
            and s["level_state"][at] == rec.FRESH
        )
        if mergeable and distance <= gap:
            joined, gap = at, distance
    if joined < 0:
        at = _place(s, p)
        s["level_id"][at] = birth * 8 + kind * 2 + (side + 1) // 2
        s["level_price"][at] = price
        s["level_side"][at] = side
        s["level_kind"][at] = kind
        _start(s, at, bar, known)
    elif birth > s["level_newest"][joined]:
        s["level_newest"][joined] = birth
        if gap <= p["cascade_bps"] * 1e-4 * price:
            s["level_members"][joined] += 1


@part
def _is_listed(s: Record, side: int, birth: int) -> bool:
    for at in range(rec.LEVELS_MAX):
        same = s["level_birth"][at] == birth or s["level_newest"][at] == birth
        if same and s["level_id"][at] != 0 and s["level_side"][at] == side:
            return True
    return False


@part
def _start(s: Record, at: int, bar: int, known: int) -> None:
    birth = s["ts"][bar & rec.RING_MASK]
    s["level_birth"][at] = birth
    s["level_newest"][at] = birth
    s["level_known"][at] = known
    s["level_state"][at] = rec.FRESH
    s["level_broken"][at] = 0
    s["level_touches"][at] = 1
    s["level_pierces"][at] = 0
    s["level_departed"][at] = 0
    s["level_volume"][at] = s["volume"][bar & rec.RING_MASK]
    s["level_seen"][at] = bar + 1
    s["level_members"][at] = 1
    s["level_strength"][at] = 0.0


@part
def _place(s: Record, p: Record) -> int:
    """Find a free place; else the least useful level makes room, the oldest first."""
    best, best_use = 0, 0
    for at in range(rec.LEVELS_MAX):
        if s["level_id"][at] == 0:
            return at
        use = _use(s, p, at)
        older = s["level_birth"][at] < s["level_birth"][best]
        if at == 0 or use < best_use or (use == best_use and older):
            best, best_use = at, use
    return best


@part
def _use(s: Record, p: Record, at: int) -> int:
    """Rank a level: broken or used too long ago, or broken untested; then by touches.

    A level used within the day stays longest: forgotten, it could be used again.
    """
    newest = s["ts"][(s["end"] - 1) & rec.RING_MASK]
    touches, state = int(s["level_touches"][at]), s["level_state"][at]
    if state == rec.FRESH:
        return 1 + touches
    if newest - s["level_broken"][at] > RETEST_AGE_MAX_MS:
        return 0
    if state == rec.USED:
        return 1 + rec.RING_BARS
    return 1 + touches if touches >= p["touches_min"] else 0


@part
def nearest_fresh(s: Record, close: float) -> int:
    """Find the fresh level nearest to a price; -1: there is none."""
    best = -1
    for at in range(rec.LEVELS_MAX):
        if s["level_id"][at] == 0 or s["level_state"][at] != rec.FRESH:
            continue
        distance = abs(s["level_price"][at] - close)
        if best < 0 or distance < abs(s["level_price"][best] - close):
            best = at
    return best
