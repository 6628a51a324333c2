"""Lets the shadow's paper account live through bars that have closed, with our orders.

The real orders of a minute are sent in its middle, while its bar is known at its end.
So they are noted with the time at which they were sent, and placed when the replayed
path has come to that moment: they meet the rest of the path and nothing before it.

A trade is settled once the real side is flat and paper had the rest of that bar, and
`GRACE_MS` at least, to get there as well; or at the symbol's next order. What paper
still holds then is closed out at the last price, so that each trade stands alone.
"""

from collections import deque
from collections.abc import Callable
from typing import Any

import msgspec
import trio

from actors.domain.orders import (
    OrderRequest,
    OrderState,
    OrderUpdate,
    Outcome,
    Placed,
    Refused,
)
from actors.exchange.shadow.comparison import Comparison
from actors.exchange.shadow.double import Double
from actors.exchange.shadow.trades import Fate, Pair, Trade

NOTES_MAX = 4_000  # of a market that does not come on
GRACE_MS = 5_000
LATE_MS = 1_000  # an order may be noted so long after its moment was played
BREATH_STEPS = 50  # then whoever sends real orders has the loop
OWN_REASONS = frozenset({"band", "expired", "margin", "post_only", "reduce_only"})
UNRESOLVED = "nobody knew whether an order had arrived when its bar closed"
LATE = "an order was noted after its bar had been played"
TOO_MANY = f"more than {NOTES_MAX} orders and cancels wait for their bar"


class Note(msgspec.Struct):
    """An order, or the cancel of one, as it was sent."""

    ts_ms: int
    pair: Pair
    is_cancel: bool = False
    answer: Outcome | None = None  # to a cancel

    @property
    def took_effect(self) -> bool:
        """Whether a cancel did, as far as is known: a later word may say so."""
        if isinstance(self.answer, Placed):
            return True
        real = self.pair.real
        gone = bool(real.ended) and real.filled < self.pair.request.quantity
        return gone and not isinstance(self.answer, Refused)


class Replay:
    """Plays the notes into the paper account and settles what is over."""

    def __init__(
        self,
        make: Callable[[], Double],
        comparison: Comparison,
        unresolved: Callable[[OrderRequest], None],
    ) -> None:
        """`unresolved` is told of each order of which nobody knows if it arrived."""
        self._make = make
        self._comparison = comparison
        self._unresolved = unresolved
        self._notes: deque[Note] = deque()
        self._spoiled = False
        self._steps = 0
        self._double = self._new()

    def _new(self) -> Double:
        double = self._make()
        double.connect(self._comparison.paper)
        return double

    @property
    def now_ms(self) -> int:
        """Up to where the market was lived; 0: not at all yet."""
        return self._double.now_ms

    def note(self, note: Note) -> None:
        """Keep an order or a cancel until its moment is played."""
        if self._notes and note.ts_ms < self._notes[-1].ts_ms:
            note.ts_ms = self._notes[-1].ts_ms  # a clock that was set back
        if len(self._notes) >= NOTES_MAX:
            self._comparison.spoil_newest(note.pair.request.symbol, TOO_MANY)
        else:
            self._notes.append(note)

    def follow(self, update: OrderUpdate, now_ms: int) -> None:
        """Let paper lose an opening order too that the real exchange has given up.

        What paper ends by rules of its own it ends in its own time; an exit goes on
        until the trade is settled.
        """
        pair = self._comparison.pairs.get(update.client_id)
        if (
            pair is not None
            and update.state is OrderState.CANCELLED
            and update.reason not in OWN_REASONS
            and not pair.request.reduce_only
        ):
            self.note(Note(now_ms, pair, is_cancel=True, answer=Placed("")))

    def spoil(self) -> None:
        """Begin with a new account before the next bar."""
        self._spoiled = True

    def active(self) -> frozenset[str]:
        """Return the symbols whose bars must be played."""
        noted = (note.pair.request.symbol for note in self._notes)
        return self._double.active().union(noted)

    def held(self) -> frozenset[str]:
        """Return the symbols that paper holds."""
        return self._double.held()

    def open_bar(self, symbol: str, bar: Any, open_ms: int, close_ms: int) -> None:
        """Lay out a bar."""
        self._renew()
        self._double.open_bar(symbol, bar, open_ms, close_ms)

    async def play(self, until_ms: int) -> None:
        """Live to the end of the bars that are laid out."""
        self._renew()
        for queue in tuple(self._comparison.trades.values()):
            if queue[0].broken and queue[0].symbol in self._double.active():
                self._double.clear(queue[0].symbol)
        while self._notes and self._notes[0].ts_ms < until_ms:
            note = self._notes.popleft()
            while self._double.live_to(note.ts_ms):
                await self._breathe()
            await self._act(note)
        while await self._double.play(until_ms):
            await self._breathe()
        for queue in tuple(self._comparison.trades.values()):
            flat_ms = queue[0].flat_ms
            while flat_ms is not None and flat_ms + GRACE_MS <= until_ms:
                self._settle(queue[0])
                flat_ms = queue[0].flat_ms if queue else None

    def _renew(self) -> None:
        if self._spoiled:
            self._double, self._spoiled = self._new(), False

    async def _breathe(self) -> None:
        self._steps += 1
        if self._steps % BREATH_STEPS == 0:
            await trio.lowlevel.checkpoint()

    async def _act(self, note: Note) -> None:
        pair, trade = note.pair, self._comparison.trade_of(note.pair)
        asked = pair.fate is Fate.ASKED and not note.is_cancel
        if asked:
            self._unresolved(pair.request)
        if trade is None:
            return  # it is broken, or settled
        queue = self._comparison.trades[trade.symbol]
        while queue[0] is not trade:
            self._settle(queue[0])
        if asked or self._double.now_ms - note.ts_ms > LATE_MS:
            self._comparison.spoil(trade, UNRESOLVED if asked else LATE)
            self._double.clear(trade.symbol)
        elif note.is_cancel and note.took_effect:
            await self._double.cancel(trade.symbol, pair.request.client_id)
        elif not note.is_cancel and pair.fate is Fate.TAKEN:
            await self._place(pair)

    async def _place(self, pair: Pair) -> None:
        outcome = await self._double.place(pair.request)
        if not isinstance(outcome, Placed):
            pair.paper.ended = f"refused: {outcome.reason}"

    def _settle(self, trade: Trade) -> None:
        left, price = self._double.clear(trade.symbol)
        row = None if trade.broken else trade.shown(left, price)
        self._comparison.settle(trade, row)
