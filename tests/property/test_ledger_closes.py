"""Whatever the fills, a closed position's book has no residual: not a digit."""

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from random import Random

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from actors.domain import ledger, remainder
from actors.domain.ledger import Position
from actors.domain.orders import Fill, Side
from tests.trades import fill, planned

LOT = Decimal("0.001")
prices = st.decimals(Decimal("0.0001"), Decimal(90_000), places=4)
fees = st.decimals(Decimal(0), Decimal(50), places=6)
lots = st.integers(1, 10_000)
entries = st.lists(st.tuples(lots, prices, fees), min_size=1, max_size=5)
cuts = st.lists(st.tuples(st.integers(1, 10_000), prices, fees), max_size=5)


def cash(fills: list[Fill]) -> Fraction:
    """What the fills brought in, exactly, before fees."""
    return sum(
        (
            -one.side.sign * Fraction(one.quantity) * Fraction(one.price)
            for one in fills
        ),
        Fraction(0),
    )


def opened(side: Side, parts: list[tuple[int, Decimal, Decimal]]) -> list[Fill]:
    return [fill(side, size * LOT, price, fee) for size, price, fee in parts]


def exits(
    side: Side, held: Decimal, parts: list[tuple[int, Decimal, Decimal]], last: Decimal
) -> list[Fill]:
    """Exits of random sizes, then one for what is left."""
    found = []
    for size, price, fee in parts:
        quantity = min(size * LOT, held - LOT)
        if quantity > 0:
            found.append(fill(side.opposite, quantity, price, fee))
            held -= quantity
    return [*found, fill(side.opposite, held, last)]


def booked(position: Position, ins: list[Fill], outs: list[Fill]) -> list[Position]:
    states = []
    for one in ins:
        position = ledger.enter(position, one)
        states.append(position)
    for one in outs:
        position = ledger.reduce(position, one, "exit")
        states.append(position)
    return states


@given(st.sampled_from(Side), entries, cuts, prices)
def test_fills_sum_to_the_position_and_the_result_to_the_cash(
    side: Side,
    ins: list[tuple[int, Decimal, Decimal]],
    outs: list[tuple[int, Decimal, Decimal]],
    last: Decimal,
) -> None:
    bought = opened(side, ins)
    held = sum((one.quantity for one in bought), Decimal(0))
    sold = exits(side, held, outs, last)
    states = booked(planned(side), bought, sold)
    done = states[-1]
    assert done.ended
    assert done.open == 0
    assert done.entered == held == sum(one.quantity for one in sold)
    assert done.fees == sum(one.fee for one in bought + sold)
    assert Fraction(done.realized) == cash(bought + sold)


@given(st.sampled_from(Side), entries, cuts, prices)
def test_what_was_booked_on_the_way_adds_up_in_the_account(
    side: Side,
    ins: list[tuple[int, Decimal, Decimal]],
    outs: list[tuple[int, Decimal, Decimal]],
    last: Decimal,
) -> None:
    """Cash takes each fill's share of the result; the shares are the result."""
    bought = opened(side, ins)
    held = sum((one.quantity for one in bought), Decimal(0))
    sold = exits(side, held, outs, last)
    account, before = Decimal(10_000), Decimal(0)
    for state in booked(planned(side), bought, sold):
        account += state.realized - before
        before = state.realized
    assert Fraction(account) == 10_000 + cash(bought + sold)


@given(st.sampled_from(Side), entries, cuts, prices, st.randoms())
def test_in_whatever_order_the_fills_come_they_add_up(
    side: Side,
    ins: list[tuple[int, Decimal, Decimal]],
    outs: list[tuple[int, Decimal, Decimal]],
    last: Decimal,
    order: Random,
) -> None:
    bought = opened(side, ins)
    held = sum((one.quantity for one in bought), Decimal(0))
    sold = exits(side, held, outs, last)
    fills = [*bought, *sold]
    order.shuffle(fills)
    position, net = planned(side), Decimal(0)
    for number, one in enumerate(fills, start=1):
        if position.ended:
            return  # what came until now was a whole trade
        book = ledger.enter if one.side is side else sold_for("exit")
        position = book(position, one)
        net += one.quantity * one.side.sign
        assert position.net == net
        assert not (position.open and position.over)
        if position.ended:
            assert net == 0
            assert Fraction(position.realized) == cash(fills[:number])


def sold_for(reason: str) -> Callable[[Position, Fill], Position]:
    return lambda position, one: ledger.reduce(position, one, reason)


@given(st.sampled_from(Side), entries, cuts, prices)
def test_a_write_off_costs_the_value_of_what_is_left(
    side: Side,
    ins: list[tuple[int, Decimal, Decimal]],
    outs: list[tuple[int, Decimal, Decimal]],
    last: Decimal,
) -> None:
    bought = opened(side, ins)
    held = sum((one.quantity for one in bought), Decimal(0))
    *sold, rest = exits(side, held, outs, last)
    left = booked(planned(side), bought, sold)[-1]
    done = remainder.write_off(left, left.updated_ms)
    assert done.dust == rest.quantity
    value = Fraction(left.mark) * Fraction(left.open)
    at_the_mark = msgspec.structs.replace(rest, price=left.mark)
    closed = cash([*bought, *sold, at_the_mark])
    assert Fraction(done.realized) == closed - value


@given(st.sampled_from(Side), entries, cuts, prices)
def test_averages_lie_between_the_prices_they_average(
    side: Side,
    ins: list[tuple[int, Decimal, Decimal]],
    outs: list[tuple[int, Decimal, Decimal]],
    last: Decimal,
) -> None:
    bought = opened(side, ins)
    held = sum((one.quantity for one in bought), Decimal(0))
    sold = exits(side, held, outs, last)
    done = booked(planned(side), bought, sold)[-1]
    slack = Decimal("1e-18")  # an average of thirds ends somewhere
    for average, fills in ((done.entry, bought), (done.exit, sold)):
        assert min(one.price for one in fills) - slack <= average
        assert average <= max(one.price for one in fills) + slack
