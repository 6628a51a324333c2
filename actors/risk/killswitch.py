"""The kill switch: cancel entries, flatten, and believe only the exchange.

It trips on a loss against baselines that the engine never moves, or by a person. It
says LATCHED only after the exchange itself shows no position and no order of ours; a
failed answer is no answer. Only a person releases it.
"""

import msgspec

from actors.domain import limits
from actors.domain.errors import ExchangeError
from actors.domain.phases import Phase
from actors.journal import Kind
from actors.risk.desk import Desk
from actors.risk.orders import OrderBook
from actors.risk.protection import Protection
from actors.risk.state import KillSwitch


class Kill:
    """Trips, flattens, confirms, releases."""

    def __init__(self, desk: Desk, orders: OrderBook, protection: Protection) -> None:
        self._desk = desk
        self._orders = orders
        self._protection = protection

    async def check(self) -> None:
        """Trip when a loss limit is reached; go on flattening when tripped."""
        state = self._desk.state
        if state.kill is not None:
            await self._flatten()
            return
        if state.preset is None:
            return
        reason = limits.kill_reason(state.day, state.equity, state.preset.risk)
        if reason is not None:
            await self.trip(reason)

    async def trip(self, reason: str) -> None:
        """Close the gate, cancel entries, start to flatten; latched from now on."""
        desk, state = self._desk, self._desk.state
        if state.kill is not None:
            return
        state.gate_open = state.pause_wanted = False
        state.kill = KillSwitch(reason=reason, triggered_ms=desk.now_ms)
        desk.machine.move(Phase.EMERGENCY, f"kill switch: {reason}")
        desk.alert(
            "critical",
            "internal",
            f"kill switch: {reason}",
            "entries cancelled; every position is being closed",
        )
        self._tell()
        await self.cancel_entries()
        await self._flatten()

    async def cancel_entries(self) -> None:
        """Ask for the cancel of every entry that may still fill."""
        for record in list(self._desk.state.orders.values()):
            if record.purpose == "entry":
                await self._orders.cancel(record)

    async def _flatten(self) -> None:
        """Close what is open; when nothing of ours is left, ask the exchange."""
        state = self._desk.state
        assert state.kill is not None, "flattening follows a trip"
        if state.kill.confirmed_flat:
            return
        for position in list(state.positions.values()):
            await self._protection.close(position, "kill_switch")
        if not state.positions and not state.orders and await self._exchange_is_flat():
            state.kill = msgspec.structs.replace(state.kill, confirmed_flat=True)
            self._tell()

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

    def _tell(self) -> None:
        desk, kill = self._desk, self._desk.state.kill
        assert kill is not None, "there is a kill to tell of"
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
        state = self._desk.state
        if state.kill is None:
            return
        assert state.kill.confirmed_flat, "only a flat account is released"
        state.kill = None
        state.day = msgspec.structs.replace(state.day, kill_baseline=state.equity)
