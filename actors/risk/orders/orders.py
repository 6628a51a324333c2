"""Orders of the risk actor: journalled, then sent once, then followed to their end.

The problem: an order whose answer is lost may live. The rule chosen: the intent is
committed before the send, the send happens once and shielded from cancellation, and
an answer that proves nothing leaves the order UNKNOWN with its risk reserved. The
rule rejected: sending again, which is how other engines buy twice.
"""

from decimal import Decimal

import msgspec
import trio

from actors.domain import ids
from actors.domain.crash_points import CrashPoint
from actors.domain.errors import IllegalTransition
from actors.domain.orders import (
    Fill,
    OrderRequest,
    OrderState,
    OrderUpdate,
    Outcome,
    Placed,
    Refused,
)
from actors.domain.phases import ORDER_MACHINE, check
from actors.exchange.outcome import Act
from actors.journal import Kind
from actors.risk.account.desk import Desk
from actors.risk.orders.dispatch import Answered, Ticket
from actors.risk.orders.records import OrderRecord, published_kind
from actors.runtime.crash import reached

#: The exchange has confirmed these.
STANDING = frozenset({OrderState.OPEN, OrderState.PARTIAL})
#: Whether these exist at all is still open.
UNSEEN = frozenset({OrderState.SENDING, OrderState.UNKNOWN})


class OrderBook:
    """Plans, sends, cancels and follows orders. The only one who asks for either."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def plan(
        self,
        request: OrderRequest,
        *,
        correlation: str,
        purpose: str,
        reason: str,
        risk_usd: Decimal = Decimal(0),
        notional: Decimal = Decimal(0),
    ) -> OrderRecord:
        """Journal an intent and reserve its worst case; `send` must follow.

        `request.client_id` is filled in here: a pure function of engine and intent.
        """
        reached(CrashPoint.INTENT_RECEIVED)
        desk = self._desk
        intent = desk.next_intent(correlation, purpose)
        client_id = ids.client_order_id(desk.ports.engine_id, intent, 1)
        assert desk.book.find(client_id) is None, "one order for each intent"
        record = OrderRecord(
            request=msgspec.structs.replace(request, client_id=client_id),
            intent=intent,
            correlation=correlation,
            purpose=purpose,
            reason=reason,
            state=OrderState.SENDING,
            created_ms=desk.now_ms,
            updated_ms=desk.now_ms,
            risk_usd=risk_usd,
            notional=notional,
        )
        desk.record(Kind.INTENT, record, request.symbol, correlation)
        reached(CrashPoint.INTENT_APPENDED)
        return record

    async def send(self, record: OrderRecord) -> OrderRecord:
        """Commit what was planned, send once, and record the answer."""
        return (await self.send_all([record]))[0]

    async def send_all(self, records: list[OrderRecord]) -> list[OrderRecord]:
        """Send what was planned, in order, after one commit for all of it.

        Returns the records as they are now: SENDING where the answer is late.
        """
        dispatcher = self._desk.ports.dispatcher
        with trio.CancelScope(shield=True):
            await self._desk.ports.journal.commit()
            reached(CrashPoint.INTENT_COMMITTED)
            tickets = [await dispatcher.submit(Act.PLACE, r.request) for r in records]
        await dispatcher.answers(tickets)
        for ticket in tickets:
            if ticket.outcome is not None:
                await self._settle(ticket.request.client_id, ticket.outcome)
        return [self.known(record.client_id) for record in records]

    def known(self, client_id: str) -> OrderRecord:
        """The record as it is now, of what is surely at hand."""
        record = self._desk.book.find(client_id)
        assert record is not None, "what was sent is known"
        return record

    async def answered(self, late: Answered) -> OrderRecord | None:
        """Record an answer that came after the risk actor had gone on."""
        if late.act is Act.PLACE:
            await self._settle(late.client_id, late.outcome)
        else:
            self._cancel_settled(late.client_id, late.outcome)
        return self._desk.book.find(late.client_id)

    async def _settle(self, client_id: str, outcome: Outcome) -> None:
        """Record the answer to a send; a fill may have been faster than it."""
        self._desk.state.answered[type(outcome).__name__.lower()] += 1
        record = self.known(client_id)
        if record.state not in UNSEEN:
            return
        if isinstance(outcome, Placed):
            found = outcome.exchange_id
            record = self.change(record, OrderState.OPEN, "", exchange_id=found)
            if record.cancel_wanted:
                await self.cancel(record)
        elif isinstance(outcome, Refused):
            self.change(record, OrderState.REFUSED, outcome.reason)
        else:
            self.doubt(record, outcome.reason)

    def doubt(self, record: OrderRecord, reason: str) -> None:
        """Call an order UNKNOWN: it may live, its risk stays reserved, ask for it."""
        if record.state is OrderState.UNKNOWN:
            return
        self._desk.alert(
            "error",
            "exchange",
            f"order {record.client_id}: answer unknown: {reason}",
            "its risk stays reserved; it is asked for and not sent again",
            record.request.symbol,
        )
        self.change(record, OrderState.UNKNOWN, reason)

    def doubt_all(self, reason: str) -> None:
        """Doubt what was being sent when the engine or the actor ended."""
        for record in list(self._desk.book.orders.values()):
            if record.state is OrderState.SENDING:
                self.doubt(record, reason)

    async def cancel(self, *records: OrderRecord) -> None:
        """Ask for cancels; an effect comes as an update, or the order had ended.

        All are asked for before one is waited for.
        """
        asked = []
        for record in records:
            if not record.live or record.state is OrderState.CANCELLING:
                continue
            standing = record.state in STANDING
            state = OrderState.CANCELLING if standing else record.state
            if standing or not record.cancel_wanted:
                self.change(record, state, record.outcome, cancel_wanted=True)
            asked.append(record.request)
        for ticket in await self._cancels(asked):
            if ticket.outcome is not None:
                self._cancel_settled(ticket.request.client_id, ticket.outcome)

    async def cancel_stray(self, request: OrderRequest) -> Outcome | None:
        """Cancel at the exchange what is no live order here; None: no answer yet."""
        (ticket,) = await self._cancels([request])
        return ticket.outcome

    async def _cancels(self, requests: list[OrderRequest]) -> list[Ticket]:
        with trio.CancelScope(shield=True):
            dispatcher = self._desk.ports.dispatcher
            tickets = [await dispatcher.submit(Act.CANCEL, one) for one in requests]
        await dispatcher.answers(tickets)
        return tickets

    def _cancel_settled(self, client_id: str, outcome: Outcome) -> None:
        """Take the answer to a cancel: only a sighting of the order is a fact.

        Refused means filled, cancelled or never there; Unknown means nothing. Both
        leave the order as it is, and it is asked for.
        """
        record = self._desk.book.find(client_id)
        if record is None or not record.live or isinstance(outcome, Placed):
            return
        self._desk.state.ask_soon.add(client_id)
        if not isinstance(outcome, Refused):
            self._desk.alert(
                "warning",
                "exchange",
                f"cancel of {client_id}: {outcome.reason}",
                "the order counts as live until the exchange says otherwise",
                record.request.symbol,
            )

    def apply_update(self, update: OrderUpdate) -> OrderRecord | None:
        """Take the exchange's word on one order; None when it is not ours alive."""
        record = self._desk.book.orders.get(update.client_id)
        if record is None:
            return None
        state = update.state
        if update.filled_quantity > record.filled and state not in STANDING:
            # It has ended with fills that are not here: until then it may be more.
            self._desk.state.ask_soon.add(update.client_id)
            return None
        if state in STANDING:
            if record.state not in UNSEEN:
                return self.shown(record)
            told = {"exchange_id": update.exchange_id}
            return self.shown(
                self.change(record, record.standing, update.reason, **told)
            )
        if state is OrderState.FILLED and record.unfilled > 0:
            self._desk.state.ask_soon.add(update.client_id)
            return None  # the fills say it themselves, when they come
        return self.change(record, state, update.reason, exchange_id=update.exchange_id)

    def shown(self, record: OrderRecord) -> OrderRecord:
        """Note that the exchange shows a stop: a taken one may never have rested."""
        if record.seen or record.purpose != "stop":
            return record
        return self.change(record, record.state, record.outcome, seen=True)

    def apply_fill(self, record: OrderRecord, fill: Fill) -> OrderRecord | None:
        """Count a fill in its order, exactly once; None: it was counted before."""
        if fill.trade_id in record.trades:
            return None
        filled = record.filled + fill.quantity
        if filled > record.request.quantity:  # it happened: it is booked as well
            self._desk.halt_symbol(
                fill.symbol,
                f"fill {fill.trade_id} brings order {record.client_id} to {filled} "
                f"of {record.request.quantity}",
            )
        self._desk.record(Kind.FILL, fill, fill.symbol, record.correlation)
        # A late fill of an ended order changes what we hold, but revives no order.
        state = OrderState.PARTIAL if record.live else record.state
        if record.state is OrderState.CANCELLING:
            state = OrderState.CANCELLING
        whole = filled >= record.request.quantity
        if whole and record.state is not OrderState.REFUSED:
            state = OrderState.FILLED
        if ids.is_adjustment(fill.trade_id):
            adopted = record.adopted + fill.quantity
            record = msgspec.structs.replace(
                record, adopted=adopted, adopted_ms=fill.ts_ms
            )
        record = self.change(
            record,
            state,
            record.outcome,
            filled=filled,
            fees=record.fees + fill.fee,
            filled_ms=fill.ts_ms,
            trades=(*record.trades, fill.trade_id),
        )
        reached(CrashPoint.FILL_APPLIED)
        return record

    def change(
        self, record: OrderRecord, state: OrderState, outcome: str, **facts: object
    ) -> OrderRecord:
        """Replace an order's record; an edge the table lacks is refused and counted."""
        desk = self._desk
        if state is not record.state:
            try:
                check(ORDER_MACHINE, record.state, state)
            except IllegalTransition as error:
                desk.machine.illegal_transitions += 1
                desk.alert(
                    "error", "internal", str(error), "the update was not applied"
                )
                return record
        changed = msgspec.structs.replace(
            record, state=state, outcome=outcome, updated_ms=desk.now_ms, **facts
        )
        desk.record(Kind.ORDER, changed, record.request.symbol, record.correlation)
        desk.publish("orders", published_kind(record.state, state), changed.view())
        return changed
