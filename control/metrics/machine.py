"""What the engine runs on: actors, journal, hub, the process and its machine."""

from collections.abc import Iterator, Mapping
from typing import Any

from prometheus_client.metrics_core import Metric

from actors.domain.shown.machine import ActorRow, EngineNumbers
from actors.domain.shown.symbols import SymbolRow
from actors.domain.views import EngineView
from control.live.hub import HubStatistics
from control.metrics.families import Number, counter, counters, gauge, gauges, seconds

LIGHTS: Mapping[str, Number] = {"ok": 0, "warn": 1, "bad": 2, "unknown": None}
MIB = 1024 * 1024


def machine_metrics(
    engine: EngineView,
    rows: tuple[SymbolRow, ...],
    numbers: EngineNumbers,
    hub: HubStatistics,
) -> Iterator[Metric]:
    """Give every family of what the engine runs on."""
    meaning = "Health: 0 ok, 1 warn, 2 bad, NaN unknown."
    shown = {light.name: LIGHTS[light.state] for light in engine.lights()}
    yield gauges("light", meaning, "light", shown)
    symbols = {row.symbol for row in rows}
    yield from _actors([row for row in engine.actors() if row.name not in symbols])
    yield counter("crashes", "Crashes of actors.", numbers.crashes)
    yield counter("dead_letters", "Messages nobody handled.", numbers.dead_letters)
    yield from _journal(numbers)
    yield from _hub(hub)
    yield from _process(engine.resource_health())
    lag = seconds(numbers.loop_lag_ms)
    yield gauge("loop_lag_seconds", "The event loop's worst lateness lately.", lag)


def _actors(rows: list[ActorRow]) -> Iterator[Metric]:
    def by(field: str) -> dict[str, Number]:
        # A group's numbers are sums over it, and would be counted twice.
        return {row.name: getattr(row, field) for row in rows if row.capacity}

    running: dict[str, Number] = {r.name: int(r.state == "running") for r in rows}
    yield gauges("actor_running", "Whether an actor runs.", "actor", running)
    yield gauges("mailbox_depth", "Messages that wait.", "actor", by("depth"))
    meaning = "Messages that may wait."
    yield gauges("mailbox_capacity", meaning, "actor", by("capacity"))
    yield counters("actor_messages", "Messages handled.", "actor", by("messages"))
    yield counters("actor_restarts", "Restarts.", "actor", by("restarts"))


def _journal(numbers: EngineNumbers) -> Iterator[Metric]:
    yield gauge("journal_rows", "Rows in the journal.", numbers.journal_rows)
    yield counter("journal_commits", "Writes to the disk.", numbers.journal_commits)
    meaning = "Rows that wait for the disk."
    yield gauge("journal_waiting_rows", meaning, numbers.journal_waiting)
    meaning = "How long the newest write took."
    last = numbers.journal_commit_seconds_last
    yield gauge("journal_commit_seconds", meaning, last)
    yield gauge("journal_size_bytes", "The journal's file.", numbers.journal_bytes)


def _hub(hub: HubStatistics) -> Iterator[Metric]:
    yield gauge("hub_clients", "Clients of the stream.", hub.clients)
    yield counter("hub_facts", "Facts published to the stream.", hub.published)
    yield counter("hub_frames", "Frames sent to clients.", hub.frames)
    yield counter("hub_resyncs", "Clients that fell behind.", hub.resyncs)
    yield counter("hub_stuck", "Clients cut off as stuck.", hub.stuck)


def _process(health: Mapping[str, Any]) -> Iterator[Metric]:
    def of(name: str, scale: float = 1.0) -> Number:
        value = health.get(name)
        return None if value is None else value * scale

    yield gauge("cpu_ratio", "Of one core.", of("cpu_percent", 0.01))
    yield gauge("resident_memory_bytes", "Of the process.", of("rss_mib", MIB))
    meaning = "Of the machine's memory."
    yield gauge("memory_used_ratio", meaning, of("memory_percent", 0.01))
    meaning = "Free where the journal lies."
    yield gauge("disk_free_bytes", meaning, of("disk_free_mib", MIB))
    yield gauge("threads", "Of the process.", of("threads"))
    yield gauge("descriptors_open", "Of the process.", of("descriptors"))
    share = of("descriptors_percent", 0.01)
    yield gauge("descriptors_used_ratio", "Of those it may have.", share)
