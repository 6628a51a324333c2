"""When an order that the exchange does not know may be called absent: with proof only.

An order whose answer was lost may still arrive. It is absent when the exchange said
twice, at least SAYS_APART_MS apart, that it knows none such, the first time only after
nothing that was sent can still be taken, and when there is no fill of it. Before that,
and whenever an answer is missing, it stays UNKNOWN.
"""

from actors.domain.orders import OrderState
from actors.domain.truth import Truth
from actors.risk.desk import Desk
from actors.risk.orders import OrderBook
from actors.risk.records import OrderRecord

SAYS_APART_MS = 2_000
MARGIN_MS = 5_000
ALARM_MS = 60_000


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
        self._alarm(record, asked_ms)
        complete = truth.fills is not None and truth.positions is not None
        if self._early(record, asked_ms) or not complete or record.filled:
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
        late_ms = can.deadline_ms + can.answer_ms + MARGIN_MS
        return asked_ms < record.created_ms + late_ms

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

    def _alarm(self, record: OrderRecord, asked_ms: int) -> None:
        """Alarm once about an order that is UNKNOWN for too long."""
        late = asked_ms - record.created_ms >= ALARM_MS
        if not late or record.client_id in self._alarmed:
            return
        self._alarmed.add(record.client_id)
        self._desk.alert(
            "critical",
            "exchange",
            f"order {record.client_id} is UNKNOWN for over {ALARM_MS // 1000} s",
            "its risk stays reserved; look at the exchange",
            record.request.symbol,
        )
