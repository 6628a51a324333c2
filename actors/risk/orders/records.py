"""What the risk actor journals of its orders and of the account: frozen records."""

from decimal import Decimal

import msgspec

from actors.domain import ids
from actors.domain.limits import Day
from actors.domain.messages import OrderView, Signal
from actors.domain.money import ZERO
from actors.domain.orders import Fill, OrderRequest, OrderState
from actors.domain.phases import LIVE_ORDER_STATES, KillPhase
from actors.domain.truth import Difference, Policy

#: The purpose of an order that closes what is not ours, as a person has ordered.
FLATTEN = "flatten"


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
    trades: tuple[str, ...] = ()  # ids of the fills that are in `filled`
    seen: bool = False  # a stop that the exchange has shown, not only taken
    cancel_wanted: bool = False  # it must not fill any more than it has
    risk_usd: Decimal = ZERO  # worst case of an entry
    notional: Decimal = ZERO  # worst case of an entry
    outcome: str = ""  # what the exchange said at the end
    adopted: Decimal = ZERO  # of `filled`: booked before the exchange has listed it
    adopted_ms: int = 0

    @property
    def client_id(self) -> str:
        """The order's name at the exchange."""
        return self.request.client_id

    @property
    def live(self) -> bool:
        """Whether the order may still change what we hold."""
        return self.state in LIVE_ORDER_STATES

    @property
    def standing(self) -> OrderState:
        """The state of such an order that the exchange shows."""
        return OrderState.PARTIAL if self.filled else OrderState.OPEN

    @property
    def unfilled(self) -> Decimal:
        """What may still fill."""
        return max(ZERO, self.request.quantity - self.filled)

    def adopted_of(self, fill: Fill) -> Decimal:
        """How much of a fill was booked before the exchange listed it."""
        late = fill.ts_ms <= self.adopted_ms and not ids.is_adjustment(fill.trade_id)
        return min(self.adopted, fill.quantity) if late else ZERO

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
            purpose=self.purpose,
            filled=self.filled,
            position=self.correlation,
            reduce_only=request.reduce_only,
        )


class Effort(msgspec.Struct, frozen=True):
    """What the kill switch has tried to close in one symbol, and what it tries next."""

    failures: int = 0  # closes that were refused, vanished or stuck
    in_a_row: int = 0
    piece: Decimal | None = None  # the most that one close asks for; None: all
    not_before_ms: int = 0  # exchange time
    judged: str = ""  # the client id of the newest close that is counted


class KillSwitch(msgspec.Struct, frozen=True):
    """A tripped kill switch; it stays until a person resets it."""

    reason: str
    triggered_ms: int
    phase: KillPhase = KillPhase.CANCELLING
    efforts: dict[str, Effort] = {}  # by symbol


class AccountFact(msgspec.Struct, frozen=True, tag=True):
    """The base of what Kind.ACCOUNT rows say."""


class AccountOpened(AccountFact, frozen=True):
    """A new account: whatever was known of an older one is history."""

    serial: int
    market: str
    cash: Decimal
    day: Day
    opened_ms: int  # fills from before are not ours to explain


class Money(AccountFact, frozen=True):
    """Cash and the day's baselines after a change of either."""

    cash: Decimal
    day: Day
    max_drawdown: Decimal
    reason: str = ""


class SignalSized(AccountFact, frozen=True):
    """A signal whose entry was planned: a late fill must find its stop."""

    signal: Signal
    equity: Decimal = ZERO  # the account's then; zero: UNKNOWN


class SymbolHalted(AccountFact, frozen=True):
    """A symbol takes no entries until a person decides; None: released."""

    symbol: str
    reason: str | None


class KillChanged(AccountFact, frozen=True):
    """The kill switch tripped, went on, or (None) was released."""

    kill: KillSwitch | None


class GateChanged(AccountFact, frozen=True):
    """A person paused entries, or let them go on.

    `flat`: what is held is to be closed too, also what a late fill still brings.
    """

    paused: bool
    flat: bool = False


class SymbolPaused(AccountFact, frozen=True):
    """A person paused one symbol, or (None) let it go on."""

    symbol: str
    by: str | None


class ForeignFill(AccountFact, frozen=True):
    """A fill of an order that was never journalled: noted once, then known."""

    trade_id: str


class DustLeft(AccountFact, frozen=True):
    """What is left at the exchange and cannot be traded; signed, zero: nothing."""

    symbol: str
    quantity: Decimal
    loss: Decimal = ZERO  # booked for it here; the exchange knows nothing of it
    cost: Decimal = ZERO  # of coins that are set aside: no loss, they are there


class DifferenceSettled(AccountFact, frozen=True):
    """What a person, or the engine, has decided about a difference."""

    difference: Difference
    policy: Policy
    by: str
    offset: Decimal = ZERO  # of a position that is ignored: theirs less ours, signed


AccountChange = (
    AccountOpened
    | Money
    | SignalSized
    | SymbolHalted
    | KillChanged
    | GateChanged
    | SymbolPaused
    | ForeignFill
    | DustLeft
    | DifferenceSettled
)


def published_kind(before: OrderState, after: OrderState) -> str:
    """Name an order's change as the contract names it."""
    if before is OrderState.SENDING and after is OrderState.OPEN:
        return "ORDER_PLACED"
    if after in {OrderState.CANCELLED, OrderState.REFUSED, OrderState.ABSENT}:
        return "ORDER_CANCELED"
    return "ORDER_UPDATED"
