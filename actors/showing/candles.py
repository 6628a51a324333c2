"""Candles of one symbol: the market's own bars, or coarser ones made of them."""

from typing import Any

import numpy as np

from actors.cursor import Cursor
from actors.domain.bars import Bars
from actors.domain.shown.symbols import Candle

MINUTE_MS = 60_000
DAY_MS = 1_440 * MINUTE_MS
CANDLES_MAX = 5_000
#: What people ask for; a market offers those that its own bars fill exactly.
TIMEFRAMES_MS = tuple(
    minutes * MINUTE_MS for minutes in (1, 3, 5, 15, 30, 60, 120, 240, 720, 1_440)
)
#: The close of a day ago may be so much older, where the market has a gap.
GAP_MS = 3_600_000


def timeframes(market_ms: int) -> tuple[int, ...]:
    """List what a market's bars can be shown as; its own comes first."""
    coarser = (one for one in TIMEFRAMES_MS if one > market_ms and one % market_ms == 0)
    return (market_ms, *coarser)


def candles(
    cursor: Cursor, index: int, limit: int, timeframe_ms: int | None
) -> tuple[Candle, ...]:
    """Give the newest closed candles of an instrument, oldest first.

    Raises ValueError for a timeframe that the market's bars do not fill.
    """
    market_ms = cursor.description.timeframe_ms
    wanted_ms = market_ms if timeframe_ms is None else timeframe_ms
    allowed = timeframes(market_ms)
    if wanted_ms not in allowed:
        msg = (
            f"timeframeMs is {wanted_ms}; bars of {market_ms} ms can be shown as "
            f"{', '.join(map(str, allowed))}"
        )
        raise ValueError(msg)
    count = min(limit, CANDLES_MAX)
    if cursor.block is None or count <= 0:
        return ()
    # What has begun and not closed is no candle yet.
    stop_ms = cursor.last_close_ms // wanted_ms * wanted_ms
    bars, start, stop = cursor.history.window(index, stop_ms, count * wanted_ms)
    rows = bars[start:stop]
    if wanted_ms == market_ms:
        return tuple(candle(row) for row in rows)
    return _joined(rows, wanted_ms)


def candle(row: Any) -> Candle:
    """Give one bar as people see it."""
    ts, opening, high, low, close, volume = row.item()[:6]
    return Candle(ts, opening, high, low, close, volume)


def _joined(rows: Bars, wanted_ms: int) -> tuple[Candle, ...]:
    """Join bars to coarser ones; a first one that is not kept whole is left out."""
    if not len(rows):
        return ()
    slots = rows["ts"] // wanted_ms
    starts = np.flatnonzero(np.diff(slots, prepend=slots[0] - 1))
    ends = [*starts[1:].tolist(), len(rows)]
    found = []
    for start, end in zip(starts.tolist(), ends, strict=True):
        part, open_ms = rows[start:end], int(slots[start]) * wanted_ms
        if start == 0 and int(part["ts"][0]) != open_ms:
            continue
        found.append(
            Candle(
                time_ms=open_ms,
                open=float(part["open"][0]),
                high=float(part["high"].max()),
                low=float(part["low"].min()),
                close=float(part["close"][-1]),
                volume=float(part["volume"].sum()),
            )
        )
    return tuple(found)


def change_in_a_day(cursor: Cursor, index: int, bars: Bars, row: int) -> float | None:
    """How much the close of a bar is over that of 24 h before, as a fraction.

    None: UNKNOWN, as the market has no bar there, or none is kept.
    """
    then_ms = int(bars["ts"][row]) - DAY_MS + cursor.description.timeframe_ms
    then = cursor.history.newest_before(index, then_ms, GAP_MS)
    if then is None or not then["close"] > 0.0:
        return None
    return float(bars["close"][row] / then["close"]) - 1.0
