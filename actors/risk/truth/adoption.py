"""Makes the fills that bring our book to the exchange's, with ids that never vary."""

from decimal import Decimal
from typing import Any

import msgspec

from actors.domain import ids
from actors.domain.ledger import Position
from actors.domain.money import ZERO, nearest_to, number_of
from actors.domain.orders import Fill, Side
from actors.domain.truth import Difference
from actors.risk.account.desk import Desk
from actors.risk.truth.differences import Differences
from actors.risk.truth.requests import Refusal

#: A stop that nobody has named: one trade's risk away, within these shares of entry.
STOP_SHARES = (Decimal("0.005"), Decimal("0.05"))
#: No price is beyond this power of ten either way: it could not be reckoned with.
POWER_MAX = 12


class Adoption:
    """Says what must have happened without us; nothing is booked here."""

    def __init__(self, desk: Desk, differences: Differences) -> None:
        self._desk = desk
        self._differences = differences

    def name(self, difference: Difference) -> str:
        """Name the adjustment: the same again after a crash."""
        book = self._desk.book
        return ids.adjustment_id(
            book.account,
            difference.symbol,
            difference.ours,
            difference.theirs,
            book.adjustments,
        )

    def target(self, symbol: str) -> Decimal:
        """What our position would be: theirs, without what cannot be traded."""
        theirs = self._theirs(symbol)
        return theirs - self._desk.book.dust_in(symbol) if theirs else ZERO

    def swept(self, symbol: str) -> Decimal:
        """What our book has as dust where the exchange shows nothing, signed."""
        return ZERO if self._theirs(symbol) else self._desk.book.dust_in(symbol)

    def beside(self, symbol: str) -> Decimal:
        """By how much theirs differs from all that is ours, signed."""
        book = self._desk.book
        return self._theirs(symbol) - book.ours(symbol) - book.dust_in(symbol)

    def _theirs(self, symbol: str) -> Decimal:
        shown = self._differences.positions.get(symbol)
        return ZERO if shown is None else shown.quantity

    def missing(self, difference: Difference) -> Fill:
        """Make the fill that the exchange counts for an order and does not list.

        Raises Refusal: it has come since it was missed, or has no price.
        """
        book = self._desk.book
        record = book.orders.get(difference.subject)
        counted = Decimal(difference.theirs)
        if record is None or record.filled >= counted:
            msg = f"settle: the fills of {difference.subject} are here; reconcile again"
            raise Refusal(msg)
        request, symbol = record.request, difference.symbol
        held, theirs = book.positions.get(symbol), self._differences.positions
        price = request.limit_price or request.stop_price
        if record.purpose != "entry" and held is not None:
            price = held.mark
        elif symbol in theirs:
            price = theirs[symbol].entry_price
        if price is None:
            msg = f"settle: {difference.id} has no price to be booked at"
            raise Refusal(msg)
        name, quantity = self.name(difference), counted - record.filled
        made = self._made(name, symbol, request.side, quantity, price)
        return msgspec.structs.replace(made, client_id=record.client_id)

    def fills(
        self, difference: Difference, stop: Any
    ) -> list[tuple[Fill, Position | None]]:
        """Make what leads from our position to theirs, and the position it opens.

        Raises Refusal: no stop can stand behind it.
        """
        symbol, book = difference.symbol, self._desk.book
        name, target = self.name(difference), self.target(symbol)
        ours, held = book.ours(symbol), book.positions.get(symbol)
        kept = target if ours * target > ZERO else ZERO
        made: list[tuple[Fill, Position | None]] = []
        if held is not None and abs(kept) < abs(ours):
            less = abs(ours) - abs(kept)
            away = held.side if held.over else held.side.opposite
            made.append((self._made(f"{name}-x", symbol, away, less, held.mark), None))
            ours = kept
        if target != ours:
            side = Side.LONG if target > ZERO else Side.SHORT
            paid = self._differences.positions[symbol].entry_price
            price = held.mark if held is not None and ours else paid
            more = self._made(f"{name}-e", symbol, side, abs(target - ours), price)
            made.append((more, None if ours else self._begun(more, stop)))
        return made

    def _begun(self, fill: Fill, stop: Any) -> Position:
        """Begin the position that an adopted fill opens."""
        price = self._stop(fill, stop)
        correlation = f"c-{fill.trade_id.removeprefix('a-')}"
        return Position(
            id=ids.position_id(correlation),
            correlation=correlation,
            symbol=fill.symbol,
            side=fill.side,
            kind="adopted",
            level=None,
            stop=price,
            initial_stop=price,
            targets=(),
            opened_ms=fill.ts_ms,
            updated_ms=fill.ts_ms,
            atr=abs(fill.price - price),  # nobody has measured it: one R
        )

    def _stop(self, fill: Fill, given: Any) -> Decimal:
        """Take the stop that a person has named, or one trade's risk away."""
        state, sign = self._desk.state, fill.side.sign
        tick = state.instruments[fill.symbol].tick_size
        if given is not None:
            stop = _price(given)
        elif state.preset is None:
            msg = "settle: no preset says how far a stop stands; name it: stop"
            raise Refusal(msg)
        else:
            low, high = (fill.price * share for share in STOP_SHARES)
            risk = state.equity * state.preset.risk.risk_per_trade / fill.quantity
            stop = fill.price - sign * min(max(risk, low), high)
        stop = nearest_to(stop, tick)
        if not (stop > ZERO and (fill.price - stop) * sign > ZERO):
            msg = f"settle: stop {stop} is not behind the entry {fill.price}"
            raise Refusal(msg)
        return stop

    def _made(
        self, name: str, symbol: str, side: Side, quantity: Decimal, price: Decimal
    ) -> Fill:
        """Make the fill that explains a difference."""
        now_ms = self._desk.now_ms
        return Fill(name, name, symbol, side, quantity, price, ZERO, False, now_ms)


def _price(value: Any) -> Decimal:
    price = number_of(value)
    if not price.is_finite() or abs(price.adjusted()) > POWER_MAX:
        msg = f"settle: stop is {value!r}; it must be a price"
        raise Refusal(msg)
    return price
