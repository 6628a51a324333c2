"""What an account's stream tells, whatever exchange it is of: each fact at least once.

What is told waits in a queue for one task that translates it. A mark in the queue says
that a connection stands: what may have been missed before it is asked for at that
place, so that it is told before what came after.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import structlog
import trio
from ccxt.base.errors import BaseError, NetworkError

from actors.domain.errors import ExchangeError
from actors.domain.ids import is_order
from actors.domain.orders import (
    ExchangeUpdate,
    Fill,
    OpenOrder,
    OrderState,
    OrderUpdate,
)
from actors.exchange.ccxtrio import Lane, in_lane
from actors.exchange.live.registry import Order
from actors.exchange.live.venue import Venue
from actors.exchange.live.wire import told
from actors.exchange.port import UpdateSink

log = structlog.get_logger(component="exchange")

Event = Mapping[str, Any]

EVENTS_MAX = FILLS_MAX = 10_000
#: Fills are asked for from so long before the last one that was told.
OVERLAP_MS = 60_000
PAUSE_SECONDS_MIN, PAUSE_SECONDS_MAX = 0.5, 30.0
CATCH_UP_TRIES = 3
WORD_TRIES_MAX = 3 * CATCH_UP_TRIES
#: A connection may answer pings and never say that it has subscribed.
CONNECT_SECONDS = 10.0
CONNECTED: Event = {"e": "connected"}


class AccountStream:
    """An account's stream; `run` it while the exchange object is open."""

    def __init__(self, venue: Venue, now_ms: Callable[[], int]) -> None:
        self._venue, self._now_ms = venue, now_ms
        self._exchange = venue.wire.exchange
        self._exchange.told = self._take
        self._send, self._receive = trio.open_memory_channel[Event](EVENTS_MAX)
        self._client: Any = None
        self._last_ms = 0
        self._pause = PAUSE_SECONDS_MIN
        self._sound_ms: int | None = None  # up to when all was told; None: up to now
        self._breaks = 0
        #: Those that lived before a gap, until their word has been asked for.
        self._before: dict[str, Order] = {}
        self._unanswered: Counter[str] = Counter()
        self._fills: dict[str, None] = {}  # told: what is asked for overlaps
        self.sink: UpdateSink = _nobody
        #: Told a symbol whose leverage somebody has changed, or may have; "": all.
        self.unsettled: Callable[[str], None] = _nobody

    async def run(self, task_status: trio.TaskStatus[None]) -> None:
        """Tell until cancelled."""
        self._last_ms = self._now_ms()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._stay_connected)
            nursery.start_soon(self._keep_alive)
            begun = False
            async for event in self._receive:
                with in_lane(Lane.RECONCILE):
                    fine = await self._translate(event)
                if event is CONNECTED and fine and not begun:
                    begun = True
                    task_status.started()

    # --- the connection ---------------------------------------------------------------

    def _take(self, event: Event) -> None:
        """Take an event; when there is no room, the stream begins anew and asks."""
        try:
            self._send.send_nowait(event)
        except trio.WouldBlock:
            self._reconnect(f"{EVENTS_MAX} events of the account wait already")

    def _reconnect(self, why: str) -> None:
        log.warning("the account's stream begins anew", reason=why)
        self._broken()
        if self._client is not None:
            self._client.on_error(NetworkError(why))

    def _broken(self) -> None:
        """Note that something may be missed: fills told from here on are newer."""
        self.unsettled("")
        self._breaks += 1
        if self._sound_ms is None:
            self._sound_ms = self._last_ms

    async def _stay_connected(self) -> None:
        while True:
            self._broken()
            try:
                with in_lane(Lane.RECONCILE), trio.fail_after(CONNECT_SECONDS):
                    ended = await self._connected()
                self.unsettled("")  # what was confirmed since may have changed as well
                await self._send.send(CONNECTED)
                await ended
            except (BaseError, ExchangeError) as error:
                log.warning("the account's stream ended", reason=told(error))
            except trio.TooSlowError:
                self._reconnect(f"it does not stand after {CONNECT_SECONDS} s")
            self._broken()
            await trio.sleep(self._pause)
            self._pause = min(self._pause * 2, PAUSE_SECONDS_MAX)

    async def _connected(self) -> Any:
        """Dial and subscribe; give the promise that breaks when it is over."""
        raise NotImplementedError

    async def _keep_alive(self) -> None:
        """Do what must be done again and again, until cancelled."""
        raise NotImplementedError

    async def _read(self, event: Event) -> None:
        """Tell what an event means. Raises ExchangeError, KeyError, ValueError."""
        raise NotImplementedError

    # --- what is told -----------------------------------------------------------------

    async def _translate(self, event: Event) -> bool:
        """Tell an event; False: what it means is not known, and is asked for anew."""
        try:
            if event is CONNECTED:
                await self._catch_up()
            else:
                await self._read(event)
        except (
            ExchangeError,
            KeyError,
            TypeError,
            ValueError,
            ArithmeticError,
        ) as error:
            self._reconnect(f"{event.get('e')} event: {told(error)}")
            return False
        return True

    def _tell(self, update: ExchangeUpdate) -> None:
        if isinstance(update, Fill):
            if update.trade_id in self._fills:
                return
            self._fills[update.trade_id] = None
            if len(self._fills) > FILLS_MAX:
                del self._fills[next(iter(self._fills))]
            self._last_ms = max(self._last_ms, update.ts_ms)
        self._venue.registry.heard(update)
        self.sink(update)

    # --- what was missed --------------------------------------------------------------

    async def _catch_up(self) -> None:
        """Ask for what may have been missed, and tell it. Raises ExchangeError."""
        # Taken once for all tries: the first list of what rests makes the others end.
        # A person's orders are left out: the engine heeds no word on them.
        for name, one in self._venue.registry.orders.items():
            if one.live and is_order(name):
                self._before[name] = one
        for left in reversed(range(CATCH_UP_TRIES)):
            try:
                await self._ask()
            except ExchangeError:
                if not left:
                    raise
                await trio.sleep(PAUSE_SECONDS_MIN)
            else:
                self._before.clear()
                return

    async def _ask(self) -> None:
        now_ms, breaks = self._now_ms(), self._breaks
        sound_ms = self._last_ms if self._sound_ms is None else self._sound_ms
        standing = await self._venue.open_orders()
        for fill in await self._venue.fills(sound_ms - OVERLAP_MS, now_ms):
            self._tell(fill)
        for one in standing:
            self._tell(word_of(one, now_ms))
        names = {one.request.client_id for one in standing}
        for name, order in tuple(self._before.items()):
            if name not in names:
                await self._ask_word(order.symbol, name)
        # What broke while this was asked may have kept back what came after.
        self._sound_ms = None if breaks == self._breaks else now_ms
        self._pause = PAUSE_SECONDS_MIN

    async def _ask_word(self, symbol: str, name: str) -> None:
        """Tell what became of an order; one that is never answered keeps up nobody."""
        try:
            word = await self._venue.order(symbol, name)
        except ExchangeError as error:
            self._unanswered[name] += 1
            if self._unanswered[name] < WORD_TRIES_MAX:
                raise
            log.warning("an order's end is not told", order=name, reason=str(error))
            word = None  # the looks at the exchange go on asking
        self._before.pop(name)
        del self._unanswered[name]
        if word is not None:
            self._tell(word)


def word_of(one: OpenOrder, now_ms: int) -> OrderUpdate:
    """Say of a resting order that it rests."""
    state = OrderState.PARTIAL if one.filled_quantity else OrderState.OPEN
    request, filled = one.request, one.filled_quantity
    return OrderUpdate(
        request.client_id, one.exchange_id, request.symbol, state, filled, "", now_ms
    )


def _nobody(_update: Any) -> None:
    """Nobody has connected yet."""
