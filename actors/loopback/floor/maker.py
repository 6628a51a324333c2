"""The house: quotes a ladder around the market's price and trades the bar's volume.

A beat moves the price to the next point of the bar's path:

1. What rests between the old and the new touch is traded through: an account's order
   that the price passes is filled at its own price, first come first.
2. The house quotes anew around the new price, behind whatever waits already.
3. The beat's share of the bar's volume is traded at the touch, with the move. It uses
   up the queue from its front; when an account's order is reached it fills. What is
   left is met by the house anew, so that the bar's volume is traded to the last lot.
"""

import random
from collections.abc import Callable

import msgspec

from actors.loopback.floor.book import Book, Take
from actors.loopback.floor.grid import BUY, SELL

NEAR_LEVELS = 3  # at the touch, tick by tick
FAR_LEVELS = 12  # further out, on a coarse grid that stands still
REACH = 0.006  # how far out the last level is, ratio of price
PIECES_MAX = 3


#: Told of each piece that is traded, with the taker's side, as it happens.
Told = Callable[[int, Take], None]


class Trade(msgspec.Struct, frozen=True, gc=False):
    """One trade of the market, as everybody sees it."""

    id: int
    time_ms: int
    ticks: int
    lots: int
    buyer_is_maker: bool


class Quote(msgspec.Struct, frozen=True, gc=False):
    """What the house wants to show: where, how wide, how much within its reach."""

    ticks: float
    spread: int  # ticks, at least 1
    bid_lots: int
    ask_lots: int


class Maker:
    """The house's hand in one book."""

    def __init__(self, book: Book, seed: str) -> None:
        self._book = book
        # A market's randomness, not a secret's.
        self._random = random.Random(seed)  # noqa: S311

    def move(self, quote: Quote, told: Told) -> None:
        """Go to a new price; tell what was traded through, with the taker's side."""
        bid = max(1, round(quote.ticks - quote.spread / 2))
        ask = bid + max(1, quote.spread)
        for side, touch in ((BUY, bid), (SELL, ask)):
            self.clear(-side, touch)
            self.sweep(side, self._book.reachable(side, touch), touch, told)
        self._ladder(BUY, bid, quote.bid_lots)
        self._ladder(SELL, ask, quote.ask_lots)

    def sweep(self, side: int, lots: int, limit: int | None, told: Told) -> int:
        """Trade as a taker of `side`; tell what is left of it."""
        return self._book.take(side, lots, limit, lambda piece: told(side, piece))

    def flow(self, side: int, lots: int, told: Told) -> None:
        """Trade `lots` at the touch; the house meets what the queue cannot."""
        pieces = self._random.randint(1, PIECES_MAX)
        while lots > 0:
            pieces -= 1
            size = lots if pieces <= 0 else max(1, int(lots * self._random.random()))
            lots -= size
            touch = self._book.half(-side).best
            if touch is None:
                return
            left = self.sweep(side, size, touch, told)
            if left:
                told(side, Take(touch, left, None))

    def withdraw(self) -> None:
        """Take all of the house's quotes back."""
        for side in (BUY, SELL):
            for ticks in list(self._book.half(side).house):
                self._book.house(side, ticks, 0)

    def clear(self, side: int, touch: int) -> None:
        """Take back the quotes of `side` that the new touch of the other crosses."""
        half = self._book.half(side)
        gone = [t for t in half.house if (t - touch) * side >= 0]
        for ticks in gone:
            self._book.house(side, ticks, 0)

    def _ladder(self, side: int, touch: int, lots: int) -> None:
        """Quote near the touch and on the coarse grid; leave the rest as it stands."""
        coarse = max(1, int(touch * REACH / FAR_LEVELS))
        share = max(1, lots // (FAR_LEVELS + NEAR_LEVELS))
        wanted = {touch - side * step: share for step in range(NEAR_LEVELS)}
        first = touch - side * NEAR_LEVELS
        first -= first % coarse if side == BUY else -(-first % coarse)
        for step in range(FAR_LEVELS):
            wanted.setdefault(first - side * step * coarse, share)
        shown = self._book.half(side).house
        for ticks in [t for t in shown if t not in wanted]:
            self._book.house(side, ticks, 0)
        draw = self._random.random
        for ticks, base in wanted.items():
            if ticks < 1 or self._book.crosses(side, ticks):
                continue
            near = (touch - ticks) * side < NEAR_LEVELS
            if near or ticks not in shown:
                self._book.house(side, ticks, 1 + int(base * (0.4 + 1.2 * draw())))
