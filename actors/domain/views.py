"""What the engine shows and takes: the only face that the control plane knows.

Reads are projections of the last published state: they never ask an actor. Commands
go through the risk actor's mailbox with a deadline.
"""

from typing import TYPE_CHECKING, Any, Protocol

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
from actors.domain.phases import Phase
from actors.domain.shown.divergence import Divergence
from actors.domain.shown.exchange import ExchangeBudget
from actors.domain.shown.history import (
    AuditRow,
    IncidentRow,
    LogRow,
    SessionRow,
    TimelineStep,
    TradeRow,
)
from actors.domain.shown.machine import ActorRow, EngineNumbers
from actors.domain.shown.money import HealthLight, RiskView
from actors.domain.shown.symbols import (
    Candle,
    DecisionRow,
    DepthView,
    DropRow,
    FunnelHour,
    Marker,
    SymbolDetail,
    SymbolRow,
)
from actors.domain.truth import DifferenceKind, Policy

if TYPE_CHECKING:
    from config.library import PresetLibrary


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

    def detail(self, symbol: str) -> SymbolDetail | None:
        """What the page of one symbol draws; None: unknown."""

    def candles(
        self, symbol: str, limit: int, timeframe_ms: int | None = None
    ) -> tuple[Candle, ...]:
        """The newest closed bars, oldest first; ValueError: no such timeframe."""

    def depth(self, symbol: str) -> DepthView | None:
        """The book as it is, or as the paper exchange models it; None: UNKNOWN."""

    def markers(self, symbol: str) -> tuple[Marker, ...]:
        """Signals, entries, exits and moved stops at hand, oldest first."""

    def funnel_hours(self) -> tuple[FunnelHour, ...]:
        """The funnel by hour of market time, oldest first, a week at most."""

    def drops(self) -> tuple[DropRow, ...]:
        """Each kind of drop with its newest example, most frequent first."""

    def risk(self) -> RiskView:
        """Limits and what is used of them, reserved, exposure, kill switch."""

    def divergence(self) -> Divergence | None:
        """How far paper is from the real exchange; None: there is no shadow."""

    def exchange_budgets(self) -> tuple[ExchangeBudget, ...]:
        """What is left of each exchange's patience; empty: it is simulated."""

    def lights(self) -> tuple[HealthLight, ...]:
        """One light each for feed, exchange, journal, clock, loop lag, machine."""

    def actors(self) -> tuple[ActorRow, ...]:
        """The tree of actors as rows, parents first."""

    def numbers(self) -> EngineNumbers:
        """Counters and gauges for `/metrics`."""

    def logs(self, after: int, limit: int) -> tuple[LogRow, ...]:
        """Log lines that are still at hand, with numbers over `after`."""

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

    def library(self) -> "PresetLibrary":
        """The presets that can be started, shipped and own."""

    def tree(self) -> str:
        """The tree of actors: name, state, restarts, queue, messages, age, error."""

    def live(self) -> bool:
        """Whether the engine's tree of actors runs."""

    def ready(self) -> bool:
        """Whether commands can be taken now."""

    async def command(self, command: Command) -> CommandAnswer:
        """Hand over a command and wait for its end, 2 s at most (then 503)."""


class HistoryView(Protocol):
    """What the journal tells; every read is from the disk, beside the engine.

    `before` pages backwards: rows with a smaller seq. Each raises JournalError.
    """

    async def trades(self) -> tuple[TradeRow, ...]:
        """Every ended position of this account, oldest first."""

    async def timeline(self, order_id: str) -> tuple[TimelineStep, ...]:
        """One order (its id or client order id) from intent to end; empty: unknown."""

    async def decisions(
        self, symbol: str, limit: int, before: int | None = None
    ) -> tuple[DecisionRow, ...]:
        """A symbol's decision log, newest first."""

    async def audit(
        self, limit: int, before: int | None = None, search: str = ""
    ) -> tuple[AuditRow, ...]:
        """Who did what, newest first; `search` is looked for in every column."""

    async def incidents(
        self, limit: int, before: int | None = None, search: str = ""
    ) -> tuple[IncidentRow, ...]:
        """Alerts that were journalled, newest first."""

    async def sessions(self) -> tuple[SessionRow, ...]:
        """Every run on this journal, newest first."""

    async def record(
        self, who: str, what: str, before: str, after: str, result: str
    ) -> None:
        """Audit an act that no actor carries out (a token made, a preset saved)."""


class Publisher(Protocol):
    """Where the engine's facts go out. `publish` never blocks and never raises."""

    @property
    def watched(self) -> bool:
        """Whether anybody may be looking: facts are then written without delay."""

    def publish(self, fact: Published) -> None:
        """Take one fact; event topics are never conflated, state topics may be."""
