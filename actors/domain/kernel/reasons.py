"""Why a symbol was passed over: every reason of the breakout pipeline, by name.

The position of a name is what findings carry. The UNKNOWN ones come first, because
notes are a bit mask over positions and a mask has 63 bits.
"""

REASONS = (
    "",
    # An input is absent, and the preset says that this fails (or is noted).
    "volume_24h_unknown",
    "open_interest_unknown",
    "spread_unknown",
    "depth_unknown",
    "trades_per_minute_unknown",
    "atr_unknown",
    "bb_width_unknown",
    "volume_surge_1h_unknown",
    "volume_surge_5m_unknown",
    "oi_delta_unknown",
    "correlation_unknown",
    "volume_rank_unknown",
    "imbalance_unknown",
    "change_24h_unknown",
    "volume_unknown",
    # Scan filters, in the order in which they are asked.
    "blacklisted",
    "data_gap",
    "volume_rank",
    "volume_24h",
    "open_interest",
    "spread",
    "depth_05",
    "depth_03",
    "trades_per_minute",
    "atr_low",
    "atr_high",
    "not_a_gainer",
    "not_a_loser",
    "oi_delta",
    "volume_surge_1h",
    "volume_surge_5m",
    "bb_width",
    "correlation",
    "score",
    # Why a candidate gave no signal.
    "no_level",
    "no_breakout",
    "level_touches",
    "level_strength",
    "level_separation",
    "not_shortable",
    "session_start",
    "session_end",
    "flat_market",
    "volatility_spike",
    "no_trend",
    "noise",
    "distance",
    "volume_multiple",
    "volume_confirmation",
    "body_ratio",
    "imbalance",
    "vwap_gap",
    "false_start",
    "approach_slope",
    "consolidation",
    "momentum_slope",
    "stop_distance",
    "retest_too_early",
    "retest_not_held",
    "retest_pierce",
    "retest_volume",
    "retest_trades",
)

VOLUME_24H_UNKNOWN = REASONS.index("volume_24h_unknown")
OPEN_INTEREST_UNKNOWN = REASONS.index("open_interest_unknown")
SPREAD_UNKNOWN = REASONS.index("spread_unknown")
DEPTH_UNKNOWN = REASONS.index("depth_unknown")
TRADES_PER_MINUTE_UNKNOWN = REASONS.index("trades_per_minute_unknown")
ATR_UNKNOWN = REASONS.index("atr_unknown")
BB_WIDTH_UNKNOWN = REASONS.index("bb_width_unknown")
VOLUME_SURGE_1H_UNKNOWN = REASONS.index("volume_surge_1h_unknown")
VOLUME_SURGE_5M_UNKNOWN = REASONS.index("volume_surge_5m_unknown")
OI_DELTA_UNKNOWN = REASONS.index("oi_delta_unknown")
CORRELATION_UNKNOWN = REASONS.index("correlation_unknown")
VOLUME_RANK_UNKNOWN = REASONS.index("volume_rank_unknown")
IMBALANCE_UNKNOWN = REASONS.index("imbalance_unknown")
CHANGE_24H_UNKNOWN = REASONS.index("change_24h_unknown")
VOLUME_UNKNOWN = REASONS.index("volume_unknown")

BLACKLISTED = REASONS.index("blacklisted")
DATA_GAP = REASONS.index("data_gap")
VOLUME_RANK = REASONS.index("volume_rank")
VOLUME_24H = REASONS.index("volume_24h")
OPEN_INTEREST = REASONS.index("open_interest")
SPREAD = REASONS.index("spread")
DEPTH_05 = REASONS.index("depth_05")
DEPTH_03 = REASONS.index("depth_03")
TRADES_PER_MINUTE = REASONS.index("trades_per_minute")
ATR_LOW = REASONS.index("atr_low")
ATR_HIGH = REASONS.index("atr_high")
NOT_A_GAINER = REASONS.index("not_a_gainer")
NOT_A_LOSER = REASONS.index("not_a_loser")
OI_DELTA = REASONS.index("oi_delta")
VOLUME_SURGE_1H = REASONS.index("volume_surge_1h")
VOLUME_SURGE_5M = REASONS.index("volume_surge_5m")
BB_WIDTH = REASONS.index("bb_width")
CORRELATION = REASONS.index("correlation")
SCORE = REASONS.index("score")

NO_LEVEL = REASONS.index("no_level")
NO_BREAKOUT = REASONS.index("no_breakout")
LEVEL_TOUCHES = REASONS.index("level_touches")
LEVEL_STRENGTH = REASONS.index("level_strength")
LEVEL_SEPARATION = REASONS.index("level_separation")
NOT_SHORTABLE = REASONS.index("not_shortable")
SESSION_START = REASONS.index("session_start")
SESSION_END = REASONS.index("session_end")
FLAT_MARKET = REASONS.index("flat_market")
VOLATILITY_SPIKE = REASONS.index("volatility_spike")
NO_TREND = REASONS.index("no_trend")
NOISE = REASONS.index("noise")
DISTANCE = REASONS.index("distance")
VOLUME_MULTIPLE = REASONS.index("volume_multiple")
VOLUME_CONFIRMATION = REASONS.index("volume_confirmation")
BODY_RATIO = REASONS.index("body_ratio")
IMBALANCE = REASONS.index("imbalance")
VWAP_GAP = REASONS.index("vwap_gap")
FALSE_START = REASONS.index("false_start")
APPROACH_SLOPE = REASONS.index("approach_slope")
CONSOLIDATION = REASONS.index("consolidation")
MOMENTUM_SLOPE = REASONS.index("momentum_slope")
STOP_DISTANCE = REASONS.index("stop_distance")
RETEST_TOO_EARLY = REASONS.index("retest_too_early")
RETEST_NOT_HELD = REASONS.index("retest_not_held")
RETEST_PIERCE = REASONS.index("retest_pierce")
RETEST_VOLUME = REASONS.index("retest_volume")
RETEST_TRADES = REASONS.index("retest_trades")
