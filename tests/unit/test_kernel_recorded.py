"""The recorded 15-minute market: the ledger adds up, and there are signals."""

from collections import Counter

import numpy as np
import pytest

from actors.domain.findings import FindingKind
from actors.domain.strategies.breakout import Breakout
from tests.presets import breakout_v1, context
from tests.recorded import ROOT, recorded_bars

NAME = "binance_usdm_15m.parquet"
PRESENT = (ROOT / "candles" / NAME).exists()
pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif(not PRESENT, reason="no recorded markets beside the checkout"),
]


def test_every_recorded_bar_is_accounted_for() -> None:
    strategy, total = Breakout(breakout_v1()), Counter[str]()
    bars_total = 0
    for bars in recorded_bars(NAME).values():
        pipeline = strategy.pipeline(context(15))
        rows = pipeline.advance(bars, 0, len(bars))
        funnel = pipeline.funnel()
        ends = np.isin(rows["kind"], (FindingKind.SIGNAL, FindingKind.WHYNOT)).sum()
        assert funnel["candidates"] == ends
        total.update(funnel)
        bars_total += len(bars)
    drops = sum(n for name, n in total.items() if name.startswith("dropped_"))
    assert total["bars"] + total["bad_bars"] == bars_total
    assert total["evaluated"] == total["signals"] + drops
    assert 50 < total["signals"] < 5000
