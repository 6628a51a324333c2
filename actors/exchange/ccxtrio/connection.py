"""The life of a ccxt client's socket, from the dial to its end, in tasks of its own."""

from collections import deque
from typing import Any

import trio
from ccxt.base.errors import BaseError, NetworkError, RequestTimeout
from ccxt.base.exchange import Exchange

from actors.domain.errors import Unsent
from actors.sockets import (
    Address,
    ClosedByPeer,
    ConnectionLost,
    HandshakeFailed,
    SocketError,
    Terms,
    WebSocket,
    connect,
)

#: An exchange's own interval counts where it is shorter.
PING_SECONDS_MAX = 7.5
DIAL_SECONDS = 10.0
CLOSE_SECONDS = 2.0
QUEUED_MAX = 10_000
MESSAGE_BYTES_MAX = 16 * 1024 * 1024
WITHOUT_GOODBYE = 1006


class Connection:
    """Dials, reads, pings and sends for one client, and ends when it is told to.

    The client is asked for its settings when they are needed: exchanges change them
    between making a client and dialling.
    """

    def __init__(self, client: Any) -> None:
        self.ending = trio.Event()
        self._client = client
        self._in_order = True
        self._queue: deque[tuple[Any, float | None]] = deque()
        self._queued = trio.Event()

    def end(self, *, in_order: bool) -> None:
        """Close, with a goodbye or without; also while dialling."""
        self._in_order = self._in_order and in_order
        self.ending.set()

    def queue(self, message: Any, cost: float | None) -> bool:
        """Send it after what was queued before; False: too much waits."""
        if len(self._queue) >= QUEUED_MAX:
            return False
        self._queue.append((message, cost))
        self._queued.set()
        return True

    async def live(self, delay: float) -> None:
        """Run the connection; whatever ends it is told to the client."""
        client = self._client
        try:
            with trio.move_on_after(delay):
                await self.ending.wait()
            if not self.ending.is_set():
                await self._run()
        except ClosedByPeer as error:
            client.on_close(error.code)
        except ConnectionLost:
            client.on_close(WITHOUT_GOODBYE)
        except Exception as error:  # noqa: BLE001 - the watchers are told
            client.on_error(error)
        finally:
            self.ending.set()
            client.over()

    async def _run(self) -> None:
        ended: Exception | None = None
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._close_when_told, nursery.cancel_scope)
            try:
                socket = await self._dialled(nursery)
                nursery.start_soon(self._send_queued)
                nursery.start_soon(self._keep_alive, socket)
                await self._read(socket)
            except Exception as error:  # noqa: BLE001 - raised below, without a group
                ended = error
            nursery.cancel_scope.cancel()
        if ended is not None and not self.ending.is_set():
            raise ended

    async def _read(self, socket: WebSocket) -> None:
        handle = self._client.handle_message
        while True:
            for message in await socket.receive():
                handle(message)

    async def _dialled(self, nursery: trio.Nursery) -> WebSocket:
        client = self._client
        client.connectionStarted = Exchange.milliseconds()
        terms = Terms(
            handshake_seconds=(client.connectionTimeout or DIAL_SECONDS * 1000) / 1000,
            close_seconds=CLOSE_SECONDS,
            ping_seconds=None,  # ours, below: an exchange may want its own words
            message_bytes_max=MESSAGE_BYTES_MAX,
            outbox_messages_max=QUEUED_MAX,
            deflate=bool(client.options.get("compress", True)),
        )
        dialled_ms = self._let_through()
        try:
            socket = await connect(nursery, self._address(), terms)
        except (SocketError, ValueError) as error:
            client.dial_failed = True
            raise self._undialled(error, dialled_ms) from error
        client.connection = socket
        client.connecting = False
        client.isConnected = True
        client.connectionEstablished = Exchange.milliseconds()
        client.connected.resolve(client.url)
        client.on_connected_callback(client)
        return socket

    def _address(self) -> Address:
        client = self._client
        given = client.options.get("headers") or {}
        headers = {name: str(value) for name, value in given.items()}
        cookies = client.options.get("cookies") or {}
        if cookies:
            headers["Cookie"] = "; ".join(f"{k}={v}" for k, v in cookies.items())
        return Address(client.dialled_url(), headers, ssl_context=client.ssl_context)

    def _let_through(self) -> int:
        """Tell the hour of the dial. Raises NetworkError while a ban holds."""
        gate = self._client.gate
        try:
            return 0 if gate is None else int(gate.dial())
        except Unsent as refusal:
            raise NetworkError(str(refusal)) from refusal

    def _undialled(self, error: Exception, dialled_ms: int) -> BaseError:
        """Say in ccxt's words why a dial failed, and how long the peer wants peace."""
        if isinstance(error.__cause__, trio.TooSlowError):
            return RequestTimeout("Connection timeout")
        if isinstance(error, HandshakeFailed):
            gate, status = self._client.gate, error.status
            if gate is not None and status is not None:
                gate.turned_away(status, error.headers, dialled_ms)
            wanted = error.headers.get("retry-after", "")
            if wanted.replace(".", "", 1).isdigit():
                self._client.last_retry_after = float(wanted)
        return NetworkError(str(error))

    async def _close_when_told(self, all_of_it: trio.CancelScope) -> None:
        await self.ending.wait()
        if self._client.connection is not None and self._in_order:
            await self._client.connection.aclose()
        all_of_it.cancel()  # cuts what is still there

    async def _send_queued(self) -> None:
        client = self._client
        while True:
            await self._queued.wait()
            self._queued = trio.Event()
            while self._queue:
                message, cost = self._queue.popleft()
                try:
                    if cost is not None:
                        await client.throttle(cost)
                    await client.send(message)
                except Exception as error:  # noqa: BLE001 - the watchers are told
                    client.on_error(error)
                    return

    async def _keep_alive(self, socket: WebSocket) -> None:
        client = self._client
        with trio.CancelScope() as client.ping_looper:
            while client.keepAlive:
                interval = min(client.keepAlive / 1000, PING_SECONDS_MAX)
                await trio.sleep(interval)
                silent = trio.current_time() - socket.heard_seconds
                if silent >= interval * client.maxPingPongMisses:
                    text = f"nothing came from {client.url} for {silent:.1f} s"
                    client.on_error(RequestTimeout(text))
                    return
                try:
                    await self._ping(socket)
                except Exception as error:  # noqa: BLE001 - the watchers are told
                    client.on_error(error)
                    return

    async def _ping(self, socket: WebSocket) -> None:
        client = self._client
        words = client.ping(client) if client.ping else None
        if words is None:
            await socket.ping()
        else:
            await client.send(words)
