"""What is said in a request's body, where it is not a command's own arguments."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from actors.domain.messages import Role
from config.preset import Preset
from control.commands import Fraction, Price


class Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """The base of every body; a field that nobody knows is an error."""


class Nothing(Body, frozen=True):
    """Nothing need be said; an empty object may be."""


class Confirm(Body, frozen=True):
    """The word that must be typed."""

    confirm: str = ""


class ClosePosition(Body, frozen=True):
    """How much of a position, and at what price at worst; none: at market."""

    fraction: Fraction = 1.0
    limit_price: Price | None = None


class SignIn(Body, frozen=True):
    """One of the two."""

    token: str | None = None
    ticket: str | None = None


class PresetEdit(Body, frozen=True):
    """A preset as it shall be, and the version that was edited; null: a new one."""

    preset: dict[str, Any]
    version: int | None = None


class PresetEditShown(Body, frozen=True):
    """A preset as it shall be, and the version that was edited; null: a new one."""

    preset: Preset
    version: int | None = None


class NewToken(Body, frozen=True):
    """Who it is for, what it may do, and for how long; null: until it is revoked."""

    id: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
    role: Role
    days: Annotated[int, Meta(ge=1, le=3650)] | None = None
