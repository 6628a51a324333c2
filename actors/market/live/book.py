"""One symbol's order book: two sides of price levels, the best always at hand.

Each side keeps its prices sorted with the best at the end, and sizes by price. Most
updates change a size that is there: one dictionary store. A new level costs a binary
search and a move of the levels that are better than it, of which there are few, as
books change near the touch.

A book knows only as far as its snapshot went: `depth_usd` answers None for a span that
reaches beyond, instead of a sum that looks whole.
"""

import zlib
from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator

from actors.market.live.wire import DepthUpdate, Level

#: Levels kept on a side. Beyond, a fifth of the worst is let go at once.
LEVELS_MAX = 10_000
CHECKED_LEVELS = 25


class Side:
    """Bids (sign 1) or asks (sign -1); a key is the price times the sign."""

    __slots__ = ("_sign", "keys", "reach", "sizes")

    def __init__(self, sign: int) -> None:
        self._sign = sign
        self.keys: list[float] = []  # ascending: the best is the last
        self.sizes: dict[float, float] = {}
        self.reach: float | None = None  # the worst key up to which all is known

    def reset(self, levels: Iterable[Level]) -> None:
        """Take a whole side."""
        sign = self._sign
        self.sizes = {price * sign: size for price, size in levels if size > 0}
        self.keys = sorted(self.sizes)
        self.reach = self.keys[0] if self.keys else None

    def change(self, levels: Iterable[Level]) -> None:
        """Set the sizes of some levels; 0 takes a level away."""
        keys, sizes, sign = self.keys, self.sizes, self._sign
        for price, size in levels:
            key = price * sign
            if size > 0:
                if key not in sizes:
                    insort(keys, key)
                sizes[key] = size
            elif key in sizes:
                del sizes[key]
                del keys[bisect_left(keys, key)]
        if len(keys) > LEVELS_MAX:
            self._trim()

    def _trim(self) -> None:
        cut = len(self.keys) - LEVELS_MAX * 4 // 5
        for key in self.keys[:cut]:
            del self.sizes[key]
        del self.keys[:cut]
        if self.reach is not None:
            self.reach = max(self.reach, self.keys[0])

    def best(self) -> float | None:
        """The best price."""
        return self.keys[-1] * self._sign if self.keys else None

    def levels(self) -> Iterator[Level]:
        """All levels, the best first."""
        for key in reversed(self.keys):
            yield key * self._sign, self.sizes[key]

    def worth(self, worst_price: float) -> float | None:
        """Sum price times size of all levels not worse than a price.

        None: the book does not know that far.
        """
        worst = worst_price * self._sign
        if self.reach is None or self.reach > worst:
            return None
        start = bisect_left(self.keys, worst)
        sizes = self.sizes
        return sum(abs(key) * sizes[key] for key in self.keys[start:])


class Book:
    """Both sides of one symbol."""

    def __init__(self) -> None:
        self.bids = Side(1)
        self.asks = Side(-1)
        self._texts: tuple[dict[float, str], dict[float, str]] | None = None

    def reset(self, update: DepthUpdate) -> None:
        """Take a whole book."""
        self.bids.reset(update.bids)
        self.asks.reset(update.asks)
        self._texts = None if update.texts is None else ({}, {})
        self._note_texts(update)

    def change(self, update: DepthUpdate) -> None:
        """Take a change."""
        self.bids.change(update.bids)
        self.asks.change(update.asks)
        self._note_texts(update)

    @property
    def crossed(self) -> bool:
        """Whether a buyer offers as much as a seller asks: such a book is wrong."""
        bids, asks = self.bids.keys, self.asks.keys
        return bool(bids and asks) and bids[-1] + asks[-1] >= 0

    def mid(self) -> float | None:
        """The middle of the touch; None: a side is empty."""
        bid, ask = self.bids.best(), self.asks.best()
        return None if bid is None or ask is None else (bid + ask) / 2

    def depth_usd(self, share: float) -> tuple[float | None, float | None]:
        """Worth of bids and asks within a share of mid; None: not known so far."""
        mid = self.mid()
        if mid is None:
            return None, None
        return self.bids.worth(mid * (1 - share)), self.asks.worth(mid * (1 + share))

    # --- the checksum of some exchanges ---------------------------------------------

    def _note_texts(self, update: DepthUpdate) -> None:
        if self._texts is None or update.texts is None:
            return
        for known, rows in zip(self._texts, update.texts, strict=True):
            for row in rows:
                known[float(row[0])] = f"{row[0]}:{row[1]}"
        for known, side in zip(self._texts, (self.bids, self.asks), strict=True):
            if len(known) > 2 * LEVELS_MAX:  # those of levels that are long gone
                kept = {abs(key) for key in side.keys}
                for price in [price for price in known if price not in kept]:
                    del known[price]

    def checksum(self) -> int | None:
        """CRC-32 of the 25 best levels, bid and ask in turn, as they were written."""
        if self._texts is None:
            return None
        rows = [
            [texts[abs(key)] for key in side.keys[: -CHECKED_LEVELS - 1 : -1]]
            for texts, side in zip(self._texts, (self.bids, self.asks), strict=True)
        ]
        turns = []
        for at in range(max(map(len, rows))):
            turns += [row[at] for row in rows if at < len(row)]
        found = zlib.crc32(":".join(turns).encode())
        return found - (1 << 32) if found >= 1 << 31 else found
