"""What the engine shows: projections of the actors' published state, nothing else.

A read never asks an actor: it looks at frozen records and counters, in the same task
that changes them, so it is always consistent and never waits.
"""

import time
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

from actors.domain import ledger
from actors.domain.findings import LevelView
from actors.domain.messages import (
    Alert,
    Command,
    CommandAnswer,
    OrderView,
    PositionView,
    Transition,
)
from actors.domain.phases import SymbolPhase
from actors.domain.shown.symbols import SymbolRow
from actors.domain.views import (
    CommandState,
    DifferenceRow,
    EngineMetrics,
    Status,
    UnprotectedTime,
    WhyRow,
)
from actors.engine import Engine
from actors.handover import hand_over
from actors.risk.account.state import Visible
from actors.risk.holding.unprotected import stop_confirmed
from actors.runtime import ChildState, deepest, format_tree


def iso(ms: int) -> str:
    """Tell a time as ISO 8601 UTC with milliseconds and Z."""
    moment = datetime.fromtimestamp(ms / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Projections:
    """Implements EngineView over a running engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._began_ns = time.perf_counter_ns()

    @property
    def _visible(self) -> Visible:
        """What is on the disk: a crash now would find all of it again."""
        visible = self._engine.risk_state.visible
        assert visible is not None, "the first desk has shown something"
        return visible

    # --- reads ----------------------------------------------------------------------

    def status(self) -> Status:
        """The nine fields of GET /status."""
        state = self._engine.risk_state
        preset = state.preset
        slots = 0
        if preset is not None:
            slots = preset.risk.max_concurrent_positions - len(state.holdings())
        return Status(
            state=self._visible.phase,
            preset=None if preset is None else preset.name,
            mode=state.mode,
            started_at=None if state.started_ms is None else iso(state.started_ms),
            slots=max(0, slots),
            open_positions=len(self._visible.positions),
            latency_ms=self._engine.latency.mean_ms(),
            daily_r=float(self._visible.day.realized_r),
            consecutive_losses=self._visible.day.consecutive_losses,
        )

    def metrics(self) -> EngineMetrics:
        """The seven fields of GET /metrics."""
        state = self._engine.risk_state
        unit = state.book.day.kill_baseline * (
            Decimal("0.01")
            if state.preset is None
            else state.preset.risk.risk_per_trade
        )
        return EngineMetrics(
            uptime=(time.perf_counter_ns() - self._began_ns) / 1e9,
            cycle_count=state.counts["cycles"],
            avg_latency_ms=self._engine.latency.mean_ms(),
            total_signals=state.counts["signals"],
            total_trades=state.counts["trades"],
            daily_pnl_r=float(self._visible.day.realized_r),
            max_drawdown_r=float(state.book.max_drawdown / unit),
        )

    def commands(self) -> tuple[CommandState, ...]:
        """Every command, allowed or not, with the reason."""
        return self._engine.risk.commands.states()

    def resource_health(self) -> dict[str, Any]:
        """What the monitor measured last, and the deepest mailboxes."""
        sample = self._engine.monitor.last or self._engine.monitor.sample()
        health: dict[str, Any] = msgspec.to_builtins(sample)
        nodes = deepest(self._engine.root().tree(), 10)
        return health | {
            "mailboxes": {node.name: node.depth for node in nodes},
            "unprotected": msgspec.to_builtins(self.unprotected()),
        }

    def unprotected(self) -> UnprotectedTime:
        """For how long positions were held without confirmed stops, market time."""
        seen, now_ms = self._visible, self._engine.clock.now_ms()
        open_ms = [
            max(0, now_ms - position.gaps.since_ms)
            for position in seen.positions.values()
            if position.gaps.since_ms is not None
        ]
        total_ms = seen.unprotected_ms + sum(open_ms)
        longest_ms = max([seen.unprotected_longest_ms, *open_ms])
        return UnprotectedTime(len(open_ms), total_ms / 1000, longest_ms / 1000)

    def transitions(self, limit: int) -> tuple[Transition, ...]:
        """The newest transitions, oldest first."""
        history = self._visible.history
        return history[-limit:] if limit > 0 else ()

    def symbols(self) -> tuple[SymbolRow, ...]:
        """All symbol actors, in the market's order."""
        return tuple(self._row(name) for name in self._engine.symbol_names)

    def symbol(self, symbol: str) -> SymbolRow | None:
        """One symbol actor; None: unknown."""
        return self._row(symbol) if symbol in self._engine.symbol_names else None

    def _row(self, symbol: str) -> SymbolRow:
        engine = self._engine
        actor, seen = engine.symbol_actor(symbol), engine.symbol_statistics(symbol)
        state = "stopped" if seen is None else seen.state.value
        return SymbolRow(
            symbol=symbol,
            phase=self._phase(symbol),
            actor_state=state,
            last_price=None if actor is None else actor.last_price,
            score=None if actor is None else actor.score(),
            nearest_level_atr=None if actor is None else actor.nearest_level_atr(),
            feed_age_ms=self._feed_age_ms(symbol),
            mailbox_depth=0 if seen is None else seen.fifo + seen.urgent,
            restarts=0 if seen is None else seen.restarts,
            messages=0 if seen is None else seen.messages,
            quarantine_reason=engine.risk_state.no_entries(symbol),
            last_decision=None if actor is None else actor.last_decision,
            data_faults=engine.data_faults[symbol],
        )

    def _feed_age_ms(self, symbol: str) -> int | None:
        """Market time since the symbol's newest bar closed; None before the first."""
        actor = self._engine.symbol_actors.get(symbol)
        if actor is None or actor.newest_ms < 0:
            return None
        closed_ms = actor.newest_ms + self._engine.description.timeframe_ms
        return max(0, self._engine.clock.now_ms() - closed_ms)

    def _phase(self, symbol: str) -> SymbolPhase:
        """Join what the runtime and the actor itself know of a symbol's phase."""
        seen = self._engine.symbol_statistics(symbol)
        actor = self._engine.symbol_actor(symbol)
        if seen is not None and seen.state is ChildState.QUARANTINED:
            return SymbolPhase.QUARANTINED
        if seen is not None and seen.state is ChildState.BACKOFF:
            return SymbolPhase.RESTARTING
        if actor is None or seen is None:
            return SymbolPhase.PAUSED
        return actor.phase

    def levels(self, symbol: str) -> tuple[LevelView, ...]:
        """The levels that one symbol's pipeline knows."""
        actor = self._engine.symbol_actor(symbol)
        return () if actor is None else actor.pipeline.levels()

    def funnel(self) -> dict[str, int]:
        """Evaluations, candidates, signals, entries, and each drop by reason."""
        total: dict[str, int] = {}
        for name in self._engine.symbol_names:
            actor = self._engine.symbol_actor(name)
            for reason, count in ({} if actor is None else actor.funnel()).items():
                total[reason] = total.get(reason, 0) + count
        state = self._engine.risk_state
        ours = {**state.counts, **state.reasons}
        return {**total, **{f"engine:{name}": n for name, n in sorted(ours.items())}}

    def why(self, symbol: str | None, limit: int) -> tuple[WhyRow, ...]:
        """The newest terminal reasons, newest first."""
        rows = [
            row
            for row in reversed(self._engine.risk_state.why)
            if symbol is None or row.symbol == symbol
        ]
        return tuple(rows[:limit])

    def positions(self) -> tuple[PositionView, ...]:
        """Open positions, then the newest closed ones."""
        seen, mode = self._visible, self._engine.risk_state.mode
        instruments = self._engine.risk_state.instruments
        opened = tuple(
            ledger.view(
                p,
                mode,
                stop_confirmed=stop_confirmed(
                    p, seen.orders, instruments[p.symbol].lot_size
                ),
            )
            for p in seen.positions.values()
        )
        closed = tuple(
            ledger.view(p, mode, stop_confirmed=False) for p in reversed(seen.closed)
        )
        return opened + closed

    def orders(self) -> tuple[OrderView, ...]:
        """Live orders, then the newest ended ones."""
        seen = self._visible
        live = tuple(order.view() for order in seen.orders.values())
        return live + tuple(order.view() for order in reversed(seen.ended))

    def alerts(self) -> tuple[Alert, ...]:
        """The newest alerts, newest first."""
        return tuple(reversed(self._engine.risk_state.alerts))

    def differences(self) -> tuple[DifferenceRow, ...]:
        """In what our book and the exchange differ, as of the newest look."""
        return self._engine.risk.policies.rows()

    def tree(self) -> str:
        """The tree of actors, one line each."""
        return format_tree(self._engine.root().tree())

    def live(self) -> bool:
        """Whether the engine's tree of actors runs."""
        return self._engine.running

    def ready(self) -> bool:
        """Whether commands can be taken now."""
        return self._engine.running

    # --- commands ---------------------------------------------------------------------

    async def command(self, command: Command) -> CommandAnswer:
        """Hand over a command and wait for its end; 503 when nobody can take it."""
        return await hand_over(self._engine, command)
