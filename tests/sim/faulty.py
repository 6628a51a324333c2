"""The fault menu: what can go wrong with each call, and a venue that does it.

A `Plan` says which fault strikes a call. Everything else is the paper exchange, so
what is true there stays known, and `disagreements` can hold the engine's book to it.
"""

from collections import Counter
from enum import StrEnum
from random import Random
from typing import Any, Protocol

import msgspec
import trio

from actors.domain.errors import ExchangeError
from actors.domain.money import ZERO
from actors.domain.orders import (
    ExchangePosition,
    ExchangeUpdate,
    Fill,
    OpenOrder,
    OrderRequest,
    OrderUpdate,
    Outcome,
    Placed,
    Refused,
    Unknown,
)
from actors.exchange.paper.exchange import CAPABILITIES, PaperExchange
from actors.exchange.port import UpdateSink
from actors.risk.holding.unprotected import stop_confirmed
from tests.sim.venue import Venue
from tests.sim.world import Stage

#: Longer than anybody waits for an answer.
SLOW_SECONDS = 11.0
#: How late a late execution is: at the deadline of its request.
LATE_MS = CAPABILITIES.deadline_ms
#: So long an exchange may not find an order that it has taken.
UNFOUND_MS = 10_000


class Fault(StrEnum):
    """One thing that goes wrong with one call."""

    LOST = "lost"  # never arrives, nobody answers
    ANSWER_LOST = "answer_lost"  # done, and the line broke
    SLOW = "answer_late"  # done, and the answer comes later than anybody waits
    SERVER_ERROR = "server_error"  # done, and a 5XX answer
    LATE = "late"  # done `late_ms` after, unseen before, and the line broke
    REFUSED = "refused"
    UNLISTED = "unlisted"  # refused in words that prove nothing
    FAILS = "fails"  # a fetch without an answer
    GARBLED = "garbled"  # an answer that the adapter cannot read
    NOT_FOUND = "not_found"  # an order that is young
    STALE = "stale"  # the answer before this one, once more
    PAGE = "page"  # only the first half
    NONE = "none"  # nothing, and that is not so
    DROPPED = "dropped"  # a word of the stream
    TWICE = "twice"
    DELAYED = "delayed"  # told after the next one


F = Fault
MENU: dict[str, tuple[Fault, ...]] = {
    "place": (
        F.LOST,
        F.ANSWER_LOST,
        F.SLOW,
        F.SERVER_ERROR,
        F.LATE,
        F.REFUSED,
        F.UNLISTED,
    ),
    "cancel": (F.LOST, F.ANSWER_LOST, F.SLOW, F.SERVER_ERROR, F.UNLISTED, F.GARBLED),
    "fetch_order": (F.FAILS, F.NOT_FOUND),
    "fetch_open_orders": (F.FAILS, F.STALE, F.PAGE, F.GARBLED),
    "fetch_fills": (F.FAILS, F.STALE),
    "fetch_positions": (F.FAILS, F.SLOW),
    "fetch_balance": (F.FAILS,),
    "tell": (F.DROPPED, F.TWICE, F.DELAYED),
}


class Plan(Protocol):
    """Says which fault strikes."""

    def strike(self, call: str) -> Fault | None:
        """The fault of this call; None: it goes well."""


class Well:
    """Nothing goes wrong."""

    def strike(self, _call: str) -> Fault | None:
        return None


class Always:
    """These calls always fail in this way."""

    def __init__(self, **faults: Fault) -> None:
        self._faults = faults

    def strike(self, call: str) -> Fault | None:
        return self._faults.get(call)


class Nth:
    """Only the n-th call of a kind fails."""

    def __init__(self, call: str, number: int, fault: Fault) -> None:
        self._wanted = (call, number)
        self._fault = fault
        self._counts: Counter[str] = Counter()
        self.struck = False

    def strike(self, call: str) -> Fault | None:
        self._counts[call] += 1
        if (call, self._counts[call]) != self._wanted:
            return None
        self.struck = True
        return self._fault


class Swarm:
    """Each fault has a probability of its own, drawn once; half of them have none."""

    def __init__(self, random: Random, most: float = 0.25) -> None:
        self._random = random
        self._chance = {
            (call, fault): random.choice((0.0, random.uniform(0.0, most)))
            for call, faults in MENU.items()
            for fault in faults
        }

    def strike(self, call: str) -> Fault | None:
        for fault in MENU[call]:
            if self._random.random() < self._chance[call, fault]:
                return fault
        return None


class FaultyVenue(Venue):
    """A venue whose every call may fail as its plan says."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.plan: Plan = Well()
        self.heals_ms = 2**62  # all is well from then on
        self.late_ms = LATE_MS
        self.keeps_deadline = True  # False: it takes what is past its deadline
        self.executed: Counter[str] = Counter()  # placements that it took, by id
        self._placed_ms: dict[str, int] = {}
        self._hidden_ms: dict[str, int] = {}  # not found before
        self._before: dict[str, Any] = {}  # the last good answer of each fetch
        self._held: list[ExchangeUpdate] = []

    def _strike(self, call: str) -> Fault | None:
        return self.plan.strike(call) if self.now_ms < self.heals_ms else None

    # --- requests ---------------------------------------------------------------------

    async def place(self, request: OrderRequest) -> Outcome:
        fault = self._strike("place")
        if fault is F.LATE and self.keeps_deadline and self.late_ms > LATE_MS:
            fault = F.LOST
        if fault in {F.LOST, F.REFUSED, F.UNLISTED}:
            self.placed.append(request)
            return _unexecuted(fault)
        outcome = await super().place(request)
        if isinstance(outcome, Placed):
            client_id = request.client_id
            self.executed[client_id] += 1
            self._placed_ms[client_id] = self.now_ms
            if fault is F.LATE:
                self._delay(client_id)
        return await _answered(fault, outcome)

    def _delay(self, client_id: str) -> None:
        """Let a taken order reach the matching only at its deadline, unseen before."""
        order = self.state.orders[client_id]
        if not self.keeps_deadline:
            order.request = msgspec.structs.replace(order.request, expires_ms=None)
        order.arrival_ms = self._hidden_ms[client_id] = self.now_ms + self.late_ms
        symbol = order.request.symbol
        self._schedule(symbol, self._market(symbol))

    async def cancel(self, symbol: str, client_id: str) -> Outcome:
        fault = self._strike("cancel")
        if fault in {F.LOST, F.UNLISTED}:
            return _unexecuted(fault)
        if self._unseen(client_id):  # it has not arrived yet
            return Refused(f"no live order {client_id} of {symbol}")
        return await _answered(fault, await super().cancel(symbol, client_id))

    # --- fetches ----------------------------------------------------------------------

    async def fetch_order(self, symbol: str, client_id: str) -> OrderUpdate | None:
        fault = self._strike("fetch_order")
        placed_ms = self._placed_ms.get(client_id, -UNFOUND_MS)
        young = self.now_ms - placed_ms < UNFOUND_MS
        if self._unseen(client_id) or (fault is F.NOT_FOUND and young):
            return None
        return await self._had(fault, "order", super().fetch_order(symbol, client_id))

    async def fetch_open_orders(self) -> tuple[OpenOrder, ...]:
        fault = self._strike("fetch_open_orders")
        found = await self._had(fault, "open", super().fetch_open_orders())
        seen = tuple(o for o in found if not self._unseen(o.request.client_id))
        return seen[: len(seen) // 2] if fault is F.PAGE else seen

    async def fetch_fills(self, since_ms: int) -> tuple[Fill, ...]:
        fault = self._strike("fetch_fills")
        return await self._had(fault, "fills", super().fetch_fills(since_ms))

    async def fetch_positions(self) -> tuple[ExchangePosition, ...]:
        fault = self._strike("fetch_positions")
        return await self._had(fault, "positions", super().fetch_positions())

    async def fetch_balance(self) -> Any:
        fault = self._strike("fetch_balance")
        return await self._had(fault, "balance", super().fetch_balance())

    def _unseen(self, client_id: str) -> bool:
        return self.now_ms < self._hidden_ms.get(client_id, 0)

    async def _had(self, fault: Fault | None, name: str, fetch: Any) -> Any:
        answer = await fetch
        if fault is F.FAILS:
            msg = f"{name}: no answer"
            raise ExchangeError(msg)
        if fault is F.GARBLED:
            msg = f"{name}: cannot be read"
            raise ValueError(msg)
        if fault is F.SLOW:
            await trio.sleep(SLOW_SECONDS)
        before = self._before.get(name, answer)
        self._before[name] = answer
        if fault is F.NONE:
            return ()
        return before if fault is F.STALE else answer

    # --- the stream -------------------------------------------------------------------

    def connect(self, sink: UpdateSink) -> None:
        super().connect(lambda update: self._stream(sink, update))

    def _stream(self, sink: UpdateSink, update: ExchangeUpdate) -> None:
        fault = self._strike("tell")
        if fault is F.DELAYED:
            self._held.append(update)
            return
        if fault is not F.DROPPED:
            for _ in range(2 if fault is F.TWICE else 1):
                sink(update)
        held, self._held = self._held, []
        for late in held:
            sink(late)

    # --- what others do ---------------------------------------------------------------

    async def intrude(self, request: OrderRequest) -> None:
        """Place an order that is not ours."""
        outcome = await PaperExchange.place(self, request)
        assert isinstance(outcome, Placed), outcome

    def vanish(self, client_id: str) -> None:
        """Lose an order without a word."""
        order = self.state.orders.pop(client_id)
        symbol = order.request.symbol
        market = self._market(symbol)
        market.orders.pop(client_id)
        self._schedule(symbol, market)


def _unexecuted(fault: Fault | None) -> Outcome:
    if fault is F.REFUSED:
        return Refused("insufficient balance")
    if fault is F.UNLISTED:
        return Unknown("code -9999: try again later")
    msg = "connection reset"
    raise OSError(msg)


async def _answered(fault: Fault | None, outcome: Outcome) -> Outcome:
    if fault in {F.ANSWER_LOST, F.LATE}:
        msg = "the line broke"
        raise ExchangeError(msg)
    if fault is F.GARBLED:
        msg = "Expecting value: line 1 column 1"
        raise ValueError(msg)
    if fault is F.SERVER_ERROR:
        return Unknown("HTTP 503: could have been a success")
    if fault is F.SLOW:
        await trio.sleep(SLOW_SECONDS)
    return outcome


# --- the judge ---------------------------------------------------------------------


def disagreements(stage: Stage) -> list[str]:
    """Say where the engine's book and the exchange differ without anybody told."""
    venue, book = stage.venue, stage.state.book
    assert isinstance(venue, FaultyVenue)
    found = [
        *_positions(stage),
        *_orders(stage),
        *(f"{name}: executed {n} times" for name, n in venue.executed.items() if n > 1),
        *_entries(venue, stage),
    ]
    for position in book.positions.values():
        closing = any(
            o.purpose == "close" and o.correlation == position.correlation
            for o in book.orders.values()
        )
        lot = stage.state.instruments[position.symbol].lot_size
        bare = not closing and not stop_confirmed(position, book.orders, lot)
        if bare and position.symbol not in book.halted:
            found.append(f"{position.symbol} is unprotected")
    if venue.unjournalled:
        found.append(f"sent and not journalled: {venue.unjournalled}")
    if stage.engine.crashes:
        found.append(f"{stage.engine.crashes} crashes")
    return found


def _positions(stage: Stage) -> list[str]:
    book, theirs = stage.state.book, stage.venue.state.positions
    found = []
    for symbol in sorted({*book.positions, *theirs} - set(book.halted)):
        ours = book.ours(symbol) + book.dust_in(symbol)
        other = theirs[symbol].quantity if symbol in theirs else ZERO
        if ours != other:
            found.append(f"{symbol}: ours {ours}, the exchange's {other}")
    return found


def _orders(stage: Stage) -> list[str]:
    book, theirs = stage.state.book, stage.venue.state.orders
    found = []
    for client_id in sorted({*book.orders, *theirs}):
        record = book.find(client_id)
        symbol = record.request.symbol if record else theirs[client_id].request.symbol
        if symbol in book.halted:
            continue
        if client_id not in theirs or client_id not in book.orders:
            state = record.state if record else "not ours"
            found.append(f"{symbol} order {client_id}: {state}")
    return found


def _entries(venue: FaultyVenue, stage: Stage) -> list[str]:
    """At most one entry of each signal was ever executed."""
    by_signal: Counter[str] = Counter()
    for client_id in venue.executed:
        record = stage.state.book.find(client_id)
        if record is not None and record.purpose == "entry":
            by_signal[record.correlation] += 1
    return [f"{c}: {n} entries" for c, n in by_signal.items() if n > 1]
