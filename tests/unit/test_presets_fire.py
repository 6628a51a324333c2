"""Every shipped preset fires on a market made for it, with a book and without one."""

import numpy as np
import pytest

from actors.domain.bars import CONTEXT_COLUMNS, Bars
from actors.domain.findings import FindingKind
from actors.domain.strategies.loader import load_strategy
from config.load import load_preset, preset_names
from tests.markets import firing_bars
from tests.strategy_bars import MINUTE_MS, context


def signals_of(name: str, bars: Bars, minutes: int) -> tuple[set[str], dict[str, int]]:
    """Run a preset over a market: the kinds that fired, and the funnel."""
    pipeline = load_strategy("breakout", load_preset(name)).pipeline(context(minutes))
    rows = pipeline.advance(bars, 0, len(bars))
    fired = rows[rows["kind"] == FindingKind.SIGNAL]
    kinds = {pipeline.signal_kinds[at] for at in fired["signal_kind"]}
    return kinds, pipeline.funnel()


@pytest.mark.parametrize("name", preset_names())
@pytest.mark.parametrize("minutes", [5, 15])
def test_every_shipped_preset_fires(name: str, minutes: int) -> None:
    bars = firing_bars(load_preset(name), minutes * MINUTE_MS)
    kinds, funnel = signals_of(name, bars, minutes)
    assert kinds, funnel


@pytest.mark.parametrize("name", preset_names())
def test_every_shipped_preset_fires_on_plain_candles(name: str) -> None:
    bars = firing_bars(load_preset(name), 15 * MINUTE_MS)
    for column in CONTEXT_COLUMNS:
        bars[column] = np.nan
    kinds, funnel = signals_of(name, bars, 15)
    assert kinds, funnel


def test_a_preset_does_not_fire_on_a_book_that_leans_the_other_way() -> None:
    bars = firing_bars(load_preset("gainers_momentum"), 15 * MINUTE_MS)
    bars["imbalance"] = -bars["imbalance"]
    kinds, funnel = signals_of("gainers_momentum", bars, 15)
    assert not kinds
    assert funnel["dropped_imbalance"] > 0
