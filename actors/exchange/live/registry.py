"""What this port knows of its orders: their kind, whether they live, their ids there.

An exchange tells fills by its own order id, and a conditional order's fills by the id
of the order that it became. Here both lead to the client id that we gave. The engine's
books know more; nothing here is needed to survive, all of it can be asked for again.
"""

from collections.abc import Iterable, Iterator

from actors.domain.orders import Fill, OrderState, OrderUpdate

ENDED = frozenset({OrderState.FILLED, OrderState.CANCELLED})
ORDERS_MAX = 20_000


class Order:
    """One order."""

    __slots__ = ("conditional", "exchange_id", "live", "symbol")

    def __init__(self, symbol: str, *, conditional: bool) -> None:
        self.symbol, self.conditional, self.live = symbol, conditional, True
        self.exchange_id = ""


class Registry:
    """The orders of one account, as far as this port has met them."""

    def __init__(self, touched: Iterable[str] = ()) -> None:
        self.orders: dict[str, Order] = {}
        self.held: frozenset[str] = frozenset()
        #: Symbols that traded, and when last; forgotten at the next look at positions.
        self.traded_ms: dict[str, int] = {}
        self._traded = set(touched)
        self._ids: dict[tuple[str, str], str] = {}

    def note(self, client_id: str, symbol: str, *, conditional: bool) -> Order:
        """Learn of an order."""
        order = self.orders.get(client_id)
        if order is None:
            order = self.orders[client_id] = Order(symbol, conditional=conditional)
            self._trim()
        return order

    def standing(self, before: Iterable[str], found: Iterable[str]) -> None:
        """Learn which orders rest; `before`: those known when it was asked."""
        resting = set(found)
        for name in before:
            self.orders[name].live = name in resting

    def same(self, symbol: str, exchange_id: str, client_id: str) -> None:
        """Learn under which id the exchange has an order."""
        self._ids[symbol, exchange_id] = client_id
        while len(self._ids) > ORDERS_MAX:
            del self._ids[next(iter(self._ids))]

    def name_of(self, symbol: str, exchange_id: str) -> str | None:
        """Give the client id of an order of the exchange's."""
        return self._ids.get((symbol, exchange_id))

    def conditionals(self, symbol: str) -> Iterator[str]:
        """Go through the conditional orders of a symbol that were met."""
        return (
            name
            for name, one in self.orders.items()
            if one.symbol == symbol and one.conditional
        )

    def heard(self, update: Fill | OrderUpdate) -> None:
        """Learn from what is told to the engine."""
        if isinstance(update, Fill):
            self._traded.add(update.symbol)
            latest = max(update.ts_ms, self.traded_ms.get(update.symbol, 0))
            self.traded_ms[update.symbol] = latest
            return
        order = self.orders.get(update.client_id)
        if order is not None and update.state in ENDED:
            order.live = False

    def holds(self, symbols: frozenset[str]) -> None:
        """Learn in which symbols there are positions."""
        self.held = symbols
        self._traded.clear()

    def active(self) -> frozenset[str]:
        """Give the symbols with live orders or a position, or one that just traded."""
        ordered = {one.symbol for one in self.orders.values() if one.live}
        return self.held.union(ordered, self._traded)

    def to_ask(self, since_ms: int) -> frozenset[str]:
        """Give the symbols whose fills since then must be asked for."""
        recent = {s for s, at_ms in self.traded_ms.items() if at_ms >= since_ms}
        return self.active() | recent

    def _trim(self) -> None:
        """Forget the oldest order that has ended, when there are too many."""
        if len(self.orders) > ORDERS_MAX:
            ended = (name for name, one in self.orders.items() if not one.live)
            self.orders.pop(next(ended, ""), None)
