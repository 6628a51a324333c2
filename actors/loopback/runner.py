"""Moves the market with its clock, and tells what moved: the exchange's heartbeat."""

from collections.abc import Callable

import trio

from actors.loopback.acts import Acts
from actors.loopback.clock import Pace
from actors.loopback.exchange import Exchange
from actors.loopback.streams.feed import Feed
from actors.loopback.streams.hub import Hub

TICK_SECONDS = 0.05
SLICE_EVENTS = 400  # lived in one go before others get their turn
SLICE_MS = 15_000  # of the market, at most speed and by hand
#: Further behind than this, the clock waits for the market: at a speed that the machine
#: cannot keep soon, at one that it easily can only after the machine has slept.
BEHIND_SECONDS_MAX, ASLEEP_SECONDS = 3.0, 30.0
DRAIN_SECONDS = 5.0


class Runner:
    """The one task that moves the market."""

    def __init__(self, exchange: Exchange, acts: Acts, told: tuple[Hub, Feed]) -> None:
        self._exchange, self._acts = exchange, acts
        self._hub, self._feed = told
        #: Says whether a request is being answered just now.
        self.busy: Callable[[], bool] = lambda: False

    async def run(self) -> None:
        """Go on until cancelled."""
        match self._exchange.clock.pace:
            case Pace.STEADY:
                await self._steadily()
            case Pace.MAX:
                await self._fast()
            case Pace.HAND:
                await self._standing()

    async def _steadily(self) -> None:
        clock = self._exchange.clock
        behind_max = BEHIND_SECONDS_MAX if clock.speed > 2 else ASLEEP_SECONDS
        while True:
            began = trio.current_time()
            target_ms = clock.now_ms()
            stopped: int | None = 0
            while stopped is not None:
                stopped = self._exchange.live_until(target_ms, SLICE_EVENTS)
                self._tell()
                if stopped is None:
                    break
                if clock.seconds(clock.now_ms() - stopped) > behind_max:
                    clock.slip(stopped)
                    break
                await trio.lowlevel.checkpoint()
            spent = trio.current_time() - began
            await trio.sleep(max(0.0, TICK_SECONDS - spent))

    async def _fast(self) -> None:
        """Go as fast as everything that is told is taken."""
        while (next_ms := self._exchange.next_ms) is not None:
            await self._slice(max(next_ms, self._exchange.clock.now_ms()) + 1_000)
        await self._standing()

    async def _standing(self) -> None:
        while True:
            self._tell()
            await trio.sleep(TICK_SECONDS)

    async def advance(self, ms: int) -> None:
        """Live so much of the market by hand; whoever listens gets all of it."""
        clock = self._exchange.clock
        end_ms = clock.now_ms() + ms
        while clock.now_ms() < end_ms:
            await self._slice(min(end_ms, clock.now_ms() + SLICE_MS))

    async def _slice(self, until_ms: int) -> None:
        self._exchange.live_until(until_ms)
        self._exchange.clock.move(max(until_ms, self._exchange.clock.now_ms()))
        self._tell()
        await trio.lowlevel.checkpoint()
        with trio.move_on_after(DRAIN_SECONDS):
            while self._waiting():  # noqa: ASYNC110 - many lines, none of them special
                await trio.sleep(0.001)

    def _waiting(self) -> bool:
        return self.busy() or any(line.waiting_bytes for line in self._hub.lines)

    def _tell(self) -> None:
        self._acts.look()
        self._feed.flush()
