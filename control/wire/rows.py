"""Rows: the engine's facts with the names that clients of the contract know.

Inside, facts keep their own names; here, and only here, they get the contract's.
"""

from decimal import Decimal
from typing import Any

import msgspec

from actors.domain.messages import Alert, Message, OrderView, PositionView, Transition
from control.wire.frames import iso


class TransitionRow(msgspec.Struct, frozen=True):
    """A step of the global machine."""

    source: str = msgspec.field(name="from")
    target: str = msgspec.field(name="to")
    reason: str
    symbol: str | None
    metadata: dict[str, str]
    time: str | msgspec.UnsetType = msgspec.UNSET


class OrderRow(msgspec.Struct, frozen=True, rename="camel"):
    """An order as the contract spells it."""

    id: str
    client_order_id: str
    symbol: str
    side: str
    kind: str = msgspec.field(name="type")
    qty: Decimal
    price: Decimal | None
    status: str
    created_at: str
    updated_at: str
    filled_at: str | None
    fees: Decimal
    reason: str
    purpose: str
    filled: Decimal
    position: str
    reduce_only: bool


class PositionRow(msgspec.Struct, frozen=True, rename="camel"):
    """A position as the contract spells it."""

    id: str
    symbol: str
    side: str
    entry: Decimal
    sl: Decimal
    tp: tuple[Decimal, ...]
    size: Decimal
    mode: str
    opened_at: str
    updated_at: str
    closed_at: str | None
    pnl_r: Decimal
    pnl_usd: Decimal
    unrealized_pnl_r: Decimal
    unrealized_pnl_usd: Decimal
    risk_usd: Decimal
    stop_confirmed: bool
    reason: str
    phase: str
    signal: str
    initial_sl: Decimal
    entered: Decimal
    exit: Decimal | None
    mark: Decimal
    r_now: Decimal
    risk_percent: Decimal | None
    mae_r: Decimal
    mfe_r: Decimal
    fees_usd: Decimal
    level: Decimal | None
    targets_hit: int
    close_wanted: str
    unprotected_seconds: float


class AlertRow(msgspec.Struct, frozen=True, rename="camel"):
    """Something a person should know, and what was done about it."""

    ts_ms: int
    category: str  # transient, exchange, data, internal
    severity: str  # info, warning, error, critical
    component: str
    symbol: str | None
    message: str
    action: str


def _iso_or_none(ts_ms: int | None) -> str | None:
    return None if ts_ms is None else iso(ts_ms)


def transition_row(step: Transition, *, dated: bool = True) -> TransitionRow:
    """Spell a transition; in an envelope the time is the envelope's."""
    return TransitionRow(
        source=step.source,
        target=step.target,
        reason=step.reason,
        symbol=step.symbol,
        metadata=step.metadata,
        time=iso(step.ts_ms) if dated else msgspec.UNSET,
    )


def order_row(order: OrderView) -> OrderRow:
    """Spell an order."""
    return OrderRow(
        id=order.id,
        client_order_id=order.client_order_id,
        symbol=order.symbol,
        side=order.side,
        kind=order.kind,
        qty=order.quantity,
        price=order.price,
        status=order.state,
        created_at=iso(order.created_ms),
        updated_at=iso(order.updated_ms),
        filled_at=_iso_or_none(order.filled_ms),
        fees=order.fees,
        reason=order.reason,
        purpose=order.purpose,
        filled=order.filled,
        position=order.position,
        reduce_only=order.reduce_only,
    )


def position_row(position: PositionView) -> PositionRow:
    """Spell a position."""
    return PositionRow(
        id=position.id,
        symbol=position.symbol,
        side=position.side,
        entry=position.entry,
        sl=position.stop,
        tp=position.targets,
        size=position.size,
        mode=position.mode,
        opened_at=iso(position.opened_ms),
        updated_at=iso(position.updated_ms),
        closed_at=_iso_or_none(position.closed_ms),
        pnl_r=position.pnl_r,
        pnl_usd=position.pnl_usd,
        unrealized_pnl_r=position.unrealized_pnl_r,
        unrealized_pnl_usd=position.unrealized_pnl_usd,
        risk_usd=position.risk_usd,
        stop_confirmed=position.stop_confirmed,
        reason=position.reason,
        phase=position.phase,
        signal=position.signal,
        initial_sl=position.initial_stop,
        entered=position.entered,
        exit=position.exit,
        mark=position.mark,
        r_now=position.r_now,
        risk_percent=position.risk_percent,
        mae_r=position.mae_r,
        mfe_r=position.mfe_r,
        fees_usd=position.fees_usd,
        level=position.level,
        targets_hit=position.targets_hit,
        close_wanted=position.close_wanted,
        unprotected_seconds=position.unprotected_seconds,
    )


def alert_row(alert: Alert) -> AlertRow:
    """Spell an alert."""
    return AlertRow(**msgspec.structs.asdict(alert))


def _camel(name: str) -> str:
    head, *tail = name.split("_")
    return head + "".join(word.capitalize() for word in tail)


def row(fact: Any) -> Any:
    """Give any published fact the contract's names; what has them already passes."""
    match fact:
        case Transition():
            return transition_row(fact, dated=False)
        case OrderView():
            return order_row(fact)
        case PositionView():
            return position_row(fact)
        case Message():
            return {_camel(k): v for k, v in msgspec.structs.asdict(fact).items()}
        case _:
            return fact
