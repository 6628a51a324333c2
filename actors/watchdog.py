"""Watches the machine the engine runs on, and says so before it becomes a loss.

Everything is measured; what cannot be measured on a platform is None with its reason,
never a made-up number. An alarm is given once when a limit is crossed, and again only
after the value has come back well inside the limit and crosses it anew (hysteresis),
at most once in ALARM_SECONDS_MIN for one resource.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import msgspec
import psutil
import trio

from actors.domain.messages import Alert
from actors.domain.severity import Category, Severity
from actors.runtime.clock import Clock

ALARM_SECONDS_MIN = 60.0
LAG_PROBE_SECONDS = 0.05
SAMPLE_SECONDS = 5.0
_RECOVERED_FRACTION = 0.9  # of the limit; the way back must be clear, not a flicker
_MIB = 1024 * 1024


class ResourceLimits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Past these an alarm is given."""

    cpu_percent_max: float = 95.0  # of one core: 100 is one core fully used
    rss_mib_max: float = 2_048.0
    memory_percent_max: float = 92.0  # of the machine
    disk_free_mib_min: float = 512.0
    threads_max: int = 64
    descriptors_percent_max: float = 80.0  # of what the system allows this process
    loop_lag_ms_max: float = 250.0


class ResourceSample(msgspec.Struct, frozen=True):
    """One measurement. None: could not be measured; `unmeasured` says why."""

    ts_ms: int
    cpu_percent: float | None
    rss_mib: float | None
    memory_percent: float | None
    disk_free_mib: float | None
    threads: int | None
    descriptors: int | None
    descriptors_percent: float | None
    loop_lag_ms: float | None  # the worst since the sample before
    unmeasured: dict[str, str]


class NotMeasurable(Exception):
    """This platform, or this moment, does not tell; the message says why."""


class ResourceSources(Protocol):
    """Where the numbers come from. Each raises NotMeasurable with the reason."""

    def cpu_percent(self) -> float:
        """CPU of this process since the last call; 100 is one core."""

    def rss_bytes(self) -> int:
        """Resident memory of this process."""

    def memory_percent(self) -> float:
        """Used memory of the machine."""

    def disk_free_bytes(self) -> int:
        """Free space where the journal lies."""

    def threads(self) -> int:
        """Threads of this process."""

    def descriptors(self) -> int:
        """Open file descriptors of this process."""

    def descriptors_max(self) -> int:
        """How many the system allows it."""


class MachineSources:
    """The machine itself, through psutil."""

    def __init__(self, journal_directory: Path) -> None:
        self._directory = str(journal_directory)
        self._process = psutil.Process()
        self._process.cpu_percent(None)  # the first call only sets the starting point

    def cpu_percent(self) -> float:
        """CPU of this process since the last call; 100 is one core."""
        return float(self._process.cpu_percent(None))

    def rss_bytes(self) -> int:
        """Resident memory of this process."""
        return int(self._process.memory_info().rss)

    def memory_percent(self) -> float:
        """Used memory of the machine."""
        return float(psutil.virtual_memory().percent)

    def disk_free_bytes(self) -> int:
        """Free space where the journal lies."""
        try:
            return int(psutil.disk_usage(self._directory).free)
        except OSError as error:
            raise NotMeasurable(str(error)) from error

    def threads(self) -> int:
        """Threads of this process."""
        return int(self._process.num_threads())

    def descriptors(self) -> int:
        """Open file descriptors of this process."""
        if not hasattr(self._process, "num_fds"):
            message = "this platform does not count descriptors"
            raise NotMeasurable(message)
        return int(self._process.num_fds())

    def descriptors_max(self) -> int:
        """How many the system allows it."""
        if not hasattr(psutil, "RLIMIT_NOFILE"):
            message = "this platform does not tell the limit of descriptors"
            raise NotMeasurable(message)
        soft, _hard = self._process.rlimit(psutil.RLIMIT_NOFILE)
        if soft == psutil.RLIM_INFINITY:
            message = "descriptors are unlimited here"
            raise NotMeasurable(message)
        return int(soft)


class _Watch(msgspec.Struct):
    """One limit: what is compared, and whether its alarm is standing."""

    name: str  # field of ResourceSample
    limit: float
    is_floor: bool
    standing: bool = False
    alarmed_at: float = float("-inf")

    def crossed(self, value: float) -> bool:
        return value < self.limit if self.is_floor else value > self.limit

    def recovered(self, value: float) -> bool:
        if self.is_floor:
            return value > self.limit / _RECOVERED_FRACTION
        return value < self.limit * _RECOVERED_FRACTION


class ResourceMonitor:
    """Samples the resources of the process and alarms past limits."""

    def __init__(
        self, limits: ResourceLimits, sources: ResourceSources, *, clock: Clock
    ) -> None:
        self.last: ResourceSample | None = None
        self._sources = sources
        self._clock = clock
        self._lag_ms: float | None = None
        self._watches = tuple(
            _Watch(
                name.removesuffix("_max").removesuffix("_min"),
                getattr(limits, name),
                is_floor=name.endswith("_min"),
            )
            for name in ResourceLimits.__struct_fields__
        )

    async def run(self, publish_alert: Callable[[Alert], None]) -> None:
        """Measure until cancelled; `last` is the newest sample."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.measure_lag)
            while True:
                await trio.sleep(SAMPLE_SECONDS)
                for alert in self.alerts(self.sample(), trio.current_time()):
                    publish_alert(alert)

    async def measure_lag(self) -> None:
        """Keep the worst lateness of a short timer: how long the loop was blocked."""
        while True:
            due = trio.current_time() + LAG_PROBE_SECONDS
            await trio.sleep_until(due)
            self.loop_was_late(trio.current_time() - due)

    def loop_was_late(self, seconds: float) -> None:
        """Count one lateness of the event loop."""
        self._lag_ms = max(self._lag_ms or 0.0, seconds * 1e3)

    def sample(self) -> ResourceSample:
        """Measure everything now; the lag starts anew."""
        unmeasured: dict[str, str] = {}

        def ask(name: str, source: Callable[[], float]) -> float | None:
            try:
                return source()
            except (NotMeasurable, psutil.Error) as error:
                unmeasured[name] = str(error) or type(error).__name__
                return None

        sources = self._sources
        rss = ask("rss_mib", sources.rss_bytes)
        disk = ask("disk_free_mib", sources.disk_free_bytes)
        threads = ask("threads", sources.threads)
        descriptors = ask("descriptors", sources.descriptors)
        allowed = ask("descriptors_percent", sources.descriptors_max)
        share = None if descriptors is None or not allowed else descriptors / allowed
        lag, self._lag_ms = self._lag_ms, None
        if lag is None:
            unmeasured["loop_lag_ms"] = "the lag probe has not fired since last time"
        self.last = ResourceSample(
            ts_ms=self._clock.now_ms(),
            cpu_percent=ask("cpu_percent", sources.cpu_percent),
            rss_mib=None if rss is None else rss / _MIB,
            memory_percent=ask("memory_percent", sources.memory_percent),
            disk_free_mib=None if disk is None else disk / _MIB,
            threads=None if threads is None else int(threads),
            descriptors=None if descriptors is None else int(descriptors),
            descriptors_percent=None if share is None else share * 100,
            loop_lag_ms=lag,
            unmeasured=unmeasured,
        )
        return self.last

    def alerts(self, sample: ResourceSample, now: float) -> tuple[Alert, ...]:
        """Return the alarms and all-clears that a sample at `now` (s) gives rise to."""
        found: list[Alert] = []
        for watch in self._watches:
            value = getattr(sample, watch.name)
            if value is None:  # unknown neither alarms nor clears
                continue
            if watch.standing:
                if watch.recovered(value):
                    watch.standing = False
                    found.append(_all_clear(watch, value, sample.ts_ms))
            elif watch.crossed(value) and now - watch.alarmed_at >= ALARM_SECONDS_MIN:
                watch.standing, watch.alarmed_at = True, now
                found.append(_alarm(watch, value, sample.ts_ms))
        return tuple(found)


def _alarm(watch: _Watch, value: float, ts_ms: int) -> Alert:
    relation = "under its least" if watch.is_floor else "over its limit"
    return Alert(
        ts_ms=ts_ms,
        category=Category.INTERNAL,
        severity=Severity.WARNING,
        component="watchdog",
        symbol=None,
        message=f"{watch.name} is {value:.1f}, {relation} of {watch.limit:g}",
        action="alarm given; trading goes on",
    )


def _all_clear(watch: _Watch, value: float, ts_ms: int) -> Alert:
    return Alert(
        ts_ms=ts_ms,
        category=Category.INTERNAL,
        severity=Severity.INFO,
        component="watchdog",
        symbol=None,
        message=f"{watch.name} is {value:.1f} again, limit {watch.limit:g}",
        action="alarm cleared",
    )
