"""A preset: every number of one way to trade, typed, with its unit in its name.

Ratios are fractions (0.015 is 1.5%), `_bps` are basis points, `_r` are multiples of
the risk at entry, `_usd` is quote currency, `_bars` are bars of the pipeline's
timeframe. Money is Decimal; what only the kernel sees is float.
"""

from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from msgspec import Meta

from config.bounds import Group, bounded

Ratio = Annotated[Decimal, bounded(gt=0, le=1)]
PositiveDecimal = Annotated[Decimal, bounded(gt=0)]
NonNegativeDecimal = Annotated[Decimal, bounded(ge=0)]
Fraction = Annotated[float, Meta(ge=0, le=1)]
Positive = Annotated[float, Meta(gt=0)]
NonNegative = Annotated[float, Meta(ge=0)]
Percent = Annotated[float, Meta(gt=0, le=100)]
Count = Annotated[int, Meta(ge=1)]
Bars = Annotated[int, Meta(ge=1, le=78)]  # the pipeline warms up over 80 bars
BarsOrOff = Annotated[int, Meta(ge=0, le=78)]
HeldBars = Annotated[int, Meta(ge=1, le=240)]  # bars since entry
HeldBarsOrOff = Annotated[int, Meta(ge=0, le=240)]
Symbol = Annotated[
    str, Meta(pattern=r"^[^\s/:]{1,30}/[A-Za-z0-9]{2,12}(:[A-Za-z0-9-]{2,20})?$")
]


class Policy(StrEnum):
    """What an UNKNOWN input does to its filter."""

    FAIL = "fail"
    SKIP = "skip"  # the filter is passed over, with a note in the decision


class TargetMarket(StrEnum):
    """The markets that a preset is meant for."""

    REPLAY = "replay"  # recorded candles: no book, no trade count, no open interest
    DEMO = "demo"
    LIVE = "live"


class SignalKind(StrEnum):
    """The breakout strategy's signals."""

    MOMENTUM = "momentum"
    RETEST = "retest"


class TargetMode(StrEnum):
    """Where take-profits go."""

    FIXED = "fixed"  # exactly at their multiple of R
    SMART = "smart"  # a little before levels and round numbers


class StopMode(StrEnum):
    """Where the initial stop comes from."""

    SIGNAL = "signal"  # the signal's own (10-bar swing or ATR, whichever is nearer)
    ATR = "atr"  # sl_atr x ATR from entry


class Bias(StrEnum):
    """Which symbols the scanner looks for."""

    ANY = "any"
    GAINERS = "gainers"
    LOSERS = "losers"


class Component(StrEnum):
    """The scanner's score components; any other weight name is an error."""

    VOL_SURGE = "vol_surge"
    ATR_QUALITY = "atr_quality"
    TRADES_PER_MINUTE = "trades_per_minute"
    OI_DELTA = "oi_delta"
    CORRELATION = "correlation"
    GAINERS = "gainers"


class Risk(Group, frozen=True, kw_only=True):
    """Account limits."""

    risk_per_trade: Ratio
    daily_risk_limit: Ratio
    kill_switch_loss_limit: Ratio
    max_concurrent_positions: Annotated[int, Meta(ge=1, le=10)]
    max_position_size_usd: PositiveDecimal | None = None
    correlation_limit: Ratio = Decimal("0.85")
    max_consecutive_losses: Annotated[int, Meta(ge=1, le=20)] = 5
    max_same_direction_notional_ratio: PositiveDecimal = Decimal(3)  # of equity
    max_total_risk: Ratio = Decimal("0.1")  # of equity, all positions and orders
    max_opens_per_minute: Count = 10
    correlated_exposure_warn: Ratio = Decimal("0.5")
    correlated_exposure_block: Ratio = Decimal("0.6")
    max_notional_per_symbol_day_usd: PositiveDecimal | None = None
    leverage_max: PositiveDecimal = Decimal(3)
    #: Of equity, at the entry's worst fill; None: twice `risk_per_trade`.
    max_risk_per_trade: Ratio | None = None
    daily_loss_r_max: PositiveDecimal | None = None  # R = risk_per_trade; None: off
    #: A signal's entry from an independent reference; None: off.
    price_band_bps: PositiveDecimal | None = Decimal(200)
    exit_spread_bps_max: PositiveDecimal | None = Decimal(50)  # None: off
    exit_depth_ratio_min: PositiveDecimal | None = Decimal(2)  # 0.3% deep, of the size


class LiquidityFilters(Group, frozen=True, kw_only=True):
    """Scan filters on liquidity. None switches a filter off."""

    min_24h_volume_usd: Positive
    min_oi_usd: Positive | None = None
    max_spread_bps: Positive
    min_depth_usd_0_5pct: Positive
    min_depth_usd_0_3pct: Positive
    min_trades_per_minute: NonNegative


class VolatilityFilters(Group, frozen=True, kw_only=True):
    """Scan filters on movement."""

    atr_range_min: Positive  # ATR(14) of 15 m bars / price
    atr_range_max: Positive
    bb_width_percentile_max: Percent  # percentile of the width's own history, 0..100
    volume_surge_1h_min: Positive
    volume_surge_5m_min: Positive
    oi_delta_threshold: Positive | None = None  # ratio over 24 h


class EntryRules(Group, frozen=True, kw_only=True):
    """Confirmations of a signal."""

    volume_confirmation: Positive = 1.5
    momentum_slope_min: NonNegative = 0.0  # ratio over `momentum_slope_bars`; 0 off
    momentum_slope_bars: Bars = 3
    approach_slope_max: Positive = 0.015  # ratio per bar over the last 10 bars
    consolidation_bars_min: BarsOrOff = 0  # within 0.5% of level
    max_distance_bps: Positive = 30.0  # close from level; vetoes late entries
    clean_breakout_bars: BarsOrOff = 0  # no false start in so many
    session_avoid_first_minutes: Annotated[int, Meta(ge=0)] = 0  # of the UTC day
    session_avoid_last_minutes: Annotated[int, Meta(ge=0)] = 0


class MarketQuality(Group, frozen=True, kw_only=True):
    """Vetoes on the state of the market. None switches a veto off."""

    flat_atr_ratio_min: Positive | None = 0.003
    flat_bars: Bars = 20
    volatility_spike_sigma: Positive | None = None
    volatility_spike_bars: Bars = 20
    trend_slope_min: Positive | None = None  # ratio per bar over `trend_bars`
    trend_bars: Bars = 20
    noise_max: Fraction | None = None  # 1 - |net move| / sum of |moves|, 20 bars


class SignalConfig(Group, frozen=True, kw_only=True):
    """How a signal is made."""

    momentum_volume_multiplier: Positive  # over the median of the previous 19 bars
    momentum_body_ratio_min: Fraction
    momentum_epsilon: Positive  # close beyond level x (1 + epsilon)
    retest_pierce_tolerance: Annotated[float, Meta(gt=0, le=0.05)]  # ratio of price
    retest_max_pierce_atr: Positive
    l2_imbalance_threshold: Fraction
    vwap_gap_max_atr: Positive
    tpm_on_touch_frac: Fraction = 0.7
    retest_volume_min: Fraction = 0.8
    entry_rules: EntryRules = EntryRules()
    market_quality: MarketQuality = MarketQuality()


class TakeProfit(Group, frozen=True, kw_only=True):
    """One leg of the ladder."""

    level_r: PositiveDecimal
    size: Ratio  # fraction of the position


class SmartPlacement(Group, frozen=True, kw_only=True):
    """How far a target moves to stand before what may stop the price."""

    level_offset_bps: NonNegativeDecimal = Decimal(15)
    round_offset_bps: NonNegativeDecimal = Decimal(10)
    shift_max_bps: NonNegativeDecimal = Decimal(20)


class ExitRules(Group, frozen=True, kw_only=True):
    """When a position is closed early. None or 0 switches a rule off."""

    failed_breakout_bars: HeldBarsOrOff = 3
    weak_impulse_ratio: NonNegativeDecimal = Decimal("0.003")
    weak_impulse_bars: HeldBarsOrOff = 5
    activity_drop_threshold: NonNegativeDecimal = Decimal(0)  # of entry volume
    activity_drop_bars: HeldBars = 5
    stall_hours: NonNegativeDecimal = Decimal(8)  # close if under `stall_r` by then
    stall_r: NonNegativeDecimal = Decimal("0.3")
    max_hold_hours: PositiveDecimal = Decimal(24)


class PositionConfig(Group, frozen=True, kw_only=True):
    """How a position is managed."""

    tp_levels: Annotated[tuple[TakeProfit, ...], Meta(min_length=1, max_length=6)]
    tp_mode: TargetMode = TargetMode.FIXED
    tp_smart_placement: SmartPlacement = SmartPlacement()
    sl_mode: StopMode = StopMode.SIGNAL
    sl_atr: PositiveDecimal = Decimal("1.2")
    breakeven_at_r: PositiveDecimal = Decimal(1)  # or after the first target
    breakeven_buffer_bps: NonNegativeDecimal = Decimal(5)  # over the fees of both sides
    chandelier_atr: PositiveDecimal = Decimal(3)
    chandelier_bars: HeldBars = 22
    trail_from_r: PositiveDecimal = Decimal(2)
    exit_rules: ExitRules = ExitRules()


class ScannerConfig(Group, frozen=True, kw_only=True):
    """Which symbols are looked at, and how they are ranked."""

    max_candidates: Count
    score_weights: dict[Component, float]
    score_min: float | None = None
    bias: Bias = Bias.ANY
    whitelist: tuple[Symbol, ...] = ()  # e.g. BTC/USDT or BTC/USDT:USDT; (): all
    blacklist: tuple[Symbol, ...] = ()
    top_n_by_volume: Count | None = None


class ExecutionConfig(Group, frozen=True, kw_only=True):
    """How orders are sent."""

    taker_fee_bps: NonNegativeDecimal = Decimal("7.5")
    maker_fee_bps: NonNegativeDecimal = Decimal("2.0")
    max_depth_fraction: Ratio = Decimal("0.25")
    entry_band_bps: PositiveDecimal = Decimal(30)  # worst price beyond the signal's
    slippage_bps: NonNegativeDecimal = Decimal(10)  # expected, for sizing
    size_skip_below: Ratio = Decimal("0.3")  # of the wanted size: skip the trade


class LevelRules(Group, frozen=True, kw_only=True):
    """How levels are found and judged."""

    donchian_bars: Annotated[tuple[Bars, ...], Meta(max_length=8)] = (10, 15, 20, 30)
    pivot_left_bars: Bars = 2
    pivot_right_bars: Bars = 2
    volume_extreme_fraction: Fraction = 0.15
    merge_atr: Positive = 0.5
    min_separation_atr: NonNegative = 2.0
    min_touches: Count = 2
    touch_tolerance: Positive = 0.002  # ratio of price
    strength_min: Fraction = 0.0
    round_steps: Annotated[tuple[Positive, ...], Meta(max_length=12)] = (
        *(0.01, 0.05, 0.1, 1.0, 5.0, 10.0),
    )
    cascade_bps: Positive = 15.0
    cascade_min: Count = 2
    armed_atr: Positive = 1.0  # a symbol is armed within so many ATR of a level


class Unknowns(Group, frozen=True, kw_only=True):
    """What UNKNOWN does, said for each filter: nothing is decided silently."""

    volume_24h: Policy
    open_interest: Policy
    spread: Policy
    depth: Policy
    trades_per_minute: Policy
    atr: Policy
    bb_width: Policy
    volume_surge_1h: Policy
    volume_surge_5m: Policy
    oi_delta: Policy
    correlation: Policy
    volume_rank: Policy
    imbalance: Policy
    reference_price: Policy = Policy.FAIL


class Preset(Group, frozen=True, kw_only=True):
    """One way to trade, whole."""

    name: Annotated[str, Meta(pattern=r"^[a-z0-9_]{3,40}$")]
    description: str
    target_markets: tuple[TargetMarket, ...]
    timeframe_minutes: Count | None = None  # None: the market's own
    strategy_priority: tuple[SignalKind, ...]
    risk: Risk
    liquidity_filters: LiquidityFilters
    volatility_filters: VolatilityFilters
    signal_config: SignalConfig
    position_config: PositionConfig
    scanner_config: ScannerConfig
    execution_config: ExecutionConfig = ExecutionConfig()
    levels_rules: LevelRules = LevelRules()
    unknown: Unknowns
