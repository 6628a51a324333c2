"""The kill switch: cancel entries, flatten, and believe only the exchange.

It trips on a loss against baselines that the engine never moves, or by a person. It
says CONFIRMED_FLAT only after the exchange itself shows no position and no order of
ours; a failed answer is no answer. It survives a restart. Only a person releases it.
"""

import msgspec

from actors.domain import limits
from actors.domain.crash_points import CrashPoint
from actors.domain.errors import ExchangeError
from actors.domain.phases import KILL_MACHINE, KillPhase, Phase, check
from actors.journal import Kind
from actors.risk.desk import Desk
from actors.risk.orders import OrderBook
from actors.risk.protection import Protection
from actors.risk.records import KillChanged, KillSwitch
from actors.runtime.crash import reached


class Kill:
    """Trips, flattens, confirms, releases."""

    def __init__(self, desk: Desk, orders: OrderBook, protection: Protection) -> None:
        self._desk = desk
        self._orders = orders
        self._protection = protection

    async def check(self) -> None:
        """Trip when a loss limit is reached; go on flattening when tripped."""
        state, book = self._desk.state, self._desk.book
        if book.kill is not None:
            await self._flatten(book.kill)
            return
        if state.preset is None:
            return
        reason = limits.kill_reason(book.day, state.equity, state.preset.risk)
        if reason is not None:
            await self.trip(reason)

    async def trip(self, reason: str) -> None:
        """Close the gate, cancel entries, start to flatten; latched from now on."""
        desk, state = self._desk, self._desk.state
        if desk.book.kill is not None:
            return
        state.gate_open = state.pause_wanted = False
        desk.ports.halt.reason = reason
        kill = KillSwitch(reason=reason, triggered_ms=desk.now_ms)
        self._store(kill)
        desk.machine.move(Phase.EMERGENCY, f"kill switch: {reason}")
        desk.alert(
            "critical",
            "internal",
            f"kill switch: {reason}",
            "entries cancelled; every position is being closed",
        )
        await self._flatten(kill)

    async def cancel_entries(self) -> None:
        """Ask for the cancel of every entry that may still fill."""
        for record in self._desk.state.entries():
            await self._orders.cancel(record)

    async def _flatten(self, kill: KillSwitch) -> None:
        """Close what is open; when nothing of ours is left, ask the exchange."""
        book = self._desk.book
        if kill.phase is KillPhase.LATCHED:
            return
        if kill.phase is KillPhase.CANCELLING:
            await self.cancel_entries()
            reached(CrashPoint.KILL_CANCELLED)
            kill = self._go(kill, KillPhase.FLATTENING)
        for position in list(book.positions.values()):
            await self._protection.close(position, "kill_switch")
        reached(CrashPoint.KILL_FLATTENING)
        if not book.positions and not book.orders and await self._exchange_is_flat():
            self._go(self._go(kill, KillPhase.CONFIRMED_FLAT), KillPhase.LATCHED)

    def _go(self, kill: KillSwitch, phase: KillPhase) -> KillSwitch:
        check(KILL_MACHINE, kill.phase, phase)
        changed = msgspec.structs.replace(kill, phase=phase)
        self._store(changed)
        return changed

    async def _exchange_is_flat(self) -> bool:
        """Ask the exchange itself; what it does not answer is not flat."""
        exchange = self._desk.ports.exchange
        try:
            orders = await exchange.fetch_open_orders()
            positions = await exchange.fetch_positions()
        except (ExchangeError, OSError) as error:
            self._desk.alert(
                "error",
                "exchange",
                f"flat is not confirmed: {error}",
                "asking again at the next bar",
            )
            return False
        for order in orders:
            await exchange.cancel(order.request.symbol, order.request.client_id)
        for position in positions:
            self._desk.alert(
                "error",
                "exchange",
                f"the exchange holds {position.quantity} that we do not know",
                "the kill switch is not latched; close it by hand",
                position.symbol,
            )
        return not orders and not positions

    def _store(self, kill: KillSwitch) -> None:
        desk = self._desk
        desk.account(KillChanged(kill))
        fact = {
            "reason": kill.reason,
            "triggered_at": kill.triggered_ms,
            "phase": kill.phase,
        }
        desk.append(Kind.ALERT, {"kill_switch": fact})
        desk.publish("alerts", "KILL_SWITCH", fact)

    def release(self) -> None:
        """Forget a confirmed kill and take today's equity as the new baseline.

        Only a person's reset comes here: the engine itself never moves a baseline.
        """
        desk, kill = self._desk, self._desk.book.kill
        if kill is None:
            return
        assert kill.phase is KillPhase.LATCHED, "only a flat account is released"
        desk.account(KillChanged(None))
        desk.ports.halt.reason = None
        desk.set_day(
            msgspec.structs.replace(desk.book.day, kill_baseline=desk.state.equity)
        )
