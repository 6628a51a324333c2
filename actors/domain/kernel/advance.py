"""The kernel's entry: bars in, finding rows out, one bar or a whole history a call."""

import math
from collections.abc import Callable

from actors.domain.bars import Bars
from actors.domain.findings import FindingKind, Findings
from actors.domain.kernel import record as rec
from actors.domain.kernel.compiled import entry, fingerprint, part
from actors.domain.kernel.levels import build_levels, nearest_fresh
from actors.domain.kernel.record import Record, Records
from actors.domain.kernel.scan import scan
from actors.domain.kernel.score import scored
from actors.domain.kernel.signals import decide
from actors.domain.kernel.window import take_bar

#: CANDIDATE, LEVELS, ARMED or DISARMED, and SIGNAL or WHYNOT.
ROWS_PER_BAR_MAX = 4
OBSTACLES = 4

_CANDIDATE = int(FindingKind.CANDIDATE)
_LEVELS = int(FindingKind.LEVELS)
_ARMED = int(FindingKind.ARMED)
_DISARMED = int(FindingKind.DISARMED)
_SIGNAL = int(FindingKind.SIGNAL)
_WHYNOT = int(FindingKind.WHYNOT)


@part
def _emit(s: Record, p: Record, row: Record, kind: int) -> None:
    """Fill a row with what holds for every kind; the rest stays UNKNOWN or 0."""
    row["kind"] = kind
    row["ts"] = s["ts"][(s["end"] - 1) & rec.RING_MASK] + p["frame_ms"]
    row["side"] = 0
    row["signal_kind"] = 0
    row["reason"] = 0
    row["value"] = math.nan
    row["threshold"] = math.nan
    row["notes"] = s["notes"]
    row["level_id"] = 0
    row["level"] = math.nan
    row["entry"] = math.nan
    row["stop"] = math.nan
    row["atr"] = s["atr"]
    row["confidence"] = math.nan
    row["score"] = s["score"]
    row["opposite_depth_usd"] = math.nan
    row["exit_depth_usd"] = math.nan
    row["spread_bps"] = s["spread"][(s["end"] - 1) & rec.RING_MASK]
    for at in range(OBSTACLES):
        row["obstacles"][at] = math.nan


@part
def _put_level(s: Record, row: Record, at: int) -> None:
    if at >= 0:
        row["level_id"] = s["level_id"][at]
        row["level"] = s["level_price"][at]
        row["side"] = s["level_side"][at]


@part
def _arm(s: Record, p: Record, near: int) -> int:
    """Follow whether the price is near a fresh level; 1 armed now, -1 no longer."""
    close = s["close"][(s["end"] - 1) & rec.RING_MASK]
    armed = (
        near >= 0
        and s["level_id"][near] != 0
        and s["level_state"][near] == rec.FRESH
        and abs(close - s["level_price"][near]) <= p["armed_atr"] * s["atr"]
    )
    before = s["armed"]
    if armed:
        s["armed"] = 1
        s["armed_at"] = near
    else:
        s["armed"] = 0
    return int(s["armed"] - before)


@part
def _tell_arming(s: Record, p: Record, out: Findings, count: int, near: int) -> int:
    change = _arm(s, p, near)
    if change == 0:
        return count
    _emit(s, p, out[count], _ARMED if change > 0 else _DISARMED)
    if change > 0:
        _put_level(s, out[count], near)
    return count + 1


@part
def _put_obstacles(s: Record, row: Record, side: int, close: float) -> None:
    """Write the nearest levels beyond the entry, nearest first."""
    found = 0
    for at in range(rec.LEVELS_MAX):
        price = s["level_price"][at]
        if s["level_id"][at] == 0 or side * (price - close) <= 0.0:
            continue
        place = found
        while place > 0 and side * (row["obstacles"][place - 1] - price) > 0.0:
            if place < OBSTACLES:
                row["obstacles"][place] = row["obstacles"][place - 1]
            place -= 1
        if place < OBSTACLES:
            row["obstacles"][place] = price
        found = min(found + 1, OBSTACLES)


@part
def _put_signal(s: Record, row: Record, kind: int) -> None:
    close = s["close"][(s["end"] - 1) & rec.RING_MASK]
    row["signal_kind"] = kind
    row["entry"] = close
    row["stop"] = s["stop"]
    row["confidence"] = s["confidence"]
    row["opposite_depth_usd"] = s["ask_depth_03"]
    row["exit_depth_usd"] = s["bid_depth_03"]
    if row["side"] < 0:
        row["opposite_depth_usd"] = s["bid_depth_03"]
        row["exit_depth_usd"] = s["ask_depth_03"]
    _put_obstacles(s, row, row["side"], close)


@part
def _judge(s: Record, p: Record, out: Findings, count: int) -> int:
    """Take a candidate to its end: levels, arming, then a signal or the reason."""
    _emit(s, p, out[count], _CANDIDATE)
    _emit(s, p, out[count + 1], _LEVELS)
    out[count + 1]["value"] = float(build_levels(s, p))
    close = s["close"][(s["end"] - 1) & rec.RING_MASK]
    count = _tell_arming(s, p, out, count + 2, nearest_fresh(s, close))
    s["multiple"] = 0.0
    kind = decide(s, p)
    if kind >= 0:
        s["signals"] += 1
        _emit(s, p, out[count], _SIGNAL)
        _put_level(s, out[count], s["chosen"])
        _put_signal(s, out[count], kind)
        return count + 1
    _drop(s, p)
    _emit(s, p, out[count], _WHYNOT)
    _put_level(s, out[count], s["chosen"])
    out[count]["reason"] = s["reason"]
    out[count]["value"] = s["value"]
    out[count]["threshold"] = s["threshold"]
    return count + 1


@part
def _drop(s: Record, p: Record) -> None:
    s["dropped"][s["reason"]] += 1
    s["last_reason"] = s["reason"]
    s["last_value"] = s["value"]
    s["last_threshold"] = s["threshold"]
    s["reason_ts"] = s["ts"][(s["end"] - 1) & rec.RING_MASK] + p["frame_ms"]


@part
def _evaluate(s: Record, p: Record, out: Findings, count: int) -> int:
    s["evaluated"] += 1
    if scan(s, p) and scored(s, p):
        s["candidates"] += 1
        return _judge(s, p, out, count)
    _drop(s, p)
    near = s["armed_at"] if s["armed"] == 1 else -1
    return _tell_arming(s, p, out, count, near)


def _make(version: str) -> Callable[..., int]:
    @entry
    def advance(
        states: Records,
        params: Records,
        bars: Bars,
        start: int,
        stop: int,
        out: Findings,
    ) -> int:
        """Take bars [start, stop) and write their findings; how many rows.

        `out` holds ROWS_PER_BAR_MAX rows for each bar.
        """
        count = len(version) * 0  # closes over the version: see `compiled`
        s, p = states[0], params[0]
        for at in range(start, stop):
            if take_bar(s, p, bars[at]) and s["warm"] >= rec.WARM_BARS:
                count = _evaluate(s, p, out, count)
        return count

    return advance


advance = _make(fingerprint())
