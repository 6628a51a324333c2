"""An order at the model exchange, and what is to become of a request there."""

from decimal import Decimal

import msgspec

from actors.domain.money import ZERO
from actors.domain.orders import (
    OrderRequest,
    OrderState,
)
from actors.exchange.port import Capabilities, Uniqueness

CAPABILITIES = Capabilities(
    name="model", client_ids=Uniqueness.ALWAYS, deadline_ms=5_000, answer_ms=10_000
)
LOT = Decimal("0.001")
FEE = Decimal("0.0005")
EPOCH_MS = 1_700_000_100_000  # a whole quarter of an hour
NEVER_MS = 10**15
LATE_SECONDS = 3.0  # beyond the risk actor's patience, within the deadline


class Fate(msgspec.Struct, frozen=True):
    """What becomes of one request."""

    refused: bool = False
    arrives: float | None = 0.0  # seconds on the way; None: lost on it
    answer: str = "given"  # given, late, lost
    share: Decimal = Decimal(1)  # of a market order that finds a counterpart
    pieces: int = 1
    told: str = "now"  # now, later, twice, backwards, fills later, never
    hidden: float = 0.0  # seconds for which queries do not find it


PLAIN = Fate()


class ModelOrder:
    """One order as the exchange has it."""

    def __init__(self, request: OrderRequest, serial: int, hidden_ms: int) -> None:
        self.request = request
        self.exchange_id = f"x-{serial}"
        self.hidden_until_ms = hidden_ms
        self.filled = ZERO
        self.state = OrderState.OPEN
        self.reason = ""

    @property
    def unfilled(self) -> Decimal:
        return self.request.quantity - self.filled

    @property
    def live(self) -> bool:
        return self.state in {OrderState.OPEN, OrderState.PARTIAL}
