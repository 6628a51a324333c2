"""Dust: what is held of a coin and cannot be traded, as it is too little.

On spot it is never far: a fee that is taken from the coin leaves a fraction of a lot of
every purchase. What a position leaves is written off, said, and known as dust, so that
our book goes on being what the exchange shows. Where coins are coins, on spot, the next
position of its symbol begins with it, at what it has cost: dust never adds up to more
than one rest, and none is lost for good.
"""

from decimal import Decimal

from actors.domain import ledger
from actors.domain.ledger import GRAIN, Position
from actors.domain.money import ZERO, nearest_to
from actors.domain.orders import ExchangePosition
from actors.risk.account.desk import Desk
from actors.risk.orders.records import DustLeft


class Dust:
    """Keeps what cannot be traded in the book, with what was booked for it."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def write_off(self, position: Position) -> Position:
        """End a position whose rest nothing can trade; the rest stays in the book."""
        desk, symbol = self._desk, position.symbol
        crumbs = position.open < desk.state.instruments[symbol].lot_size
        # Fees leave those of every purchase: that is not why it ended.
        reason = position.reason if crumbs else ""
        ended = ledger.write_off(position, desk.now_ms, reason or "dust")
        loss = position.realized - ended.realized
        known = self._known(symbol)
        quantity = known.quantity + ended.dust * position.side.sign
        desk.account(DustLeft(symbol, quantity, known.loss + loss), symbol)
        desk.spend(-loss, ZERO)
        desk.alert(
            "warning",
            "exchange",
            f"{ended.dust} is left and too little to be traded",
            f"written off as dust at a loss of {loss:.4f}",
            symbol,
        )
        return ended

    def joined(self, position: Position) -> Position:
        """Let a position that begins sell the dust of its coin as well."""
        desk, symbol = self._desk, position.symbol
        known = self._known(symbol)
        shortable = desk.state.instruments[symbol].shortable
        if shortable or known.quantity * position.side.sign <= ZERO:
            return position
        desk.account(DustLeft(symbol, ZERO), symbol)
        desk.spend(known.loss, ZERO)
        return ledger.begin_with(position, known.quantity, known.loss)

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

    def found(self, symbol: str, left: Decimal, held: ExchangePosition | None) -> None:
        """Take the exchange's word for what is dust."""
        desk, known = self._desk, self._known(symbol)
        more, loss = left - known.quantity, known.loss
        if more > ZERO and held is not None:
            worth = more * held.entry_price
            loss += worth
            desk.adjust_cash(-worth, f"dust {known.quantity} -> {left} of {symbol}")
        elif known.quantity:
            loss = nearest_to(loss * left / known.quantity, GRAIN)
        desk.account(DustLeft(symbol, left, loss), symbol)
        desk.alert(
            "info",
            "exchange",
            f"{left} is there and too little to be traded, {known.quantity} was known",
            "it counts as dust",
            symbol,
        )

    def _known(self, symbol: str) -> DustLeft:
        return self._desk.book.dust.get(symbol) or DustLeft(symbol, ZERO)
