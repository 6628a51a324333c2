"""Tells what happens to a Binance account, in the exchange's order and at least once.

Every message of the private stream is taken as it arrives, by its handler and not by a
watch, which would see the newest state only; `stream` tells them in their order.
"""

from collections.abc import Callable
from typing import Any

import trio

from actors.domain.errors import ExchangeError
from actors.exchange.ccxtrio import Lane, in_lane
from actors.exchange.live.binance import Binance
from actors.exchange.live.binance_events import Event, Events
from actors.exchange.live.stream import AccountStream

#: A listen key lives for an hour of the exchange's time.
KEEP_MS, KEEP_LOOK_SECONDS = 20 * 60_000, 5.0
OVER = frozenset({"listenKeyExpired", "eventStreamTerminated"})


class PrivateHalf:
    """Stands before an exchange class: the account's events go to `told` as they are.

    What is no event, the answers of the WebSocket API, stays ccxt's.
    """

    told: Callable[[Event], None]

    def handle_message(self, client: Any, message: Any) -> None:
        """Take one message."""
        wrapped = message.get("event") if isinstance(message, dict) else None
        event = wrapped if isinstance(wrapped, dict) else message
        if isinstance(event, dict) and "e" in event:
            self.told(event)
        else:
            super().handle_message(client, message)  # type: ignore[misc]


class PrivateStream(AccountStream):
    """The stream of a Binance account."""

    _venue: Binance

    def __init__(self, venue: Binance, now_ms: Callable[[], int]) -> None:
        super().__init__(venue, now_ms)
        self._events = Events(venue)
        self._kept_ms = 0

    async def _connected(self) -> Any:
        """Dial and subscribe; give the promise that breaks when it is over."""
        exchange = self._exchange
        if self._venue.usdm:
            key = (await self._venue.asked("PostListenKey"))["listenKey"]
            self._kept_ms = self._now_ms()
            url = exchange.get_private_ws_url("linear", key)
            over = exchange.watch(url, "account", None, "account")
            self._client = exchange.client(url)
            await self._client.connected
            return over
        url = exchange.urls["api"]["ws"]["ws-api"]["spot"]
        self._client = exchange.client(url)
        await exchange.authenticate({"type": "spot"})
        if exchange.clients.get(url) is not self._client:
            msg = "the stream ended as soon as it had begun"
            raise ExchangeError(msg)
        return exchange.watch(url, "account", None, "spot")

    async def _keep_alive(self) -> None:
        while self._venue.usdm:
            await trio.sleep(KEEP_LOOK_SECONDS)
            if not self._kept_ms or self._now_ms() - self._kept_ms < KEEP_MS:
                continue
            try:
                with in_lane(Lane.RECONCILE):
                    await self._venue.asked("PutListenKey")
                self._kept_ms = self._now_ms()
            except ExchangeError as error:
                self._reconnect(f"its key could not be kept alive: {error}")

    async def _read(self, event: Event) -> None:
        self._settings(event)
        for update in await self._events.updates(event):
            self._tell(update)

    def _settings(self, event: Event) -> None:
        """Heed what is told of the stream itself and of the account's settings."""
        if event["e"] in OVER:
            self._reconnect(str(event["e"]))
        elif event["e"] == "ACCOUNT_CONFIG_UPDATE":
            # Of another mode of the account ("ai") no symbol is told.
            changed = str((event.get("ac") or {}).get("s", ""))
            self.unsettled(self._venue.symbols.symbol_of(changed))
