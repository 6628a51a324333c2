"""What small strategies share: one symbol's pipeline bars, and rows of findings.

Market bars are put together to the preset's timeframe by the same rules as in the
breakout kernel: a bar that does not belong is counted and left out, and a bar whose
end never came counts as history, but nothing is decided on it. Missing bars are not
made up: the previous 20 bars are the previous 20 that there are.
"""

import math

import numpy as np
import numpy.typing as npt

from actors.domain.errors import StrategyError
from actors.domain.findings import FindingKind, SymbolContext
from actors.domain.kernel.compiled import part
from actors.domain.kernel.indicators import true_range, wilder_next
from actors.domain.kernel.record import MINUTE_MS, Record, Records
from config.preset import Preset

RING_BARS = 1024  # pipeline bars at hand
REASONS_MAX = 8
ATR_BARS = 14
#: After so many bars Wilder's ATR has forgotten where it began: (13/14)^300 < 1e-9.
ATR_WARM_BARS = 300
#: At most an EXIT, a CANDIDATE, and its SIGNAL or WHYNOT.
ROWS_PER_BAR_MAX = 3

COLUMNS = ("open", "high", "low", "close", "volume")
COUNTERS = ("evaluated", "candidates", "signals", "bars", "bad_bars", "late_bars")
STATE = np.dtype(
    [
        *((name, "i8") for name in COUNTERS),
        ("dropped", "i8", (REASONS_MAX,)),
        ("last_ts", "i8"),
        ("slot", "i8"),  # of the bar that is being put together; -1: none
        *((f"next_{name}", "f8") for name in COLUMNS),
        ("spread_bps", "f8"),
        ("bid_depth", "f8"),
        ("ask_depth", "f8"),
        ("end", "i8"),  # pipeline bars so far; number n stands at n modulo the ring
        ("ts", "i8", (RING_BARS,)),
        *((name, "f8", (RING_BARS,)) for name in COLUMNS),
        ("atr", "f8"),
        # The newest evaluation.
        ("score", "f8"),
        ("reason", "i8"),
        ("value", "f8"),
        ("threshold", "f8"),
        ("reason_ts", "i8"),
        # Averages of strategies that need them.
        ("fast", "f8"),
        ("slow", "f8"),
        ("gain", "f8"),
        ("loss", "f8"),
        ("taken", "i8"),  # bars that the averages know
        ("trend", "i8"),
        ("crossed", "i8"),
        ("leaving", "i8"),  # the side that an opposite crossing asks to leave
    ]
)
PARAMS = np.dtype([("market_ms", "i8"), ("frame_ms", "i8"), ("shortable", "i8")])
Rows = npt.NDArray[np.void]

CANDIDATE = int(FindingKind.CANDIDATE)
SIGNAL = int(FindingKind.SIGNAL)
WHYNOT = int(FindingKind.WHYNOT)
EXIT = int(FindingKind.EXIT)


def frame_ms(preset: Preset, market_ms: int, symbol: str) -> int:
    """Give the pipeline's timeframe; StrategyError when the bars do not make it up."""
    if preset.timeframe_minutes is None:
        return market_ms
    frame = preset.timeframe_minutes * MINUTE_MS
    if frame % market_ms != 0:
        message = (
            f"preset {preset.name}: {symbol} has bars of {market_ms} ms, which do not "
            f"make up the preset's {frame} ms; choose a multiple in timeframe_minutes"
        )
        raise StrategyError(message)
    return frame


def new_params(preset: Preset, context: SymbolContext) -> Records:
    """Write down what the kernel must know of a symbol."""
    instrument = context.instrument
    params = np.zeros(1, PARAMS)
    params["market_ms"] = context.timeframe_ms
    params["frame_ms"] = frame_ms(preset, context.timeframe_ms, instrument.symbol)
    params["shortable"] = instrument.shortable
    return params


def new_states() -> Records:
    """Make the memory of a symbol that has seen nothing."""
    states = np.zeros(1, STATE)
    states["last_ts"] = states["slot"] = -1
    states["score"] = math.nan
    return states


@part
def take_bar(s: Record, p: Record, bar: Record) -> bool:
    """Take a market bar; True when it closed a pipeline bar on time."""
    ts = bar["ts"]
    usable = (
        ts > s["last_ts"]
        and bar["low"] > 0.0
        and bar["low"] <= min(bar["open"], bar["close"])
        and max(bar["open"], bar["close"]) <= bar["high"]
        and bar["high"] < math.inf
        and bar["volume"] >= 0.0
        and bar["volume"] < math.inf
    )
    if not usable:
        s["bad_bars"] += 1
        return False
    s["bars"] += 1
    s["last_ts"] = ts
    slot = ts // p["frame_ms"]
    if s["slot"] >= 0 and s["slot"] != slot:
        s["late_bars"] += 1
        _close_bar(s, p)
    _join(s, bar, slot)
    if ts + p["market_ms"] < (slot + 1) * p["frame_ms"]:
        return False
    _close_bar(s, p)
    return True


@part
def _join(s: Record, bar: Record, slot: int) -> None:
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
    s["spread_bps"] = bar["spread_bps"]
    s["bid_depth"] = bar["bid_depth_03_usd"]
    s["ask_depth"] = bar["ask_depth_03_usd"]


@part
def _close_bar(s: Record, p: Record) -> None:
    at = s["end"] % RING_BARS
    before = math.nan
    if s["end"] > 0:
        before = s["close"][(s["end"] - 1) % RING_BARS]
    s["ts"][at] = s["slot"] * p["frame_ms"]
    s["open"][at] = s["next_open"]
    s["high"][at] = s["next_high"]
    s["low"][at] = s["next_low"]
    s["close"][at] = s["next_close"]
    s["volume"][at] = s["next_volume"]
    span = true_range(s["next_high"], s["next_low"], before)
    s["atr"] = wilder_next(s["atr"], span, s["end"], ATR_BARS)
    s["slot"] = -1
    s["end"] += 1


@part
def drop(s: Record, p: Record, reason: int, value: float, threshold: float) -> None:
    """Count a bar that led to no signal, and remember why."""
    s["dropped"][reason] += 1
    s["reason"] = reason
    s["value"] = value
    s["threshold"] = threshold
    s["reason_ts"] = close_ms(s, p)


@part
def close_ms(s: Record, p: Record) -> int:
    """Give the close time of the newest pipeline bar."""
    return int(s["ts"][(s["end"] - 1) % RING_BARS] + p["frame_ms"])


@part
def put_row(s: Record, p: Record, row: Record, kind: int, side: int) -> None:
    """Fill a row with what holds for every kind; the rest is UNKNOWN or 0."""
    row["kind"] = kind
    row["ts"] = close_ms(s, p)
    row["side"] = side
    row["signal_kind"] = 0
    row["reason"] = 0
    row["value"] = math.nan
    row["threshold"] = math.nan
    row["notes"] = 0
    row["level_id"] = 0
    row["level"] = math.nan
    row["entry"] = math.nan
    row["stop"] = math.nan
    row["target"] = 0.0
    row["atr"] = s["atr"]
    row["confidence"] = math.nan
    row["score"] = s["score"]
    row["opposite_depth_usd"] = s["ask_depth"]
    row["exit_depth_usd"] = s["bid_depth"]
    if side < 0:
        row["opposite_depth_usd"] = s["bid_depth"]
        row["exit_depth_usd"] = s["ask_depth"]
    row["spread_bps"] = s["spread_bps"]
    for at in range(4):
        row["obstacles"][at] = math.nan


@part
def put_whynot(s: Record, p: Record, row: Record, side: int) -> None:
    """Write the reason that `drop` remembered."""
    put_row(s, p, row, WHYNOT, side)
    row["reason"] = s["reason"]
    row["value"] = s["value"]
    row["threshold"] = s["threshold"]


@part
def put_signal(s: Record, p: Record, row: Record, side: int, stop: float) -> None:
    """Write a signal at the newest close, with its stop."""
    s["signals"] += 1
    put_row(s, p, row, SIGNAL, side)
    row["entry"] = s["close"][(s["end"] - 1) % RING_BARS]
    row["stop"] = stop
