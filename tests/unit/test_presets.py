"""Shipped presets load, say what they trade, and survive being written and read."""

from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from config.errors import PresetError
from config.load import (
    dump_preset,
    load_preset,
    parse_preset,
    preset_names,
    problems_of,
)
from config.preset import Bias, Policy, Preset, SignalKind, TakeProfit, TargetMarket


@pytest.mark.parametrize("name", preset_names())
def test_every_shipped_preset_loads_under_its_own_name(name: str) -> None:
    preset = load_preset(name)
    assert preset.name == name
    assert len(preset.description) > 60


@pytest.mark.parametrize("name", preset_names())
def test_every_shipped_preset_survives_a_round_trip(name: str) -> None:
    preset = load_preset(name)
    assert parse_preset(dump_preset(preset), "copy") == preset


@pytest.mark.parametrize("name", preset_names())
def test_every_shipped_preset_can_trade_recorded_candles(name: str) -> None:
    preset = load_preset(name)
    assert TargetMarket.REPLAY in preset.target_markets
    wants = preset.unknown
    candles = (wants.volume_24h, wants.atr, wants.bb_width, wants.volume_surge_1h)
    books = (wants.spread, wants.depth, wants.trades_per_minute, wants.imbalance)
    assert set(candles) == {Policy.FAIL}
    assert set(books) == {Policy.SKIP}


def test_the_shipped_presets_are_the_reference_ones_and_conservative() -> None:
    assert preset_names() == (
        *("breakout_v1", "conservative", "gainers_momentum", "high_percent"),
        *("losers_reversal", "scalping", "smallcap_gainers", "smallcap_losers"),
        *("swing", "top30", "v1_relaxed", "v1_working", "video_aggressive"),
        *("video_conservative", "video_scalping", "video_swing"),
    )


def test_breakout_v1_has_the_reference_numbers() -> None:
    preset = load_preset("breakout_v1")
    assert preset.risk.risk_per_trade == Decimal("0.015")
    assert preset.risk.kill_switch_loss_limit == Decimal("0.18")
    assert preset.risk.correlation_limit == Decimal("0.4")
    assert preset.liquidity_filters.min_depth_usd_0_5pct == 8000
    assert preset.volatility_filters.bb_width_percentile_max == 82
    assert preset.signal_config.momentum_epsilon == 0.0012
    assert preset.position_config.tp_levels == (
        TakeProfit(level_r=Decimal("1.5"), size=Decimal("0.4")),
        TakeProfit(level_r=Decimal("2.8"), size=Decimal("0.35")),
    )
    assert preset.execution_config.taker_fee_bps == Decimal("6.5")
    assert preset.scanner_config.top_n_by_volume == 200


def test_conservative_risks_a_quarter_of_a_percent() -> None:
    assert load_preset("conservative").risk.risk_per_trade == Decimal("0.0025")


def test_gainers_and_losers_presets_act_on_their_bias() -> None:
    assert load_preset("smallcap_gainers").scanner_config.bias is Bias.GAINERS
    assert load_preset("losers_reversal").scanner_config.bias is Bias.LOSERS


@pytest.mark.parametrize(
    ("name", "ratio"),
    [
        ("video_aggressive", 2.5),
        ("video_conservative", 2.0),
        ("video_scalping", 3.0),
        ("video_swing", 1.5),
    ],
)
def test_video_presets_ask_a_bounded_imbalance(name: str, ratio: float) -> None:
    preset = load_preset(name)
    bounded = (ratio - 1) / (ratio + 1)
    found = preset.signal_config.l2_imbalance_threshold
    assert found == pytest.approx(bounded, abs=0.005)
    assert preset.strategy_priority[0] is SignalKind.MOMENTUM


def test_an_unknown_name_lists_what_exists() -> None:
    with pytest.raises(PresetError, match=r"no preset 'breakout_v9'.*breakout_v1, con"):
        load_preset("breakout_v9")


def test_a_person_s_own_preset_is_loaded_by_path(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_bytes(dump_preset(load_preset("swing")))
    assert load_preset(str(path)) == load_preset("swing")


def test_a_missing_file_is_refused_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(PresetError, match=r"none\.json cannot be read: No such file"):
        load_preset(str(tmp_path / "none.json"))


def test_a_file_that_is_no_json_is_refused() -> None:
    with pytest.raises(PresetError, match="preset mine is not JSON"):
        parse_preset(b"{", "mine")


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b'{"nane": 5, "x": ', "unknown field `nane` at the top"),
        (b'{"name": 5,}', "name: Expected `str`, got `int`; correct it"),
        (b"[" * 100_000, "the top: Expected `object`, got `array`"),
    ],
)
def test_a_wrong_field_is_named_where_what_follows_is_no_json(
    raw: bytes, says: str
) -> None:
    with pytest.raises(PresetError, match=f"preset mine: .*{says}"):
        parse_preset(raw, "mine")
    (problem,) = problems_of(raw)
    assert says in problem.message


def test_a_file_far_too_large_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "large.json"
    path.write_bytes(b" " * 1_048_577)
    with pytest.raises(PresetError, match="more than 1048576 bytes"):
        load_preset(str(path))


def test_a_group_out_of_bounds_cannot_be_made_in_python_either() -> None:
    preset = load_preset("breakout_v1")
    with pytest.raises(ValueError, match=r"`risk_per_trade` is 1\.5; it must be"):
        msgspec.structs.replace(preset.risk, risk_per_trade=Decimal("1.5"))
    with pytest.raises(ValueError, match="`risk_per_trade` is NaN"):
        msgspec.structs.replace(preset.risk, risk_per_trade=Decimal("NaN"))


def test_a_missing_group_is_refused_with_its_name() -> None:
    raw = msgspec.json.decode(dump_preset(load_preset("swing")))
    del raw["unknown"]
    with pytest.raises(PresetError, match="missing required field `unknown`"):
        parse_preset(msgspec.json.encode(raw), "mine")


def test_a_preset_without_a_group_of_defaults_is_whole() -> None:
    raw = msgspec.json.decode(dump_preset(load_preset("swing")))
    del raw["levels_rules"]
    preset: Preset = parse_preset(msgspec.json.encode(raw), "mine")
    assert preset.levels_rules.min_touches == 2
