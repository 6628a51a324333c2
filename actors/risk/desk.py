"""The risk actor's desk: its ports, its state, and the one way facts leave it.

Every fact is journalled before it is visible; `publish` comes after `append`.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import structlog

from actors.domain import ids
from actors.domain.messages import (
    Alert,
    Message,
    Published,
    Signal,
    Transition,
    WhyNot,
)
from actors.domain.phases import Phase
from actors.domain.views import Publisher, WhyRow
from actors.exchange.port import ExchangePort
from actors.journal import Checkpoint, Journal, Kind, Stage
from actors.risk.machine import GlobalMachine
from actors.risk.state import RiskState
from actors.runtime.clock import Clock
from config.preset import Preset

log = structlog.get_logger(component="risk")


class Ports(msgspec.Struct, frozen=True):
    """What the risk actor reaches the world through."""

    engine_id: str
    clock: Clock  # market time
    wall: Clock
    exchange: ExchangePort
    journal: Journal
    publisher: Publisher
    #: Told when a symbol's position opens (True) or ends (False).
    position_changed: Callable[[str, bool], None]


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
        self.machine = state.machine  # a restart of the actor does not forget it

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

    def publish(self, topic: str, kind: str, payload: Any) -> None:
        """Let a journalled fact be seen."""
        self.ports.publisher.publish(Published(topic, kind, self.now_ms, payload))

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
        state.reasons[f"{whynot.stage}:{whynot.reason}"] += 1
        why = WhyRow(
            symbol=symbol,
            ts_ms=self.now_ms,
            correlation=whynot.correlation,
            stage=whynot.stage,
            reason=whynot.reason,
            value=whynot.value,
            threshold=whynot.threshold,
        )
        state.why.append(why)
        self.publish("why", "WHY", why)

    def alert(
        self,
        severity: str,
        category: str,
        message: str,
        action: str,
        symbol: str | None = None,
    ) -> None:
        """Tell people about something, with what was done about it."""
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
        self.append(Kind.ALERT, fact, fact.symbol)
        self.publish("alerts", "ALERT", fact)
        log.warning(
            "alert",
            severity=fact.severity,
            symbol=fact.symbol,
            text=fact.message,
            did=fact.action,
        )

    def next_intent(self, correlation: str, purpose: str) -> str:
        """Name the next intent; the serial makes a repeated purpose distinct."""
        self.state.serial += 1
        return ids.intent_id(correlation, purpose, self.state.serial)

    def spend(self, realized: Decimal, fee: Decimal) -> None:
        """Book a realised result and a fee; the equity low is measured at once."""
        state = self.state
        state.cash += realized - fee
        drawdown = state.day.equity_high - state.equity
        state.max_drawdown = max(state.max_drawdown, drawdown)
