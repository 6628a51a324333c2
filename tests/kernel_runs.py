"""Runs the breakout pipeline over random markets and prints what came of it.

`python -m tests.kernel_runs SEED...` prints a digest a line, so that a process with
NUMBA_DISABLE_JIT=1 can be compared with this one.
"""

import hashlib
import sys
from itertools import pairwise

import msgspec
import numpy as np

from actors.domain.bars import Bars
from actors.domain.findings import Findings
from actors.domain.strategies.breakout import Breakout, BreakoutPipeline
from config.preset import Bias, Component, Policy, Preset, SignalKind
from tests.markets import random_bars
from tests.presets import MINUTE_MS, breakout_v1, changed, context

BARS = 700


def easy_preset(seed: int) -> Preset:
    """Give a preset whose filters pass often, and whose options vary by seed."""
    preset = breakout_v1(Policy.SKIP if seed % 2 else Policy.FAIL)
    easier = {
        "timeframe_minutes": (None, 5, 15, 10)[seed % 4],
        "liquidity_filters.min_24h_volume_usd": 1e3,
        "liquidity_filters.min_oi_usd": None,
        "volatility_filters.atr_range_min": 0.001,
        "volatility_filters.bb_width_percentile_max": 95.0,
        "volatility_filters.volume_surge_1h_min": 0.6,
        "volatility_filters.volume_surge_5m_min": 0.3,
        "volatility_filters.oi_delta_threshold": None,
        "signal_config.entry_rules.max_distance_bps": 150.0,
        "signal_config.entry_rules.volume_confirmation": 0.5,
        "signal_config.momentum_volume_multiplier": 0.6,
        "signal_config.vwap_gap_max_atr": 4.0,
        "signal_config.market_quality.noise_max": 1.0,
        "levels_rules.min_touches": 1,
        "scanner_config.top_n_by_volume": None if seed % 5 else 200,
        "unknown.volume_24h": Policy.SKIP,
        "unknown.correlation": Policy.SKIP,
        "levels_rules.min_separation_atr": 0.2,
        "scanner_config.bias": Bias.GAINERS if seed % 7 == 6 else Bias.ANY,
        "scanner_config.score_weights": dict.fromkeys(Component, 0.2),
        "unknown.trades_per_minute": Policy.SKIP,
        "unknown.volume_surge_5m": Policy.SKIP,
        "unknown.volume_surge_1h": Policy.SKIP,
        "unknown.oi_delta": Policy.SKIP,
        "unknown.atr": Policy.SKIP,
    }
    for path, value in easier.items():
        preset = changed(preset, path, value)
    if seed % 3 == 0:
        order = (SignalKind.RETEST, SignalKind.MOMENTUM)
        preset = msgspec.structs.replace(preset, strategy_priority=order)
    return preset


def market(seed: int, count: int = BARS) -> tuple[BreakoutPipeline, Bars]:
    """Give a fresh pipeline and the random bars of a seed."""
    minutes = (5, 1, 5, 2)[seed % 4]
    pipeline = Breakout(easy_preset(seed)).pipeline(context(minutes))
    return pipeline, random_bars(seed, count, minutes * MINUTE_MS)


def run(pipeline: BreakoutPipeline, bars: Bars, cuts: tuple[int, ...] = ()) -> Findings:
    """Advance over all bars, in chunks that end at the cuts."""
    ends = sorted({0, *(cut for cut in cuts if cut < len(bars)), len(bars)})
    chunks = [pipeline.advance(bars, one, two).copy() for one, two in pairwise(ends)]
    return np.concatenate(chunks)


def digest(seed: int) -> str:
    """Hash the findings and the memory that a seed's market leaves behind."""
    pipeline, bars = market(seed)
    found = run(pipeline, bars)
    content = found.tobytes() + pipeline.snapshot()
    return f"{seed} {len(found)} {hashlib.sha256(content).hexdigest()}"


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        print(digest(int(argument)))
