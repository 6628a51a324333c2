"""The machine that all of it runs on: lights, the tree of actors, numbers."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from actors.clockguard import CONSEQUENCES
from actors.domain.orders import OrderState
from actors.domain.phases import SymbolPhase
from actors.domain.shown.machine import ActorRow, EngineNumbers
from actors.domain.shown.money import HealthLight
from actors.domain.shown.symbols import SymbolRow
from actors.engine import Engine
from actors.runtime import ChildState, TreeNode, deepest
from actors.showing.money import visible

OK, WARN, BAD, UNKNOWN = "ok", "warn", "bad", "unknown"
#: One write of the journal may take so long before its light changes, in seconds.
WRITE_SECONDS_WARN, WRITE_SECONDS_BAD = 1.0, 5.0
#: Share of a limit from which on its light warns.
NEAR_LIMIT = 0.8


class Machine:
    """Shows health."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def resource_health(self) -> dict[str, Any]:
        """What the monitor measured last, and the deepest mailboxes."""
        sample = self._engine.monitor.last or self._engine.monitor.sample()
        health: dict[str, Any] = msgspec.to_builtins(sample)
        nodes = deepest(self._engine.root().tree(), 10)
        return health | {"mailboxes": {node.name: node.depth for node in nodes}}

    def actors(self) -> tuple[ActorRow, ...]:
        """The tree as rows, parents first."""
        return tuple(_rows(self._engine.root().tree(), ""))

    # --- lights -----------------------------------------------------------------------

    def lights(self) -> tuple[HealthLight, ...]:
        """One light for everything that trading needs."""
        return (
            self._feed(),
            self._exchange(),
            self._journal(),
            self._clock(),
            *self._measured(),
            self._control(),
        )

    def _state_of(self, name: str) -> ChildState | None:
        supervisor = self._engine.supervisor
        found = None if supervisor is None else supervisor.find(name)
        return None if found is None else found[1].state

    def _feed(self) -> HealthLight:
        state, cursor = self._state_of("feed"), self._engine.cursor
        limit_ms = 2 * cursor.description.timeframe_ms
        if state is None:
            return HealthLight("feed", UNKNOWN, "", f"{limit_ms} ms", "no market runs")
        age_ms = max(0, self._engine.clock.now_ms() - cursor.last_close_ms)
        light = OK if age_ms <= limit_ms else WARN
        if state is not ChildState.RUNNING:
            light = BAD if state is ChildState.QUARANTINED else WARN
        detail = f"{state.value}; age of the newest closed bar, market time"
        return HealthLight("feed", light, f"{age_ms} ms", f"{limit_ms} ms", detail)

    def _exchange(self) -> HealthLight:
        state, seen = self._engine.risk_state, visible(self._engine)
        doubts = sum(o.state is OrderState.UNKNOWN for o in seen.orders.values())
        detail = "; ".join(state.unanswered) or "everything asked was answered"
        light = WARN if state.unanswered or doubts else OK
        if not state.settled:
            light = UNKNOWN
            detail = "our truth was not held against the exchange's yet"
        return HealthLight("exchange", light, f"{doubts} unknown", "0", detail)

    def _journal(self) -> HealthLight:
        told = self._engine.journal.statistics()
        spent = max(told.writing_seconds, told.writing_seconds_last or 0.0)
        light = OK if spent < WRITE_SECONDS_WARN else WARN
        if told.failure is not None or spent >= WRITE_SECONDS_BAD:
            light = BAD
        detail = told.failure or f"{told.waiting} rows wait for the disk"
        limit = f"{WRITE_SECONDS_WARN:g} s"
        return HealthLight("journal", light, f"{spent:.3f} s", limit, detail)

    def _clock(self) -> HealthLight:
        verdict = self._engine.risk.desk.ports.clock_verdict()
        known = CONSEQUENCES[verdict]
        light = OK if known.entries else BAD
        detail = "a simulated market's clock is the market's own"
        return HealthLight("clock", light, verdict, "good", detail)

    def _measured(self) -> Iterator[HealthLight]:
        sample, limits = self._engine.monitor.last, self._engine.setup.resources
        rows = (
            ("loop_lag", "loop_lag_ms", limits.loop_lag_ms_max, "ms"),
            ("memory", "rss_mib", limits.rss_mib_max, "MiB"),
            ("cpu", "cpu_percent", limits.cpu_percent_max, "% of one core"),
        )
        for name, field, limit, unit in rows:
            value = None if sample is None else getattr(sample, field)
            light = UNKNOWN if value is None else _light(value / limit)
            yield _lit(name, light, value, limit, unit)
        free = None if sample is None else sample.disk_free_mib
        least = limits.disk_free_mib_min
        light = UNKNOWN if free is None else _light(least / max(free, 1e-9))
        yield _lit("disk", light, free, least, "MiB free")

    def _control(self) -> HealthLight:
        state = self._state_of("server")
        if state is None:
            return HealthLight("control", UNKNOWN, "", "", "no control plane was asked")
        light = OK if state is ChildState.RUNNING else BAD
        return HealthLight("control", light, state.value, "running", "")

    # --- numbers ----------------------------------------------------------------------

    def numbers(self, rows: tuple[SymbolRow, ...]) -> EngineNumbers:
        """Counters and gauges; `rows` are those of all symbols."""
        engine, state = self._engine, self._engine.risk_state
        seen, told = visible(engine), engine.journal.statistics()
        sample = engine.monitor.last
        ages = [row.feed_age_ms for row in rows if row.feed_age_ms is not None]
        phases = Counter(row.phase for row in rows)
        counts = state.counts
        return EngineNumbers(
            bars=engine.cursor.bars_taken,
            candidates=counts["candidates"],
            signals=counts["signals"],
            entries=counts["entries"] + counts["entries_late"],
            trades=counts["trades"],
            crashes=engine.crashes,
            dead_letters=engine.dead_letters.total,
            alerts=dict(state.alerted),
            orders=dict(Counter(str(order.state) for order in seen.orders.values())),
            outcomes=dict(state.answered),
            journal_rows=told.appended,
            journal_commits=told.transactions,
            journal_waiting=told.waiting,
            journal_commit_seconds_last=told.writing_seconds_last,
            journal_bytes=_journal_bytes(engine.setup.journal_path),
            loop_lag_ms=None if sample is None else sample.loop_lag_ms,
            feed_age_ms_max=max(ages, default=None),
            stale_symbols=phases[SymbolPhase.STALE],
            quarantined_symbols=phases[SymbolPhase.QUARANTINED],
        )


def _rows(node: TreeNode, parent: str) -> Iterator[ActorRow]:
    yield ActorRow(
        name=node.name,
        parent=parent,
        state=node.state.value,
        restarts=node.restarts,
        depth=node.depth,
        capacity=node.capacity,
        messages=node.messages,
        last_error=node.last_error,
    )
    for child in node.children:
        yield from _rows(child, node.name)


def _light(share: float) -> str:
    """Judge how much of a limit is used."""
    return OK if share < NEAR_LIMIT else WARN if share < 1.0 else BAD


def _lit(
    name: str, light: str, value: float | None, limit: float, unit: str
) -> HealthLight:
    shown = "" if value is None else f"{value:.1f} {unit}"
    detail = "not measured yet" if value is None else ""
    return HealthLight(name, light, shown, f"{limit:g} {unit}", detail)


def _journal_bytes(path: Path | None) -> int | None:
    """Size of the journal with its log; None: it is in memory."""
    if path is None:
        return None
    parts = (path, path.with_name(f"{path.name}-wal"))
    return sum(part.stat().st_size for part in parts if part.exists())
