"""The account's limits, held against what the journal says was done, row by row.

Two measures, so that one mistake does not hide in both. `Replay` adds up fills and
live entries itself, at every row. `Sendings` replays the book and asks, at the moment
each entry was planned, for every limit the account has: what that entry made too much.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from actors.domain import exposure, limits
from actors.domain.bars import Instrument
from actors.domain.exposure import Entry
from actors.domain.limits import Breach, Day
from actors.domain.money import ZERO
from actors.domain.orders import Fill, OrderState
from actors.domain.phases import LIVE_ORDER_STATES
from actors.journal import Kind, Row
from actors.risk.account.book import BODIES, empty_book
from actors.risk.orders.records import OrderRecord
from config.preset import Preset


class Sendings:
    """Every limit at the moment of each entry, in the book as it then was."""

    def __init__(self, preset: Preset, instruments: Mapping[str, Instrument]) -> None:
        self._preset = preset
        self._instruments = instruments
        self._book = empty_book()

    def take(self, row: Row) -> list[tuple[str, str]]:
        """Apply one row; what an entry planned by it breaks."""
        if row.kind not in BODIES:
            return []
        book, body = self._book, row.decode(BODIES[row.kind])
        planned = row.kind is Kind.INTENT and body.purpose == "entry"
        before = self._breaches(book.day) if planned else set()
        book.apply(row.kind, body)
        if not planned:
            return []
        symbol = body.request.symbol
        # The day counts an entry in a row of its own, which comes after.
        day = limits.opened(book.day, symbol, body.notional, row.ts_ms)
        return [
            (f"sent beyond {one.reason}", f"{symbol}: {one.value} of {one.threshold}")
            for one in sorted(self._breaches(day) - before, key=str)
        ]

    def _breaches(self, day: Day) -> set[Breach]:
        """What is too much now; an old breach is the market's doing, not an entry's."""
        book = self._book
        held = book.positions.values()
        entries = [o for o in book.orders.values() if o.purpose == "entry"]
        equity = sum((p.unrealized_usd for p in held), book.cash)
        found = exposure.exposure_breaches(
            self._preset,
            day,
            equity,
            exposure.holdings(held, map(_entry, entries), self._instruments),
        )
        return set(found)


def _entry(order: OrderRecord) -> Entry:
    return Entry(
        symbol=order.request.symbol,
        side=order.request.side,
        state=order.state,
        quantity=order.request.quantity,
        filled=order.filled,
        notional=order.notional,
        risk_usd=order.risk_usd,
    )


class Replay:
    """Exposure as the journal alone gives it: fills and live entries at worst."""

    def __init__(self, preset: Preset, equity: Decimal) -> None:
        self._risk = preset.risk
        self._equity = equity
        self._entries: dict[str, Any] = {}  # live, by client id
        self._held: dict[str, Decimal] = defaultdict(lambda: ZERO)  # signed
        self._price: dict[str, Decimal] = {}

    def take(self, row: Row) -> list[tuple[str, str]]:
        """Apply one row; what it breaks."""
        if row.kind in {Kind.INTENT, Kind.ORDER}:
            order: Any = msgspec.json.decode(row.body)
            client_id = order["request"]["client_id"]
            if order["purpose"] != "entry":
                return []
            if OrderState(order["state"]) in LIVE_ORDER_STATES:
                self._entries[client_id] = order
            else:
                self._entries.pop(client_id, None)
        elif row.kind is Kind.FILL:
            fill = row.decode(Fill)
            self._held[fill.symbol] += fill.side.sign * fill.quantity
            self._price[fill.symbol] = fill.price
            return []  # the order's own row follows in the same transaction
        else:
            return []
        return list(self._broken())

    def _broken(self) -> Iterator[tuple[str, str]]:
        risk = self._risk
        busy = Counter(order["request"]["symbol"] for order in self._entries.values())
        for symbol, entries in busy.items():
            if entries > 1:
                yield "two live entries", f"{entries} in {symbol}"
        held = {symbol: size for symbol, size in self._held.items() if size}
        names = {*held, *busy}
        if len(names) > risk.max_concurrent_positions:
            yield "limit: positions", ", ".join(sorted(names))
        room = self._equity * risk.max_same_direction_notional_ratio * Decimal("1.05")
        for side, sign in (("long", 1), ("short", -1)):
            notional = sum(
                (abs(q) * self._price[s] for s, q in held.items() if q * sign > 0), ZERO
            ) + sum(
                (
                    _rest(o)
                    for o in self._entries.values()
                    if o["request"]["side"] == side
                ),
                ZERO,
            )
            if notional > room:
                yield "limit: same direction", f"{side} {notional:.0f} of {room:.0f}"


def _rest(order: Any) -> Decimal:
    """The notional that an entry may still fill, at its worst."""
    filled = Decimal(order["filled"]) / Decimal(order["request"]["quantity"])
    return Decimal(order["notional"]) * (1 - filled)
