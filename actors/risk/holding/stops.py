"""Which stops a position has: standing, on their way, or lost."""

from decimal import Decimal

from actors.domain.ledger import Position
from actors.domain.orders import OrderState
from actors.risk.account.desk import Desk
from actors.risk.holding.unprotected import confirmed
from actors.risk.orders.orders import STANDING, UNSEEN
from actors.risk.orders.records import OrderRecord

#: Stops of one position on their way at once: exchanges count them.
ON_THEIR_WAY_MAX = 2


class Stops:
    """Looks at the stops of a position; it asks for none."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def of(self, position: Position) -> list[OrderRecord]:
        """List the live stops, newest first."""
        orders = reversed(self._desk.book.orders_of(position))
        return [order for order in orders if order.purpose == "stop"]

    def locks(self, position: Position) -> bool:
        """Whether a live stop may lock what is held; not one in doubt, nor found."""
        missing = self._desk.state.not_found
        return any(
            order.state is not OrderState.UNKNOWN or order.client_id not in missing
            for order in self.of(position)
        )

    def must_wait(self, position: Position) -> bool:
        """Whether enough is on its way: one stop more would be replaced at once.

        Of the pieces that fill in one moment the first gets its stop, the last one the
        stop for all of them; those between wait for either.
        """
        coming = [
            order
            for order in self.of(position)
            if not (confirmed(order) or order.cancel_wanted or self._lost(order))
        ]
        moment = any(o.created_ms == self._desk.now_ms for o in coming)
        more = moment and bool(self._desk.book.entry_of(position))
        return more or len(coming) >= ON_THEIR_WAY_MAX

    def _lost(self, order: OrderRecord) -> bool:
        """Whether a stop was not found and is too old for the exchange to take it."""
        late_ms = order.created_ms + self._desk.ports.exchange.capabilities.deadline_ms
        not_found = order.client_id in self._desk.state.not_found
        return not_found and self._desk.now_ms > late_ms

    def fits(self, order: OrderRecord, price: Decimal, quantity: Decimal) -> bool:
        """Whether a stop stands, or may be on its way, where it should and for all.

        One for more than is held only reduces; not so where stops lock, as on spot:
        there it would sell a person's own coins.
        """
        lost = order.client_id in self._desk.state.not_found
        coming = order.state in UNSEEN and not lost
        exact = not self._desk.ports.exchange.capabilities.stops_overlap
        over = exact and order.unfilled > quantity
        return (
            (order.state in STANDING or coming)
            and order.request.stop_price == price
            and order.unfilled >= quantity
            and not over
        )
