"""The recorded markets beside the checkout, as bars by symbol."""

import os
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl

from actors.domain.bars import Bars, empty_bars

ROOT = Path(
    os.environ.get(
        "BREAKOUT_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"
    )
)
BENCHMARK = "BTC/USDT:USDT"


@cache
def recorded_bars(name: str) -> dict[str, Bars]:
    """Read one candle file; the benchmark's closes stand beside each symbol's."""
    frame = pl.read_parquet(ROOT / "candles" / name).sort("symbol", "ts")
    found = {}
    for (symbol,), rows in frame.group_by("symbol", maintain_order=True):
        bars = empty_bars(rows.height)
        for column in ("ts", "open", "high", "low", "close", "volume"):
            bars[column] = rows[column].to_numpy()
        found[str(symbol)] = bars
    benchmark = found.get(BENCHMARK)
    for bars in found.values() if benchmark is not None else ():
        at = np.searchsorted(benchmark["ts"], bars["ts"])
        at = np.minimum(at, len(benchmark) - 1)
        same = benchmark["ts"][at] == bars["ts"]
        bars["reference_close"] = np.where(same, benchmark["close"][at], np.nan)
    return found
