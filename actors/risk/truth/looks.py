"""Says when the exchange is to be asked for its truth, and for how much of it."""

from actors.domain.truth import DifferenceKind, Look, Truth
from actors.risk.account.desk import Desk
from actors.risk.orders.orders import UNSEEN
from actors.risk.truth.differences import Differences

ORDERS_EVERY_MS = 10_000
POSITIONS_EVERY_MS = 30_000
ALL_EVERY_MS = 300_000
#: Something is in doubt: look again so soon.
DOUBT_EVERY_MS = 2_000
#: Fills are asked for from so long before the moment up to which they are known.
OVERLAP_MS = 60_000
#: An answer that did not come for so long is lost: nobody waits for it without end.
LOST_MS = 600_000


class Looks:
    """Keeps the periods, by the exchange's time."""

    def __init__(self, desk: Desk, differences: Differences) -> None:
        self._desk = desk
        self._differences = differences
        self._looking = False
        self._again = False  # one more was wanted meanwhile
        self._looked_ms = self._positions_ms = self._all_ms = -ALL_EVERY_MS
        self._hurried_ms = -1
        self._fills_ms: int | None = None  # up to when they are known; None: a start

    def look_if_due(self, *, at_once: bool = False) -> None:
        """Look when a period has passed, sooner while something is in doubt."""
        now_ms = self._desk.now_ms
        every_ms = DOUBT_EVERY_MS if self.in_doubt() else ORDERS_EVERY_MS
        if at_once and now_ms > self._hurried_ms:  # once in a moment: no endless asking
            every_ms = 0
        if not self._under_way() and now_ms - self._looked_ms >= every_ms:
            self._hurried_ms = now_ms if at_once else self._hurried_ms
            due = now_ms - self._all_ms >= ALL_EVERY_MS
            self.look(whole=due or not self._desk.state.settled)

    def in_doubt(self) -> bool:
        """Whether anything is open that the exchange could tell."""
        state = self._desk.state
        unsure = any(o.state in UNSEEN for o in state.book.orders.values())
        return unsure or bool(state.ask_soon) or bool(state.differing)

    def _under_way(self) -> bool:
        return self._looking and self._desk.now_ms - self._looked_ms < LOST_MS

    def look(self, *, whole: bool) -> None:
        """Have the exchange asked now, or once more when it has answered.

        It may be silent for long: looks that are sent all the while would pile up.
        """
        if self._under_way():
            self._again = True
            return
        desk, book, now_ms = self._desk, self._desk.book, self._desk.now_ms
        positions = whole or self.in_doubt()
        positions = positions or now_ms - self._positions_ms >= POSITIONS_EVERY_MS
        self._looking = True
        self._looked_ms = now_ms
        desk.state.ask_soon.clear()
        live = tuple((o.request.symbol, name) for name, o in book.orders.items())
        version, since_ms = desk.ports.journal.appended, self._fills_since_ms()
        desk.ports.look(Look(version, now_ms, live, since_ms, positions, whole))

    def _fills_since_ms(self) -> int:
        """Say from when on a fill may have happened that we do not know.

        The newest fill that we know says nothing about older ones of other orders.
        """
        book, known_ms = self._desk.book, self._fills_ms
        if known_ms is None:
            oldest = [order.created_ms for order in book.orders.values()]
            known_ms = min([book.filled_ms or book.opened_ms, *oldest])
        for found in self._differences.all():
            order = book.orders.get(found.subject)
            if order is not None and found.kind is DifferenceKind.FILLS_MISSING:
                known_ms = min(known_ms, order.created_ms)
        return max(min(known_ms, self._desk.now_ms) - OVERLAP_MS, book.opened_ms)

    def answered(self, truth: Truth) -> None:
        """Count from the asking, and only what was answered."""
        self._looking = False
        self._desk.state.unanswered = truth.problems
        asked_ms = truth.look.asked_ms
        if truth.fills is not None:
            self._fills_ms = asked_ms
        if truth.positions is not None:
            self._positions_ms = asked_ms
        if truth.whole and truth.look.balance:
            self._all_ms = asked_ms
        if self._again:
            self._again = False
            self.look(whole=True)
