"""The resource monitor: alarms once, clears clearly, invents nothing."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
import trio
from trio.testing import MockClock

from actors.domain.messages import Alert
from actors.runtime.clock import MarketClock
from actors.watchdog import (
    ALARM_SECONDS_MIN,
    SAMPLE_SECONDS,
    MachineSources,
    NotMeasurable,
    ResourceLimits,
    ResourceMonitor,
    ResourceSample,
)

MIB = 1024 * 1024


class Machine:
    """A machine whose numbers the test sets; an exception is raised instead."""

    def __init__(self, **numbers: float | Exception) -> None:
        self.numbers: dict[str, float | Exception] = {
            "cpu_percent": 10.0,
            "rss_bytes": 100 * MIB,
            "memory_percent": 50.0,
            "disk_free_bytes": 9_000 * MIB,
            "threads": 3,
            "descriptors": 20,
            "descriptors_max": 1_000,
            **numbers,
        }

    def __getattr__(self, name: str) -> Callable[[], float]:
        def measure() -> float:
            number = self.numbers[name]
            if isinstance(number, Exception):
                raise number
            return number

        return measure


def monitor_of(machine: Machine) -> ResourceMonitor:
    return ResourceMonitor(ResourceLimits(), machine, clock=MarketClock(7))


def alarms(monitor: ResourceMonitor, at_seconds: float) -> list[str]:
    found = monitor.alerts(monitor.sample(), at_seconds)
    return [f"{alert.severity}: {alert.message}" for alert in found]


CROSSINGS = [
    ("cpu_percent", 96.0, "cpu_percent is 96.0, over its limit of 95"),
    ("rss_bytes", 3_000 * MIB, "rss_mib is 3000.0, over its limit of 2048"),
    ("memory_percent", 99.0, "memory_percent is 99.0, over its limit of 92"),
    ("disk_free_bytes", 5 * MIB, "disk_free_mib is 5.0, under its least of 512"),
    ("threads", 65, "threads is 65.0, over its limit of 64"),
    ("descriptors", 900, "descriptors_percent is 90.0, over its limit of 80"),
]


@pytest.mark.parametrize(("name", "number", "message"), CROSSINGS)
def test_each_limit_alarms_when_crossed(name: str, number: float, message: str) -> None:
    machine = Machine()
    monitor = monitor_of(machine)
    assert alarms(monitor, 0) == []
    machine.numbers[name] = number
    assert alarms(monitor, 1) == [f"warning: {message}"]


def test_loop_lag_alarms_when_crossed() -> None:
    monitor = monitor_of(Machine())
    monitor.loop_was_late(0.3)
    monitor.loop_was_late(0.001)
    assert alarms(monitor, 0) == [
        "warning: loop_lag_ms is 300.0, over its limit of 250"
    ]


def test_standing_alarm_is_not_repeated() -> None:
    monitor = monitor_of(Machine(cpu_percent=99.0))
    assert len(alarms(monitor, 0)) == 1
    for later in range(1, 10):
        assert alarms(monitor, later * ALARM_SECONDS_MIN) == []


def test_flicker_around_the_limit_does_not_clear_the_alarm() -> None:
    machine = Machine(cpu_percent=99.0)
    monitor = monitor_of(machine)
    alarms(monitor, 0)
    machine.numbers["cpu_percent"] = 94.0  # inside, but not clearly
    assert alarms(monitor, 100) == []
    machine.numbers["cpu_percent"] = 99.0
    assert alarms(monitor, 200) == []


def test_flicker_above_the_least_does_not_clear_the_alarm() -> None:
    machine = Machine(disk_free_bytes=5 * MIB)
    monitor = monitor_of(machine)
    alarms(monitor, 0)
    machine.numbers["disk_free_bytes"] = 520 * MIB
    assert alarms(monitor, 100) == []


def test_alarm_clears_and_can_be_given_again() -> None:
    machine = Machine(disk_free_bytes=5 * MIB)
    monitor = monitor_of(machine)
    alarms(monitor, 0)
    machine.numbers["disk_free_bytes"] = 600 * MIB
    assert alarms(monitor, 100) == ["info: disk_free_mib is 600.0 again, limit 512"]
    machine.numbers["disk_free_bytes"] = 5 * MIB
    assert len(alarms(monitor, 200)) == 1


def test_swinging_value_alarms_once_a_minute() -> None:
    machine = Machine()
    monitor = monitor_of(machine)
    given = 0
    for second in range(0, 180, 5):
        machine.numbers["cpu_percent"] = 99.0 if second % 10 else 1.0
        given += sum(line.startswith("warning") for line in alarms(monitor, second))
    assert given == 3


def test_unmeasurable_is_none_with_its_reason_and_no_alarm() -> None:
    reason = "this platform does not count descriptors"
    monitor = monitor_of(Machine(descriptors=NotMeasurable(reason)))
    sample = monitor.sample()
    assert (sample.descriptors, sample.descriptors_percent) == (None, None)
    assert sample.unmeasured["descriptors"] == reason
    assert monitor.alerts(sample, 0) == ()


def test_lag_without_a_probe_is_unknown_not_zero() -> None:
    sample = monitor_of(Machine()).sample()
    assert sample.loop_lag_ms is None
    assert "loop_lag_ms" in sample.unmeasured


def test_sample_can_be_sent_as_json() -> None:
    sample = monitor_of(Machine()).sample()
    encoded = msgspec.json.encode(sample)
    assert msgspec.json.decode(encoded, type=ResourceSample) == sample


async def test_running_monitor_publishes_and_measures_lag(
    autojump_clock: MockClock,
) -> None:
    del autojump_clock
    machine = Machine(threads=500)
    monitor = monitor_of(machine)
    published: list[Alert] = []
    with trio.move_on_after(SAMPLE_SECONDS * 3.5):
        await monitor.run(published.append)
    assert [alert.component for alert in published] == ["watchdog"]
    assert monitor.last is not None
    assert monitor.last.loop_lag_ms is not None


@pytest.fixture
def sources(tmp_path: Path) -> Iterator[MachineSources]:
    return MachineSources(tmp_path)


def test_machine_numbers_follow_the_machine(sources: MachineSources) -> None:
    memory, threads, files = (
        sources.rss_bytes(),
        sources.threads(),
        sources.descriptors(),
    )
    ballast = bytearray(b"x" * (64 * MIB))
    stop = threading.Event()
    worker = threading.Thread(target=stop.wait)
    worker.start()
    with Path(__file__).open(encoding="utf-8"):
        assert sources.descriptors() == files + 1
    assert sources.threads() == threads + 1
    assert sources.rss_bytes() - memory > 32 * MIB
    assert len(ballast) == 64 * MIB
    stop.set()
    worker.join()


def test_busy_process_shows_as_cpu(sources: MachineSources) -> None:
    sum(number * number for number in range(2_000_000))
    assert sources.cpu_percent() > 20
    assert 0 < sources.memory_percent() < 100
    assert sources.disk_free_bytes() > 0
    assert sources.descriptors_max() > sources.descriptors()


def test_missing_directory_is_not_measurable(tmp_path: Path) -> None:
    with pytest.raises(NotMeasurable, match="absent"):
        MachineSources(tmp_path / "absent").disk_free_bytes()
