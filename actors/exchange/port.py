"""The exchange port: what the risk actor may ask of any exchange, paper or real.

An exchange answers `place` and `cancel` with an Outcome and tells everything that
happens later as ExchangeUpdates to the sink it was given: fills and order updates,
in its own order, each at least once. What was missed is asked for by the fetches.
"""

from collections.abc import Callable
from decimal import Decimal
from enum import StrEnum
from typing import Any, Protocol

import msgspec

from actors.domain.orders import (
    ExchangePosition,
    ExchangeUpdate,
    Fill,
    OpenOrder,
    OrderRequest,
    OrderUpdate,
    Outcome,
)

UpdateSink = Callable[[ExchangeUpdate], None]


class Uniqueness(StrEnum):
    """Among which orders an exchange refuses a client id that it has seen."""

    ALWAYS = "always"
    OPEN = "open"  # the id is taken again once its order has ended
    NONE = "none"


class Capabilities(msgspec.Struct, frozen=True, kw_only=True):
    """What the order protocol must know of an exchange."""

    name: str  # the row of the outcome table
    client_ids: Uniqueness
    #: A request is not taken any more so long after it was signed.
    deadline_ms: int
    #: The exchange's own limit for an answer; together: how long "late" may be.
    answer_ms: int
    #: Two reduce-only stops may rest at once: the new one goes before the old one.
    stops_overlap: bool = True


class ExchangePort(Protocol):
    """An exchange account. A failed fetch raises; it never answers empty.

    Every fetch raises ExchangeError (or OSError, TooSlowError) when it has no answer.
    """

    @property
    def capabilities(self) -> Capabilities:
        """What the order protocol must know of this exchange."""

    def connect(self, sink: UpdateSink) -> None:
        """Send every later update to `sink`."""

    async def place(self, request: OrderRequest) -> Outcome:
        """Send one order once. Cancellation of the caller makes it Unknown."""

    async def cancel(self, symbol: str, client_id: str) -> Outcome:
        """Ask for a cancel: Placed if taken, Refused if there is no such live order."""

    async def fetch_order(self, symbol: str, client_id: str) -> OrderUpdate | None:
        """The exchange's word on one order; None: it says that it knows none such."""

    async def fetch_open_orders(self) -> tuple[OpenOrder, ...]:
        """All resting orders of the account, ours or not."""

    async def fetch_positions(self) -> tuple[ExchangePosition, ...]:
        """All non-zero positions of the account."""

    async def fetch_fills(self, since_ms: int) -> tuple[Fill, ...]:
        """All fills at or after `since_ms`, oldest first."""

    async def fetch_balance(self) -> Decimal:
        """Money of the account without unrealised results, in quote currency."""

    async def fetch_equity(self) -> Decimal:
        """Balance plus unrealised result, in quote currency."""

    async def fetch_time(self) -> int:
        """The exchange's own clock, ms since 1970 UTC."""


class SimulatedExchange(ExchangePort, Protocol):
    """An exchange whose market the engine's feed moves: paper, in or out of process.

    It outlives the engine: whatever it had answered or told is remembered by it. Bars
    that were laid out when its engine vanished are lived through without the engine.
    """

    @property
    def account_serial(self) -> int:
        """The number of the account: a fresh one in the same place has the next."""

    @property
    def now_ms(self) -> int:
        """Up to where its market was lived; 0 for an account that is new."""

    def active(self) -> frozenset[str]:
        """The symbols with live orders or a position: play their bars."""

    def held(self) -> frozenset[str]:
        """The symbols with a position."""

    def open_bar(self, symbol: str, bar: Any, open_ms: int, close_ms: int) -> None:
        """Lay out one bar (a row of BAR) of `symbol` from `open_ms` to `close_ms`."""

    async def play(self, until_ms: int) -> bool:
        """Go on to the next thing that happens and tell it; False: all bars closed.

        `until_ms`: the end of the step, also where no bar was laid out for it.
        """
