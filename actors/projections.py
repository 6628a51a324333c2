"""What the engine shows: projections of the actors' published state, nothing else.

A read never asks an actor: it looks at frozen records and counters, in the same task
that changes them, so it is always consistent and never waits. The rooms are in
`actors.showing`.
"""

from typing import Any

import msgspec

from actors.domain.findings import LevelView
from actors.domain.messages import (
    Alert,
    Command,
    CommandAnswer,
    OrderView,
    PositionView,
    Transition,
)
from actors.domain.shown.divergence import Divergence
from actors.domain.shown.exchange import ExchangeBudget
from actors.domain.shown.history import LogRow
from actors.domain.shown.machine import ActorRow, EngineNumbers
from actors.domain.shown.money import HealthLight, RiskView
from actors.domain.shown.symbols import (
    Candle,
    DepthView,
    DropRow,
    FunnelHour,
    Marker,
    SymbolDetail,
    SymbolRow,
)
from actors.domain.views import (
    CommandState,
    DifferenceRow,
    EngineMetrics,
    Status,
    UnprotectedTime,
    WhyRow,
)
from actors.engine import Engine
from actors.funnel import summed
from actors.handover import hand_over
from actors.loglines import RECENT
from actors.runtime import format_tree
from actors.showing.candles import candles
from actors.showing.machine import Machine
from actors.showing.markers import markers
from actors.showing.money import Money, visible
from actors.showing.risk import Risk
from actors.showing.symbols import Symbols
from config.library import PresetLibrary


class Projections:
    """Implements EngineView over a running engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._money = Money(engine)
        self._symbols = Symbols(engine)
        self._risk = Risk(engine)
        self._machine = Machine(engine)

    # --- the account --------------------------------------------------------------

    def status(self) -> Status:
        """The nine fields of GET /status."""
        return self._money.status()

    def metrics(self) -> EngineMetrics:
        """The seven fields of GET /metrics."""
        return self._money.metrics()

    def unprotected(self) -> UnprotectedTime:
        """For how long positions were held without confirmed stops, market time."""
        return self._money.unprotected()

    def positions(self) -> tuple[PositionView, ...]:
        """Open positions, then the newest closed ones."""
        return self._money.positions()

    def orders(self) -> tuple[OrderView, ...]:
        """Live orders, then the newest ended ones."""
        return self._money.orders()

    def risk(self) -> RiskView:
        """Limits and what is used of them, reserved, exposure, kill switch."""
        return self._risk.view()

    def divergence(self) -> Divergence | None:
        """How far paper is from the real exchange; None: there is no shadow."""
        return self._engine.setup.divergence()

    def differences(self) -> tuple[DifferenceRow, ...]:
        """In what our book and the exchange differ, as of the newest look."""
        return self._engine.risk.policies.rows()

    def library(self) -> PresetLibrary:
        """The presets that can be started, shipped and own."""
        return self._engine.setup.library

    # --- symbols --------------------------------------------------------------------

    def symbols(self) -> tuple[SymbolRow, ...]:
        """All symbol actors, in the market's order."""
        return self._symbols.rows()

    def symbol(self, symbol: str) -> SymbolRow | None:
        """One symbol actor; None: unknown."""
        return self._symbols.row(symbol)

    def levels(self, symbol: str) -> tuple[LevelView, ...]:
        """The levels that one symbol's pipeline knows."""
        actor = self._engine.symbol_actors.get(symbol)
        return () if actor is None else actor.pipeline.levels()

    def detail(self, symbol: str) -> SymbolDetail | None:
        """What the page of one symbol draws beside its candles; None: unknown."""
        return self._symbols.detail(symbol)

    def candles(
        self, symbol: str, limit: int, timeframe_ms: int | None = None
    ) -> tuple[Candle, ...]:
        """The newest closed bars, oldest first; ValueError: no such timeframe."""
        index = self._symbols.index.get(symbol)
        if index is None:
            return ()
        return candles(self._engine.cursor, index, limit, timeframe_ms)

    def depth(self, symbol: str) -> DepthView | None:
        """The book as the paper exchange models it; None: UNKNOWN."""
        return self._symbols.depth(symbol)

    def markers(self, symbol: str) -> tuple[Marker, ...]:
        """Signals, entries, exits and moved stops at hand, oldest first."""
        refused = self._engine.aftermath.refused(symbol)
        return markers(visible(self._engine), symbol, refused)

    # --- the funnel -----------------------------------------------------------------

    def funnel(self) -> dict[str, int]:
        """Evaluations, candidates, signals, and each drop by reason."""
        total = summed(self._engine.symbol_actors.values())
        state = self._engine.risk_state
        ours = {**state.counts, **state.reasons}
        return {**total, **{f"engine:{name}": n for name, n in sorted(ours.items())}}

    def funnel_hours(self) -> tuple[FunnelHour, ...]:
        """The funnel by hour of market time, oldest first, a week at most."""
        return self._engine.funnel.hours()

    def drops(self) -> tuple[DropRow, ...]:
        """Each kind of drop with its newest example, most frequent first."""
        return self._engine.funnel.drops()

    def why(self, symbol: str | None, limit: int) -> tuple[WhyRow, ...]:
        """The newest terminal reasons, newest first."""
        rows = [
            row
            for row in reversed(self._engine.risk_state.why)
            if symbol is None or row.symbol == symbol
        ]
        return tuple(rows[:limit])

    # --- the machine ----------------------------------------------------------------

    def commands(self) -> tuple[CommandState, ...]:
        """Every command, allowed or not, with the reason."""
        return self._engine.risk.commands.states()

    def transitions(self, limit: int) -> tuple[Transition, ...]:
        """The newest transitions, oldest first."""
        history = visible(self._engine).history
        return history[-limit:] if limit > 0 else ()

    def alerts(self) -> tuple[Alert, ...]:
        """The newest alerts, newest first."""
        return tuple(reversed(self._engine.risk_state.alerts))

    def resource_health(self) -> dict[str, Any]:
        """What the monitor measured last, mailboxes, time without stops."""
        unprotected = msgspec.to_builtins(self.unprotected())
        return self._machine.resource_health() | {"unprotected": unprotected}

    def exchange_budgets(self) -> tuple[ExchangeBudget, ...]:
        """What is left of each exchange's patience; empty: it is simulated."""
        return self._engine.setup.exchange_budgets()

    def lights(self) -> tuple[HealthLight, ...]:
        """One light for everything that trading needs."""
        return self._machine.lights()

    def actors(self) -> tuple[ActorRow, ...]:
        """The tree of actors as rows, parents first."""
        return self._machine.actors()

    def numbers(self) -> EngineNumbers:
        """Counters and gauges that only machines read."""
        return self._machine.numbers(self.symbols())

    def logs(self, after: int, limit: int) -> tuple[LogRow, ...]:
        """Log lines that are still at hand, with numbers over `after`."""
        return RECENT.after(after, limit)

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
