"""Pipelines before their first word, with another's memory, and on a tie."""

import msgspec
import pytest

from actors.domain.errors import StrategyError
from actors.domain.strategies.breakout import Breakout
from actors.domain.strategies.ema_rsi import EmaRsi
from config.load import load_preset
from tests.presets import breakout_v1, context
from tests.strategy_bars import bars_from_closes


def test_a_pipeline_that_saw_nothing_has_rejected_nothing() -> None:
    assert Breakout(breakout_v1()).pipeline(context()).last_rejection() is None


def test_the_newest_rejection_names_its_bar() -> None:
    pipeline = Breakout(breakout_v1()).pipeline(context())
    bars = bars_from_closes([100.0] * 100)
    pipeline.advance(bars, 0, len(bars))
    newest = pipeline.last_rejection()
    assert newest is not None
    reason, _, _, closed_ms = newest
    assert reason in pipeline.reasons
    assert closed_ms == int(bars["ts"][-1]) + context().timeframe_ms


def test_a_memory_of_another_layout_is_refused_and_nothing_is_forgotten() -> None:
    pipeline = Breakout(breakout_v1()).pipeline(context())
    before = pipeline.snapshot()
    with pytest.raises(StrategyError, match="a snapshot of 3 bytes"):
        pipeline.restore(b"old")
    assert pipeline.snapshot() == before
    pipeline.restore(before)
    assert pipeline.snapshot() == before


def test_two_equal_averages_are_no_trend_and_no_crossing() -> None:
    preset = msgspec.structs.replace(load_preset("breakout_v1"), timeframe_minutes=None)
    pipeline = EmaRsi(preset).pipeline(context())
    bars = bars_from_closes([100.0] * 120)
    assert len(pipeline.advance(bars, 0, len(bars))) == 0
