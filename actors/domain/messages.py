"""Every message between actors, and every fact that is published: frozen structs.

Grouped by the way of the data: market -> symbol -> risk -> the world, and commands
back in. Prices are Decimal from `Signal` on; `ts_ms` is market time.
"""

from decimal import Decimal
from enum import StrEnum
from typing import Any

import msgspec

from actors.domain.money import ZERO
from actors.domain.orders import Side
from actors.domain.phases import Phase, SymbolPhase, TradePhase


class Message(msgspec.Struct, frozen=True, tag=True, gc=False):
    """The base of every message: frozen, tagged, outside the garbage collector."""


# --- market -> symbol actor, market -> risk actor -------------------------------


class BarsClosed(Message, frozen=True):
    """Rows [start, stop) of `bars` (dtype BAR) have closed for one symbol."""

    bars: Any
    start: int
    stop: int
    newest_ms: int  # open time of the last row


class Tick(Message, frozen=True):
    """So much time has passed on a real exchange; nothing else need have happened."""


class StepClosed(Message, frozen=True):
    """Every bar that closes at `ts_ms` has been delivered and answered for."""

    ts_ms: int
    step: int


class WatchedBar(Message, frozen=True):
    """One closed bar of a symbol that the risk actor holds or has orders in."""

    symbol: str
    ts_ms: int  # close time
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal


class MarketEnded(Message, frozen=True):
    """The market has no more bars."""

    ts_ms: int


# --- symbol actor -> risk actor --------------------------------------------------


class Candidate(Message, frozen=True):
    """A bar passed every scan filter. `notes` names filters skipped as UNKNOWN."""

    correlation: str
    score: float
    notes: tuple[str, ...]


class LevelsBuilt(Message, frozen=True):
    """Levels were built for a candidate."""

    correlation: str
    count: int


class Armed(Message, frozen=True):
    """The symbol waits at a level for its breakout or retest."""

    correlation: str
    level_id: int
    level: Decimal
    side: Side


class Disarmed(Message, frozen=True):
    """The symbol no longer waits."""

    reason: str


class Signal(Message, frozen=True):
    """A complete trade idea: what, where, why, and how sure. R = |entry - stop|."""

    correlation: str
    symbol: str
    ts_ms: int
    side: Side
    kind: str  # momentum, retest, donchian, ema_rsi, or a user's own name
    entry: Decimal
    stop: Decimal
    targets: tuple[tuple[Decimal, Decimal], ...]  # (price, fraction of the size)
    level: Decimal | None
    confidence: float  # 0..1
    score: float
    atr: Decimal
    opposite_depth_usd: Decimal | None  # within 0.3%; None: UNKNOWN
    spread_bps: Decimal | None
    stamps: tuple[tuple[str, int], ...]  # (stage, market time in ms)
    #: Of the side that an exit trades against, within 0.3%; None: UNKNOWN.
    exit_depth_usd: Decimal | None = None


class WhyNot(Message, frozen=True):
    """A candidate ended without a signal, or a signal without a trade: one reason."""

    correlation: str
    stage: str  # scan, levels, signal, limits, sizing, execution
    reason: str
    value: str
    threshold: str


class ExitSignal(Message, frozen=True):
    """The strategy wants an open position of `side` closed."""

    side: Side
    reason: str


Finding = Candidate | LevelsBuilt | Armed | Disarmed | Signal | WhyNot | ExitSignal


class Findings(Message, frozen=True):
    """What one closed bar of one symbol led to, in order."""

    symbol: str
    ts_ms: int
    items: tuple[Finding, ...]


class Scored(msgspec.Struct, frozen=True):
    """A symbol's newest scan."""

    symbol: str
    score: float
    decision: str | None


class Scanned(msgspec.Struct, frozen=True):
    """What the newest scans of all symbols found, best score first."""

    symbols: int
    best: tuple[Scored, ...]


class SymbolDown(Message, frozen=True):
    """A symbol actor left work: restarting, quarantined, paused or stale."""

    symbol: str
    phase: SymbolPhase
    reason: str


# --- commands --------------------------------------------------------------------


class Role(StrEnum):
    """What a principal may do; each includes the ones before it."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"


class Command(Message, frozen=True):
    """One command from a person or a program."""

    id: str
    name: str
    args: dict[str, Any]
    principal: str  # token id, "console", "signal handler"
    role: Role


class CommandAnswer(Message, frozen=True):
    """The end of a command. `code` is the HTTP status the contract gives it."""

    id: str
    ok: bool
    code: int
    message: str
    ts_ms: int  # wall time


# --- facts, published and journalled ---------------------------------------------


class Transition(Message, frozen=True):
    """One step of the global machine."""

    ts_ms: int
    source: Phase
    target: Phase
    reason: str
    symbol: str | None
    metadata: dict[str, str]


class PositionView(Message, frozen=True):
    """A position as everybody outside the risk actor sees it."""

    id: str
    symbol: str
    side: Side
    phase: TradePhase
    entry: Decimal
    stop: Decimal
    targets: tuple[Decimal, ...]
    size: Decimal
    mode: str
    opened_ms: int
    updated_ms: int
    closed_ms: int | None
    pnl_r: Decimal
    pnl_usd: Decimal
    unrealized_pnl_r: Decimal
    unrealized_pnl_usd: Decimal
    risk_usd: Decimal
    stop_confirmed: bool
    reason: str
    signal: str = ""  # the signal's kind
    initial_stop: Decimal = ZERO
    entered: Decimal = ZERO  # quantity bought (or sold short) in all
    exit: Decimal | None = None  # average exit price; None: nothing was sold yet
    mark: Decimal = ZERO  # newest price
    r_now: Decimal = ZERO  # realised and unrealised together, in R
    risk_percent: Decimal | None = None  # of equity at its entry; None: UNKNOWN
    mae_r: Decimal = ZERO  # most adverse excursion, zero or less
    mfe_r: Decimal = ZERO  # most favourable excursion, zero or more
    fees_usd: Decimal = ZERO
    level: Decimal | None = None
    targets_hit: int = 0
    close_wanted: str = ""  # why it is being closed, until it is
    unprotected_seconds: float = 0.0  # in all, without a confirmed stop


class OrderView(Message, frozen=True):
    """An order as everybody outside the risk actor sees it."""

    id: str
    client_order_id: str
    symbol: str
    side: Side
    kind: str
    quantity: Decimal
    price: Decimal | None
    state: str
    created_ms: int
    updated_ms: int
    filled_ms: int | None
    fees: Decimal
    reason: str
    purpose: str = ""  # entry, stop, target_1, close
    filled: Decimal = ZERO
    position: str = ""  # the correlation that it shares with its position
    reduce_only: bool = False


class Alert(Message, frozen=True):
    """Something a person should know, and what was done about it."""

    ts_ms: int
    category: str  # transient, exchange, data, internal
    severity: str  # info, warning, error, critical
    component: str
    symbol: str | None
    message: str
    action: str


class Published(Message, frozen=True):
    """A fact on its way out. `kind` is the contract's type, e.g. POSITION_OPEN."""

    topic: str
    kind: str
    ts_ms: int
    data: Any  # a Struct or a dict that msgspec can encode
