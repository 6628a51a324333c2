"""An account at a real exchange, as the risk actor sees it: the exchange port.

A place or a cancel is one request, signed once, whose answer is judged by the table of
outcomes; nothing here repeats it. What our own rules can refuse is refused before it is
sent: then it is provably unsent. A question that fails raises, and never answers empty.

A cancelled caller is left with Cancelled, and then nothing is known of its order:
the dispatcher, which shields its sends, makes Unknown of it.
"""

from collections.abc import Awaitable
from decimal import Decimal
from typing import TypeVar

import trio

from actors.domain.errors import ExchangeError
from actors.domain.orders import (
    ExchangePosition,
    Fill,
    OpenOrder,
    OrderKind,
    OrderRequest,
    OrderUpdate,
    Outcome,
    Placed,
    Refused,
    Unknown,
)
from actors.exchange.ccxtrio import Lane, in_lane
from actors.exchange.live.capabilities import Row
from actors.exchange.live.dead_man import DeadMan
from actors.exchange.live.permissions import Permissions
from actors.exchange.live.plan import LivePlan
from actors.exchange.live.sendable import unsendable
from actors.exchange.live.stream import AccountStream
from actors.exchange.live.venue import Holdings, Settings, Venue
from actors.exchange.outcome import Act
from actors.exchange.port import Capabilities, UpdateSink

T = TypeVar("T")


class LiveAccount:
    """An ExchangePort on a real exchange. `prepare` it, then `run` its stream."""

    def __init__(
        self,
        chosen: tuple[LivePlan, Row],
        venue: Venue,
        stream: AccountStream,
        setup: Settings,
        money: Holdings,
        dead_man: DeadMan | None = None,
    ) -> None:
        self._plan, self._row = chosen
        self._venue, self._stream = venue, stream
        self._setup, self._money, self._dead_man = setup, money, dead_man
        stream.unsettled = setup.doubt
        self.prepared = False

    @property
    def capabilities(self) -> Capabilities:
        """What the order protocol must know of this exchange."""
        return self._row.port

    @property
    def row(self) -> Row:
        """What else is known of this exchange."""
        return self._row

    def active(self) -> frozenset[str]:
        """Give the symbols with live orders or a position, as far as is known here."""
        return self._venue.registry.active()

    def connect(self, sink: UpdateSink) -> None:
        """Send every later update to `sink`."""
        self._stream.sink = sink

    async def permissions(self) -> Permissions:
        """Ask what the key may do."""
        return await _asked(self._setup.permissions())

    async def prepare(self) -> None:
        """See that key, rules and modes are as the engine takes them to be.

        Raises ExchangeError with the remedy. Until it has ended well nothing is sent.
        """
        (await self.permissions()).check(self._plan.accept)
        await _asked(self._setup.prepare())
        await self.fetch_open_orders()
        await self.fetch_positions()
        self.prepared = True

    async def run(
        self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Tell the sink what happens to the account until cancelled.

        Started once the stream stands and what was missed before has been asked for.
        """
        if self._dead_man is None:
            await self._stream.run(task_status)
            return
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._dead_man.run)
            await self._stream.run(task_status)

    # --- requests ---------------------------------------------------------------------

    async def place(self, request: OrderRequest) -> Outcome:
        """Send one order once. Cancellation of the caller makes it Unknown."""
        lane = _lane(request)
        unsent = self._unsendable(request)
        if not unsent and not request.reduce_only:
            try:
                with in_lane(lane):
                    await _read(self._setup.ready(request.symbol))
            except ExchangeError as error:
                unsent = str(error)
        if unsent:
            return Refused(f"not sent: {unsent}")
        registry, client_id = self._venue.registry, request.client_id
        conditional = self._venue.conditional(request)
        # Noted before it goes out: the stream may tell of it before the answer comes.
        order = registry.note(client_id, request.symbol, conditional=conditional)
        call = self._venue.placing(request)
        outcome = await self._venue.wire.send(Act.PLACE, client_id, lane, call)
        if isinstance(outcome, Refused):
            order.live = False
        if isinstance(outcome, Placed):
            order.exchange_id = outcome.exchange_id
            order.live = not order.ended  # a list asked for meanwhile had it not yet
            if not conditional:
                registry.same(request.symbol, outcome.exchange_id, client_id)
        return outcome

    def _unsendable(self, request: OrderRequest) -> str:
        instrument = self._venue.symbols.instruments.get(request.symbol)
        if not self.prepared or instrument is None:
            return f"{request.symbol} is not prepared for trading here"
        now_ms = self._plan.now_ms()
        return unsendable(
            request, self._row, instrument, now_ms
        ) or self._venue.unwritable(request, instrument)

    async def cancel(self, symbol: str, client_id: str) -> Outcome:
        """Ask for a cancel: Placed if taken, Refused if there is no such live order.

        The exchange must be told which kind of order it is; of one that this process
        has not met, that is asked before.
        """
        registry, venue = self._venue.registry, self._venue
        if client_id not in registry.orders and venue.apart:
            try:
                with in_lane(Lane.CANCEL):
                    self._heard(await _read(venue.order(symbol, client_id)))
            except ExchangeError as error:
                return Unknown(f"not sent: its kind is not known: {error}")
        known = registry.orders.get(client_id)
        conditional = known is not None and known.conditional
        call = venue.cancelling(symbol, client_id, conditional=conditional)
        return await venue.wire.send(Act.CANCEL, client_id, Lane.CANCEL, call)

    # --- questions --------------------------------------------------------------------

    async def fetch_order(self, symbol: str, client_id: str) -> OrderUpdate | None:
        """Ask for the word on one order; None: the exchange says there is none such."""
        return self._heard(await _asked(self._venue.order(symbol, client_id)))

    def _heard(self, update: OrderUpdate | None) -> OrderUpdate | None:
        if update is not None:
            self._venue.registry.heard(update)
        return update

    async def fetch_open_orders(self) -> tuple[OpenOrder, ...]:
        """Ask for all resting orders of the account, ours or not."""
        return await _asked(self._venue.open_orders())

    async def fetch_positions(self) -> tuple[ExchangePosition, ...]:
        """Ask for all non-zero positions of the account."""
        return await _asked(self._money.positions())

    async def fetch_fills(self, since_ms: int) -> tuple[Fill, ...]:
        """Ask for all fills at or after `since_ms`, oldest first."""
        now_ms = self._plan.now_ms()
        return await _asked(self._venue.fills(since_ms, now_ms))

    async def fetch_balance(self) -> Decimal:
        """Ask for the money without unrealised results, in quote currency."""
        return (await _asked(self._money.money()))[0]

    async def fetch_equity(self) -> Decimal:
        """Ask for balance plus unrealised result, in quote currency."""
        return (await _asked(self._money.money()))[1]

    async def fetch_time(self) -> int:
        """Ask for the exchange's own clock, ms since 1970 UTC."""
        return await _asked(self._venue.time())


def _lane(request: OrderRequest) -> Lane:
    if not request.reduce_only:
        return Lane.ENTRY
    return Lane.PROTECT if request.kind is OrderKind.STOP_MARKET else Lane.EXIT


async def _asked(answer: Awaitable[T]) -> T:
    """Ask in the lane of questions. Raises ExchangeError."""
    with in_lane(Lane.RECONCILE):
        return await _read(answer)


async def _read(answer: Awaitable[T]) -> T:
    """Have an answer read. Raises ExchangeError when it is not what it should be."""
    try:
        return await answer
    except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        msg = f"an answer cannot be read: {type(error).__name__} {error}"
        raise ExchangeError(msg) from error
