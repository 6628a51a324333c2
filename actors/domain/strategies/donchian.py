"""Donchian: buys a close over the highest high of the 20 bars before it.

The bar's volume must be more than 1.5 times the mean of the same 20 bars (the bar
itself is not among them). Stop 1.5 ATR(14, Wilder) under the close, target 3 ATR over
it. Long only. It is a function of bars: it says so again on every bar that qualifies,
and the risk actor refuses what it already holds.
"""

from actors.domain.bars import Bars
from actors.domain.findings import Findings
from actors.domain.kernel.compiled import entry, fingerprint, part
from actors.domain.kernel.indicators import highest, sma
from actors.domain.kernel.record import Record, Records
from actors.domain.strategies import frame
from actors.domain.strategies.compiled import Advance, CompiledStrategy
from config.preset import Preset

CHANNEL_BARS = 20
VOLUME_MULTIPLE = 1.5
STOP_ATR = 1.5
TARGET_ATR = 3.0
#: A volume so many times its mean is as convincing as it gets.
MULTIPLE_FULL = 5.0

REASONS = ("", "no_breakout", "volume_multiple", "stop_distance")
NO_BREAKOUT, VOLUME, STOP_DISTANCE = 1, 2, 3


@part
def _evaluate(s: Record, p: Record, out: Findings, count: int) -> int:
    s["evaluated"] += 1
    newest = s["end"] - 1
    close = s["close"][newest % frame.RING_BARS]
    top = highest(s["high"], newest, CHANNEL_BARS)
    if not close > top:
        frame.drop(s, p, NO_BREAKOUT, close, top)
        return count
    mean = sma(s["volume"], newest, CHANNEL_BARS)
    volume = s["volume"][newest % frame.RING_BARS]
    multiple = volume / mean if mean > 0.0 else 0.0
    s["score"] = min(multiple, MULTIPLE_FULL) / MULTIPLE_FULL
    s["candidates"] += 1
    frame.put_row(s, p, out[count], frame.CANDIDATE, 1)
    count += 1
    stop = close - STOP_ATR * s["atr"]
    if not volume > VOLUME_MULTIPLE * mean:
        frame.drop(s, p, VOLUME, multiple, VOLUME_MULTIPLE)
        frame.put_whynot(s, p, out[count], 1)
    elif not stop > 0.0:
        frame.drop(s, p, STOP_DISTANCE, stop, 0.0)
        frame.put_whynot(s, p, out[count], 1)
    else:
        frame.put_signal(s, p, out[count], 1, stop)
        out[count]["target"] = close + TARGET_ATR * s["atr"]
        out[count]["level"] = top
        out[count]["confidence"] = s["score"]
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
            if frame.take_bar(s, p, bars[at]) and s["end"] > CHANNEL_BARS:
                count = _evaluate(s, p, out, count)
        return count

    return advance


advance = _make(fingerprint())


class Donchian(CompiledStrategy):
    """The strategy, on a preset's timeframe."""

    def __init__(self, preset: Preset) -> None:
        super().__init__("donchian", preset, advance, REASONS)
