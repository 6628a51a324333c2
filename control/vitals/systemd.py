"""Tells systemd how the engine does: ready, what it is at, alive, stopping.

The protocol of sd_notify(3) is one datagram of `NAME=value` lines to the socket that
systemd names in the environment; forty lines need no library. Without that variable
nothing is told. The watchdog is fed only while the engine is alive, so that systemd
restarts one that hangs, and a restart goes through recovery.
"""

import os
import socket
from collections.abc import Callable, Mapping

import structlog
import trio

from control.vitals.health import Health

STATUS_SECONDS = 5.0
STATUS_CHARACTERS_MAX = 200

log = structlog.get_logger(component="systemd")


class ServiceSocket:
    """The way to systemd; silent where there is none."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        address = environment.get("NOTIFY_SOCKET", "")
        # "@" stands for the abstract namespace, where names begin with a zero byte.
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self.watchdog_seconds = watchdog_seconds(environment)

    @property
    def is_there(self) -> bool:
        """Whether systemd listens."""
        return bool(self._address)

    def tell(self, *lines: str) -> None:
        """Send one datagram without waiting; one that is not taken is logged."""
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as way:
                way.setblocking(False)
                way.sendto("\n".join(lines).encode(), self._address)
        except OSError as fault:
            log.warning("systemd_not_told", fault=fault.strerror)


def watchdog_seconds(environment: Mapping[str, str]) -> float | None:
    """Return how often systemd wants to hear; None: it does not watch this process."""
    usec, pid = environment.get("WATCHDOG_USEC", ""), environment.get("WATCHDOG_PID")
    if not usec.isdigit() or int(usec) == 0 or pid not in {None, str(os.getpid())}:
        return None
    return int(usec) / 1e6


class Attendant:
    """Feeds the watchdog and the status line; `run` is its one task."""

    def __init__(
        self,
        way: ServiceSocket,
        look: Callable[[], Health],
        status: Callable[[], str],
    ) -> None:
        self._way = way
        self._look = look
        self._status = status
        watch = way.watchdog_seconds or STATUS_SECONDS * 3
        # Three times in its time: one that comes late must not cost the process.
        self._period_seconds = min(watch / 3, STATUS_SECONDS)
        self.withheld = 0  # the engine was not alive

    async def run(self) -> None:
        """Tell for ever, as long as the engine is alive."""
        while True:
            self._attend()
            await trio.sleep(self._period_seconds)

    def _attend(self) -> None:
        health = self._look()
        said = self._status() if health.well else f"{self._status()}; {health}"
        lines = [f"STATUS={' '.join(said.split())[:STATUS_CHARACTERS_MAX]}"]
        if health.alive:
            lines.append("WATCHDOG=1")
        else:
            self.withheld += 1
            log.error("watchdog_not_fed", reasons=str(health))
        self._way.tell(*lines)
