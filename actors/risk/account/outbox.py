"""Lets facts out only once they are on the disk.

What was seen must be what a restart finds. So a fact waits until the write that holds
its row has ended, and readers see the book as it was when that write was taken.
"""

from collections import deque

from actors.domain.messages import Published
from actors.domain.views import Publisher
from actors.journal import Journal
from actors.risk.account.state import RiskState


class Outbox:
    """Holds facts and the visible book back until the journal says durable."""

    def __init__(
        self, journal: Journal, publisher: Publisher, state: RiskState
    ) -> None:
        self._journal = journal
        self._publisher = publisher
        self._state = state
        self._waiting: deque[Published] = deque()  # the journal's bound holds here too
        self._taken: deque[Published] = deque()
        self._next = state.look()
        state.visible = self._next
        journal.watch(self._take, self._release)

    def put(self, fact: Published) -> None:
        """Publish a fact with the write that holds its row; at once when none waits."""
        self._waiting.append(fact)
        if self._journal.idle:
            self._take()
            self._release()

    def forget_waiting(self) -> None:
        """Forget the facts whose rows are forgotten."""
        self._waiting.clear()

    def hurry(self) -> None:
        """Have what waits written now, if anybody looks."""
        if self._waiting and self._publisher.watched:
            self._journal.write_soon()

    def _take(self) -> None:
        self._taken.extend(self._waiting)
        self._waiting.clear()
        self._next = self._state.look()

    def _release(self) -> None:
        self._state.visible = self._next
        while self._taken:
            self._publisher.publish(self._taken.popleft())
