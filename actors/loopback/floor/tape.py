"""What was traded: the newest trades, and one-minute candles of them for a day.

Candles are kept as whole ticks and lots in one array, so that a day of three hundred
symbols is some thirty megabytes; longer candles are added up when they are asked for.
"""

from collections import deque

import msgspec
import numpy as np

from actors.loopback.floor.maker import Trade

MINUTE_MS = 60_000
KEPT_MINUTES = 1_560
KEPT_TRADES = 1_000
INTERVALS_MS = {
    "1m": MINUTE_MS,
    "3m": 3 * MINUTE_MS,
    "5m": 5 * MINUTE_MS,
    "15m": 15 * MINUTE_MS,
    "30m": 30 * MINUTE_MS,
    "1h": 60 * MINUTE_MS,
    "2h": 120 * MINUTE_MS,
    "4h": 240 * MINUTE_MS,
    "6h": 360 * MINUTE_MS,
    "8h": 480 * MINUTE_MS,
    "12h": 720 * MINUTE_MS,
    "1d": 1_440 * MINUTE_MS,
}
#: Columns of a candle.
OPEN_MS, OPEN, HIGH, LOW, CLOSE, LOTS, COUNT, BUY_LOTS = range(8)


class Candle(msgspec.Struct, gc=False):
    """One candle in ticks and lots."""

    open_ms: int
    open: int
    high: int
    low: int
    close: int
    lots: int = 0
    count: int = 0
    buy_lots: int = 0
    value: int = 0  # sum of ticks times lots: fits, as Python's integers do
    buy_value: int = 0
    first_id: int = -1
    last_id: int = -1

    def add(self, trade: Trade) -> None:
        """Count one trade in."""
        ticks, lots = trade.ticks, trade.lots
        self.high, self.low = max(self.high, ticks), min(self.low, ticks)
        if self.count == 0:
            self.open, self.first_id = ticks, trade.id
            self.high = self.low = ticks
        self.close, self.last_id = ticks, trade.id
        self.lots += lots
        self.count += 1
        self.value += ticks * lots
        if not trade.buyer_is_maker:
            self.buy_lots += lots
            self.buy_value += ticks * lots


class Tape:
    """The trades and candles of one symbol."""

    def __init__(self) -> None:
        self.trades: deque[Trade] = deque(maxlen=KEPT_TRADES)
        self.next_id = 1
        self.last = 0  # ticks of the newest trade
        self.open: dict[int, Candle] = {}  # the running candle of each length followed
        self._minutes = np.zeros((KEPT_MINUTES, 8), np.int64)
        self._count = 0

    def remember(
        self, minutes: "np.ndarray[tuple[int, int], np.dtype[np.int64]]"
    ) -> None:
        """Take over the minutes before the first trade."""
        rows = minutes[-KEPT_MINUTES:]
        self._minutes[: len(rows)] = rows
        self._count = len(rows)
        if len(rows):
            self.last = int(rows[-1, CLOSE])

    def move(self, shift_ms: int) -> None:
        """Move what is remembered in time."""
        self._minutes[: self._count, OPEN_MS] += shift_ms

    def begin(self, open_ms: int) -> None:
        """Start the first minute."""
        self.follow(MINUTE_MS, open_ms)

    def follow(self, length_ms: int, now_ms: int) -> Candle:
        """Give the running candle of a length; start it from the minutes known."""
        candle = self.open.get(length_ms)
        if candle is None:
            open_ms = now_ms - now_ms % length_ms
            candle = self._gathered(open_ms, now_ms)
            self.open[length_ms] = candle
        return candle

    def _gathered(self, open_ms: int, now_ms: int) -> Candle:
        rows = self.rows(open_ms, now_ms)
        candle = Candle(open_ms, self.last, self.last, self.last, self.last)
        for row in rows.tolist():
            if candle.count == 0:
                candle.open, candle.high, candle.low = row[OPEN], row[HIGH], row[LOW]
            candle.high = max(candle.high, row[HIGH])
            candle.low = min(candle.low, row[LOW])
            candle.close = row[CLOSE]
            candle.lots += row[LOTS]
            candle.count += max(1, row[COUNT])
            candle.buy_lots += row[BUY_LOTS]
            candle.value += row[CLOSE] * row[LOTS]
            candle.buy_value += row[CLOSE] * row[BUY_LOTS]
        return candle

    def trade(self, time_ms: int, ticks: int, lots: int, *, sold: bool) -> Trade:
        """Print one trade; `sold`: the taker sold."""
        trade = Trade(self.next_id, time_ms, ticks, lots, sold)
        self.next_id += 1
        self.last = ticks
        self.trades.append(trade)
        for candle in self.open.values():
            candle.add(trade)
        return trade

    def close_at(self, now_ms: int) -> list[tuple[int, Candle]]:
        """End every candle that ends by `now_ms` and start the next; tell the ended."""
        ended = []
        for length, candle in list(self.open.items()):
            if candle.open_ms + length > now_ms:
                continue
            ended.append((length, candle))
            if length == MINUTE_MS:
                self._keep(candle)
            self.open[length] = Candle(
                now_ms - now_ms % length, self.last, self.last, self.last, self.last
            )
        return ended

    def _keep(self, candle: Candle) -> None:
        if self._count == KEPT_MINUTES:
            # A tenth at once: moving the array every minute would be most of the work.
            dropped = KEPT_MINUTES // 10
            self._minutes[:-dropped] = self._minutes[dropped:]
            self._count -= dropped
        self._minutes[self._count] = (
            candle.open_ms,
            candle.open,
            candle.high,
            candle.low,
            candle.close,
            candle.lots,
            candle.count,
            candle.buy_lots,
        )
        self._count += 1

    def rows(
        self, start_ms: int, end_ms: int
    ) -> "np.ndarray[tuple[int, int], np.dtype[np.int64]]":
        """Give the kept minutes that open in [start, end), oldest first."""
        kept = self._minutes[: self._count]
        times = kept[:, OPEN_MS]
        return kept[np.searchsorted(times, start_ms) : np.searchsorted(times, end_ms)]

    @property
    def first_ms(self) -> int:
        """When the oldest kept minute opens; 0: none is kept."""
        return int(self._minutes[0, OPEN_MS]) if self._count else 0
