"""When the next thing happens, over all markets: the soonest first, then by name."""

import heapq

from actors.exchange.paper.matching import NEVER_MS, Market


class Agenda:
    """The next moment of each market; one that was planned anew replaces the old."""

    def __init__(self) -> None:
        self._moments: list[tuple[int, str, Market]] = []  # heap

    def plan(self, symbol: str, market: Market, now_ms: int) -> None:
        """Note when something may happen next in a market, not before `now_ms`."""
        due_ms = market.plan(now_ms)
        if due_ms < NEVER_MS:
            heapq.heappush(self._moments, (due_ms, symbol, market))

    def take(self, until_ms: int) -> tuple[int, str, Market] | None:
        """Take the next moment up to `until_ms` off; None: there is none."""
        while self._moments and self._moments[0][0] <= until_ms:
            moment = heapq.heappop(self._moments)
            if moment[2].due_ms == moment[0]:  # else it was planned anew
                return moment
        return None

    def clear(self) -> None:
        """Forget every moment."""
        self._moments.clear()
