"""Every confirmation and veto of a signal rejects with its own reason."""

import numpy as np
import pytest

from actors.domain.bars import Bars
from actors.domain.findings import FindingKind, Findings
from actors.domain.strategies.breakout import Breakout
from config.preset import Policy, Preset, SignalKind, StopMode
from tests.markets import CEILING, NOON_MS, firing_bars
from tests.presets import MINUTE_MS, breakout_v1, changed, context
from tests.unit.test_kernel_scan import BARS, V1, at_noon, with_column

BREAKOUT = int(np.searchsorted(BARS["ts"], NOON_MS)) - 1
EPSILON = V1.signal_config.momentum_epsilon
RULES = "signal_config.entry_rules."
QUALITY = "signal_config.market_quality."


def signal_at_noon(preset: Preset, bars: Bars, minutes: int = 5) -> Findings:
    pipeline = Breakout(preset).pipeline(context(minutes))
    rows = pipeline.advance(bars, 0, len(bars))
    return rows[(rows["kind"] == FindingKind.SIGNAL) & (rows["ts"] == NOON_MS)].copy()


def mirrored(bars: Bars) -> Bars:
    """Turn the market upside down: a ceiling becomes a floor."""
    turned = bars.copy()
    for column in ("open", "close"):
        turned[column] = 2.0 * CEILING - bars[column]
    turned["high"] = 2.0 * CEILING - bars["low"]
    turned["low"] = 2.0 * CEILING - bars["high"]
    turned["imbalance"] = -bars["imbalance"]
    return turned


@pytest.mark.parametrize(
    ("path", "limit", "reason", "above"),
    [
        ("levels_rules.min_touches", 50, "level_touches", False),
        (QUALITY + "flat_atr_ratio_min", 0.05, "flat_market", False),
        (QUALITY + "trend_slope_min", 0.02, "no_trend", False),
        (QUALITY + "noise_max", 0.01, "noise", True),
        (RULES + "session_avoid_first_minutes", 721, "session_start", False),
        (RULES + "session_avoid_last_minutes", 721, "session_end", True),
        (RULES + "max_distance_bps", 13.0, "distance", True),
        ("signal_config.momentum_volume_multiplier", 90.0, "volume_multiple", False),
        (RULES + "volume_confirmation", 90.0, "volume_confirmation", False),
        ("signal_config.momentum_body_ratio_min", 0.99, "body_ratio", False),
        ("signal_config.l2_imbalance_threshold", 0.9, "imbalance", False),
        ("signal_config.vwap_gap_max_atr", 0.01, "vwap_gap", True),
        (RULES + "approach_slope_max", 1e-6, "approach_slope", True),
        (RULES + "momentum_slope_min", 0.05, "momentum_slope", False),
    ],
)
def test_a_veto_names_its_value_and_its_limit(
    path: str, limit: float, reason: str, *, above: bool
) -> None:
    bars = BARS.copy()
    bars["close"][BREAKOUT - 11] *= 0.999  # a little movement for slope and noise
    assert at_noon(V1, bars).reason == ""
    found = at_noon(changed(V1, path, limit), bars)
    expected = 1440.0 - limit if reason == "session_end" else limit
    assert (found.reason, found.threshold) == (reason, expected)
    assert (found.value > found.threshold) is above


def test_a_weak_level_is_left_alone() -> None:
    preset = changed(V1, "levels_rules.round_steps", ())
    preset = changed(preset, "levels_rules.cascade_min", 99)
    found = at_noon(changed(preset, "levels_rules.strength_min", 1.0), BARS)
    assert (found.reason, found.threshold) == ("level_strength", 1.0)
    assert 0.0 < found.value < 1.0


def test_no_consolidation_under_the_level_is_a_veto() -> None:
    preset = changed(V1, RULES + "consolidation_bars_min", 10)
    assert at_noon(preset, BARS).reason == ""
    bars = BARS.copy()
    bars["close"][BREAKOUT - 6] *= 0.99
    bars["low"][BREAKOUT - 6] *= 0.99
    found = at_noon(preset, bars)
    assert (found.reason, found.value, found.threshold) == ("consolidation", 9.0, 10.0)


def test_a_wick_through_the_level_shortly_before_is_a_false_start() -> None:
    preset = changed(V1, RULES + "clean_breakout_bars", 10)
    bars = BARS.copy()
    bars["high"][BREAKOUT - 5] = CEILING * (1.0 + 2.0 * EPSILON)
    assert at_noon(V1, bars).reason == ""
    found = at_noon(preset, bars)
    assert (found.reason, found.value, found.threshold) == ("false_start", 1.0, 0.0)
    assert at_noon(changed(preset, RULES + "clean_breakout_bars", 4), bars).reason == ""


def test_a_bar_whose_range_stands_out_is_a_spike() -> None:
    preset = changed(V1, QUALITY + "volatility_spike_sigma", 2.0)
    assert at_noon(preset, BARS).reason == ""
    bars = BARS.copy()
    bars["low"][BREAKOUT] *= 0.985
    calm = changed(V1, "signal_config.momentum_body_ratio_min", 0.0)
    assert at_noon(calm, bars).reason == ""
    spiked = changed(preset, "signal_config.momentum_body_ratio_min", 0.0)
    found = at_noon(spiked, bars)
    assert (found.reason, found.threshold) == ("volatility_spike", 2.0)
    assert found.value > 2.0


def test_a_close_that_is_not_beyond_epsilon_is_no_breakout() -> None:
    bars = BARS.copy()
    bars["close"][BREAKOUT] = CEILING * 1.0005
    bars["high"][BREAKOUT] = CEILING * 1.0006
    preset = changed(V1, "strategy_priority", (SignalKind.MOMENTUM,))
    found = at_noon(preset, bars)
    assert (found.reason, found.threshold) == ("no_breakout", EPSILON)
    assert 0.0 < found.value < EPSILON


def test_imbalance_must_point_toward_the_trade() -> None:
    """Defect 12: the reference took its absolute value."""
    found = at_noon(V1, with_column("imbalance", -0.9))
    assert (found.reason, found.value) == ("imbalance", -0.9)
    turned = mirrored(BARS)
    assert at_noon(V1, turned).reason == ""
    turned["imbalance"] = 0.9
    found = at_noon(V1, turned)
    assert (found.reason, found.value) == ("imbalance", -0.9)


def test_a_short_needs_a_market_that_allows_it() -> None:
    turned = mirrored(BARS)
    rows = signal_at_noon(V1, turned)
    assert rows["side"].tolist() == [-1]
    assert at_noon(V1, turned, shortable=False).reason == "not_shortable"


def test_a_short_stops_above_its_entry_and_looks_at_the_bids() -> None:
    turned = mirrored(BARS)
    turned["bid_depth_03_usd"] = 7777.0
    row = signal_at_noon(V1, turned)[0]
    assert row["stop"] > row["entry"]
    assert row["opposite_depth_usd"] == 7777.0


def test_the_momentum_stop_is_the_nearer_of_swing_and_atr() -> None:
    row = signal_at_noon(V1, BARS)[0]
    swing = BARS["low"][BREAKOUT - 9 : BREAKOUT + 1].min()
    by_atr = row["entry"] - 1.2 * row["atr"]
    assert row["stop"] == pytest.approx(max(swing, by_atr))
    assert by_atr > swing
    bars = BARS.copy()
    bars["low"][BREAKOUT - 9 : BREAKOUT + 1] = np.maximum(
        bars["low"][BREAKOUT - 9 : BREAKOUT + 1], row["entry"] - 0.7 * row["atr"]
    )
    row = signal_at_noon(V1, bars)[0]
    assert row["stop"] == bars["low"][BREAKOUT - 9 : BREAKOUT + 1].min()


def test_a_stop_by_atr_takes_the_presets_multiple() -> None:
    preset = changed(V1, "position_config.sl_mode", StopMode.ATR)
    row = signal_at_noon(preset, BARS)[0]
    assert row["stop"] == pytest.approx(row["entry"] - 1.2 * row["atr"])


def test_confidence_follows_its_formula() -> None:
    row = signal_at_noon(V1, BARS)[0]
    bar = BARS[BREAKOUT]
    body = (bar["close"] - bar["open"]) / (bar["high"] - bar["low"])
    volume = bar["volume"] / np.median(BARS["volume"][BREAKOUT - 19 : BREAKOUT])
    expected = (
        0.4 * np.clip(row["score"], 0.0, 1.0)
        + 0.3 * min(1.0, volume / 5.0)
        + 0.2 * min(1.0, body / 0.8)
        + 0.1 * min(1.0, bar["imbalance"] / 0.5)
    )
    assert row["confidence"] == pytest.approx(expected)


def retest_market() -> tuple[Preset, Bars]:
    """The breakout at noon is not traded; two hours later the price is back."""
    preset = breakout_v1(Policy.FAIL)
    preset = changed(preset, "strategy_priority", (SignalKind.RETEST,))
    for name in ("volume_surge_1h_min", "volume_surge_5m_min"):
        preset = changed(preset, f"volatility_filters.{name}", 0.01)
    preset = changed(preset, "volatility_filters.bb_width_percentile_max", 100.0)
    preset = changed(preset, "volatility_filters.oi_delta_threshold", None)
    preset = changed(preset, QUALITY + "flat_atr_ratio_min", None)
    return preset, firing_bars(V1, 5 * MINUTE_MS)


def retests(preset: Preset, bars: Bars) -> tuple[Findings, list[str]]:
    pipeline = Breakout(preset).pipeline(context(5))
    rows = pipeline.advance(bars, 0, len(bars)).copy()
    late = rows[rows["ts"] > NOON_MS]
    reasons = late["reason"][late["kind"] == FindingKind.WHYNOT]
    return late[late["kind"] == FindingKind.SIGNAL], [
        pipeline.reasons[at] for at in reasons
    ]


def test_a_retest_follows_a_recorded_breakout_by_an_hour() -> None:
    preset, bars = retest_market()
    signals, _ = retests(preset, bars)
    assert len(signals) == 1
    row = signals[0]
    assert (row["side"], row["signal_kind"]) == (1, 1)
    assert row["ts"] - NOON_MS == 95 * MINUTE_MS
    assert row["stop"] == pytest.approx(row["level"] - row["atr"])


def test_a_retest_without_an_earlier_breakout_never_fires() -> None:
    """Defect 11: in the reference a retest fired with no breakout before it."""
    preset, bars = retest_market()
    kept = bars[: BREAKOUT + 1].copy()
    kept["close"][-1] = kept["high"][-1] = CEILING * 1.0005
    after = bars[BREAKOUT + 1 :].copy()
    for column in ("open", "high", "low", "close"):
        after[column] = np.minimum(after[column], CEILING * 1.0005)
    signals, _ = retests(preset, np.concatenate([kept, after]))
    assert len(signals) == 0


def test_a_return_within_the_hour_is_too_early() -> None:
    preset, bars = retest_market()
    early = (bars["ts"] > NOON_MS) & (bars["ts"] < NOON_MS + 20 * MINUTE_MS)
    bars["low"][early] = CEILING * 1.0002
    _, reasons = retests(preset, bars)
    assert "retest_too_early" in reasons


@pytest.mark.parametrize(
    ("column", "factor", "reason"),
    [
        ("close", 0.998, "retest_not_held"),
        ("low", 0.99, "retest_pierce"),
        ("volume", 0.5, "retest_volume"),
        ("trades_per_minute", 0.5, "retest_trades"),
    ],
)
def test_a_retest_needs(column: str, factor: float, reason: str) -> None:
    preset, bars = retest_market()
    back = np.flatnonzero(bars["low"] == CEILING * 1.0002)
    bars[column][back[0]] *= factor
    bars["low"][back[0]] = min(bars["low"][back[0]], bars["close"][back[0]])
    signals, reasons = retests(preset, bars[: back[0] + 1])
    assert len(signals) == 0
    assert reasons[-1] == reason


def test_a_level_gives_one_signal_only() -> None:
    _, bars = retest_market()
    preset, _ = retest_market()
    both = (SignalKind.MOMENTUM, SignalKind.RETEST)
    preset = changed(preset, "strategy_priority", both)
    pipeline = Breakout(preset).pipeline(context(5))
    rows = pipeline.advance(bars, 0, len(bars))
    signals = rows[rows["kind"] == FindingKind.SIGNAL]
    assert len(set(signals["level_id"].tolist())) == len(signals)
    used = {level.id for level in pipeline.levels() if level.state == "used"}
    assert used == set(signals["level_id"].tolist())
