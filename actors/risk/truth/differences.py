"""Keeps what differs between our book and the exchange's, and who has decided what.

A difference acts only when it was seen twice, and by default its act is to take no
more entries in that symbol. Entries wait from its first sight on: that costs nothing.
"""

from decimal import Decimal

import msgspec

from actors.domain import ids
from actors.domain.orders import ExchangePosition, OpenOrder
from actors.domain.truth import Difference, DifferenceKind, Policy, difference_key
from actors.risk.account.desk import Desk
from actors.risk.orders.records import DifferenceSettled

SIGHTINGS = 2  # before a difference acts


class Differences:
    """What the looks found to differ, by what it is about."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._kept: dict[str, Difference] = {}
        self._seen: set[str] = set()  # in the look at hand
        desk.state.differing = {}
        #: The exchange's newest words on what may have to be settled.
        self.positions: dict[str, ExchangePosition] = {}
        self.foreign: dict[str, OpenOrder] = {}  # by the difference's key

    def all(self) -> tuple[Difference, ...]:
        """List them in a fixed order."""
        return tuple(self._kept[key] for key in sorted(self._kept))

    def of(self, symbol: str) -> list[Difference]:
        """List those of one symbol."""
        return [found for found in self.all() if found.symbol == symbol]

    def ignores(self, kind: DifferenceKind, symbol: str, subject: str) -> bool:
        """Whether a person has said to leave it alone."""
        return difference_key(kind, symbol, subject) in self._desk.book.ignored

    def begin(self) -> None:
        """Begin a look: nothing is seen yet."""
        self._seen.clear()

    def note(
        self,
        kind: DifferenceKind,
        symbol: str,
        subject: str,
        words: tuple[str, str],
        policy: Policy = Policy.HALT,
    ) -> Difference:
        """Note a difference (ours, theirs); the second sighting in a row acts on it."""
        ours, theirs = words
        found = Difference(
            id=ids.difference_id(kind, symbol, subject, ours, theirs),
            kind=kind,
            symbol=symbol,
            subject=subject,
            ours=ours,
            theirs=theirs,
            first_ms=self._desk.now_ms,
            seen=1,
            policy=policy,
        )
        self._seen.add(found.key)
        known = self._kept.get(found.key)
        if known is not None and _same(known, found):
            found = msgspec.structs.replace(
                found, first_ms=known.first_ms, seen=known.seen + 1
            )
        self._kept[found.key] = found
        self._show()
        if found.seen >= SIGHTINGS and policy is Policy.HALT and symbol:
            self._desk.halt_symbol(
                symbol, f"{kind} {subject}: ours {ours}, the exchange's {theirs}"
            )
        return found

    def end(self, able: dict[DifferenceKind, bool]) -> None:
        """End a look: drop what it was able to see and did not."""
        for key, known in list(self._kept.items()):
            if able[known.kind] and key not in self._seen:
                del self._kept[key]
        self._show()

    def drop(self, difference: Difference) -> None:
        """Drop what was settled; the next look finds it again, if it is still there."""
        self._kept.pop(difference.key, None)
        self._show()

    def decide(
        self,
        difference: Difference,
        policy: Policy,
        by: str,
        offset: Decimal = Decimal(0),
    ) -> None:
        """Journal what becomes of a difference, before anything is done."""
        fact = DifferenceSettled(difference, policy, by, offset)
        self._desk.account(fact, difference.symbol)
        if difference.key in self._kept:
            self._kept[difference.key] = msgspec.structs.replace(
                difference, policy=policy
            )
        self._show()

    def halting(self, symbol: str) -> list[Difference]:
        """List those of a symbol that nobody has said to ignore."""
        return [d for d in self.of(symbol) if d.policy is not Policy.IGNORE]

    def _show(self) -> None:
        """Let entries of these symbols wait."""
        self._desk.state.differing = {
            d.symbol: f"{d.kind}: ours {d.ours}, the exchange's {d.theirs}"
            for d in self.all()
            if d.symbol and d.policy is not Policy.IGNORE
        }


def plain(amount: Decimal) -> str:
    """Tell an amount in one way only: 2 and 2.000 are the same."""
    return f"{amount.normalize():f}"


def _same(known: Difference, found: Difference) -> bool:
    """Whether two looks saw the same; of money only the gap counts: it moves."""
    if found.kind is not DifferenceKind.BALANCE:
        return known.id == found.id
    gaps = [Decimal(d.theirs) - Decimal(d.ours) for d in (known, found)]
    return gaps[0] == gaps[1]
