"""What one symbol's market can give at a moment: its price, its book, its volume.

Holds the present bar's path and book, what we took from the book and when, and how
much of the bar's volume our fills have used up.
"""

from decimal import Decimal

import msgspec

from actors.domain.bars import Instrument
from actors.domain.money import (
    ZERO,
    ceil_to,
    decimal_from_float,
    floor_to,
    nearest_to,
)
from actors.exchange.paper.book import FAR_BPS, Book, PaperSettings, quote_book
from actors.exchange.paper.path import Path, lay_out

VOLUME = 5  # the column of BAR


class LiquidityState(msgspec.Struct, frozen=True, gc=False):
    """What a market must remember: its bar if one is laid out, and what was taken."""

    bar: tuple[float, ...]  # a row of BAR
    times_ms: tuple[int, int] | None  # open and close; None: no bar is laid out
    used: Decimal
    bought: tuple[float, int]  # USD taken from the asks, when
    sold: tuple[float, int]


class Liquidity:
    """The liquidity of one symbol; `sign` is +1 for who buys, -1 for who sells."""

    def __init__(self, instrument: Instrument, settings: PaperSettings) -> None:
        self.path: Path | None = None
        self._instrument = instrument
        self._settings = settings
        self._bar: tuple[float, ...] = ()
        self._book: Book | None = None
        self._used = ZERO  # base units of this bar's volume
        self._taken = {1: (0.0, 0), -1: (0.0, 0)}  # USD taken from a side, when

    def open_bar(self, bar: tuple[float, ...], open_ms: int, close_ms: int) -> None:
        """Lay out the bar's path; its book is made when somebody trades."""
        assert self.path is None, f"{self._instrument.symbol}: its bar is not played"
        self.path = lay_out((bar[1], bar[2], bar[3], bar[4]), (open_ms, close_ms))
        self._bar, self._book, self._used = bar, None, ZERO

    def snapshot(self) -> LiquidityState:
        """Return what `restore` needs to go on."""
        path = self.path
        times = None if path is None else (path.open_ms, path.close_ms)
        return LiquidityState(
            self._bar, times, self._used, self._taken[1], self._taken[-1]
        )

    def restore(self, state: LiquidityState) -> None:
        """Go on where a snapshot was taken."""
        if state.times_ms is not None:
            self.open_bar(state.bar, *state.times_ms)
        self._used = state.used
        self._taken = {1: state.bought, -1: state.sold}

    def taken_since(self, ts_ms: int) -> bool:
        """Whether anything was taken from the book after `ts_ms`."""
        return self._taken[1][1] > ts_ms or self._taken[-1][1] > ts_ms

    def close_bar(self) -> float:
        """End the bar and return its last price."""
        assert self.path is not None, f"{self._instrument.symbol} has no bar to close"
        price = self.path.prices[-1]
        self.path = None
        return price

    def price_at(self, ts_ms: int) -> Decimal | None:
        """Return the path's price to the tick; None when no bar is laid out."""
        if self.path is None:
            return None
        price = decimal_from_float(self.path.price_at(ts_ms))
        return max(nearest_to(price, self._tick), self._tick)

    def maker_left(self) -> Decimal:
        """Return what resting orders may still fill in this bar, in base units."""
        return self._volume_cap() - self._used

    def taker_left(self) -> Decimal:
        """Return what takers may still fill: never less than the quoted floor."""
        quoted = decimal_from_float(self._settings.depth_floor_usd / self._bar[1])
        return max(self._volume_cap(), quoted) - self._used

    def use(self, quantity: Decimal) -> None:
        """Count a fill against the bar's volume."""
        self._used += quantity

    def crosses(self, sign: int, limit: Decimal, ts_ms: int) -> bool:
        """Whether an order at `limit` would trade at once; False without a bar."""
        if self.path is None:
            return False
        return sign * (float(limit) - self._touch(sign, ts_ms)) >= 0.0

    def walk(
        self, sign: int, wanted: Decimal, limit: Decimal | None, ts_ms: int
    ) -> tuple[Decimal, Decimal]:
        """Take up to `wanted` from the book; return the quantity and its mean price.

        The price is to the tick, rounded against the taker, never past `limit`.
        Nothing to be had is (0, 0).
        """
        touch = self._touch(sign, ts_ms)
        depth, reach_bps = self._quotes().depth(sign), FAR_BPS
        if limit is not None:
            reach_bps = min(reach_bps, sign * (float(limit) / touch - 1.0) * 1e4)
        start_usd = self._taken_usd(sign, ts_ms)
        end_usd = min(start_usd + float(wanted) * touch, depth.usd_within(reach_bps))
        if end_usd <= start_usd:
            return ZERO, ZERO
        offered = decimal_from_float((end_usd - start_usd) / touch)
        lot = self._instrument.lot_size
        # A float's last digit must not cost a lot that is there.
        quantity = min(floor_to(offered + lot / 1000, lot), wanted)
        if quantity <= ZERO:
            return ZERO, ZERO
        self._taken[sign] = (end_usd, ts_ms)
        mean = touch * (1.0 + sign * depth.mean_bps(start_usd, end_usd) / 1e4)
        return quantity, self._against_taker(mean, sign, limit)

    @property
    def _tick(self) -> Decimal:
        return self._instrument.tick_size

    def _against_taker(self, price: float, sign: int, limit: Decimal | None) -> Decimal:
        exact = decimal_from_float(price)
        if sign > 0:
            rounded = ceil_to(exact, self._tick)
            return rounded if limit is None else min(rounded, limit)
        rounded = max(floor_to(exact, self._tick), self._tick)
        return rounded if limit is None else max(rounded, limit)

    def _volume_cap(self) -> Decimal:
        return decimal_from_float(self._bar[VOLUME] * self._settings.volume_share_max)

    def _taken_usd(self, sign: int, ts_ms: int) -> float:
        usd, at_ms = self._taken[sign]
        return usd * max(0.0, 1.0 - (ts_ms - at_ms) / self._settings.refill_ms)

    def _touch(self, sign: int, ts_ms: int) -> float:
        price = self.price_at(ts_ms)
        assert price is not None, "no touch without a path"
        return self._quotes().touch(float(price), sign)

    def _quotes(self) -> Book:
        if self._book is None:
            assert self.path is not None, "no book without a bar"
            minutes = (self.path.close_ms - self.path.open_ms) / 60_000
            self._book = quote_book(self._bar, minutes, self._settings)
        return self._book
