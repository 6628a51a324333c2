"""Which target is due, where the bar takes it: the next one, by its share."""

from decimal import Decimal

import msgspec
import pytest

from actors.domain import exits
from actors.domain.ledger import Position
from actors.domain.orders import Side
from tests.presets import instrument
from tests.trades import running

D = Decimal


def at(side: Side, away: int, **changes: object) -> Position:
    """Hold 10 from 100, two targets of 40 % each, and a newest price."""
    sign = side.sign
    ladder = ((D(100) + 3 * sign, D("0.4")), (D(100) + 6 * sign, D("0.4")))
    return running(
        side, **({"targets": ladder, "mark": D(100) + away * sign} | changes)
    )


@pytest.mark.parametrize("side", Side)
def test_the_next_target_is_due_when_the_price_has_reached_it(side: Side) -> None:
    assert exits.target_due(at(side, 2), instrument()) is None
    assert exits.target_due(at(side, 3), instrument()) == (1, D(4))
    beyond = at(side, 9)
    assert exits.target_due(beyond, instrument()) == (1, D(4))  # one after the other
    second = at(side, 9, targets_hit=1, open=D(6))
    assert exits.target_due(second, instrument()) == (2, D(4))
    done = at(side, 9, targets_hit=2, open=D(2))
    assert exits.target_due(done, instrument()) is None


def test_a_target_takes_its_share_of_what_was_left_by_a_close() -> None:
    half = at(Side.LONG, 3, open=D(5))
    assert exits.target_due(half, instrument()) == (1, D(2))


def test_a_target_takes_all_where_too_little_would_be_left() -> None:
    least = msgspec.structs.replace(instrument(), quantity_min=D(3))
    last = at(Side.LONG, 6, targets_hit=1, open=D(6))
    assert exits.target_due(last, least) == (2, D(6))
    dust = at(Side.LONG, 6, targets_hit=1, open=D(2))
    assert exits.target_due(dust, least) is None
