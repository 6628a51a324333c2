"""The dispatcher: each request once, in order, and never cut short."""

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any, cast

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from actors.domain.errors import ExchangeError
from actors.domain.orders import (
    OrderKind,
    OrderRequest,
    Outcome,
    Placed,
    Refused,
    Side,
    Unknown,
)
from actors.exchange.outcome import Act
from actors.exchange.paper.exchange import CAPABILITIES
from actors.exchange.port import ExchangePort
from actors.risk.orders.dispatch import (
    ANSWER_SECONDS_MAX,
    NEVER_SENT,
    PATIENCE_SECONDS,
    Answered,
    Dispatcher,
    Halt,
)
from actors.risk.orders.doubts import MARGIN_MS, surely_late_ms


def request(name: str, *, reduce_only: bool = False) -> OrderRequest:
    return OrderRequest(
        name,
        "BTC/USDT",
        Side.LONG,
        OrderKind.MARKET,
        Decimal(1),
        reduce_only=reduce_only,
    )


class Exchange:
    """Notes what reaches it; `answer` says how it takes an order."""

    capabilities = CAPABILITIES

    def __init__(self, answer: Callable[[], Awaitable[Outcome]] | None = None) -> None:
        self.begun: list[str] = []
        self.ended: list[str] = []
        self._answer = answer

    async def place(self, order: OrderRequest) -> Outcome:
        self.begun.append(order.client_id)
        outcome = Placed("x") if self._answer is None else await self._answer()
        self.ended.append(order.client_id)
        return outcome

    async def cancel(self, _symbol: str, client_id: str) -> Outcome:
        self.begun.append(f"cancel {client_id}")
        return Placed("x")


def dispatcher(
    exchange: Exchange, sends: trio.Nursery, halt: Halt | None = None
) -> tuple[Dispatcher, list[Answered]]:
    late: list[Answered] = []
    port = cast("ExchangePort", exchange)
    return Dispatcher(port, halt or Halt(), late.append, sends), late


def after(seconds: float) -> Callable[[], Awaitable[Outcome]]:
    async def answer() -> Outcome:
        await trio.sleep(seconds)
        return Placed("x")

    return answer


async def test_requests_reach_the_exchange_in_the_order_they_were_planned(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    exchange = Exchange(after(1.0))
    carrier, _ = dispatcher(exchange, nursery)
    for name in ("a", "b"):
        await carrier.submit(Act.PLACE, request(name))
    await carrier.submit(Act.CANCEL, request("a"))
    await carrier.submit(Act.PLACE, request("c"))
    nursery.start_soon(carrier.run)
    await wait_all_tasks_blocked()
    assert exchange.begun == ["a", "b", "cancel a", "c"]
    assert not exchange.ended


async def test_an_answer_in_time_is_no_message(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    carrier, late = dispatcher(Exchange(after(PATIENCE_SECONDS / 2)), nursery)
    nursery.start_soon(carrier.run)
    ticket = await carrier.submit(Act.PLACE, request("a"))
    await carrier.answers([ticket])
    assert ticket.outcome == Placed("x")
    await trio.sleep(60)
    assert not late


async def test_an_answer_after_the_patience_comes_as_one_message(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    carrier, late = dispatcher(Exchange(after(PATIENCE_SECONDS * 2)), nursery)
    nursery.start_soon(carrier.run)
    ticket = await carrier.submit(Act.PLACE, request("a"))
    began = trio.current_time()
    await carrier.answers([ticket])
    assert trio.current_time() - began == pytest.approx(PATIENCE_SECONDS)
    assert ticket.outcome is None
    await trio.sleep(60)
    assert late == [Answered(Act.PLACE, "a", Placed("x"))]


async def test_an_answer_that_never_comes_is_unknown(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    carrier, late = dispatcher(Exchange(after(ANSWER_SECONDS_MAX + 1)), nursery)
    nursery.start_soon(carrier.run)
    ticket = await carrier.submit(Act.PLACE, request("a"))
    await carrier.answers([ticket])
    await trio.sleep(60)
    (answered,) = late
    assert isinstance(answered.outcome, Unknown)


@pytest.mark.parametrize(
    "fault",
    [
        ExchangeError("no"),
        OSError("reset"),
        ValueError("not JSON"),
        KeyError("id"),
        EOFError(),
        RuntimeError("closed"),
        AssertionError("theirs"),
    ],
    ids=repr,
)
async def test_whatever_a_send_raises_is_unknown(
    nursery: trio.Nursery, autojump_clock: MockClock, fault: Exception
) -> None:
    async def broken() -> Outcome:
        raise fault

    carrier, _ = dispatcher(Exchange(broken), nursery)
    nursery.start_soon(carrier.run)
    ticket = await carrier.submit(Act.PLACE, request("a"))
    await carrier.answers([ticket])
    assert isinstance(ticket.outcome, Unknown)
    assert type(fault).__name__ in ticket.outcome.reason


async def test_a_halt_is_looked_at_right_before_the_send(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    exchange, halt = Exchange(), Halt()
    carrier, _ = dispatcher(exchange, nursery, halt)
    tickets = [
        await carrier.submit(Act.PLACE, request("entry")),
        await carrier.submit(Act.PLACE, request("stop", reduce_only=True)),
        await carrier.submit(Act.CANCEL, request("entry")),
    ]
    halt.reason = "kill_switch by somebody"  # queued and committed, not yet sent
    nursery.start_soon(carrier.run)
    await carrier.answers(tickets)
    assert exchange.begun == ["stop", "cancel entry"]
    refused = tickets[0].outcome
    assert isinstance(refused, Refused)
    assert refused.reason == f"{NEVER_SENT}: kill_switch by somebody"


async def test_what_waited_at_a_restart_is_never_sent(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    exchange = Exchange()
    old, _ = dispatcher(exchange, nursery)
    with trio.CancelScope() as crash:
        crash.cancel()
        await old.run()
    with trio.CancelScope(shield=True):
        await old.submit(Act.PLACE, request("waited"))
    new, _ = dispatcher(exchange, nursery)
    nursery.start_soon(new.run)
    ticket = await new.submit(Act.PLACE, request("planned after"))
    await new.answers([ticket])
    assert exchange.begun == ["planned after"]


@pytest.mark.parametrize("number", range(16))
async def test_a_send_that_has_begun_ends_whenever_the_cancel_comes(
    nursery: trio.Nursery, autojump_clock: MockClock, number: int
) -> None:
    """Cancel the group at its n-th turn; what reached the exchange is answered."""
    exchange = Exchange(after(5.0))
    carrier, late = dispatcher(exchange, nursery)
    tickets: list[Any] = []
    began = trio.current_time()
    async with trio.open_nursery() as group:

        async def plan() -> None:
            with trio.CancelScope(shield=True):
                tickets[:] = [
                    await carrier.submit(Act.PLACE, request(name)) for name in "ab"
                ]
            await carrier.answers(tickets)

        group.start_soon(carrier.run)
        group.start_soon(plan)
        for _ in range(number):
            await trio.lowlevel.checkpoint()
        group.cancel_scope.cancel()
    assert trio.current_time() == began, "no restart waits for an answer"
    await trio.sleep(60)
    assert exchange.begun == sorted(exchange.ended)
    assert [answered.client_id for answered in late] == exchange.ended
    if number == 15:  # late enough for both to have gone
        assert exchange.begun == ["a", "b"]


async def test_what_is_signed_at_the_last_moment_is_not_called_absent_too_early(
    autojump_clock: MockClock,
) -> None:
    """Absence is counted from the plan, and the exchange's times from the signature."""
    signed: list[float] = []

    async def at_last() -> Outcome:
        await trio.sleep(ANSWER_SECONDS_MAX - 0.1)
        signed.append(trio.current_time())
        await trio.sleep_forever()
        return Placed("never")

    async with trio.open_nursery() as nursery:
        desk, _ = dispatcher(Exchange(at_last), nursery)
        nursery.start_soon(desk.run)
        planned = trio.current_time()
        ticket = await desk.submit(Act.PLACE, request("a"))
        await ticket.done.wait()
        nursery.cancel_scope.cancel()
    assert isinstance(ticket.outcome, Unknown)
    can = CAPABILITIES
    taken_ms = (signed[0] - planned) * 1_000 + can.deadline_ms + can.answer_ms
    assert taken_ms + MARGIN_MS <= surely_late_ms(can)
