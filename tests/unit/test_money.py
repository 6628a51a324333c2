"""Money is Decimal, rounded one stated way; ids are functions; errors a tree."""

import re
from collections.abc import Callable
from decimal import Decimal
from inspect import getmembers, isclass

import numpy as np
import pytest

from actors.domain import errors, ids, money
from actors.domain.bars import CONTEXT_COLUMNS, PRICE_COLUMNS, empty_bars
from actors.domain.orders import Side

D = Decimal


@pytest.mark.parametrize(
    ("value", "reads"),
    [(0.1, "0.1"), (1e-8, "1e-8"), (np.float64(65432.1), "65432.1"), (0.0, "0.0")],
)
def test_a_float_becomes_the_decimal_that_reads_the_same(
    value: float, reads: str
) -> None:
    assert money.decimal_from_float(value) == D(reads)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_unknown_never_becomes_money(value: float) -> None:
    with pytest.raises(ValueError, match="UNKNOWN must be handled before"):
        money.decimal_from_float(value)


@pytest.mark.parametrize(
    ("rounding", "up", "down"),
    [
        (money.floor_to, "1.2", "-1.3"),
        (money.ceil_to, "1.3", "-1.2"),
        (money.truncate_to, "1.2", "-1.2"),
        (money.nearest_to, "1.2", "-1.2"),
    ],
)
def test_each_rounding_has_its_direction(
    rounding: Callable[[Decimal, Decimal], Decimal], up: str, down: str
) -> None:
    assert rounding(D("1.24"), D("0.1")) == D(up)
    assert rounding(D("-1.24"), D("0.1")) == D(down)


def test_a_tie_goes_to_the_even_step() -> None:
    assert money.nearest_to(D("1.25"), D("0.1")) == D("1.2")
    assert money.nearest_to(D("1.35"), D("0.1")) == D("1.4")


@pytest.mark.parametrize("step", [D(0), D("-0.1")])
def test_a_step_is_positive(step: Decimal) -> None:
    with pytest.raises(AssertionError, match="must be positive"):
        money.floor_to(D(1), step)


def test_basis_points_are_ten_thousandths() -> None:
    assert money.bps_of(D(20_000), D("7.5")) == D(15)


def test_ids_are_the_same_in_every_run() -> None:
    candidate = ids.correlation_id("BTC/USDT", 1_700_000_000_000, "breakout", "")
    assert candidate == "c-bc369457f5011645"
    assert ids.position_id(candidate) == "p-bc369457f5011645"
    assert ids.session_id("engine", 5) == ids.session_id("engine", 5)


NAMERS = [
    (ids.correlation_id, ("BTC/USDT", 1, "breakout", "long")),
    (ids.intent_id, ("c-1", "entry", 1)),
    (ids.client_order_id, ("engine", "i-1", 1)),
    (ids.trade_id, ("bx1-1", 1)),
    (ids.session_id, ("engine", 1)),
]


@pytest.mark.parametrize(("namer", "parts"), NAMERS)
def test_an_id_names_every_part_of_its_thing(
    namer: Callable[..., str], parts: tuple
) -> None:
    changed = {
        namer(*parts[:at], 2 if part == 1 else f"{part}x", *parts[at + 1 :])
        for at, part in enumerate(parts)
    }
    assert len(changed | {namer(*parts)}) == len(parts) + 1


def test_parts_do_not_run_into_each_other() -> None:
    assert ids.intent_id("c-1", "stop1", 2) != ids.intent_id("c-1", "stop", 12)


@pytest.mark.parametrize("attempt", [1, 9, 10, 99])
def test_a_client_order_id_fits_every_exchange(attempt: int) -> None:
    name = ids.client_order_id("an engine with a long name", "i-1", attempt)
    assert re.fullmatch(r"[a-z0-9-]{1,24}", name)


@pytest.mark.parametrize("side", Side)
def test_a_side_and_its_opposite_cancel_out(side: Side) -> None:
    assert side.opposite.opposite is side
    assert side.sign + side.opposite.sign == 0


def test_long_is_up() -> None:
    assert (Side.LONG.sign, Side.SHORT.sign) == (1, -1)


def test_every_error_is_an_engine_error_with_its_place_in_the_tree() -> None:
    kinds = [kind for _, kind in getmembers(errors, isclass)]
    assert all(issubclass(kind, errors.EngineError) for kind in kinds)
    assert errors.__doc__ is not None
    drawn = re.findall(r"^ *\+-- (\w+)", errors.__doc__, re.MULTILINE)
    assert {*drawn, "EngineError"} == {kind.__name__ for kind in kinds}


def test_what_the_user_gave_wrong_is_a_value_error() -> None:
    wrong = {k for _, k in getmembers(errors, isclass) if issubclass(k, ValueError)}
    assert wrong == {errors.MarketDataError, errors.StrategyError}


def test_context_that_nobody_gave_is_unknown() -> None:
    bars = empty_bars(3)
    assert all(np.isnan(bars[column]).all() for column in CONTEXT_COLUMNS)
    assert all((bars[column] == 0).all() for column in PRICE_COLUMNS)
    assert set(bars.dtype.names) == {"ts", *PRICE_COLUMNS, *CONTEXT_COLUMNS}
