"""Candles of any length and the last day, added up from a tape's minutes."""

from decimal import Decimal

import numpy as np

from actors.loopback.floor.pit import Pit
from actors.loopback.floor.tape import (
    BUY_LOTS,
    CLOSE,
    COUNT,
    HIGH,
    LOTS,
    LOW,
    MINUTE_MS,
    OPEN,
    OPEN_MS,
    Candle,
)

DAY_MS = 1_440 * MINUTE_MS


def candles(pit: Pit, length_ms: int, now_ms: int) -> list[Candle]:
    """Give every kept candle of a length, the running one last."""
    found: list[Candle] = []
    for row in pit.tape.rows(0, 2**62).tolist():
        _add(found, row, length_ms)
    running = pit.tape.open.get(MINUTE_MS)
    if running is not None and running.open_ms <= now_ms:
        _add(found, _row_of(running), length_ms)
    return found


def _row_of(candle: Candle) -> list[int]:
    return [
        candle.open_ms,
        candle.open,
        candle.high,
        candle.low,
        candle.close,
        candle.lots,
        candle.count,
        candle.buy_lots,
    ]


def _add(found: list[Candle], row: list[int], length_ms: int) -> None:
    open_ms = row[OPEN_MS] - row[OPEN_MS] % length_ms
    if not found or found[-1].open_ms != open_ms:
        found.append(Candle(open_ms, row[OPEN], row[HIGH], row[LOW], row[CLOSE]))
    candle = found[-1]
    candle.high, candle.low = max(candle.high, row[HIGH]), min(candle.low, row[LOW])
    candle.close = row[CLOSE]
    candle.lots += row[LOTS]
    candle.count += row[COUNT]
    candle.buy_lots += row[BUY_LOTS]
    # What a minute was traded for is not kept to the last digit: its middle price is.
    middle = (row[OPEN] + row[HIGH] + row[LOW] + row[CLOSE]) // 4
    candle.value += middle * row[LOTS]
    candle.buy_value += middle * row[BUY_LOTS]


def day_of(pit: Pit, now_ms: int) -> Candle:
    """Add up the last day."""
    rows = pit.tape.rows(now_ms - DAY_MS, 2**62)
    last = pit.tape.last
    opened = int(rows[0, OPEN]) if len(rows) else last
    day = Candle(now_ms - DAY_MS, opened, max(opened, last), min(opened, last), last)
    if len(rows):
        day.high = max(day.high, int(rows[:, HIGH].max()))
        day.low = min(day.low, int(rows[:, LOW].min()))
        day.lots, day.count = int(rows[:, LOTS].sum()), int(rows[:, COUNT].sum())
        middles = rows[:, (OPEN, HIGH, LOW, CLOSE)].sum(axis=1) // 4
        day.value = int(middles.astype(np.float64) @ rows[:, LOTS])
    running = pit.tape.open.get(MINUTE_MS)
    if running is not None:
        day.high, day.low = max(day.high, running.high), min(day.low, running.low)
        day.lots += running.lots
        day.count += running.count
        day.value += running.value
    return day


def kline_row(pit: Pit, candle: Candle, length_ms: int) -> list[object]:
    """Write a candle as the klines endpoint does."""
    price, grid = pit.grid.price_text, pit.grid
    return [
        candle.open_ms,
        price(candle.open),
        price(candle.high),
        price(candle.low),
        price(candle.close),
        grid.size_text(candle.lots),
        candle.open_ms + length_ms - 1,
        f"{grid.value(1, candle.value):.8f}",
        candle.count,
        grid.size_text(candle.buy_lots),
        f"{grid.value(1, candle.buy_value):.8f}",
        "0",
    ]


def hundredth(part: int, whole: int) -> str:
    """Write a share in percent, with three decimals."""
    return f"{Decimal(part) * 100 / whole:.3f}" if whole else "0.000"
