"""A preset's numbers as the kernel reads them: one flat record."""

import math

import numpy as np

from actors.domain.errors import StrategyError
from actors.domain.findings import SymbolContext
from actors.domain.kernel import reasons as why
from actors.domain.kernel import record as rec
from actors.domain.kernel.record import Records
from actors.domain.kernel.scan import GAINERS, LOSERS
from actors.domain.kernel.signals import SIGNAL_KINDS
from config.preset import Bias, Component, Policy, Preset, StopMode, Unknowns

_BIASES = {Bias.ANY: 0, Bias.GAINERS: GAINERS, Bias.LOSERS: LOSERS}
#: The order of `weights` in the record.
_COMPONENTS = (
    *(Component.VOL_SURGE, Component.ATR_QUALITY, Component.TRADES_PER_MINUTE),
    *(Component.OI_DELTA, Component.CORRELATION, Component.GAINERS),
)
#: The longest look-back that the warm-up covers.
LOOKBACK_BARS_MAX = rec.WARM_BARS - 2


def new_params(preset: Preset, context: SymbolContext) -> Records:
    """Flatten a preset for one symbol; StrategyError when it cannot be done."""
    params = np.zeros(1, rec.PARAMS)
    _put(params, _times(preset, context))
    _put(params, _scan(preset, context))
    _put(params, _signal(preset))
    _put(params, _levels(preset))
    _put_lists(params, preset)
    return params


def _put(params: Records, values: dict[str, float | int | None]) -> None:
    for name, value in values.items():
        params[name] = math.nan if value is None else value


def _times(preset: Preset, context: SymbolContext) -> dict[str, float | int | None]:
    market = context.timeframe_ms
    frame = market
    if preset.timeframe_minutes is not None:
        frame = preset.timeframe_minutes * rec.MINUTE_MS
    if frame % market != 0:
        message = (
            f"preset {preset.name}: {context.instrument.symbol} has bars of "
            f"{market} ms, which do not make up the preset's {frame} ms; "
            "choose a multiple in timeframe_minutes"
        )
        raise StrategyError(message)
    bucket = rec.SLOT_MS if rec.SLOT_MS % market == 0 else market
    hour = rec.HOUR_MS // bucket if rec.HOUR_MS % bucket == 0 else 0
    return {
        "market_ms": market,
        "frame_ms": frame,
        "bucket_ms": bucket,
        "hour_buckets": hour if 2 * hour <= rec.BUCKET_RING else 0,
        "quarters": int(rec.QUARTER_MS % market == 0),
    }


def _scan(preset: Preset, context: SymbolContext) -> dict[str, float | int | None]:
    liquidity, volatility = preset.liquidity_filters, preset.volatility_filters
    scanner = preset.scanner_config
    symbol = context.instrument.symbol
    listed = not scanner.whitelist or symbol in scanner.whitelist
    return {
        "blocked": int(symbol in scanner.blacklist or not listed),
        "shortable": int(context.instrument.shortable),
        "skip": _skips(preset.unknown),
        "top_n": scanner.top_n_by_volume or 0,
        "bias": _BIASES[scanner.bias],
        "score_min": scanner.score_min,
        "correlation_max": float(preset.risk.correlation_limit),
        "volume_24h_min": liquidity.min_24h_volume_usd,
        "oi_min": liquidity.min_oi_usd,
        "spread_max": liquidity.max_spread_bps,
        "depth_05_min": liquidity.min_depth_usd_0_5pct,
        "depth_03_min": liquidity.min_depth_usd_0_3pct,
        "trades_min": liquidity.min_trades_per_minute,
        "atr_min": volatility.atr_range_min,
        "atr_max": volatility.atr_range_max,
        "width_max": volatility.bb_width_percentile_max,
        "surge_1h_min": volatility.volume_surge_1h_min,
        "surge_5m_min": volatility.volume_surge_5m_min,
        "oi_delta_min": volatility.oi_delta_threshold,
    }


def _skips(unknown: Unknowns) -> int:
    """Make the mask of the UNKNOWN reasons that the preset passes over."""
    mask = 0
    for name in unknown.__struct_fields__:
        reason = f"{name}_unknown"
        # What is not among the reasons is judged by the limits, not by a pipeline.
        if getattr(unknown, name) is Policy.SKIP and reason in why.REASONS:
            mask |= 1 << why.REASONS.index(reason)
    return mask


def _signal(preset: Preset) -> dict[str, float | int | None]:
    config = preset.signal_config
    rules, quality = config.entry_rules, config.market_quality
    position = preset.position_config
    return {
        "stop_atr_mode": int(position.sl_mode is StopMode.ATR),
        "stop_atr": float(position.sl_atr),
        "multiple_min": config.momentum_volume_multiplier,
        "body_min": config.momentum_body_ratio_min,
        "epsilon": config.momentum_epsilon,
        "retest_tolerance": config.retest_pierce_tolerance,
        "retest_pierce": config.retest_max_pierce_atr,
        "imbalance_min": config.l2_imbalance_threshold,
        "vwap_gap_max": config.vwap_gap_max_atr,
        "touch_trades_min": config.tpm_on_touch_frac,
        "retest_volume_min": config.retest_volume_min,
        "volume_confirmation": rules.volume_confirmation,
        "momentum_slope_min": rules.momentum_slope_min,
        "slope_bars": _bars(rules.momentum_slope_bars),
        "approach_slope_max": rules.approach_slope_max,
        "consolidation_bars": rules.consolidation_bars_min,
        "distance_max": rules.max_distance_bps,
        "clean_bars": _bars(rules.clean_breakout_bars),
        "session_first": rules.session_avoid_first_minutes,
        "session_last": rules.session_avoid_last_minutes,
        "flat_min": quality.flat_atr_ratio_min,
        "flat_bars": _bars(quality.flat_bars),
        "spike_sigma": quality.volatility_spike_sigma,
        "spike_bars": _bars(quality.volatility_spike_bars),
        "trend_min": quality.trend_slope_min,
        "trend_bars": _bars(quality.trend_bars),
        "noise_max": quality.noise_max,
    }


def _levels(preset: Preset) -> dict[str, float | int | None]:
    rules = preset.levels_rules
    return {
        "pivot_left": _bars(rules.pivot_left_bars),
        "pivot_right": _bars(rules.pivot_right_bars),
        "extreme_fraction": rules.volume_extreme_fraction,
        "merge_atr": rules.merge_atr,
        "separation_atr": rules.min_separation_atr,
        "touches_min": rules.min_touches,
        "touch_tolerance": rules.touch_tolerance,
        "strength_min": rules.strength_min,
        "cascade_bps": rules.cascade_bps,
        "cascade_min": rules.cascade_min,
        "armed_atr": rules.armed_atr,
    }


def _bars(count: int) -> int:
    if count > LOOKBACK_BARS_MAX:
        message = (
            f"a look-back of {count} bars: the kernel warms up over {rec.WARM_BARS}; "
            f"at most {LOOKBACK_BARS_MAX} can be asked for"
        )
        raise StrategyError(message)
    return count


def _put_lists(params: Records, preset: Preset) -> None:
    """Write what a preset lists: weights, priorities, Donchian windows, steps."""
    weights = preset.scanner_config.score_weights
    params["weights"][0] = [weights.get(component, 0.0) for component in _COMPONENTS]
    params["priority"] = -1
    for at, kind in enumerate(dict.fromkeys(preset.strategy_priority)):
        params["priority"][0, at] = SIGNAL_KINDS.index(kind.value)
    windows = sorted(set(preset.levels_rules.donchian_bars))
    steps = preset.levels_rules.round_steps
    for name, values, most in (
        ("donchian_bars", windows, rec.DONCHIANS_MAX),
        ("round_steps", steps, rec.STEPS_MAX),
    ):
        if len(values) > most:
            message = f"{name}: {len(values)} given, at most {most} can be used"
            raise StrategyError(message)
        params[name][0, : len(values)] = values
    for window in windows:
        _bars(window)
