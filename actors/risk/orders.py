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
from actors.domain.errors import ExchangeError, IllegalTransition
from actors.domain.orders import (
    Fill,
    OrderRequest,
    OrderState,
    OrderUpdate,
    Outcome,
    Placed,
    Refused,
    Unknown,
)
from actors.domain.phases import LIVE_ORDER_STATES, ORDER_MACHINE, check
from actors.journal import Kind
from actors.risk.desk import Desk
from actors.risk.state import OrderRecord

#: An answer is waited for so long; after that it is Unknown, not a refusal.
ANSWER_SECONDS_MAX = 10.0


class OrderBook:
    """Plans, sends, cancels and follows orders. The only caller of the exchange."""

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
        """Journal an intent and reserve its worst case; `send` must follow a commit.

        `request.client_id` is filled in here: a pure function of engine and intent.
        """
        desk = self._desk
        intent = desk.next_intent(correlation, purpose)
        client_id = ids.client_order_id(desk.ports.engine_id, intent, 1)
        assert client_id not in desk.state.orders, "one live order for each intent"
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
        desk.append(Kind.INTENT, record, request.symbol, correlation)
        desk.state.orders[client_id] = record
        return record

    async def send(self, record: OrderRecord) -> OrderRecord:
        """Commit what was planned, send once, and record the answer."""
        return (await self.send_all([record]))[0]

    async def send_all(self, records: list[OrderRecord]) -> list[OrderRecord]:
        """Send what was planned, in order, after one commit for all of it."""
        sent = []
        with trio.CancelScope(shield=True):
            await self._desk.ports.journal.commit()
            for record in records:
                outcome = await self._answer(record.request)
                sent.append(self._settle(record.request.client_id, outcome))
        return sent

    async def _answer(self, request: OrderRequest) -> Outcome:
        try:
            with trio.fail_after(ANSWER_SECONDS_MAX):
                outcome = await self._desk.ports.exchange.place(request)
        except (ExchangeError, trio.TooSlowError, OSError) as error:
            return Unknown(f"{type(error).__name__}: {error}")
        return outcome

    def _settle(self, client_id: str, outcome: Outcome) -> OrderRecord:
        """Record the answer to a send; a fill may have been faster than it."""
        state = self._desk.state
        record = state.orders.get(client_id) or self._ended(client_id)
        assert record is not None, "what was sent is known"
        if record.state is not OrderState.SENDING:
            return record
        if isinstance(outcome, Placed):
            found = outcome.exchange_id
            return self._change(record, OrderState.OPEN, "", exchange_id=found)
        if isinstance(outcome, Refused):
            return self._change(record, OrderState.REFUSED, outcome.reason)
        self._desk.alert(
            "error",
            "exchange",
            f"order {client_id}: answer unknown: {outcome.reason}",
            "its risk stays reserved; it is not sent again",
            record.request.symbol,
        )
        return self._change(record, OrderState.UNKNOWN, outcome.reason)

    def doubt(self) -> None:
        """Call UNKNOWN what was being sent when the actor crashed."""
        for record in list(self._desk.state.orders.values()):
            if record.state is OrderState.SENDING:
                self._settle(record.request.client_id, Unknown("crashed while sending"))

    async def cancel(self, record: OrderRecord) -> None:
        """Ask for a cancel; its effect comes as an update, or the order had ended."""
        desk = self._desk
        if not record.live or record.state is OrderState.CANCELLING:
            return
        if record.state in {OrderState.OPEN, OrderState.PARTIAL}:
            self._change(record, OrderState.CANCELLING, record.outcome)
        with trio.CancelScope(shield=True):
            try:
                await desk.ports.exchange.cancel(
                    record.request.symbol, record.request.client_id
                )
            except (ExchangeError, trio.TooSlowError, OSError) as error:
                desk.alert(
                    "warning",
                    "exchange",
                    f"cancel of {record.request.client_id}: {error}",
                    "the order counts as live until the exchange says otherwise",
                    record.request.symbol,
                )

    def apply_update(self, update: OrderUpdate) -> OrderRecord | None:
        """Take the exchange's word on one order; None when it is not ours alive."""
        record = self._desk.state.orders.get(update.client_id)
        if record is None:
            return None
        state = update.state
        waiting = {OrderState.SENDING, OrderState.UNKNOWN}
        if state is OrderState.OPEN and record.state not in waiting:
            state = record.state
        if state is OrderState.FILLED and record.filled < record.request.quantity:
            return None  # the fills say it themselves, when they come
        return self._change(
            record, state, update.reason, exchange_id=update.exchange_id
        )

    def apply_fill(self, fill: Fill) -> OrderRecord | None:
        """Count a fill in its order, exactly once; None: unknown order or repeated."""
        desk = self._desk
        record = desk.state.orders.get(fill.client_id) or self._ended(fill.client_id)
        if record is None:
            desk.alert(
                "critical",
                "exchange",
                f"fill {fill.trade_id} of {fill.symbol} belongs to no order of ours",
                "entries in this symbol are refused",
                fill.symbol,
            )
            desk.state.suspect[fill.symbol] = f"foreign fill {fill.trade_id}"
            return None
        if not desk.state.remember_trade(fill.trade_id):
            return None
        desk.append(Kind.FILL, fill, fill.symbol, record.correlation)
        filled = record.filled + fill.quantity
        assert filled <= record.request.quantity, "fills never exceed their order"
        # A late fill of an ended order changes what we hold, but revives no order.
        state = OrderState.PARTIAL if record.live else record.state
        if filled == record.request.quantity:
            state = OrderState.FILLED
        return self._change(
            record,
            state,
            record.outcome,
            filled=filled,
            fees=record.fees + fill.fee,
            filled_ms=fill.ts_ms,
        )

    def _ended(self, client_id: str) -> OrderRecord | None:
        """Find an ended order: a late fill is applied, whatever the state."""
        for record in self._desk.state.ended:
            if record.request.client_id == client_id:
                return record
        return None

    def _change(
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
        client_id = record.request.client_id
        desk.append(Kind.ORDER, changed, record.request.symbol, record.correlation)
        if state in LIVE_ORDER_STATES:
            desk.state.orders[client_id] = changed
        else:
            if desk.state.orders.pop(client_id, None) is None:
                desk.state.ended.remove(record)
            desk.state.ended.append(changed)
        desk.publish("orders", _published_kind(record.state, state), changed.view())
        return changed


def _published_kind(before: OrderState, after: OrderState) -> str:
    """Name an order's change as the contract names it."""
    if before is OrderState.SENDING and after is OrderState.OPEN:
        return "ORDER_PLACED"
    if after in {OrderState.CANCELLED, OrderState.REFUSED, OrderState.ABSENT}:
        return "ORDER_CANCELED"
    return "ORDER_UPDATED"
