"""Closes what is held under the kill switch: again and again, never twice at once.

A close is a market order, reduce-only. One that is refused, or that does not move for
STUCK_MS of the exchange's time, is a failure: it is counted, journalled, alarmed, and
tried again as a new intent, but only once the old one is proved to have ended. Each
refusal halves what is asked for, as an exchange may refuse a size; the smallest piece
refused, it begins again with the whole. Between two tries it waits, longer each time.
"""

from decimal import Decimal

import msgspec

from actors.domain.exits import orderable
from actors.domain.ledger import Position
from actors.domain.money import floor_to
from actors.domain.orders import OrderState
from actors.domain.truth import Truth
from actors.risk.account.desk import Desk
from actors.risk.holding.protection import Protection
from actors.risk.orders.orders import OrderBook
from actors.risk.orders.records import Effort, KillChanged, KillSwitch, OrderRecord

#: A close without a fill for so long is cancelled and sent anew.
STUCK_MS = 90_000
#: The wait after a failure; it doubles with each further one.
RETRY_FIRST_MS = 1_000
RETRY_MAX_MS = 60_000
#: The smallest piece is the whole, halved so often.
HALVINGS_MAX = 4


class Flattening:
    """Closes every position; what was tried is in the kill switch's record."""

    def __init__(self, desk: Desk, orders: OrderBook, protection: Protection) -> None:
        self._desk = desk
        self._orders = orders
        self._protection = protection
        self._owed: set[str] = set()  # symbols in which the exchange holds our net

    def shown(self, truth: Truth) -> None:
        """Note where the exchange holds what our book says that we do."""
        changed, book = self._desk.state.changed.symbols, self._desk.book
        if truth.positions is not None:
            self._owed = {
                held.symbol
                for held in truth.positions
                if held.quantity == book.ours(held.symbol)
                and changed.get(held.symbol, 0) <= truth.look.version
            }

    @property
    def unsure(self) -> bool:
        """Whether the exchange must say if what was taken off too much is owed.

        An entry's fill that comes late may make it good.
        """
        held = self._desk.book.positions.values()
        return any(p.over and p.symbol not in self._owed for p in held)

    def held(self) -> list[Position]:
        """List what must still be closed; dust cannot be."""
        state = self._desk.state
        return [
            position
            for position in state.book.positions.values()
            if orderable(
                max(position.open, position.over), state.instruments[position.symbol]
            )
        ]

    async def flatten(self) -> None:
        """Take the next step with each position."""
        for position in self.held():
            await self._close(position)

    async def _close(self, position: Position) -> None:
        if position.over and position.symbol not in self._owed:
            return
        live = self._protection.closing.closes(position)
        if live:  # of whatever reason: never a second one beside it
            await self._hasten(live[0])
            return
        effort = self._judged(position)
        if self._desk.now_ms < effort.not_before_ms:
            return
        await self._protection.close(position, "kill_switch")
        self._judged(position)

    async def _hasten(self, close: OrderRecord) -> None:
        """Cancel a close that does not move; the next follows when it has ended."""
        still_ms = self._desk.now_ms - close.updated_ms
        if still_ms < STUCK_MS or close.cancel_wanted:
            return
        self._desk.alert(
            "error",
            "exchange",
            f"close {close.client_id} has not moved for {still_ms // 1000} s",
            "it is cancelled; another follows once it has ended",
            close.request.symbol,
        )
        await self._orders.cancel(close)

    def _judged(self, position: Position) -> Effort:
        """Count the newest close that has ended, if it is not counted yet."""
        kill, symbol = self._kill, position.symbol
        effort = kill.efforts.get(symbol, Effort())
        close = self._newest_ended(position)
        if close is None or close.client_id == effort.judged:
            return effort
        if close.state is OrderState.FILLED:
            if effort.in_a_row == 0:
                return effort
            effort = msgspec.structs.replace(effort, in_a_row=0, not_before_ms=0)
        else:
            effort = self._failed(position, effort, close)
        effort = msgspec.structs.replace(effort, judged=close.client_id)
        changed = msgspec.structs.replace(
            kill, efforts={**kill.efforts, symbol: effort}
        )
        self._desk.account(KillChanged(changed), symbol)
        return effort

    def _failed(self, position: Position, effort: Effort, close: OrderRecord) -> Effort:
        desk, in_a_row = self._desk, effort.in_a_row + 1
        wait_ms = min(RETRY_FIRST_MS << min(in_a_row - 1, 16), RETRY_MAX_MS)
        piece = effort.piece
        if close.state is OrderState.REFUSED:
            piece = self._smaller(position, close)
        desk.state.counts["kill_closes_failed"] += 1
        desk.alert(
            "critical",
            "exchange",
            f"close of {close.request.quantity} under the kill switch: {close.state}, "
            f"{close.outcome or 'no reason given'}; failure {effort.failures + 1}",
            f"again in {wait_ms // 1000} s with {piece or 'all that is held'}",
            position.symbol,
        )
        return msgspec.structs.replace(
            effort,
            failures=effort.failures + 1,
            in_a_row=in_a_row,
            piece=piece,
            not_before_ms=desk.now_ms + wait_ms,
        )

    def _smaller(self, position: Position, refused: OrderRecord) -> Decimal | None:
        """Halve what was refused; None: too small, begin again with the whole."""
        instrument = self._desk.state.instruments[position.symbol]
        half = floor_to(refused.request.quantity / 2, instrument.lot_size)
        if half < instrument.quantity_min or half * 2**HALVINGS_MAX < position.open:
            return None
        return half

    @property
    def _kill(self) -> KillSwitch:
        kill = self._desk.book.kill
        assert kill is not None, "only a tripped kill switch flattens"
        return kill

    def _newest_ended(self, position: Position) -> OrderRecord | None:
        for record in reversed(self._desk.book.ended.values()):
            ours = record.correlation == position.correlation
            since = record.created_ms >= self._kill.triggered_ms
            if ours and since and record.purpose == "close":
                return record
        return None
