"""What the engine shows and takes: the only face that the control plane knows.

Reads are projections of the last published state: they never ask an actor. Commands
go through the risk actor's mailbox with a deadline.
"""

from typing import Any, Protocol

import msgspec

from actors.domain.findings import LevelView
from actors.domain.messages import (
    Alert,
    Command,
    CommandAnswer,
    OrderView,
    PositionView,
    Published,
    Transition,
)
from actors.domain.phases import Phase, SymbolPhase
from actors.domain.truth import DifferenceKind, Policy


class Status(msgspec.Struct, frozen=True, rename="camel"):
    """GET /status: exactly these nine."""

    state: Phase
    preset: str | None
    mode: str
    started_at: str | None
    slots: int
    open_positions: int
    latency_ms: float
    daily_r: float
    consecutive_losses: int


class EngineMetrics(msgspec.Struct, frozen=True, rename="camel"):
    """GET /metrics: exactly these seven."""

    uptime: float
    cycle_count: int
    avg_latency_ms: float
    total_signals: int
    total_trades: int
    daily_pnl_r: float
    max_drawdown_r: float


class CommandState(msgspec.Struct, frozen=True):
    """Whether a command is allowed now, and why not."""

    name: str
    enabled: bool
    reason: str


class SymbolRow(msgspec.Struct, frozen=True, rename="camel"):
    """One symbol actor at a glance."""

    symbol: str
    phase: SymbolPhase
    actor_state: str
    last_price: float | None
    score: float | None
    nearest_level_atr: float | None
    feed_age_ms: int | None
    mailbox_depth: int
    restarts: int
    messages: int
    quarantine_reason: str | None
    last_decision: str | None
    data_faults: int


class UnprotectedTime(msgspec.Struct, frozen=True, rename="camel"):
    """How long positions of the account were without confirmed stops, market time."""

    positions: int  # that are so now
    seconds_total: float
    seconds_max: float  # the longest gap


class WhyRow(msgspec.Struct, frozen=True, rename="camel"):
    """One terminal reason of the why-not ledger."""

    symbol: str
    ts_ms: int
    correlation: str
    stage: str
    reason: str
    value: str
    threshold: str


class DifferenceRow(msgspec.Struct, frozen=True, rename="camel"):
    """In what our book and the exchange differ, and what may be done about it."""

    id: str
    kind: DifferenceKind
    symbol: str  # empty: the account
    subject: str
    ours: str
    theirs: str
    first_ms: int
    seen: int
    policy: Policy
    would: dict[str, str]  # policy -> what it would do


class EngineView(Protocol):
    """The engine as the control plane sees it."""

    def status(self) -> Status:
        """The nine fields of GET /status."""

    def metrics(self) -> EngineMetrics:
        """The seven fields of GET /metrics."""

    def commands(self) -> tuple[CommandState, ...]:
        """Every command, allowed or not, with the reason."""

    def resource_health(self) -> dict[str, Any]:
        """Measured CPU, memory, disk, threads, descriptors, loop lag, mailboxes."""

    def unprotected(self) -> UnprotectedTime:
        """For how long positions were held without confirmed stops."""

    def transitions(self, limit: int) -> tuple[Transition, ...]:
        """The newest transitions, oldest first; the last 100 are at hand."""

    def symbols(self) -> tuple[SymbolRow, ...]:
        """All symbol actors."""

    def symbol(self, symbol: str) -> SymbolRow | None:
        """One symbol actor; None: unknown."""

    def levels(self, symbol: str) -> tuple[LevelView, ...]:
        """The levels that one symbol's pipeline knows."""

    def funnel(self) -> dict[str, int]:
        """Evaluations, candidates, signals, entries, each drop by reason."""

    def why(self, symbol: str | None, limit: int) -> tuple[WhyRow, ...]:
        """The newest terminal reasons, newest first."""

    def positions(self) -> tuple[PositionView, ...]:
        """Open positions, then the newest closed ones."""

    def orders(self) -> tuple[OrderView, ...]:
        """Live orders, then the newest ended ones."""

    def alerts(self) -> tuple[Alert, ...]:
        """The newest alerts, newest first."""

    def differences(self) -> tuple[DifferenceRow, ...]:
        """In what our book and the exchange differ."""

    def tree(self) -> str:
        """The tree of actors: name, state, restarts, queue, messages, age, error."""

    def live(self) -> bool:
        """Whether the engine's tree of actors runs."""

    def ready(self) -> bool:
        """Whether commands can be taken now."""

    async def command(self, command: Command) -> CommandAnswer:
        """Hand over a command and wait for its end, 2 s at most (then 503)."""


class Publisher(Protocol):
    """Where the engine's facts go out. `publish` never blocks and never raises."""

    @property
    def watched(self) -> bool:
        """Whether anybody may be looking: facts are then written without delay."""

    def publish(self, fact: Published) -> None:
        """Take one fact; event topics are never conflated, state topics may be."""
