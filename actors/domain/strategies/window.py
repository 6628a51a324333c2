"""What a strategy sees: the newest closed bars of one symbol, and their averages.

A window holds exactly as many bars as the strategy asked for, oldest first. Its
arrays are read-only. Averages start at the window's first bar, so they are a function
of the window alone, and a restarted symbol sees the same numbers.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from actors.domain.kernel import indicators
from actors.domain.kernel.compiled import entry, fingerprint
from actors.domain.kernel.record import Record
from actors.domain.strategies.frame import RING_BARS

Column = npt.NDArray[np.float64]


def _make_atr(version: str) -> Callable[[Column, Column, Column, int], float]:
    @entry
    def atr(high: Column, low: Column, close: Column, period: int) -> float:
        average, before = len(version) * 0.0, math.nan
        for at in range(len(close)):
            span = indicators.true_range(high[at], low[at], before)
            average = indicators.wilder_next(average, span, at, period)
            before = close[at]
        return average

    return atr


def _make_ema(version: str) -> Callable[[Column, int], float]:
    @entry
    def ema(values: Column, period: int) -> float:
        average = len(version) * 0.0
        for at in range(len(values)):
            average = indicators.ema_next(average, values[at], at, period)
        return average

    return ema


def _make_rsi(version: str) -> Callable[[Column, int], float]:
    @entry
    def rsi(values: Column, period: int) -> float:
        gain = loss = len(version) * 0.0
        for at in range(1, len(values)):
            change = values[at] - values[at - 1]
            gain = indicators.wilder_next(gain, max(change, 0.0), at - 1, period)
            loss = indicators.wilder_next(loss, max(-change, 0.0), at - 1, period)
        return indicators.rsi(gain, loss)

    return rsi


_atr = _make_atr(fingerprint())
_ema = _make_ema(fingerprint())
_rsi = _make_rsi(fingerprint())


class Window:
    """The newest `bars` closed bars; index -1 is the bar that has just closed.

    `ts` are open times in ms UTC, `volume` is in base units. Averages over more bars
    than the window has are NaN: UNKNOWN.
    """

    def __init__(self, state: Record, bars: int) -> None:
        self._state = state
        self._bars = bars

    def __len__(self) -> int:
        return self._bars

    @property
    def ts(self) -> npt.NDArray[np.int64]:
        """Open times, ms UTC."""
        return self._column("ts")

    @property
    def open(self) -> Column:
        """First prices."""
        return self._column("open")

    @property
    def high(self) -> Column:
        """Highest prices."""
        return self._column("high")

    @property
    def low(self) -> Column:
        """Lowest prices."""
        return self._column("low")

    @property
    def close(self) -> Column:
        """Last prices."""
        return self._column("close")

    @property
    def volume(self) -> Column:
        """Traded volumes, base units."""
        return self._column("volume")

    def _column(self, name: str) -> npt.NDArray[Any]:
        """Read one ring in the order of time, as an array that cannot be written."""
        ring: npt.NDArray[Any] = self._state[name]
        stop = int(self._state["end"]) % RING_BARS
        start = stop - self._bars
        if start >= 0:
            column = ring[start:stop].view()
        else:
            column = np.concatenate((ring[start:], ring[:stop]))
        column.flags.writeable = False
        return column

    def sma(self, bars: int) -> float:
        """Give the mean of the newest closes."""
        if not 0 < bars <= self._bars:
            return math.nan
        return float(self.close[-bars:].mean())

    def ema(self, bars: int) -> float:
        """Give the exponential average of closes, of weight 2 / (bars + 1)."""
        if not 0 < bars <= self._bars:
            return math.nan
        return float(_ema(self.close, bars))

    def rsi(self, bars: int) -> float:
        """Give Wilder's relative strength index of closes, 0..100."""
        if not 0 < bars < self._bars:
            return math.nan
        return float(_rsi(self.close, bars))

    def atr(self, bars: int) -> float:
        """Give Wilder's average true range."""
        if not 0 < bars <= self._bars:
            return math.nan
        return float(_atr(self.high, self.low, self.close, bars))
