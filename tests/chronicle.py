"""Every row of the journal as it was appended, and what follows from them.

It is folded by the tests' own few rules, not by the book's, so that the two can be held
against each other. What a crash loses is cut off again.
"""

from collections import defaultdict
from decimal import Decimal
from typing import Any

import msgspec

from actors.domain.ledger import Position
from actors.domain.messages import Transition
from actors.domain.money import ZERO
from actors.domain.orders import Fill
from actors.domain.phases import Phase
from actors.journal import Kind
from actors.risk.orders.records import (
    AccountOpened,
    DustLeft,
    KillChanged,
    KillSwitch,
    Money,
    OrderRecord,
    SymbolHalted,
)


class Row(msgspec.Struct, frozen=True):
    """One row, as it was given to the journal."""

    seq: int
    kind: Kind
    body: Any


class Chronicle:
    """The rows of all processes, and their sums."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self._forget()

    def _forget(self) -> None:
        self.orders: dict[str, OrderRecord] = {}  # newest, by client id
        self.intents: list[OrderRecord] = []
        self.trades: dict[str, Fill] = {}
        self.positions: dict[str, Position] = {}  # newest, by position id
        self.net: dict[str, Decimal] = defaultdict(lambda: ZERO)  # signed, by symbol
        self.dust: dict[str, Decimal] = {}
        self.halted: dict[str, str] = {}
        self.kill: KillSwitch | None = None
        self.phase = Phase.IDLE
        self.opened_cash = self.cash = self.adjusted = ZERO

    def cut_to(self, seq: int, *, process: bool = True) -> None:
        """Forget what was not on the disk; a new process begins IDLE."""
        rows = [row for row in self.rows if row.seq <= seq]
        self.rows = []
        self._forget()
        for row in rows:
            self.add(row.seq, row.kind, row.body)
        if process:
            self.phase = Phase.IDLE

    def add(self, seq: int, kind: Kind, body: Any) -> None:
        """Take one row."""
        self.rows.append(Row(seq, kind, body))
        match body:
            case OrderRecord():
                if kind is Kind.INTENT:
                    self.intents.append(body)
                self.orders[body.client_id] = body
            case Fill():
                self.trades[body.trade_id] = body
                self.net[body.symbol] += body.moved * body.side.sign
            case Position():
                self.positions[body.id] = body
            case Transition():
                self.phase = body.target
            case AccountOpened() | Money():
                self._count(body)
            case _:
                self._note(body)

    def _count(self, body: AccountOpened | Money) -> None:
        if isinstance(body, AccountOpened):
            self.opened_cash = body.cash
        elif body.reason:
            self.adjusted += body.cash - self.cash
        self.cash = body.cash

    def _note(self, body: Any) -> None:
        match body:
            case KillChanged():
                self.kill = body.kill
            case SymbolHalted(symbol=symbol, reason=None):
                self.halted.pop(symbol, None)
            case SymbolHalted(symbol=symbol, reason=str(reason)):
                self.halted[symbol] = reason
            case DustLeft():
                self.dust[body.symbol] = body.quantity
