"""What the risk actor hears of its neighbours: symbols that leave, actors that end."""

from actors.domain.messages import Alert, SymbolDown
from actors.domain.phases import SymbolPhase
from actors.risk.account.desk import Desk
from actors.runtime import ChildState, Down

#: A symbol in one of these takes no entries.
UNAVAILABLE = frozenset(
    {
        SymbolPhase.PAUSED,
        SymbolPhase.STALE,
        SymbolPhase.RESTARTING,
        SymbolPhase.QUARANTINED,
    }
)


class Neighbours:
    """Refuses a symbol's entries while its actor is away, and tells people."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def symbol_down(self, down: SymbolDown) -> None:
        """Refuse a symbol's entries while its actor is away; its stop stands."""
        state = self._desk.state
        if down.phase not in UNAVAILABLE:
            state.unavailable.pop(down.symbol, None)
            if down.symbol in state.book.positions:
                self._desk.ports.position_changed(down.symbol, True)
            return
        state.unavailable[down.symbol] = f"{down.phase}: {down.reason}"
        state.armed.pop(down.symbol, None)
        self._desk.alert(
            "warning",
            "internal",
            f"{down.phase}: {down.reason}",
            "entries in this symbol are refused; its position stays protected",
            down.symbol,
        )
        self._desk.lead("symbol left work", down.symbol)

    async def child_down(self, down: Down) -> None:
        """Hear from the runtime that a symbol (the tag) or the feed ended."""
        if down.state is ChildState.STOPPING or down.state is ChildState.STOPPED:
            return
        quarantined = down.state is ChildState.QUARANTINED
        if down.tag is None:
            did = "the market stands still" if quarantined else "it starts again"
            severity = "critical" if quarantined else "warning"
            text = f"{down.name} {down.reason}"
            self._desk.alert(severity, "internal", text, did)
            return
        self._desk.state.counts["quarantined"] += quarantined
        phase = SymbolPhase.QUARANTINED if quarantined else SymbolPhase.RESTARTING
        await self.symbol_down(SymbolDown(str(down.tag), phase, down.reason))

    async def alert(self, fact: Alert) -> None:
        """Take an alert of another component into the one journal."""
        self._desk.raise_alert(fact)
