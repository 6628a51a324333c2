"""What every group of choices shares: frozen, closed, and each number in its bounds.

msgspec enforces bounds of int and float while it decodes. Decimals, and values given
in Python code, are checked here, so that a group out of bounds cannot exist.
"""

from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from typing import Any, get_args, get_type_hints

import msgspec
from msgspec import Meta

_SIGNS = {"gt": ">", "ge": ">=", "le": "<="}
_WORDS = {"gt": "exclusiveMinimum", "ge": "minimum", "le": "maximum"}


def bounded(
    *, gt: int | None = None, ge: int | None = None, le: int | None = None
) -> Meta:
    """Bound a Decimal (msgspec's own bounds know only int and float)."""
    given = {"gt": gt, "ge": ge, "le": le}
    limits = {sign: at for sign, at in given.items() if at is not None}
    # What a JSON schema says of the same bounds.
    shown = {_WORDS[sign]: at for sign, at in limits.items()}
    return Meta(extra=limits, extra_json_schema=shown)


class Group(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The base of every group: frozen, and a field nobody knows is an error."""

    def __post_init__(self) -> None:
        """Raise ValueError for the first number that is out of its bounds."""
        for name, limits in _limits(type(self)):
            value = getattr(self, name)
            if isinstance(value, int | float | Decimal):
                _check(name, value, limits)


def _check(name: str, value: float | Decimal, limits: dict[str, Any]) -> None:
    """Raise ValueError unless one number is finite and within its limits."""
    number = Decimal(value)
    wanted = " and ".join(f"{_SIGNS[sign]} {at}" for sign, at in limits.items())
    if not number.is_finite() or not all(
        _within(number, sign, Decimal(at)) for sign, at in limits.items()
    ):
        msg = f"`{name}` is {value}; it must be a finite number {wanted}".rstrip()
        raise ValueError(msg)


def _within(number: Decimal, sign: str, at: Decimal) -> bool:
    match sign:
        case "gt":
            return number > at
        case "ge":
            return number >= at
        case _:
            return number <= at


@cache
def _limits(group: type[Group]) -> tuple[tuple[str, dict[str, Any]], ...]:
    """List each field's limits, from its annotations."""
    hints = get_type_hints(group, include_extras=True)
    return tuple(
        (name, {sign: at for meta in _metas(hint) for sign, at in _stated(meta)})
        for name, hint in hints.items()
    )


def _metas(hint: Any) -> Iterator[Meta]:
    """Find the Meta of a type or of a member of its union."""
    for part in get_args(hint):
        if isinstance(part, Meta):
            yield part
        elif get_args(part):
            yield from _metas(part)


def _stated(meta: Meta) -> Iterator[tuple[str, Any]]:
    stated = meta.extra or {sign: getattr(meta, sign) for sign in _SIGNS}
    for sign, at in stated.items():
        if at is not None:
            yield sign, at
