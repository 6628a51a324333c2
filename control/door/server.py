"""The control plane's server: people watch and command, and cannot hurt the engine.

Hypercorn's own `serve` ends the whole server when one connection raises (a header
that is not ASCII is enough), has no cap on connections, and waits without limit for a
console that stopped reading. So its connection class is used alone, as the handler of
`trio.serve_listeners`, and this module is what stands around each connection:

* a guard that counts, reports and drops (never Cancelled, never KeyboardInterrupt);
* a door with caps (`control.door.guard`) and a transport with deadlines
  (`control.door.transport`);
* an end that no console can delay: what is left after the grace is reset.

There is no ASGI lifespan: the composition root owns the application's resources.
"""

import ipaddress
from collections.abc import Sequence
from contextlib import suppress
from ssl import SSLContext, SSLError
from typing import Final

import trio
from hypercorn.config import Config
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ConnectionState
from starlette.types import ASGIApp

from control.door.guard import Door, Guests, OnFault, ServerLimits, ServerStatistics
from control.door.protocol import Application, Connection, configuration
from control.door.transport import Transport, current_transport
from control.errors import CannotServe, UnsafeBind

__all__ = ["ServerLimits", "ServerStatistics", "Serving", "serve"]

DEFAULT_LIMITS: Final = ServerLimits()


class Serving:
    """A server that accepts: where it listens, what it counts, how it is closed."""

    def __init__(
        self, listeners: Sequence[trio.SocketListener], guests: Guests
    ) -> None:
        self.addresses: tuple[tuple[str, int], ...] = tuple(
            listener.socket.getsockname()[:2] for listener in listeners
        )
        self._guests = guests
        self._accepting = trio.CancelScope()
        self._ended = trio.Event()

    @property
    def port(self) -> int:
        """Return the port of the first address, which port 0 leaves to the system."""
        return self.addresses[0][1]

    def statistics(self) -> ServerStatistics:
        """Return a frozen snapshot of the counts."""
        return self._guests.statistics()

    async def emptied(self) -> None:
        """Wait until no connection is left."""
        await self._guests.emptied()

    async def close(self) -> None:
        """Stop accepting, give the consoles the grace, reset the rest; then return."""
        self._accepting.cancel()
        await self._ended.wait()


async def serve(  # noqa: PLR0913 - every setting has its name at the call
    app: ASGIApp,
    *,
    host: str,
    port: int,
    on_fault: OnFault,
    limits: ServerLimits = DEFAULT_LIMITS,
    tls: tuple[str, str] | None = None,
    public_ok: bool = False,
    task_status: trio.TaskStatus[Serving] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve until cancelled or closed; `started` hands over a `Serving`.

    `tls` is (certificate file, key file). Raises UnsafeBind for an address that others
    can reach without TLS unless `public_ok` says that it is meant, and CannotServe
    when the address or the certificate cannot be used.
    """
    _refuse_unsafe_bind(host, tls=tls, public_ok=public_ok)
    config = configuration(limits, tls)
    guests = Guests(limits, on_fault)
    context = WorkerContext(None)
    guard = _Guard(app, guests, config, context)
    listeners = await _listen(host, port, limits)
    serving = Serving(listeners, guests)
    doors = [Door(listener, guests) for listener in listeners]
    try:
        async with trio.open_nursery() as nursery:
            try:
                with serving._accepting:  # noqa: SLF001 - its only owner
                    task_status.started(serving)
                    await trio.serve_listeners(
                        guard.attend, doors, handler_nursery=nursery
                    )
                await context.terminated.set()
                with trio.move_on_after(limits.shutdown_seconds):
                    await guests.emptied()
            finally:
                guests.abort_all()
                nursery.cancel_scope.cancel()
    finally:
        serving._ended.set()  # noqa: SLF001 - its only owner


class _Guard:
    """What stands around each connection."""

    def __init__(
        self, app: ASGIApp, guests: Guests, config: Config, context: WorkerContext
    ) -> None:
        self._application = Application(app, guests)
        self._guests = guests
        self._config = config
        self._context = context
        self._tls = _tls_context(config)

    async def attend(self, transport: Transport) -> None:
        """Serve one connection to its end; what it raises ends nothing else."""
        current_transport.set(transport)
        try:
            with transport.scope:
                await self._speak(transport)
        except* Exception as group:  # noqa: BLE001 - the connection guard
            self._guests.record(group, transport.peer)
        finally:
            self._guests.leave(transport)

    async def _speak(self, transport: Transport) -> None:
        stream: trio.abc.Stream = transport
        if self._tls is not None:
            stream = trio.SSLStream(
                transport, self._tls, server_side=True, https_compatible=True
            )
        await Connection(
            self._application,  # type: ignore[arg-type]  # ASGI, typed by Starlette
            self._config,
            self._context,
            ConnectionState({}),
            stream,  # type: ignore[arg-type]  # any stream with a socket will do
        ).run()


def _refuse_unsafe_bind(
    host: str, *, tls: tuple[str, str] | None, public_ok: bool
) -> None:
    if tls is not None or public_ok or is_loopback(host):
        return
    message = (
        f"control.host {host!r} can be reached from outside and there is no TLS:"
        " use 127.0.0.1, give control.tls_certificate and control.tls_key, or say"
        " that it is meant: control.insecure_public = true, --insecure-public"
    )
    raise UnsafeBind(message)


def is_loopback(host: str) -> bool:
    """Say whether the address is this machine's own; other names are not trusted."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _tls_context(config: Config) -> SSLContext | None:
    try:
        return config.create_ssl_context()
    except (OSError, SSLError) as error:
        message = (
            f"certificate {config.certfile} with key {config.keyfile} cannot be used:"
            f" {error}; give two PEM files that belong together"
        )
        raise CannotServe(message) from error


async def _listen(
    host: str, port: int, limits: ServerLimits
) -> list[trio.SocketListener]:
    try:
        listeners = await trio.open_tcp_listeners(
            port, host=host, backlog=limits.backlog
        )
    except OSError as error:
        message = f"cannot listen at {host}:{port}: {error}; choose another port"
        raise CannotServe(message) from error
    option = getattr(trio.socket, "TCP_USER_TIMEOUT", None)
    if option is not None:
        stall_ms = round(limits.stall_seconds_max * 1_000)
        for listener in listeners:
            # Accepted sockets inherit it; elsewhere the transport's deadline stands.
            with suppress(OSError):
                listener.socket.setsockopt(trio.socket.IPPROTO_TCP, option, stall_ms)
    return listeners
