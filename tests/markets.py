"""Scripted markets that make a preset fire, and random ones that try to break it."""

import numpy as np
import numpy.typing as npt

from actors.domain.bars import Bars, empty_bars
from config.preset import Bias, Preset

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
NOON_MS = 1_700_049_600_000  # the breakout closes here, far from a session's ends
CEILING = 100.0
SWING_BARS = 12
CALM_BARS = 24
AFTER_BARS = 12

Floats = npt.NDArray[np.float64]


def firing_bars(preset: Preset, timeframe_ms: int, seed: int = 0) -> Bars:
    """Make a market in which `preset` fires: a tested range, then a breakout.

    The price swings below a ceiling that it touches again and again, calms down
    under it and closes beyond it on volume at noon; an hour and a half later it
    comes back to the ceiling, which holds. The context passes every filter.
    """
    rng = np.random.default_rng(seed)
    frame_ms = (preset.timeframe_minutes or 0) * MINUTE_MS or timeframe_ms
    frames = _frames(preset, frame_ms, rng)
    bars = np.repeat(frames, frame_ms // timeframe_ms)
    _split(bars, frame_ms // timeframe_ms, timeframe_ms)
    _add_volume(bars, preset, timeframe_ms, frame_ms, rng)
    _add_context(bars, preset, timeframe_ms)
    return bars


def _frames(preset: Preset, frame_ms: int, rng: np.random.Generator) -> Bars:
    before = max(240, DAY_MS // frame_ms + 40)
    bars = empty_bars(before + 1 + AFTER_BARS + 90 * MINUTE_MS // frame_ms)
    bars["ts"] = NOON_MS + frame_ms * (np.arange(len(bars)) - before - 1)
    volatility = preset.volatility_filters
    ratio = min(
        max(1.3 * volatility.atr_range_min, 0.006), 0.7 * volatility.atr_range_max
    )
    quality = preset.signal_config.market_quality
    ratio = max(ratio, 1.5 * (quality.flat_atr_ratio_min or 0.0))
    step = _step(preset)
    bars["close"] = CEILING * (1.0 - _offset(preset, step, ratio))
    bars["close"][:before] = _closes(preset, before, ratio, step)
    bars["close"][before] = CEILING * (1.0 + step)
    _shape(bars, before, ratio, rng)
    _come_back(bars, before, frame_ms, preset)
    bars["reference_close"] = _reference(bars["close"], before, preset, rng)
    return bars


def _step(preset: Preset) -> float:
    """Choose how far beyond the ceiling to close: past epsilon, not too far."""
    config = preset.signal_config
    most = config.entry_rules.max_distance_bps * 1e-4
    return config.momentum_epsilon + min(0.3 * (most - config.momentum_epsilon), 0.001)


def _offset(preset: Preset, step: float, ratio: float) -> float:
    """Choose how far below the ceiling to rest before the breakout."""
    wanted = 1.3 * preset.signal_config.entry_rules.momentum_slope_min - step
    return float(np.clip(wanted, min(0.003, 0.4 * ratio), 0.0045))


def _closes(preset: Preset, before: int, ratio: float, step: float) -> Floats:
    """Swing under the ceiling, then rest; a demand for trend shortens the rest."""
    quality = preset.signal_config.market_quality
    rise = quality.trend_slope_min or 0.0
    calm = CALM_BARS
    if rise > 0.0 or quality.noise_max is not None:
        calm = SWING_BARS
    depth = np.full(before, max(3.0 * ratio, 30.0 * rise))
    depth[: -SWING_BARS - calm] *= 1.6
    phase = (np.arange(before) - (before - calm)) % SWING_BARS
    half = SWING_BARS / 2.0
    away = 1.0 - np.abs(phase - half) / half  # 0 at the ceiling, 1 at the floor
    offset = _offset(preset, step, ratio)
    close = CEILING * (1.0 - offset - depth * away)
    close[before - calm :] = CEILING * (1.0 - offset)
    return np.asarray(close * _drift(preset, before))


def _drift(preset: Preset, before: int) -> Floats:
    """Lift or lower what is more than the last 80 bars old, as a bias demands."""
    factor = {Bias.ANY: 1.0, Bias.GAINERS: 0.86, Bias.LOSERS: 1.12}
    drift = np.ones(before)
    drift[:-80] = factor[preset.scanner_config.bias]
    return drift


def _shape(bars: Bars, before: int, ratio: float, rng: np.random.Generator) -> None:
    """Give bars their opens and ranges; tops of swings touch the ceiling."""
    close = bars["close"]
    bars["open"] = np.concatenate([close[:1], close[:-1]])
    body_top = np.maximum(bars["open"], close)
    top = body_top + np.minimum(0.002 * CEILING, 0.3 * ratio * CEILING)
    near = (close < CEILING) & (close > CEILING * 0.994)
    touch = CEILING * (1.0 - 0.0004 * rng.random(len(bars)))
    bars["high"] = np.where(near & (bars["open"] < CEILING), touch, top)
    bars["high"] = np.maximum(bars["high"], body_top)
    wide = ratio * CEILING * (0.95 + 0.1 * rng.random(len(bars)))
    body_low = np.minimum(bars["open"], close)
    bars["low"] = np.minimum(body_low, bars["high"] - wide)
    at = before  # the breakout: a body with little wick
    body = close[at] - bars["open"][at]
    bars["high"][at] = close[at] + 0.04 * body
    bars["low"][at] = bars["open"][at] - 0.04 * body


def _come_back(bars: Bars, before: int, frame_ms: int, preset: Preset) -> None:
    """Stay beyond the ceiling for more than an hour, then touch it from above."""
    epsilon = preset.signal_config.momentum_epsilon
    beyond = CEILING * (1.0 + 2.5 * epsilon)
    after = slice(before + 1, None)
    bars["open"][after] = bars["close"][after] = beyond
    bars["high"][after] = beyond * 1.002
    bars["low"][after] = CEILING * (1.0 + 2.0 * epsilon)
    at = before + 1 + 90 * MINUTE_MS // frame_ms
    bars["low"][at:] = CEILING * 1.0002
    bars["close"][at:] = bars["open"][at + 1 :] = CEILING * (1.0 + 0.8 * epsilon)


def _reference(
    close: Floats, before: int, preset: Preset, rng: np.random.Generator
) -> Floats:
    """Make a benchmark whose last 60 returns go along half as much as is allowed."""
    own = np.diff(close[before - 60 : before + 1]) / close[before - 60 : before]
    own -= own.mean()
    other = rng.normal(size=60)
    other -= other.mean()
    other -= own * (own @ other) / (own @ own)
    share = 0.5 * float(preset.risk.correlation_limit)
    returns = rng.normal(0.0, 0.001, len(close))
    returns[before - 59 : before + 1] = 0.01 * (
        share * own / np.linalg.norm(own)
        + np.sqrt(1.0 - share**2) * other / np.linalg.norm(other)
    )
    return np.asarray(5e4 * np.cumprod(1.0 + returns))


def _split(bars: Bars, parts: int, timeframe_ms: int) -> None:
    """Spread each frame's body over its market bars; each has the whole range."""
    part = np.arange(len(bars)) % parts
    body = (bars["close"] - bars["open"]) / parts
    bars["ts"] += part * timeframe_ms
    bars["open"] += body * part
    bars["close"] = np.where(part == parts - 1, bars["close"], bars["open"] + body)


def _add_volume(
    bars: Bars,
    preset: Preset,
    timeframe_ms: int,
    frame_ms: int,
    rng: np.random.Generator,
) -> None:
    """Trade three times the minimum; surge for an hour, and most at the end."""
    config, volatility = preset.signal_config, preset.volatility_filters
    usual = 3.0 * preset.liquidity_filters.min_24h_volume_usd / CEILING
    closed = bars["ts"] + timeframe_ms
    volume = usual * timeframe_ms / DAY_MS * (1.0 + 0.05 * rng.random(len(bars)))
    volume[closed > NOON_MS - HOUR_MS] *= 1.3 * volatility.volume_surge_1h_min
    multiple = max(
        config.momentum_volume_multiplier, config.entry_rules.volume_confirmation
    )
    breakout = (closed > NOON_MS - frame_ms) & (closed <= NOON_MS)
    volume[breakout] *= 1.3 * multiple
    bucket = max(timeframe_ms, 5 * MINUTE_MS)
    finest = (closed > NOON_MS - min(bucket, frame_ms)) & (closed <= NOON_MS)
    parts = max(1, bucket // frame_ms)
    volume[finest] *= 1.3 * volatility.volume_surge_5m_min * parts
    volume[closed > NOON_MS] *= 2.0
    bars["volume"] = volume


def _add_context(bars: Bars, preset: Preset, timeframe_ms: int) -> None:
    liquidity = preset.liquidity_filters
    bars["volume_rank"] = 1.0
    bars["spread_bps"] = 0.5 * liquidity.max_spread_bps
    for side in ("bid", "ask"):
        bars[f"{side}_depth_03_usd"] = 2.0 * liquidity.min_depth_usd_0_3pct
        bars[f"{side}_depth_05_usd"] = 2.0 * liquidity.min_depth_usd_0_5pct
    bars["imbalance"] = 0.5 + 0.5 * preset.signal_config.l2_imbalance_threshold
    bars["trades_per_minute"] = 2.0 * liquidity.min_trades_per_minute + 5.0
    growth = 1.0 + 1.5 * (preset.volatility_filters.oi_delta_threshold or 0.0)
    days = (bars["ts"] + timeframe_ms - bars["ts"][0]) / DAY_MS
    bars["open_interest_usd"] = 2.0 * (liquidity.min_oi_usd or 1e6) * growth**days


def random_bars(seed: int, count: int, timeframe_ms: int) -> Bars:
    """Make an unruly market: gaps, empty bars, repeats, context that comes and goes."""
    rng = np.random.default_rng(seed)
    bars = empty_bars(count)
    steps = rng.choice([1, 2, 5, 45], count, p=[0.985, 0.008, 0.005, 0.002])
    steps[rng.random(count) < 0.005] = 0
    bars["ts"] = NOON_MS + timeframe_ms * np.cumsum(steps)
    level = 100.0 * np.exp(0.02 * np.sin(np.arange(count) / rng.uniform(3.0, 12.0)))
    close = level * np.exp(np.cumsum(rng.normal(0.0, 0.002, count)))
    bars["close"] = close
    bars["open"] = np.concatenate([close[:1], close[:-1]])
    wick = np.abs(rng.normal(0.0, 0.004, (2, count)))
    bars["high"] = np.maximum(bars["open"], close) * (1.0 + wick[0])
    bars["low"] = np.minimum(bars["open"], close) * (1.0 - wick[1])
    bars["volume"] = rng.lognormal(8.0, 1.0, count) * (rng.random(count) > 0.1)
    bars["close"][rng.random(count) < 0.003] = np.nan
    bars["reference_close"] = 5e4 * np.exp(np.cumsum(rng.normal(0.0, 0.003, count)))
    bars["volume_rank"] = rng.integers(1, 250, count)
    bars["spread_bps"] = rng.uniform(1.0, 35.0, count)
    for column in ("bid_depth_03_usd", "ask_depth_03_usd"):
        bars[column] = rng.uniform(4e3, 9e4, count)
        bars[column.replace("03", "05")] = bars[column] * 1.7
    bars["imbalance"] = rng.uniform(-1.0, 1.0, count)
    bars["trades_per_minute"] = rng.uniform(2.0, 90.0, count)
    bars["open_interest_usd"] = 5e6 * np.exp(np.cumsum(rng.normal(0.0, 0.01, count)))
    for column in bars.dtype.names[6:]:
        bars[column][rng.random(count) < 0.02] = np.nan
    return bars
