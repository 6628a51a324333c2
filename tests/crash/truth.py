"""What the exchange knows to be true: the measure of everything the engine believes."""

from decimal import Decimal

import msgspec

from actors.domain.orders import Fill, OpenOrder, OrderRequest


class Accepted(msgspec.Struct, frozen=True):
    """One order the exchange took, and whether its intent was on the disk then."""

    request: OrderRequest
    ts_ms: int
    journalled: bool
    idle: bool = False  # reduce-only, where nothing was held that it could reduce


class Bare(msgspec.Struct, frozen=True):
    """A time during which a position of ours had no stop while an engine was there."""

    symbol: str
    from_ms: int
    until_ms: int


class Truth(msgspec.Struct, frozen=True):
    """The exchange at the end, and what it saw on the way."""

    now_ms: int
    accepted: tuple[Accepted, ...]
    fills: tuple[Fill, ...]
    positions: dict[str, Decimal]  # signed
    live: tuple[OpenOrder, ...]
    bare: tuple[Bare, ...]
    busiest: int  # most symbols with a position or an entry of ours at one time
    crowded: tuple[str, ...]  # symbols that had two live entries at one time
