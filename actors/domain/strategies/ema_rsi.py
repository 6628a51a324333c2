"""EMA and RSI: buys when the fast average crosses over the slow one and RSI is low.

A long is entered on the bar of the crossover, if RSI is below overbought then. The
opposite, the fast average under the slow one and RSI above oversold, ends a long; on
the bar of the crossing it also enters a short where the market allows shorts. Stop
and target are percentages of the close. Only a crossing enters, so a trend is entered
once and never twice.
"""

from actors.domain.bars import Bars
from actors.domain.findings import Findings
from actors.domain.kernel.compiled import entry, fingerprint, part
from actors.domain.kernel.indicators import ema_next, rsi, wilder_next
from actors.domain.kernel.record import Record, Records
from actors.domain.strategies import frame
from actors.domain.strategies.compiled import Advance, CompiledStrategy
from config.preset import Preset

FAST_BARS, SLOW_BARS = 8, 21
RSI_BARS = 7
OVERSOLD, OVERBOUGHT = 35.0, 65.0
STOP_RATIO, TARGET_RATIO = 0.005, 0.015
#: A crossing says little by itself; all are alike.
CONFIDENCE = 0.5

REASONS = ("", "no_crossing", "rsi", "not_shortable", "opposite_crossing")
NO_CROSSING, RSI, NOT_SHORTABLE, OPPOSITE = 1, 2, 3, 4


@part
def _catch_up(s: Record, p: Record) -> None:
    """Take every bar that has closed since into the averages, late ones included.

    A late bar may turn the trend, which ends a position later on but enters none.
    """
    while s["taken"] < s["end"]:
        _average(s, s["taken"])
        s["taken"] += 1
        if s["taken"] >= SLOW_BARS:
            _follow(s, p)


@part
def _average(s: Record, number: int) -> None:
    close = s["close"][number % frame.RING_BARS]
    s["fast"] = ema_next(s["fast"], close, number, FAST_BARS)
    s["slow"] = ema_next(s["slow"], close, number, SLOW_BARS)
    if number > 0:
        change = close - s["close"][(number - 1) % frame.RING_BARS]
        s["gain"] = wilder_next(s["gain"], max(change, 0.0), number - 1, RSI_BARS)
        s["loss"] = wilder_next(s["loss"], max(-change, 0.0), number - 1, RSI_BARS)


@part
def _follow(s: Record, p: Record) -> None:
    """Note whether this bar turned the trend, and what must be left for it."""
    before = s["trend"]
    if s["fast"] > s["slow"]:
        s["trend"] = 1
    elif s["fast"] < s["slow"]:
        s["trend"] = -1
    s["crossed"] = int(before != 0 and s["trend"] != before)
    if s["crossed"] == 1:
        # Where there are no shorts, a rising trend leaves nothing.
        s["leaving"] = -s["trend"] if s["trend"] < 0 or p["shortable"] == 1 else 0


@part
def _room(strength: float, side: int) -> float:
    """Give how far RSI is from the end that forbids this side; 0 or less: there."""
    if side > 0:
        return OVERBOUGHT - strength
    return strength - OVERSOLD


@part
def _evaluate(s: Record, p: Record, out: Findings, count: int) -> int:
    s["evaluated"] += 1
    strength = rsi(s["gain"], s["loss"])
    side = s["trend"]
    if s["leaving"] != 0 and _room(strength, side) > 0.0:
        frame.put_row(s, p, out[count], frame.EXIT, s["leaving"])
        out[count]["reason"] = OPPOSITE
        out[count]["value"] = strength
        s["leaving"] = 0
        count += 1
    if s["crossed"] == 0:
        frame.drop(s, p, NO_CROSSING, s["fast"], s["slow"])
        return count
    return _enter(s, p, out, count, strength)


@part
def _enter(s: Record, p: Record, out: Findings, count: int, strength: float) -> int:
    side = s["trend"]
    s["candidates"] += 1
    s["score"] = _room(strength, side) / 100.0
    frame.put_row(s, p, out[count], frame.CANDIDATE, side)
    count += 1
    if side < 0 and p["shortable"] == 0:
        frame.drop(s, p, NOT_SHORTABLE, 0.0, 1.0)
        frame.put_whynot(s, p, out[count], side)
    elif not _room(strength, side) > 0.0:
        frame.drop(s, p, RSI, strength, OVERBOUGHT if side > 0 else OVERSOLD)
        frame.put_whynot(s, p, out[count], side)
    else:
        close = s["close"][(s["end"] - 1) % frame.RING_BARS]
        frame.put_signal(s, p, out[count], side, close * (1.0 - side * STOP_RATIO))
        out[count]["target"] = close * (1.0 + side * TARGET_RATIO)
        out[count]["confidence"] = CONFIDENCE
    return count + 1


def _make(version: str) -> Advance:
    @entry
    def advance(
        states: Records,
        params: Records,
        bars: Bars,
        start: int,
        stop: int,
        out: Findings,
    ) -> int:
        count = len(version) * 0  # closes over the version: see `kernel.compiled`
        s, p = states[0], params[0]
        for at in range(start, stop):
            on_time = frame.take_bar(s, p, bars[at])
            _catch_up(s, p)
            if on_time and s["end"] >= SLOW_BARS:
                count = _evaluate(s, p, out, count)
        return count

    return advance


advance = _make(fingerprint())


class EmaRsi(CompiledStrategy):
    """The strategy, on a preset's timeframe."""

    def __init__(self, preset: Preset) -> None:
        super().__init__("ema_rsi", preset, advance, REASONS)
