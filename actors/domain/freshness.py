"""How old a symbol's data is, and what may still be decided on it.

A feed can be silent, or talk of the past, or have lost a piece, and each looks well by
the measure of the others. So three ages are kept: since the newest message, since the
time of the newest event, and since the moment from which the sequence has a hole that
is not mended. The worst of them decides.

Ages are of two clocks that nobody sets: the monotonic one for what arrives here, and
the exchange's time as the clock guard carries it on for the time of events.

Old data stops entries. It never stops an exit: that takes the best price there is, and
says how old it is.
"""

from collections.abc import Iterable
from decimal import Decimal
from enum import StrEnum

import msgspec

from actors.domain.money import ZERO
from config.settings import FeedGroup


class Health(StrEnum):
    """How a symbol's feed is."""

    FRESH = "fresh"
    QUIET = "quiet"  # too old for an entry
    STALE = "stale"
    LOST = "lost"  # the connection is made again
    UNKNOWN = "unknown"  # nothing was ever heard


class Consequence(msgspec.Struct, frozen=True):
    """What follows from a feed's health. Exits always go on."""

    entries: bool
    stale: bool
    reconnect: bool


CONSEQUENCES = {
    Health.FRESH: Consequence(True, False, False),
    Health.QUIET: Consequence(False, False, False),
    Health.STALE: Consequence(False, True, False),
    Health.LOST: Consequence(False, True, True),
    Health.UNKNOWN: Consequence(False, True, False),
}


class Now(msgspec.Struct, frozen=True):
    """The present by both clocks."""

    monotonic_ms: int
    exchange_ms: int


class Freshness(msgspec.Struct, frozen=True, kw_only=True):
    """What was heard of one symbol, and when. None: never."""

    message_ms: int | None = None  # monotonic
    event_ms: int | None = None  # exchange's time of the newest event
    gap_ms: int | None = None  # monotonic: a hole in the sequence since then
    repaired_ms: int | None = None  # monotonic: when the newest hole was mended
    late_closes: int = 0
    last_close_late: bool = False


class Ages(msgspec.Struct, frozen=True):
    """Ages in ms. None: nothing was ever heard."""

    message: int | None
    event: int | None
    gap: int  # 0 while the sequence is whole


class Judgement(msgspec.Struct, frozen=True):
    """A feed's health and the age that decided: its name, its value, its limit."""

    health: Health
    age: str  # message, event, gap
    value_ms: int | None
    limit_ms: int

    @property
    def value_text(self) -> str:
        """The age as people read it."""
        return "UNKNOWN" if self.value_ms is None else str(self.value_ms)

    @property
    def consequence(self) -> Consequence:
        """What follows."""
        return CONSEQUENCES[self.health]


# --- what is heard --------------------------------------------------------------------


def heard(known: Freshness, now: Now, event_ms: int) -> Freshness:
    """Note a message. A burst of old events makes the feed talk, but not young.

    An event from the future is of now: it must not vouch for what comes after it.
    """
    newest = min(event_ms, now.exchange_ms)
    if known.event_ms is not None:
        newest = max(known.event_ms, newest)
    return msgspec.structs.replace(known, message_ms=now.monotonic_ms, event_ms=newest)


def gap_found(known: Freshness, now: Now) -> Freshness:
    """Note a hole in the sequence; a second one does not make the first younger."""
    if known.gap_ms is not None:
        return known
    return msgspec.structs.replace(known, gap_ms=now.monotonic_ms)


def gap_repaired(known: Freshness, now: Now) -> Freshness:
    """Note that the sequence is whole again."""
    return msgspec.structs.replace(known, gap_ms=None, repaired_ms=now.monotonic_ms)


def bar_closed(
    known: Freshness, now: Now, close_ms: int, budgets: FeedGroup
) -> Freshness:
    """Note a candle's close, and mark it when it came late."""
    late = now.exchange_ms - close_ms > budgets.late_close_ms_max
    return msgspec.structs.replace(
        heard(known, now, close_ms),
        last_close_late=late,
        late_closes=known.late_closes + late,
    )


# --- what it is worth -----------------------------------------------------------------


def ages(known: Freshness, now: Now) -> Ages:
    """Tell the three ages; an event from a little ahead is of now."""
    return Ages(
        None if known.message_ms is None else now.monotonic_ms - known.message_ms,
        None if known.event_ms is None else max(0, now.exchange_ms - known.event_ms),
        0 if known.gap_ms is None else now.monotonic_ms - known.gap_ms,
    )


def judge(known: Freshness, now: Now, budgets: FeedGroup, bar_ms: int = 0) -> Judgement:
    """Judge a feed by its worst age; a budget is used up at its very number.

    `bar_ms`: the bar's length where the market only speaks when a bar closes; a hole
    in its sequence has no such excuse.
    """
    found = ages(known, now)
    rows = (
        ("message", found.message, bar_ms),
        ("event", found.event, bar_ms),
        ("gap", found.gap, 0),
    )
    judged = [_judge_one(name, age, extra, budgets) for name, age, extra in rows]
    return max(judged, key=lambda one: _ORDER.index(one.health))


_ORDER = (Health.FRESH, Health.QUIET, Health.STALE, Health.LOST, Health.UNKNOWN)


def _judge_one(
    name: str, age: int | None, extra_ms: int, budgets: FeedGroup
) -> Judgement:
    limits = (
        (Health.LOST, budgets.reconnect_ms_max + extra_ms),
        (Health.STALE, budgets.stale_ms_max + extra_ms),
        (Health.QUIET, budgets.entries_ms_max + extra_ms),
    )
    first = limits[-1][1]
    if age is None:
        return Judgement(Health.UNKNOWN, name, None, first)
    for health, limit_ms in limits:
        if age >= limit_ms:
            return Judgement(health, name, age, limit_ms)
    return Judgement(Health.FRESH, name, age, first)


# --- what an exit goes by ----------------------------------------------------------


class PriceSource(StrEnum):
    """Where a price comes from, the best first."""

    QUOTE = "quote"
    TRADE = "trade"
    BAR_CLOSE = "bar_close"


class KnownPrice(msgspec.Struct, frozen=True):
    """The newest price of one source and its moment, monotonic."""

    source: PriceSource
    price: Decimal
    at_ms: int


class FallbackPrice(msgspec.Struct, frozen=True):
    """The price that an exit goes by, where it comes from, and how old it is."""

    price: Decimal
    source: PriceSource
    age_ms: int


def fallback_price(
    known: Iterable[KnownPrice], now: Now, fresh_ms_max: int
) -> FallbackPrice | None:
    """Give the best source that is fresh, else the youngest; None: there is no price.

    A price that is no price (zero, negative, not a number) is passed over.
    """
    found = [
        FallbackPrice(one.price, one.source, now.monotonic_ms - one.at_ms)
        for one in known
        if one.price.is_finite() and one.price > ZERO
    ]
    fresh = [one for one in found if one.age_ms <= fresh_ms_max]
    rank = list(PriceSource).index
    if fresh:
        return min(fresh, key=lambda one: (rank(one.source), one.age_ms))
    return min(found, key=lambda one: (one.age_ms, rank(one.source)), default=None)
