"""The book: everything a restart must know, and the one way it changes.

Every change is a journal row that says the new record whole. The living engine and a
replay apply the same rows by the same function, so they cannot differ: the book after
a replay is the book that lived, byte for byte.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from actors.domain.ledger import Position
from actors.domain.limits import Day, open_day
from actors.domain.messages import Signal
from actors.domain.money import ZERO
from actors.domain.orders import Fill
from actors.domain.truth import DifferenceKind, Policy, difference_key
from actors.journal import JournalReader, Kind
from actors.risk.orders.records import (
    AccountChange,
    AccountFact,
    AccountOpened,
    DifferenceSettled,
    DustLeft,
    ForeignFill,
    GateChanged,
    KillChanged,
    KillSwitch,
    Money,
    OrderRecord,
    SignalSized,
    SymbolHalted,
    SymbolPaused,
)

#: Ended orders at hand; a fill of an older one is looked up in the journal.
ENDED_KEPT = 200
CLOSED_KEPT = 200
#: More than the entries whose late fill is still taken, in flight or ended.
SIGNALS_KEPT = 2 * ENDED_KEPT
FOREIGN_KEPT = 1000


class Book(msgspec.Struct, kw_only=True):
    """The account and what is open in it. Only `apply` changes it."""

    account: int = 0  # serial of the account; 0: none was opened yet
    cash: Decimal = ZERO
    day: Day
    max_drawdown: Decimal = ZERO
    serial: int = 0  # of intents
    positions: dict[str, Position] = {}  # open, by symbol
    closed: list[Position] = []  # newest last
    orders: dict[str, OrderRecord] = {}  # live, by client order id
    ended: dict[str, OrderRecord] = {}  # by client order id, newest last
    signals: dict[str, Signal] = {}  # by correlation, newest last
    equities: dict[str, Decimal] = {}  # the account's at each of them
    halted: dict[str, str] = {}  # symbol -> why a person must decide
    kill: KillSwitch | None = None
    paused: bool = False
    flat: bool = False  # while paused: what is held is to be closed
    paused_symbols: dict[str, str] = {}  # symbol -> who paused it
    opened_ms: int = 0  # when the account began
    filled_ms: int = 0  # time of the newest fill
    foreign: dict[str, None] = {}  # trade ids of fills that are not ours
    dust: dict[str, DustLeft] = {}  # by symbol: what cannot be traded
    unprotected_ms: int = 0  # of all gaps that have ended
    unprotected_longest_ms: int = 0
    ignored: dict[str, DifferenceSettled] = {}  # by the difference's key
    adjustments: int = 0  # differences that were settled

    def in_hand(self) -> frozenset[str]:
        """The symbols in which we have an order or a position."""
        return frozenset(o.request.symbol for o in self.orders.values()) | set(
            self.positions
        )

    def ours(self, symbol: str) -> Decimal:
        """What we hold, signed, long positive."""
        held = self.positions.get(symbol)
        return ZERO if held is None else held.net

    def dust_in(self, symbol: str) -> Decimal:
        """What is left of ours there and cannot be traded, signed."""
        left = self.dust.get(symbol)
        return ZERO if left is None else left.quantity

    def let_be(self, symbol: str) -> DifferenceSettled | None:
        """What a person lets be of a position at the exchange that is not ours."""
        return self.ignored.get(difference_key(DifferenceKind.POSITION, symbol, symbol))

    def expected(self, symbol: str) -> Decimal:
        """What the exchange must hold: ours, dust, and what a person lets be."""
        aside = self.let_be(symbol)
        beside = ZERO if aside is None else aside.offset
        return self.ours(symbol) + self.dust_in(symbol) + beside

    def apply(self, kind: Kind, body: Any) -> None:
        """Take one row's body into the book; kinds without a rule change nothing."""
        rule = RULES.get(kind)
        if rule is not None:
            rule(self, body)

    def find(self, client_id: str) -> OrderRecord | None:
        """The order of that name, live or lately ended."""
        return self.orders.get(client_id) or self.ended.get(client_id)

    def orders_of(self, position: Position) -> list[OrderRecord]:
        """List the live orders that protect or close a position."""
        return [
            order
            for order in self.orders.values()
            if order.correlation == position.correlation and order.purpose != "entry"
        ]

    def entry_of(self, position: Position) -> list[OrderRecord]:
        """List the live entries that may still add to a position."""
        return [
            order
            for order in self.orders.values()
            if order.correlation == position.correlation and order.purpose == "entry"
        ]

    def _intent(self, record: OrderRecord) -> None:
        self.serial += 1
        self._order(record)

    def _order(self, record: OrderRecord) -> None:
        client_id = record.client_id
        if record.live:
            self.ended.pop(client_id, None)
            self.orders[client_id] = record
            return
        self.orders.pop(client_id, None)
        self.ended.pop(client_id, None)
        self.ended[client_id] = record
        _trim(self.ended, ENDED_KEPT)

    def _fill(self, fill: Fill) -> None:
        self.filled_ms = max(self.filled_ms, fill.ts_ms)

    def _position(self, position: Position) -> None:
        before, gaps = self.positions.get(position.symbol), position.gaps
        known = before is not None and before.id == position.id
        counted_ms = before.gaps.total_ms if before and known else 0
        self.unprotected_ms += gaps.total_ms - counted_ms
        self.unprotected_longest_ms = max(self.unprotected_longest_ms, gaps.longest_ms)
        if not position.ended:
            self.positions[position.symbol] = position
            return
        self.positions.pop(position.symbol, None)
        self.closed.append(position)
        del self.closed[:-CLOSED_KEPT]

    def _account(self, fact: AccountChange) -> None:
        CHANGES[type(fact)](self, fact)

    def _opened(self, fact: AccountOpened) -> None:
        serial = self.serial  # ids go on: no order of an older account is named again
        fresh = Book(
            account=fact.serial,
            cash=fact.cash,
            day=fact.day,
            serial=serial,
            opened_ms=fact.opened_ms,
        )
        for name in self.__struct_fields__:
            setattr(self, name, getattr(fresh, name))

    def _money(self, fact: Money) -> None:
        self.cash, self.day = fact.cash, fact.day
        self.max_drawdown = fact.max_drawdown

    def _signal(self, fact: SignalSized) -> None:
        self.signals[fact.signal.correlation] = fact.signal
        self.equities[fact.signal.correlation] = fact.equity
        _trim(self.signals, SIGNALS_KEPT)
        _trim(self.equities, SIGNALS_KEPT)

    def _halted(self, fact: SymbolHalted) -> None:
        if fact.reason is None:
            self.halted.pop(fact.symbol, None)
        else:
            self.halted[fact.symbol] = fact.reason

    def _kill(self, fact: KillChanged) -> None:
        self.kill = fact.kill

    def _gate(self, fact: GateChanged) -> None:
        self.paused, self.flat = fact.paused, fact.flat

    def _symbol_paused(self, fact: SymbolPaused) -> None:
        self.paused_symbols.pop(fact.symbol, None)
        if fact.by is not None:
            self.paused_symbols[fact.symbol] = fact.by

    def _foreign(self, fact: ForeignFill) -> None:
        self.foreign[fact.trade_id] = None
        _trim(self.foreign, FOREIGN_KEPT)

    def _dust(self, fact: DustLeft) -> None:
        self.dust.pop(fact.symbol, None)
        if fact.quantity:
            self.dust[fact.symbol] = fact

    def _settled(self, fact: DifferenceSettled) -> None:
        self.adjustments += 1
        key = fact.difference.key
        self.ignored.pop(key, None)
        if fact.policy is Policy.IGNORE:
            self.ignored[key] = fact


def _trim(kept: dict[str, Any], count: int) -> None:
    while len(kept) > count:
        del kept[next(iter(kept))]


RULES: Mapping[Kind, Callable[[Book, Any], None]] = {
    Kind.INTENT: Book._intent,  # noqa: SLF001 - the book's own table
    Kind.ORDER: Book._order,  # noqa: SLF001
    Kind.FILL: Book._fill,  # noqa: SLF001
    Kind.POSITION: Book._position,  # noqa: SLF001
    Kind.ACCOUNT: Book._account,  # noqa: SLF001
}
CHANGES: Mapping[type[AccountFact], Callable[[Book, Any], None]] = {
    AccountOpened: Book._opened,  # noqa: SLF001
    Money: Book._money,  # noqa: SLF001
    SignalSized: Book._signal,  # noqa: SLF001
    SymbolHalted: Book._halted,  # noqa: SLF001
    KillChanged: Book._kill,  # noqa: SLF001
    GateChanged: Book._gate,  # noqa: SLF001
    SymbolPaused: Book._symbol_paused,  # noqa: SLF001
    ForeignFill: Book._foreign,  # noqa: SLF001
    DustLeft: Book._dust,  # noqa: SLF001
    DifferenceSettled: Book._settled,  # noqa: SLF001
}
BODIES: Mapping[Kind, Any] = {
    Kind.INTENT: OrderRecord,
    Kind.ORDER: OrderRecord,
    Kind.FILL: Fill,
    Kind.POSITION: Position,
    Kind.ACCOUNT: AccountChange,
}


def empty_book(now_ms: int = 0) -> Book:
    """A book before its first account."""
    return Book(day=open_day(ZERO, now_ms))


async def replay(journal: JournalReader) -> Book:
    """Make the book that the committed rows say, from the newest snapshot on.

    Raises:
        JournalError: the file cannot be read.
        msgspec.ValidationError: a row is not what this engine writes.
    """
    book, after = empty_book(), 0
    newest = await journal.newest(Kind.SNAPSHOT)
    if newest is not None:
        book, after = newest.decode(Book), newest.seq
    async for rows in journal.replay(tuple(BODIES), after=after):
        for row in rows:
            book.apply(row.kind, row.decode(BODIES[row.kind]))
    return book
