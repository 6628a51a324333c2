"""What a position leaves that cannot be traded: written off, or set aside at cost."""

from decimal import Decimal

import msgspec

from actors.domain.ledger import GRAIN, Position, move
from actors.domain.money import ZERO, nearest_to
from actors.domain.phases import TradePhase


def write_off(position: Position, ts_ms: int) -> Position:
    """End a position whose rest cannot be traded: the rest's value is lost.

    Its value is that at the newest price. On either side the result is what all fills
    and a close at that price would have brought, less that value.
    """
    value = position.mark * position.open
    result = position.exit_value + value - position.entry_value
    return _dusty(position, ts_ms, result * position.side.sign - value, "dust")


def set_aside(position: Position, ts_ms: int, reason: str) -> tuple[Position, Decimal]:
    """End a position whose rest are coins that cannot be sold alone; give their cost.

    They are there, and the next position begins with them: the result is without them.
    """
    cost = nearest_to(position.entry * position.open, GRAIN)
    result = position.exit_value - (position.entry_value - cost)
    return _dusty(position, ts_ms, result, reason), cost


def _dusty(position: Position, ts_ms: int, realized: Decimal, reason: str) -> Position:
    return msgspec.structs.replace(
        move(position, TradePhase.DUST),
        open=ZERO,
        dust=position.open,
        realized=realized,
        updated_ms=ts_ms,
        closed_ms=ts_ms,
        reason=reason,
    )


def begin_with(position: Position, quantity: Decimal, cost: Decimal) -> Position:
    """Begin a position with what an earlier one has left, at what that has cost."""
    assert not position.entered, "only a position that begins takes over what is left"
    return msgspec.structs.replace(
        position,
        entered=quantity,
        open=quantity,
        entry=cost / quantity,
        entry_value=cost,
    )
