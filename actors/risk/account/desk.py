"""The risk actor's desk: its ports, its state, and the one way facts leave it.

The book changes only by what is journalled (`record`), and a fact is visible only once
it is on the disk (the outbox).
"""

from decimal import Decimal
from typing import Any

import msgspec
import structlog

from actors.domain import ids, limits
from actors.domain.crash_points import CrashPoint
from actors.domain.ledger import Position
from actors.domain.limits import Day
from actors.domain.messages import (
    Alert,
    Message,
    Published,
    Signal,
    Transition,
    WhyNot,
)
from actors.domain.money import ZERO
from actors.domain.phases import Phase
from actors.domain.views import WhyRow
from actors.journal import Checkpoint, Kind, Stage
from actors.risk.account.book import Book
from actors.risk.account.machine import GlobalMachine
from actors.risk.account.outbox import Outbox
from actors.risk.account.ports import Ports
from actors.risk.account.repeats import Repeats
from actors.risk.account.state import RiskState
from actors.risk.orders.records import AccountChange, Money, SymbolHalted
from actors.runtime.crash import reached
from config.preset import Preset

log = structlog.get_logger(component="risk")

#: Rows of the book between two snapshots.
SNAPSHOT_ROWS = 5_000


class Decision(Message, frozen=True):
    """A journal row: what one candidate came to."""

    correlation: str
    outcome: str  # signal, whynot, refused, failed
    finding: Signal | WhyNot
    score: float | None = None
    notes: tuple[str, ...] = ()


class Desk:
    """Ports, state and machine, shared by the rooms of the one risk actor."""

    def __init__(self, ports: Ports, state: RiskState) -> None:
        self.ports = ports
        self.state = state
        if state.machine is None:
            state.machine = GlobalMachine(ports.clock, self._record_transition)
            state.outbox = Outbox(ports.journal, ports.publisher, state)
        # A restart of the actor forgets neither.
        assert state.outbox is not None, "it is made with the machine"
        self.machine, self.outbox = state.machine, state.outbox
        self._repeats = Repeats()

    @property
    def book(self) -> Book:
        """What a restart must know; changed by `record` alone."""
        return self.state.book

    @property
    def preset(self) -> Preset:
        """The preset in force; only asked for after a start."""
        assert self.state.preset is not None, "no preset before a start"
        return self.state.preset

    @property
    def now_ms(self) -> int:
        """Market time."""
        return self.ports.clock.now_ms()

    def append(
        self,
        kind: Kind,
        body: msgspec.Struct | dict[str, Any],
        symbol: str | None = None,
        correlation: str | None = None,
    ) -> None:
        """Journal one fact."""
        self.ports.journal.append(kind, body, symbol=symbol, correlation=correlation)

    def record(
        self,
        kind: Kind,
        body: Any,
        symbol: str | None = None,
        correlation: str | None = None,
    ) -> None:
        """Journal a fact of the book and let the book follow it."""
        journal = self.ports.journal
        seq = journal.append(kind, body, symbol=symbol, correlation=correlation)
        self.book.apply(kind, body)
        self.state.changed.note(kind, body, seq)
        self.state.rows_since_snapshot += 1

    def store(self, position: Position) -> None:
        """Replace a position's record, and journal it."""
        self.record(Kind.POSITION, position, position.symbol, position.correlation)

    def forget_turn(self) -> None:
        """Forget what is not on the disk; the book is made anew from what is."""
        self.ports.journal.forget_waiting()
        self.outbox.forget_waiting()

    def snapshot(self) -> None:
        """Journal the whole book: a replay begins here."""
        self.append(Kind.SNAPSHOT, self.book)
        self.state.rows_since_snapshot = 0
        reached(CrashPoint.SNAPSHOT_APPENDED)

    def snapshot_if_due(self) -> None:
        """Bound the replay: a snapshot after so many rows of the book."""
        if self.state.rows_since_snapshot >= SNAPSHOT_ROWS:
            self.snapshot()

    def account(self, change: AccountChange, symbol: str | None = None) -> None:
        """Journal a change of the account."""
        self.record(Kind.ACCOUNT, change, symbol)

    def publish(self, topic: str, kind: str, payload: Any) -> None:
        """Let a fact be seen once its row is on the disk."""
        self.outbox.put(Published(topic, kind, self.now_ms, payload))

    def _record_transition(self, step: Transition) -> None:
        self.append(Kind.TRANSITION, step, step.symbol)
        self.publish("transitions", "TRANSITION", step)

    def lead(self, reason: str, symbol: str | None = None) -> None:
        """Let the global state follow the work in hand, and a wanted pause."""
        state = self.state
        if not self._pauses():
            self.machine.lead(state.leading_stage(), reason, symbol)
            self._pauses()

    def _pauses(self) -> bool:
        """Take the first legal edge to a wanted pause."""
        state = self.state
        if not state.pause_wanted or not self.machine.allows(Phase.PAUSED):
            return False
        state.pause_wanted = False
        return self.machine.move(Phase.PAUSED, "pause requested")

    def checkpoint(self, stage: Stage, symbol: str, correlation: str) -> None:
        """Journal that a candidate reached a stage."""
        self.append(Kind.CHECKPOINT, Checkpoint(stage), symbol, correlation)

    def refuse(self, symbol: str, whynot: WhyNot, outcome: str = "refused") -> None:
        """End a signal with its one reason."""
        row = Decision(whynot.correlation, outcome, whynot)
        self.append(Kind.DECISION, row, symbol, whynot.correlation)
        self.tell_why(symbol, whynot)

    def tell_why(self, symbol: str, whynot: WhyNot) -> None:
        """Count, keep and publish a journalled reason."""
        state = self.state
        why = WhyRow(
            symbol=symbol,
            ts_ms=self.now_ms,
            correlation=whynot.correlation,
            stage=whynot.stage,
            reason=whynot.reason,
            value=whynot.value,
            threshold=whynot.threshold,
        )
        state.keep_why(why)
        self.publish("why", "WHY", why)

    def alert(
        self,
        severity: str,
        category: str,
        message: str,
        action: str,
        symbol: str | None = None,
    ) -> None:
        """Tell people about something, and what was done; the same once a minute."""
        if not self._repeats.due(self.now_ms, severity, symbol, message, action):
            return
        self.raise_alert(
            Alert(
                ts_ms=self.now_ms,
                category=category,
                severity=severity,
                component="risk",
                symbol=symbol,
                message=message,
                action=action,
            )
        )

    def raise_alert(self, fact: Alert) -> None:
        """Journal, keep, publish and log an alert."""
        self.state.alerts.append(fact)
        self.state.alerted[fact.severity] += 1
        self.append(Kind.ALERT, fact, fact.symbol)
        self.publish("alerts", "ALERT", fact)
        log.warning(
            "alert",
            severity=fact.severity,
            symbol=fact.symbol,
            text=fact.message,
            did=fact.action,
        )

    def halt_symbol(self, symbol: str, reason: str) -> None:
        """Take no more entries in a symbol until a person decides."""
        if symbol in self.book.halted:
            return
        self.account(SymbolHalted(symbol, reason), symbol)
        self.alert(
            "critical",
            "exchange",
            reason,
            "entries in this symbol are refused until a person decides",
            symbol,
        )

    def forget_halt(self) -> None:
        """Take back a halt that no kill switch stands behind: a crash forgot it."""
        if self.book.kill is None:
            self.ports.halt.reason = None

    def next_intent(self, correlation: str, purpose: str) -> str:
        """Name the next intent; the serial makes a repeated purpose distinct."""
        return ids.intent_id(correlation, purpose, self.book.serial + 1)

    def set_day(self, day: Day) -> None:
        """Journal the day's new figures, if they are new."""
        if day != self.book.day:
            self._money(self.book.cash, day, "")

    def roll_day(self) -> None:
        """Move to the present UTC day, and keep the equity's high."""
        state = self.state
        self.set_day(limits.roll(self.book.day, state.equity, self.now_ms))

    def spend(self, realized: Decimal, fee: Decimal) -> None:
        """Book a realised result and a fee; the equity low is measured at once."""
        self._money(self.book.cash + realized - fee, self.book.day, "")

    def adjust_cash(self, amount: Decimal, reason: str) -> str:
        """Book money that came or went without an order; returns what it counts as."""
        state, day = self.state, self.book.day
        held = sum((holding.notional for holding in state.holdings()), ZERO)
        what = "a cost"
        if not limits.is_cost(day, held, amount):
            what = "a transfer"
            day = limits.moved(day, state.equity, amount)
        self._money(self.book.cash + amount, day, f"{reason}, {what}")
        return what

    def _money(self, cash: Decimal, day: Day, reason: str) -> None:
        drawdown = day.equity_high - cash - self.state.unrealized
        deepest = max(self.book.max_drawdown, drawdown)
        self.account(Money(cash, day, deepest, reason))
