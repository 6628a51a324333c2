"""Donchian and EMA-RSI find exactly what their descriptions say, and say why not."""

import math

import msgspec
import numpy as np
import pytest

from actors.domain.bars import Bars
from actors.domain.errors import StrategyError
from actors.domain.findings import FindingKind, Findings
from actors.domain.strategies.compiled import CompiledPipeline
from actors.domain.strategies.donchian import Donchian
from actors.domain.strategies.ema_rsi import EmaRsi
from config.load import load_preset
from tests.strategy_bars import (
    START_MS,
    bars_from_closes,
    bars_of,
    context,
    wandering_bars,
)

QUARTER_MS = 900_000
FLAT = (100.0, 101.0, 99.0, 100.0, 100.0)


def kinds(rows: Findings) -> list[str]:
    return [FindingKind(row["kind"]).name for row in rows]


def donchian_of(bars: Bars) -> tuple[CompiledPipeline, Findings]:
    pipeline = Donchian(load_preset("breakout_v1")).pipeline(context())
    return pipeline, pipeline.advance(bars, 0, len(bars))


def ema_rsi_of(
    closes: list[float], *, shortable: bool = True
) -> tuple[CompiledPipeline, Findings]:
    strategy = EmaRsi(load_preset("breakout_v1"))
    pipeline = strategy.pipeline(context(shortable=shortable))
    bars = bars_from_closes(closes)
    return pipeline, pipeline.advance(bars, 0, len(bars))


def test_donchian_enters_over_the_20_bar_high_with_volume() -> None:
    bars = bars_of([FLAT] * 20 + [(100.0, 103.0, 100.0, 102.0, 151.0)])
    pipeline, rows = donchian_of(bars)
    assert kinds(rows) == ["CANDIDATE", "SIGNAL"]
    # Wilder: 20 ranges of 2, then one of 3.
    atr = (2.0 * 13 + 3.0) / 14
    signal = rows[1]
    assert signal["atr"] == pytest.approx(atr)
    assert signal["entry"] == 102.0
    assert signal["stop"] == pytest.approx(102.0 - 1.5 * atr)
    assert signal["target"] == pytest.approx(102.0 + 3.0 * atr)
    assert signal["level"] == 101.0
    assert signal["ts"] == START_MS + 21 * QUARTER_MS
    assert pipeline.signal_kinds[signal["signal_kind"]] == "donchian"
    assert pipeline.funnel()["signals"] == 1


def test_donchian_needs_more_than_one_and_a_half_times_the_mean_volume() -> None:
    bars = bars_of([FLAT] * 20 + [(100.0, 103.0, 100.0, 102.0, 150.0)])
    pipeline, rows = donchian_of(bars)
    assert kinds(rows) == ["CANDIDATE", "WHYNOT"]
    assert pipeline.last_rejection() == (
        *("volume_multiple", 1.5, 1.5),
        START_MS + 21 * QUARTER_MS,
    )


def test_donchian_does_not_count_a_close_at_the_high_as_a_breakout() -> None:
    bars = bars_of([FLAT] * 20 + [(100.0, 101.5, 100.0, 101.0, 900.0)])
    pipeline, rows = donchian_of(bars)
    assert len(rows) == 0
    rejected = pipeline.last_rejection()
    assert rejected is not None
    assert rejected[:3] == ("no_breakout", 101.0, 101.0)


def test_donchian_waits_for_20_bars_before_the_one_that_breaks_out() -> None:
    bars = bars_of([FLAT] * 19 + [(100.0, 103.0, 100.0, 102.0, 900.0)])
    pipeline, rows = donchian_of(bars)
    assert len(rows) == 0
    assert pipeline.funnel()["evaluated"] == 0


def test_donchian_refuses_a_stop_that_would_be_no_price() -> None:
    wild = (100.0, 101.0, 1.0, 100.0, 100.0)
    pipeline, rows = donchian_of(
        bars_of([wild] * 20 + [(100.0, 103.0, 100.0, 102.0, 151.0)])
    )
    assert kinds(rows) == ["CANDIDATE", "WHYNOT"]
    assert pipeline.reasons[rows[1]["reason"]] == "stop_distance"
    assert rows[1]["value"] < 0.0


def test_a_pipeline_that_saw_nothing_claims_nothing() -> None:
    pipeline = Donchian(load_preset("breakout_v1")).pipeline(context())
    assert pipeline.last_rejection() is None
    assert pipeline.levels() == ()
    assert math.isnan(pipeline.score())
    assert math.isnan(pipeline.nearest_level_atr())


@pytest.mark.parametrize(("bars_before", "found"), [(19, 0), (20, 2)])
def test_donchian_looks_back_exactly_20_bars(bars_before: int, found: int) -> None:
    peak, breakout = (100.0, 103.0, 99.0, 100.0, 100.0), (100.0, 103, 100, 102, 151.0)
    _, rows = donchian_of(bars_of([FLAT, peak, *[FLAT] * bars_before, breakout]))
    assert len(rows) == found


def test_donchian_agrees_with_a_plain_reading_of_its_description() -> None:
    bars = wandering_bars(7, 2000)
    _, rows = donchian_of(bars)
    close, high, volume = bars["close"], bars["high"], bars["volume"]
    wanted = [
        int(bars["ts"][at]) + QUARTER_MS
        for at in range(20, len(bars))
        if close[at] > high[at - 20 : at].max()
        and volume[at] > 1.5 * volume[at - 20 : at].mean()
    ]
    signals = rows[rows["kind"] == FindingKind.SIGNAL]
    assert signals["ts"].tolist() == wanted
    assert len(wanted) > 20


def falling_then_rising(rise: float) -> list[float]:
    down = [100.0 - 0.5 * at for at in range(30)]
    # Two steps forward, one step back: RSI stays moderate while averages cross.
    steps = np.cumsum([rise if at % 2 == 0 else -rise * 0.75 for at in range(60)])
    return down + (down[-1] + steps).tolist()


def test_ema_rsi_enters_long_once_at_a_crossing() -> None:
    _, rows = ema_rsi_of(falling_then_rising(1.0))
    assert kinds(rows) == ["EXIT", "CANDIDATE", "SIGNAL"]
    assert rows["side"].tolist() == [-1, 1, 1]
    signal = rows[2]
    assert signal["stop"] == pytest.approx(signal["entry"] * 0.995)
    assert signal["target"] == pytest.approx(signal["entry"] * 1.015)


def test_ema_rsi_refuses_an_overbought_crossing() -> None:
    pipeline, rows = ema_rsi_of(
        [100.0 - 0.5 * at for at in range(30)] + [86.0 + 5.0 * at for at in range(5)]
    )
    whynot = rows[rows["kind"] == FindingKind.WHYNOT][0]
    assert pipeline.reasons[whynot["reason"]] == "rsi"
    assert whynot["value"] > 65.0
    assert whynot["threshold"] == 65.0


def mirrored(closes: list[float]) -> list[float]:
    return [200.0 - close for close in closes]


def test_ema_rsi_enters_short_where_shorts_are_allowed() -> None:
    _, rows = ema_rsi_of(mirrored(falling_then_rising(1.0)))
    assert kinds(rows) == ["EXIT", "CANDIDATE", "SIGNAL"]
    assert rows["side"].tolist() == [1, -1, -1]
    assert rows[2]["stop"] > rows[2]["entry"] > rows[2]["target"]


def test_ema_rsi_only_leaves_a_long_where_there_are_no_shorts() -> None:
    pipeline, rows = ema_rsi_of(mirrored(falling_then_rising(1.0)), shortable=False)
    assert kinds(rows) == ["EXIT", "CANDIDATE", "WHYNOT"]
    assert pipeline.reasons[rows[0]["reason"]] == "opposite_crossing"
    assert pipeline.reasons[rows[2]["reason"]] == "not_shortable"


def test_ema_rsi_leaves_when_rsi_allows_after_an_oversold_crossing() -> None:
    rising = [100.0 + 0.5 * at for at in range(30)]
    crash = [114.0 - 5.0 * at for at in range(4)]
    pause = [99.0 + 0.9 * at for at in range(8)]
    _, rows = ema_rsi_of(rising + crash + pause)
    assert kinds(rows) == ["CANDIDATE", "WHYNOT", "EXIT"]
    assert rows[2]["ts"] > rows[1]["ts"]


def plain_averages(closes: list[float]) -> list[tuple[float, float, float]]:
    """Give fast EMA, slow EMA and RSI after each bar, straight from definitions."""

    def ema(period: int) -> list[float]:
        values = [float(np.mean(closes[: at + 1])) for at in range(period)]
        for close in closes[period:]:
            values.append(values[-1] + (close - values[-1]) * 2 / (period + 1))
        return values

    def wilder(moves: list[float]) -> list[float]:
        values = [float(np.mean(moves[: at + 1])) for at in range(7)]
        for move in moves[7:]:
            values.append((values[-1] * 6 + move) / 7)
        return [0.0, *values]

    changes = np.diff(closes)
    gains = wilder(np.maximum(changes, 0.0).tolist())
    losses = wilder(np.maximum(-changes, 0.0).tolist())
    strength = [100 * g / (g + k) for g, k in zip(gains[1:], losses[1:], strict=True)]
    return list(zip(ema(8), ema(21), [50.0, *strength], strict=True))


def test_ema_rsi_agrees_with_a_plain_reading_of_its_description() -> None:
    closes = wandering_bars(7, 1500)["close"].tolist()
    _, rows = ema_rsi_of(closes)
    found = [
        (int(row["ts"]), int(row["side"]))
        for row in rows[rows["kind"] == FindingKind.SIGNAL]
    ]
    averages = plain_averages(closes)
    wanted = []
    for at in range(21, len(closes)):
        fast, slow, strength = averages[at]
        before = averages[at - 1][0] - averages[at - 1][1]
        ts = START_MS + (at + 1) * QUARTER_MS
        if fast > slow and before < 0 and strength < 65:
            wanted.append((ts, 1))
        if fast < slow and before > 0 and strength > 35:
            wanted.append((ts, -1))
    assert found == wanted
    assert {side for _, side in wanted} == {1, -1}


def test_every_candidate_is_answered_once_at_its_own_time() -> None:
    bars = wandering_bars(3, 5000)
    preset = load_preset("breakout_v1")
    for strategy in (Donchian(preset), EmaRsi(preset)):
        pipeline = strategy.pipeline(context(shortable=False))
        rows = pipeline.advance(bars, 0, len(bars))
        asked = np.flatnonzero(rows["kind"] == FindingKind.CANDIDATE)
        answers = {int(FindingKind.SIGNAL), int(FindingKind.WHYNOT)}
        assert set(rows["kind"][asked + 1].tolist()) == answers
        assert (rows["ts"][asked] == rows["ts"][asked + 1]).all()
        funnel = pipeline.funnel()
        drops = sum(n for name, n in funnel.items() if name.startswith("dropped_"))
        assert funnel["evaluated"] == funnel["signals"] + drops


def test_bars_that_do_not_belong_are_counted_and_left_out() -> None:
    bars = bars_of([FLAT] * 24)
    bars["ts"][5] = bars["ts"][4]
    bars["low"][6] = np.nan
    bars["high"][7] = 50.0
    bars["volume"][8] = -1.0
    pipeline, _ = donchian_of(bars)
    funnel = pipeline.funnel()
    assert (funnel["bars"], funnel["bad_bars"]) == (20, 4)


def test_finer_bars_are_put_together_to_the_preset_s_timeframe() -> None:
    preset = msgspec.structs.replace(load_preset("breakout_v1"), timeframe_minutes=15)
    fine = bars_of(
        [(100.0, 101.0, 100.0, 100.0, 10.0), (100.0, 100.0, 99.0, 100.0, 80.0)] * 30
        + [(100.0, 103.0, 100.0, 101.5, 1.0), (101.5, 102.0, 101.0, 101.0, 1.0)]
        + [(101.0, 102.0, 101.0, 102.0, 151.0)],
        minutes=5,
    )
    pipeline = Donchian(preset).pipeline(context(minutes=5))
    rows = pipeline.advance(fine, 0, len(fine))
    assert pipeline.funnel()["evaluated"] == 1
    assert kinds(rows) == ["CANDIDATE", "WHYNOT"]
    # Three bars of 5 m hold 100 or 170: twenty of them have a mean of 135.
    assert rows[1]["value"] == pytest.approx(153.0 / 135.0)


def test_a_bar_whose_end_never_came_is_history_but_decides_nothing() -> None:
    preset = msgspec.structs.replace(load_preset("breakout_v1"), timeframe_minutes=15)
    fine = bars_of([FLAT] * 63 + [(100.0, 120.0, 100.0, 119.0, 900.0)] * 4, minutes=5)
    pipeline = Donchian(preset).pipeline(context(minutes=5))
    rows = pipeline.advance(np.delete(fine, 65), 0, 66)
    funnel = pipeline.funnel()
    assert len(rows) == 0
    assert (funnel["evaluated"], funnel["late_bars"]) == (1, 1)


def test_a_timeframe_that_the_bars_do_not_make_up_is_refused() -> None:
    preset = msgspec.structs.replace(load_preset("breakout_v1"), timeframe_minutes=15)
    with pytest.raises(StrategyError, match="do not make up the preset's 900000 ms"):
        Donchian(preset).pipeline(context(minutes=10))


def test_a_snapshot_brings_a_pipeline_back_exactly() -> None:
    bars = wandering_bars(11, 800)
    strategy = EmaRsi(load_preset("breakout_v1"))
    first, second = strategy.pipeline(context()), strategy.pipeline(context())
    first.advance(bars, 0, 400)
    second.restore(first.snapshot())
    wanted = first.advance(bars, 400, 800).tobytes()
    assert second.advance(bars, 400, 800).tobytes() == wanted
    with pytest.raises(StrategyError, match="a snapshot of 3 bytes"):
        second.restore(b"abc")
