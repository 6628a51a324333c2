"""What happens at a level: touches, pierces, breaks, and how strong that makes it."""

import math

from actors.domain.kernel import record as rec
from actors.domain.kernel.compiled import part
from actors.domain.kernel.record import Record

ROUND_TOLERANCE = 0.005
#: Every price is near a multiple of a tiny step: a step says something only when it
#: is wide against the tolerance.
ROUND_STEP_RATIO_MIN = 0.02
WEEK_HOURS = 168.0


@part
def follow(s: Record, p: Record, at: int, stop: int) -> None:
    """Judge a level by every bar before number `stop` that it has not met yet."""
    bar = max(s["level_seen"][at], s["end"] - rec.RING_BARS)
    while bar < stop and s["level_state"][at] == rec.FRESH:
        _meet(s, p, at, bar & rec.RING_MASK)
        bar += 1
    s["level_seen"][at] = max(s["level_seen"][at], stop)


@part
def _meet(s: Record, p: Record, at: int, bar: int) -> None:
    """Let one bar touch, pierce, leave or break a fresh level.

    A touch counts again only after a departure: a whole bar farther away than twice
    the tolerance. A pierce is a touch whose wick went through by the tolerance.
    """
    price, side = s["level_price"][at], s["level_side"][at]
    if side > 0:
        near, beyond = s["high"][bar] / price - 1.0, s["close"][bar] / price - 1.0
    else:
        near, beyond = 1.0 - s["low"][bar] / price, 1.0 - s["close"][bar] / price
    if beyond > p["epsilon"]:
        s["level_state"][at] = rec.BROKEN
        s["level_broken"][at] = s["ts"][bar] + p["frame_ms"]
    elif near >= -p["touch_tolerance"]:
        if s["level_departed"][at] == 1:
            s["level_departed"][at] = 0
            s["level_touches"][at] += 1
            s["level_volume"][at] += s["volume"][bar]
        if near > p["touch_tolerance"]:
            s["level_pierces"][at] += 1
    elif near < -2.0 * p["touch_tolerance"]:
        s["level_departed"][at] = 1


@part
def strength(s: Record, p: Record, at: int, volume_mean: float) -> float:
    """Weigh touches 0.4, age, volume at touch and cleanliness 0.2 each; bonuses.

    Standing on a round number adds up to 0.3, a cascade of sources up to 0.2.
    """
    touches = s["level_touches"][at]
    newest = s["ts"][(s["end"] - 1) & rec.RING_MASK]
    hours = (newest - s["level_birth"][at]) / rec.HOUR_MS
    volume = 0.0
    if volume_mean > 0.0:
        volume = s["level_volume"][at] / touches / volume_mean
    pierced = s["level_pierces"][at] / touches
    total = (
        0.4 * min(1.0, touches / 5.0)
        + 0.2 * min(1.0, hours / WEEK_HOURS)
        + 0.2 * min(1.0, volume)
        + 0.2 * (1.0 - min(1.0, 5.0 * pierced))
        + round_bonus(p, s["level_price"][at])
    )
    members = s["level_members"][at]
    if members >= p["cascade_min"]:
        total += min(0.2, 0.05 * members)
    return float(min(1.0, total))


@part
def round_bonus(p: Record, price: float) -> float:
    """Give 0.1 + 0.05 log10(step + 1) for the widest round step nearby."""
    bonus = 0.0
    for at in range(rec.STEPS_MAX):
        step = p["round_steps"][at]
        if step < ROUND_STEP_RATIO_MIN * price:
            continue
        nearest = math.floor(price / step + 0.5) * step
        if abs(price - nearest) <= ROUND_TOLERANCE * price:
            bonus = max(bonus, 0.1 + 0.05 * math.log10(step + 1.0))
    return min(0.3, bonus)
