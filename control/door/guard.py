"""The door of the control plane: who may come in, how many, and what became of them.

The server below may not cost the engine its descriptors or its life, so the door
keeps a cap on all connections and one per address, goes on through the errors that
`accept` can return on a busy machine, and counts everything that it refuses or drops.

A flood that keeps every place must not keep out the person who wants to halt. So
beyond the caps there are a few spare places for SPARE_SECONDS_MAX each, in which only
a halt by somebody with a good token is served (`control.door.spare`). When they are
full, the one that waits longest without having shown a token is dropped for the next:
who floods them too must win that race every time.
"""

import errno
import ipaddress
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final

import msgspec
import trio

from control.door.transport import Transport

OnFault = Callable[[Exception, str], None]
"""Told of each fault and its peer's address; it must not raise."""

ACCEPT_PAUSE_SECONDS: Final = 0.1

FAULT_CLASSES_MAX: Final = 64

SPARE_SECONDS_MAX: Final = 10.0

ACCEPT_ERRNOS: Final = frozenset(
    {
        # The machine or the process is short of something.
        errno.EMFILE,
        errno.ENFILE,
        errno.ENOMEM,
        errno.ENOBUFS,
        # Linux hands over errors of the connection that was to be accepted.
        errno.ECONNABORTED,
        errno.EHOSTDOWN,
        errno.EHOSTUNREACH,
        errno.ENETDOWN,
        errno.ENETUNREACH,
        errno.ENOPROTOOPT,
        errno.EOPNOTSUPP,
        errno.EPERM,
        errno.EPROTO,
    }
)


class ServerLimits(msgspec.Struct, frozen=True):
    """Everything at the server that has a limit."""

    connections_max: int = 64
    connections_per_address_max: int = 24
    spare_max: int = 4  # beyond the caps, to halt and for nothing else
    stall_seconds_max: float = 2.0
    read_timeout_seconds: int = 30
    ping_seconds: float = 10
    message_bytes_max: int = 65_536
    incomplete_bytes_max: int = 16_384
    handshake_seconds_max: float = 5
    backlog: int = 64
    shutdown_seconds: float = 3


class ServerStatistics(msgspec.Struct, frozen=True):
    """What the server has seen since it started; `live` is now."""

    live: int
    peak: int
    accepted: int
    refused_over_cap: int
    refused_per_address: int
    spare_used: int
    accept_errors: int
    crashed: dict[str, int]
    dropped_stalled: int
    aborted: int
    received_bytes: int
    sent_bytes: int


class Guests:
    """The connections inside, and the count of all that came before."""

    def __init__(self, limits: ServerLimits, on_fault: OnFault) -> None:
        self._limits = limits
        self._on_fault = on_fault
        self._inside: dict[Transport, str] = {}
        self._spare: list[Transport] = []
        self._per_address: Counter[str] = Counter()
        self._crashed: Counter[str] = Counter()
        self._counts: Counter[str] = Counter()
        self._leaving = trio.lowlevel.ParkingLot()

    def admit(self, stream: trio.SocketStream) -> Transport | None:
        """Let the connection in, or close it at once when there are too many."""
        try:
            host, port, *_ = stream.socket.getpeername()
        except OSError:  # It is gone already.
            stream.socket.close()
            return None
        address = neighbourhood(host)
        over = self._over(address)
        if over is not None:
            self._counts[over] += 1
            if not self._has_spare_place():
                stream.socket.close()
                return None
        transport = Transport(
            stream,
            f"{host}:{port}",
            stall_seconds_max=self._limits.stall_seconds_max,
            linger_seconds=self._limits.shutdown_seconds,
        )
        if over is not None:
            self._counts["spare_used"] += 1
            transport.is_spare = True
            transport.scope.deadline = trio.current_time() + SPARE_SECONDS_MAX
            self._spare.append(transport)
        else:
            self._per_address[address] += 1
        self._inside[transport] = address
        self._counts["accepted"] += 1
        self._counts["peak"] = max(self._counts["peak"], len(self._inside))
        return transport

    def _over(self, address: str) -> str | None:
        """Say which cap one more connection would break; the spare ones are beside."""
        if self._per_address.total() >= self._limits.connections_max:
            return "refused_over_cap"
        taken = self._per_address[address]
        if taken >= self._limits.connections_per_address_max:
            return "refused_per_address"
        return None

    def _has_spare_place(self) -> bool:
        """Make a spare place if need be: whoever waits longest without a token goes."""
        if len(self._spare) < self._limits.spare_max:
            return True
        for transport in self._spare:
            if not transport.is_proven and not transport.aborted:
                transport.abort()
                transport.scope.cancel()  # a flood of them may not linger
                self._spare.remove(transport)
                return True
        return False

    def leave(self, transport: Transport) -> None:
        """Give the place free and keep what the connection has to tell."""
        address = self._inside.pop(transport)
        if transport.is_spare:
            self._spare = [one for one in self._spare if one is not transport]
        else:
            self._per_address[address] -= 1
            if not self._per_address[address]:
                del self._per_address[address]
        self._counts["dropped_stalled"] += transport.stalled
        self._counts["aborted"] += transport.aborted and not transport.stalled
        self._counts["received_bytes"] += transport.received_bytes
        self._counts["sent_bytes"] += transport.sent_bytes
        self._leaving.unpark_all()

    def record(self, group: BaseExceptionGroup[Exception], peer: str) -> None:
        """Count each fault by its class and tell of it."""
        for fault in _leaves(group):
            name = type(fault).__name__
            if name not in self._crashed and len(self._crashed) >= FAULT_CLASSES_MAX:
                name = "others"
            self._crashed[name] += 1
            self._on_fault(fault, peer)

    def record_accept_error(self) -> None:
        """Count a connection that the kernel could not hand over."""
        self._counts["accept_errors"] += 1

    def abort_all(self) -> None:
        """Reset every connection, so that no shielded write can delay an end."""
        for transport in self._inside:
            transport.abort()

    async def emptied(self) -> None:
        """Wait until nobody is inside."""
        while self._inside:
            await self._leaving.park()

    def statistics(self) -> ServerStatistics:
        """Return a frozen snapshot; the bytes of those inside are in it."""
        counts = self._counts
        inside = self._inside
        return ServerStatistics(
            live=len(inside),
            peak=counts["peak"],
            accepted=counts["accepted"],
            refused_over_cap=counts["refused_over_cap"],
            refused_per_address=counts["refused_per_address"],
            spare_used=counts["spare_used"],
            accept_errors=counts["accept_errors"],
            crashed=dict(self._crashed),
            dropped_stalled=counts["dropped_stalled"],
            aborted=counts["aborted"],
            received_bytes=counts["received_bytes"]
            + sum(transport.received_bytes for transport in inside),
            sent_bytes=counts["sent_bytes"]
            + sum(transport.sent_bytes for transport in inside),
        )


class Door(trio.abc.Listener[Transport]):
    """A listener that hands over admitted connections only."""

    def __init__(self, listener: trio.SocketListener, guests: Guests) -> None:
        self._listener = listener
        self._guests = guests

    async def accept(self) -> Transport:
        """Wait for a connection that may come in."""
        while True:
            try:
                stream = await self._listener.accept()
            except OSError as error:
                if error.errno not in ACCEPT_ERRNOS:
                    raise
                self._guests.record_accept_error()
                await trio.sleep(ACCEPT_PAUSE_SECONDS)
                continue
            transport = self._guests.admit(stream)
            if transport is not None:
                return transport

    async def aclose(self) -> None:
        """Stop listening."""
        await self._listener.aclose()


def neighbourhood(host: str) -> str:
    """Return what counts as one address: one guest owns a whole IPv6 /64."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host  # no internet address: a test's, or a local socket
    if isinstance(address, ipaddress.IPv4Address):
        return host
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address, 64), strict=False))


def _leaves(group: BaseExceptionGroup[Exception]) -> Iterator[Exception]:
    for fault in group.exceptions:
        if isinstance(fault, BaseExceptionGroup):
            yield from _leaves(fault)
        else:
            yield fault
