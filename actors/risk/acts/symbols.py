"""What a person may do to one symbol: pause it, let it go on, release it.

A pause is a fact of the account, so it outlives the actor and the process. The actor
goes on scanning, so that its levels are fresh when it may trade again and each signal
says why it was refused; an open position stays managed and protected.
"""

from typing import Any

from actors.domain.messages import Command
from actors.risk.account.desk import Desk
from actors.risk.orders.records import SymbolPaused
from actors.risk.truth.policies import Policies
from actors.risk.truth.requests import Done, Refusal, SymbolTended


class SymbolActs:
    """Pauses, resumes and releases symbols."""

    def __init__(self, desk: Desk, policies: Policies) -> None:
        self._desk = desk
        self._policies = policies

    async def pause(self, command: Command) -> Done:
        """Take no new entries in one symbol."""
        symbol, state = self._known(command), self._desk.state
        who = state.book.paused_symbols.get(symbol)
        if who is not None:
            return Done(f"{symbol} is paused already, by {who}", "PAUSED", "PAUSED")
        before = self._entries(symbol)
        by = f"{command.principal} as {command.role}"
        self._desk.account(SymbolPaused(symbol, by), symbol)
        state.armed.pop(symbol, None)
        self._desk.lead("symbol paused", symbol)
        text = f"{symbol} is paused: no new entries; its position stays managed"
        return Done(text, before, "PAUSED")

    async def resume(self, command: Command) -> Done:
        """Take entries in one symbol again."""
        symbol, state = self._known(command), self._desk.state
        if symbol not in state.book.paused_symbols:
            msg = f"symbol_resume: {symbol} is not paused; now: {self._entries(symbol)}"
            raise Refusal(msg)
        self._desk.account(SymbolPaused(symbol, None), symbol)
        after = self._entries(symbol)
        return Done(f"{symbol} is resumed: {after}", "PAUSED", after)

    def _entries(self, symbol: str) -> str:
        return self._desk.state.no_entries(symbol) or "takes entries"

    def _known(self, command: Command) -> str:
        symbol: Any = command.args.get("symbol")
        if symbol not in self._desk.state.instruments:
            count = len(self._desk.state.instruments)
            msg = (
                f"{command.name}: symbol {symbol!r} is unknown; the market has "
                f"{count}, see GET /api/symbols"
            )
            raise Refusal(msg)
        return str(symbol)

    # --- what the conductor begins --------------------------------------------------

    def tended(self, told: SymbolTended) -> Done:
        """End what the conductor began: a halt is lifted too. Raises Refusal.

        A halt may be lifted where our book is the exchange's: what differs must be
        settled, which says what becomes of it.
        """
        symbol = self._known(told.command)
        if told.refused:
            raise Refusal(told.refused)
        if told.command.name != "symbol_release":
            return Done(told.did, told.before, told.after)
        before, lifted = self._entries(symbol), ""
        if symbol in self._desk.book.halted:
            try:
                lifted = self._policies.release(symbol)
            except Refusal as refusal:
                if not told.did:
                    raise
                lifted = f"still halted: {refusal}"
        if not (told.did or lifted):
            msg = (
                f"symbol_release: {symbol} is neither quarantined nor halted: "
                f"{self._entries(symbol)}"
            )
            raise Refusal(msg)
        text = "; ".join(filter(None, (told.did, lifted)))
        return Done(text, f"{told.before}, {before}", f"{told.after}, {lifted}")
