"""What an account asks of a venue: how its orders are written, and what it is asked."""

from decimal import Decimal
from typing import Protocol

from actors.domain.bars import Instrument
from actors.domain.orders import (
    ExchangePosition,
    Fill,
    OpenOrder,
    OrderRequest,
    OrderUpdate,
)
from actors.exchange.live.permissions import Permissions
from actors.exchange.live.registry import Registry
from actors.exchange.live.symbols import Symbols
from actors.exchange.live.wire import Call, Wire


class Venue(Protocol):
    """One exchange's orders and fills. What is asked is noted in `registry`."""

    wire: Wire
    symbols: Symbols
    registry: Registry

    @property
    def apart(self) -> bool:
        """Whether conditional orders have endpoints of their own."""

    async def time(self) -> int:
        """Ask for the exchange's clock."""

    def unwritable(self, request: OrderRequest, instrument: Instrument) -> str:
        """Say why a request cannot be written digit by digit, or ""."""

    def placing(self, request: OrderRequest) -> Call:
        """Write the request that places an order."""

    def conditional(self, request: OrderRequest) -> bool:
        """Whether this order is one of those with endpoints of their own."""

    def cancelling(self, symbol: str, client_id: str, *, conditional: bool) -> Call:
        """Write the request that cancels an order."""

    async def order(self, symbol: str, client_id: str) -> OrderUpdate | None:
        """Ask for one order by our id; None: the exchange has none such."""

    async def open_orders(self) -> tuple[OpenOrder, ...]:
        """Ask for all resting orders of all symbols."""

    async def fills(self, since_ms: int, now_ms: int) -> tuple[Fill, ...]:
        """Ask for all fills since, oldest first."""


class Settings(Protocol):
    """How an account is set up."""

    async def permissions(self) -> Permissions:
        """Ask what the key may do."""

    async def prepare(self) -> None:
        """Check rules and modes. Raises ExchangeError with the remedy."""

    async def ready(self, symbol: str) -> None:
        """Have a symbol's leverage and margin mode set. Raises ExchangeError."""

    def doubt(self, symbol: str) -> None:
        """Take a symbol's settings as unconfirmed; "": all, and the account's."""


class Holdings(Protocol):
    """What an account holds."""

    async def positions(self) -> tuple[ExchangePosition, ...]:
        """Ask for all positions."""

    async def money(self) -> tuple[Decimal, Decimal]:
        """Ask for the balance without, and the equity with, unrealised results."""
