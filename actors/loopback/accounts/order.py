"""An account's orders, fills and conditional orders, as the exchange keeps them."""

from dataclasses import dataclass, field
from decimal import Decimal

from actors.domain.money import ZERO
from actors.loopback.floor.pit import Pit

NEW, PARTIAL, FILLED = "NEW", "PARTIALLY_FILLED", "FILLED"
CANCELED, EXPIRED, REJECTED = "CANCELED", "EXPIRED", "REJECTED"
LIVE = frozenset({NEW, PARTIAL})
TRIGGERING, TRIGGERED, FINISHED = "TRIGGERING", "TRIGGERED", "FINISHED"

API, PERSON, HOUSE = "api", "person", "exchange"


@dataclass(frozen=True, slots=True)
class Fill:
    """One trade of an account's order."""

    id: int
    time_ms: int
    ticks: int
    lots: int
    maker: bool
    fee: Decimal
    fee_asset: str
    profit: Decimal


@dataclass(slots=True, kw_only=True, eq=False)
class Order:
    """An order that was taken."""

    id: int
    client_id: str
    pit: Pit
    side: int
    kind: str  # the type as asked: LIMIT, MARKET, STOP_LOSS_LIMIT, ...
    force: str
    lots: int
    ticks: int  # 0: at the market
    stop_ticks: int = 0
    quote: Decimal = ZERO  # spot: buy for so much money
    reduce_only: bool = False
    close_position: bool = False
    position_side: str = "BOTH"
    source: str = API
    born_as: str = ""  # the conditional type that it was before it was triggered
    working: bool = True  # False: a spot stop that waits for its trigger
    status: str = NEW
    filled: int = 0
    value: int = 0  # sum of ticks times lots
    locked: Decimal = ZERO  # spot: what is set aside for it
    created_ms: int = 0
    updated_ms: int = 0
    #: Until then queries do not find it: a fault.
    hidden_until_ms: int = 0
    fills: list[Fill] = field(default_factory=list)

    @property
    def left(self) -> int:
        """The lots that are not filled."""
        return self.lots - self.filled

    @property
    def live(self) -> bool:
        """Say whether it can still fill."""
        return self.status in LIVE

    @property
    def average(self) -> Decimal:
        """The mean price of its fills; 0 before the first."""
        if not self.filled:
            return ZERO
        return self.pit.grid.tick * self.value / self.filled

    @property
    def paid(self) -> Decimal:
        """Price times size of its fills."""
        grid = self.pit.grid
        return grid.tick * grid.step * self.value


@dataclass(slots=True, kw_only=True, eq=False)
class Conditional:
    """A futures order that waits outside of the book for its trigger."""

    id: int
    client_id: str
    pit: Pit
    side: int
    kind: str
    force: str
    lots: int
    ticks: int
    trigger: int
    on_mark: bool
    reduce_only: bool
    close_position: bool
    position_side: str
    source: str = API
    status: str = NEW
    created_ms: int = 0
    updated_ms: int = 0
    triggered_ms: int = 0
    hidden_until_ms: int = 0
    why: str = ""
    order: Order | None = None

    @property
    def waits(self) -> bool:
        """Say whether its trigger is still awaited."""
        return self.status == NEW

    @property
    def upwards(self) -> bool:
        """Say whether the price has to rise to its trigger."""
        return (self.side > 0) is not self.kind.startswith("TAKE_PROFIT")

    def reached(self, ticks: int) -> bool:
        """Say whether a price triggers it."""
        return ticks >= self.trigger if self.upwards else ticks <= self.trigger


@dataclass(slots=True, kw_only=True)
class Wish:
    """An order as somebody asks for it, read but not judged."""

    pit: Pit
    side: int
    kind: str
    force: str = "GTC"
    size: Decimal | None = None
    price: Decimal | None = None
    stop: Decimal | None = None
    quote: Decimal | None = None
    client_id: str = ""
    reduce_only: bool = False
    close_position: bool = False
    position_side: str = "BOTH"
    on_mark: bool = False
    source: str = API
