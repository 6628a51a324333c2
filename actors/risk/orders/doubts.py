"""When an order that the exchange does not know may be called absent: with proof only.

An order whose answer was lost may still arrive. It is absent when the exchange said
twice, at least SAYS_APART_MS apart, that it knows none such, the first time only after
nothing that was sent can still be taken, when there is no fill of it and when the
position is what it was. Before that, and whenever an answer is missing, it stays
UNKNOWN.
"""

from actors.domain.orders import OrderState
from actors.domain.truth import Truth
from actors.exchange.port import Capabilities
from actors.risk.account.desk import Desk
from actors.risk.orders.dispatch import ANSWER_SECONDS_MAX
from actors.risk.orders.orders import UNSEEN, OrderBook
from actors.risk.orders.records import FLATTEN, OrderRecord

SAYS_APART_MS = 2_000
MARGIN_MS = 5_000
ALARM_MS = 60_000


def surely_late_ms(can: Capabilities) -> int:
    """How long after its plan an order can be taken no more, nor be on its way.

    The exchange counts from the signature, which may come as late as the dispatcher
    waits: for the exchange's rules, for the gate, for a connection.
    """
    signed_ms = int(ANSWER_SECONDS_MAX * 1000)
    return signed_ms + can.deadline_ms + can.answer_ms + MARGIN_MS


class Doubts:
    """Collects the evidence on each order that could not be found."""

    def __init__(self, desk: Desk, orders: OrderBook) -> None:
        self._desk = desk
        self._orders = orders
        self._first_ms: dict[str, int] = {}  # client id -> first that counts
        self._alarmed: set[str] = set()

    def absent(self, record: OrderRecord, truth: Truth) -> OrderRecord | None:
        """Count one "not found" of an order that may never have arrived.

        Returns the order when it is proved ABSENT.
        """
        asked_ms = truth.look.asked_ms
        if record.purpose == "stop":  # it may live, but nobody may rely on it
            self._desk.state.not_found.add(record.client_id)
        complete = truth.fills is not None and not record.filled
        if self._early(record, asked_ms) or not complete:
            return None
        if record.state is OrderState.SENDING:  # whoever waited for it is gone
            self._orders.doubt(record, "no answer came")
            return None
        moved = not self._position_unchanged(record.request.symbol, truth)
        if moved and record.purpose != FLATTEN:  # that differs until one has acted
            self.sighted(record.client_id)  # something has moved it: this, perhaps
            return None
        return self._twice(record, asked_ms, OrderState.ABSENT, "proved absent")

    def vanished(self, record: OrderRecord, truth: Truth) -> OrderRecord | None:
        """Count one "not found" of an order that the exchange had confirmed.

        A protective stop counts as gone at the first: its position is unprotected.
        Any other is not missed while it is so young that queries may not know it yet.
        """
        if truth.fills is None:
            return None
        if record.purpose == "stop":
            return self._gone(record, OrderState.CANCELLED, "vanished")
        asked_ms = truth.look.asked_ms
        if self._early(record, asked_ms):
            return None
        return self._twice(record, asked_ms, OrderState.CANCELLED, "vanished")

    def _early(self, record: OrderRecord, asked_ms: int) -> bool:
        """Whether "not found" says nothing yet: the order may just not be seen."""
        can = self._desk.ports.exchange.capabilities
        return asked_ms < record.created_ms + surely_late_ms(can)

    def sighted(self, client_id: str) -> None:
        """Forget what spoke for an order's absence: it was seen, or may have acted."""
        self._first_ms.pop(client_id, None)

    def _position_unchanged(self, symbol: str, truth: Truth) -> bool:
        """Whether the exchange holds what all orders but this one explain."""
        if truth.positions is None:
            return False
        theirs = sum(p.quantity for p in truth.positions if p.symbol == symbol)
        return theirs == self._desk.book.expected(symbol)

    def _twice(
        self, record: OrderRecord, asked_ms: int, state: OrderState, why: str
    ) -> OrderRecord | None:
        first_ms = self._first_ms.setdefault(record.client_id, asked_ms)
        if asked_ms - first_ms < SAYS_APART_MS:
            self._desk.state.ask_soon.add(record.client_id)
            return None
        return self._gone(record, state, why)

    def _gone(self, record: OrderRecord, state: OrderState, why: str) -> OrderRecord:
        self._first_ms.pop(record.client_id, None)
        self._alarmed.discard(record.client_id)
        self._desk.alert(
            "warning",
            "exchange",
            f"{record.purpose} order {record.client_id}: {why}",
            f"it counts as {state}; a fill of it would still be applied",
            record.request.symbol,
        )
        return self._orders.change(record, state, why)

    def alarm(self) -> None:
        """Alarm once about each order that is UNKNOWN for too long."""
        since_ms, live = self._desk.now_ms - ALARM_MS, self._desk.book.orders
        self._alarmed &= live.keys()  # what has ended is not kept in mind
        self._first_ms = {k: ms for k, ms in self._first_ms.items() if k in live}
        for record in live.values():
            known = record.state not in UNSEEN or record.client_id in self._alarmed
            if not known and record.created_ms <= since_ms:
                self._alarm(record)

    def _alarm(self, record: OrderRecord) -> None:
        self._alarmed.add(record.client_id)
        self._desk.alert(
            "critical",
            "exchange",
            f"order {record.client_id} is UNKNOWN for over {ALARM_MS // 1000} s",
            "its risk stays reserved; look at the exchange",
            record.request.symbol,
        )
