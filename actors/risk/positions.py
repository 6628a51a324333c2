"""Open positions: made by fills, managed by closed bars, ended by fills."""

import msgspec

from actors.domain import exits, ids, ledger, limits
from actors.domain.crash_points import CrashPoint
from actors.domain.ledger import Position
from actors.domain.messages import WatchedBar
from actors.domain.money import ZERO
from actors.domain.orders import Fill, OrderState
from actors.domain.phases import TradePhase
from actors.journal import Kind, Stage
from actors.risk.desk import Desk
from actors.risk.orders import OrderBook
from actors.risk.protection import Protection
from actors.risk.records import OrderRecord
from actors.runtime.crash import reached


class Positions:
    """Keeps every position protected, managed and booked."""

    def __init__(self, desk: Desk, orders: OrderBook, protection: Protection) -> None:
        self._desk = desk
        self._orders = orders
        self._protection = protection
        self._forming: dict[str, WatchedBar] = {}  # finer bars on their way to one

    # --- fills ------------------------------------------------------------------

    async def filled(self, record: OrderRecord, fill: Fill) -> None:
        """Book one fill of ours, then restore protection for what is held now."""
        if record.purpose == "entry":
            await self._entered(record, fill)
        else:
            await self._reduced(record, fill)

    async def _entered(self, record: OrderRecord, fill: Fill) -> None:
        desk, state = self._desk, self._desk.state
        position = state.book.positions.get(fill.symbol)
        opening = position is None
        position = ledger.enter(position or self._opened(record, fill), fill)
        desk.spend(ZERO, fill.fee)
        self._protection.store(position)
        reached(CrashPoint.FILL_APPLIED)
        if opening:
            late = record.state is OrderState.CANCELLED
            state.counts["entries_late" if late else "entries"] += 1
            state.armed.pop(fill.symbol, None)
            desk.ports.position_changed(fill.symbol, True)
            desk.checkpoint(Stage.FILLED, fill.symbol, record.correlation)
            desk.publish("positions", "POSITION_OPEN", self._protection.view(position))
            desk.lead("position opened", fill.symbol)
        reached(CrashPoint.ENTRY_FILLED)
        await self._protection.protect(position)

    def _opened(self, record: OrderRecord, fill: Fill) -> Position:
        signal = self._desk.book.signals[record.correlation]
        return Position(
            id=ids.position_id(record.correlation),
            correlation=record.correlation,
            symbol=fill.symbol,
            side=signal.side,
            kind=signal.kind,
            level=signal.level,
            stop=signal.stop,
            initial_stop=signal.stop,
            targets=signal.targets,
            opened_ms=fill.ts_ms,
            updated_ms=fill.ts_ms,
            atr=signal.atr,
        )

    async def entry_ended(self, record: OrderRecord) -> None:
        """Set out the take-profit ladder once the entry's final size is known."""
        self._desk.lead("entry order ended", record.request.symbol)
        position = self._desk.book.positions.get(record.request.symbol)
        if position is None or position.correlation != record.correlation:
            return
        if position.phase is TradePhase.ENTRY:
            position = ledger.move(position, TradePhase.RUNNING)
            self._protection.store(position)
        await self._protection.take_profits(position)

    async def _reduced(self, record: OrderRecord, fill: Fill) -> None:
        desk, state = self._desk, self._desk.state
        held = state.book.positions.get(fill.symbol)
        if held is None or held.correlation != record.correlation:
            desk.halt_symbol(
                fill.symbol, f"fill {fill.trade_id} reduces no position of ours"
            )
            return
        before = held.realized
        position = ledger.reduce(held, fill, self._exit_reason(record, held))
        desk.spend(position.realized - before, fill.fee)
        if position.ended:
            await self._close(position)
            return
        if record.purpose.startswith("target") and record.state is OrderState.FILLED:
            position = msgspec.structs.replace(
                position, targets_hit=position.targets_hit + 1
            )
            if position.phase is not TradePhase.PARTIAL_CLOSED:
                position = ledger.move(position, TradePhase.PARTIAL_CLOSED)
        self._protection.store(position)
        if record.purpose.startswith("target"):
            desk.publish("positions", "TAKE_PROFIT", _profit(position, fill))
        desk.publish("positions", "POSITION_UPDATE", self._protection.view(position))

    def _exit_reason(self, record: OrderRecord, position: Position) -> str:
        """Say why a fill reduced a position, in the words of reports."""
        if record.purpose != "stop":
            return record.reason if record.purpose == "close" else record.purpose
        if position.stop == position.initial_stop:
            return "stop"
        gained = (position.stop - position.entry) * position.side.sign > ZERO
        # A target may have been hit since: the phase alone does not tell.
        trail_from_r = self._desk.preset.position_config.trail_from_r
        trailed = position.r_at(position.best) >= trail_from_r
        return "trail" if trailed else "breakeven" if gained else "stop"

    async def _close(self, position: Position) -> None:
        """Book an ended position and clear what is left of its orders."""
        desk, state = self._desk, self._desk.state
        symbol = position.symbol
        self._forming.pop(symbol, None)
        state.counts["trades"] += 1
        desk.record(Kind.POSITION, position, symbol, position.correlation)
        day = limits.closed(desk.book.day, position.r_of(position.pnl_usd))
        desk.set_day(day)
        desk.checkpoint(Stage.CLOSED, symbol, position.correlation)
        desk.publish("positions", "POSITION_CLOSE", self._protection.view(position))
        desk.ports.position_changed(symbol, False)
        for record in self._protection.orders_of(position):
            await self._orders.cancel(record)
        await self._protection.cancel_entry(position)
        desk.lead(f"position closed: {position.reason}", symbol)

    # --- bars ---------------------------------------------------------------------

    async def bar(self, bar: WatchedBar) -> None:
        """Manage the symbol's position by one closed bar of the pipeline's timeframe.

        Finer bars only move the mark until they complete one.
        """
        position = self._desk.book.positions.get(bar.symbol)
        if position is None:
            self._forming.pop(bar.symbol, None)
            return
        forming = self._forming.pop(bar.symbol, None)
        whole = bar if forming is None else _merged(forming, bar)
        if bar.ts_ms % self._desk.state.timeframe_ms:
            self._forming[bar.symbol] = whole
            self._protection.store(msgspec.structs.replace(position, mark=bar.close))
            return
        if position.phase is not TradePhase.ENTRY:
            await self._manage(position, whole)

    async def _manage(self, position: Position, bar: WatchedBar) -> None:
        rules = self._desk.preset.position_config
        instrument = self._desk.state.instruments[position.symbol]
        plan = exits.manage(position, bar, rules, instrument)
        self._protection.store(plan.position)
        if plan.exit_reason is not None:
            await self._protection.close(plan.position, plan.exit_reason)
        elif plan.stop is not None:
            await self._protection.move_stop(plan.position, plan.stop)
        self._desk.publish(
            "positions", "POSITION_UPDATE", self._protection.view(plan.position)
        )


def _profit(position: Position, fill: Fill) -> dict[str, object]:
    gained = (fill.price - position.entry) * fill.quantity * position.side.sign
    return {
        "position_id": position.id,
        "pnl": gained - fill.fee,
        "pnlR": position.r_of(gained - fill.fee),
    }


def _merged(first: WatchedBar, then: WatchedBar) -> WatchedBar:
    """Join two consecutive bars into one."""
    return WatchedBar(
        symbol=then.symbol,
        ts_ms=then.ts_ms,
        open=first.open,
        high=max(first.high, then.high),
        low=min(first.low, then.low),
        close=then.close,
        volume=first.volume + then.volume,
    )
