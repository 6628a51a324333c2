"""Each check refuses its defect, naming field, value, limit and remedy."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from config.errors import PresetError
from config.load import dump_preset, load_preset, parse_preset
from config.never import why_never_at

TP = "position_config.tp_levels"
RULES = "signal_config.entry_rules"
QUALITY = "signal_config.market_quality"

#: What is changed in breakout_v1, and how the refusal must read.
TYPED: list[tuple[dict[str, Any], str]] = [
    # Defect 6 of the reference system: weights that the scorer does not know.
    (
        {"scanner_config.score_weights": {"volume": 0.5, "momentum": 0.5}},
        r"score_weights: Invalid enum value 'volume'; choose one of vol_surge, atr",
    ),
    # Defect 7: an imbalance over its bound.
    (
        {"signal_config.l2_imbalance_threshold": 2.5},
        r"signal_config\.l2_imbalance_threshold \(it is 2\.5\): Expected .*<= 1",
    ),
    # Defect 8: strategies are an enum, not any string.
    (
        {"strategy_priority": ["breakout_momentum"]},
        r"\(it is 'breakout_momentum'\): Invalid enum.*; choose one of momentum, re",
    ),
    # Defect 9: units that differ between presets, and fields that nobody reads.
    (
        {"signal_config.retest_pierce_tolerance": 0.3},
        r"retest_pierce_tolerance \(it is 0\.3\): Expected .*<= 0\.05",
    ),
    (
        {"scanner_config.whitelist": ["BTCUSDT"]},
        r"whitelist\[0\] \(it is 'BTCUSDT'\): Expected `str` matching regex",
    ),
    (
        {"execution_config.twap_slices": 4},
        r"unknown field `twap_slices` at execution_config; check its spelling",
    ),
    ({"unknown_group": {}}, r"unknown field `unknown_group` at the top"),
    # Defect 10: a size of zero where the schema wants more.
    (
        {TP: [{"level_r": 1.5, "size": 0}]},
        r"`size` is 0; it must be a finite number > 0 and <= 1",
    ),
    ({"risk.risk_per_trade": 1.5}, r"`risk_per_trade` is 1\.5; .* <= 1"),
    ({"risk.max_concurrent_positions": 0}, r"max_concurrent_positions \(it is 0\)"),
    ({f"{QUALITY}.flat_bars": 400}, r"flat_bars \(it is 400\): Expected .*<= 78"),
    ({"name": "V1 Relaxed"}, r"name \(it is 'V1 Relaxed'\): Expected `str` matching"),
    ({"liquidity_filters.max_spread_bps": 0}, r"max_spread_bps \(it is 0\)"),
    (
        {"position_config.tp_mode": "adaptive"},
        r"tp_mode \(it is 'adaptive'\): Invalid enum.*; choose one of fixed, smart",
    ),
    ({"target_markets": ["BTC"]}, r"target_markets\[0\] \(it is 'BTC'\): Invalid"),
]

CONTRADICTIONS: list[tuple[dict[str, Any], str]] = [
    (
        {TP: [{"level_r": 2, "size": 0.4}, {"level_r": 2, "size": 0.4}]},
        r"tp_levels has 2R after 2R; each must be further",
    ),
    (
        {TP: [{"level_r": 1, "size": 0.7}, {"level_r": 2, "size": 0.4}]},
        r"tp_levels sell 1\.1 of the position; 1 is the limit",
    ),
    (
        {"scanner_config.score_weights": {"vol_surge": 0.5}},
        r"score_weights sum to 0\.5 .* must be 0\.8 to 1\.2; scale them",
    ),
    ({"strategy_priority": []}, r"strategy_priority is empty; at least 1"),
    (
        {"strategy_priority": ["retest", "retest"]},
        r"strategy_priority names retest 2 times; once is the limit",
    ),
    ({"target_markets": []}, r"target_markets is empty"),
    (
        {"position_config.breakeven_at_r": 2.5},
        r"breakeven_at_r is 2\.5; it must not exceed trail_from_r, 2",
    ),
    (
        {"risk.daily_risk_limit": 0.2},
        r"daily_risk_limit is 0\.2; it must not exceed risk\.kill_switch_loss_limit",
    ),
    (
        {"risk.risk_per_trade": 0.09},
        r"risk_per_trade is 0\.09; it must not exceed risk\.daily_risk_limit, 0\.08",
    ),
    (
        {"risk.max_risk_per_trade": 0.01},
        r"risk_per_trade is 0\.015; it must not exceed risk\.max_risk_per_trade, 0\.01",
    ),
    (
        {"risk.max_risk_per_trade": 0.2},
        r"max_risk_per_trade is 0\.2; it must not exceed risk\.max_total_risk, 0\.1",
    ),
    (
        {"risk.max_total_risk": 0.01},
        r"risk_per_trade is 0\.015; it must not exceed risk\.max_total_risk, 0\.01",
    ),
    (
        {"risk.correlated_exposure_warn": 0.7},
        r"correlated_exposure_warn is 0\.7; .*correlated_exposure_block, 0\.6",
    ),
    (
        {
            "scanner_config.whitelist": ["BTC/USDT", "ETH/USDT"],
            "scanner_config.blacklist": ["BTC/USDT"],
        },
        r"whitelist and blacklist both name BTC/USDT",
    ),
    (
        {"scanner_config.blacklist": ["BTC/USDT", "BTC/USDT"]},
        r"blacklist names BTC/USDT 2 times",
    ),
    (
        {"levels_rules.donchian_bars": [10, 10]},
        r"donchian_bars names 10 2 times",
    ),
    (
        {"liquidity_filters.min_depth_usd_0_3pct": 9000},
        r"min_depth_usd_0_3pct is 9000; .*min_depth_usd_0_5pct, 8000, must not be less",
    ),
    (
        {"volatility_filters.bb_width_percentile_max": 0.9},
        r"bb_width_percentile_max is 0\.9; it is a percentile.*write 90 for 0\.9",
    ),
    ({"timeframe_minutes": 7}, r"timeframe_minutes is 7; it must divide"),
]

NEVER: list[tuple[dict[str, Any], str]] = [
    (
        {"volatility_filters.atr_range_min": 0.12},
        r"atr_range_min is 0\.12; no ATR is over it and under atr_range_max, 0\.12",
    ),
    (
        {"scanner_config.score_min": 2.7},
        # 0.3 x 3 + 0.15 x 3 + 0.2 x 2.5 + 0.15 x 1 + 0.2 x 3
        r"score_min is 2\.7; these weights score at most 2\.6;",
    ),
    (
        {
            "scanner_config.whitelist": ["BTC/USDT"],
            "scanner_config.blacklist": ["BTC/USDT"],
        },
        r"whitelist minus blacklist leaves 0 symbols",
    ),
    (
        {
            f"{RULES}.session_avoid_first_minutes": 1000,
            f"{RULES}.session_avoid_last_minutes": 440,
        },
        r"session_avoid_\* cover 1440 minutes; the day has 1440",
    ),
    (
        {f"{QUALITY}.flat_atr_ratio_min": 0.12},
        r"flat_atr_ratio_min is 0\.12; every ATR up to atr_range_max, 0\.12, is flat",
    ),
    ({f"{QUALITY}.noise_max": 0}, r"noise_max is 0; only a market that never turns"),
    (
        {f"{RULES}.consolidation_bars_min": 11},
        r"consolidation_bars_min is 11; the approach has 10 bars",
    ),
    (
        {"unknown.spread": "fail"},
        r"unknown\.spread is fail; a replay market never gives it",
    ),
    (
        {"unknown.open_interest": "fail"},
        r"unknown\.open_interest is fail; a replay market never gives it",
    ),
    (
        {"levels_rules.min_touches": 128},
        r"min_touches is 128; the remembered bars hold at most 127",
    ),
    (
        {"signal_config.momentum_epsilon": 0.003},
        r"momentum_epsilon is 0\.003, 30 bps; entries further than .*, 30, are vetoed",
    ),
    (
        {"signal_config.momentum_body_ratio_min": 1},
        r"momentum_body_ratio_min is 1; only bars without any wick",
    ),
    (
        {"signal_config.l2_imbalance_threshold": 1},
        r"l2_imbalance_threshold is 1; imbalance is bounded by 1",
    ),
    (
        {"position_config.sl_mode": "atr", "position_config.sl_atr": 200},
        r"sl_atr is 200; at atr_range_min, 0\.005, a long's stop would be at or below",
    ),
]


def changed(changes: dict[str, Any]) -> bytes:
    """Write breakout_v1 with some fields changed, by dotted path."""
    raw = msgspec.json.decode(dump_preset(load_preset("breakout_v1")))
    for path, value in changes.items():
        *groups, field = path.split(".")
        at = raw
        for group in groups:
            at = at[group]
        at[field] = value
    return msgspec.json.encode(raw)


@pytest.mark.parametrize(("changes", "message"), [*TYPED, *CONTRADICTIONS, *NEVER])
def test_a_defect_is_refused_by_name(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(PresetError, match=message):
        parse_preset(changed(changes), "mine")


@pytest.mark.parametrize(
    "symbol",
    ["BTC/USDT", "kPEPE/USDC:USDC", "1000SATS/USDT:USDT", "BTC/USDT:USDT-261225"],
)
def test_unified_symbols_are_taken(symbol: str) -> None:
    preset = parse_preset(changed({"scanner_config.whitelist": [symbol]}), "mine")
    assert preset.scanner_config.whitelist == (symbol,)


def test_all_findings_are_told_at_once() -> None:
    changes = {"risk.daily_risk_limit": 0.2, f"{RULES}.consolidation_bars_min": 11}
    with pytest.raises(PresetError) as caught:
        parse_preset(changed(changes), "mine")
    assert len(str(caught.value).splitlines()) == 3


def test_a_filter_that_is_off_may_fail_on_unknown() -> None:
    raw = msgspec.json.decode(changed({"unknown.open_interest": "fail"}))
    raw["liquidity_filters"]["min_oi_usd"] = None
    preset = parse_preset(msgspec.json.encode(raw), "mine")
    assert preset.liquidity_filters.min_oi_usd is None


def test_a_book_may_be_demanded_where_the_markets_have_one() -> None:
    changes = {"unknown.spread": "fail", "target_markets": ["demo", "live"]}
    assert parse_preset(changed(changes), "mine").unknown.spread == "fail"


def test_momentum_s_bounds_do_not_bind_a_preset_of_retests() -> None:
    changes = {
        "signal_config.momentum_body_ratio_min": 1,
        "strategy_priority": ["retest"],
    }
    assert parse_preset(changed(changes), "mine")


@pytest.mark.parametrize("name", ["breakout_v1", "conservative", "video_scalping"])
def test_ten_thousand_dollars_are_enough_for_shipped_presets(name: str) -> None:
    assert why_never_at(load_preset(name), Decimal(10_000), Decimal(5)) == ()


def test_an_equity_too_small_for_the_exchange_is_told() -> None:
    found = why_never_at(load_preset("conservative"), Decimal(3), Decimal(5))
    assert len(found) == 1
    assert "the exchange's minimum is 5; raise the equity or the risk" in found[0]


def test_a_cap_under_the_smallest_wanted_size_is_told() -> None:
    changes = {"risk.max_position_size_usd": 100}
    preset = parse_preset(changed(changes), "mine")
    found = why_never_at(preset, Decimal(1_000_000), Decimal(5))
    assert len(found) == 1
    assert "allow 100.00 USD" in found[0]
