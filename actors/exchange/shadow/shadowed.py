"""An exchange with a shadow: the real one, and a paper account that gets its orders.

Every call goes to the real exchange as it is and every update to the engine first. What
is noted of them on the way is a matter of microseconds, and whatever goes wrong with it
is counted here and goes no further; after `FAULTS_MAX` of them the shadow is off.

The feed plays its bars here as on a simulated exchange. They move the clock of the
shadow's own market; no word of it reaches the engine. What the real account holds is
not known from the shadow but from `RealSide`, which goes on without one.

A restart ends the comparison of the trades that are open: paper's side of them is lost.
The symbol is compared again when the real account has been flat in it. What was over
before is in the memory's file.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import structlog

from actors.domain.bars import Instrument
from actors.domain.orders import (
    ExchangePosition,
    ExchangeUpdate,
    Fill,
    OpenOrder,
    OrderRequest,
    OrderUpdate,
    Outcome,
    Placed,
    Refused,
)
from actors.domain.shown.divergence import Divergence
from actors.exchange.paper.book import PaperSettings
from actors.exchange.port import Capabilities, ExchangePort, UpdateSink
from actors.exchange.shadow.comparison import Comparison, totals
from actors.exchange.shadow.double import Double
from actors.exchange.shadow.memory import Memory
from actors.exchange.shadow.real import RealSide
from actors.exchange.shadow.replay import Note, Replay
from actors.exchange.shadow.trades import Fate
from actors.runtime.clock import Clock, MarketClock

log = structlog.get_logger(component="shadow")

FAULTS_MAX = 20
FAULT_CHARACTERS_MAX = 300
FAULTY = "the shadow failed"
ELSEWHERE = "the position was changed by no order of ours"


class Shadowed:
    """The real exchange, with a paper account beside it."""

    def __init__(  # noqa: PLR0913 - two accounts and their hour
        self,
        real: ExchangePort,
        clock: Clock,
        instruments: Sequence[Instrument],
        settings: PaperSettings,
        quote_equity: Decimal,
        memory: Path | None = None,
        *,
        compares: bool = True,
    ) -> None:
        """Shadow `real`, whose time is the clock's, with so much paper money.

        `memory`: the file that what was compared is kept in; None: in this process.
        """
        self._compares = compares
        self._real = real
        self._clock = clock
        self._side = RealSide({one.symbol: one.lot_size for one in instruments})
        self._comparison = Comparison()
        self._replay = Replay(
            lambda: Double(instruments, settings, MarketClock(), quote_equity),
            self._comparison,
            self._unresolved,
        )
        self._sink: UpdateSink | None = None
        self._since_ms = clock.now_ms()
        self._faults = 0
        self._last_fault = ""
        self._memory = Memory(memory)
        self._quietly(lambda: self._comparison.recall(self._memory.recall()))

    # --- the real exchange ------------------------------------------------------------

    @property
    def capabilities(self) -> Capabilities:
        """What the order protocol must know of the real exchange."""
        return self._real.capabilities

    def connect(self, sink: UpdateSink) -> None:
        """Send every later update of the real exchange to `sink`."""
        self._sink = sink
        self._real.connect(self._told)

    def _told(self, update: ExchangeUpdate) -> None:
        assert self._sink is not None, "whoever is told has connected"
        self._sink(update)
        self._quietly(self._hear, update)

    async def place(self, request: OrderRequest) -> Outcome:
        """Send one order once."""
        self._quietly(self._ask, request)
        outcome = await self._real.place(request)
        self._quietly(self._answered, request, outcome)
        return outcome

    async def cancel(self, symbol: str, client_id: str) -> Outcome:
        """Ask for a cancel."""
        note = self._quietly(self._note_cancel, client_id)
        outcome = await self._real.cancel(symbol, client_id)
        if note is not None:
            note.answer = outcome
        return outcome

    async def fetch_order(self, symbol: str, client_id: str) -> OrderUpdate | None:
        """The real exchange's word on one order."""
        word = await self._real.fetch_order(symbol, client_id)
        if word is not None:
            self._quietly(self._hear, word)
        return word

    async def fetch_open_orders(self) -> tuple[OpenOrder, ...]:
        """All resting orders of the real account."""
        found = await self._real.fetch_open_orders()
        self._quietly(self._side.fetched_orders, found)
        return found

    async def fetch_positions(self) -> tuple[ExchangePosition, ...]:
        """All non-zero positions of the real account."""
        moves = self._side.moves
        found = await self._real.fetch_positions()
        self._quietly(self._positions, found, moves)
        return found

    async def fetch_fills(self, since_ms: int) -> tuple[Fill, ...]:
        """All fills of the real account at or after `since_ms`."""
        found = await self._real.fetch_fills(since_ms)
        for fill in found:
            self._quietly(self._hear_missed, fill)
        return found

    async def fetch_balance(self) -> Decimal:
        """Money of the real account without unrealised results."""
        return await self._real.fetch_balance()

    async def fetch_equity(self) -> Decimal:
        """Balance plus unrealised result of the real account."""
        return await self._real.fetch_equity()

    async def fetch_time(self) -> int:
        """The real exchange's own clock."""
        return await self._real.fetch_time()

    # --- the market's side: the feed drives it ----------------------------------------

    @property
    def account_serial(self) -> int:
        """A real account is never a fresh one in the place of another."""
        return 1

    @property
    def now_ms(self) -> int:
        """Up to where the shadow's market was lived; 0 in a new process."""
        return self._replay.now_ms

    def active(self) -> frozenset[str]:
        """Return the symbols that are really held or ordered, and the shadow's."""
        return self._side.active() | self._shadows(self._replay.active)

    def held(self) -> frozenset[str]:
        """Return the symbols that are really held, and those that paper holds."""
        return self._side.held() | self._shadows(self._replay.held)

    def _shadows(self, ask: Callable[[], frozenset[str]]) -> frozenset[str]:
        return frozenset() if self.off else self._quietly(ask) or frozenset()

    def open_bar(self, symbol: str, bar: Any, open_ms: int, close_ms: int) -> None:
        """Lay out a bar for the shadow."""
        if not self.off:
            self._quietly(self._replay.open_bar, symbol, bar, open_ms, close_ms)

    async def play(self, until_ms: int) -> bool:
        """Let the shadow live through the bars; nothing of it is ever told."""
        if self.off:
            return False
        try:
            await self._replay.play(until_ms)
        except Exception as error:  # noqa: BLE001 - a fault of the shadow stays here
            self._fail(error)
        try:
            await self._memory.keep(self._comparison.rows())
        except OSError as error:  # what is compared in this process is sound
            self._count(error)
        return False

    # --- the shadow -------------------------------------------------------------------

    @property
    def off(self) -> bool:
        """Whether it compares nothing: by choice, or because it failed so often."""
        return not self._compares or self._faults >= FAULTS_MAX

    def divergence(self) -> Divergence:
        """Return what was found until now."""
        comparison = self._comparison
        orders, trades = comparison.orders(), tuple(reversed(comparison.trade_rows))
        return Divergence(
            since_ms=self._since_ms,
            until_ms=self._replay.now_ms,
            totals=totals(orders, trades),
            orders=orders,
            trades=trades,
            uncompared=dict(comparison.uncompared),
            faults=self._faults,
            last_fault=self._last_fault,
            off=self.off,
        )

    def _quietly(self, act: Callable[..., Any], *given: Any) -> Any:
        """Do something for the shadow; that it fails is the shadow's own affair."""
        try:
            return act(*given)
        except Exception as error:  # noqa: BLE001 - a fault of the shadow stays here
            self._fail(error)
            return None

    def _fail(self, error: Exception) -> None:
        self._count(error)
        self._comparison.spoil_all(FAULTY)
        self._replay.spoil()

    def _count(self, error: Exception) -> None:
        self._faults += 1
        self._last_fault = f"{type(error).__name__}: {error}"[:FAULT_CHARACTERS_MAX]
        if self._faults <= FAULTS_MAX:
            with suppress(Exception):  # of a broken log as well
                log.warning("shadow_failed", fault=self._last_fault, off=self.off)

    def _ask(self, request: OrderRequest) -> None:
        flat = self._side.flat(request.symbol)
        self._side.sending(request)
        if not self.off:
            now_ms = self._clock.now_ms()
            pair = self._comparison.sending(request, now_ms, flat=flat)
            self._replay.note(Note(now_ms, pair))

    def _answered(self, request: OrderRequest, outcome: Outcome) -> None:
        pair = self._comparison.pairs.get(request.client_id)
        if isinstance(outcome, Refused):
            self._side.forget(request.client_id)
            if pair is not None:
                pair.fate = Fate.REFUSED
        elif isinstance(outcome, Placed) and pair is not None:
            pair.fate = Fate.TAKEN
        self._look(request.symbol)

    def _note_cancel(self, client_id: str) -> Note | None:
        pair = self._comparison.pairs.get(client_id)
        if pair is None or self.off:
            return None
        note = Note(self._clock.now_ms(), pair, is_cancel=True)
        self._replay.note(note)
        return note

    def _hear(self, update: ExchangeUpdate) -> None:
        if isinstance(update, OrderUpdate):
            self._side.word(update)
            self._replay.follow(update, self._clock.now_ms())
        elif update.ts_ms < self._since_ms or not self._side.fill(update):
            return
        self._comparison.real(update)
        self._look(update.symbol)

    def _hear_missed(self, fill: Fill) -> None:
        """Take a fill that was asked for; a life before left a position, no pair."""
        known = fill.client_id in self._comparison.pairs
        if known or fill.client_id in self._side.orders:
            self._hear(fill)

    def _positions(self, found: Sequence[ExchangePosition], moves: int) -> None:
        for symbol in self._side.fetched_positions(found, moves):
            self._comparison.spoil_newest(symbol, ELSEWHERE)
            self._look(symbol)

    def _unresolved(self, request: OrderRequest) -> None:
        """Wait no longer for an order; if it does live, it will be heard of."""
        self._side.forget(request.client_id)
        self._look(request.symbol)

    def _look(self, symbol: str) -> None:
        flat = self._side.flat(symbol)
        self._comparison.look(symbol, self._clock.now_ms(), flat=flat)
