"""One symbol's order book: price-time priority, whole ticks and lots.

Liquidity is of two kinds. The house (the simulated rest of the market) says how much it
wants to show at a price; accounts' orders stand in the same queues. What the house adds
goes behind what waits; what it takes away leaves from the back. So an order moves
forward only as a real one does: by trades, and by what was before it and left.
"""

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from actors.loopback.floor.grid import BUY, SELL

#: Whoever stands in a queue: an account's order, or None for the house.
Owner = Any


class Take(NamedTuple):
    """A piece of a resting order that was traded away."""

    ticks: int
    lots: int
    owner: Owner


class _Level:
    """All that rests at one price, first come first."""

    __slots__ = ("queue", "total")

    def __init__(self) -> None:
        self.queue: deque[list[Any]] = deque()  # [owner, lots]
        self.total = 0


class Half:
    """One side of a book."""

    def __init__(self, side: int) -> None:
        self.side = side
        self.prices: list[int] = []  # ascending, whatever the side
        self.levels: dict[int, _Level] = {}
        self.house: dict[int, int] = {}  # what of it is the house's, by price
        self.changed: set[int] = set()

    @property
    def best(self) -> int | None:
        """The price at which this side trades first."""
        if not self.prices:
            return None
        return self.prices[-1] if self.side == BUY else self.prices[0]

    def shown(self, ticks: int) -> int:
        """Say how much rests at a price."""
        level = self.levels.get(ticks)
        return level.total if level is not None else 0

    def walk(self) -> Iterator[int]:
        """Go through the prices, best first."""
        return reversed(self.prices) if self.side == BUY else iter(self.prices)

    def add(self, owner: Owner, ticks: int, lots: int) -> None:
        """Put an order at the end of its price's queue."""
        assert lots > 0, f"{lots} lots cannot rest"
        level = self.levels.get(ticks)
        if level is None:
            level = self.levels[ticks] = _Level()
            insort(self.prices, ticks)
        level.queue.append([owner, lots])
        level.total += lots
        if owner is None:
            self.house[ticks] = self.house.get(ticks, 0) + lots
        self.changed.add(ticks)

    def shrink(self, ticks: int, level: _Level, lots: int) -> None:
        """Note that so much has left a price."""
        level.total -= lots
        self.changed.add(ticks)
        if not level.queue:
            assert level.total == 0, f"{level.total} lots rest in an empty queue"
            del self.levels[ticks]
            del self.prices[bisect_left(self.prices, ticks)]

    def leave(self, owner: Owner, ticks: int) -> int:
        """Take an order out of its queue; tell how much of it was there."""
        level = self.levels.get(ticks)
        if level is None:
            return 0
        for at, (one, lots) in enumerate(level.queue):
            if one is owner:
                del level.queue[at]
                self.shrink(ticks, level, lots)
                return int(lots)
        return 0

    def cut(self, owner: Owner, ticks: int, lots: int) -> None:
        """Make a waiting order smaller; it keeps its place."""
        level = self.levels[ticks]
        for entry in level.queue:
            if entry[0] is owner:
                assert entry[1] > lots, (
                    f"{lots} of {entry[1]} lots: withdraw it instead"
                )
                entry[1] -= lots
                self.shrink(ticks, level, lots)
                return
        raise AssertionError(f"no such order at {ticks}")  # noqa: TRY003, EM102 - cannot happen

    def yield_back(self, ticks: int, lots: int) -> None:
        """Let the house take so much back, from the end of the queue."""
        level = self.levels[ticks]
        left = lots
        for at in range(len(level.queue) - 1, -1, -1):
            entry = level.queue[at]
            if entry[0] is not None or not left:
                continue
            gone = min(left, entry[1])
            entry[1] -= gone
            left -= gone
            if not entry[1]:
                del level.queue[at]
        assert not left, f"the house has {left} lots less at {ticks} than it thinks"
        self._house_less(ticks, lots)
        self.shrink(ticks, level, lots)

    def take_best(self, lots: int) -> Take:
        """Trade away up to `lots` of the first order in the best queue."""
        ticks = self.best
        assert ticks is not None, "nothing rests"
        level = self.levels[ticks]
        entry = level.queue[0]
        owner, taken = entry[0], min(lots, entry[1])
        entry[1] -= taken
        if not entry[1]:
            level.queue.popleft()
        if owner is None:
            self._house_less(ticks, taken)
        self.shrink(ticks, level, taken)
        return Take(ticks, taken, owner)

    def _house_less(self, ticks: int, lots: int) -> None:
        left = self.house[ticks] - lots
        assert left >= 0
        if left:
            self.house[ticks] = left
        else:
            del self.house[ticks]


class Book:
    """Both sides, the sequence of their changes, and the only ways to change them."""

    def __init__(self, first_update: int = 1_000) -> None:
        self.bids, self.asks = Half(BUY), Half(SELL)
        self.update_id = first_update
        self.told_id = first_update  # of the newest change that was told as a diff

    def half(self, side: int) -> Half:
        """Give the side on which orders of `side` rest."""
        return self.bids if side == BUY else self.asks

    def house(self, side: int, ticks: int, lots: int) -> None:
        """Let the house show exactly `lots` at a price; it must not cross anything."""
        half = self.half(side)
        shown = half.house.get(ticks, 0)
        if lots > shown:
            half.add(None, ticks, lots - shown)
        elif lots < shown:
            half.yield_back(ticks, shown - lots)
        else:
            return
        self.update_id += 1

    def rest(self, owner: Owner, side: int, ticks: int, lots: int) -> None:
        """Let an account's order rest; it must not cross anything."""
        assert not self.crosses(side, ticks), "a crossing order must trade first"
        self.half(side).add(owner, ticks, lots)
        self.update_id += 1

    def withdraw(self, owner: Owner, side: int, ticks: int) -> int:
        """Take an account's order out; tell how much of it was there."""
        lots = self.half(side).leave(owner, ticks)
        if lots:
            self.update_id += 1
        return lots

    def cut(self, owner: Owner, side: int, ticks: int, lots: int) -> None:
        """Make a waiting order smaller by so much."""
        self.half(side).cut(owner, ticks, lots)
        self.update_id += 1

    def crosses(self, side: int, ticks: int) -> bool:
        """Say whether an order of `side` at this price would trade at once."""
        best = self.half(-side).best
        return best is not None and (best - ticks) * side <= 0

    def reachable(self, side: int, limit: int | None) -> int:
        """Say how much an order of `side` could trade at once."""
        half = self.half(-side)
        total = 0
        for ticks in half.walk():
            if limit is not None and (ticks - limit) * side > 0:
                break
            total += half.levels[ticks].total
        return total

    def take(
        self,
        side: int,
        lots: int,
        limit: int | None,
        told: Callable[[Take], None],
    ) -> int:
        """Trade an order of `side` against what rests; tell what is left of it."""
        half = self.half(-side)
        while lots and half.best is not None:
            if limit is not None and (half.best - limit) * side > 0:
                break
            piece = half.take_best(lots)
            self.update_id += 1
            lots -= piece.lots
            told(piece)
        return lots

    def top(self, side: int, count: int) -> list[tuple[int, int]]:
        """List the best `count` prices of a side with their totals."""
        half = self.half(side)
        found: list[tuple[int, int]] = []
        for ticks in half.walk():
            if len(found) == count:
                break
            found.append((ticks, half.levels[ticks].total))
        return found

    def changes(self) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """Give all prices that changed since the last call, with their totals now."""
        found = []
        for half in (self.bids, self.asks):
            rows = [(ticks, half.shown(ticks)) for ticks in sorted(half.changed)]
            half.changed.clear()
            found.append(rows)
        return found[0], found[1]
