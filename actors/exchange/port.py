"""The exchange port: what the risk actor may ask of any exchange, paper or real.

An exchange answers `place` and `cancel` with an Outcome and tells everything that
happens later as ExchangeUpdates to the sink it was given: fills and order updates,
in its own order, each at least once.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Protocol

from actors.domain.orders import (
    ExchangePosition,
    ExchangeUpdate,
    Fill,
    OpenOrder,
    OrderRequest,
    Outcome,
)

UpdateSink = Callable[[ExchangeUpdate], None]


class ExchangePort(Protocol):
    """An exchange account. A failed fetch raises; it never answers empty."""

    def connect(self, sink: UpdateSink) -> None:
        """Send every later update to `sink`."""

    async def place(self, request: OrderRequest) -> Outcome:
        """Send one order once. Cancellation of the caller makes it Unknown."""

    async def cancel(self, symbol: str, client_id: str) -> Outcome:
        """Ask for a cancel: Placed if taken, Refused if there is no such live order."""

    async def fetch_open_orders(self) -> tuple[OpenOrder, ...]:
        """All resting orders of the account."""

    async def fetch_positions(self) -> tuple[ExchangePosition, ...]:
        """All non-zero positions of the account."""

    async def fetch_fills(self, since_ms: int) -> tuple[Fill, ...]:
        """All fills at or after `since_ms`, oldest first."""

    async def fetch_equity(self) -> Decimal:
        """Balance plus unrealised result, in quote currency."""
