"""The orders that take a position off: take-profits, the close, and the end as dust.

Where stops may not overlap, as on spot, a resting stop locks what it protects: nothing
else can rest beside it, and a close is sent once the stop has gone (`free`).
"""

from decimal import Decimal

import msgspec

from actors.domain import exits
from actors.domain.ledger import Position
from actors.domain.money import ZERO
from actors.domain.orders import OrderKind, OrderRequest, OrderState
from actors.risk.account.desk import Desk
from actors.risk.orders.orders import OrderBook
from actors.risk.orders.records import Effort, OrderRecord

#: The purpose of a limit order by which a person closes; it rests until it fills.
LIMIT_CLOSE = "limit_close"
#: Orders with these purposes close a position, whole or in part, by somebody's wish.
CLOSES = frozenset({"close", LIMIT_CLOSE})
#: So begins the purpose of a take-profit; its number follows.
TARGET = "target_"


class Closing:
    """Sends what closes a position, whole or in parts; all of it is reduce-only."""

    def __init__(self, desk: Desk, orders: OrderBook) -> None:
        self._desk = desk
        self._orders = orders

    def plan(
        self, position: Position, request: OrderRequest, purpose: str, reason: str
    ) -> OrderRecord:
        """Plan one reducing order; none is for more than what is held."""
        assert request.reduce_only, f"{purpose} must only reduce"
        assert request.quantity <= max(position.open, position.over), purpose
        return self._orders.plan(
            request, correlation=position.correlation, purpose=purpose, reason=reason
        )

    @property
    def overlap(self) -> bool:
        """Whether a reducing order may rest beside the stop."""
        return self._desk.ports.exchange.capabilities.stops_overlap

    async def free(self, position: Position) -> bool:
        """Whether nothing locks what a close is to sell; what does is cancelled.

        One in doubt is not waited for: if it has arrived, the close is refused.
        """
        if self.overlap:
            return True
        await self.cancel_all(position)
        live = self._desk.book.orders_of(position)
        return all(order.state is OrderState.UNKNOWN for order in live)

    def under_way(self, position: Position) -> bool:
        """Whether a close is in flight."""
        return bool(self.closes(position))

    def uncovered(self, position: Position) -> Decimal:
        """Give what the closes in flight leave to protect, as an order can be for it.

        One in doubt may never have arrived: it is waited for, not relied on. And an
        entry may fill on after its first piece is being closed. Where stops lock, a
        close locks what it sells until it has ended: a stop is for the rest.
        """
        known = [o for o in self.closes(position) if o.state is not OrderState.UNKNOWN]
        sure = [o.unfilled for o in known if not (self.overlap and o.cancel_wanted)]
        instrument = self._desk.state.instruments[position.symbol]
        return exits.orderable(position.open - sum(sure, ZERO), instrument)

    def closes(self, position: Position) -> list[OrderRecord]:
        """List what closes a position at market, all or a part, and has not ended."""
        orders = self._desk.book.orders_of(position)
        return [order for order in orders if order.request.kind is OrderKind.MARKET]

    async def send(self, position: Position, reason: str) -> OrderRecord | None:
        """Close at market; None: no order can be for so little."""
        instrument = self._desk.state.instruments[position.symbol]
        side = position.side if position.over else position.side.opposite
        whole = max(position.open, position.over)
        quantity = exits.orderable(self._piece(position, whole), instrument)
        if not quantity:
            return None
        request = OrderRequest(
            client_id="",
            symbol=position.symbol,
            side=side,
            kind=OrderKind.MARKET,
            quantity=quantity,
            reduce_only=True,
        )
        return await self._orders.send(self.plan(position, request, "close", reason))

    def tell_refused(self, position: Position, refused: OrderRecord) -> None:
        """Tell people what will not be closed now, and what becomes of it."""
        then = "it is not tried again"
        if position.close_wanted:
            then = "it is tried again"
        elif refused.purpose.startswith(TARGET):
            then = "a bar that has reached it takes it at market"
        self._desk.alert(
            "error",
            "exchange",
            f"{refused.purpose} of {refused.request.quantity} was refused: "
            f"{refused.outcome}",
            f"a stop stands or is placed; {then}",
            position.symbol,
        )

    async def part(
        self, position: Position, quantity: Decimal, limit: Decimal | None, reason: str
    ) -> OrderRecord:
        """Close a part: at market, or by a limit order that rests.

        One that rests is no close under way: the stop goes on covering all that is
        held, and nothing waits for it.
        """
        request = OrderRequest(
            client_id="",
            symbol=position.symbol,
            side=position.side.opposite,
            kind=OrderKind.MARKET if limit is None else OrderKind.LIMIT,
            quantity=quantity,
            limit_price=limit,
            reduce_only=True,
        )
        purpose = "close" if limit is None else LIMIT_CLOSE
        purpose = reason if reason.startswith(TARGET) else purpose
        return await self._orders.send(self.plan(position, request, purpose, reason))

    def being_closed(self, position: Position) -> list[OrderRecord]:
        """List what closes a position now, or may at its limit."""
        return [
            order
            for order in self._desk.book.orders_of(position)
            if order.purpose in CLOSES and not order.cancel_wanted
        ]

    def waits(self, position: Position) -> bool:
        """Whether the kill switch lets some time pass after a close that failed."""
        return self._desk.now_ms < self._effort(position).not_before_ms

    def _effort(self, position: Position) -> Effort:
        kill = self._desk.book.kill
        efforts = {} if kill is None else kill.efforts
        return efforts.get(position.symbol, Effort())

    def _piece(self, position: Position, whole: Decimal) -> Decimal:
        """Ask for no more at once than the exchange takes, and leave no dust."""
        piece = self._effort(position).piece
        if piece is None or piece >= whole:
            return whole
        instrument = self._desk.state.instruments[position.symbol]
        return piece if exits.orderable(whole - piece, instrument) else whole

    async def take_profits(self, position: Position) -> None:
        """Set out the take-profit ladder for the entry's final size.

        What cannot rest beside the stop is taken by the bar, see `Watching`.
        """
        if not self.overlap:
            return
        await self.cancel_targets(position)  # of a smaller entry, before
        legs = enumerate(self._legs(position, position.targets), start=1)
        await self._lay(position, [(f"{TARGET}{n}", *leg) for n, leg in legs])

    async def shrink_targets(self, position: Position, before: Decimal) -> None:
        """Give each take-profit its share of what is left of `before`."""
        names: dict[Decimal, str] = {}
        ladder = []
        for order in self.targets(position):
            price = order.request.limit_price
            if not order.cancel_wanted and price is not None:
                names[price] = order.purpose
                ladder.append((price, order.unfilled / before))
        ladder.sort(key=lambda leg: leg[0] * position.side.sign)  # nearest first
        await self.cancel_targets(position)
        legs = self._legs(position, tuple(ladder))
        await self._lay(position, [(names[price], price, size) for price, size in legs])

    def _legs(
        self, position: Position, targets: tuple[tuple[Decimal, Decimal], ...]
    ) -> tuple[tuple[Decimal, Decimal], ...]:
        """Give targets, (price, fraction of what is held), sizes that are legal."""
        instrument = self._desk.state.instruments[position.symbol]
        return exits.legs(position.open, targets, instrument, position.stop)

    async def _lay(
        self, position: Position, legs: list[tuple[str, Decimal, Decimal]]
    ) -> None:
        """Send take-profits: purpose, price, quantity."""
        planned = []
        for purpose, price, quantity in legs:
            request = OrderRequest(
                client_id="",
                symbol=position.symbol,
                side=position.side.opposite,
                kind=OrderKind.LIMIT,
                quantity=quantity,
                limit_price=price,
                reduce_only=True,
            )
            planned.append(self.plan(position, request, purpose, "take profit"))
        for sent in await self._orders.send_all(planned) if planned else ():
            if sent.state is OrderState.REFUSED:
                self.tell_refused(position, sent)

    def targets(self, position: Position) -> list[OrderRecord]:
        """List the take-profits that rest, or may."""
        return [o for o in self._desk.book.orders_of(position) if _is_target(o)]

    async def cancel_targets(self, position: Position) -> None:
        """Take the ladder away."""
        await self._cancel(self.targets(position))

    async def make_way(self, position: Position) -> None:
        """Let nothing else close it, nor add to it: it is closed at market."""
        orders = self._desk.book.orders_of(position)
        limits = [order for order in orders if order.purpose == LIMIT_CLOSE]
        entry = self._desk.book.entry_of(position)
        await self._cancel([*self.targets(position), *limits, *entry])

    async def cancel_all(self, position: Position) -> None:
        """Cancel whatever still protects or closes a position."""
        await self._cancel(self._desk.book.orders_of(position))

    async def cancel_entry(self, position: Position) -> None:
        """Let what is left of the entry not fill any more."""
        await self._cancel(self._desk.book.entry_of(position))

    async def _cancel(self, orders: list[OrderRecord]) -> None:
        await self._orders.cancel(*(o for o in orders if not o.cancel_wanted))

    async def is_dust(self, position: Position) -> bool:
        """Whether nothing will ever trade what is left, nor any live order of ours.

        A stop that stands from when there was more may still close the rest, so it is
        left alone, unless a close is wanted: then what is left is let go.
        """
        book = self._desk.book
        instrument = self._desk.state.instruments[position.symbol]
        if not position.open or book.entry_of(position):
            return False
        orderable = bool(exits.orderable(position.open, instrument))
        if orderable and not self.hopeless(position):
            return False
        live = book.orders_of(position)
        if live and (position.close_wanted or position.open < instrument.lot_size):
            await self.cancel_all(position)
            live = book.orders_of(position)
        return not live

    def hopeless(self, position: Position) -> bool:
        """Whether the exchange will not close what is below its least notional."""
        instrument = self._desk.state.instruments[position.symbol]
        whole = exits.orderable(position.open, instrument)
        enough = exits.tradable(whole, position.mark, instrument)
        if enough or not position.close_wanted:
            return False
        return any(
            order.correlation == position.correlation
            and order.purpose == "close"
            and order.state is OrderState.REFUSED
            and order.request.quantity <= position.open
            for order in self._desk.book.ended.values()
        )

    def want(self, position: Position, reason: str) -> Position:
        """Keep why a position is being closed, until it is: a restart goes on."""
        if position.close_wanted:
            return position
        wanted = msgspec.structs.replace(position, close_wanted=reason)
        self._desk.store(wanted)
        return wanted


def _is_target(order: OrderRecord) -> bool:
    resting = order.request.kind is OrderKind.LIMIT
    return resting and order.purpose.startswith(TARGET)
