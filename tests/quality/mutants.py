"""Engines with one fault each, as an engine may be written by people in a hurry.

Every one must be caught by the invariants: a check that lets them live checks nothing.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import pytest

from actors.domain.errors import ExchangeError
from actors.domain.limits import Holding
from actors.domain.orders import (
    Fill,
    OrderRequest,
    OrderState,
    Outcome,
    Placed,
    Refused,
    Unknown,
)
from actors.domain.truth import Truth
from actors.exchange.outcome import Act, Answer
from actors.journal import Journal
from actors.risk.account.outbox import Outbox
from actors.risk.account.state import RiskState
from actors.risk.orders import dispatch
from actors.risk.orders.dispatch import Dispatcher, Halt, Ticket
from actors.risk.orders.doubts import Doubts
from actors.risk.orders.orders import OrderBook
from actors.risk.orders.records import OrderRecord

Mutate = Callable[[pytest.MonkeyPatch], None]


def treat_time_out_as_refused(patch: pytest.MonkeyPatch) -> None:
    classify = dispatch.classify

    def sure(exchange: str, act: Act, answer: Answer) -> Outcome:
        outcome = classify(exchange, act, answer)
        if act is Act.PLACE and isinstance(outcome, Unknown):
            return Refused(outcome.reason)
        return outcome

    patch.setattr(dispatch, "classify", sure)


def resend_on_time_out(patch: pytest.MonkeyPatch) -> None:
    asked = Dispatcher._asked

    async def again(self: Dispatcher, ticket: Ticket) -> Outcome:
        try:
            return await asked(self, ticket)
        except ExchangeError:
            return await asked(self, ticket)

    patch.setattr(Dispatcher, "_asked", again)


def publish_before_journal(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Outbox, "put", lambda self, fact: self._publisher.publish(fact))


def send_before_journal(patch: pytest.MonkeyPatch) -> None:
    async def soon(self: Journal) -> int:
        self.write_soon()
        return self.appended

    patch.setattr(Journal, "commit", soon)


def count_only_filled_in_exposure(patch: pytest.MonkeyPatch) -> None:
    whole = RiskState.holdings

    def filled(self: RiskState) -> tuple[Holding, ...]:
        kept, self.book.orders = self.book.orders, {}
        try:
            return whole(self)
        finally:
            self.book.orders = kept

    patch.setattr(RiskState, "holdings", filled)


def drop_fills_for_closed_orders(patch: pytest.MonkeyPatch) -> None:
    apply = OrderBook.apply_fill

    def only_live(self: OrderBook, record: OrderRecord, fill: Fill) -> Any:
        return apply(self, record, fill) if record.live else None

    patch.setattr(OrderBook, "apply_fill", only_live)


def not_found_means_cancelled(patch: pytest.MonkeyPatch) -> None:
    def gone(self: Doubts, record: OrderRecord, _truth: Truth) -> Any:
        return self._gone(record, OrderState.CANCELLED, "not found")

    patch.setattr(Doubts, "absent", gone)


def skip_stop_confirmation(patch: pytest.MonkeyPatch) -> None:
    settle = OrderBook._settle

    async def trusting(self: OrderBook, client_id: str, outcome: Outcome) -> None:
        known = self.known(client_id)
        if known.purpose == "stop" and isinstance(outcome, Unknown):
            outcome = Placed("surely")
        await settle(self, client_id, outcome)

    patch.setattr(OrderBook, "_settle", trusting)


def never_miss_a_stop(patch: pytest.MonkeyPatch) -> None:
    vanished = Doubts.vanished

    def but_stops(self: Doubts, record: OrderRecord, truth: Truth) -> Any:
        return None if record.purpose == "stop" else vanished(self, record, truth)

    patch.setattr(Doubts, "vanished", but_stops)


def apply_a_fill_twice(patch: pytest.MonkeyPatch) -> None:
    apply = OrderBook.apply_fill

    def forgetful(self: OrderBook, record: OrderRecord, fill: Fill) -> Any:
        return apply(self, msgspec.structs.replace(record, trades=()), fill)

    patch.setattr(OrderBook, "apply_fill", forgetful)


def trust_a_cancel_that_was_not_answered(patch: pytest.MonkeyPatch) -> None:
    settled = OrderBook._cancel_settled

    def trusting(self: OrderBook, client_id: str, outcome: Outcome) -> None:
        record = self._desk.book.orders.get(client_id)
        if record is not None and isinstance(outcome, Unknown):
            self.change(record, OrderState.CANCELLED, "cancelled")
        else:
            settled(self, client_id, outcome)

    patch.setattr(OrderBook, "_cancel_settled", trusting)


def halt_only_what_comes_later(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Halt, "stops", lambda _self, _request: False)
    patch.setattr(RiskState, "no_entries", lambda _self, _symbol: None)


def close_without_reduce_only(patch: pytest.MonkeyPatch) -> None:
    plan = OrderBook.plan

    def free(self: OrderBook, request: OrderRequest, **more: Any) -> OrderRecord:
        return plan(self, msgspec.structs.replace(request, reduce_only=False), **more)

    patch.setattr(OrderBook, "plan", free)


def change_the_book_beside_the_journal(patch: pytest.MonkeyPatch) -> None:
    late = OrderBook.doubt

    def unwritten(self: OrderBook, record: OrderRecord, reason: str) -> None:
        late(self, record, reason)
        self._desk.book.signals.pop(record.correlation, None)

    patch.setattr(OrderBook, "doubt", unwritten)


#: Each mutant, and the invariants of which one must catch it.
MUTANTS: Mapping[Mutate, frozenset[int]] = {
    treat_time_out_as_refused: frozenset({8, 12, 3, 14}),
    resend_on_time_out: frozenset({7}),
    publish_before_journal: frozenset({5}),
    send_before_journal: frozenset({6}),
    count_only_filled_in_exposure: frozenset({1, 3}),
    drop_fills_for_closed_orders: frozenset({13, 14, 2}),
    not_found_means_cancelled: frozenset({8}),
    skip_stop_confirmation: frozenset({8, 10}),
    never_miss_a_stop: frozenset({10, 14}),
    apply_a_fill_twice: frozenset({9}),
    trust_a_cancel_that_was_not_answered: frozenset({8}),
    halt_only_what_comes_later: frozenset({12}),
    close_without_reduce_only: frozenset({11}),
    # A signal that is forgotten lets a late fill open nothing: the fills say more.
    change_the_book_beside_the_journal: frozenset({16, 2}),
}
