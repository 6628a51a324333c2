"""Holds our truth against the exchange's and settles what differs.

One way for the first start, a restart, a crash, and every look in between: orders by
sighting or word, fills by trade id, positions and balance by comparison. What a look
did not bring is not judged. What changed since the look was sent is not judged by it.
A difference acts only when it is seen twice, and by default its act is to take no more
entries in that symbol: nothing that is not ours is ever touched unasked.
"""

from collections.abc import Awaitable, Callable
from decimal import Decimal

from actors.domain.crash_points import CrashPoint
from actors.domain.money import ZERO
from actors.domain.orders import (
    ExchangePosition,
    Fill,
    OpenOrder,
    OrderKind,
    OrderState,
    OrderUpdate,
)
from actors.domain.truth import DifferenceKind, Look, Policy, Truth
from actors.risk.account.desk import Desk
from actors.risk.holding.dust import Dust
from actors.risk.orders.doubts import Doubts
from actors.risk.orders.orders import UNSEEN, OrderBook
from actors.risk.orders.recall import recall
from actors.risk.orders.records import OrderRecord
from actors.risk.truth.differences import SIGHTINGS, Differences, plain
from actors.risk.truth.looks import Looks
from actors.risk.truth.silence import Silence
from actors.runtime.crash import reached

BALANCE_SLACK_USD = Decimal("0.01")


class Settlement:
    """Judges what a look brought."""

    def __init__(
        self,
        desk: Desk,
        orders: OrderBook,
        fill: Callable[[Fill], Awaitable[None]],
        ended: Callable[[OrderRecord], Awaitable[None]],
    ) -> None:
        self._desk = desk
        self._orders = orders
        self._fill = fill
        self._ended = ended
        self._doubts = Doubts(desk, orders)
        self._silence = Silence(desk)
        self._dust = Dust(desk)
        self.differences = Differences(desk)
        self.looks = Looks(desk, self.differences)

    # --- what it brought --------------------------------------------------------------

    async def judge(self, truth: Truth) -> None:
        """Settle what the exchange's answers settle."""
        self.looks.answered(truth)
        self._silence.heard(truth)
        reached(CrashPoint.RECOVERY_FETCHED)
        for fill in truth.fills or ():
            await self._fill(fill)
        reached(CrashPoint.RECOVERY_FILLED)
        self.differences.begin()
        if truth.open_orders is not None:
            await self._judge_orders(truth, truth.open_orders)
        reached(CrashPoint.RECOVERY_SETTLED)
        if truth.positions is not None:
            self._judge_positions(truth, truth.positions)
        if truth.balance is not None:
            self._judge_balance(truth.balance, truth)
        self.differences.end(_able(truth))
        self._doubts.alarm()
        if truth.whole and truth.look.balance:
            self._desk.state.settled = True

    # --- orders -----------------------------------------------------------------------

    async def _judge_orders(
        self,
        truth: Truth,
        open_orders: tuple[OpenOrder, ...],
    ) -> None:
        self.differences.foreign.clear()
        for order in open_orders:
            record = await recall(self._desk, order.request.client_id)
            if record is None:
                self._foreign(order)
            elif self._unchanged(record, truth.look):
                await self._sighted(record, order, truth)
        for client_id, word in truth.words:
            record = self._desk.book.orders.get(client_id)
            if record is None or not self._unchanged(record, truth.look):
                continue
            if word is None:
                await self._not_found(record, truth)
            else:
                await self._heard(record, word, truth)

    def _foreign(self, order: OpenOrder) -> None:
        """Note an order that was never journalled."""
        kind, request = DifferenceKind.FOREIGN_ORDER, order.request
        symbol, client_id = request.symbol, request.client_id
        left_alone = self.differences.ignores(kind, symbol, client_id)
        policy = Policy.IGNORE if left_alone else Policy.HALT
        words = ("no order of ours", _told(order))
        found = self.differences.note(kind, symbol, client_id, words, policy)
        self.differences.foreign[found.key] = order

    def _unchanged(self, record: OrderRecord, look: Look) -> bool:
        """Whether the look may speak of a record: it has not changed since."""
        changed = self._desk.state.changed.orders.get(record.client_id, 0)
        return changed <= look.version

    async def _sighted(
        self, record: OrderRecord, order: OpenOrder, truth: Truth
    ) -> None:
        """Take the sight of an open order: whatever else, it lives."""
        self._doubts.sighted(record.client_id)
        if not record.live:
            # We held it for ended. It may still fill: it must go.
            self._desk.alert(
                "error",
                "exchange",
                f"order {record.client_id} is {record.state} here and open there",
                "it is cancelled; its fills are applied",
                record.request.symbol,
            )
            await self._orders.cancel_stray(record.request)
            return
        if record.state in UNSEEN:
            record = self._orders.change(
                record, record.standing, "sighted", exchange_id=order.exchange_id
            )
        record = self._orders.shown(record)
        self._missing(record, order.filled_quantity, truth)
        if not (record.cancel_wanted or self._left_over(record)):
            return
        if record.state is OrderState.CANCELLING:  # the cancel was lost on its way
            record = self._orders.change(record, record.standing, record.outcome)
        await self._orders.cancel(record)

    def _left_over(self, record: OrderRecord) -> bool:
        """Whether it rests for a position that has ended: a crash forgot its cancel."""
        if record.purpose == "entry" or record.request.kind is OrderKind.MARKET:
            return False
        held = self._desk.book.positions.get(record.request.symbol)
        return held is None or held.correlation != record.correlation

    async def _heard(
        self, record: OrderRecord, word: OrderUpdate, truth: Truth
    ) -> None:
        """Take the exchange's word on an order that is not among the open ones."""
        self._doubts.sighted(record.client_id)
        if self._missing(record, word.filled_quantity, truth):
            return  # ended only when its fills are here
        changed = self._orders.apply_update(word)
        if changed is not None and not changed.live:
            await self._ended(changed)

    def _missing(self, record: OrderRecord, counted: Decimal, truth: Truth) -> bool:
        """Note fills of an order that the exchange counts and does not list."""
        if counted <= record.filled:
            return False
        self._desk.state.ask_soon.add(record.client_id)
        if truth.fills is not None:  # else they are not missing: nobody has told
            words = (plain(record.filled), plain(counted))
            symbol, kind = record.request.symbol, DifferenceKind.FILLS_MISSING
            self.differences.note(kind, symbol, record.client_id, words)
        return True

    async def _not_found(self, record: OrderRecord, truth: Truth) -> None:
        """Judge an order that the exchange says it does not know."""
        if record.state in UNSEEN:
            absent = self._doubts.absent(record, truth)
        else:
            absent = self._doubts.vanished(record, truth)
        if absent is not None and not absent.live:
            await self._ended(absent)

    # --- positions and balance --------------------------------------------------------

    def _judge_positions(
        self, truth: Truth, positions: tuple[ExchangePosition, ...]
    ) -> None:
        book, kind = self._desk.book, DifferenceKind.POSITION
        self.differences.positions = theirs = {p.symbol: p for p in positions}
        ignored = {fact.difference.symbol for fact in book.ignored.values()}
        for symbol in sorted({*theirs, *book.positions, *book.dust, *ignored}):
            other = theirs[symbol].quantity if symbol in theirs else ZERO
            expected = book.expected(symbol)
            ours = book.ours(symbol)
            gone = bool(ours) and (other * ours <= ZERO or self._crumbs(symbol, other))
            if not gone:  # also where a fill has come since: held is held
                self._desk.state.not_held.discard(symbol)
            changed = self._desk.state.changed.symbols.get(symbol, 0)
            if changed > truth.look.version:
                continue  # the next look tells by how much they differ
            if gone:
                self._desk.state.not_held.add(symbol)
            words = (plain(expected), plain(other))
            if expected != other and not self._lapsed(symbol, other):
                self._differs(symbol, words, truth)
            elif self.differences.ignores(kind, symbol, symbol):
                words = (plain(book.ours(symbol)), plain(other))
                self.differences.note(kind, symbol, symbol, words, Policy.IGNORE)

    def _crumbs(self, symbol: str, other: Decimal) -> bool:
        """Whether of a position that we hold less than one lot is there."""
        instrument = self._desk.state.instruments[symbol]
        return abs(other) < instrument.lot_size <= abs(self._desk.book.ours(symbol))

    def _differs(self, symbol: str, words: tuple[str, str], truth: Truth) -> None:
        """Note a position that differs; by dust alone it is taken over, seen twice."""
        theirs, kind = self.differences.positions.get(symbol), DifferenceKind.POSITION
        held = ZERO if theirs is None else theirs.quantity
        dust = None if truth.fills is None else self._dust.explaining(symbol, held)
        policy = Policy.HALT if dust is None else Policy.ADOPT
        found = self.differences.note(kind, symbol, symbol, words, policy)
        if dust is not None and found.seen >= SIGHTINGS:
            price = ZERO if theirs is None else theirs.entry_price
            self._dust.found(symbol, dust, price)
            self.differences.drop(found)

    def nothing_to_reduce(self, record: OrderRecord) -> None:
        """Hear that an order of ours found nothing to reduce: ask, and place no other.

        Each would be cancelled as this one was, as fast as they travel. But the end of
        an earlier position's order, heard late, says nothing of what is held now.
        """
        held = self._desk.book.positions.get(record.request.symbol)
        if held is None or held.correlation == record.correlation:
            self._desk.state.not_held.add(record.request.symbol)
        self._desk.state.ask_soon.add(record.client_id)

    def _lapsed(self, symbol: str, other: Decimal) -> bool:
        """Whether what a person let be is no longer there; then that is forgotten."""
        book = self._desk.book
        aside = book.let_be(symbol)
        if aside is None or other != book.expected(symbol) - aside.offset:
            return False
        self.differences.decide(aside.difference, Policy.HALT, "engine")
        return True

    def _judge_balance(self, balance: Decimal, truth: Truth) -> None:
        """Take their balance for ours, once nothing else can explain the gap."""
        desk = self._desk
        if truth.fills is None or desk.state.changed.newest_fill > truth.look.version:
            return
        written_off = sum((left.loss for left in desk.book.dust.values()), ZERO)
        ours = desk.book.cash + written_off
        if self.looks.in_doubt() or abs(balance - ours) <= BALANCE_SLACK_USD:
            return
        words = (f"{ours:.2f}", f"{balance:.2f}")
        found = self.differences.note(DifferenceKind.BALANCE, "", "", words)
        if found.seen >= SIGHTINGS:
            self.differences.decide(found, Policy.ADOPT, "engine")
            what = desk.adjust_cash(balance - ours, f"balance {' -> '.join(words)}")
            desk.alert(
                "warning",
                "exchange",
                f"the balance is {words[1]} there and {words[0]} here",
                f"ours was set to theirs, as {what}; the journal says so",
            )
            self.differences.drop(found)


def _able(truth: Truth) -> dict[DifferenceKind, bool]:
    """Say which differences a look was able to see."""
    return {
        DifferenceKind.FOREIGN_ORDER: truth.open_orders is not None,
        DifferenceKind.FILLS_MISSING: truth.open_orders is not None,
        DifferenceKind.POSITION: truth.positions is not None,
        DifferenceKind.BALANCE: truth.balance is not None,
    }


def _told(order: OpenOrder) -> str:
    request = order.request
    price = request.stop_price or request.limit_price or "market"
    return f"{request.side} {request.kind} {request.quantity} at {price}"
