"""The order book a paper order meets: spread and depth, modelled where not recorded.

A recorded bar seldom carries its book. What it carries (`spread_bps`, the depths
within 0.3% and 0.5%) is used as it is; the rest comes from the bar's own range and
turnover by the formulas below, whose numbers are the fields of `PaperSettings`.
Reading a bar's volume at its open looks ahead, but only at how liquid the bar was,
never at where its price goes.

- Half spread: makers quote wider when a minute moves more. A range grows with the
  square root of time, so minute range = bar range / sqrt(minutes of the bar), and
  half spread = `spread_per_range` x minute range, within its bounds.
- Depth within 30 bps of a side = `depth_minutes` x turnover per minute, evenly spread
  over the bps (so 50 bps hold 5/3 of it), tilted by the imbalance where recorded.
- A bar without volume has the widest spread and `depth_floor_usd`: nobody traded,
  but somebody quoted.
- What was taken grows back evenly within `refill_ms`.
"""

from decimal import Decimal
from math import isnan, sqrt

import msgspec

NEAR_BPS = 30.0  # the two distances that BAR records depth for
FAR_BPS = 50.0  # and the end of the book: no order walks further at one moment


class PaperSettings(msgspec.Struct, frozen=True):
    """The numbers of the paper exchange; all of them on the pessimistic side."""

    latency_ms: int = 50  # from `place` to the matching, one way
    #: Recorded books had 0.9% (BTC) to 3.5% (SOL) of a minute's range as half spread.
    spread_per_range: float = 0.05
    half_spread_bps_min: float = 0.5
    half_spread_bps_max: float = 25.0
    #: Recorded books of BTC, ETH and SOL held 26 to 60 minutes of turnover within 30
    #: bps; small coins hold far less. 3: 20 k USD at 10 M USD a day.
    depth_minutes: float = 3.0
    depth_floor_usd: float = 500.0
    refill_ms: int = 1_000
    #: All our fills in one bar take at most this share of its volume.
    volume_share_max: float = 0.1
    leverage_max: Decimal = Decimal(10)  # where shorting is allowed; spot is 1
    fills_kept: int = 10_000  # newest fills and ended order ids that can be asked for


class Depth(msgspec.Struct, frozen=True, gc=False):
    """One side of the book: USD within 30 and within 50 bps of its touch."""

    near_usd: float
    far_usd: float

    def usd_within(self, reach_bps: float) -> float:
        """Return the USD that rest up to `reach_bps` behind the touch."""
        if reach_bps <= NEAR_BPS:
            return self.near_usd * max(reach_bps, 0.0) / NEAR_BPS
        share = (min(reach_bps, FAR_BPS) - NEAR_BPS) / (FAR_BPS - NEAR_BPS)
        return self.near_usd + (self.far_usd - self.near_usd) * share

    def mean_bps(self, start_usd: float, end_usd: float) -> float:
        """Return the mean distance of the USD between two depths of the book."""
        assert 0.0 <= start_usd < end_usd <= self.far_usd * 1.000001, "off the book"
        inner = min(max(self.near_usd - start_usd, 0.0), end_usd - start_usd)
        outer = end_usd - start_usd - inner
        total = 0.0
        if inner > 0.0:
            middle = (start_usd + min(end_usd, self.near_usd)) / 2
            total += inner * NEAR_BPS * middle / self.near_usd
        if outer > 0.0 and self.far_usd > self.near_usd:
            middle = (max(start_usd, self.near_usd) + end_usd) / 2 - self.near_usd
            width = (FAR_BPS - NEAR_BPS) / (self.far_usd - self.near_usd)
            total += outer * (NEAR_BPS + middle * width)
        return total / (end_usd - start_usd)


class Book(msgspec.Struct, frozen=True, gc=False):
    """The quotes around a bar's path."""

    half_spread_bps: float
    bids: Depth
    asks: Depth

    def touch(self, price: float, sign: int) -> float:
        """Return the best price for a taker who buys (+1) or sells (-1)."""
        return price * (1.0 + sign * self.half_spread_bps / 1e4)

    def depth(self, sign: int) -> Depth:
        """Return the side that a buyer (+1) or a seller (-1) takes from."""
        return self.asks if sign > 0 else self.bids


def quote_book(bar: tuple[float, ...], minutes: float, settings: PaperSettings) -> Book:
    """Return the book of one bar: a row of `BAR` as a tuple, lasting `minutes`."""
    spread_bps, bids_near, asks_near, bids_far, asks_far, imbalance = bar[8:14]
    usd = modelled_depth_usd(bar, minutes, settings)
    tilt = 0.0 if isnan(imbalance) else imbalance
    if isnan(spread_bps):
        half_spread_bps = modelled_half_spread_bps(bar, minutes, settings)
    else:
        half_spread_bps = spread_bps / 2
    return Book(
        half_spread_bps,
        _side(bids_near, bids_far, usd * (1.0 + tilt)),
        _side(asks_near, asks_far, usd * (1.0 - tilt)),
    )


def modelled_half_spread_bps(
    bar: tuple[float, ...], minutes: float, settings: PaperSettings
) -> float:
    """Return half the spread from the bar's range, in bps of the price."""
    _, opening, high, low, _, volume = bar[:6]
    if volume <= 0.0:
        return settings.half_spread_bps_max
    minute_range_bps = (high - low) / opening * 1e4 / sqrt(minutes)
    half = settings.spread_per_range * minute_range_bps
    return min(max(half, settings.half_spread_bps_min), settings.half_spread_bps_max)


def modelled_depth_usd(
    bar: tuple[float, ...], minutes: float, settings: PaperSettings
) -> float:
    """Return the USD within 30 bps of each side from the bar's turnover."""
    turnover_usd = bar[5] * (bar[2] + bar[3]) / 2 / minutes
    return max(settings.depth_minutes * turnover_usd, settings.depth_floor_usd)


def _side(near_usd: float, far_usd: float, modelled_usd: float) -> Depth:
    """Prefer what was recorded; an unrecorded distance keeps the even spread."""
    if isnan(near_usd):
        near_usd = modelled_usd if isnan(far_usd) else far_usd * NEAR_BPS / FAR_BPS
    if isnan(far_usd):
        far_usd = near_usd * FAR_BPS / NEAR_BPS
    return Depth(near_usd, max(near_usd, far_usd))
