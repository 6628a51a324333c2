"""The feed: walks a market step by step and keeps everyone in time with it.

One step is one open time over all symbols. The order inside a step is the order of
the world: first the exchange lives through the bar (resting orders trade along its
path, and the risk actor reacts to each event before time moves on), then the bar
closes, the symbols think about it, and the risk actor weighs what they found.

The feed waits for every answer, so a fast market never runs ahead of a slow engine.
It waits for so long and no longer: a symbol that does not answer is counted late, and
all others go on.
"""

import math
import time
from collections.abc import Callable
from typing import Any

import msgspec
import structlog
import trio

from actors.cursor import Cursor, Progress
from actors.domain.messages import BarsClosed, MarketEnded, StepClosed, WatchedBar
from actors.domain.money import decimal_from_float
from actors.domain.orders import ExchangeUpdate
from actors.exchange.port import SimulatedExchange
from actors.latency import Latency
from actors.market.port import Step
from actors.runtime import Actor, ActorRef, Latch
from actors.runtime.clock import MarketClock

log = structlog.get_logger(component="feed")

#: Flat bars that are played after the end of a recording to close what is open. A
#: thin market gives little in a bar, so that a large position takes many of them.
CLOSING_BARS_MAX = 10_000
#: After so many of them in which nothing happened, nothing will.
QUIET_BARS_MAX = 20
#: A real exchange is given so long to close what is open at the end.
CLOSING_SECONDS_MAX = 120.0


class Walk(msgspec.Struct, frozen=True):
    """Take the next step."""


class Pace(msgspec.Struct, frozen=True):
    """How fast to walk, and how long to wait for a symbol's answer."""

    speed: float  # market seconds per second; infinity: as fast as it goes
    step_seconds_max: float = 10.0
    duration_ms: int | None = None  # of market time from where the engine begins
    #: The exchange lives by our bars and waits for all that is in hand. A real one
    #: does neither: then nothing is waited for longer than for a symbol.
    simulated: bool = True


class Listeners(msgspec.Struct, frozen=True):
    """Who hears of the market: `symbols` in the order of the instruments."""

    risk: ActorRef[Any]
    symbols: list[ActorRef[Any]]
    ended: Callable[[], None]  # the market is over
    in_hand: Latch  # what the market waits for
    step_begins: Callable[[int], None]  # told when it will close


class Feed(Actor[Walk]):
    """Owns the market clock and the walk through the market."""

    def __init__(
        self,
        cursor: Cursor,
        clock: MarketClock,
        exchange: SimulatedExchange,
        pace: Pace,
        listeners: Listeners,
        latency: Latency,
    ) -> None:
        super().__init__()
        self._cursor = cursor
        self._clock = clock
        self._exchange = exchange
        self._risk = listeners.risk
        self._symbols = listeners.symbols
        self._ended = listeners.ended
        self._step_begins = listeners.step_begins
        self._names = [i.symbol for i in cursor.description.instruments]
        self._index = {name: index for index, name in enumerate(self._names)}
        self._pace = pace
        self._latency = latency
        self._latch = listeners.in_hand
        self.late_answers = 0

    async def on_start(self) -> None:
        """Begin to walk."""
        self._exchange.connect(self._to_risk)
        self._began_seconds = trio.current_time()
        self._began_ms = self._cursor.last_close_ms
        self.context.ref.tell(Walk())

    async def handle(self, _walk: Walk) -> None:
        """Take one step, then come back for the next.

        A pause before a step is a timer, not a sleep, so that a stop is heard at once.
        """
        step = self._cursor.peek()
        if step is None:
            if not self._cursor.when_more(self._walk_on):
                await self._finish()
            return
        pause_seconds = self._pause_seconds(step)
        if pause_seconds > 0:
            self.context.send_after(pause_seconds, Walk())
            return
        self._step_begins(step.close_ts)
        await self._live_through(step)
        began_ns = time.perf_counter_ns()
        await self._close(step)
        self._latency.observe((time.perf_counter_ns() - began_ns) / 1e9)
        self._cursor.next_step()
        self.context.ref.tell(Walk())

    def _walk_on(self) -> None:
        self.context.ref.tell(Walk())

    def _pause_seconds(self, step: Step) -> float:
        """Say how long to wait until this step closes at the chosen speed."""
        if math.isinf(self._pace.speed):
            return 0.0
        elapsed_ms = step.close_ts - self._began_ms
        due = self._began_seconds + elapsed_ms / 1000 / self._pace.speed
        return due - trio.current_time()

    # --- inside the bar -----------------------------------------------------------

    async def _live_through(self, step: Step) -> None:
        """Let the exchange trade along this step's bars, event by event."""
        cursor = self._cursor
        if cursor.progress is Progress.AHEAD:
            cursor.progress = Progress.LAID_OUT
            for symbol, bar in self._active_bars(step):
                self._exchange.open_bar(symbol, bar, step.open_ts, step.close_ts)
                cursor.played[symbol] = bar
        if cursor.progress is Progress.LAID_OUT:
            await self._play(step.close_ts)
            cursor.progress = Progress.LIVED
            cursor.steps_taken += 1
            cursor.bars_taken += len(step.rows)
            self._tell_watched(step)

    def _active_bars(self, step: Step) -> list[tuple[str, Any]]:
        """Give this step's bars of the symbols with orders or a position."""
        active = self._exchange.active()
        if not active:
            return []
        rows = dict(zip(step.indices, step.rows, strict=True))
        indices = [(symbol, self._index[symbol]) for symbol in sorted(active)]
        bars = self._cursor.bars
        return [(s, bars[index][rows[index]]) for s, index in indices if index in rows]

    async def _play(self, until_ms: int) -> bool:
        """Let the market live until then; whether anything happened."""
        happened = False
        while await self._exchange.play(until_ms):
            happened = True
            await self._in_hand()
        return happened

    async def _in_hand(self) -> None:
        """Let what has been told take effect before time goes on."""
        limit_seconds = (
            math.inf if self._pace.simulated else self._pace.step_seconds_max
        )
        with trio.move_on_after(limit_seconds):
            await self._latch.wait()

    def _to_risk(self, update: ExchangeUpdate) -> None:
        self._latch.add()
        self._risk.tell_tracked(update, self._latch)

    # --- at its close -------------------------------------------------------------

    async def _close(self, step: Step) -> None:
        """Hand out the closed bars, wait for the answers, let the step be weighed."""
        cursor = self._cursor
        answers, bars, symbols = Latch(len(step.indices)), cursor.bars, self._symbols
        for index, row in zip(step.indices, step.rows, strict=True):
            message = BarsClosed(bars[index], row, row + 1, step.open_ts)
            symbols[index].tell_tracked(message, answers)
        await self._wait_for(answers)
        # Only now is the step history.
        cursor.last_close_ms = step.close_ts
        self._latch.add()
        closed = StepClosed(step.close_ts, cursor.steps_taken)
        self._risk.tell_tracked(closed, self._latch)
        await self._in_hand()

    async def _wait_for(self, answers: Latch) -> None:
        limit_seconds = self._pace.step_seconds_max
        with trio.move_on_after(limit_seconds):
            await answers.wait()
        if answers.remaining:
            self.late_answers += answers.remaining
            log.warning(
                "late_symbols", count=answers.remaining, waited_seconds=limit_seconds
            )

    def _tell_watched(self, step: Step) -> None:
        """Give the risk actor the closed bars of what it holds."""
        for symbol, bar in self._active_bars(step):
            self._latch.add()
            self._risk.tell_tracked(_watched(symbol, bar, step.close_ts), self._latch)

    # --- the end ------------------------------------------------------------------

    async def _finish(self) -> None:
        """Close what is open, then say that it is over."""
        self._latch.add()
        ended = MarketEnded(self._cursor.last_close_ms)
        self._risk.tell_tracked(ended, self._latch)
        await self._in_hand()
        await (self._close_at_last_prices if self._pace.simulated else self._closing)()
        if active := self._exchange.active():
            log.warning("not_closed_at_the_end", symbols=sorted(active))
        self._ended()

    async def _closing(self) -> None:
        """Wait until a real exchange has closed what is open."""
        with trio.move_on_after(CLOSING_SECONDS_MAX):
            while self._exchange.active():  # noqa: ASYNC110 - it has no event to wait for
                await trio.sleep(1.0)

    async def _close_at_last_prices(self) -> None:
        timeframe_ms = self._cursor.description.timeframe_ms
        quiet_bars = 0
        for _ in range(CLOSING_BARS_MAX):
            active = self._exchange.active()
            if not active or quiet_bars == QUIET_BARS_MAX:
                break
            close_ms = self._clock.now_ms() + timeframe_ms
            self._stand_still(close_ms)
            quiet_bars = 0 if await self._play(close_ms) else quiet_bars + 1

    def _stand_still(self, close_ms: int) -> None:
        """Repeat the last bar of each symbol that is held, flat at its close.

        Only of those: an entry that is still on its way meets no price any more.
        """
        for symbol in sorted(self._exchange.held()):
            last = self._cursor.newest_bar(self._index[symbol])
            if last is None:
                continue  # lived so long ago that nobody knows its price
            flat = last.copy()
            flat["open"] = flat["high"] = flat["low"] = flat["close"]
            self._exchange.open_bar(symbol, flat, self._clock.now_ms(), close_ms)

    def statistics(self) -> dict[str, int | float | str]:
        """Count what was walked."""
        return {
            "steps": self._cursor.steps_taken,
            "bars": self._cursor.bars_taken,
            "late_answers": self.late_answers,
        }


def _watched(symbol: str, bar: Any, close_ms: int) -> WatchedBar:
    prices = [
        decimal_from_float(float(bar[column]))
        for column in ("open", "high", "low", "close", "volume")
    ]
    return WatchedBar(symbol, close_ms, *prices)
