"""Carries requests to the exchange: each once, in order, and never cut short.

The risk actor must hear a halt while an exchange takes its time. So requests travel in
tasks of their own: the risk actor waits a moment for the answers, as a paper exchange
gives them at once, and goes on without those that are late; they come as messages.

A request starts only after the one before it was handed over, so the exchange sees
them in the order they were planned. What waits here when the group is restarted was
never sent, and never will be: the new incarnation has a new queue.
"""

from collections.abc import Awaitable, Callable

import msgspec
import trio

from actors.domain.crash_points import CrashPoint
from actors.domain.orders import OrderRequest, Outcome, Refused
from actors.exchange.outcome import Act, Answer, classify
from actors.exchange.port import ExchangePort
from actors.runtime.crash import reached

#: An answer is waited for so long; after that it is Unknown, not a refusal.
ANSWER_SECONDS_MAX = 10.0
#: The risk actor itself waits only so long.
PATIENCE_SECONDS = 0.25
TICKETS_MAX = 1024

NEVER_SENT = "halted before it was sent"


class Answered(msgspec.Struct, frozen=True):
    """The answer to one request, after the risk actor had gone on."""

    act: Act
    client_id: str
    outcome: Outcome


class Halt:
    """Set at once by whoever halts; looked at right before every risky send."""

    def __init__(self) -> None:
        self.reason: str | None = None

    def stops(self, request: OrderRequest) -> bool:
        """Whether a request must not be sent any more: reductions always may."""
        return self.reason is not None and not request.reduce_only


class Ticket:
    """One request on its way, and its answer."""

    def __init__(self, act: Act, request: OrderRequest) -> None:
        self.act = act
        self.request = request
        self.outcome: Outcome | None = None
        self.done = trio.Event()
        self.given_up = False  # nobody waits: the answer goes as a message


class Dispatcher:
    """One incarnation's queue of requests; a restart makes a new one."""

    def __init__(
        self,
        exchange: ExchangePort,
        halt: Halt,
        late: Callable[[Answered], None],
        sends: trio.Nursery,
    ) -> None:
        self._exchange = exchange
        self._halt = halt
        self._late = late
        self._sends = sends  # outlives this: a send under way holds up no restart
        self._send, self._receive = trio.open_memory_channel[Ticket](TICKETS_MAX)

    async def run(self) -> None:
        """Start every request in its own task, one after another."""
        async for ticket in self._receive:
            begun = trio.Event()
            self._sends.start_soon(self._carry, ticket, begun)
            await begun.wait()

    async def submit(self, act: Act, request: OrderRequest) -> Ticket:
        """Queue a request; waits only while the queue is full."""
        ticket = Ticket(act, request)
        await self._send.send(ticket)
        return ticket

    async def answers(self, tickets: list[Ticket]) -> None:
        """Wait a moment for answers; those that come later are told to `late`."""
        try:
            with trio.move_on_after(PATIENCE_SECONDS):
                for ticket in tickets:
                    await ticket.done.wait()
        finally:  # also when the risk actor ends here: its successor hears of them
            for ticket in tickets:
                ticket.given_up = ticket.outcome is None

    async def _carry(self, ticket: Ticket, begun: trio.Event) -> None:
        # Up to the exchange's own first wait this runs in one piece, and the next
        # ticket's task is started only afterwards: that keeps the order.
        with trio.CancelScope(shield=True):
            begun.set()
            ticket.outcome = await self._answer(ticket)
            reached(CrashPoint.ANSWERED)
            ticket.done.set()
            if ticket.given_up:
                self._late(
                    Answered(ticket.act, ticket.request.client_id, ticket.outcome)
                )

    async def _answer(self, ticket: Ticket) -> Outcome:
        if ticket.act is Act.PLACE and self._halt.stops(ticket.request):
            return Refused(f"{NEVER_SENT}: {self._halt.reason}")
        try:
            with trio.fail_after(ANSWER_SECONDS_MAX):
                return await self._asked(ticket)
        except Exception as error:  # noqa: BLE001 - whatever is raised, it may have been executed
            broken = Answer(error=type(error).__name__, text=str(error))
            return classify(self._exchange.capabilities.name, ticket.act, broken)

    def _asked(self, ticket: Ticket) -> Awaitable[Outcome]:
        request = ticket.request
        if ticket.act is Act.PLACE:
            return self._exchange.place(request)
        return self._exchange.cancel(request.symbol, request.client_id)
