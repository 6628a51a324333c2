"""Open positions: made by fills, managed by closed bars, ended by fills."""

import msgspec

from actors.domain import ids, ledger, limits
from actors.domain.crash_points import CrashPoint
from actors.domain.ledger import Position
from actors.domain.money import ZERO
from actors.domain.orders import Fill, OrderState
from actors.domain.phases import TradePhase
from actors.journal import Kind, Stage
from actors.risk.account.desk import Desk
from actors.risk.holding.closing import CLOSES, TARGET
from actors.risk.holding.dust import Dust
from actors.risk.holding.protection import Protection
from actors.risk.orders.orders import OrderBook
from actors.risk.orders.records import FLATTEN, OrderRecord
from actors.runtime.crash import reached


class Positions:
    """Keeps every position protected, managed and booked."""

    def __init__(self, desk: Desk, orders: OrderBook, protection: Protection) -> None:
        self._desk = desk
        self._orders = orders
        self._protection = protection
        self._dust = Dust(desk)

    # --- fills ------------------------------------------------------------------

    def objection(self, record: OrderRecord | None, fill: Fill) -> str | None:
        """Say why a fill cannot be booked; None when it can.

        Whatever an exchange tells, the book stays whole: what cannot be is noted, its
        symbol waits for a person, and the positions show by how much they differ.
        """
        if record is None:
            return "belongs to no order of ours"
        for name, amount in (("quantity", fill.quantity), ("price", fill.price)):
            if not (amount.is_finite() and amount > ZERO):
                return f"has the {name} {amount}"
        if not ZERO <= fill.coin_fee < fill.quantity:
            return f"has the fee {fill.coin_fee} of {fill.quantity} in the coin"
        if fill.symbol != record.request.symbol:
            return f"is not of order {record.client_id}: {record.request.symbol}"
        if fill.symbol not in self._desk.state.instruments:
            return f"is in {fill.symbol}, which the market does not list any more"
        return None

    async def filled(self, record: OrderRecord, fill: Fill) -> None:
        """Book one fill of ours, whatever it should have been: it has happened.

        Its side says what it does to what is held. One that should not be, as it
        takes off more than there is or turns against its order, halts its symbol.
        """
        if record.purpose == FLATTEN:  # of what was never ours
            self._desk.spend(ZERO, fill.fee)
            return
        held = self._desk.book.positions.get(fill.symbol)
        if held is None and record.purpose != "entry":
            held = self._owing(record, fill)
        adds = held is None or fill.side is held.side
        turned = fill.side is not record.request.side or (
            held is not None and held.correlation != record.correlation
        )
        late = held is not None and held.over > ZERO
        if turned or (adds is not (record.purpose == "entry") and not late):
            self._desk.halt_symbol(
                fill.symbol,
                f"fill {fill.trade_id} of {record.purpose} order {record.client_id} "
                f"{'adds to' if adds else 'takes from'} what is held",
            )
        if held is not None and not adds:
            await self._reduced(held, record, fill)
        elif held is not None or record.correlation in self._desk.book.signals:
            await self._entered(held, record, fill)
        else:
            self._desk.halt_symbol(
                fill.symbol, f"fill {fill.trade_id} of an entry without its signal"
            )

    async def tend(self, symbol: str) -> None:
        """Give a position what it lacks, or end what nothing can trade any more."""
        await self._protection.tend(symbol)
        position = self._desk.book.positions.get(symbol)
        if position is not None and await self._protection.closing.is_dust(position):
            await self._close(self._dust.end(position))

    async def tend_all(self) -> None:
        """Tend every position."""
        for symbol in list(self._desk.book.positions):
            await self.tend(symbol)

    async def _entered(
        self, held: Position | None, record: OrderRecord, fill: Fill
    ) -> None:
        desk, state = self._desk, self._desk.state
        state.not_held.discard(fill.symbol)  # now there is something to reduce
        opening = held is None
        before = held or self._dust.joined(self._opened(record, fill))
        position = ledger.enter(before, fill)
        desk.spend(position.realized - before.realized, fill.fee)
        if position.ended:
            await self._close(position)
            return
        position = self._protection.unprotected.measured(position, fill.ts_ms)
        desk.store(position)
        if opening:
            late = record.state is OrderState.CANCELLED
            state.counts["entries_late" if late else "entries"] += 1
            state.armed.pop(fill.symbol, None)
            desk.ports.position_changed(fill.symbol, True)
            desk.checkpoint(Stage.FILLED, fill.symbol, record.correlation)
            desk.publish("positions", "POSITION_OPEN", self._protection.view(position))
            desk.lead("position opened", fill.symbol)
        reached(CrashPoint.ENTRY_FILLED)

    def _opened(self, record: OrderRecord, fill: Fill) -> Position:
        signal = self._desk.book.signals[record.correlation]
        return Position(
            id=ids.position_id(record.correlation),
            correlation=record.correlation,
            symbol=fill.symbol,
            side=fill.side,
            kind=signal.kind,
            level=signal.level,
            stop=signal.stop,
            initial_stop=signal.stop,
            targets=signal.targets,
            opened_ms=fill.ts_ms,
            updated_ms=fill.ts_ms,
            atr=signal.atr,
        )

    def _owing(self, record: OrderRecord, fill: Fill) -> Position:
        """Begin with an exit: its entry's fill is late, or will never be."""
        entered_at = msgspec.structs.replace(fill, side=fill.side.opposite)
        if record.correlation in self._desk.book.signals:
            begun = self._opened(record, entered_at)
            return msgspec.structs.replace(begun, id=ids.position_id(record.client_id))
        return Position(
            id=ids.position_id(record.client_id),
            correlation=record.correlation,
            symbol=fill.symbol,
            side=entered_at.side,
            kind=record.purpose,
            level=None,
            stop=fill.price,
            initial_stop=fill.price,
            targets=(),
            opened_ms=fill.ts_ms,
            updated_ms=fill.ts_ms,
            atr=ZERO,
        )

    async def entry_ended(self, record: OrderRecord) -> None:
        """Set out the take-profit ladder once the entry's final size is known."""
        self._desk.lead("entry order ended", record.request.symbol)
        position = self._desk.book.positions.get(record.request.symbol)
        if position is None or position.correlation != record.correlation:
            return
        if position.phase is TradePhase.ENTRY:
            self._desk.store(ledger.move(position, TradePhase.RUNNING))
        await self.tend(position.symbol)
        running = self._desk.book.positions.get(position.symbol)
        if running is not None and not running.close_wanted:
            await self._protection.closing.take_profits(running)

    async def _reduced(self, held: Position, record: OrderRecord, fill: Fill) -> None:
        desk, before = self._desk, held.realized
        position = ledger.reduce(held, fill, self._exit_reason(record, held))
        desk.spend(position.realized - before, fill.fee)
        if position.over:
            desk.halt_symbol(
                fill.symbol,
                f"fill {fill.trade_id} takes off {position.over} more than was held",
            )
        if position.ended:
            await self._close(position)
            return
        if record.purpose.startswith(TARGET) and record.state is OrderState.FILLED:
            number = int(record.purpose.removeprefix(TARGET))  # it may be several
            position = msgspec.structs.replace(
                position, targets_hit=max(number, position.targets_hit)
            )
            if position.phase is not TradePhase.PARTIAL_CLOSED:
                position = ledger.move(position, TradePhase.PARTIAL_CLOSED)
        if record.purpose in CLOSES and not position.close_wanted:  # by a person
            position = ledger.move(position, TradePhase.PARTIAL_CLOSED)
        desk.store(position)
        if record.purpose.startswith(TARGET):
            desk.publish("positions", "TAKE_PROFIT", _profit(position, fill))
        desk.publish("positions", "POSITION_UPDATE", self._protection.view(position))

    async def adjust(self, fill: Fill, begun: Position | None) -> None:
        """Book what has happened without us; `begun` is what it opens, if it does."""
        desk, symbol = self._desk, fill.symbol
        held = desk.book.positions.get(symbol)
        desk.record(Kind.FILL, fill, symbol)
        known = held or begun
        assert known is not None, "what opens a position begins it"
        if fill.side is known.side:
            left = ledger.enter(known, fill)
        else:
            left = ledger.reduce(known, fill, "adopted")
        desk.spend(left.realized - known.realized, fill.fee)
        if left.ended:
            await self._close(left)
            return
        desk.state.not_held.discard(symbol)
        if held is None:
            left = ledger.move(left, TradePhase.RUNNING)
            desk.ports.position_changed(symbol, True)
        desk.store(left)
        kind = "POSITION_OPEN" if held is None else "POSITION_UPDATE"
        desk.publish("positions", kind, self._protection.view(left))
        desk.lead("position adopted", symbol)
        await self.tend(symbol)

    def _exit_reason(self, record: OrderRecord, position: Position) -> str:
        """Say why a fill reduced a position, in the words of reports."""
        if record.purpose != "stop":
            return record.reason if record.purpose == "close" else record.purpose
        if position.stop == position.initial_stop:
            return "stop"
        gained = (position.stop - position.entry) * position.side.sign > ZERO
        trailed = position.phase is TradePhase.TRAILING
        preset = self._desk.state.preset  # none before the first start
        if preset is not None:  # a target may have been hit since: the phase lacks it
            best_r = position.r_at(position.best)
            trailed = best_r >= preset.position_config.trail_from_r
        return "trail" if trailed else "breakeven" if gained else "stop"

    async def _close(self, position: Position) -> None:
        """Book an ended position and clear what is left of its orders."""
        desk, state = self._desk, self._desk.state
        gaps = position.gaps.ended(position.updated_ms)
        position = msgspec.structs.replace(position, gaps=gaps)
        self._protection.forget(position)
        symbol = position.symbol
        state.counts["trades"] += 1
        desk.store(position)
        day = limits.closed(desk.book.day, position.r_of(position.pnl_usd))
        desk.set_day(day)
        desk.checkpoint(Stage.CLOSED, symbol, position.correlation)
        desk.publish("positions", "POSITION_CLOSE", self._protection.view(position))
        desk.ports.position_changed(symbol, False)
        await self._protection.closing.cancel_all(position)
        await self._protection.closing.cancel_entry(position)
        desk.lead(f"position closed: {position.reason}", symbol)


def _profit(position: Position, fill: Fill) -> dict[str, object]:
    gained = (fill.price - position.entry) * fill.quantity * position.side.sign
    return {
        "position_id": position.id,
        "pnl": gained - fill.fee,
        "pnlR": position.r_of(gained - fill.fee),
    }
