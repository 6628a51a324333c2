"""Holds our truth against the exchange's and settles what differs.

One way for the first start, a restart, a crash, and every look in between: orders by
sighting or word, fills by trade id, positions and balance by comparison. What a look
did not bring is not judged. What changed since the look was sent is not judged by it.
A difference acts only when it is seen twice, and by default its act is to take no more
entries in that symbol: nothing that is not ours is ever touched unasked.
"""

from collections.abc import Awaitable, Callable
from decimal import Decimal

import msgspec

from actors.domain.crash_points import CrashPoint
from actors.domain.money import ZERO
from actors.domain.orders import (
    Fill,
    OpenOrder,
    OrderState,
    OrderUpdate,
)
from actors.domain.truth import Difference, DifferenceKind, Look, Policy, Truth
from actors.risk.desk import Desk
from actors.risk.doubts import Doubts
from actors.risk.orders import UNSEEN, OrderBook
from actors.risk.protection import Protection
from actors.risk.records import OrderRecord
from actors.runtime.crash import reached

ORDERS_EVERY_MS = 10_000
POSITIONS_EVERY_MS = 30_000
ALL_EVERY_MS = 300_000
#: Something is in doubt: look again so soon.
DOUBT_EVERY_MS = 2_000
#: Fills are asked for from so long before the newest one that we know.
OVERLAP_MS = 60_000
BALANCE_SLACK_USD = Decimal("0.01")
SIGHTINGS = 2  # before a difference acts

Key = tuple[DifferenceKind, str, str]  # kind, symbol, subject


class Settlement:
    """Says when to look, and judges what the look brought."""

    def __init__(
        self,
        desk: Desk,
        orders: OrderBook,
        protection: Protection,
        fill: Callable[[Fill], Awaitable[None]],
        ended: Callable[[OrderRecord], Awaitable[None]],
    ) -> None:
        self._desk = desk
        self._orders = orders
        self._protection = protection
        self._fill = fill
        self._ended = ended
        self._doubts = Doubts(desk, orders)
        self._looking = False
        self._looked_ms = self._positions_ms = self._all_ms = -ALL_EVERY_MS
        self.differences: dict[Key, Difference] = {}

    # --- when to look -----------------------------------------------------------------

    def look_if_due(self, *, at_once: bool = False) -> None:
        """Look when a period has passed, sooner while something is in doubt."""
        now_ms = self._desk.now_ms
        every_ms = DOUBT_EVERY_MS if self._in_doubt() else ORDERS_EVERY_MS
        every_ms = 1 if at_once else every_ms
        if not self._looking and now_ms - self._looked_ms >= every_ms:
            self.look(whole=now_ms - self._all_ms >= ALL_EVERY_MS)

    def _in_doubt(self) -> bool:
        state = self._desk.state
        unsure = any(o.state in UNSEEN for o in state.book.orders.values())
        return unsure or bool(state.ask_soon) or bool(self.differences)

    def look(self, *, whole: bool) -> None:
        """Have the exchange asked now."""
        desk, book, now_ms = self._desk, self._desk.book, self._desk.now_ms
        positions = whole or self._in_doubt()
        positions = positions or now_ms - self._positions_ms >= POSITIONS_EVERY_MS
        self._looking = True
        self._looked_ms = now_ms
        desk.state.ask_soon.clear()
        live = tuple((o.request.symbol, name) for name, o in book.orders.items())
        since_ms = max(book.filled_ms - OVERLAP_MS, book.opened_ms)
        version = desk.ports.journal.appended
        desk.ports.look(Look(version, now_ms, live, since_ms, positions, whole))

    # --- what it brought --------------------------------------------------------------

    async def judge(self, truth: Truth) -> None:
        """Settle what the exchange's answers settle."""
        self._looking = False
        if truth.problems:
            self._tell_problems(truth)
        reached(CrashPoint.RECOVERY_FETCHED)
        for fill in truth.fills or ():
            await self._fill(fill)
        reached(CrashPoint.RECOVERY_FILLED)
        seen: set[Key] = set()
        if truth.open_orders is not None:
            await self._judge_orders(truth, truth.open_orders, seen)
        reached(CrashPoint.RECOVERY_SETTLED)
        if truth.positions is not None:
            self._judge_positions(truth, seen)
        if truth.balance is not None:
            self._judge_balance(truth.balance, truth, seen)
        self._forget_settled(truth, seen)
        await self._protection.restore()
        if truth.whole and truth.look.balance:
            self._desk.state.settled = True

    def _tell_problems(self, truth: Truth) -> None:
        self._desk.alert(
            "error",
            "exchange",
            f"the exchange did not answer: {'; '.join(truth.problems)}",
            "what it did not say counts as unknown; asking again",
        )

    # --- orders -----------------------------------------------------------------------

    async def _judge_orders(
        self,
        truth: Truth,
        open_orders: tuple[OpenOrder, ...],
        seen: set[Key],
    ) -> None:
        for order in open_orders:
            record = await self._orders.recall(order.request.client_id)
            if record is None:
                self._differs(
                    DifferenceKind.FOREIGN_ORDER,
                    order.request.symbol,
                    order.request.client_id,
                    ("no order of ours", _told(order)),
                    seen,
                )
            elif self._unchanged(record, truth.look):
                await self._sighted(record, order)
        for client_id, word in truth.words:
            record = self._desk.book.orders.get(client_id)
            if record is None or not self._unchanged(record, truth.look):
                continue
            if word is None:
                await self._not_found(record, truth)
            else:
                await self._heard(record, word, seen)

    def _unchanged(self, record: OrderRecord, look: Look) -> bool:
        """Whether the look may speak of a record: it has not changed since."""
        changed = self._desk.state.changed.orders.get(record.client_id, 0)
        return changed <= look.version

    async def _sighted(self, record: OrderRecord, order: OpenOrder) -> None:
        """Take the sight of an open order: whatever else, it lives."""
        if not record.live:
            # We held it for ended. It may still fill: it must go.
            self._desk.alert(
                "error",
                "exchange",
                f"order {record.client_id} is {record.state} here and open there",
                "it is cancelled; its fills are applied",
                record.request.symbol,
            )
            await self._orders.cancel_stray(record)
            return
        if record.state in UNSEEN:
            state = OrderState.PARTIAL if record.filled else OrderState.OPEN
            record = self._orders.change(
                record, state, "sighted", exchange_id=order.exchange_id
            )
        record = self._orders.shown(record)
        if not record.cancel_wanted:
            return
        if record.state is OrderState.CANCELLING:  # the cancel was lost on its way
            state = OrderState.PARTIAL if record.filled else OrderState.OPEN
            record = self._orders.change(record, state, record.outcome)
        await self._orders.cancel(record)

    async def _heard(
        self,
        record: OrderRecord,
        word: OrderUpdate,
        seen: set[Key],
    ) -> None:
        """Take the exchange's word on an order that is not among the open ones."""
        if word.filled_quantity > record.filled:
            self._differs(
                DifferenceKind.FILLS_MISSING,
                record.request.symbol,
                record.client_id,
                (f"{record.filled} filled", f"{word.filled_quantity} filled"),
                seen,
            )
            self._desk.state.ask_soon.add(record.client_id)
            return  # ended only when its fills are here
        changed = self._orders.apply_update(word)
        if changed is not None and not changed.live:
            await self._ended(changed)

    async def _not_found(self, record: OrderRecord, truth: Truth) -> None:
        """Judge an order that the exchange says it does not know."""
        if record.state in UNSEEN:
            absent = self._doubts.absent(record, truth)
        else:
            absent = self._doubts.vanished(record, truth)
        if absent is not None and not absent.live:
            await self._ended(absent)

    # --- positions and balance --------------------------------------------------------

    def _judge_positions(self, truth: Truth, seen: set[Key]) -> None:
        assert truth.positions is not None, "there is something to judge"
        theirs = {held.symbol: held.quantity for held in truth.positions}
        ours = {p.symbol: p.net for p in self._desk.book.positions.values()}
        for symbol in sorted({*theirs, *ours}):
            changed = self._desk.state.changed.symbols.get(symbol, 0)
            if changed > truth.look.version:
                continue  # a fill has come since: the next look tells
            mine, other = ours.get(symbol, ZERO), theirs.get(symbol, ZERO)
            dust = self._desk.book.dust.get(symbol)
            if mine + (dust.quantity if dust else ZERO) != other:
                words = (str(mine), str(other))
                self._differs(DifferenceKind.POSITION, symbol, symbol, words, seen)

    def _judge_balance(
        self,
        balance: Decimal,
        truth: Truth,
        seen: set[Key],
    ) -> None:
        desk = self._desk
        if truth.fills is None or desk.state.changed.newest_fill > truth.look.version:
            return
        written_off = sum((d.loss for d in desk.book.dust.values()), ZERO)
        ours = desk.book.cash + written_off
        if abs(balance - ours) <= BALANCE_SLACK_USD:
            return
        words = (f"{ours:.2f}", f"{balance:.2f}")
        found = self._differs(DifferenceKind.BALANCE, "", "", words, seen)
        if found.seen >= SIGHTINGS:
            reason = f"balance {words[0]} -> {words[1]}"
            desk.adjust_cash(balance - written_off, reason)
            desk.alert(
                "warning",
                "exchange",
                f"the balance is {balance:.2f} there and {ours:.2f} here",
                "ours was set to theirs; the journal says so",
            )

    # --- differences ------------------------------------------------------------------

    def ignores(self, kind: DifferenceKind, symbol: str, subject: str) -> bool:
        """Whether a person has said to leave a difference alone."""
        known = self.differences.get((kind, symbol, subject))
        return known is not None and known.policy is Policy.IGNORE

    def _differs(
        self,
        kind: DifferenceKind,
        symbol: str,
        subject: str,
        words: tuple[str, str],
        seen: set[Key],
    ) -> Difference:
        """Note a difference; the second sighting in a row acts on it."""
        key = (kind, symbol, subject)
        seen.add(key)
        known = self.differences.get(key)
        ours, theirs = words
        if known is None or (known.ours, known.theirs) != words:
            found = Difference(
                kind, symbol, subject, ours, theirs, self._desk.now_ms, 1, Policy.HALT
            )
        else:
            found = msgspec.structs.replace(known, seen=known.seen + 1)
        self.differences[key] = found
        if found.seen == SIGHTINGS and kind is not DifferenceKind.BALANCE:
            self._desk.halt_symbol(
                symbol, f"{kind} {subject}: ours {ours}, the exchange's {theirs}"
            )
        return found

    def _forget_settled(self, truth: Truth, seen: set[Key]) -> None:
        """Drop differences that this look was able to see and did not."""
        able = {
            DifferenceKind.FOREIGN_ORDER: truth.open_orders is not None,
            DifferenceKind.FILLS_MISSING: truth.open_orders is not None,
            DifferenceKind.POSITION: truth.positions is not None,
            DifferenceKind.BALANCE: truth.balance is not None,
        }
        for key in [k for k in self.differences if able[k[0]] and k not in seen]:
            del self.differences[key]


def _told(order: OpenOrder) -> str:
    request = order.request
    price = request.stop_price or request.limit_price or "market"
    return f"{request.side} {request.kind} {request.quantity} at {price}"
