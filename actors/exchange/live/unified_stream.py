"""Tells what happens to an account that is asked by unified calls.

Its stream is a bell: whatever comes on it, and every few seconds without it, orders and
fills are asked for, so that what is told never hangs on how ccxt reads a stream. Told
is each fill once, and each order's word when it is another than the last.
"""

from collections.abc import Callable
from typing import Any

import msgspec
import structlog
import trio
from ccxt.base.errors import BaseError

from actors.domain.errors import ExchangeError
from actors.domain.money import ZERO
from actors.domain.orders import ExchangeUpdate, OrderState, OrderUpdate
from actors.exchange.ccxtrio import Lane, in_lane
from actors.exchange.live.registry import ENDED
from actors.exchange.live.stream import (
    CONNECTED,
    OVERLAP_MS,
    PAUSE_SECONDS_MAX,
    PAUSE_SECONDS_MIN,
    AccountStream,
    Event,
    word_of,
)
from actors.exchange.live.unified import Unified
from actors.exchange.live.wire import told

log = structlog.get_logger(component="exchange")

#: Asked so often without a bell, and after a bell no sooner than so long.
LOOK_SECONDS, REST_SECONDS = 5.0, 0.1


class Bell:
    """Stands before an exchange class: every message that comes rings."""

    told: Callable[[Event], None]

    def handle_message(self, client: Any, message: Any) -> None:
        """Take one message."""
        super().handle_message(client, message)  # type: ignore[misc]
        self.told(CONNECTED)


class UnifiedStream(AccountStream):
    """The stream of one account."""

    _venue: Unified

    def __init__(self, venue: Unified, now_ms: Callable[[], int]) -> None:
        super().__init__(venue, now_ms)
        self._words: dict[str, OrderUpdate] = {}  # told last, without its time

    def _take(self, event: Event) -> None:
        """Ring; one that waits already is enough."""
        if not self._send.statistics().current_buffer_used:
            super()._take(event)

    async def _stay_connected(self) -> None:
        pause = PAUSE_SECONDS_MIN
        while True:
            try:
                with in_lane(Lane.RECONCILE):
                    while True:
                        await self._exchange.watch_orders()
                        pause = PAUSE_SECONDS_MIN
            except (BaseError, ExchangeError) as error:
                log.warning("the account's stream ended", reason=told(error))
            self._take(CONNECTED)
            await trio.sleep(pause)
            pause = min(pause * 2, PAUSE_SECONDS_MAX)

    async def _keep_alive(self) -> None:
        while True:
            self._take(CONNECTED)
            await trio.sleep(LOOK_SECONDS)

    async def _translate(self, event: Event) -> bool:
        fine = await super()._translate(event)
        await trio.sleep(REST_SECONDS)
        return fine

    def _reconnect(self, why: str) -> None:
        """Ask again at the next bell, from where all was told."""
        log.warning("the account could not be asked", reason=why)

    def _tell(self, update: ExchangeUpdate) -> None:
        if isinstance(update, OrderUpdate):
            word = msgspec.structs.replace(update, ts_ms=0)
            if self._words.get(update.client_id) == word:
                return
            self._words[update.client_id] = word
        super()._tell(update)

    def _over(self, name: str) -> bool:
        word = self._words.get(name)
        return word is not None and word.state in ENDED

    async def _ask(self) -> None:
        registry, now_ms = self._venue.registry, self._now_ms()
        before = {n: one for n, one in registry.orders.items() if not self._over(n)}
        standing = await self._venue.open_orders()
        for fill in await self._venue.fills(self._last_ms - OVERLAP_MS, now_ms):
            self._tell(fill)
        for one in standing:
            self._tell(word_of(one, now_ms))
        names = {one.request.client_id for one in standing}
        for name in before.keys() - names:
            order = before[name]
            word = await self._venue.order(order.symbol, name)
            if word is not None:
                self._tell(word)
            elif not order.live:  # it was refused
                self._words[name] = _never(name, order.symbol)
        for name in self._words.keys() - registry.orders.keys():
            del self._words[name]
        self._last_ms = max(self._last_ms, now_ms)


def _never(name: str, symbol: str) -> OrderUpdate:
    """Note of an order, without telling it, that the exchange has none such."""
    return OrderUpdate(name, "", symbol, OrderState.CANCELLED, ZERO, "", 0)
