"""What a person may do to all entries at once: stop, pause, resume, retry."""

from actors.domain.crash_points import CrashPoint
from actors.domain.messages import Command
from actors.domain.phases import Phase
from actors.risk.account.desk import Desk
from actors.risk.kill.flatness import named
from actors.risk.kill.killswitch import Kill
from actors.risk.orders.records import GateChanged
from actors.risk.truth.requests import Refusal
from actors.runtime.crash import reached


class GateActs:
    """Closes and opens the gate for entries."""

    def __init__(self, desk: Desk, kill: Kill) -> None:
        self._desk = desk
        self._kill = kill

    async def stop(self, _command: Command) -> str:
        """Close the gate, cancel entries, and move to STOPPED."""
        desk, state = self._desk, self._desk.state
        state.gate_open = state.pause_wanted = False
        if desk.machine.phase is Phase.ERROR:
            desk.forget_halt()
        reached(CrashPoint.STOP_GATE_CLOSED)
        await self._kill.cancel_entries()
        desk.machine.move(Phase.STOPPED, "stop requested")
        held = len(state.book.positions)
        told = f"{held} open positions keep their stops at the exchange"
        said = f"stopped; {told if held else 'no open position'}"
        live = tuple(
            f"{order.request.symbol} {order.intent} {order.state}"
            for order in state.entries()
        )
        return said + (f"; entries that may still fill: {named(live)}" if live else "")

    async def pause(self, _command: Command) -> str:
        """Close the gate at once; the state follows at the next legal edge."""
        desk, state = self._desk, self._desk.state
        if desk.machine.phase is Phase.PAUSED:
            return "already paused"
        state.gate_open = False
        state.pause_wanted = True
        desk.account(GateChanged(paused=True, flat=state.book.flat))
        desk.lead("pause requested")
        return "paused: no new entries; open positions stay managed"

    async def resume(self, _command: Command) -> str:
        """Open the gate again."""
        desk, state = self._desk, self._desk.state
        if state.book.kill is not None:
            msg = "resume refused: the kill switch is latched; reset it first"
            raise Refusal(msg)
        state.pause_wanted = False
        state.gate_open = True
        desk.account(GateChanged(paused=False))
        if desk.machine.phase is Phase.PAUSED:
            back = Phase.MANAGING if state.book.positions else Phase.SCANNING
            desk.machine.move(back, "resume requested")
        return f"resumed: {desk.machine.phase}"

    async def retry(self, _command: Command) -> str:
        """Leave ERROR for work."""
        desk, state = self._desk, self._desk.state
        if not state.running:
            msg = "retry refused: no market runs; reset, then start"
            raise Refusal(msg)
        back = Phase.MANAGING if state.book.positions else Phase.SCANNING
        desk.forget_halt()
        desk.machine.move(back, "retry requested")
        state.gate_open = not state.book.paused
        state.pause_wanted = state.book.paused
        desk.lead("retries")
        return f"retrying: {desk.machine.phase}"
