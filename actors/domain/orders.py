"""Orders as facts: what was asked of an exchange and what it said happened."""

from decimal import Decimal
from enum import StrEnum

import msgspec

from actors.domain.money import ZERO


class Side(StrEnum):
    """The direction of a position or of an order."""

    LONG = "long"
    SHORT = "short"

    @property
    def sign(self) -> int:
        """+1 for long, -1 for short."""
        return 1 if self is Side.LONG else -1

    @property
    def opposite(self) -> "Side":
        """The side that reduces this one."""
        return Side.SHORT if self is Side.LONG else Side.LONG


class OrderKind(StrEnum):
    """How an order executes."""

    MARKET = "market"  # with limit_price: a market order inside a price band (IOC)
    LIMIT = "limit"  # rests until filled, cancelled or expired
    STOP_MARKET = "stop_market"  # rests; becomes a market order at stop_price


class OrderState(StrEnum):
    """The life of an order as we know it (`phases.ORDER_MACHINE` is the table)."""

    PLANNED = "planned"
    SENDING = "sending"
    UNKNOWN = "unknown"
    OPEN = "open"
    PARTIAL = "partial"
    CANCELLING = "cancelling"
    FILLED = "filled"
    CANCELLED = "cancelled"
    REFUSED = "refused"
    ABSENT = "absent"


class OrderRequest(msgspec.Struct, frozen=True, gc=False):
    """One order as it goes to an exchange. `side` LONG buys, SHORT sells."""

    client_id: str
    symbol: str
    side: Side
    kind: OrderKind
    quantity: Decimal
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    reduce_only: bool = False
    post_only: bool = False
    expires_ms: int | None = None  # what is unfilled then is cancelled: "expired"


class Fill(msgspec.Struct, frozen=True, tag="fill", gc=False):
    """One execution. `fee` is in quote currency and never negative on paper.

    `coin_fee` is what of that fee was taken in the traded coin itself, as spot does:
    then less is held than was bought, and more is gone than was sold.
    """

    trade_id: str
    client_id: str
    symbol: str
    side: Side
    quantity: Decimal
    price: Decimal
    fee: Decimal
    maker: bool
    ts_ms: int
    coin_fee: Decimal = ZERO

    @property
    def moved(self) -> Decimal:
        """By how much it changes what is held; an order counts `quantity`."""
        return self.quantity - self.coin_fee * self.side.sign


class OrderUpdate(msgspec.Struct, frozen=True, tag="order_update", gc=False):
    """The exchange's word on one order. `state` is OPEN, PARTIAL, FILLED, CANCELLED."""

    client_id: str
    exchange_id: str
    symbol: str
    state: OrderState
    filled_quantity: Decimal
    reason: str  # "", "expired", "reduce_only", "band", "user", ...
    ts_ms: int


ExchangeUpdate = Fill | OrderUpdate


class Placed(msgspec.Struct, frozen=True, tag="placed"):
    """The exchange has the order."""

    exchange_id: str


class Refused(msgspec.Struct, frozen=True, tag="refused"):
    """The exchange proved that it did not take the order."""

    reason: str


class Unknown(msgspec.Struct, frozen=True, tag="unknown"):
    """Nobody knows yet: the order may live. Risk stays reserved; ask, never resend."""

    reason: str


Outcome = Placed | Refused | Unknown


class ExchangePosition(msgspec.Struct, frozen=True):
    """What the exchange says we hold; `quantity` is signed, long positive."""

    symbol: str
    quantity: Decimal
    entry_price: Decimal


class OpenOrder(msgspec.Struct, frozen=True):
    """An order that rests at the exchange, as the exchange tells it."""

    request: OrderRequest
    exchange_id: str
    filled_quantity: Decimal = ZERO
