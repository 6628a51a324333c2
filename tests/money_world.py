"""The money part of the engine at a model exchange, through lives and deaths.

The real risk actor, book, journal, dispatcher and reconciler; the exchange's time is
trio's mock time. A process may die at any moment: then only what was committed to the
database is left, and the next one begins with that.
"""

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import apsw
import msgspec
import trio
import trio.testing

from actors.domain.messages import (
    Findings,
    Published,
    Signal,
    StepClosed,
    WatchedBar,
)
from actors.domain.orders import OrderRequest, Side
from actors.journal import Kind
from actors.journal.storage import MEMORY
from actors.risk.account.book import replay
from tests.chronicle import Chronicle
from tests.model_exchange import ModelExchange
from tests.money_process import (
    CASH,
    STEP_SECONDS,
    SYMBOLS,
    TIMEFRAME_MS,
    Death,
    Process,
    TrioClock,
)

LIFE_SECONDS_MAX = 50_000.0


class World:
    """One exchange, one database, and one process after another."""

    watched = True

    def __init__(
        self, check: Callable[..., None], heal: Callable[["World"], Awaitable[None]]
    ) -> None:
        self.clock = TrioClock()
        self.database = apsw.Connection(MEMORY)
        self.chronicle = Chronicle()
        self._check, self._heal = check, heal
        self.processes = 0
        self.correlations = 0
        self.bare_ms: dict[str, int] = {}  # since when a position was not protected
        self.unprotected_ms = 0
        self.fault: AssertionError | None = None
        self.exchange: ModelExchange
        self.process: Process

    async def run(self, actions: list[Any]) -> None:
        """Live through the actions, then heal everything and demand agreement."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            nursery.start_soon(self._watch)
            self.exchange = ModelExchange(self.clock, nursery, CASH)
            self.exchange.marks = dict.fromkeys(SYMBOLS, Decimal(100))
            self.exchange.on_send = self._sending
            try:
                await self._live_through(actions)
            finally:
                self.process.die()  # its writer would write for ever
            nursery.cancel_scope.cancel()

    async def _live_through(self, actions: list[Any]) -> None:
        await self.bring_up()
        for action in actions:
            await action.act(self)
            if self.process.dead:
                await self.bring_up()
            await self.process.settle()
            await self.check_whole()
            self._require_sound()
        await self._heal(self)
        self._require_sound()

    def _require_sound(self) -> None:
        """Raise what broke where another would catch it, as a send does."""
        if self.fault is not None:
            raise self.fault

    async def _watch(self) -> None:
        """A world in which nothing happens any more has a fault."""
        await trio.sleep(LIFE_SECONDS_MAX)
        msg = "everybody waits for ever"
        self.process.die()
        raise AssertionError(msg)

    async def bring_up(self) -> None:
        """Start a process until one comes up alive."""
        for _ in range(5):
            self.processes += 1
            self.process = Process(self, self.processes)
            await self._nursery.start(self._live)
            self.exchange.disturbed()
            self.bare_ms.clear()
            await self.process._guarded(self.process.boot)
            if not self.process.dead:
                await self.process.start()
            if not self.process.dead:
                return

    def end_process(self) -> None:
        """Be the act of a crash point: all that lives ends here, whoever came by."""
        self.process.die()
        raise Death

    async def _live(self, *, task_status: trio.TaskStatus[None]) -> None:
        await self.process.live(task_status=task_status)

    # --- what is watched --------------------------------------------------------------

    def appended(self, seq: int, kind: Kind, body: Any) -> None:
        """See a row before the book follows it."""
        self.check("row", kind, body)
        self.chronicle.add(seq, kind, body)

    def _sending(self, request: OrderRequest) -> None:
        self.check("send", request)

    def publish(self, fact: Published) -> None:
        """See what the world sees."""
        self.check("fact", fact)

    def check(self, when: str, *subject: Any) -> None:
        """Check every invariant of this moment."""
        self._check(when, self, *subject)

    async def check_whole(self) -> None:
        """Check what is compared only while everything rests."""
        if self.process.dead:
            return
        self.check("message")
        pending = self.process.journal._buffers
        kept = {kind: list(rows) for kind, rows in pending.items()}
        book = await replay(self.process.journal.read)
        assert kept == {k: list(r) for k, r in pending.items()}, (
            "reading writes nothing"
        )
        self.check("rest", book)

    # --- what a market does -----------------------------------------------------------

    async def wait(self, seconds: float, step_seconds: float = STEP_SECONDS) -> None:
        """Let time pass, step by step."""
        until = trio.current_time() + seconds
        while trio.current_time() < until and not self.process.dead:
            await trio.sleep(min(step_seconds, until - trio.current_time()))
            await self.process.start_if_roused()
            if self.process.running:
                self.process.inbox.append(StepClosed(self.clock.now_ms(), 0))
            await self.process.settle()
            if not self.process.dead:
                self.check("time")

    async def signal(self, symbol: str, side: Side, *, ladder: bool) -> None:
        """Let a symbol find a trade at the present price."""
        self.correlations += 1
        mark = self.exchange.marks[symbol]
        distance = mark / 50
        target = mark + 2 * distance * side.sign
        signal = Signal(
            correlation=f"c-{self.correlations}",
            symbol=symbol,
            ts_ms=self.clock.now_ms(),
            side=side,
            kind="momentum",
            entry=mark,
            stop=(mark - distance * side.sign).quantize(Decimal("0.0001")),
            targets=((target.quantize(Decimal("0.0001")), Decimal("0.5")),)
            if ladder
            else (),
            level=None,
            confidence=0.5,
            score=1.0,
            atr=distance,
            opposite_depth_usd=None,
            spread_bps=None,
            stamps=(),
        )
        found = Findings(symbol, self.clock.now_ms(), (signal,))
        self.process.inbox.append(found)

    def bar(self, symbol: str) -> None:
        """Show the risk actor the price of a symbol."""
        price, now_ms = self.exchange.marks[symbol], self.clock.now_ms()
        closed_ms = now_ms - now_ms % TIMEFRAME_MS
        volume = Decimal(100)
        if self.process.running and not self.process.dead:
            bar = WatchedBar(symbol, closed_ms, price, price, price, price, volume)
            self.process.inbox.append(bar)


def canonical(book: Any) -> bytes:
    """Encode a book so that two books are equal if and only if their bytes are."""
    return msgspec.json.encode(book)
