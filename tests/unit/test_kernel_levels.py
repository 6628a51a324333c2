"""Levels: known when they may be, touched when they were, and remembered."""

from typing import Any

import numpy as np
import pytest

from actors.domain.bars import Bars, empty_bars
from actors.domain.findings import FindingKind, LevelView
from actors.domain.kernel.reasons import REASONS
from actors.domain.kernel.record import RING_MASK, WARM_BARS
from actors.domain.strategies.breakout import Breakout, BreakoutPipeline
from config.preset import Bias, Policy, Preset
from tests.presets import MINUTE_MS, breakout_v1, changed, context

FRAME_MS = 15 * MINUTE_MS
START_MS = 1_700_006_400_000


def open_preset(**rules: Any) -> Preset:
    """Give a preset in which every bar passes the scan."""
    preset = breakout_v1(Policy.SKIP)
    for path, value in {
        "volatility_filters.atr_range_min": 1e-9,
        "volatility_filters.bb_width_percentile_max": 100.0,
        "volatility_filters.volume_surge_1h_min": 1e-9,
        "liquidity_filters.min_24h_volume_usd": 1e-9,
        "scanner_config.bias": Bias.ANY,
        "levels_rules.donchian_bars": (),
        "levels_rules.volume_extreme_fraction": 0.0,
        "levels_rules.round_steps": (),
    }.items():
        preset = changed(preset, path, value)
    for name, value in rules.items():
        preset = changed(preset, f"levels_rules.{name}", value)
    return preset


def drift(count: int) -> Bars:
    """Make bars that rise a little each, so that no bar is a pivot."""
    bars = empty_bars(count)
    bars["ts"] = START_MS + FRAME_MS * np.arange(count)
    bars["close"] = 100.0 * 1.0001 ** np.arange(count)
    bars["open"] = bars["close"]
    bars["high"] = bars["close"] * 1.002
    bars["low"] = bars["close"] * 0.998
    bars["volume"] = 1000.0
    return bars


def pipeline(preset: Preset) -> BreakoutPipeline:
    return Breakout(preset).pipeline(context(15))


def resistances(levels: tuple[LevelView, ...]) -> list[LevelView]:
    return [level for level in levels if level.side > 0]


PEAK = WARM_BARS + 10


def test_a_pivot_is_known_only_after_its_right_hand_bars() -> None:
    bars = drift(PEAK + 10)
    bars["high"][PEAK] = 110.0
    found = pipeline(open_preset(pivot_right_bars=3))
    found.advance(bars, 0, PEAK + 3)
    assert resistances(found.levels()) == []
    found.advance(bars, PEAK + 3, PEAK + 4)
    (level,) = resistances(found.levels())
    assert (level.price, level.kind) == (110.0, "swing")
    assert level.birth_ms == bars["ts"][PEAK]
    assert level.known_ms == bars["ts"][PEAK + 3] + FRAME_MS


def test_a_touch_counts_again_only_after_a_departure() -> None:
    bars = drift(PEAK + 40)
    bars["high"][PEAK] = 110.0
    bars["high"][PEAK + 10 : PEAK + 16] = 109.95  # six bars at the level: one touch
    bars["high"][PEAK + 20] = 109.95
    found = pipeline(open_preset(merge_atr=5.0))
    found.advance(bars, 0, PEAK + 17)
    (level,) = resistances(found.levels())
    assert level.touches == 2
    found.advance(bars, PEAK + 17, PEAK + 40)
    (level,) = resistances(found.levels())
    assert (level.touches, level.state) == (3, "fresh")


def test_sources_near_a_level_join_it_and_far_ones_do_not() -> None:
    bars = drift(PEAK + 40)
    bars["high"][PEAK] = 110.0
    bars["high"][PEAK + 10] = 109.99
    bars["high"][PEAK + 20] = 108.0
    found = pipeline(open_preset())
    found.advance(bars, 0, len(bars))
    assert [level.price for level in resistances(found.levels())] == [110.0, 108.0]


def test_a_close_beyond_epsilon_breaks_a_level_and_it_is_remembered() -> None:
    bars = drift(PEAK + 20)
    bars["high"][PEAK] = 110.0
    bars["close"][PEAK + 10] = 110.5
    bars["high"][PEAK + 10] = 110.6
    found = pipeline(open_preset())
    found.advance(bars, 0, PEAK + 12)
    level = next(one for one in found.levels() if one.price == 110.0)
    assert level.state == "broken"


def test_a_level_judged_late_is_the_same_as_one_judged_promptly() -> None:
    bars = drift(PEAK + 60)
    bars["high"][PEAK] = 110.0
    bars["close"][PEAK + 10] = 110.5
    bars["high"][PEAK + 10] = 110.6
    bars["high"][PEAK + 20] = 110.1
    bars["high"][PEAK + 30] = 109.95
    preset = open_preset(merge_atr=0.4, min_touches=1)
    prompt, late = pipeline(preset), pipeline(preset)
    prompt.advance(bars, 0, len(bars))
    bars["spread_bps"] = 1000.0  # no scan passes until the last bars
    bars["spread_bps"][-5:] = 1.0
    late.advance(bars, 0, len(bars))
    assert late.funnel()["candidates"] <= 5
    states = [
        {(one.id, one.price, one.touches, one.state) for one in found.levels()}
        for found in (prompt, late)
    ]
    assert states[0] == states[1]
    assert len(states[0]) == 3


def test_a_week_later_a_breakout_is_forgotten() -> None:
    week = 7 * 24 * 4
    bars = drift(PEAK + 20 + week)
    bars["high"][PEAK] = 140.0
    bars["close"][PEAK + 10] = 140.5
    bars["high"][PEAK + 10] = 140.6
    found = pipeline(open_preset())
    found.advance(bars, 0, PEAK + 10 + week)
    assert 140.0 in [level.price for level in found.levels()]
    found.advance(bars, PEAK + 10 + week, len(bars))
    assert 140.0 not in [level.price for level in found.levels()]


def test_an_id_is_the_same_in_a_replay_and_differs_between_sides() -> None:
    bars = drift(PEAK + 10)
    bars["high"][PEAK] = 110.0
    bars["low"][PEAK] = 90.0
    ids = []
    for _ in range(2):
        found = pipeline(open_preset())
        found.advance(bars, 0, len(bars))
        ids.append([level.id for level in found.levels()])
    assert ids[0] == ids[1]
    assert len(set(ids[0])) == 2


def test_donchian_levels_stand_at_the_extremes_before_the_newest_bar() -> None:
    bars = drift(PEAK + 10)
    found = pipeline(open_preset(donchian_bars=(10, 20), merge_atr=1e-9))
    found.advance(bars, 0, PEAK)
    known = {(level.side, level.price) for level in found.levels()}
    newest = PEAK - 2
    assert (1, bars["high"][newest]) in known
    assert (-1, bars["low"][newest - 9]) in known
    assert (-1, bars["low"][newest - 19]) in known
    assert (1, bars["high"][newest + 1]) not in known


def test_the_ends_of_a_bar_of_extreme_volume_are_levels() -> None:
    bars = drift(PEAK + 10)
    bars["volume"][PEAK] = 9000.0
    found = pipeline(open_preset(volume_extreme_fraction=0.15))
    found.advance(bars, 0, PEAK + 2)
    born = [one for one in found.levels() if one.birth_ms == bars["ts"][PEAK]]
    assert {(one.kind, one.side, one.price) for one in born} == {
        ("volume", 1, bars["high"][PEAK]),
        ("volume", -1, bars["low"][PEAK]),
    }


def test_strength_follows_its_formula() -> None:
    bars = drift(PEAK + 40)
    bars["high"][PEAK] = 110.0
    bars["high"][PEAK + 10] = 109.95
    bars["volume"][PEAK + 10] = 1500.0
    found = pipeline(open_preset(merge_atr=5.0, cascade_min=99))
    found.advance(bars, 0, len(bars))
    (level,) = resistances(found.levels())
    hours = 39 * 0.25
    assert level.strength == pytest.approx(0.4 * 2 / 5 + 0.2 * hours / 168 + 0.2 + 0.2)


@pytest.mark.parametrize(
    ("rules", "bonus"),
    [
        ({"round_steps": (10.0,)}, 0.1 + 0.05 * np.log10(11.0)),
        ({"round_steps": (0.01,)}, 0.0),
        ({"round_steps": (25.0,)}, 0.0),
        ({"cascade_min": 1}, 0.05),
    ],
)
def test_round_numbers_and_cascades_add_strength(
    rules: dict[str, Any], bonus: float
) -> None:
    bars = drift(PEAK + 10)
    bars["high"][PEAK] = 110.0
    plain, better = (
        pipeline(open_preset(cascade_min=99)),
        pipeline(open_preset(**({"cascade_min": 99} | rules))),
    )
    for one in (plain, better):
        one.advance(bars, 0, len(bars))
    gain = better.levels()[0].strength - plain.levels()[0].strength
    assert gain == pytest.approx(bonus)


def test_a_pierce_weakens_a_level() -> None:
    bars = drift(PEAK + 20)
    bars["high"][PEAK] = 110.0
    clean, pierced = pipeline(open_preset()), pipeline(open_preset())
    clean.advance(bars, 0, len(bars))
    bars["high"][PEAK + 10] = 110.3
    pierced.advance(bars, 0, len(bars))
    strengths = [resistances(one.levels())[0].strength for one in (clean, pierced)]
    assert strengths[0] - strengths[1] == pytest.approx(0.2 - 0.4 / 5)


def test_the_symbol_is_armed_near_a_level_and_disarmed_away_from_it() -> None:
    bars = drift(PEAK + 30)
    bars["high"][PEAK] = 102.5
    near = slice(PEAK + 15, PEAK + 20)
    bars["close"][near] = 102.3
    bars["high"][near] = 102.4
    found = pipeline(open_preset())
    rows = found.advance(bars, 0, len(bars))
    arming = rows[np.isin(rows["kind"], (FindingKind.ARMED, FindingKind.DISARMED))]
    level = arming[arming["level"] == 102.5]
    assert level["kind"].tolist() == [FindingKind.ARMED]
    assert level["ts"][0] == bars["ts"][PEAK + 15] + FRAME_MS
    later = arming[arming["ts"] > level["ts"][0]]
    assert later["kind"][0] == FindingKind.DISARMED


def test_every_unknown_reason_fits_into_the_mask_of_notes() -> None:
    last = max(at for at, name in enumerate(REASONS) if name.endswith("_unknown"))
    assert last < 63
    assert len(set(REASONS)) == len(REASONS)


def test_the_ring_is_as_long_as_a_power_of_two() -> None:
    assert RING_MASK & (RING_MASK + 1) == 0
