"""Bars, symbols and presets for the tests of small strategies."""

from collections.abc import Sequence
from decimal import Decimal

import numpy as np

from actors.domain.bars import Bars, Instrument, empty_bars
from actors.domain.findings import SymbolContext

START_MS = 1_700_000_100_000 // 900_000 * 900_000
MINUTE_MS = 60_000


def context(minutes: int = 15, *, shortable: bool = True) -> SymbolContext:
    instrument = Instrument(
        symbol="AAA/USDT",
        base="AAA",
        quote="USDT",
        tick_size=Decimal("0.01"),
        lot_size=Decimal("0.001"),
        quantity_min=Decimal("0.001"),
        notional_min=Decimal(5),
        shortable=shortable,
        maker_fee_bps=Decimal(2),
        taker_fee_bps=Decimal(5),
    )
    return SymbolContext(instrument=instrument, timeframe_ms=minutes * MINUTE_MS)


def bars_of(
    rows: Sequence[tuple[float, float, float, float, float]], minutes: int = 15
) -> Bars:
    """Turn (open, high, low, close, volume) rows into bars in a row of time."""
    bars = empty_bars(len(rows))
    bars["ts"] = START_MS + np.arange(len(rows)) * minutes * MINUTE_MS
    for at, name in enumerate(("open", "high", "low", "close", "volume")):
        bars[name] = [row[at] for row in rows]
    return bars


def bars_from_closes(closes: Sequence[float], volume: float = 100.0) -> Bars:
    """Make bars that run straight from the close before to their own close."""
    before = [closes[0], *closes[:-1]]
    return bars_of(
        [
            (o, max(o, c) + 0.1, min(o, c) - 0.1, c, volume)
            for o, c in zip(before, closes, strict=True)
        ]
    )


def wandering_bars(seed: int, count: int, minutes: int = 15) -> Bars:
    """Make a seeded random walk with bursts of volume and context in some bars."""
    random = np.random.default_rng(seed)
    closes = 100.0 * np.exp(np.cumsum(random.normal(0.0, 0.01, count)))
    opens = np.concatenate(([100.0], closes[:-1]))
    reach = np.abs(random.normal(0.0, 0.004, (2, count)))
    bars = empty_bars(count)
    bars["ts"] = START_MS + np.arange(count) * minutes * MINUTE_MS
    bars["open"], bars["close"] = opens, closes
    bars["high"] = np.maximum(opens, closes) * (1.0 + reach[0])
    bars["low"] = np.minimum(opens, closes) * (1.0 - reach[1])
    bars["volume"] = random.gamma(0.7, 100.0, count)
    bars["spread_bps"] = np.where(random.random(count) < 0.5, np.nan, 3.0)
    bars["ask_depth_03_usd"] = np.where(random.random(count) < 0.5, np.nan, 4e4)
    return bars
