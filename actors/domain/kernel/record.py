"""A symbol's whole memory as one plain record, and a preset's numbers as another.

Rings are read with `actors.domain.kernel.indicators`: `end` counts every pipeline bar
so far, and bar number n stands at n & RING_MASK. A copy of the record is
a snapshot; putting the copy back is a restart with nothing forgotten.
"""

import numpy as np
import numpy.typing as npt

from actors.domain.kernel.reasons import REASONS

Record = np.void
Records = npt.NDArray[np.void]

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS

RING_BARS = 256  # pipeline bars at hand; a power of two
RING_MASK = RING_BARS - 1
SLOT_MS = 5 * MINUTE_MS  # the grain of 24 h windows
DAY_SLOTS = 288
DAY_RING = DAY_SLOTS + 1  # the day, and the slot that just left it
BUCKET_RING = 64  # two hours of volume buckets
QUARTER_MS = 15 * MINUTE_MS
LEVELS_MAX = 64
PENDING_MAX = 64  # level sources that wait to be listed

#: Bars until the first evaluation: 60 returns for the correlation, and 60 widths of
#: 20-bar bands for the percentile.
WARM_BARS = 80
#: A time window with a larger share of its bars missing is UNKNOWN.
MISSING_SHARE_MAX = 0.1
#: A longer gap (in pipeline bars) makes averages and windows start again: what they
#: described is gone. Levels and breakouts stay, for they carry their own times.
GAP_RESET_BARS = 30

FRESH, BROKEN, USED = 0, 1, 2
LEVEL_STATES = ("fresh", "broken", "used")
DONCHIAN, SWING, VOLUME_EXTREME = 0, 1, 2
LEVEL_KINDS = ("donchian", "swing", "volume")

_RINGS = ("open", "high", "low", "close", "volume", "reference", "spread", "trades")
_CONTEXT = (
    *("volume_rank", "bid_depth_03", "ask_depth_03", "bid_depth_05"),
    *("ask_depth_05", "imbalance", "open_interest"),
)
_FAULTS = ("bars", "bad_bars", "gaps", "missing_bars", "late_bars", "resets")
_FUNNEL = ("evaluated", "candidates", "signals")

STATE = np.dtype(
    [
        ("last_ts", "i8"),
        *((name, "i8") for name in _FAULTS),
        *((name, "i8") for name in _FUNNEL),
        ("dropped", "i8", (len(REASONS),)),
        # The pipeline bar that is being put together; slot -1: none.
        ("slot", "i8"),
        *((f"next_{name}", "f8") for name in _RINGS),
        *((name, "f8") for name in _CONTEXT),
        # Closed pipeline bars.
        ("end", "i8"),
        ("warm", "i8"),  # bars since the start or the last reset
        ("ts", "i8", (RING_BARS,)),
        *((name, "f8", (RING_BARS,)) for name in _RINGS),
        ("width", "f8", (RING_BARS,)),  # Bollinger band width
        ("atr", "f8"),
        # Windows in hours: 24 h by 5-minute slots, surges by buckets, ATR of 15 m.
        ("day_slot", "i8"),
        ("day_volume", "f8", (DAY_RING,)),
        ("day_bars", "i8", (DAY_RING,)),
        ("day_close", "f8", (DAY_RING,)),
        ("day_interest", "f8", (DAY_RING,)),
        ("day_volume_sum", "f8"),
        ("day_bars_sum", "i8"),
        ("bucket_slot", "i8"),
        ("bucket_bars", "i8"),
        ("bucket_sum", "f8"),
        ("bucket_end", "i8"),  # slot number one past the newest closed bucket
        ("buckets", "f8", (BUCKET_RING,)),
        ("quarter_slot", "i8"),
        ("quarter_open", "i8"),  # 1: bars of its slot are still to come
        ("quarter_high", "f8"),
        ("quarter_low", "f8"),
        ("quarter_close", "f8"),
        ("quarter_before", "f8"),
        ("quarter_atr", "f8"),
        ("quarter_seen", "i8"),
        # What the newest evaluation measured and said.
        ("surge_1h", "f8"),
        ("surge_5m", "f8"),
        ("atr_ratio", "f8"),
        ("oi_change", "f8"),
        ("correlation", "f8"),
        ("score", "f8"),
        ("reason", "i8"),
        ("value", "f8"),
        ("threshold", "f8"),
        ("last_reason", "i8"),  # of the newest bar that was dropped, as it was told
        ("last_value", "f8"),
        ("last_threshold", "f8"),
        ("reason_ts", "i8"),
        ("notes", "i8"),
        ("multiple", "f8"),  # the bar's volume over the median of the 19 before
        # Levels; id 0: the place is free.
        ("level_id", "i8", (LEVELS_MAX,)),
        ("level_price", "f8", (LEVELS_MAX,)),
        ("level_side", "i8", (LEVELS_MAX,)),
        ("level_kind", "i8", (LEVELS_MAX,)),
        ("level_birth", "i8", (LEVELS_MAX,)),
        ("level_known", "i8", (LEVELS_MAX,)),
        ("level_state", "i8", (LEVELS_MAX,)),
        ("level_broken", "i8", (LEVELS_MAX,)),  # when, ms; 0: never
        ("level_touches", "i8", (LEVELS_MAX,)),
        ("level_pierces", "i8", (LEVELS_MAX,)),
        ("level_departed", "i8", (LEVELS_MAX,)),
        ("level_volume", "f8", (LEVELS_MAX,)),  # summed over touches
        ("level_seen", "i8", (LEVELS_MAX,)),  # bar number up to which all is counted
        ("level_newest", "i8", (LEVELS_MAX,)),  # birth of the newest merged source
        ("level_members", "i8", (LEVELS_MAX,)),
        ("level_strength", "f8", (LEVELS_MAX,)),
        ("merge_gap", "f8"),  # of the source that is being listed
        ("pending_end", "i8"),
        ("pending_bar", "i8", (PENDING_MAX,)),
        ("pending_noted", "i8", (PENDING_MAX,)),  # `end` when it became known
        ("pending_gap", "f8", (PENDING_MAX,)),  # how near it joins a level
        ("pending_side", "i8", (PENDING_MAX,)),
        ("pending_kind", "i8", (PENDING_MAX,)),
        ("armed", "i8"),  # 1: the price is near the level at `armed_at`
        ("armed_at", "i8"),
        ("chosen", "i8"),  # the level that was judged; -1: none
        ("stop", "f8"),
        ("confidence", "f8"),
        ("scratch", "f8", (RING_BARS,)),
    ]
)

DONCHIANS_MAX = 8
STEPS_MAX = 12
PRIORITY_MAX = 2

_INTEGERS = (
    *("market_ms", "frame_ms", "bucket_ms", "hour_buckets", "quarters", "blocked"),
    *("shortable", "skip", "top_n", "bias", "stop_atr_mode", "slope_bars"),
    *("consolidation_bars", "clean_bars", "session_first", "session_last"),
    *("flat_bars", "spike_bars", "trend_bars", "pivot_left", "pivot_right"),
    *("touches_min", "cascade_min"),
)
#: A NaN limit means that the filter or veto is off.
_FLOATS = (
    *("volume_24h_min", "oi_min", "spread_max", "depth_05_min", "depth_03_min"),
    *("trades_min", "atr_min", "atr_max", "width_max", "surge_1h_min"),
    *("surge_5m_min", "oi_delta_min", "correlation_max", "score_min"),
    *("multiple_min", "body_min", "epsilon", "retest_tolerance", "retest_pierce"),
    *("imbalance_min", "vwap_gap_max", "touch_trades_min", "retest_volume_min"),
    *("volume_confirmation", "momentum_slope_min", "approach_slope_max"),
    *("distance_max", "flat_min", "spike_sigma", "trend_min", "noise_max"),
    *("stop_atr", "extreme_fraction", "merge_atr", "separation_atr"),
    *("touch_tolerance", "strength_min", "cascade_bps", "armed_atr"),
)
PARAMS = np.dtype(
    [
        *((name, "i8") for name in _INTEGERS),
        *((name, "f8") for name in _FLOATS),
        ("weights", "f8", (6,)),
        ("priority", "i8", (PRIORITY_MAX,)),
        ("donchian_bars", "i8", (DONCHIANS_MAX,)),
        ("round_steps", "f8", (STEPS_MAX,)),
    ]
)


def new_states() -> Records:
    """Make the memory of a symbol that has seen nothing."""
    states = np.zeros(1, STATE)
    state = states[0]
    for name in ("last_ts", "slot", "day_slot", "bucket_slot", "quarter_slot"):
        state[name] = -1
    for name in ("day_close", "day_interest", "buckets", "quarter_before", "score"):
        state[name] = np.nan
    for name in ("surge_1h", "surge_5m", "atr_ratio", "oi_change", "correlation"):
        state[name] = np.nan
    return states
