"""The demo market's volume, book and open interest, consistent with its prices.

With D a symbol's average day volume (USD), unit its bar height, r the bar's log
return and every noise a lognormal or normal of its own:

- quote volume = D / 1440 x season x activity(regime) x (0.6 + 0.5 |r| / unit) x noise;
  the season is a day's wave with its top at 14:00 UTC. Activity rises through a
  range (0.6 to 1.5: interest returns before a break), is 2.2 in the approach and
  4.5 in the breaking bar, which so has 2 to 4 times the volume of the bars before it;
- imbalance = lean(regime) x side + 0.05 x sign(r) + 0.12 x noise: buyers outweigh
  sellers before and in a break upwards, and a failing break leans the other way;
- depth at 0.3% of mid = 15 sqrt(D) x noise / (1 + |r| / unit) x (1 + imbalance) for
  bids and (1 - imbalance) for asks: books are thinner in small symbols and in fast
  bars, and the imbalance is that of these depths. At 0.5% there is 1.7 times as much,
  leaning by 0.8 of it;
- spread = (0.5 + 0.25 sqrt(rank)) x (0.7 + 0.5 |r| / unit) / season bps, at least one
  tick;
- trades = quote volume / mean ticket, 400 x (D / 1e8)^0.4 USD;
- open interest follows a slowly reverting walk round 0.35 D and is built up in ranges
  and trends and given back in failures; spot has none.
"""

import msgspec
import numpy as np

from actors.domain.bars import Bars
from actors.market.arrays import Floats, Ints
from actors.market.regimes import Path

MINUTES_OF_DAY = 1440
SEASON_TOP_MINUTE = 14 * 60
SEASON_SWING = 0.35
RANGE_ACTIVITY = (0.6, 1.5)  # first and last bar of a range
RANGE_ACTIVITY_BARS = 180  # a range's activity is at its top so many bars on
# By regime: RANGE, APPROACH, BREAK, TREND, FAIL, RETEST, CHOP.
ACTIVITY = np.array([1.0, 2.2, 4.5, 1.6, 1.5, 0.8, 0.75])
LEAN = np.array([0.0, 0.2, 0.42, 0.12, -0.25, 0.05, 0.0])
OPEN_INTEREST_DRIFT = np.array([2e-4, 4e-4, 2e-3, 4e-4, -2e-3, -1e-4, -1e-4])
OPEN_INTEREST_NOISE = 8e-4
OPEN_INTEREST_REVERSION = 5e-4


class Scale(msgspec.Struct, frozen=True):
    """What does not change about the symbols; one element each."""

    unit: Floats
    day_volume_usd: Floats
    rank: Floats  # 0 is the benchmark
    tick: Floats
    lot: Floats
    has_open_interest: Floats  # 1, or NaN for spot


class Quotes:
    """Fills a block's volume and context; carries ranges' ages and open interest."""

    def __init__(self, scale: Scale) -> None:
        self._scale = scale
        self._age = np.zeros(len(scale.unit))
        self._open_interest = np.zeros(len(scale.unit))  # log, relative to its base

    def fill(self, bars: Bars, path: Path, normals: Floats, minutes: Ints) -> None:
        """Write volume and context of `bars`, which is (bars, symbols)."""
        scale = self._scale
        move = np.abs(path.close - path.open) / scale.unit
        angle = 2 * np.pi * (minutes - SEASON_TOP_MINUTE) / MINUTES_OF_DAY
        season = (1 + SEASON_SWING * np.cos(angle))[:, None]
        minute_usd = scale.day_volume_usd / MINUTES_OF_DAY * season
        activity = self._activity(path.regime) * (0.6 + 0.5 * move)
        volume_usd = minute_usd * activity * np.exp(0.25 * normals[:, 3])
        lots = np.maximum(np.rint(volume_usd / bars["close"] / scale.lot), 1)
        bars["volume"] = lots / np.rint(1 / scale.lot)
        ticket = 400 * (scale.day_volume_usd / 1e8) ** 0.4
        bars["trades_per_minute"] = np.maximum(np.rint(volume_usd / ticket), 1)
        spread = (0.5 + 0.25 * np.sqrt(scale.rank)) * (0.7 + 0.5 * move) / season
        one_tick = scale.tick / bars["close"] * 1e4
        bars["spread_bps"] = np.maximum(spread * np.exp(0.1 * normals[:, 4]), one_tick)
        self._fill_depth(bars, path, normals, move)
        self._fill_open_interest(bars, path, normals[:, 6])

    def _activity(self, regime: Ints) -> Floats:
        """Give each bar's activity; that of a range grows with its age."""
        first, last = RANGE_ACTIVITY
        activity = ACTIVITY[regime]
        for bar, now in enumerate(regime):
            ranging = now == 0
            self._age = np.where(ranging, self._age + 1, 0)
            share = np.minimum(self._age / RANGE_ACTIVITY_BARS, 1)
            activity[bar] = np.where(
                ranging, first + (last - first) * share, activity[bar]
            )
        return activity

    def _fill_depth(
        self, bars: Bars, path: Path, normals: Floats, move: Floats
    ) -> None:
        lean = LEAN[path.regime] * path.side
        drawn = lean + 0.05 * np.sign(path.close - path.open) + 0.12 * normals[:, 5]
        imbalance = np.clip(drawn, -0.9, 0.9)
        noise = np.exp(0.2 * normals[:, 4])
        half = 15 * np.sqrt(self._scale.day_volume_usd) * noise / (1 + move)
        bars["imbalance"] = imbalance
        for side, sign in (("bid", 1), ("ask", -1)):
            bars[f"{side}_depth_03_usd"] = half * (1 + sign * imbalance)
            bars[f"{side}_depth_05_usd"] = 1.7 * half * (1 + sign * 0.8 * imbalance)

    def _fill_open_interest(self, bars: Bars, path: Path, normal: Floats) -> None:
        steps = OPEN_INTEREST_DRIFT[path.regime] + OPEN_INTEREST_NOISE * normal
        level = self._open_interest
        base = 0.35 * self._scale.day_volume_usd * self._scale.has_open_interest
        for bar, step in enumerate(steps):
            level = level * (1 - OPEN_INTEREST_REVERSION) + step
            bars["open_interest_usd"][bar] = base * np.exp(level)
        self._open_interest = level
