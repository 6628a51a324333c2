"""What systemd is told, at a real datagram socket."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from control.vitals.health import Health
from control.vitals.systemd import Attendant, ServiceSocket

WELL = Health((), ())


class Systemd:
    """The other end: a bound socket and what came to it."""

    def __init__(self, address: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + address[1:] if address[0] == "@" else address)
        self._socket.setblocking(False)
        self.environment = {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "9000000"}

    def heard(self) -> list[str]:
        found = []
        while True:
            try:
                found.append(self._socket.recv(4096).decode())
            except BlockingIOError:
                return found

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(params=["path", "abstract"])
def systemd(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Systemd]:
    name = f"{tmp_path}/notify" if request.param == "path" else f"@{tmp_path.name}"
    made = Systemd(name)
    yield made
    made.close()


def test_without_systemd_nothing_is_told() -> None:
    way = ServiceSocket({})
    assert not way.is_there
    way.tell("READY=1")


def test_each_message_is_one_datagram(systemd: Systemd) -> None:
    way = ServiceSocket(systemd.environment)
    assert way.is_there
    way.tell("READY=1")
    way.tell("STATUS=a", "WATCHDOG=1")
    assert systemd.heard() == ["READY=1", "STATUS=a\nWATCHDOG=1"]


def test_a_systemd_that_is_gone_costs_nothing(tmp_path: Path, quiet_log: None) -> None:
    ServiceSocket({"NOTIFY_SOCKET": f"{tmp_path}/nobody"}).tell("READY=1")


async def test_the_watchdog_is_fed_three_times_in_its_time_while_alive(
    systemd: Systemd, autojump_clock: MockClock, quiet_log: None
) -> None:
    health = WELL
    attendant = Attendant(
        ServiceSocket(systemd.environment), lambda: health, lambda: "SCANNING"
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(attendant.run)
        await trio.sleep(8)
        assert systemd.heard() == ["STATUS=SCANNING\nWATCHDOG=1"] * 3
        health = Health((), ("feed: old",))
        await trio.sleep(3)
        assert systemd.heard() == ["STATUS=SCANNING; feed: old\nWATCHDOG=1"]
        health = Health(("the risk actor\nhangs",), ())
        await trio.sleep(6)
        assert systemd.heard() == ["STATUS=SCANNING; the risk actor hangs"] * 2
        assert attendant.withheld == 2
        nursery.cancel_scope.cancel()
