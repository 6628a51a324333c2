"""Keeps one symbol's book in step with its stream, and says when it is not.

Every exchange numbers its updates in its own way; `SequenceRule` is that way, as a
function from an update and the newest applied id to a verdict. The rest is the same for
all: updates that come too early wait in a small sorted store. When the missing piece
arrives (it was only late), all go on; when a whole book arrives, those that are newer
than it are applied on top. Duplicates, such as two connections bring while one takes
over from the other, are dropped.

Where each connection has numbers of its own, a book belongs to the connection that
brought its snapshot; a newer connection takes it over with a snapshot. If that one
ends before the older one does, the book waits for a snapshot of the older one.
"""

from bisect import insort
from collections.abc import Callable
from enum import Enum, auto

import msgspec

from actors.market.live.book import Book
from actors.market.live.wire import DepthUpdate

WAITING_MAX = 2_000


class Verdict(Enum):
    """What to do with an update."""

    APPLY = auto()
    DROP = auto()  # it is in the book already
    GAP = auto()  # something before it is missing


#: (update, newest applied id, whether that id is a snapshot's) -> verdict
Judge = Callable[[DepthUpdate, int | None, bool], Verdict]


class SequenceRule(msgspec.Struct, frozen=True):
    """An exchange's numbering."""

    judge: Judge
    #: Books come by REST (True) or as the first message of a subscription.
    by_rest: bool
    #: Numbers mean the same on every connection.
    shared: bool


class BookState(Enum):
    """Whether a book may be read."""

    WHOLE = auto()
    EMPTY = auto()  # no snapshot yet
    BROKEN = auto()  # an update is missing, or the book cannot be right


class Keeper:
    """One symbol's book and its place in the sequence."""

    def __init__(self, rule: SequenceRule) -> None:
        self.book = Book()
        self.state = BookState.EMPTY
        self.gaps = 0
        self.resets = 0
        self.crossings = 0
        self.owner = 0  # the generation of the connection that the book belongs to
        self._rule = rule
        self._last: int | None = None
        self._from_snapshot = True
        self._waiting: list[DepthUpdate] = []  # ascending by last id

    def take(self, update: DepthUpdate, generation: int) -> BookState:
        """Take a message of the stream; returns the state that it leaves."""
        if not self._rule.shared:
            if generation < self.owner:
                return self.state  # a newer connection has taken over
            if generation > self.owner and not update.is_snapshot:
                return self.state  # it begins with its snapshot
            self.owner = generation
        if update.is_snapshot:
            return self.restart(update)
        if self.state is BookState.WHOLE:
            return self._next(update)
        self._wait(update)
        if self.state is BookState.BROKEN:
            self._catch_up()
        return self.state

    def restart(self, snapshot: DepthUpdate) -> BookState:
        """Take a whole book, and what has waited for it on top."""
        if self._rule.shared and self._is_old(snapshot):
            return self.state
        self.resets += 1
        self.book.reset(snapshot)
        self._last, self._from_snapshot = snapshot.last_id, True
        self.state = BookState.BROKEN
        self._check(snapshot)
        if self.state is BookState.BROKEN:
            self._catch_up()
        return self.state

    def _is_old(self, snapshot: DepthUpdate) -> bool:
        """Whether a REST answer is older than what was applied in the meantime."""
        last, newest = self._last, snapshot.last_id
        if last is None or newest is None:
            return False
        return newest < last or (newest == last and self.state is BookState.WHOLE)

    def lose(self) -> None:
        """The connection is gone: what comes next will not follow on this."""
        if self.state is BookState.WHOLE:
            self.state = BookState.BROKEN
            self.gaps += 1
        if not self._rule.shared:
            self._waiting.clear()

    def belong_to(self, generation: int) -> bool:
        """Only this connection goes on; whether it owes the book a snapshot.

        The numbers of the connection that was the owner say nothing about its updates.
        """
        if self._rule.shared or self.owner == generation:
            return False
        self.lose()
        self.state, self._last, self.owner = BookState.EMPTY, None, generation
        return True

    def _next(self, update: DepthUpdate) -> BookState:
        verdict = self._rule.judge(update, self._last, self._from_snapshot)
        if verdict is Verdict.APPLY:
            self._apply(update)
        elif verdict is Verdict.GAP:
            self.gaps += 1
            self.state = BookState.BROKEN
            self._wait(update)
        return self.state

    def _apply(self, update: DepthUpdate) -> None:
        self.book.change(update)
        self._last, self._from_snapshot = update.last_id, False
        self._check(update)

    def _check(self, update: DepthUpdate) -> None:
        """A book that is crossed, or has another checksum, is not kept."""
        wrong = self.book.crossed
        self.crossings += wrong
        if not wrong and update.checksum:
            found = self.book.checksum()
            wrong = found is not None and found != update.checksum
        if wrong:
            self.gaps += 1
            self.state = BookState.EMPTY
            self._last = None

    def _wait(self, update: DepthUpdate) -> None:
        if update.last_id is None:
            return  # without numbers nothing can be put in order
        if len(self._waiting) >= WAITING_MAX:
            del self._waiting[: WAITING_MAX // 2]
        insort(self._waiting, update, key=_last_id)

    def _catch_up(self) -> None:
        """Apply what waits, as far as it follows; whole when nothing is left."""
        waiting, done = self._waiting, 0
        for update in waiting:
            verdict = self._rule.judge(update, self._last, self._from_snapshot)
            if verdict is Verdict.GAP:
                break
            done += 1
            if verdict is Verdict.APPLY:
                self._apply(update)
                if self.state is BookState.EMPTY:
                    break
        del waiting[:done]
        if not waiting and self.state is BookState.BROKEN:
            self.state = BookState.WHOLE


def _last_id(update: DepthUpdate) -> int:
    assert update.last_id is not None, "only numbered updates wait"
    return update.last_id
