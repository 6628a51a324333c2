"""Makes steps of closed candles: one minute of all symbols at a time, in order.

The exchange's own closes are waited for. What has not come a second and a half after
the minute is asked for by REST, again where that fails, and listened for all the while;
what is not there when the late-close budget is used up is left out of that minute and
counted: the others do not wait for it, and a bar never arrives behind a younger one. A
minute that is long over is asked for as long as answers come. One of which nothing is
known at all (the network is gone) is not given up: it is asked for until it is known,
so that an outage ends in late bars and not in a hole.
"""

from collections.abc import Callable

import trio

from actors.domain.errors import ExchangeError, Unsent
from actors.market.live.dialect import Listed, read_as
from actors.market.live.repair import Fetch
from actors.market.live.streams import Present
from actors.market.live.wire import Candle

MINUTE_MS = 60_000
#: So long after a minute its missing closes are asked for by REST.
ASK_AFTER_MS = 1_500
RETRY_SECONDS = 2.0
#: Before what failed is asked for again; doubles with each failure.
PAUSE_SECONDS, PAUSE_SECONDS_MAX = 0.5, 4.0
#: So long without an answer a minute that is over anyway is repaired, and in all.
REPAIR_SECONDS, REPAIR_SECONDS_MAX = 30.0, 600.0
#: Closes of so many minutes are kept, should they come before their turn.
MINUTES_MAX = 16

#: Open time and the candles by symbol's index -> nothing.
Emit = Callable[[int, dict[int, Candle]], None]


class _Patience:
    """How long a minute is asked for: each answer gives it the same time again."""

    def __init__(self, seconds: float, most: float = REPAIR_SECONDS_MAX) -> None:
        now = trio.current_time()
        self.scope = trio.CancelScope(deadline=now + seconds)
        self.unanswered: set[int] = set()
        self._seconds = seconds
        self._last = now + most

    def more(self, shut: float = 0.0) -> None:
        """Go on: there was an answer, or the gate is shut for so many seconds."""
        until = trio.current_time() + shut + self._seconds
        self.scope.deadline = max(self.scope.deadline, min(until, self._last))


class Minutes:
    """Collects closes by minute and hands each minute on once."""

    def __init__(
        self, streams: Present, listed: tuple[Listed, ...], fetch: Fetch, emit: Emit
    ) -> None:
        self.fetched = 0  # closes that REST gave
        self.missed = 0  # closes that were not there in time
        self.too_late = 0  # closes of minutes that were handed on already
        self.next_ts = 0  # open time of the minute at hand
        self._streams = streams
        self._listed = listed
        self._fetch = fetch
        self._emit = emit
        self._index = {one.native: at for at, one in enumerate(listed)}
        self._closed: dict[int, dict[int, Candle]] = {}
        self._given_up: set[int] = set()  # who held an old minute up: asked once each
        self._more = trio.Event()
        streams.taps.closed = self._hear

    def _hear(self, native: str, candle: Candle) -> None:
        self._note_close(native, candle)
        self._keep(self._index[native], candle)

    def _note_close(self, native: str, candle: Candle) -> None:
        hub = self._streams.hub
        close_ms = candle.open_ts + MINUTE_MS
        hub.symbols[native].pulse.closed(hub.now(), close_ms)

    def _keep(self, index: int, candle: Candle) -> None:
        if candle.open_ts < self.next_ts:
            self.too_late += 1
            return
        self._closed.setdefault(candle.open_ts, {})[index] = candle
        while len(self._closed) > MINUTES_MAX:
            del self._closed[max(self._closed)]  # the nearest are needed first
        self._more.set()

    async def run(self) -> None:
        """Hand minutes on until cancelled, from `next_ts` on."""
        while True:
            close_ms = self.next_ts + MINUTE_MS
            await self._until(close_ms)
            await self._collect(close_ms)
            found = self._closed.pop(self.next_ts, {})
            if not found:
                self._streams.hub.tell("minute_unknown", open_ts=self.next_ts)
                await trio.sleep(RETRY_SECONDS)
                continue
            self.missed += len(self._listed) - len(found)
            opened, self.next_ts = self.next_ts, close_ms
            self._emit(opened, found)

    async def _until(self, exchange_ms: int) -> None:
        """Wait for a moment of the exchange's clock, which may be set meanwhile."""
        hub = self._streams.hub
        while (left := exchange_ms - hub.now().exchange_ms) > 0:  # noqa: ASYNC110
            await trio.sleep(min(1.0, left / 1e3))

    async def _collect(self, close_ms: int) -> None:
        """Wait for the closes, then ask for the missing, and go on listening."""
        hub = self._streams.hub
        limit_ms = hub.budgets.late_close_ms_max
        patience_ms = close_ms + min(ASK_AFTER_MS, limit_ms // 2)
        patience_ms -= hub.now().exchange_ms
        with trio.move_on_after(max(0, patience_ms) / 1e3):
            await self._all()
            return
        left = max(0, close_ms + limit_ms - hub.now().exchange_ms) / 1e3
        # An old minute is not late any more: it is repaired, at leisure.
        is_old = patience_ms < 0
        patience = _Patience(REPAIR_SECONDS) if is_old else _Patience(left, left)
        asked = self._missing()
        patience.unanswered.update(asked)
        with patience.scope:
            async with trio.open_nursery() as nursery:
                for index in asked:
                    nursery.start_soon(self._ask_one, index, patience)
                with trio.move_on_after(0 if hub.is_polled else left):
                    await self._all()
                    nursery.cancel_scope.cancel()
        if is_old:
            others = self._closed.get(self.next_ts)
            self._given_up = patience.unanswered if others else set()

    def _missing(self) -> list[int]:
        return [at for at in range(len(self._listed)) if self._misses(at)]

    def _misses(self, index: int) -> bool:
        return index not in self._closed.get(self.next_ts, {})

    async def _all(self) -> None:
        while self._missing():
            self._more = trio.Event()
            await self._more.wait()

    async def _ask_one(self, index: int, patience: _Patience) -> None:
        """Ask until there is an answer; that there is no such candle is one."""
        pause = PAUSE_SECONDS
        while self._misses(index) and not await self._answered(index, patience):
            if index in self._given_up:
                return
            await trio.sleep(pause)
            pause = min(2 * pause, PAUSE_SECONDS_MAX)

    async def _answered(self, index: int, patience: _Patience) -> bool:
        hub = self._streams.hub
        rest = hub.dialect.rest
        native, opened = self._listed[index].native, self.next_ts
        # After an outage all the minutes that are over are asked for at once.
        now_ms = hub.now().exchange_ms
        over = (now_ms - opened) // MINUTE_MS
        stop = opened + max(1, min(over, MINUTES_MAX)) * MINUTE_MS
        ask = rest.ask_candles(native, opened, stop - 1, now_ms)
        try:
            candles = read_as(rest.read_candles, await self._fetch(ask))
        except ExchangeError as error:
            hub.tell("close_not_fetched", symbol=native, error=str(error))
            if isinstance(error, Unsent):
                patience.more(error.left_ms / 1e3)
            return False
        self._take(index, [one for one in candles if opened <= one.open_ts < stop])
        if any(one.open_ts == opened and not one.closed for one in candles):
            return False  # it is over here, and not yet there
        self._given_up.discard(index)
        patience.unanswered.discard(index)
        patience.more()
        return True

    def _take(self, index: int, candles: list[Candle]) -> None:
        hub = self._streams.hub
        native = self._listed[index].native
        for candle in candles:
            if not candle.closed or index in self._closed.get(candle.open_ts, {}):
                continue
            self.fetched += 1
            if hub.is_polled:
                close_ms = candle.open_ts + MINUTE_MS
                hub.symbols[native].pulse.heard(hub.now(), close_ms)
                self._note_close(native, candle)
            self._keep(index, candle)
