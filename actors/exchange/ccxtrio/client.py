"""One WebSocket of a ccxt exchange: ccxt's Client, on the engine's own sockets.

Futures, subscriptions and the ways to resolve and reject them stay ccxt's. Everything
that dials, reads, pings, sends or closes is here. One task owns a connection from the
dial to its end; other tasks only queue and ask.

Where it is better than stock on purpose:

- an error in a handler reaches whoever watches, and ends the connection, so that the
  next watch subscribes anew (stock goes deaf: the socket stays open and nothing comes);
- whatever comes from the peer proves that it lives, and silence is noticed after
  fifteen seconds at most, not after two of the exchange's own ping intervals;
- frames go out in the order in which they were asked for.
"""

import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import trio
from ccxt.async_support.base.ws.client import Client, json_dumps, json_parser
from ccxt.base.errors import BaseError, ExchangeError, NetworkError
from ccxt.base.exchange import Exchange

from actors.exchange.ccxtrio.connection import QUEUED_MAX, Connection
from actors.exchange.ccxtrio.promise import Promise
from actors.exchange.gate.gate import Gate
from actors.sockets import Binary, SocketError

UNZIPPED_BYTES_MAX = 64 * 1024 * 1024
GZIP, RAW_DEFLATE = 31, -15  # zlib's window bits
ABNORMAL = 1006
JSON_STARTS = (b"{", b"[")

Callback = Callable[..., Any]


class Listener(Protocol):
    """Hears everything of a connection, in order."""

    def resolved(self, result: Any, message_hash: object) -> None:
        """Hear what a handler has stored under a hash."""

    def ended(self, url: str) -> None:
        """Hear that a connection is over, before any other is dialled."""


class SocketClient(Client):  # type: ignore[misc]
    """A connection, and what is subscribed on it. `nursery` is its exchange's."""

    def __init__(
        self,
        url: str,
        callbacks: Mapping[str, Callback],
        config: Mapping[str, Any],
        nursery: trio.Nursery,
    ) -> None:
        # Not ccxt's constructor: it makes a future of asyncio.
        self.url = url
        self.futures: dict[str, Promise] = {}
        self.subscriptions: dict[str | None, Any] = {}
        self.rejections: dict[str, Any] = {}
        for name, callback in callbacks.items():
            setattr(self, name, callback)
        for name, value in config.items():
            known = getattr(self, name, None)
            merged = isinstance(known, dict) and isinstance(value, dict)
            setattr(self, name, Exchange.deep_extend(known, value) if merged else value)
        self.options = config.get("options", config)
        self.error: Exception | None = None
        self.isConnected = False
        self.connected = Promise()
        self.finished = Promise()  # the connection and its tasks are gone
        self.ping_looper: trio.CancelScope | None = None
        self.last_retry_after: float | None = None
        self.last_message_at: int | None = None
        self.dial_failed = False
        self.taps: dict[str, list[Callable[[Any], object]]] = {}
        self.listeners: Sequence[Listener] = ()
        self.ssl_context: Any = None
        self.gate: Gate | None = None  # None: no ban is minded
        self.life = Connection(self)
        self._nursery = nursery
        self._started = False

    # --- what ccxt asks of a client ---------------------------------------------------

    def future(self, message_hash: str) -> Promise:
        """Give the promise of the next value under a hash."""
        promise = self.futures.get(message_hash)
        if promise is None or promise.cancelled():
            promise = self.futures[message_hash] = Promise()
        if message_hash in self.rejections:
            promise.reject(self.rejections.pop(message_hash))
        return promise

    def resolve(self, result: Any, message_hash: str) -> Any:
        """Keep the promise of a hash, and tell the taps."""
        promise = self.futures.pop(message_hash, None)
        if promise is not None:
            promise.resolve(result)
        for tap in self.taps.get(message_hash, ()):
            tap(result)
        for listener in self.listeners:
            listener.resolved(result, message_hash)
        return result

    def connect(self, _session: object = None, backoff_delay: float = 0) -> Promise:
        """Dial, once, after so many seconds."""
        if not self._started:
            self._started = self.connecting = True
            self._nursery.start_soon(self.life.live, backoff_delay, name=self.url)
        return self.connected

    def closed(self) -> bool:
        """Whether nothing can be sent."""
        return self.connection is None or self.life.ending.is_set()

    def queue(self, message: Any, cost: float | None) -> None:
        """Send once connected, after what was queued before and when the limit lets."""
        if not self.life.queue(message, cost):
            msg = f"{QUEUED_MAX} messages wait for {self.url} already"
            raise ExchangeError(msg)

    async def send(self, message: Any) -> None:
        """Send a message at once; ConnectionError: there is nobody."""
        if self.verbose:
            self.log("sending", message)
        text = message if isinstance(message, str) else json_dumps(message)
        if self.closed():
            msg = "Cannot Send Message: Connection closed before send"
            raise ConnectionError(msg)
        try:
            await self.connection.send_text(text)
        except SocketError as error:
            msg = f"Cannot Send Message: {error}"
            raise ConnectionError(msg) from error

    def close(self, code: int = 1000) -> Promise:
        """Begin to close now, whoever calls; await what it gives for the end."""
        futures, self.futures = self.futures, {}
        for promise in futures.values():
            promise.cancel()
        self.life.end(in_order=code != ABNORMAL)
        if not self._started:
            self.connected.cancel()
            self.finished.resolve(None)
        return self.finished

    def on_error(self, error: Exception) -> None:
        """Tell every watcher, in ccxt's words, and end the connection."""
        if not isinstance(error, BaseError):
            way = isinstance(error, (SocketError, OSError))
            kind = NetworkError if way else ExchangeError
            error = kind(f"{type(error).__name__}: {error}")
        self.error = error
        self.connected.reject(error)
        self.reject(error)
        self.on_error_callback(self, error)
        self.close(ABNORMAL)

    def on_close(self, code: int) -> None:
        """Tell every watcher that the peer has gone."""
        if not self.error:
            text = f"Connection closed by remote server, closing code {code}"
            self.reject(NetworkError(text))
        self.on_close_callback(self, code)
        self.close(code)

    def onPong(self) -> None:  # noqa: N802 - one exchange of ccxt calls it, none has it
        """Note a pong that came as a message."""
        self.lastPong = Exchange.milliseconds()

    def over(self) -> None:
        """Settle what is open: the connection is gone and its tasks end."""
        was_open = self.isConnected
        self.isConnected = False
        self.connecting = False
        self.connected.cancel()
        self.finished.resolve(None)
        for listener in self.listeners if was_open else ():
            listener.ended(str(self.url))

    def dialled_url(self) -> str:
        """Say where to dial; a test dials loopback under the exchange's own url."""
        return str(self.url)

    # --- messages ---------------------------------------------------------------------

    def handle_message(self, message: bytes) -> None:
        """Decode a message and give it to the exchange's handler."""
        self.last_message_at = Exchange.milliseconds()
        if isinstance(message, Binary):
            self.handle_text_or_binary_message(self._unzipped(message))
            return
        if self.verbose:
            self.log("message", message)
        if message.startswith(JSON_STARTS) and len(message) > 1:
            self.on_message_callback(self, json_parser.loads(message))
        else:
            self.on_message_callback(self, message.decode())

    def _unzipped(self, message: bytes) -> bytes:
        if not self.gunzip and not self.inflate:
            return bytes(message)
        reader = zlib.decompressobj(GZIP if self.gunzip else RAW_DEFLATE)
        unzipped = reader.decompress(message, UNZIPPED_BYTES_MAX)
        if reader.unconsumed_tail:
            text = f"a message unzips to more than {UNZIPPED_BYTES_MAX} bytes"
            raise NetworkError(text)
        return unzipped
