"""What goes over the wire: the contract's names, envelopes and what clients may say.

The engine's facts keep their own names inside; here, and only here, they get the
ones that `reference` clients know. Decimals are written as JSON numbers, digit for
digit; times are ISO 8601 UTC with milliseconds, except the envelope's `ts` (ms).
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

from actors.domain.messages import (
    Message,
    OrderView,
    PositionView,
    Transition,
)

EVENT_TOPICS = frozenset(
    {"transitions", "orders", "positions", "signals", "why", "alerts"}
)
POLLED_TOPICS = frozenset({"engine", "symbols", "health"})
SYMBOL_PREFIX = "symbol:"
MESSAGE_BYTES_MAX = 64 * 1024
TOPICS_MAX = 64


class Envelope(msgspec.Struct, frozen=True, gc=False):
    """One item of a frame; `seq` 0 marks what is outside any topic."""

    seq: int
    ts: int
    kind: str = msgspec.field(name="type")
    topic: str
    data: Any
    v: int = 1


class Reply(msgspec.Struct, frozen=True):
    """The command answer, and the shape of every refusal."""

    success: bool
    message: str
    timestamp: str


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


# --- what a client may say on /ws ------------------------------------------------


class _Said(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type"):
    """The base of every client message."""


class Authenticate(_Said, frozen=True, tag="auth"):
    """A browser's first message: its one-use ticket."""

    ticket: str


class Subscribe(_Said, frozen=True, tag="subscribe"):
    """Ask for topics; `after` resumes event topics behind a sequence number."""

    topics: tuple[str, ...]
    after: dict[str, int] = {}


class Unsubscribe(_Said, frozen=True, tag="unsubscribe"):
    """Ask for topics no longer."""

    topics: tuple[str, ...]


class CommandSaid(_Said, frozen=True, tag="command"):
    """One command; answered by COMMAND with the same id."""

    id: str
    command: str
    args: dict[str, Any] = {}


class Ping(_Said, frozen=True, tag="ping"):
    """Ask for a PONG."""

    id: Any = None


Said = Authenticate | Subscribe | Unsubscribe | CommandSaid | Ping

# What msgspec does not know is written as text: one odd fact must not end a stream.
_encoder = msgspec.json.Encoder(decimal_format="number", enc_hook=str)
_said_decoder: msgspec.json.Decoder[Said] = msgspec.json.Decoder(Said)


def encode(value: Any) -> bytes:
    """Write JSON with the contract's names."""
    return _encoder.encode(value)


def said(text: str | bytes) -> Said:
    """Read one client message; raises msgspec.ValidationError or DecodeError."""
    return _said_decoder.decode(text)


def frame(envelopes: Iterable[bytes]) -> str:
    """Join encoded envelopes into one frame: a JSON array."""
    return (b"[" + b",".join(envelopes) + b"]").decode()


def iso(ts_ms: int) -> str:
    """Write a moment as ISO 8601 UTC with milliseconds and Z."""
    moment = datetime.fromtimestamp(ts_ms // 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{ts_ms % 1000:03d}Z"


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
