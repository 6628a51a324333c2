"""Ranks symbols by 24-hour volume as bars arrive, as `actors.market.context` defines.

The ranks are renewed at each full hour from hourly sums, so that a live bar carries
what a replay of the same bars would.
"""

import numpy as np

from actors.domain.bars import Bars
from actors.market.arrays import Floats
from actors.market.context import HOUR_MS, RANK_HOURS, rank_rows


class Ranks:
    """Hourly sums of quote volume, and the ranks of the newest full hour."""

    def __init__(self, symbols: int) -> None:
        self._sums: dict[int, Floats] = {}
        self._first_ts = np.full(symbols, np.iinfo(np.int64).max)
        self._hour: int | None = None
        self._ranks: Floats = np.full(symbols, np.nan)

    def add_past(self, bars: tuple[Bars, ...], timeframe_ms: int) -> None:
        """Take the history in."""
        for index, own in enumerate(bars):
            if not len(own):
                continue
            self._first_ts[index] = own["ts"][0]
            hours = -(-(own["ts"] + timeframe_ms) // HOUR_MS)
            worth = own["close"] * own["volume"]
            for hour in np.unique(hours).tolist():
                self._sum_of(hour)[index] += float(worth[hours == hour].sum())

    def add(self, index: int, open_ts: int, close_ts: int, worth: float) -> None:
        """Take one closed bar in."""
        self._first_ts[index] = min(self._first_ts[index], open_ts)
        self._sum_of(-(-close_ts // HOUR_MS))[index] += worth

    def _sum_of(self, hour: int) -> Floats:
        if hour not in self._sums:
            self._sums[hour] = np.zeros(len(self._ranks))
        return self._sums[hour]

    def at(self, close_ts: int) -> Floats:
        """Give all ranks for bars that close then; NaN: not seen for a day."""
        hour = close_ts // HOUR_MS
        if hour != self._hour:
            self._hour = hour
            span = range(hour - RANK_HOURS + 1, hour + 1)
            trailing = sum(
                (self._sums[one] for one in span if one in self._sums),
                np.zeros(len(self._ranks)),
            )
            seen = hour * HOUR_MS - self._first_ts >= RANK_HOURS * HOUR_MS
            ranked = rank_rows(trailing[:, None])[:, 0]
            self._ranks = np.where(seen, ranked, np.nan)
            for old in [one for one in self._sums if one < span.start]:
                del self._sums[old]
        return self._ranks
