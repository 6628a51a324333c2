"""The gate before one exchange account: nothing is sent to it in any other way.

A request is admitted in its lane, when no ban holds, the breaker lets it pass, and the
budget has room; what became of it is told back, and decides over the next ones. What
the gate refuses was provably not sent (`Unsent`). Scans, entries and reconciliation are
refused at once while a ban holds; what protects money waits for its end, if that comes
within the caller's deadline.

A pair of `admit` and the ticket's block is for ccxt, which signs between the two.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Self

import trio

from actors.domain.errors import Unsent
from actors.domain.severity import Category, Severity
from actors.domain.shown.exchange import ExchangeBudget
from actors.exchange.gate.bans import Bans, retry_after
from actors.exchange.gate.breaker import Breaker, State
from actors.exchange.gate.budget import URGENT, Share, SharedBudget, SharedWindow
from actors.exchange.gate.faults import RULES, Fault, Then, fault_of, fault_of_status
from actors.exchange.gate.limiter import Lane, Limiter, in_lane, lane_now
from actors.exchange.gate.tally import Alarms, Tally
from actors.exchange.gate.terms import Terms
from actors.runtime.clock import Clock

#: The hour may be set while a ban is waited for: it is asked again.
LOOK_SECONDS = 60.0
BANNED = 418


class Gate:
    """One for each account and address at one exchange, shared by all that ask it."""

    def __init__(self, terms: Terms, bans: Bans, clock: Clock, alarms: Alarms) -> None:
        self.terms = terms
        self.breaker = Breaker()
        self.tally = Tally(terms.name, clock, alarms)
        self._bans = bans
        self._clock = clock
        tells = bool(terms.used_header)
        weight = SharedWindow(terms.weight, terms.window_seconds, tells=tells)
        orders = None
        if terms.orders:
            orders = SharedWindow(terms.orders, terms.orders_seconds)
        self._budget = SharedBudget(weight, orders)
        self._limiter = Limiter({}, self._budget)
        self._queued: dict[trio.CancelScope, Lane] = {}

    # --- asking -----------------------------------------------------------------------

    def allows(self, lane: Lane) -> bool:
        """Say, without waiting, whether a request in `lane` would be taken now."""
        return self._refusal(lane) is None

    def no_entries(self) -> str | None:
        """Say why no entry would be sent now; None: it would be."""
        refusal, trouble = self._refusal(Lane.ENTRY), self.tally.trouble
        if refusal is not None:
            return str(refusal)
        halts = trouble is not None and RULES[trouble].then is Then.HALT
        return f"{self.terms.name}: {trouble}" if halts else None

    @asynccontextmanager
    async def request(
        self, cost: float = 1.0, lane: Lane | None = None
    ) -> "AsyncIterator[Ticket]":
        """Wait until a request may be sent; the block sends it. Raises Unsent."""
        with await self.admit(cost, lane) as ticket:
            yield ticket

    async def admit(self, cost: float = 1.0, lane: Lane | None = None) -> "Ticket":
        """Wait until a request may be sent; the ticket is to be entered at once."""
        lane = lane_now() if lane is None else lane
        while True:
            await self._until_no_ban(lane)
            refusal = self._refusal(lane)
            if refusal is not None:
                self.tally.refuse(str(refusal))
                raise refusal
            share = await self._share(cost, lane)
            if share is None:
                continue
            if not self.allows(lane):  # it closed while we were waiting
                self._budget.settle(share, trio.current_time(), sent=False)
                continue
            return Ticket(self, lane, share)

    async def _share(self, cost: float, lane: Lane) -> Share | None:
        """Wait for room in the budget; None: the gate closed meanwhile."""
        with trio.CancelScope() as scope, in_lane(lane):
            self._queued[scope] = lane
            try:
                taken = await self._limiter(cost)
            finally:
                del self._queued[scope]
        if scope.cancelled_caught:
            return None
        assert isinstance(taken, Share)
        return taken

    async def _until_no_ban(self, lane: Lane) -> None:
        while lane in URGENT and (left := self._bans.left_seconds(self.terms.name)):
            if trio.current_time() + left > trio.current_effective_deadline():
                return  # and be refused
            await trio.sleep(min(left, LOOK_SECONDS))

    def _refusal(self, lane: Lane) -> Unsent | None:
        name, now = self.terms.name, trio.current_time()
        banned = self._bans.refusal(name, lane.name.lower())
        if banned is not None:
            return banned
        if not self.breaker.allows(lane, now):
            failed = self.breaker.failures(now)
            told = ", ".join(f"{count} x {fault}" for fault, count in failed.items())
            msg = (
                f"{name} fails (breaker {self.breaker.state(now)}; {told or 'probing'}"
            )
            msg += f"); nothing was sent ({lane.name.lower()})"
            return Unsent(msg, round(self.breaker.left_seconds(now) * 1000))
        return None

    # --- WebSockets: they cost no weight, and are banned with the address -------------

    def dial(self) -> int:
        """Tell the hour at which a connection is dialled. Raises Unsent: not now."""
        banned = self._bans.refusal(self.terms.name, "a connection")
        if banned is not None:
            raise banned
        return self._clock.now_ms()

    def turned_away(self, status: int, headers: Mapping[str, str], at_ms: int) -> None:
        """Take how a dial was answered that led to no connection: 418 is a ban.

        A 429 and a fire wall's 403 may be of the streams alone. No stop is held back
        for them: if they are of the address, the next question finds out.
        """
        if status != BANNED:
            return
        why = f"{Fault.BANNED} (HTTP {status} to a WebSocket)"
        self._ban(headers, at_ms, Fault.BANNED, why)
        self.tally.end(Fault.BANNED, why)
        self._turn_away()

    # --- what became of it ------------------------------------------------------------

    def begin(self, ticket: "Ticket") -> bool:
        """Count a request that is sent now; tell whether it is the breaker's probe.

        Raises Unsent when the gate has closed since it was admitted.
        """
        refusal = self._refusal(ticket.lane)
        if refusal is not None:
            self._budget.settle(ticket.share, trio.current_time(), sent=False)
            self._limiter.look_again()
            self.tally.refuse(str(refusal))
            raise refusal
        self.tally.requests += 1
        return self.breaker.begin(ticket.lane, trio.current_time())

    def sent_ms(self) -> int:
        """Tell the hour."""
        return self._clock.now_ms()

    def end(self, ticket: "Ticket", fault: Fault | None, why: str) -> None:
        """Draw every conclusion from what became of a request."""
        now = trio.current_time()
        self._budget.learn(self.terms, ticket.headers, ticket.share, now)
        self._budget.settle(ticket.share, now, sent=True)
        before = self.breaker.state(now)
        self.breaker.end(fault, now, probe=ticket.is_probe)
        if fault is not None and RULES[fault].ban_seconds:
            self._ban(ticket.headers, ticket.sent_ms, fault, why)
        self.tally.end(fault, why)
        self._tell_breaker(before, self.breaker.state(now), now)
        self._turn_away()

    def give_up(self, ticket: "Ticket") -> None:
        """Note that a request's caller was cancelled: it may have been counted."""
        self._budget.settle(ticket.share, trio.current_time(), sent=True)
        self.breaker.give_up(probe=ticket.is_probe)
        self._limiter.look_again()

    def _ban(
        self, headers: Mapping[str, str], sent_ms: int, fault: Fault, why: str
    ) -> None:
        told = retry_after(headers, self._clock.now_ms())
        name, otherwise = self.terms.name, RULES[fault].ban_seconds
        if fault is Fault.RATE_LIMIT:  # a window later there is room again
            otherwise = min(otherwise, self.terms.window_seconds)
        try:
            self._bans.add(name, why, sent_ms, told=told, otherwise=otherwise)
        except OSError as error:
            message = f"the ban is not on the disk: {error}"
            action = "it holds until the engine ends; free the disk before a restart"
            self.tally.alarm(Category.INTERNAL, Severity.CRITICAL, message, action)

    def _tell_breaker(self, before: State, after: State, now: float) -> None:
        if before is after or after is State.HALF_OPEN:
            return
        if after is State.CLOSED:
            told = (Severity.INFO, "answers again", "entries are taken again")
        else:
            failed = self.breaker.failures(now)
            what = ", ".join(f"{count} x {fault}" for fault, count in failed.items())
            left = self.breaker.left_seconds(now)
            action = f"entries are refused; a probe in {left:.0f} s"
            told = (Severity.ERROR, f"breaker opens: {what}", action)
        self.tally.alarm(Category.EXCHANGE, *told)

    def _turn_away(self) -> None:
        """Wake those in the queue who need not wait any longer."""
        closed = {lane for lane in Lane if not self.allows(lane)}
        for scope, lane in self._queued.items() if closed else ():
            if lane in closed:
                scope.cancel()
        self._limiter.look_again()

    # --- showing ----------------------------------------------------------------------

    def view(self) -> ExchangeBudget:
        """Show everything, as it is now."""
        now, tally, budget = trio.current_time(), self.tally, self._budget
        ban, orders = self._bans.of(self.terms.name), self._budget.orders
        waiting = self._limiter.waiting_by_lane()
        return ExchangeBudget(
            exchange=self.terms.name,
            weight_used=round(budget.weight.used(now)),
            weight_limit=round(budget.weight.limit),
            weight_entry_limit=round(budget.weight.limit_of(Lane.ENTRY)),
            weight_others=round(budget.weight.foreseen(Lane.ENTRY, now)),
            window_seconds=self.terms.window_seconds,
            orders_used=None if orders is None else round(orders.used(now)),
            orders_limit=None if orders is None else round(orders.limit),
            waiting={lane.name.lower(): waiting[lane] for lane in Lane},
            banned_until_ms=None if ban is None else ban.until_ms,
            ban_reason=None if ban is None else ban.reason,
            breaker=self.breaker.state(now),
            breaker_left_seconds=self.breaker.left_seconds(now),
            failures={str(k): v for k, v in self.breaker.failures(now).items()},
            trouble=None if tally.trouble is None else str(tally.trouble),
            no_entries=self.no_entries(),
            requests=tally.requests,
            faults={str(fault): tally.faults[fault] for fault in Fault},
            retries=tally.retries,
            refused=tally.refused,
            last_refusal=tally.last_refusal,
            last_refusal_ms=tally.last_refusal_ms,
        )


class Ticket:
    """The right to send one request now. The block in which it is sent is watched."""

    def __init__(self, gate: Gate, lane: Lane, share: Share) -> None:
        self.lane, self.share = lane, share
        self.headers: Mapping[str, str] = {}
        self.is_probe = False
        self.sent_ms = 0
        self._gate = gate
        self._status: int | None = None

    def __enter__(self) -> Self:
        self.is_probe = self._gate.begin(self)
        self.sent_ms = self._gate.sent_ms()
        return self

    def told(self, status: int, headers: Mapping[str, str]) -> None:
        """Take what the exchange answered."""
        self._status = status
        self.headers = {name.lower(): value for name, value in headers.items()}

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        fault = None if self._status is None else fault_of_status(self._status)
        why = "" if self._status is None else f" (HTTP {self._status})"
        if error is not None:
            # Without an answer the cause counts. With one, 400 says little where the
            # exchange has a word of its own for it.
            cause = error.__cause__ if self._status is None else None
            named = fault_of(cause or error)
            if fault in {None, Fault.REQUEST, Fault.SERVER}:
                fault = named or fault
                why += f": {type(error).__name__}"  # its words may show a signature
        if self._status is None and fault is None:
            self._gate.give_up(self)
            return
        self._gate.end(self, fault, f"{fault}{why}")
