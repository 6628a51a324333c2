"""Money is Decimal: made here, rounded here, and in one stated direction each time."""

from decimal import (
    ROUND_CEILING,
    ROUND_DOWN,
    ROUND_FLOOR,
    ROUND_HALF_EVEN,
    Decimal,
    InvalidOperation,
)
from typing import Any

ZERO = Decimal(0)
ONE = Decimal(1)
BPS = Decimal("0.0001")


def decimal_from_float(value: float) -> Decimal:
    """Turn a kernel's float into the shortest Decimal that reads the same.

    Raises ValueError on NaN and infinities: UNKNOWN never becomes money.
    """
    if value != value or value in {float("inf"), float("-inf")}:  # noqa: PLR0124 - the NaN test that needs no import
        msg = f"{value!r} is not a price or a quantity; UNKNOWN must be handled before"
        raise ValueError(msg)
    return Decimal(repr(float(value)))


def number_of(value: Any) -> Decimal:
    """Read a number that a person gave; NaN: it is none."""
    try:
        return Decimal(str(value))
    except InvalidOperation:
        return Decimal("NaN")


def _steps(value: Decimal, step: Decimal, rounding: str) -> Decimal:
    assert step > ZERO, f"step {step} must be positive"
    return (value / step).to_integral_value(rounding) * step


def floor_to(value: Decimal, step: Decimal) -> Decimal:
    """Round down to a multiple of `step` (towards minus infinity)."""
    return _steps(value, step, ROUND_FLOOR)


def ceil_to(value: Decimal, step: Decimal) -> Decimal:
    """Round up to a multiple of `step` (towards plus infinity)."""
    return _steps(value, step, ROUND_CEILING)


def truncate_to(value: Decimal, step: Decimal) -> Decimal:
    """Round towards zero to a multiple of `step`: a size never grows by rounding."""
    return _steps(value, step, ROUND_DOWN)


def nearest_to(value: Decimal, step: Decimal) -> Decimal:
    """Round to the nearest multiple of `step`, ties to even."""
    return _steps(value, step, ROUND_HALF_EVEN)


def bps_of(value: Decimal, rate_bps: Decimal) -> Decimal:
    """Return `rate_bps` basis points of `value`."""
    return value * rate_bps * BPS
