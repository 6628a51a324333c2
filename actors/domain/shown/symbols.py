"""What is shown of one symbol: its actor, its bars, its book, its decisions."""

from decimal import Decimal

import msgspec

from actors.domain.findings import LevelView
from actors.domain.phases import SymbolPhase


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
    paused_by: str | None = None  # who paused this symbol; None: nobody did
    change_24h: float | None = None  # fraction: 0.05 is 5% up in 24 h


class Candle(msgspec.Struct, frozen=True, rename="camel"):
    """One closed bar; `time_ms` is its open time, `volume` in base units."""

    time_ms: int
    open: float
    high: float
    low: float
    close: float
    volume: float


class DepthLevel(msgspec.Struct, frozen=True, rename="camel"):
    """One price of a book: quantity in base units."""

    price: float
    quantity: float


class DepthView(msgspec.Struct, frozen=True, rename="camel"):
    """The book of one symbol, best price first on each side."""

    symbol: str
    time_ms: int
    modelled: bool  # the paper exchange's model of a book, not an exchange's own
    bids: tuple[DepthLevel, ...]
    asks: tuple[DepthLevel, ...]
    spread_bps: float | None


class DecisionRow(msgspec.Struct, frozen=True, rename="camel"):
    """One line of a symbol's decision log: what was found, refused, sent or ended."""

    seq: int  # the journal's
    time_ms: int
    symbol: str
    correlation: str
    stage: str  # scan, levels, signal, limits, sizing, sent, execution, exit
    reason: str
    value: str
    threshold: str
    #: R that the refused trade would have made by now; None: not followed, or UNKNOWN.
    afterwards_r: float | None = None


class Marker(msgspec.Struct, frozen=True, rename="camel"):
    """Something that happened at a price: drawn on the symbol's chart."""

    time_ms: int
    kind: str  # signal, entry, exit, stop_moved, take_profit
    side: str  # long, short
    price: Decimal
    quantity: Decimal | None
    text: str
    position_id: str | None


class SymbolDetail(msgspec.Struct, frozen=True, rename="camel"):
    """Everything that the page of one symbol draws beside its candles."""

    row: SymbolRow
    timeframe_ms: int
    tick_size: Decimal
    lot_size: Decimal
    candle: Candle | None  # the newest closed bar
    levels: tuple[LevelView, ...]
    depth: DepthView | None
    correlation_bucket: str


class FunnelHour(msgspec.Struct, frozen=True, rename="camel"):
    """How many came how far within one hour of market time."""

    hour_ms: int  # its start
    evaluations: int
    candidates: int
    signals: int
    entries: int
    trades: int
    drops: dict[str, int]  # "stage:reason" -> how many ended there


class DropRow(msgspec.Struct, frozen=True, rename="camel"):
    """One kind of drop with the newest that was dropped so."""

    stage: str
    reason: str
    count: int
    symbol: str
    value: str
    threshold: str
    time_ms: int
