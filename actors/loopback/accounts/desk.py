"""A venue's order desk for the one account: takes, matches, fills and cancels orders.

Nothing here waits: an order is judged, traded and told of in one go, at one moment of
the market. What may go wrong with the answer is the faults' business, not the desk's.
"""

from collections import deque
from collections.abc import Callable, Iterator
from decimal import Decimal

from actors.domain.money import ZERO
from actors.loopback.accounts.filters import ORDERS_MAX
from actors.loopback.accounts.futures import FuturesLedger
from actors.loopback.accounts.judge import judged
from actors.loopback.accounts.order import (
    CANCELED,
    EXPIRED,
    FILLED,
    PARTIAL,
    Fill,
    Order,
    Wish,
)
from actors.loopback.accounts.refusals import Refused, unknown_order
from actors.loopback.accounts.spot import SpotLedger
from actors.loopback.floor.maker import Trade
from actors.loopback.floor.pit import Pit, Venue

ENDED_MAX = 50_000  # ended orders that can still be asked for
FILLS_MAX = 200_000

#: Told of what happens to an order: NEW, TRIGGERED, TRADE, CANCELED or EXPIRED.
#: The fill is there with TRADE only.
Tell = Callable[[Order, str, Fill | None], None]


class Desk:
    """The orders and fills of the account on one venue."""

    def __init__(
        self,
        venue: Venue,
        ledger: SpotLedger | FuturesLedger,
        now: Callable[[], int],
        tell: Tell,
    ) -> None:
        self.venue, self.ledger = venue, ledger
        self._now, self._tell = now, tell
        self.orders: dict[int, Order] = {}
        self.open: dict[int, Order] = {}
        self.waiting: dict[str, list[Order]] = {}  # spot stops, by symbol
        self.fills: deque[tuple[Order, Fill]] = deque(maxlen=FILLS_MAX)
        self.forgotten = 0
        self.ended: Callable[[Order], None] = _nobody
        self._ended: deque[int] = deque()
        self._by_client: dict[tuple[str, str], Order] = {}
        self._next_id = 1_000_001 if venue is Venue.SPOT else 8_000_001

    def place(self, wish: Wish, *, born_as: str = "") -> Order:
        """Take an order and trade it. Raises Refused; then nothing has happened."""
        if not born_as:
            self._check_client_id(wish.client_id)
        order = judged(wish, self._next_id, self._now())
        order.born_as = born_as
        if len(self.open) >= ORDERS_MAX * 10:
            raise Refused(-2010, "Filter failure: MAX_NUM_ORDERS")
        if isinstance(self.ledger, FuturesLedger):
            self.ledger.check_side(wish)
            self.ledger.admit(order)
        else:
            self.ledger.reserve(order)
        self._next_id += 1
        if not order.client_id:
            order.client_id = f"auto-{order.id}"
        self.orders[order.id] = self.open[order.id] = order
        self._by_client[order.pit.id, order.client_id] = order
        self._tell(order, "NEW", None)
        if order.working:
            self._work(order)
        else:
            self.waiting.setdefault(order.pit.id, []).append(order)
        return order

    def cancel(self, order: Order, status: str = CANCELED) -> None:
        """End a live order. Raises Refused when it is none."""
        if not order.live:
            raise unknown_order()
        if not order.working:
            self.waiting[order.pit.id].remove(order)
        else:
            order.pit.book.withdraw(order, order.side, order.ticks)
        self._end(order, status)
        self._tell(order, status, None)

    def find(self, pit: Pit, order_id: int | None, client_id: str) -> Order | None:
        """Look an order up by either id."""
        if order_id is not None:
            found = self.orders.get(order_id)
            return found if found is not None and found.pit is pit else None
        return self._by_client.get((pit.id, client_id))

    def live(self, pit: Pit | None = None) -> list[Order]:
        """List the live orders, oldest first."""
        return [o for o in self.open.values() if pit is None or o.pit is pit]

    def of(self, pit: Pit) -> Iterator[Order]:
        """Go through every known order of a symbol, oldest first."""
        return (order for order in self.orders.values() if order.pit is pit)

    def triggered(self, pit: Pit) -> None:
        """Spot: put stops whose price was reached into the book."""
        for order in list(self.waiting.get(pit.id, ())):
            low, high = pit.span or (pit.tape.last, pit.tape.last)
            rising = (order.side > 0) is not order.kind.startswith("TAKE_PROFIT")
            if high >= order.stop_ticks if rising else low <= order.stop_ticks:
                self.waiting[pit.id].remove(order)
                order.working = True
                self._tell(order, "TRIGGERED", None)
                self._work(order)

    def filled(self, order: Order, trade: Trade, maker: bool) -> None:  # noqa: FBT001 - a callback of the pit
        """Count one trade of an order, once."""
        profit = ZERO
        if isinstance(self.ledger, FuturesLedger):
            fee, profit = self.ledger.fill(order, trade, maker=maker)
            asset = order.pit.instrument.quote
        else:
            fee, asset = self.ledger.fill(order, trade, maker=maker)
        order.filled += trade.lots
        order.value += trade.ticks * trade.lots
        assert order.filled <= order.lots, f"{order.client_id} is overfilled"
        order.updated_ms = trade.time_ms
        order.status = PARTIAL if order.left else FILLED
        fill = Fill(
            trade.id, trade.time_ms, trade.ticks, trade.lots, maker, fee, asset, profit
        )
        order.fills.append(fill)
        self.fills.append((order, fill))
        self._tell(order, "TRADE", fill)
        if not order.left:
            self._end(order, FILLED)
        self._trim(order)

    def _work(self, order: Order) -> None:
        """Trade an order against the book; what is left rests or expires."""
        pit = order.pit
        if order.quote:
            order.lots = self._affordable(order)
        limit = order.ticks or None

        def told(take: object) -> None:
            pit.printed(self._now(), order.side, take, self.filled, order)  # type: ignore[arg-type]

        left = pit.book.take(order.side, order.left, limit, told)
        if not left and order.filled:
            return
        if order.ticks and order.force in {"GTC", "GTX", "GTD"}:
            pit.book.rest(order, order.side, order.ticks, left)
            if isinstance(self.ledger, FuturesLedger):
                self.ledger.open_orders[order.id] = order
            return
        self._end(order, EXPIRED)
        self._tell(order, EXPIRED, None)

    def _affordable(self, order: Order) -> int:
        """Count the lots that so much money buys from the book as it stands."""
        grid, money, lots = order.pit.grid, order.quote, 0
        for ticks, total in order.pit.book.top(-order.side, 1_000):
            here = min(total, int(money / grid.value(ticks, 1)))
            lots += here
            money -= grid.value(ticks, here)
            if here < total:
                break
        return lots

    def _trim(self, order: Order) -> None:
        """Futures: no reduce-only order may be larger than what it can reduce."""
        ledger = self.ledger
        if not isinstance(ledger, FuturesLedger):
            return
        for other in [o for o in ledger.open_orders.values() if o.pit is order.pit]:
            if not ledger.reduces(other) or other is order:
                continue
            closable = ledger.closable(other.pit, other.side, other.position_side)
            surplus = other.left - closable
            if surplus <= 0:
                continue
            if not closable:
                self.cancel(other, EXPIRED)
                continue
            other.pit.book.cut(other, other.side, other.ticks, surplus)
            other.lots -= surplus

    def _check_client_id(self, client_id: str) -> None:
        if not client_id:
            return
        taken = any(o.client_id == client_id for o in self.open.values())
        if taken and self.venue is Venue.SPOT:
            raise Refused(-2010, "Duplicate order sent.")
        if taken:
            raise Refused(-4116, "ClientOrderId is duplicated.")

    def _end(self, order: Order, status: str) -> None:
        order.status = status
        order.updated_ms = self._now()
        self.open.pop(order.id, None)
        if isinstance(self.ledger, FuturesLedger):
            self.ledger.open_orders.pop(order.id, None)
        else:
            self.ledger.release(order)
        self._ended.append(order.id)
        while len(self._ended) > ENDED_MAX:
            old = self.orders.pop(self._ended.popleft())
            self.forgotten += 1
            key = (old.pit.id, old.client_id)
            if self._by_client.get(key) is old:
                del self._by_client[key]
        self.ended(order)

    def total_fee(self) -> Decimal:
        """Sum the fees of the fills that are known."""
        return sum((fill.fee for _, fill in self.fills), ZERO)


def _nobody(_order: Order) -> None:
    """Nobody waits for the end of an order."""
