"""What the market does: bars laid out as beats, and the minutes between them.

A bar is walked open, extreme, extreme, close (a rising bar goes to its low first), in
beats of equal length. Symbols take their beats one after the other within a beat's
length, so that three hundred symbols do not all move in one instant.
"""

from collections.abc import Iterator
from itertools import chain

import msgspec
import numpy as np

from actors.domain.bars import BAR, PRICE_COLUMNS, Bars
from actors.loopback.floor.tape import MINUTE_MS
from actors.market.arrays import Floats
from actors.market.blocks import Block, Market, Step, steps

GAP_MINUTES_MAX = 1_440  # a longer hole of a recording is jumped over
BEATS_LEAST = 4  # open, extreme, extreme, close


class Minute(msgspec.Struct, frozen=True, gc=False):
    """A minute begins: candles close."""

    time_ms: int


class Beat(msgspec.Struct, frozen=True, gc=False):
    """One symbol's price goes to a point of its bar; NaN is UNKNOWN."""

    time_ms: int
    index: int
    price: float
    volume: float  # base units traded on the way
    spread_bps: float
    bid_usd: float  # resting within 0.3 % of the middle
    ask_usd: float


class Script:
    """A market of bars as a sequence of beats, and the history before its start."""

    def __init__(
        self, market: Market, *, beats_per_minute: int, history_minutes: int
    ) -> None:
        """Read the history; the market begins with the bar after it."""
        description = market.describe()
        self.instruments = description.instruments
        self._bar_ms = description.timeframe_ms
        minutes = max(1, self._bar_ms // MINUTE_MS)
        self._beats = max(BEATS_LEAST, beats_per_minute * minutes)
        history_bars = history_minutes // minutes
        if description.bars_total is not None and self.instruments:
            each = description.bars_total // len(self.instruments)
            history_bars = min(history_bars, each // 4)
        self._walk = _walk(market)
        self._ahead: list[tuple[Block, Step]] = []
        self.history = self._read(history_bars)

    @property
    def start_ms(self) -> int:
        """When the first bar after the history opens."""
        if not self._ahead:
            self._ahead = [next(self._walk)]
        return self._ahead[0][1].open_ts

    def events(self) -> Iterator[Minute | Beat]:
        """Go through the market once, in the order of time."""
        minute = self.start_ms
        for block, step in chain(self._ahead, self._walk):
            if step.open_ts - minute > GAP_MINUTES_MAX * MINUTE_MS:
                minute = step.open_ts
            for beat in self._bar(block, step):
                while minute <= beat.time_ms:
                    yield Minute(minute)
                    minute += MINUTE_MS
                yield beat
        yield Minute(minute)

    def _bar(self, block: Block, step: Step) -> Iterator[Beat]:
        bars = [
            (index, block.bars[index][row])
            for index, row in zip(step.indices, step.rows, strict=True)
        ]
        paths = [path_of(bar, self._beats) for _, bar in bars]
        shown = [tuple(float(bar[name]) for name in _SHOWN) for _, bar in bars]
        count = max(1, len(bars))
        for beat in range(self._beats):
            for place, (index, bar) in enumerate(bars):
                at = (beat + place / count) * self._bar_ms / self._beats
                yield Beat(
                    step.open_ts + int(at),
                    index,
                    paths[place][beat],
                    float(bar["volume"]) / self._beats,
                    *shown[place],
                )

    def _read(self, bars: int) -> list[Floats]:
        """Take the first bars as history: (ts, open, high, low, close, volume) rows."""
        taken: list[list[np.void]] = [[] for _ in self.instruments]
        for _ in range(bars):
            block, step = next(self._walk)
            for index, row in zip(step.indices, step.rows, strict=True):
                taken[index].append(block.bars[index][row])
        minutes = max(1, self._bar_ms // MINUTE_MS)
        return [_minutes(np.array(rows, BAR), minutes) for rows in taken]


_SHOWN = ("spread_bps", "bid_depth_03_usd", "ask_depth_03_usd")


def path_of(bar: np.void, beats: int) -> list[float]:
    """Give the price at each beat: all four corners are touched, in their order."""
    opened, high, low, close = (
        float(bar[name]) for name in ("open", "high", "low", "close")
    )
    corners = [opened, *((low, high) if close >= opened else (high, low)), close]
    last = beats - 1
    stops = [0, round(last / 3), round(2 * last / 3), last]
    points: list[float] = np.interp(np.arange(beats), stops, corners).tolist()
    return points


def split(bar: np.void, minutes: int) -> list[tuple[float, ...]]:
    """Cut a bar into minutes along its path: history older than the first trade."""
    points = path_of(bar, 4 * minutes)
    start, volume = int(bar["ts"]), float(bar["volume"]) / minutes
    rows: list[tuple[float, ...]] = []
    for number in range(minutes):
        part = points[4 * number : 4 * number + 4]
        opened = points[4 * number - 1] if number else part[0]
        high, low = max(opened, *part), min(opened, *part)
        ts = float(start + number * MINUTE_MS)
        rows.append((ts, opened, high, low, part[-1], volume))
    return rows


def _minutes(bars: Bars, minutes: int) -> Floats:
    if minutes == 1:
        columns = [bars[name].astype(np.float64) for name in ("ts", *PRICE_COLUMNS)]
        return np.stack(columns, axis=1)
    rows = [row for bar in bars for row in split(bar, minutes)]
    return np.array(rows, np.float64).reshape(-1, 6)


def _walk(market: Market) -> Iterator[tuple[Block, Step]]:
    timeframe = market.describe().timeframe_ms
    for block in market.blocks():
        for step in steps(block, timeframe):
            yield block, step
