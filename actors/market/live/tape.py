"""One symbol's trades, each passed on once, whatever the connections repeat or delay.

Where ids are consecutive numbers, an id below the newest is a duplicate unless it is
one that is known to be missing: then it was only late, or was fetched. Elsewhere the
ids of the last half minute are remembered.
"""

from collections import deque

from actors.market.live.wire import Trade

#: Longest row of missing ids that is waited and asked for; more is counted as lost.
MISSING_MAX = 1_000
REMEMBERED_MAX = 8_192
REMEMBERED_MS = 30_000


class Tape:
    """Remembers what was passed on."""

    def __init__(self, *, consecutive: bool) -> None:
        self.passed = 0
        self.duplicates = 0
        self.lost = 0  # ids that nobody delivered
        self.missing: set[int] = set()
        self.newest: Trade | None = None
        self._consecutive = consecutive
        self._newest_id: int | None = None
        self._recent: deque[tuple[int, int | str]] = deque()
        self._known: set[int | str] = set()

    def take(self, trade: Trade) -> bool:
        """Note a trade; False: it was passed on before."""
        number = trade.trade_id
        if self._consecutive and isinstance(number, int):
            fresh = self._follows(number)
        else:
            fresh = self._is_unknown(number, trade.ts_ms)
        if not fresh:
            self.duplicates += 1
            return False
        self.passed += 1
        if self.newest is None or trade.ts_ms >= self.newest.ts_ms:
            self.newest = trade
        return True

    def _follows(self, number: int) -> bool:
        newest = self._newest_id
        if newest is None or number == newest + 1:
            self._newest_id = number
            return True
        if number > newest:
            self._miss(newest + 1, number)
            self._newest_id = number
            return True
        if number in self.missing:
            self.missing.discard(number)
            return True
        return False

    def _miss(self, first: int, stop: int) -> None:
        kept = min(stop, first + MISSING_MAX - len(self.missing))
        self.missing.update(range(first, kept))
        self.lost += max(0, stop - max(first, kept))

    def give_up(self, until: int | None = None) -> int:
        """Let missing ids go that cannot be had, up to one of them; how many."""
        gone = {one for one in self.missing if until is None or one <= until}
        self.missing -= gone
        self.lost += len(gone)
        return len(gone)

    def _is_unknown(self, number: int | str, ts_ms: int) -> bool:
        recent, known = self._recent, self._known
        if number in known:
            return False
        newest_ms = recent[-1][0] if recent else ts_ms
        if ts_ms < newest_ms - REMEMBERED_MS:
            return False  # older than what is remembered: passed on long ago
        recent.append((max(ts_ms, newest_ms), number))
        known.add(number)
        oldest_ms = newest_ms - REMEMBERED_MS
        while recent[0][0] < oldest_ms or len(recent) > REMEMBERED_MAX:
            known.discard(recent.popleft()[1])
        return True
