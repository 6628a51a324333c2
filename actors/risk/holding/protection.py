"""The stop at the exchange under every position, and the close when there is none.

The rule: within `stop_confirm_seconds_max` of its first fill a position has stops for
all of its size that the exchange shows, or it is being closed. Nothing is hoped for:
a stop that was refused, is in doubt or was only accepted is no stop. One in doubt that
a look at the exchange has not shown gets a second one at its side: both only reduce,
and when the one is confirmed the other is cancelled. A replacement is placed first and
the old stop dropped when the new one is confirmed; only where an exchange allows but
one stop does the old one go first, and that gap is measured. There it locks what it
covers, so it goes before a close too; one that fails is followed by a stop.

`tend` looks at what there is and does the next thing that is missing. It is asked
whenever something came, and needs to remember nothing of what it was about to do.
"""

from decimal import Decimal

import msgspec

from actors.domain import exits, ledger
from actors.domain.crash_points import CrashPoint
from actors.domain.ledger import Position
from actors.domain.messages import PositionView
from actors.domain.money import ZERO
from actors.domain.orders import OrderKind, OrderRequest, OrderState
from actors.risk.account.desk import Desk
from actors.risk.holding.closing import CLOSES, Closing
from actors.risk.holding.stops import Stops
from actors.risk.holding.unprotected import Unprotected, confirmed, stop_confirmed
from actors.risk.orders.orders import OrderBook
from actors.risk.orders.records import OrderRecord
from actors.runtime.crash import reached

#: What the exchange has refused is not asked for again before.
AGAIN_MS = 1_000
#: Stops of one position that the exchange takes away within so long, before it is not
#: trusted: the position is closed, and no more are placed in a row.
GONE_MAX, GONE_WITHIN_MS = 3, 60_000


class Protection:
    """Keeps the exchange's orders in step with what a position needs."""

    def __init__(self, desk: Desk, orders: OrderBook) -> None:
        self._desk = desk
        self._orders = orders
        self.closing = Closing(desk, orders)
        self.unprotected = Unprotected(desk)
        self._stops = Stops(desk)
        self._tried_ms: dict[str, int] = {}  # position id -> its newest close
        self._refused_ms: dict[str, int] = {}  # position id -> its newest refused stop
        self._gone_ms: dict[str, list[int]] = {}  # position id -> stops taken away

    # --- what is missing ---------------------------------------------------------

    async def tend(self, symbol: str) -> None:
        """Do the next thing that a position lacks."""
        held = self._desk.book.positions.get(symbol)
        if held is None:
            return
        position = self.unprotected.look(held)
        if symbol in self._desk.state.not_held:
            return  # an order that finds nothing to reduce is cancelled, without end
        if self.closing.under_way(position):
            if self.closing.uncovered(position) and not position.over:
                await self._arm_if_due(position)
            return
        if position.over:  # nothing may take off still more
            await self.closing.cancel_all(position)
        late = self.unprotected.overdue(position)
        reason = position.close_wanted or ("stop_unconfirmed" if late else "")
        reason = reason or ("flatten" if self._desk.book.flat else "")
        if reason and self._may(self._tried_ms, position):
            await self.close(position, reason)
        elif position.part_wanted and not reason:
            await self._close_part(position)
        else:
            await self._arm_if_due(position)

    async def _arm_if_due(self, position: Position) -> None:
        if self._may(self._refused_ms, position):
            await self._arm(position)

    def _may(self, tried_ms: dict[str, int], position: Position) -> bool:
        now_ms = self._desk.now_ms
        return now_ms - tried_ms.get(position.id, now_ms - AGAIN_MS) >= AGAIN_MS

    async def ended_order(self, record: OrderRecord) -> None:
        """React to the end of an order that protected or closed a position."""
        self._desk.state.not_found.discard(record.client_id)
        position = self._desk.book.positions.get(record.request.symbol)
        if position is None or position.correlation != record.correlation:
            return
        if record.request.kind is OrderKind.MARKET:  # first a stop, then the next try
            self._tried_ms[position.id] = self._desk.now_ms
            self._refused_ms.pop(position.id, None)
        if record.purpose in CLOSES and record.filled and not position.close_wanted:
            before = position.open + record.filled
            await self.closing.shrink_targets(position, before)
        if record.state is OrderState.REFUSED:  # its answer was late
            if record.purpose == "stop":
                await self._stop_refused(position, record)
            else:
                self.closing.tell_refused(position, record)
        taken = record.purpose == "stop" and not record.cancel_wanted
        if taken and record.state is OrderState.CANCELLED:
            await self._taken_away(position)
        await self.tend(position.symbol)

    async def _taken_away(self, position: Position) -> None:
        """Count a stop that the exchange cancelled: it may do so with each."""
        now_ms = self._desk.now_ms
        earlier = self._gone_ms.get(position.id, [])
        recent = [one for one in earlier if now_ms - one < GONE_WITHIN_MS]
        self._gone_ms[position.id] = [*recent, now_ms]
        if len(recent) >= GONE_MAX:
            self._refused_ms[position.id] = now_ms
            await self.close(position, "stop_unconfirmed")

    # --- the stop ------------------------------------------------------------------

    async def _arm(self, position: Position) -> None:
        """Have one stop for all that is held, and no other."""
        stops = [o for o in self._stops.of(position) if not o.cancel_wanted]
        needed = self._orderable(position)
        fits = self._stops.fits
        stop = next((o for o in stops if fits(o, position.stop, needed)), None)
        if stop is None:
            await self._place(position, stops)
        elif confirmed(stop):
            await self._drop([o for o in stops if o is not stop])
        else:
            self._desk.state.ask_soon.add(stop.client_id)

    async def _drop(self, old: list[OrderRecord]) -> None:
        if old:
            reached(CrashPoint.STOP_REPLACED)
        await self._orders.cancel(*old)

    async def _place(self, position: Position, old: list[OrderRecord]) -> None:
        """Place a stop for all that is held."""
        quantity = self._orderable(position)
        if (
            not quantity
            or self.closing.hopeless(position)
            or self._stops.must_wait(position)
        ):
            return
        if not self.closing.overlap and self._stops.locks(position):
            await self._drop(old)  # it ends, and then there is none: placed again
            return
        request = OrderRequest(
            client_id="",
            symbol=position.symbol,
            side=position.side.opposite,
            kind=OrderKind.STOP_MARKET,
            quantity=quantity,
            stop_price=position.stop,
            reduce_only=True,
        )
        planned = self.closing.plan(position, request, "stop", "protective stop")
        sent = await self._orders.send(planned)
        if sent.state is OrderState.REFUSED:
            await self._stop_refused(position, sent)

    def _orderable(self, position: Position) -> Decimal:
        """Give what a stop, or a close, can be for now."""
        if not self.closing.overlap:
            return self.closing.uncovered(position)
        instrument = self._desk.state.instruments[position.symbol]
        return exits.orderable(position.open, instrument)

    async def _stop_refused(self, position: Position, refused: OrderRecord) -> None:
        """Fall back on an old stop that holds all that is held, or close."""
        self._refused_ms[position.id] = self._desk.now_ms
        whole = [
            order
            for order in self._stops.of(position)
            if confirmed(order) and order.unfilled >= self._orderable(position)
        ]
        # A close in doubt may have sold it, or lock it: its end tells.
        doubt = not self.closing.overlap and self.closing.under_way(position)
        kept = "it is placed again when the close is known" if doubt else ""
        kept = "the old stop stays" if whole else kept
        self._desk.alert(
            "error",
            "exchange",
            f"stop at {position.stop} was refused: {refused.outcome}",
            kept or "the position is closed at market",
            position.symbol,
        )
        if not kept:
            await self.close(position, "stop_refused")
        if not whole:
            return
        standing = whole[0].request.stop_price
        assert standing is not None, "a stop has its price"
        if standing != position.stop:  # the book says what stands at the exchange
            self._desk.store(msgspec.structs.replace(position, stop=standing))

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
        desk.store(moved)
        change = {
            "position_id": position.id,
            "old_sl": position.stop,
            "new_sl": stop,
        }
        desk.publish("positions", "STOP_MOVED", change)
        await self.tend(position.symbol)

    # --- the close -------------------------------------------------------------------

    async def close(self, position: Position, reason: str) -> None:
        """Close at market, reduce-only; the stop stays until the close has filled.

        Only a stop that locks what is to be closed goes before. The wish stays until
        the position has ended: a close that is refused, or ends unfilled, leaves the
        position with a stop and is tried again. What the exchange does not hold cannot
        be closed: its end is a person's to settle.
        """
        position = self.closing.want(position, reason)
        await self.closing.make_way(position)
        gone = position.symbol in self._desk.state.not_held
        if self.closing.under_way(position) or gone:
            return
        if not self._may(self._tried_ms, position) or self.closing.waits(position):
            if not self.closing.overlap:  # it waits under a stop
                await self._arm_if_due(position)
            return
        if not await self._freed(position):
            return
        self._tried_ms[position.id] = self._desk.now_ms
        sent = await self.closing.send(position, position.close_wanted)
        if sent is not None and sent.state is OrderState.REFUSED:
            await self._close_refused(position, sent)

    async def close_part(self, position: Position, part: Decimal, reason: str) -> None:
        """Close a part at market where the stop must go before: the wish is kept."""
        wanted = msgspec.structs.replace(position, part_wanted=part, part_reason=reason)
        self._desk.store(wanted)
        await self._close_part(wanted)

    async def _close_part(self, wanted: Position) -> None:
        if not await self._freed(wanted):
            return
        position = msgspec.structs.replace(wanted, part_wanted=ZERO, part_reason="")
        self._desk.store(position)
        part = min(wanted.part_wanted, self._orderable(position))
        if not part:  # the stop has filled before it went
            return
        sent = await self.closing.part(position, part, None, wanted.part_reason)
        if sent.state is OrderState.REFUSED:
            await self._close_refused(position, sent)

    async def _freed(self, position: Position) -> bool:
        """Whether a close finds what it is to sell; else a gap begins, measured."""
        if await self.closing.free(position):
            return True
        self.unprotected.look(position)
        return False

    async def _close_refused(self, position: Position, refused: OrderRecord) -> None:
        self.closing.tell_refused(position, refused)
        await self._arm(position)

    def forget(self, position: Position) -> None:
        """Keep nothing of a position that has ended."""
        self._tried_ms.pop(position.id, None)
        self._refused_ms.pop(position.id, None)
        self._gone_ms.pop(position.id, None)
        self.unprotected.forget(position)

    def view(self, position: Position) -> PositionView:
        """Show a position to the world."""
        return ledger.view(
            position,
            self._desk.state.mode,
            stop_confirmed=stop_confirmed(
                position,
                self._desk.book.orders,
                self._desk.state.instruments[position.symbol].lot_size,
            ),
            equity=self._desk.book.equities.get(position.correlation),
        )
