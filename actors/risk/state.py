"""Everything the risk actor owns, behind one attribute.

Nobody else changes any of this. Positions and orders are frozen records that are
replaced, so that a reader may keep what it was given.
"""

from collections import Counter, deque
from decimal import Decimal

import msgspec

from actors.domain.bars import Instrument
from actors.domain.ledger import Position
from actors.domain.limits import Account, Day, Holding, bucket_of, open_day
from actors.domain.messages import Alert, OrderView, Signal
from actors.domain.money import ZERO
from actors.domain.orders import OrderRequest, OrderState
from actors.domain.phases import LEADING_STAGES, LIVE_ORDER_STATES, Phase
from actors.domain.views import WhyRow
from actors.risk.machine import GlobalMachine
from config.preset import Preset

ENDED_KEPT = 200
WHY_KEPT = 2000
TRADE_IDS_KEPT = 20_000
#: More than the entries whose late fill is still taken, in flight or ended.
SIGNALS_KEPT = 2 * ENDED_KEPT


class OrderRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One order of ours: its request, what it is for, and what became of it."""

    request: OrderRequest
    intent: str
    correlation: str
    purpose: str  # entry, stop, target_1, close
    reason: str  # why it was sent
    state: OrderState
    created_ms: int
    updated_ms: int
    filled_ms: int | None = None
    exchange_id: str = ""
    filled: Decimal = ZERO
    fees: Decimal = ZERO
    risk_usd: Decimal = ZERO  # worst case of an entry
    notional: Decimal = ZERO  # worst case of an entry
    outcome: str = ""  # what the exchange said at the end

    @property
    def live(self) -> bool:
        """Whether the order may still change what we hold."""
        return self.state in LIVE_ORDER_STATES

    def view(self) -> OrderView:
        """Show the order to the world."""
        request = self.request
        return OrderView(
            id=self.intent,
            client_order_id=request.client_id,
            symbol=request.symbol,
            side=request.side,
            kind=request.kind,
            quantity=request.quantity,
            price=request.stop_price or request.limit_price,
            state=self.state,
            created_ms=self.created_ms,
            updated_ms=self.updated_ms,
            filled_ms=self.filled_ms,
            fees=self.fees,
            reason=self.outcome or self.reason,
        )


class KillSwitch(msgspec.Struct, frozen=True):
    """A tripped kill switch; it stays until a person resets it."""

    reason: str
    triggered_ms: int
    confirmed_flat: bool = False

    @property
    def phase(self) -> str:
        """FLATTENING until the exchange itself says we are flat, then LATCHED."""
        return "LATCHED" if self.confirmed_flat else "FLATTENING"


class RiskState:
    """The account and the work in hand."""

    def __init__(
        self, cash: Decimal, now_ms: int, instruments: list[Instrument]
    ) -> None:
        self.instruments = {i.symbol: i for i in instruments}
        self.preset: Preset | None = None
        self.mode = "paper"
        self.started_ms: int | None = None  # wall time
        self.timeframe_ms = 0
        self.gate_open = False  # entries are allowed
        self.pause_wanted = False
        self.kill: KillSwitch | None = None
        self.cash = cash
        self.day: Day = open_day(cash, now_ms)
        self.positions: dict[str, Position] = {}  # open, by symbol
        self.closed: deque[Position] = deque(maxlen=ENDED_KEPT)
        self.orders: dict[str, OrderRecord] = {}  # live, by client order id
        self.ended: deque[OrderRecord] = deque(maxlen=ENDED_KEPT)
        self.applied_trades: dict[str, None] = {}  # trade ids, oldest first
        self.building: str | None = None  # the symbol whose levels are being built
        self.sizing: str | None = None  # the symbol whose signal is being sized
        self.armed: dict[str, str] = {}  # symbol -> correlation
        self.signals: dict[str, Signal] = {}  # that were sized, newest last
        self.unavailable: dict[str, str] = {}  # symbol -> why its actor is away
        self.suspect: dict[str, str] = {}  # symbol -> the fill that nobody explains
        self.why: deque[WhyRow] = deque(maxlen=WHY_KEPT)
        self.alerts: deque[Alert] = deque(maxlen=ENDED_KEPT)
        self.counts: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        self.max_drawdown = ZERO
        self.serial = 0
        self.machine: GlobalMachine | None = None  # made by the first desk
        self.running = False  # market and symbols run

    @property
    def unrealized(self) -> Decimal:
        """Result of all open positions at their newest price."""
        return sum((p.unrealized_usd for p in self.positions.values()), ZERO)

    @property
    def equity(self) -> Decimal:
        """Cash plus what open positions are worth above their entry."""
        return self.cash + self.unrealized

    def holdings(self) -> tuple[Holding, ...]:
        """All positions and all entries in flight, each at its worst case."""
        entries = {o.request.symbol: o for o in self.orders.values() if _entry(o)}
        held = [
            Holding(
                symbol=p.symbol,
                side=p.side,
                notional=p.open * p.mark + _notional(entries.get(p.symbol)),
                risk_usd=_stopped(p, p.entry) + _risk(entries.get(p.symbol)),
                loss_usd=_stopped(p, p.mark) + _risk(entries.get(p.symbol)),
                bucket=bucket_of(self.instruments[p.symbol], p.side),
            )
            for p in self.positions.values()
        ]
        held += [
            Holding(
                symbol=symbol,
                side=order.request.side,
                notional=_notional(order),
                risk_usd=_risk(order),
                loss_usd=_risk(order),
                bucket=bucket_of(self.instruments[symbol], order.request.side),
            )
            for symbol, order in entries.items()
            if symbol not in self.positions
        ]
        return tuple(held)

    def account(self, now_ms: int) -> Account:
        """Give the limits their measure of this moment."""
        assert self.preset is not None, "limits are asked only after a start"
        return Account(self.preset, self.day, self.equity, self.holdings(), now_ms)

    def leading_stage(self) -> Phase:
        """Name the leading stage of the work in hand."""
        facts = (
            any(_entry(order) for order in self.orders.values()),
            self.sizing is not None,
            bool(self.positions),
            bool(self.armed),
            self.building is not None,
        )
        for stage, holds in zip(LEADING_STAGES, facts, strict=True):
            if holds:
                return stage
        return Phase.SCANNING

    def no_entries(self, symbol: str) -> str | None:
        """Say why a symbol takes no entries at all; None when it does."""
        return self.suspect.get(symbol) or self.unavailable.get(symbol)

    def remember_signal(self, signal: Signal) -> None:
        """Keep a sized signal for as long as its entry may still fill, and longer."""
        self.signals[signal.correlation] = signal
        if len(self.signals) > SIGNALS_KEPT:
            del self.signals[next(iter(self.signals))]

    def remember_trade(self, trade_id: str) -> bool:
        """Note a fill's id; False when it was applied before."""
        if trade_id in self.applied_trades:
            return False
        self.applied_trades[trade_id] = None
        if len(self.applied_trades) > TRADE_IDS_KEPT:
            del self.applied_trades[next(iter(self.applied_trades))]
        return True


def _stopped(position: Position, price: Decimal) -> Decimal:
    """Money lost from `price` to the stop; a stop beyond it loses nothing."""
    distance = (price - position.stop) * position.side.sign
    return max(ZERO, distance) * position.open


def _entry(order: OrderRecord) -> bool:
    return order.purpose == "entry" and order.live


def _notional(order: OrderRecord | None) -> Decimal:
    """Worst-case notional of what an entry may still fill."""
    if order is None:
        return ZERO
    return order.notional * (1 - order.filled / order.request.quantity)


def _risk(order: OrderRecord | None) -> Decimal:
    if order is None:
        return ZERO
    return order.risk_usd * (1 - order.filled / order.request.quantity)
