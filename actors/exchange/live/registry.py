"""What this port knows of its orders: their kind, whether they live, their ids there.

An exchange tells fills by its own order id, and a conditional order's fills by the id
of the order that it became. Here both lead to the client id that we gave. The engine's
books know more; nothing here is needed to survive, all of it can be asked for again.
"""

from collections.abc import Callable, Iterable, Iterator

from actors.domain.errors import ExchangeError
from actors.domain.ids import is_order
from actors.domain.orders import Fill, OpenOrder, OrderKind, OrderState, OrderUpdate

ENDED = frozenset({OrderState.FILLED, OrderState.CANCELLED})
ORDERS_MAX, IDS_MAX = 2_000, 20_000
#: So young an order that only reduces may be what a stop has become, of its hour there.
STRANGE_MS = 5_000


class Order:
    """One order."""

    __slots__ = ("conditional", "ended", "exchange_id", "live", "symbol")

    def __init__(self, symbol: str, *, conditional: bool) -> None:
        self.symbol, self.conditional, self.live = symbol, conditional, True
        self.exchange_id = ""
        self.ended = False  # the exchange has said so


class Registry:
    """The orders of one account, as far as this port has met them."""

    def __init__(
        self,
        now_ms: Callable[[], int],
        touched: Callable[[], frozenset[str]] = frozenset,
    ) -> None:
        self.now_ms, self._on_the_books = now_ms, touched
        self.orders: dict[str, Order] = {}
        self.held: frozenset[str] = frozenset()
        #: When something last happened in a symbol, so far as it was noticed here.
        self._touched_ms: dict[str, int] = {}
        self._traded = set[str]()  # since the last look at positions
        self._ids: dict[tuple[str, str], str] = {}

    def note(self, client_id: str, symbol: str, *, conditional: bool) -> Order:
        """Learn of an order."""
        order = self.orders.get(client_id)
        if order is None:
            order = self.orders[client_id] = Order(symbol, conditional=conditional)
            self._trim()
            self._touch(symbol)
        return order

    def rests(self, one: OpenOrder, *, conditional: bool) -> None:
        """Learn of an order that the exchange shows among those that rest."""
        request = one.request
        ours, at_market = is_order(request.client_id), request.kind is OrderKind.MARKET
        if at_market and request.reduce_only and not ours:
            return  # a stop of ours may have become it: whoever needs its name asks
        order = self.note(request.client_id, request.symbol, conditional=conditional)
        order.exchange_id = one.exchange_id
        if not conditional:
            self.same(request.symbol, one.exchange_id, request.client_id)

    def standing(self, before: Iterable[str], found: Iterable[str]) -> None:
        """Learn which orders rest; `before`: those known when it was asked."""
        resting = set(found)
        for name in before:
            order, rests = self.orders.get(name), name in resting
            if order is None:
                continue
            if order.live and not rests:  # it may have filled
                self._touch(order.symbol)
            order.live = rests

    def same(self, symbol: str, exchange_id: str, client_id: str) -> None:
        """Learn under which id the exchange has an order.

        What a stop of ours became may bear a name of its own, which does not count.
        """
        known = self.name_of(symbol, exchange_id) or ""
        if is_order(known) and not is_order(client_id):
            return
        self._ids[symbol, exchange_id] = client_id
        while len(self._ids) > IDS_MAX:
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

    def waiting(self, symbol: str) -> set[str]:
        """Give the conditional orders of a symbol that are not known to have ended."""
        return {n for n in self.conditionals(symbol) if not self.orders[n].ended}

    def doubt(self, name: str, made_ms: int, waiting: Iterable[str]) -> None:
        """Take no order for a stranger's that a stop of ours may just have become.

        The list of conditional orders says so a moment after the fills are listed. A
        person's own order is told late for it. Raises ExchangeError.
        """
        ours, young = filter(is_order, waiting), self.now_ms() - made_ms < STRANGE_MS
        stops = ", ".join(sorted(ours))
        if young and stops and not is_order(name):
            msg = f"order {name} is a stranger's, or what one of {stops} has become"
            raise ExchangeError(msg)

    def heard(self, update: Fill | OrderUpdate) -> None:
        """Learn from what is told to the engine."""
        if isinstance(update, Fill):
            self._traded.add(update.symbol)
            self._touch(update.symbol)
            return
        order = self.orders.get(update.client_id)
        if order is not None and update.state in ENDED:
            order.ended, order.live = True, False
            self._touch(order.symbol)

    def holds(self, symbols: frozenset[str]) -> None:
        """Learn in which symbols there are positions."""
        for gone in self.held - symbols:
            self._touch(gone)
        self.held = symbols
        self._traded.clear()

    def active(self) -> frozenset[str]:
        """Give the symbols with live orders or a position, or one that just traded."""
        ordered = {one.symbol for one in self.orders.values() if one.live}
        return self.held.union(ordered, self._traded)

    def to_ask(self, since_ms: int) -> frozenset[str]:
        """Give the symbols whose fills since then must be asked for."""
        recent = {s for s, at_ms in self._touched_ms.items() if at_ms >= since_ms}
        return self.active().union(recent, self._on_the_books())

    def _touch(self, symbol: str) -> None:
        self._touched_ms[symbol] = self.now_ms()

    def _trim(self) -> None:
        """Forget the oldest order that has ended, when there are too many."""
        if len(self.orders) > ORDERS_MAX:
            ended = (name for name, one in self.orders.items() if not one.live)
            self.orders.pop(next(ended, ""), None)
