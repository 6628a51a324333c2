"""Dust: what is held of a coin and cannot be traded, as it is too little.

On spot it is never far: a fee that is taken from the coin leaves a fraction of a lot of
every purchase. Those coins are there, and no loss: they are set aside at what they have
cost, and the next position of their symbol begins with them, so that dust never adds up
to more than one rest. The rest of a contract serves nobody: it is written off.

Either way the trade has ended, people are told, and the book knows of it: what it
expects the exchange to show is right to the last digit.
"""

from decimal import Decimal

from actors.domain import remainder
from actors.domain.ledger import GRAIN, Position
from actors.domain.money import ZERO, nearest_to
from actors.risk.account.desk import Desk
from actors.risk.orders.records import DustLeft


class Dust:
    """Keeps what cannot be traded in the book, with what was booked for it."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def end(self, position: Position) -> Position:
        """End a position whose rest nothing can trade; the rest stays in the book."""
        desk, symbol, known = self._desk, position.symbol, self._known(position.symbol)
        if desk.state.instruments[symbol].shortable:
            ended = remainder.write_off(position, desk.now_ms)
            loss, cost = position.realized - ended.realized, ZERO
            did = f"written off as dust at a loss of {loss:.4f}"
        else:
            # A fee leaves crumbs of every purchase: they are not why a trade ended.
            whole = position.open >= desk.state.instruments[symbol].lot_size
            reason = "dust" if whole else position.reason or "dust"
            ended, cost = remainder.set_aside(position, desk.now_ms, reason)
            loss = ZERO
            did = f"set aside as dust that has cost {cost:.4f}"
        left = DustLeft(
            symbol,
            known.quantity + ended.dust * position.side.sign,
            known.loss + loss,
            known.cost + cost,
        )
        desk.account(left, symbol)
        desk.spend(ended.realized - position.realized, ZERO)
        told = f"{ended.dust} is left and too little to be traded"
        desk.alert("warning", "exchange", told, did, symbol)
        return ended

    def joined(self, position: Position) -> Position:
        """Let a position that begins sell the coins that are set aside as well."""
        symbol, known = position.symbol, self._known(position.symbol)
        shortable = self._desk.state.instruments[symbol].shortable
        if shortable or known.quantity * position.side.sign <= ZERO:
            return position
        self._desk.account(DustLeft(symbol, ZERO), symbol)
        return remainder.begin_with(position, known.quantity, known.cost)

    def explaining(self, symbol: str, theirs: Decimal) -> Decimal | None:
        """Give the dust that would explain what the exchange holds; None: it is more.

        Fractions of a lot come and go at a spot account without anybody's trade.
        """
        desk = self._desk
        instrument = desk.state.instruments.get(symbol)
        if instrument is None or instrument.shortable:
            return None
        beside = desk.book.expected(symbol) - desk.book.dust_in(symbol)
        left = theirs - beside
        return left if ZERO <= left < instrument.lot_size else None

    def found(self, symbol: str, left: Decimal, price: Decimal) -> None:
        """Take the exchange's word for what is dust; `price`: what a coin has cost."""
        desk, known = self._desk, self._known(symbol)
        cost = known.cost + max(left - known.quantity, ZERO) * price
        if left < known.quantity:
            cost = nearest_to(known.cost * left / known.quantity, GRAIN)
        desk.account(DustLeft(symbol, left, known.loss, cost), symbol)
        told = (
            f"{left} is there and too little to be traded, {known.quantity} was known"
        )
        desk.alert("info", "exchange", told, "it counts as dust", symbol)

    def _known(self, symbol: str) -> DustLeft:
        return self._desk.book.dust.get(symbol) or DustLeft(symbol, ZERO)
