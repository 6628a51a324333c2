"""A request as the endpoints see it: its parameters, read strictly."""

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any, Protocol
from urllib.parse import parse_qsl

import msgspec

from actors.loopback.accounts.refusals import Refused, illegal, missing, no_symbol
from actors.loopback.acts import Acts
from actors.loopback.exchange import Exchange
from actors.loopback.floor.grid import BUY, SELL
from actors.loopback.floor.pit import Pit, Venue
from actors.loopback.settings import Key

SIDES = {"BUY": BUY, "SELL": SELL}
DIGITS_MAX = 40


class Request(msgspec.Struct, frozen=True):
    """What arrived over HTTP."""

    method: str
    path: str
    query: str
    body: str
    headers: dict[str, str]  # names in lower case

    @property
    def fields(self) -> dict[str, str]:
        """The parameters of query and form, the query's first."""
        pairs = parse_qsl(self.body, keep_blank_values=True)
        pairs += parse_qsl(self.query, keep_blank_values=True)
        return dict(pairs)


class Reply(msgspec.Struct, kw_only=True):
    """What is answered."""

    body: bytes
    status: int = 200
    headers: list[tuple[str, str]] = []
    kind: str = "application/json;charset=UTF-8"


class Counter(Protocol):
    """Where requests are answered: the exchange, and what it does unasked."""

    exchange: Exchange
    acts: Acts


class Asked:
    """The parameters of one request to an endpoint of a venue."""

    def __init__(
        self, counter: Counter, venue: Venue, fields: dict[str, str], key: Key | None
    ) -> None:
        self.exchange, self.acts = counter.exchange, counter.acts
        self.venue, self.key = venue, key
        self._fields = fields

    def text(self, name: str, default: str | None = None) -> str:
        """Give a parameter. Raises Refused when it must be there and is not."""
        found = self._fields.get(name) or default
        if found is None:
            raise missing(name)
        return found

    def maybe(self, name: str) -> str:
        """Give a parameter, "" if it is not there."""
        return self._fields.get(name, "")

    def number(self, name: str, default: int | None = None) -> int:
        """Give a whole number. Raises Refused."""
        found = self._fields.get(name)
        if not found:
            if default is None:
                raise missing(name)
            return default
        try:
            return int(found[:DIGITS_MAX])
        except ValueError as error:
            raise illegal(name) from error

    def maybe_number(self, name: str) -> int | None:
        """Give a whole number, None if it is not there. Raises Refused."""
        return self.number(name) if self._fields.get(name) else None

    def amount(self, name: str) -> Decimal | None:
        """Give a decimal, None if it is not there. Raises Refused."""
        found = self._fields.get(name)
        if not found:
            return None
        try:
            value = Decimal(found[:DIGITS_MAX])
        except InvalidOperation as error:
            raise Refused(-1100, f"Illegal characters found in '{name}'.") from error
        if not value.is_finite():
            raise illegal(name)
        return value

    def flag(self, name: str) -> bool:
        """Give a yes or no, no if it is not there."""
        return self.maybe(name).lower() == "true"

    def side(self) -> int:
        """Give the side of an order. Raises Refused."""
        side = SIDES.get(self.text("side"))
        if side is None:
            raise Refused(-1117, "Invalid side.")
        return side

    def pit(self) -> Pit:
        """Give the symbol that must be named. Raises Refused."""
        found = self.exchange.pit(self.venue, self.text("symbol"))
        if found is None:
            raise no_symbol()
        return found

    def pits(self) -> list[Pit]:
        """Give the symbol or symbols named, all if none is. Raises Refused."""
        if self.maybe("symbol"):
            return [self.pit()]
        named = self.maybe("symbols")
        if not named:
            return self.exchange.listed(self.venue)
        try:
            ids = msgspec.json.decode(named, type=list[str])
        except msgspec.MsgspecError as error:
            raise illegal(name="symbols") from error
        found = [self.exchange.pit(self.venue, one) for one in ids]
        if None in found:
            raise no_symbol()
        return [pit for pit in found if pit is not None]

    def limit(self, default: int, most: int) -> int:
        """Give the length of a list. Raises Refused."""
        return max(1, min(most, self.number("limit", default)))


Handler = Callable[[Asked], Any]


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """An endpoint: who answers, what it costs, and what it needs."""

    act: Handler
    weight: int | Callable[[Asked], int] = 1
    key: bool = False
    signed: bool = False
    trades: bool = False  # needs a key that may trade
    orders: int = 0  # how many orders it counts as
    kind: str = "public"  # what the faults call it


Table = dict[tuple[str, str], Route]


Weight = int | Callable[[Asked], int]


def private(act: Handler, weight: Weight = 5, kind: str = "account") -> Route:
    """Make a route that needs a signature."""
    return Route(act=act, weight=weight, key=True, signed=True, kind=kind)


def trading(act: Handler, kind: str, *, weight: int = 1, orders: int = 0) -> Route:
    """Make a route that needs a signature and a key that may trade."""
    return Route(
        act=act,
        weight=weight,
        key=True,
        signed=True,
        trades=True,
        orders=orders,
        kind=kind,
    )
