"""Market bars become pipeline bars; gaps and bad bars are counted, never filled."""

import numpy as np
import pytest

from actors.domain.bars import Bars
from actors.domain.errors import StrategyError
from actors.domain.kernel import record as rec
from actors.domain.strategies.breakout import Breakout, BreakoutPipeline
from config.preset import Policy
from tests.markets import firing_bars
from tests.presets import MINUTE_MS, breakout_v1, changed, context
from tests.unit.test_kernel_levels import FRAME_MS, drift, open_preset, pipeline

V1 = breakout_v1(Policy.SKIP)


def minutes(count: int) -> Bars:
    """Give one-minute bars that begin with a quarter of an hour."""
    bars = firing_bars(V1, MINUTE_MS)
    first = int(np.argmax(bars["ts"] % FRAME_MS == 0))
    return bars[first : first + count].copy()


def frames_of(found: BreakoutPipeline, count: int) -> list[list[float]]:
    state = found._states[0]
    at = np.arange(state["end"] - count, state["end"]) & rec.RING_MASK
    names = ("open", "high", "low", "close", "volume")
    return [state[name][at].tolist() for name in names]


def test_finer_bars_are_put_together() -> None:
    bars = minutes(150)
    found = Breakout(changed(V1, "timeframe_minutes", 15)).pipeline(context(1))
    found.advance(bars, 0, len(bars))
    parts = bars.reshape(10, 15)
    assert frames_of(found, 10) == [
        parts["open"][:, 0].tolist(),
        parts["high"].max(axis=1).tolist(),
        parts["low"].min(axis=1).tolist(),
        parts["close"][:, -1].tolist(),
        pytest.approx(parts["volume"].sum(axis=1).tolist()),
    ]


def test_nothing_is_decided_on_a_bar_whose_end_never_came() -> None:
    bars = minutes(1300)
    preset = changed(V1, "timeframe_minutes", 5)
    whole = Breakout(preset).pipeline(context(1))
    whole.advance(bars, 0, len(bars))
    kept = np.delete(bars, 1204)  # the last minute of a frame
    holed = Breakout(preset).pipeline(context(1))
    holed.advance(kept, 0, len(kept))
    assert holed.funnel()["late_bars"] == 1
    assert holed.funnel()["missing_bars"] == 1
    assert holed.funnel()["evaluated"] == whole.funnel()["evaluated"] - 1


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("close", np.nan),
        ("open", np.nan),
        ("high", np.inf),
        ("low", 0.0),
        ("low", -1.0),
        ("high", 1.0),
        ("close", 999.0),
        ("open", 999.0),
        ("volume", -1.0),
        ("volume", np.nan),
    ],
)
def test_a_bar_that_is_no_bar_is_counted_and_left_out(
    column: str, value: float
) -> None:
    bars = drift(50)
    bars[column][20] = value
    found = pipeline(V1)
    found.advance(bars, 0, len(bars))
    assert found.funnel()["bad_bars"] == 1
    assert found.funnel()["bars"] == 49
    assert not np.isnan(found._states[0]["day_volume_sum"])


def test_repeated_and_late_rows_change_nothing() -> None:
    bars = drift(200)
    plain, repeated = pipeline(V1), pipeline(V1)
    plain.advance(bars, 0, len(bars))
    again = np.sort(np.concatenate([bars, bars[50:60]]), order="ts")
    again = np.concatenate([again, bars[:5]])
    repeated.advance(again, 0, len(again))
    assert repeated.funnel()["bad_bars"] == 15
    assert plain.funnel() | {"bad_bars": 15} == repeated.funnel()


def test_a_long_gap_starts_the_averages_again_and_a_short_one_does_not() -> None:
    for missing, resets in ((30, 0), (31, 1)):
        bars = drift(200)
        bars["ts"][120:] += missing * FRAME_MS
        found = pipeline(V1)
        found.advance(bars, 0, len(bars))
        assert found.funnel()["resets"] == resets
        assert found.funnel()["missing_bars"] == missing
        warm = 80 if resets else 200
        assert found._states[0]["warm"] == warm


def test_levels_outlive_a_long_gap() -> None:
    bars = drift(200)
    bars["high"][90] = 110.0
    bars["ts"][110:] += 100 * FRAME_MS
    found = pipeline(open_preset())
    found.advance(bars, 0, 105)
    before = found.levels()
    found.advance(bars, 105, 200)
    assert 110.0 in [level.price for level in before]
    assert 110.0 in [level.price for level in found.levels()]


def test_the_volume_of_a_day_rolls() -> None:
    rng = np.random.default_rng(5)
    bars = drift(1000)
    bars["volume"] = rng.lognormal(5.0, 2.0, 1000)
    found = pipeline(V1)
    found.advance(bars, 0, len(bars))
    day = bars[-96:]
    quote = day["volume"] * (day["high"] + day["low"] + day["close"]) / 3.0
    assert found._states[0]["day_volume_sum"] == pytest.approx(quote.sum(), rel=1e-12)
    assert found._states[0]["day_bars_sum"] == 96


def test_a_bucket_that_lacks_a_bar_is_unknown() -> None:
    bars = minutes(65)
    kept = np.delete(bars, 52)
    found = Breakout(V1).pipeline(context(1))
    found.advance(kept, 0, len(kept))
    buckets = found._states[0]["buckets"]
    first = int(bars["ts"][0]) // rec.SLOT_MS
    known = ~np.isnan(buckets[(first + np.arange(13)) % rec.BUCKET_RING])
    assert known.tolist() == [at != 10 for at in range(13)]
    volume = bars["volume"][:5].sum()
    assert buckets[first % rec.BUCKET_RING] == pytest.approx(volume)


def wilder(bars: Bars) -> float:
    before = np.concatenate([bars["close"][:1], bars["close"][:-1]])
    before[0] = np.nan
    spans = np.fmax(bars["high"], before) - np.fmin(bars["low"], before)
    average = spans[:14].mean()
    for span in spans[14:]:
        average = (average * 13 + span) / 14
    return float(average)


def test_the_atr_of_15_minutes_is_wilders_of_15_minute_bars() -> None:
    """Defect 4: the reference took 1.5 x the ATR of 5 minutes."""
    coarse = drift(120)
    rng = np.random.default_rng(2)
    coarse["high"] *= 1.0 + 0.01 * rng.random(120)
    fine = np.repeat(coarse, 3)
    fine["ts"] += np.tile(np.arange(3) * 5 * MINUTE_MS, 120)
    found = Breakout(V1).pipeline(context(5))
    found.advance(fine, 0, len(fine))
    assert found._states[0]["quarter_atr"] == pytest.approx(wilder(coarse))


def test_a_snapshot_of_another_layout_is_refused() -> None:
    with pytest.raises(StrategyError, match="snapshot of 3 bytes"):
        pipeline(V1).restore(b"abc")


def test_a_pipeline_that_saw_nothing_says_so() -> None:
    found = pipeline(V1)
    assert found.last_rejection() is None
    assert found.levels() == ()
    assert np.isnan(found.score())
    assert np.isnan(found.nearest_level_atr())


def test_the_nearest_level_is_told_in_atrs() -> None:
    bars = drift(100)
    bars["high"][90] = 110.0
    found = pipeline(open_preset())
    found.advance(bars, 0, len(bars))
    state = found._states[0]
    expected = (110.0 - bars["close"][-1]) / state["atr"]
    assert found.nearest_level_atr() == pytest.approx(expected)
