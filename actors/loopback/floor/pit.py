"""One symbol's pit: its book, its house, its tape, its mark price, and who waits.

Whatever is traded in the pit is printed on its tape and told to the owners of the
orders; whatever changed since the last look is kept until the streams take it.
"""

from collections.abc import Callable
from decimal import Decimal
from enum import StrEnum
from math import isnan
from typing import Any

import numpy as np

from actors.domain.bars import Instrument
from actors.loopback.floor.book import Book, Take
from actors.loopback.floor.grid import BUY, SELL, Grid
from actors.loopback.floor.maker import Maker, Quote, Told, Trade
from actors.loopback.floor.recorded import Shown
from actors.loopback.floor.script import Beat
from actors.loopback.floor.tape import Candle, Tape
from actors.market.arrays import Floats

SPREAD_BPS_DEFAULT = 2.0
DEPTH_USD_DEFAULT = 60_000.0
FRESH_MAX = 4_096  # trades that wait for the streams: far more than a tick brings


class Venue(StrEnum):
    """The two exchanges under one roof."""

    SPOT = "spot"
    USDM = "usdm"


#: Told of each fill: the order, the trade, whether it made the liquidity.
Filled = Callable[[Any, Trade, bool], None]


class Pit:
    """Everything of one symbol on one venue."""

    def __init__(self, venue: Venue, instrument: Instrument, seed: int) -> None:
        self.venue, self.instrument = venue, instrument
        self.id = f"{instrument.base}{instrument.quote}"
        padded = 8 if venue is Venue.SPOT else 0
        self.grid = Grid(instrument.tick_size, instrument.lot_size, padded=padded)
        self.book = Book()
        self.house = Maker(self.book, f"{seed}:{venue}:{self.id}")
        self.tape = Tape()
        self.status = "TRADING"
        self.mark = 0  # ticks
        self.fresh: list[Trade] = []
        #: The lowest and the highest trade since the stops were last looked at.
        self.span: tuple[int, int] | None = None
        self.ended: list[tuple[int, Candle]] = []
        self.shown: tuple[int, int, int, int] = (0, 0, 0, 0)  # the told best prices
        self._price = 0.0
        self._carry = 0.0  # lots of volume that were less than one
        self._tick, self._step = float(instrument.tick_size), float(instrument.lot_size)

    def remember(self, history: Floats) -> None:
        """Take over the minutes before the market begins; a row is ts, OHLC, volume."""
        minutes = np.zeros((len(history), 8), np.int64)
        if len(history):
            minutes[:, 0] = history[:, 0]
            minutes[:, 1:5] = np.maximum(np.rint(history[:, 1:5] / self._tick), 1)
            minutes[:, 5] = np.rint(history[:, 5] / self._step)
            minutes[:, 6] = np.maximum(minutes[:, 5] > 0, 1)
            minutes[:, 7] = minutes[:, 5] // 2
        self.tape.remember(minutes)
        if len(history):
            self._settle(float(history[-1, 4]))

    def _settle(self, price: float) -> None:
        """Open the book at a price, before anyone trades."""
        self._price = price / self._tick
        self.mark = max(1, round(self._price))
        lots = max(1, int(DEPTH_USD_DEFAULT / price / self._step))
        spread = max(1, round(self._price * SPREAD_BPS_DEFAULT * 1e-4))
        self.house.move(Quote(self._price, spread, lots, lots), _nobody)

    def beat(self, beat: Beat, time_ms: int, filled: Filled) -> None:
        """Live one beat of the market at a moment of the exchange's time."""
        price = beat.price / self._tick
        rose = price - self._price
        self._price = price
        self.mark = max(1, round(price))
        bps = SPREAD_BPS_DEFAULT if isnan(beat.spread_bps) else beat.spread_bps
        spread = max(1, round(price * bps * 1e-4))
        bid, ask = (
            self._depth(usd, beat.price) for usd in (beat.bid_usd, beat.ask_usd)
        )

        def told(side: int, take: Take) -> None:
            self.printed(time_ms, side, take, filled)

        self.house.move(Quote(price, spread, bid, ask), told)
        volume = beat.volume / self._step + self._carry
        lots = int(volume)
        self._carry = volume - lots
        buys = rose > 0 or (rose == 0 and self.tape.next_id % 2 == 0)
        if lots:
            self.house.flow(BUY if buys else SELL, lots, told)

    def _depth(self, usd: float, price: float) -> int:
        known = DEPTH_USD_DEFAULT if isnan(usd) else usd
        return max(15, int(known / price / self._step))

    def printed(
        self, time_ms: int, side: int, take: Take, filled: Filled, taker: Any = None
    ) -> None:
        """Print one trade, and tell whoever of the accounts was in it."""
        trade = self.tape.trade(time_ms, take.ticks, take.lots, sold=side == SELL)
        low, high = self.span or (take.ticks, take.ticks)
        self.span = (min(low, take.ticks), max(high, take.ticks))
        if len(self.fresh) < FRESH_MAX:
            self.fresh.append(trade)
        if take.owner is not None:
            filled(take.owner, trade, True)
        if taker is not None:
            filled(taker, trade, False)

    def deal(
        self, time_ms: int, side: int, dealt: tuple[Decimal, Decimal], filled: Filled
    ) -> None:
        """A recorded taker trades: what waits before the recorded maker fills first."""
        ticks, lots = self.grid.ticks(dealt[0]), self.grid.lots(dealt[1])
        if not ticks or not lots:
            return

        def told(taker: int, take: Take) -> None:
            self.printed(time_ms, taker, take, filled)

        left = self.house.sweep(side, lots, ticks, told)
        if left:
            told(side, Take(ticks, left, None))

    def show(self, time_ms: int, shown: Shown, filled: Filled) -> None:
        """A recorded message says what the house shows at some prices."""
        if shown.whole:
            self.house.withdraw()
        sides = ((BUY, self._rows(shown.bids)), (SELL, self._rows(shown.asks)))
        for side, rows in sides:  # first what leaves, so that nothing crosses itself
            for ticks in [t for t, lots in rows.items() if not lots]:
                self.book.house(side, ticks, 0)

        def told(taker: int, take: Take) -> None:
            self.printed(time_ms, taker, take, filled)

        for side, rows in sides:
            for ticks, lots in rows.items():
                if lots:
                    self._show_one(side, ticks, lots, told)
        bid, ask = self.book.bids.best, self.book.asks.best
        self.mark = (bid + ask) // 2 if bid and ask else self.mark
        self.tape.last = self.tape.last or self.mark

    def _show_one(self, side: int, ticks: int, lots: int, told: Told) -> None:
        if self.book.crosses(side, ticks):
            self.house.clear(-side, ticks)
            self.house.sweep(side, lots, ticks, told)
        if not self.book.crosses(side, ticks):
            self.book.house(side, ticks, lots)

    def _rows(self, rows: tuple[tuple[Decimal, Decimal], ...]) -> dict[int, int]:
        """Read recorded rows; what is off the grid is nothing this book can show."""
        read = ((self.grid.ticks(p), self.grid.lots(s)) for p, s in rows)
        return {t: lots for t, lots in read if t and lots is not None}

    def best(self) -> tuple[int, int, int, int]:
        """Give bid, its lots, ask, its lots; 0 where a side is empty."""
        bids, asks = self.book.bids, self.book.asks
        bid, ask = bids.best, asks.best
        return (
            bid or 0,
            bids.levels[bid].total if bid is not None else 0,
            ask or 0,
            asks.levels[ask].total if ask is not None else 0,
        )


def _nobody(_side: int, _take: Take) -> None:
    """Nobody trades before the market opens."""
