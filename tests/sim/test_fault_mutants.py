"""The fault tests find what they are for: each mutant of the engine fails one.

A mutant is a mistake that other engines make. It is put in, the test named beside it
is run, and must fail.
"""

from collections.abc import Awaitable, Callable
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio
from trio.testing import MockClock

from actors.domain.orders import Fill, OrderState, Outcome, Refused
from actors.domain.truth import Look, Truth
from actors.exchange.outcome import Answer
from actors.reconcile import Reconciler
from actors.risk.holding.positions import Positions
from actors.risk.orders import dispatch
from actors.risk.orders.dispatch import Dispatcher, Ticket
from actors.risk.orders.doubts import Doubts
from actors.risk.orders.orders import OrderBook
from actors.risk.orders.records import OrderRecord
from tests.sim import test_exchange_faults as faults
from tests.sim import test_missing_fills as missing
from tests.sim import test_settle as settle
from tests.sim.faulty import Fault

Test = Callable[[Path, MockClock], Awaitable[None]]
Mutate = Callable[[pytest.MonkeyPatch], None]


def timeout_is_refused(patch: pytest.MonkeyPatch) -> None:
    def classify(_name: str, _act: Any, answer: Answer) -> Outcome:
        return Refused(answer.text or "no answer")

    patch.setattr(dispatch, "classify", classify)


def resend_on_timeout(patch: pytest.MonkeyPatch) -> None:
    asked = Dispatcher._asked

    async def twice(self: Dispatcher, ticket: Ticket) -> Outcome:
        try:
            return await asked(self, ticket)
        except OSError:
            return await asked(self, ticket)

    patch.setattr(Dispatcher, "_asked", twice)


def not_found_is_cancelled(patch: pytest.MonkeyPatch) -> None:
    def gone(self: Doubts, record: OrderRecord, _truth: Truth) -> OrderRecord:
        return self._gone(record, OrderState.CANCELLED, "not found")

    patch.setattr(Doubts, "absent", gone)
    patch.setattr(Doubts, "vanished", gone)


def one_not_found_is_proof(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Doubts, "_early", lambda *_: False)
    patch.setattr("actors.risk.orders.doubts.SAYS_APART_MS", 0)


def fills_of_ended_orders_are_dropped(patch: pytest.MonkeyPatch) -> None:
    apply = OrderBook.apply_fill

    def dropped(self: OrderBook, record: OrderRecord, fill: Fill) -> OrderRecord | None:
        return apply(self, record, fill) if record.live else None

    patch.setattr(OrderBook, "apply_fill", dropped)


def cancel_refused_is_cancelled(patch: pytest.MonkeyPatch) -> None:
    settled = OrderBook._cancel_settled

    def ended(self: OrderBook, client_id: str, outcome: Outcome) -> None:
        record = self._desk.book.orders.get(client_id)
        if record is not None and isinstance(outcome, Refused):
            self.change(record, OrderState.CANCELLED, outcome.reason)
        else:
            settled(self, client_id, outcome)

    patch.setattr(OrderBook, "_cancel_settled", ended)


def failed_fetch_is_empty(patch: pytest.MonkeyPatch) -> None:
    ask = Reconciler._ask

    async def empty(self: Reconciler, look: Look, problems: list[str]) -> Truth:
        truth = await ask(self, look, problems)
        found = {
            name: getattr(truth, name) or ()
            for name in ("open_orders", "positions", "fills")
        }
        return msgspec.structs.replace(truth, problems=(), **found)

    patch.setattr(Reconciler, "_ask", empty)


def books_are_adopted_twice(patch: pytest.MonkeyPatch) -> None:
    adjust = Positions.adjust

    async def twice(self: Positions, fill: Fill, begun: Any) -> None:
        await adjust(self, fill, begun)
        await adjust(self, fill, begun)

    patch.setattr(Positions, "adjust", twice)


def what_was_adopted_is_forgotten(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(OrderRecord, "adopted_of", lambda *_: Decimal(0))


def with_fault(test: Any, fault: Fault | int) -> Test:
    return partial(test, **{"late_ms" if isinstance(fault, int) else "fault": fault})


taken_late = missing.test_an_entry_taken_past_its_deadline_is_booked_and_protected
executed_unheard = (
    faults.test_an_entry_that_was_executed_unheard_is_one_protected_position
)
never_arrived = (
    faults.test_an_entry_that_never_arrived_is_absent_by_proof_and_not_sent_again
)
KILLED: list[tuple[Mutate, Test]] = [
    (timeout_is_refused, with_fault(executed_unheard, Fault.ANSWER_LOST)),
    (resend_on_timeout, with_fault(never_arrived, Fault.LOST)),
    (
        not_found_is_cancelled,
        faults.test_an_order_that_is_not_found_while_young_is_not_given_up,
    ),
    (
        one_not_found_is_proof,
        faults.test_an_order_that_is_not_found_while_young_is_not_given_up,
    ),
    (
        fills_of_ended_orders_are_dropped,
        with_fault(taken_late, 300_000),
    ),
    (
        cancel_refused_is_cancelled,
        missing.test_a_cancel_that_was_refused_ends_no_order_that_has_not_arrived,
    ),
    (
        failed_fetch_is_empty,
        faults.test_a_failed_fetch_of_positions_is_unknown_and_not_flat,
    ),
    (
        books_are_adopted_twice,
        settle.test_an_adopted_position_has_the_stop_that_was_named,
    ),
    (
        what_was_adopted_is_forgotten,
        missing.test_a_fill_that_is_listed_after_it_was_adopted_is_not_booked_again,
    ),
]


def named(part: Any) -> str:
    return str(getattr(part, "func", part).__name__)


@pytest.mark.parametrize(("mutate", "test"), KILLED, ids=named)
async def test_the_fault_tests_kill(
    tmp_path: Path,
    autojump_clock: MockClock,
    monkeypatch: pytest.MonkeyPatch,
    mutate: Mutate,
    test: Test,
) -> None:
    mutate(monkeypatch)
    with pytest.raises(BaseException) as failure:  # noqa: PT011 - its kind is judged below
        await test(tmp_path, autojump_clock)
    assert caught(failure.value)


def caught(failure: BaseException) -> bool:
    """Whether a test failed by what it claims, and not by a slip of a mutant."""
    if isinstance(failure, BaseExceptionGroup):
        return any(map(caught, failure.exceptions))
    return isinstance(failure, AssertionError | KeyError | trio.TooSlowError)
