"""What the real account holds and has resting, as far as anybody told us.

It is kept apart from the comparison: the feed asks it whose bars the risk actor must
see, and that answer may not depend on the health of a shadow. It learns from the
orders that pass by, from every update, and from the answers to the engine's fetches;
it asks for nothing itself.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal

import msgspec

from actors.domain.money import ZERO
from actors.domain.orders import (
    ExchangePosition,
    Fill,
    OpenOrder,
    OrderRequest,
    OrderState,
    OrderUpdate,
)

IDS_KEPT = 10_000  # what is told again is told soon
ENDED = frozenset({OrderState.FILLED, OrderState.CANCELLED})


class Standing(msgspec.Struct):
    """A live order: what it filled, and what its last word says that it filled."""

    symbol: str
    quantity: Decimal | None  # None: somebody else's, or of a life before
    filled: Decimal = ZERO
    told: Decimal | None = None  # by its last word; None: it has not ended

    @property
    def over(self) -> bool:
        """Whether it has ended and all its fills were told."""
        if self.quantity is not None and self.filled >= self.quantity:
            return True
        if self.told is None:
            return False
        return self.quantity is None or self.filled >= self.told


class RealSide:
    """Positions and live orders of the real account."""

    def __init__(self, lots: Mapping[str, Decimal]) -> None:
        """Know of these; what the account holds of others is not this engine's.

        `lots`: by symbol; what is less than a lot is told, and is no position.
        """
        self._lots = lots
        self.positions: dict[str, Decimal] = {}  # signed, none is zero
        self.orders: dict[str, Standing] = {}
        self.moves = 0  # counts the fills: an answer that was overtaken is not taken
        self._trade_ids: dict[str, None] = {}
        self._over: dict[str, None] = {}  # client ids: an old word revives none

    def held(self) -> frozenset[str]:
        """Return the symbols with a position."""
        return frozenset(
            symbol
            for symbol, quantity in self.positions.items()
            if abs(quantity) >= self._lots[symbol]
        )

    def active(self) -> frozenset[str]:
        """Return the symbols with a position or a live order."""
        return self.held().union(one.symbol for one in self.orders.values())

    def flat(self, symbol: str) -> bool:
        """Whether nothing is held of a symbol and no order of it lives."""
        return symbol not in self.active()

    def sending(self, request: OrderRequest) -> None:
        """Count an order as live from before it is sent."""
        self.orders[request.client_id] = Standing(request.symbol, request.quantity)

    def forget(self, client_id: str) -> None:
        """Count an order as none: it was refused, or nobody ever heard of it."""
        self.orders.pop(client_id, None)

    def fill(self, fill: Fill) -> bool:
        """Take a fill; False: it was told before."""
        if fill.trade_id in self._trade_ids:
            return False
        _keep(self._trade_ids, fill.trade_id)
        self.moves += 1
        signed = fill.side.sign * fill.moved
        self._hold(fill.symbol, self.positions.get(fill.symbol, ZERO) + signed)
        if standing := self.orders.get(fill.client_id):
            standing.filled += fill.quantity
            self._drop_if_over(fill.client_id, standing)
        return True

    def word(self, update: OrderUpdate) -> None:
        """Take the exchange's word on an order."""
        standing = self.orders.get(update.client_id)
        if update.state in ENDED:
            if standing is not None:
                standing.told = update.filled_quantity
                self._drop_if_over(update.client_id, standing)
        elif standing is None:
            self._sighted(update.client_id, update.symbol)

    def _drop_if_over(self, client_id: str, standing: Standing) -> None:
        if standing.over:
            del self.orders[client_id]
            _keep(self._over, client_id)

    def _hold(self, symbol: str, quantity: Decimal) -> None:
        if quantity == ZERO or symbol not in self._lots:
            self.positions.pop(symbol, None)
        else:
            self.positions[symbol] = quantity

    def fetched_orders(self, found: Sequence[OpenOrder]) -> None:
        """Take an answer to what rests; of our own orders we wait for the last word."""
        resting = {order.request.client_id: order.request.symbol for order in found}
        for client_id, standing in tuple(self.orders.items()):
            if standing.quantity is None and client_id not in resting:
                del self.orders[client_id]
        for client_id, symbol in resting.items():
            if client_id not in self.orders:
                self._sighted(client_id, symbol)

    def _sighted(self, client_id: str, symbol: str) -> None:
        """Count an order as live that we did not send, unless it is known as over."""
        if symbol in self._lots and client_id not in self._over:
            self.orders[client_id] = Standing(symbol, None)

    def fetched_positions(
        self, found: Sequence[ExchangePosition], moves: int
    ) -> frozenset[str]:
        """Take an answer to what is held; return the symbols of which it is news.

        `moves`: the count when it was asked for. While an order of ours lives, its
        fills may be in the answer before they are told: they are waited for.
        """
        if moves != self.moves:
            return frozenset()
        said = {one.symbol: one.quantity for one in found}
        ours = {o.symbol for o in self.orders.values() if o.quantity is not None}
        news = {
            symbol
            for symbol in said.keys() | self.positions.keys()
            if symbol not in ours
            and said.get(symbol, ZERO) != self.positions.get(symbol, ZERO)
        }
        for symbol in news:
            self._hold(symbol, said.get(symbol, ZERO))
        return frozenset(news)


def _keep(ids: dict[str, None], one: str) -> None:
    """Remember an id, and of all of them the newest."""
    ids[one] = None
    if len(ids) > IDS_KEPT:
        del ids[next(iter(ids))]
