"""Judges a live day: what the journal says against what the exchange saw.

Every rule names what it found. Nothing here asks the engine: the journal is read from
the disk, and the truth is the exchange's own witness.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from decimal import Decimal
from itertools import pairwise
from typing import Any

import msgspec

from actors.domain.bars import Instrument
from actors.domain.money import ZERO
from actors.domain.orders import Fill
from actors.journal import Kind, Row
from actors.risk.account.book import BODIES, Book, empty_book
from config.preset import Preset
from tests.crash.limits import Replay, Sendings

#: What is asked, answered and sent while a stop is missing takes that long under faults
#: that lose answers: ten seconds for one answer, two looks, and the way.
BARE_SECONDS_MAX = 60.0
#: Memory at the end against that after the first hour.
GROWTH_MAX = 1.25


class Day(msgspec.Struct, frozen=True, kw_only=True):
    """All that is left of a day."""

    rows: list[Row]
    truth: dict[str, Any]
    status: dict[str, Any]
    venue: str  # spot or usdm
    natives: Mapping[str, str]  # the exchange's names of our symbols
    preset: Preset
    instruments: Mapping[str, Instrument]
    equity: Decimal
    rss_mb: list[float]  # once in a market hour or so

    @property
    def book(self) -> Book:
        """Replay the journal."""
        book = empty_book()
        for row in self.rows:
            if row.kind in BODIES:
                book.apply(row.kind, row.decode(BODIES[row.kind]))
        return book


def judge(day: Day) -> list[str]:
    """Every rule that is broken, with its facts."""
    rules = (_intents, _fills, _positions, _protection, _limits, _budget, _journal)
    return [found for rule in (*rules, _memory) for found in rule(day)]


def _bodies(day: Day, kind: Kind) -> Iterator[Any]:
    return (row.decode(BODIES[kind]) for row in day.rows if row.kind is kind)


def _intents(day: Day) -> Iterator[str]:
    """No order without its intent, no id taken twice, one order for each intent."""
    planned = {one.client_id: one.intent for one in _bodies(day, Kind.INTENT)}
    taken = day.truth[day.venue]["intents"]
    for name, times in taken.items():
        if times > 1:
            yield f"order taken twice: {name} {times} times"
        if name not in planned:
            yield f"order without an intent: {name}"
    counted = Counter(planned[name] for name in taken if name in planned)
    for intent, times in counted.items():
        if times > 1:
            yield f"several orders of intent {intent}: {times}"


def _fills(day: Day) -> Iterator[str]:
    """What was filled for each order is in the journal, once."""
    there: dict[str, Decimal] = defaultdict(lambda: ZERO)
    for fill in day.truth[day.venue]["fills"]:
        there[fill["clientOrderId"]] += Decimal(fill["qty"])
    here: dict[str, Decimal] = defaultdict(lambda: ZERO)
    ids: Counter[tuple[str, str]] = Counter()
    for fill in _bodies(day, Kind.FILL):
        assert isinstance(fill, Fill)
        here[fill.client_id] += fill.quantity
        ids[fill.symbol, fill.trade_id] += 1
    for name in sorted({*there, *here}):
        if there[name] != here[name]:
            yield f"fills differ: {name}: {there[name]} there, {here[name]} here"
    yield from (f"fill journalled twice: {one}" for one, n in ids.items() if n > 1)


def _positions(day: Day) -> Iterator[str]:
    """What we believe is what is held, save where a symbol is halted."""
    book = day.book
    held = {
        one["symbol"]: Decimal(one["positionAmt"])
        for one in day.truth["usdm"]["positions"]
    }
    for symbol, native in day.natives.items():
        has, ours = held.get(native, ZERO), book.expected(symbol)
        if has != ours and symbol not in book.halted:
            yield f"position differs: {symbol}: we say {ours}, it holds {has}"
    for symbol, reason in book.halted.items():
        yield f"halted: {symbol}: {reason}"


def bare_seconds(gap: dict[str, Any]) -> float:
    """How long a position had no stop."""
    return float(gap["toMs"] - gap["fromMs"]) / 1000


def _protection(day: Day) -> Iterator[str]:
    for gap in day.truth["bare"]:
        seconds = bare_seconds(gap)
        if seconds > BARE_SECONDS_MAX:
            yield f"without a stop: {gap['symbol']} for {seconds:.1f} s"


def _limits(day: Day) -> Iterator[str]:
    every_row = Replay(day.preset, day.equity)
    every_send = Sendings(day.preset, day.instruments)
    found: dict[str, str] = {}
    for row in day.rows:
        for rule, facts in (*every_row.take(row), *every_send.take(row)):
            found.setdefault(rule, f"row {row.seq}: {facts}")
    yield from (f"limit: {rule}: {facts}" for rule, facts in found.items())


def _budget(day: Day) -> Iterator[str]:
    """No refusal for too many requests was ever earned."""
    for venue, limit in day.status["limits"].items():
        if limit["earned429"] or limit["earned418"]:
            yield f"too many requests: {venue} {limit}"


def _journal(day: Day) -> Iterator[str]:
    for before, row in pairwise(day.rows):
        if row.seq != before.seq + 1:
            yield f"rows lost: {row.seq} follows {before.seq}"


def _memory(day: Day) -> Iterator[str]:
    """Flat: the last quarter against the second."""
    quarter = len(day.rss_mb) // 4
    if quarter:
        early = max(day.rss_mb[quarter : 2 * quarter])
        late = max(day.rss_mb[-quarter:])
        if late > early * GROWTH_MAX:
            yield f"memory grows: {early:.0f} to {late:.0f} MB"
