"""Futures conditional orders: they wait outside of the book, then become orders.

When its trigger is reached a conditional order is TRIGGERING, becomes a real order with
the same client id and is TRIGGERED, and is FINISHED when that order has ended. Refused
by the book (a reduce-only stop with nothing left to reduce, no margin) it is REJECTED.
"""

from collections import deque
from collections.abc import Callable

from actors.loopback.accounts.desk import Desk
from actors.loopback.accounts.filters import STOPS_MAX, price_of, size_of
from actors.loopback.accounts.futures import FuturesLedger
from actors.loopback.accounts.judge import CLIENT_ID_MAX
from actors.loopback.accounts.order import (
    CANCELED,
    EXPIRED,
    FINISHED,
    REJECTED,
    TRIGGERED,
    TRIGGERING,
    Conditional,
    Order,
    Wish,
)
from actors.loopback.accounts.refusals import (
    Refused,
    closed_symbol,
    illegal,
    too_late,
    unknown_order,
)
from actors.loopback.floor.pit import Pit

ENDED_MAX = 50_000
LIMITED = {"STOP": "LIMIT", "TAKE_PROFIT": "LIMIT"}
KINDS = {"STOP_MARKET": "MARKET", "TAKE_PROFIT_MARKET": "MARKET", **LIMITED}


class Stops:
    """The account's conditional orders."""

    def __init__(
        self,
        desk: Desk,
        now: Callable[[], int],
        tell: Callable[[Conditional], None],
    ) -> None:
        self._desk, self._now, self._tell = desk, now, tell
        self.all: dict[int, Conditional] = {}
        self.waiting: dict[str, list[Conditional]] = {}
        self.stuck: Callable[[Conditional], bool] = _never
        self._by_client: dict[str, Conditional] = {}
        self._by_order: dict[int, Conditional] = {}
        self._ended: deque[int] = deque()
        self._next_id = 2_000_000_001
        desk.ended = self._order_ended

    def place(self, wish: Wish) -> Conditional:
        """Take a conditional order. Raises Refused."""
        pit = wish.pit
        self._check(wish)
        limited = wish.kind in LIMITED
        ticks = price_of(wish, wish.price) if limited else 0
        wish.price = wish.price if limited else None
        lots = 0 if wish.close_position else size_of(wish)
        trigger = price_of(wish, wish.stop, "triggerPrice")
        now_ms = self._now()
        made = Conditional(
            id=self._next_id,
            client_id=wish.client_id or f"auto-{self._next_id}",
            pit=pit,
            side=wish.side,
            kind=wish.kind,
            force=wish.force,
            lots=lots,
            ticks=ticks,
            trigger=trigger,
            on_mark=wish.on_mark,
            reduce_only=wish.reduce_only,
            close_position=wish.close_position,
            position_side=wish.position_side,
            source=wish.source,
            created_ms=now_ms,
            updated_ms=now_ms,
        )
        if made.reached(pit.mark if made.on_mark else pit.tape.last):
            raise too_late()
        self._next_id += 1
        self.all[made.id] = self._by_client[made.client_id] = made
        self.waiting.setdefault(pit.id, []).append(made)
        self._tell(made)
        return made

    def cancel(self, one: Conditional, status: str = CANCELED, why: str = "") -> None:
        """End a waiting conditional order. Raises Refused when it does not wait."""
        if not one.waits:
            raise unknown_order()
        self.waiting[one.pit.id].remove(one)
        one.why = why
        self._turn(one, status)

    def find(self, algo_id: int | None, client_id: str) -> Conditional | None:
        """Look one up by either id."""
        if algo_id is not None:
            return self.all.get(algo_id)
        return self._by_client.get(client_id)

    def live(self, pit: Pit | None = None) -> list[Conditional]:
        """List what waits, oldest first."""
        if pit is not None:
            return list(self.waiting.get(pit.id, ()))
        return sorted((o for w in self.waiting.values() for o in w), key=_by_id)

    def look(self, pit: Pit) -> None:
        """Trigger whatever the newest prices have reached."""
        waiting = self.waiting.get(pit.id)
        if not waiting:
            return
        low, high = pit.span or (pit.tape.last, pit.tape.last)
        for one in list(waiting):
            extreme = high if one.upwards else low
            if one.waits and one.reached(pit.mark if one.on_mark else extreme):
                self._trigger(one)

    def flat(self, pit: Pit, position_side: str) -> None:
        """A position is gone: what would have closed it is taken back by the system."""
        for one in list(self.waiting.get(pit.id, ())):
            if one.close_position and one.position_side == position_side:
                self.cancel(one, EXPIRED, "position closed")

    def _trigger(self, one: Conditional) -> None:
        self.waiting[one.pit.id].remove(one)
        one.triggered_ms = self._now()
        self._turn(one, TRIGGERING)
        if self.stuck(one):
            return
        try:
            one.order = self._desk.place(self._wish(one), born_as=one.kind)
        except Refused as refused:
            one.why = refused.text
            self._turn(one, REJECTED)
            return
        self._by_order[one.order.id] = one
        self._turn(one, TRIGGERED)
        if not one.order.live:
            self._order_ended(one.order)

    def _wish(self, one: Conditional) -> Wish:
        grid, lots = one.pit.grid, one.lots
        if one.close_position:
            ledger = self._desk.ledger
            assert isinstance(ledger, FuturesLedger)
            lots = ledger.closable(one.pit, one.side, one.position_side)
        return Wish(
            pit=one.pit,
            side=one.side,
            kind=KINDS[one.kind],
            force=one.force if one.ticks else "GTC",
            size=grid.size(lots),
            price=grid.price(one.ticks) if one.ticks else None,
            client_id=one.client_id,
            reduce_only=one.reduce_only,
            close_position=one.close_position,
            position_side=one.position_side,
            source=one.source,
        )

    def _check(self, wish: Wish) -> None:
        if wish.kind not in KINDS:
            raise Refused(-1116, "Invalid orderType.")
        if wish.pit.status != "TRADING":
            raise closed_symbol()
        if len(wish.client_id) > CLIENT_ID_MAX:
            raise illegal(name="clientAlgoId")
        taken = self._by_client.get(wish.client_id)
        if taken is not None and taken.waits:
            raise Refused(-4116, "ClientOrderId is duplicated.")
        if len(self.waiting.get(wish.pit.id, ())) >= STOPS_MAX:
            raise Refused(-4045, "Reach max stop order limit.")
        if wish.close_position and wish.reduce_only:
            raise Refused(-1106, "Parameter 'reduceonly' sent when not required.")
        assert isinstance(self._desk.ledger, FuturesLedger)
        self._desk.ledger.check_side(wish)

    def _order_ended(self, order: Order) -> None:
        one = self._by_order.pop(order.id, None)
        if one is not None:
            self._turn(one, FINISHED)

    def _turn(self, one: Conditional, status: str) -> None:
        one.status = status
        one.updated_ms = self._now()
        if status not in {TRIGGERING, TRIGGERED}:
            self._ended.append(one.id)
            while len(self._ended) > ENDED_MAX:
                old = self.all.pop(self._ended.popleft())
                if self._by_client.get(old.client_id) is old:
                    del self._by_client[old.client_id]
        self._tell(one)


def _never(_one: Conditional) -> bool:
    return False


def _by_id(one: Conditional) -> int:
    return one.id
