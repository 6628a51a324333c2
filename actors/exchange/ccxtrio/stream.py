"""Makes the streaming half of any ccxt exchange run on trio.

`StreamOnTrio` stands before a class of ccxt.pro. Its background work belongs to a
nursery: that of `async with exchange:`, or one that was given to `attach`. Which frames
are sent and how messages are read stays ccxt's own.
"""

from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import trio
from ccxt.base.errors import ExchangeClosedByUser, NotSupported

from actors.exchange.ccxtrio.client import Listener, SocketClient
from actors.exchange.ccxtrio.promise import Promise
from actors.exchange.ccxtrio.rest import RestOnTrio
from actors.exchange.gate.limiter import Limiter

CLOSE_SECONDS = 5.0
LISTENERS_MAX = 64


class StreamOnTrio(RestOnTrio):
    """The mixin."""

    def __init__(self, config: Mapping[str, Any] | None = None) -> None:
        self._nursery: trio.Nursery | None = None
        self._spawned: deque[Callable[[], Awaitable[None]]] = deque()
        self._listeners: list[Listener] = []
        self._opened: Any = None  # the context of a nursery of our own
        super().__init__(config)

    # --- whose the background work is -------------------------------------------------

    def attach(self, nursery: trio.Nursery) -> None:
        """Let `nursery` own the connections; call `close` before it ends."""
        self._nursery = nursery

    async def __aenter__(self) -> Self:
        self._opened = trio.open_nursery()
        self._nursery = await self._opened.__aenter__()
        self.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        opened, nursery = self._opened, self._nursery
        assert nursery is not None
        with trio.move_on_after(CLOSE_SECONDS, shield=True):
            await self.close()
        self._opened = self._nursery = None
        nursery.cancel_scope.cancel()
        if isinstance(error, trio.Cancelled):  # it may be the nursery's own
            return bool(await opened.__aexit__(kind, error, trace))
        await opened.__aexit__(None, None, None)
        return False

    def _owner(self: Any) -> trio.Nursery:
        if self._nursery is None:
            msg = f"{self.id}: streams need `async with exchange:` or attach(nursery)"
            raise RuntimeError(msg)
        assert isinstance(self._nursery, trio.Nursery)
        return self._nursery

    # --- background work --------------------------------------------------------------

    def spawn(
        self: Any, method: Callable[..., Awaitable[Any]], *arguments: Any
    ) -> Promise:
        """Run a method beside its caller; an error nobody waits for is logged."""
        promise = Promise()

        async def run() -> None:
            try:
                promise.resolve(await method(*arguments))
            except Exception as error:  # noqa: BLE001 - told to whoever waits
                ours = isinstance(error, ExchangeClosedByUser)
                if not ours and not promise.waited_for():
                    self.logger.warning("%s: %r failed: %r", self.id, method, error)
                promise.reject(error)
            finally:
                promise.cancel()

        owner = self._owner()
        if not self._spawned:
            owner.start_soon(self._start_spawned, owner)
        self._spawned.append(run)
        return promise

    async def _start_spawned(self, owner: trio.Nursery) -> None:
        """Start in the order of the calls, as asyncio does: nonces depend on it."""
        while self._spawned:
            owner.start_soon(self._spawned[0], name="ccxt in the background")
            await trio.lowlevel.checkpoint()
            self._spawned.popleft()

    def delay(
        self: Any,
        timeout: float,
        method: Callable[..., Awaitable[Any]],
        *arguments: Any,
    ) -> trio.CancelScope:
        """Run a method after so many ms, unless what it gives is cancelled."""
        scope = trio.CancelScope()

        async def run() -> None:
            with scope:
                await trio.sleep(timeout / 1000)
                await self.spawn(method, *arguments)

        async def logged() -> None:
            try:
                await run()
            except Exception as error:  # noqa: BLE001 - nobody waits for it
                self.logger.warning("%s: %r failed: %r", self.id, method, error)

        self._owner().start_soon(logged, name=f"ccxt {self.id} delayed {method}")
        return scope

    # --- streams ----------------------------------------------------------------------

    def _make_client(self: Any, url: str, options: Mapping[str, Any]) -> SocketClient:
        callbacks = {
            "on_message_callback": self.handle_message,
            "on_error_callback": self.on_error,
            "on_close_callback": self.on_close,
            "on_connected_callback": self.on_connected,
        }
        client = SocketClient(url, callbacks, options, self._owner())
        client.listeners, client.gate = self._listeners, self.gate
        return client

    def client(self: Any, url: str) -> SocketClient:
        """Give the connection to a url; it is dialled when something is watched."""
        self.clients = self.clients or {}
        known = self.clients.get(url)
        if isinstance(known, SocketClient):
            return known
        if any(self.check_ws_proxy_settings()):
            msg = f"{self.id}: streams through a proxy are not there on trio"
            raise NotSupported(msg)
        options = self.extend(
            self.streaming,
            {
                "log": self.log,
                "ping": getattr(self, "ping", None),
                "verbose": self.verbose,
                "throttle": Limiter(self.tokenBucket),
                "decompressBinary": self.safe_bool(
                    self.options, "decompressBinary", True
                ),
            },
            self.safe_value(self.options, "ws", {}),
        )
        client: SocketClient = self._make_client(url, options)
        if url.startswith("wss"):
            client.ssl_context = self._tls()
        self.clients[url] = client
        return client

    def watch(
        self: Any,
        url: str,
        message_hash: str,
        message: Any = None,
        subscribe_hash: str | None = None,
        subscription: Any = None,
    ) -> Promise:
        """Promise the next value under a hash; subscribe if nobody has."""
        client: SocketClient = self.client(url)
        if subscribe_hash is None and message_hash in client.futures:
            return client.futures[message_hash]
        promise = client.future(message_hash)
        missing = not client.subscriptions.get(subscribe_hash)
        if missing:
            client.subscriptions[subscribe_hash] = subscription or True
        self._ask(client, message if missing else None)
        return promise

    def watch_multiple(
        self: Any,
        url: str,
        message_hashes: Sequence[str],
        message: Any = None,
        subscribe_hashes: Sequence[str] | None = None,
        subscription: Any = None,
    ) -> Promise:
        """Promise the first value under any of the hashes."""
        client = self.client(url)
        race = Promise.race([client.future(each) for each in message_hashes])
        missing = [
            each for each in subscribe_hashes or () if each not in client.subscriptions
        ]
        for each in missing:
            client.subscriptions[each] = subscription or True
        self._ask(client, message if missing else None)
        return race

    def _ask(self: Any, client: SocketClient, message: Any) -> None:
        if not client.connected.done():
            client.connect(None, self.ws_dial_delay(client.url))
        if message:
            cost = self.safe_value(self.safe_value(self.options, "ws"), "cost", 1)
            client.queue(message, cost if self.enableRateLimit else None)

    async def close_ws_clients(self: Any) -> None:
        """Close every connection and wait until it is gone."""
        clients = list((self.clients or {}).values())
        closing = [client.close() for client in clients]
        for closed in closing:
            await closed
        for client in clients:
            if self.clients.get(client.url) is client:
                del self.clients[client.url]

    def listen(self, listener: Listener) -> None:
        """Tell `listener` of everything that is resolved on any connection."""
        assert len(self._listeners) < LISTENERS_MAX, "listeners are left behind"
        self._listeners.append(listener)

    def unlisten(self, listener: Listener) -> None:
        """Tell it no more."""
        self._listeners.remove(listener)

    def tap(
        self, url: str, message_hash: str, callback: Callable[[Any], object]
    ) -> None:
        """Call back with every value under a hash, in order.

        A watch sees the newest state only: what comes between two awaits is lost to it.
        """
        self.client(url).taps.setdefault(message_hash, []).append(callback)
