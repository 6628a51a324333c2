"""The orders around a position: its stop, its take-profits, its close.

The rule: a position has a reduce-only stop at the exchange for all of its size, or it
is being closed. A new stop is placed before the old one is dropped, so that a refused
replacement leaves the old one standing.
"""

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from actors.domain import exits, ledger
from actors.domain.crash_points import CrashPoint
from actors.domain.ledger import Position
from actors.domain.messages import PositionView
from actors.domain.money import ZERO
from actors.domain.orders import OrderKind, OrderRequest, OrderState
from actors.journal import Kind
from actors.risk.desk import Desk
from actors.risk.orders import STANDING, OrderBook
from actors.risk.records import OrderRecord
from actors.runtime.crash import reached


class Protection:
    """Keeps the exchange's orders in step with what a position needs."""

    def __init__(self, desk: Desk, orders: OrderBook) -> None:
        self._desk = desk
        self._orders = orders

    async def protect(self, position: Position) -> None:
        """Place a stop for all that is held, then drop the one it replaces."""
        old = self._stops(position)
        request = OrderRequest(
            client_id="",
            symbol=position.symbol,
            side=position.side.opposite,
            kind=OrderKind.STOP_MARKET,
            quantity=position.open,
            stop_price=position.stop,
            reduce_only=True,
        )
        planned = self._plan(position, request, "stop", "protective stop")
        sent = await self._orders.send(planned)
        if sent.state is OrderState.REFUSED:
            await self._stop_refused(position, sent, old)
            return
        reached(CrashPoint.STOP_REPLACED)
        for record in old:
            await self._orders.cancel(record)

    async def _stop_refused(
        self, position: Position, refused: OrderRecord, old: list[OrderRecord]
    ) -> None:
        """Fall back on an old stop that holds all that is held, or close."""
        whole = [o for o in old if o.request.quantity - o.filled >= position.open]
        self._desk.alert(
            "error",
            "exchange",
            f"stop at {position.stop} was refused: {refused.outcome}",
            "the old stop stays" if whole else "the position is closed at market",
            position.symbol,
        )
        if not whole:
            await self.close(position, "stop_refused")
            return
        standing = whole[-1].request.stop_price
        assert standing is not None, "a stop has its price"
        if standing != position.stop:  # the book says what stands at the exchange
            self.store(msgspec.structs.replace(position, stop=standing))

    def _stops(self, position: Position) -> list[OrderRecord]:
        return [o for o in self.orders_of(position) if o.purpose == "stop"]

    def orders_of(self, position: Position) -> list[OrderRecord]:
        """List the live orders that protect or close a position."""
        return [
            order
            for order in self._desk.book.orders.values()
            if order.correlation == position.correlation and order.purpose != "entry"
        ]

    async def ended_order(self, record: OrderRecord) -> None:
        """React to the end of an order that protected or closed a position."""
        position = self._desk.book.positions.get(record.request.symbol)
        if position is None or position.correlation != record.correlation:
            return
        if record.state in {OrderState.CANCELLED, OrderState.REFUSED}:
            await self._protect_if_bare(position)

    async def restore(self) -> None:
        """Protect what a crash left without a stop."""
        for position in list(self._desk.book.positions.values()):
            await self._protect_if_bare(position)

    async def _protect_if_bare(self, position: Position) -> None:
        if position.symbol in self._desk.state.not_held:
            return  # a stop would be cancelled at once, without end
        if not self._closing(position) and not self._stops(position):
            await self.protect(position)

    def _closing(self, position: Position) -> bool:
        return any(order.purpose == "close" for order in self.orders_of(position))

    async def _cancel_targets(self, position: Position) -> None:
        for record in self.orders_of(position):
            if record.purpose.startswith("target"):
                await self._orders.cancel(record)

    async def cancel_entry(self, position: Position) -> None:
        """Let what is left of the entry not fill any more."""
        for record in list(self._desk.book.orders.values()):
            entry = record.purpose == "entry"
            if entry and record.correlation == position.correlation:
                await self._orders.cancel(record)

    async def take_profits(self, position: Position) -> None:
        """Set out the take-profit ladder for the entry's final size."""
        await self._cancel_targets(position)  # of a smaller entry, before
        instrument = self._desk.state.instruments[position.symbol]
        ladder = exits.legs(
            position.open,
            position.targets,
            instrument.lot_size,
            instrument.quantity_min,
            instrument.notional_min,
        )
        planned = []
        for number, (price, quantity) in enumerate(ladder, start=1):
            request = OrderRequest(
                client_id="",
                symbol=position.symbol,
                side=position.side.opposite,
                kind=OrderKind.LIMIT,
                quantity=quantity,
                limit_price=price,
                reduce_only=True,
            )
            purpose = f"target_{number}"
            planned.append(self._plan(position, request, purpose, "take profit"))
        if planned:
            await self._orders.send_all(planned)

    async def move_stop(self, position: Position, stop: Decimal) -> None:
        """Move a stop in the position's favour; it never moves the other way."""
        desk = self._desk
        better = (stop - position.stop) * position.side.sign > ZERO
        assert better, f"stop {position.stop} -> {stop} would loosen"
        rules = desk.preset.position_config
        moved = ledger.move(
            msgspec.structs.replace(position, stop=stop),
            exits.phase_after_stop_move(position, rules),
        )
        self.store(moved)
        change = {
            "position_id": position.id,
            "old_sl": position.stop,
            "new_sl": stop,
        }
        desk.publish("positions", "STOP_MOVED", change)
        await self.protect(moved)

    async def close(self, position: Position, reason: str) -> None:
        """Close at market, reduce-only; the stop stays until the close has filled."""
        if self._closing(position):
            return
        await self._cancel_targets(position)
        await self.cancel_entry(position)
        request = OrderRequest(
            client_id="",
            symbol=position.symbol,
            side=position.side.opposite,
            kind=OrderKind.MARKET,
            quantity=position.open,
            reduce_only=True,
        )
        planned = self._plan(position, request, "close", reason)
        sent = await self._orders.send(planned)
        if sent.state is OrderState.REFUSED:
            self._desk.alert(
                "error",
                "exchange",
                f"close of {position.open} was refused: {sent.outcome}",
                "the stop stays; the next bar tries again",
                position.symbol,
            )

    def _plan(
        self, position: Position, request: OrderRequest, purpose: str, reason: str
    ) -> OrderRecord:
        return self._orders.plan(
            request, correlation=position.correlation, purpose=purpose, reason=reason
        )

    def store(self, position: Position) -> None:
        """Replace a position's record, and journal it."""
        self._desk.record(
            Kind.POSITION, position, position.symbol, position.correlation
        )

    def view(self, position: Position) -> PositionView:
        """Show a position to the world."""
        return ledger.view(
            position,
            self._desk.state.mode,
            stop_confirmed=stop_confirmed(position, self._desk.book.orders),
        )


def stop_confirmed(position: Position, orders: Mapping[str, OrderRecord]) -> bool:
    """Whether the exchange has confirmed a stop for all of the position."""
    return any(
        order.purpose == "stop"
        and order.correlation == position.correlation
        and order.state in STANDING
        and order.unfilled >= position.open
        for order in orders.values()
    )
