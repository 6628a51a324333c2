"""A join counter: the feed waits here until every symbol has seen the bar."""

import trio


class Latch:
    """Count work out with `add`, count it back with `arrive`, wait for the balance.

    Only the balance counts, so an arrival before its `add` is in order.
    """

    __slots__ = ("_all_arrived", "_remaining")

    def __init__(self, count: int = 0) -> None:
        self._remaining = count
        self._all_arrived: trio.Event | None = None

    @property
    def remaining(self) -> int:
        """How many arrivals are still owed."""
        return self._remaining

    def add(self, n: int = 1) -> None:
        """Expect `n` more arrivals."""
        self._remaining += n

    def arrive(self) -> None:
        """Say that one piece of work has ended, well or badly."""
        self._remaining -= 1
        if self._remaining == 0 and self._all_arrived is not None:
            self._all_arrived.set()
            self._all_arrived = None

    def lost(self, _reason: str) -> None:
        """Count a message that will never be handled: it has ended too."""
        self.arrive()

    async def wait(self) -> None:
        """Return once nothing is owed; at once when nothing is."""
        while self._remaining > 0:
            if self._all_arrived is None:
                self._all_arrived = trio.Event()
            await self._all_arrived.wait()
