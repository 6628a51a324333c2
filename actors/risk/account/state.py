"""Everything the risk actor owns, behind one attribute.

The book is what a restart must know. The rest is the work in hand, and what people
like to see. Nobody else changes any of this. Records are frozen and are replaced, so
that a reader may keep what it was given.
"""

from collections import Counter, deque
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

from actors.domain import exposure
from actors.domain.bars import Instrument
from actors.domain.ledger import Position
from actors.domain.limits import Account, Day, Holding
from actors.domain.live import PAPER
from actors.domain.market_limits import MarketRow
from actors.domain.messages import Alert, Signal, Transition
from actors.domain.money import ZERO
from actors.domain.orders import Fill, OrderState
from actors.domain.phases import LEADING_STAGES, Phase
from actors.domain.views import WhyRow
from actors.journal import Kind
from actors.risk.account.book import Book
from actors.risk.account.machine import GlobalMachine
from actors.risk.orders.records import KillChanged, KillSwitch, OrderRecord
from config.preset import Preset

if TYPE_CHECKING:
    from actors.risk.account.outbox import Outbox

WHY_KEPT = 2000
ALERTS_KEPT = 200
CHANGES_KEPT = 1000
#: Reasons of which the newest example is kept; an exchange may say anything.
REASONS_KEPT = 500


class Changes:
    """The journal's sequence number at which an order or a symbol last changed.

    What was asked of the exchange before that says nothing about it any more.
    """

    def __init__(self) -> None:
        self.orders: dict[str, int] = {}  # by client id, longest unchanged first
        self.symbols: dict[str, int] = {}  # by symbol: its newest fill
        self.newest_fill = 0
        self.newest = 0  # of any order, fill or step of the kill switch

    def note(self, kind: Kind, body: Any, seq: int) -> None:
        """Note a journalled change."""
        if isinstance(body, OrderRecord | Fill | KillChanged):
            self.newest = seq
        if isinstance(body, OrderRecord):
            self.orders.pop(body.client_id, None)
            self.orders[body.client_id] = seq
            if len(self.orders) > CHANGES_KEPT:
                del self.orders[next(iter(self.orders))]
        elif kind is Kind.FILL:
            self.symbols[body.symbol] = self.newest_fill = seq


class Visible(msgspec.Struct, frozen=True, kw_only=True):
    """What may be seen: the book and the machine as of the last durable write."""

    phase: Phase
    history: tuple[Transition, ...]
    positions: dict[str, Position]
    closed: tuple[Position, ...]
    orders: dict[str, OrderRecord]
    ended: tuple[OrderRecord, ...]
    signals: dict[str, Signal]  # that were sized, by correlation, newest last
    equities: dict[str, Decimal]  # the account's at each of them
    cash: Decimal
    day: Day
    kill: KillSwitch | None
    paused: bool
    paused_symbols: dict[str, str]
    halted: dict[str, str]
    unprotected_ms: int  # of all gaps that have ended
    unprotected_longest_ms: int


class RiskState:
    """The account and the work in hand."""

    def __init__(
        self, book: Book, instruments: list[Instrument], mode: str = PAPER
    ) -> None:
        self.book = book
        self.instruments = {i.symbol: i for i in instruments}
        self.preset: Preset | None = None
        self.mode = mode
        self.started_ms: int | None = None  # wall time
        self.timeframe_ms = 0
        self.gate_open = False  # entries are allowed
        self.settled = False  # our truth was held against the exchange's since start
        self.pause_wanted = False
        self.building: str | None = None  # the symbol whose levels are being built
        self.sizing: str | None = None  # the symbol whose signal is being sized
        self.armed: dict[str, str] = {}  # symbol -> correlation
        self.unavailable: dict[str, str] = {}  # symbol -> why its actor is away
        self.why: deque[WhyRow] = deque(maxlen=WHY_KEPT)
        self.alerts: deque[Alert] = deque(maxlen=ALERTS_KEPT)
        self.counts: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        self.alerted: Counter[str] = Counter()  # by severity
        self.answered: Counter[str] = Counter()  # sends by what came of them
        self.newest_why: dict[str, WhyRow] = {}  # by "stage:reason"
        #: What the newest judged signal's market offered, and the symbol.
        self.market_seen: tuple[str, tuple[MarketRow, ...]] = ("", ())
        self.unanswered: tuple[str, ...] = ()  # of the newest look at the exchange
        self.machine: GlobalMachine | None = None  # made by the first desk
        self.running = False  # market and symbols run
        self.visible: Visible | None = None  # kept by the outbox
        self.outbox: Outbox | None = None  # made by the first desk: it reads this
        self.changed = Changes()
        self.rows_since_snapshot = 0
        self.not_found: set[str] = set()  # stops in doubt that a look has not shown
        #: Symbols in which the exchange has nothing that our orders could reduce.
        self.not_held: set[str] = set()
        self.differing: dict[str, str] = {}  # symbol -> in what it differs from theirs
        self.ask_soon: set[str] = set()  # orders that must be asked for at once

    def look(self) -> Visible:
        """Copy what people may see once it is on the disk; the records are frozen."""
        book, machine = self.book, self.machine
        assert machine is not None, "the first desk has made the machine"
        return Visible(
            phase=machine.phase,
            history=tuple(machine.history),
            positions=dict(book.positions),
            closed=tuple(book.closed),
            orders=dict(book.orders),
            ended=tuple(book.ended.values()),
            signals=dict(book.signals),
            equities=dict(book.equities),
            cash=book.cash,
            day=book.day,
            kill=book.kill,
            paused=book.paused,
            paused_symbols=dict(book.paused_symbols),
            halted=dict(book.halted),
            unprotected_ms=book.unprotected_ms,
            unprotected_longest_ms=book.unprotected_longest_ms,
        )

    def keep_why(self, why: WhyRow) -> None:
        """Count a reason and keep it as the newest of its kind."""
        key = f"{why.stage}:{why.reason}"
        self.reasons[key] += 1
        self.why.append(why)
        if key in self.newest_why or len(self.newest_why) < REASONS_KEPT:
            self.newest_why[key] = why

    @property
    def unrealized(self) -> Decimal:
        """Result of all open positions at their newest price."""
        return sum((p.unrealized_usd for p in self.book.positions.values()), ZERO)

    @property
    def equity(self) -> Decimal:
        """Cash plus what open positions are worth above their entry."""
        return self.book.cash + self.unrealized

    def entries(self) -> list[OrderRecord]:
        """The entry orders that may still fill, also those nobody knows of."""
        return [o for o in self.book.orders.values() if o.purpose == "entry"]

    def holdings(self) -> tuple[Holding, ...]:
        """All positions and all entries in flight, each at its worst case."""
        return exposure.holdings(
            self.book.positions.values(),
            map(reserved, self.entries()),
            self.instruments,
        )

    def account(self, now_ms: int) -> Account:
        """Give the limits their measure of this moment."""
        assert self.preset is not None, "limits are asked only after a start"
        return Account(self.preset, self.book.day, self.equity, self.holdings(), now_ms)

    def leading_stage(self) -> Phase:
        """Name the leading stage of the work in hand."""
        facts = (
            bool(self.entries()),
            self.sizing is not None,
            bool(self.book.positions),
            bool(self.armed),
            self.building is not None,
        )
        for stage, holds in zip(LEADING_STAGES, facts, strict=True):
            if holds:
                return stage
        return Phase.SCANNING

    def no_entries(self, symbol: str) -> str | None:
        """Say why a symbol takes no entries at all; None when it does."""
        return self.without_entries().get(symbol)

    def without_entries(self) -> dict[str, str]:
        """Say of each symbol that takes no entries why; the gravest reason counts."""
        doubtful = {
            order.request.symbol: f"order {order.client_id} is UNKNOWN: {order.outcome}"
            for order in self.book.orders.values()
            if order.state is OrderState.UNKNOWN
        }
        paused = {s: f"paused by {who}" for s, who in self.book.paused_symbols.items()}
        return doubtful | self.differing | paused | self.unavailable | self.book.halted


def reserved(order: OrderRecord) -> exposure.Entry:
    """An entry order as the limits count it."""
    return exposure.Entry(
        symbol=order.request.symbol,
        side=order.request.side,
        state=order.state,
        quantity=order.request.quantity,
        filled=order.filled,
        notional=order.notional,
        risk_usd=order.risk_usd,
    )
