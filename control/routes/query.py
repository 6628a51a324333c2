"""What may be asked in a query string: bounded, typed, and never a credential."""

import re
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta

from control.errors import Refused

LIMIT_MAX = 500
LIMIT_DEFAULT = 100
TIME_MS_MAX = 4_102_444_800_000  # 2100-01-01

Limit = Annotated[int, Meta(ge=1, le=LIMIT_MAX)]
Cursor = Annotated[str, Meta(min_length=1, max_length=64)]
Serial = Annotated[int, Meta(ge=0, le=2**53)]
Moment = Annotated[int, Meta(ge=0, le=TIME_MS_MAX)]
Search = Annotated[str, Meta(max_length=100)]
TimeframeMs = Annotated[int, Meta(ge=60_000, le=604_800_000)]

Q = TypeVar("Q", bound=msgspec.Struct)


class Query(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """The base of every query; what nobody knows is an error."""


class Newest(Query, frozen=True):
    """How many."""

    limit: Limit = LIMIT_DEFAULT


class Paged(Newest, frozen=True):
    """How many, and after which."""

    cursor: Cursor | None = None


class Searched(Paged, frozen=True):
    """How many, after which, and what is in them."""

    search: Search = ""


class Exported(Searched, frozen=True):
    """The same, as JSON or as a file."""

    format: Literal["json", "csv"] = "json"


class Whys(Newest, frozen=True):
    """Of which symbol; none: of all."""

    symbol: Annotated[str, Meta(max_length=64)] | None = None


class Bars(Newest, frozen=True):
    """How many bars, and how long each is; none: the market's own."""

    timeframe_ms: TimeframeMs | None = None


class Lines(Newest, frozen=True):
    """Log lines after a number, at least so severe, with these words."""

    after: Serial = 0
    level: Literal["debug", "info", "warning", "error", "critical"] = "debug"
    search: Search = ""


class Span(Query, frozen=True):
    """Trades that closed from (included) to (excluded), ms since 1970; none: all."""

    since: Moment | None = msgspec.field(name="from", default=None)
    until: Moment | None = msgspec.field(name="to", default=None)


class Periods(Span, frozen=True):
    """By day, week or month (UTC)."""

    period: Literal["day", "week", "month"] = "day"


class Format(Span, frozen=True):
    """As JSON or as a file."""

    format: Literal["json", "csv"] = "json"


def asked(pairs: list[tuple[str, str]], kind: type[Q]) -> Q:
    """Read a query string's pairs; raises Refused 400 naming value, limit, remedy."""
    given = dict(pairs)
    if len(given) < len(pairs):
        twice = [name for name, _ in pairs]
        msg = f"query: {twice} names something twice; say each once"
        raise Refused(400, msg)
    try:
        query = msgspec.convert(given, kind, strict=False)
    except msgspec.ValidationError as error:
        allowed = ", ".join(kind.__struct_encode_fields__) or "nothing"
        msg = f"query: {error}{_shown(given, str(error))}; allowed: {allowed}"
        raise Refused(400, msg) from error
    empty = [name for name in given if _taken_for_null(query, name)]
    if empty:
        raise Refused(400, f"query: {empty} is null; leave out what is not meant")
    return query


def _taken_for_null(query: msgspec.Struct, name: str) -> bool:
    """Whether a word was read as nothing: in a query there is no null."""
    encoded = type(query).__struct_encode_fields__
    field = type(query).__struct_fields__[encoded.index(name)]
    return getattr(query, field) is None


def _shown(given: dict[str, Any], refusal: str) -> str:
    """Tell the value that msgspec leaves out."""
    found = re.search(r"`\$\.(\w+)`$", refusal)
    value = given.get(found[1]) if found else None
    return "" if value is None else f", given {value[:100]!r}"
