"""What is shown of the past: trades, order timelines, audit, incidents, logs."""

from decimal import Decimal

import msgspec


class TradeRow(msgspec.Struct, frozen=True, rename="camel"):
    """One ended position, as performance counts it."""

    id: str
    symbol: str
    side: str
    signal: str  # the signal's kind
    opened_ms: int
    closed_ms: int
    entry: Decimal
    exit: Decimal
    size: Decimal
    pnl_usd: Decimal
    pnl_r: Decimal
    mae_r: Decimal  # most adverse excursion, zero or less
    mfe_r: Decimal  # most favourable excursion, zero or more
    fees_usd: Decimal
    reason: str  # of its exit
    equity_after_usd: Decimal | None = None


class TimelineStep(msgspec.Struct, frozen=True, rename="camel"):
    """One step of an order, from its intent to its end, as the journal has it."""

    seq: int
    time_ms: int
    kind: str  # intent, order, fill
    state: str
    filled: Decimal
    price: Decimal | None
    quantity: Decimal | None
    detail: str


class AuditRow(msgspec.Struct, frozen=True, rename="camel"):
    """One audited act: who, what, when, before, after, result."""

    seq: int
    time_ms: int
    who: str
    what: str
    before: str
    after: str
    result: str


class IncidentRow(msgspec.Struct, frozen=True, rename="camel"):
    """An alert that was journalled."""

    seq: int
    time_ms: int
    severity: str  # info, warning, error, critical
    category: str
    component: str
    symbol: str | None
    message: str
    action: str


class LogRow(msgspec.Struct, frozen=True, rename="camel"):
    """One log line that is still at hand."""

    number: int
    time_ms: int  # wall time
    level: str
    component: str
    event: str
    fields: dict[str, str]


class SessionRow(msgspec.Struct, frozen=True, rename="camel"):
    """One run of the engine on this journal."""

    id: str
    started_ms: int
    ended_ms: int | None  # None: it runs, or it was killed
    market: str
    preset: str
    mode: str
    end: str | None  # what the end in order said
    checkpoints: dict[str, int]  # stage -> candidates that reached it
