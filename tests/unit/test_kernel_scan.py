"""Every scan filter rejects with its own reason, value and threshold."""

from decimal import Decimal
from typing import NamedTuple

import numpy as np
import pytest

from actors.domain.bars import Bars
from actors.domain.errors import StrategyError
from actors.domain.findings import FindingKind, Pipeline
from actors.domain.kernel.reasons import REASONS
from actors.domain.strategies.breakout import Breakout
from config.preset import Bias, Component, Policy, Preset
from tests.markets import NOON_MS, firing_bars
from tests.presets import MINUTE_MS, breakout_v1, changed, context, unknowns

NAN = float("nan")
V1 = breakout_v1(Policy.FAIL)
BARS = firing_bars(V1, 5 * MINUTE_MS)


class Outcome(NamedTuple):
    """What became of the bar that closes at noon."""

    reason: str  # "": a signal
    value: float
    threshold: float
    notes: set[str]
    pipeline: Pipeline


def at_noon(preset: Preset, bars: Bars, minutes: int = 5, **options: bool) -> Outcome:
    pipeline = Breakout(preset).pipeline(context(minutes, **options))
    stop = int(np.searchsorted(bars["ts"], NOON_MS - minutes * MINUTE_MS)) + 1
    rows = pipeline.advance(bars, 0, stop)
    rows = rows[rows["ts"] == NOON_MS]
    if len(rows) and rows[-1]["kind"] == FindingKind.SIGNAL:
        notes = {REASONS[at] for at in range(63) if int(rows[-1]["notes"]) >> at & 1}
        return Outcome("", NAN, NAN, notes, pipeline)
    rejection = pipeline.last_rejection()
    assert rejection is not None
    assert rejection[3] == NOON_MS
    return Outcome(*rejection[:3], set(), pipeline)


def with_column(column: str, value: float) -> Bars:
    bars = BARS.copy()
    bars[column] = value
    return bars


def test_the_untouched_market_gives_a_signal() -> None:
    assert at_noon(V1, BARS).reason == ""


@pytest.mark.parametrize(
    ("column", "value", "reason", "threshold"),
    [
        ("volume_rank", 201.0, "volume_rank", 200.0),
        ("open_interest_usd", 1.9e6, "open_interest", 2e6),
        ("spread_bps", 30.5, "spread", 30.0),
        ("bid_depth_05_usd", 7e3, "depth_05", 8e3),
        ("ask_depth_05_usd", 7e3, "depth_05", 8e3),
        ("bid_depth_03_usd", 4e3, "depth_03", 5e3),
        ("ask_depth_03_usd", 4e3, "depth_03", 5e3),
        ("trades_per_minute", 2.9, "trades_per_minute", 3.0),
    ],
)
def test_a_filter_on_what_the_market_says(
    column: str, value: float, reason: str, threshold: float
) -> None:
    found = at_noon(V1, with_column(column, value))
    assert (found.reason, found.value, found.threshold) == (reason, value, threshold)


@pytest.mark.parametrize(
    ("path", "limit", "reason", "above"),
    [
        ("liquidity_filters.min_24h_volume_usd", 5e7, "volume_24h", False),
        ("volatility_filters.atr_range_min", 0.1, "atr_low", False),
        ("volatility_filters.atr_range_max", 0.0051, "atr_high", True),
        ("volatility_filters.oi_delta_threshold", 0.5, "oi_delta", False),
        ("volatility_filters.volume_surge_1h_min", 9.0, "volume_surge_1h", False),
        ("volatility_filters.volume_surge_5m_min", 9.0, "volume_surge_5m", False),
        ("scanner_config.score_min", 5.0, "score", False),
    ],
)
def test_a_filter_on_what_is_measured(
    path: str, limit: float, reason: str, *, above: bool
) -> None:
    found = at_noon(changed(V1, path, limit), BARS)
    assert (found.reason, found.threshold) == (reason, limit)
    assert (found.value > limit) is above


def test_the_spread_is_a_median_of_five_bars_not_one_snapshot() -> None:
    bars = BARS.copy()
    newest = int(np.searchsorted(bars["ts"], NOON_MS)) - 1
    bars["spread_bps"][newest - 1 : newest + 1] = 90.0
    assert at_noon(V1, bars).reason == ""
    bars["spread_bps"][newest - 2] = 90.0
    found = at_noon(V1, bars)
    assert (found.reason, found.value, found.threshold) == ("spread", 90.0, 30.0)


def test_band_width_is_a_percentile_of_its_own_history() -> None:
    bars = BARS.copy()
    late = bars["ts"] >= NOON_MS - 60 * MINUTE_MS
    for column in ("open", "high", "low", "close"):
        bars[column][late] *= 1.2
    preset = changed(V1, "volatility_filters.atr_range_max", 1.0)
    found = at_noon(preset, bars)
    close = bars["close"][bars["ts"] < NOON_MS]
    windows = np.lib.stride_tricks.sliding_window_view(close, 20)
    widths = 4.0 * windows.std(axis=1) / windows.mean(axis=1)
    expected = 100.0 * np.mean(widths[-201:-1] < widths[-1])
    assert (found.reason, found.threshold) == ("bb_width", 82.0)
    assert found.value == pytest.approx(expected)


def test_correlation_has_one_limit_and_it_is_the_risk_limit() -> None:
    bars = BARS.copy()
    bars["reference_close"] = bars["close"] * 500.0
    found = at_noon(V1, bars)
    assert found.reason == "correlation"
    assert found.value == pytest.approx(1.0)
    assert found.threshold == 0.4
    wide = changed(V1, "risk.correlation_limit", Decimal(1))
    assert at_noon(wide, bars).reason == ""


@pytest.mark.parametrize(
    ("bias", "reason", "threshold"),
    [(Bias.GAINERS, "not_a_gainer", 0.08), (Bias.LOSERS, "not_a_loser", -0.06)],
)
def test_a_bias_wants_the_move_of_a_day(
    bias: Bias, reason: str, threshold: float
) -> None:
    biased = changed(V1, "scanner_config.bias", bias)
    found = at_noon(biased, BARS)
    assert (found.reason, found.threshold) == (reason, threshold)
    assert abs(found.value) < 0.06
    assert at_noon(biased, firing_bars(biased, 5 * MINUTE_MS)).reason == ""


def test_a_blacklist_and_a_whitelist_keep_a_symbol_out() -> None:
    black = changed(V1, "scanner_config.blacklist", ("AAA/USDT:USDT",))
    white = changed(V1, "scanner_config.whitelist", ("BBB/USDT:USDT",))
    assert at_noon(black, BARS).reason == "blacklisted"
    assert at_noon(white, BARS).reason == "blacklisted"
    allowed = changed(V1, "scanner_config.whitelist", ("AAA/USDT:USDT",))
    assert at_noon(allowed, BARS).reason == ""


def test_too_many_missing_bars_are_a_reason_of_their_own() -> None:
    last = int(np.searchsorted(BARS["ts"], NOON_MS)) - 1
    kept = np.delete(BARS, slice(last - 40, last - 33))
    found = at_noon(V1, kept)
    assert (found.reason, found.value, found.threshold) == ("data_gap", 7.0, 6.0)


@pytest.mark.parametrize(
    ("column", "name"),
    [
        ("volume_rank", "volume_rank"),
        ("open_interest_usd", "open_interest"),
        ("spread_bps", "spread"),
        ("bid_depth_05_usd", "depth"),
        ("ask_depth_03_usd", "depth"),
        ("trades_per_minute", "trades_per_minute"),
        ("reference_close", "correlation"),
        ("imbalance", "imbalance"),
    ],
)
def test_an_unknown_input_fails_or_is_skipped_with_a_note(
    column: str, name: str
) -> None:
    bars = with_column(column, NAN)
    failed = at_noon(V1, bars)
    assert failed.reason == f"{name}_unknown"
    assert np.isnan(failed.value)
    preset = changed(V1, f"unknown.{name}", Policy.SKIP)
    preset = changed(preset, "unknown.oi_delta", Policy.SKIP)
    skipped = at_noon(preset, bars)
    assert skipped.reason == ""
    assert f"{name}_unknown" in skipped.notes


def test_bars_coarser_than_what_a_window_needs_leave_it_unknown() -> None:
    expected = {
        15: {"volume_surge_5m_unknown"},
        60: {"volume_surge_5m_unknown", "atr_unknown"},
    }
    for minutes, notes in expected.items():
        preset = breakout_v1(Policy.SKIP)
        bars = firing_bars(preset, minutes * MINUTE_MS)
        assert at_noon(preset, bars, minutes).notes == notes
        assert at_noon(V1, bars, minutes).reason in notes


def test_too_little_volume_of_a_day_not_seen_whole_is_unknown() -> None:
    preset = changed(V1, "unknown", unknowns(Policy.SKIP, volume_24h=Policy.FAIL))
    dear = changed(preset, "liquidity_filters.min_24h_volume_usd", 1e12)
    assert at_noon(dear, BARS[150:]).reason == "volume_24h_unknown"
    assert at_noon(dear, BARS).reason == "volume_24h"


def test_enough_volume_decides_before_the_day_is_whole() -> None:
    """What was seen is a lower bound: more bars could only add to it."""
    preset = changed(V1, "unknown", unknowns(Policy.SKIP, volume_24h=Policy.FAIL))
    assert at_noon(preset, BARS[150:]).reason == ""


def test_open_interest_of_a_day_ago_that_nobody_knows_is_unknown() -> None:
    bars = BARS.copy()
    bars["open_interest_usd"][bars["ts"] < NOON_MS - 60 * MINUTE_MS] = NAN
    assert at_noon(V1, bars).reason == "oi_delta_unknown"


def test_volume_that_is_zero_gives_an_unknown_surge_not_a_division() -> None:
    bars = BARS.copy()
    hours = NOON_MS - bars["ts"]
    bars["volume"][(hours > 60 * MINUTE_MS) & (hours < 130 * MINUTE_MS)] = 0.0
    assert at_noon(V1, bars).reason == "volume_surge_1h_unknown"


def test_the_score_is_the_weighted_sum_of_known_components() -> None:
    weights = {Component.VOL_SURGE: 0.25, Component.TRADES_PER_MINUTE: 0.75}
    preset = changed(V1, "scanner_config.score_weights", weights)
    found = at_noon(preset, BARS)
    state = found.pipeline._states[0]  # type: ignore[attr-defined]
    surge = 0.6 * state["surge_1h"] + 0.4 * state["surge_5m"] - 1.5
    trades = np.log(11.0) - 2.0
    expected = 0.25 * min(3.0, surge) + 0.75 * trades
    assert found.pipeline.score() == pytest.approx(expected)


def test_atr_quality_is_best_between_its_bounds_and_never_constant() -> None:
    """Defect 4: the reference's quality was always 0."""
    only = changed(V1, "scanner_config.score_weights", {Component.ATR_QUALITY: 1.0})
    scores = []
    for least in (0.005, 0.013, 0.05):
        preset = changed(only, "volatility_filters.atr_range_min", least)
        bars = firing_bars(preset, 5 * MINUTE_MS)
        pipeline = at_noon(preset, bars).pipeline
        ratio = pipeline._states[0]["atr_ratio"]  # type: ignore[attr-defined]
        quality = min(1.0, ratio / 0.015, max(0.0, 2.0 - ratio / 0.035))
        assert pipeline.score() == pytest.approx((quality - 0.5) / 0.2)
        scores.append(pipeline.score())
    assert scores[0] < scores[1] > scores[2]


def test_a_timeframe_that_market_bars_do_not_make_up_is_refused() -> None:
    with pytest.raises(StrategyError):
        Breakout(changed(V1, "timeframe_minutes", 7)).pipeline(context(5))


def test_a_window_longer_than_the_ring_is_refused_by_the_preset_itself() -> None:
    with pytest.raises(ValueError, match="trend_bars"):
        changed(V1, "signal_config.market_quality.trend_bars", 500)
