"""What the exchange still shows of an account that should be flat.

Everything it shows stands in the way. What is ours by our book is seen there and is
not named here: a person would end it by hand. Two things do not count: what a person
has said to leave alone, as long as it is as large as it was then, and dust, which
nobody can trade and which is said.
"""

from collections.abc import Callable, Iterator

import msgspec

from actors.domain.exits import orderable
from actors.domain.orders import ExchangePosition, OpenOrder
from actors.domain.truth import DifferenceKind, Truth
from actors.risk.account.state import RiskState

#: Things that an alarm names.
NAMED_MAX = 5
#: Whether a person has said of a difference (kind, symbol, subject) to leave it alone.
LeftAlone = Callable[[DifferenceKind, str, str], bool]


class Shown(msgspec.Struct, frozen=True):
    """What the exchange shows."""

    in_the_way: tuple[str, ...]  # and not ours, in words for people
    dust: list[ExchangePosition]


def shown_by(truth: Truth, state: RiskState, left_alone: LeftAlone) -> Shown | None:
    """Read a truth; None: it is not whole, so it proves nothing."""
    orders, positions = truth.open_orders, truth.positions
    if orders is None or positions is None or truth.fills is None:
        return None
    dust = [held for held in positions if _is_dust(held, state)]
    large = [held for held in positions if held not in dust]
    theirs = [o for o in orders if o.request.client_id not in state.book.orders]
    in_the_way = (*_orders(theirs, left_alone), *_held(large, state, left_alone))
    return Shown(in_the_way, dust)


def _orders(orders: list[OpenOrder], left_alone: LeftAlone) -> Iterator[str]:
    for order in orders:
        request = order.request
        name, symbol = request.client_id, request.symbol
        if not left_alone(DifferenceKind.FOREIGN_ORDER, symbol, name):
            said = f"{request.side} {request.kind} {request.quantity}"
            yield f"order {name} in {symbol}: {said}"


def _held(
    positions: list[ExchangePosition], state: RiskState, left_alone: LeftAlone
) -> Iterator[str]:
    for held in positions:
        symbol = held.symbol
        known = held.quantity == state.book.expected(symbol)
        if held.quantity == state.book.ours(symbol):
            continue  # and it can be traded, so it is being closed
        if not (known and left_alone(DifferenceKind.POSITION, symbol, symbol)):
            yield f"position {held.quantity} in {symbol}"


def _is_dust(held: ExchangePosition, state: RiskState) -> bool:
    """Whether nobody could trade what is held, or our book says that it is dust."""
    known = state.book.dust.get(held.symbol)
    if known is not None and held.quantity == known.quantity:
        return True
    instrument = state.instruments.get(held.symbol)
    if instrument is None:
        return False  # of a market that we do not know: not ours to call small
    return not orderable(abs(held.quantity), instrument)


def named(things: tuple[str, ...]) -> str:
    """Name the first few things, and count the rest."""
    more = len(things) - NAMED_MAX
    told = ", ".join(things[:NAMED_MAX])
    return f"{told} and {more} more" if more > 0 else told
