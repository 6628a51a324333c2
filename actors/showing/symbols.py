"""Rows of symbols: what the runtime and each actor know of it, joined.

All rows are read many times a second, so what only a new bar changes is kept until
there is one, and what is dear to read is read once a second at most.
"""

from typing import Any, NamedTuple

import trio

from actors.domain.limits import correlated_group
from actors.domain.phases import SymbolPhase
from actors.domain.shown.symbols import DepthView, SymbolDetail, SymbolRow
from actors.engine import Engine
from actors.exchange.paper.quoting import modelled_depth
from actors.runtime import ActorChild, ChildState
from actors.showing.candles import candle, change_in_a_day
from actors.showing.money import visible
from actors.symbol import SymbolActor

#: What is dear to read is read again so soon, however fast the bars come.
DEAR_SECONDS = 1.0


class Dear(NamedTuple):
    """What takes a look at many numbers, and when it was looked at."""

    bar: tuple[Any, int] | None
    read_at: float
    nearest_level_atr: float | None
    change_24h: float | None


class Seen(NamedTuple):
    """What one bar of a symbol says."""

    actor: SymbolActor
    bar: tuple[Any, int] | None
    last_price: float | None
    score: float | None
    dear: Dear


class Symbols:
    """Shows symbols."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._names = engine.symbol_names
        self.index = {name: index for index, name in enumerate(self._names)}
        self._seen: dict[str, Seen] = {}

    def rows(self) -> tuple[SymbolRow, ...]:
        """All symbol actors, in the market's order."""
        closed = self._engine.risk_state.without_entries()
        children = self._engine.symbol_children()
        return tuple(
            self._row(name, closed.get(name), children.get(name))
            for name in self._names
        )

    def row(self, symbol: str) -> SymbolRow | None:
        """One symbol actor; None: unknown."""
        if symbol not in self.index:
            return None
        closed = self._engine.risk_state.no_entries(symbol)
        return self._row(symbol, closed, self._engine.symbol_children().get(symbol))

    def _row(
        self, symbol: str, closed: str | None, child: ActorChild | None
    ) -> SymbolRow:
        engine = self._engine
        actor = engine.symbol_actors.get(symbol)
        seen = None if actor is None else self._look(symbol, actor)
        paused_by = visible(engine).paused_symbols.get(symbol)
        return SymbolRow(
            symbol=symbol,
            phase=_phase(actor, child, paused_by),
            actor_state="stopped" if child is None else child.state.value,
            last_price=None if seen is None else seen.last_price,
            score=None if seen is None else seen.score,
            nearest_level_atr=None if seen is None else seen.dear.nearest_level_atr,
            feed_age_ms=self._feed_age_ms(actor),
            mailbox_depth=0 if child is None else child.depth,
            restarts=0 if child is None else child.restarts,
            messages=0 if child is None else child.handled,
            quarantine_reason=closed,
            last_decision=None if actor is None else actor.last_decision,
            data_faults=engine.data_faults[symbol],
            paused_by=paused_by,
            change_24h=None if seen is None else seen.dear.change_24h,
        )

    def _look(self, symbol: str, actor: SymbolActor) -> Seen:
        """Read the pipeline and the bars, once for each bar."""
        seen, bar = self._seen.get(symbol), actor.newest
        if seen is None or seen.actor is not actor:
            dear = self._dear(symbol, actor)
        elif seen.bar is bar and seen.dear.bar is bar:
            return seen
        elif trio.current_time() - seen.dear.read_at >= DEAR_SECONDS:
            dear = self._dear(symbol, actor)
        else:
            dear = seen.dear
        seen = Seen(actor, bar, actor.last_price, actor.score(), dear)
        self._seen[symbol] = seen
        return seen

    def _dear(self, symbol: str, actor: SymbolActor) -> Dear:
        bar, change = actor.newest, None
        if bar is not None:
            change = change_in_a_day(self._engine.cursor, self.index[symbol], *bar)
        nearest = actor.nearest_level_atr()
        return Dear(bar, trio.current_time(), nearest, change)

    def _feed_age_ms(self, actor: SymbolActor | None) -> int | None:
        """Market time since the symbol's newest bar closed; None before the first."""
        if actor is None or actor.newest_ms < 0:
            return None
        closed_ms = actor.newest_ms + self._engine.description.timeframe_ms
        return max(0, self._engine.clock.now_ms() - closed_ms)

    def detail(self, symbol: str) -> SymbolDetail | None:
        """What the page of one symbol draws beside its candles; None: unknown."""
        row = self.row(symbol)
        if row is None:
            return None
        engine, actor = self._engine, self._engine.symbol_actors.get(symbol)
        instrument = engine.risk_state.instruments[symbol]
        newest = None
        if actor is not None and actor.newest is not None:
            bars, at = actor.newest
            newest = candle(bars[at])
        return SymbolDetail(
            row=row,
            timeframe_ms=engine.description.timeframe_ms,
            tick_size=instrument.tick_size,
            lot_size=instrument.lot_size,
            candle=newest,
            levels=() if actor is None else actor.pipeline.levels(),
            depth=self.depth(symbol),
            correlation_bucket=correlated_group(instrument),
        )

    def depth(self, symbol: str) -> DepthView | None:
        """The book that the paper exchange models after the newest bar."""
        engine, actor = self._engine, self._engine.symbol_actors.get(symbol)
        if actor is None or actor.newest is None:
            return None
        bars, at = actor.newest
        return modelled_depth(
            symbol,
            bars[at].item(),
            engine.description.timeframe_ms,
            engine.risk_state.instruments[symbol].tick_size,
            engine.setup.paper,
        )


def _phase(
    actor: SymbolActor | None, child: ActorChild | None, paused_by: str | None
) -> SymbolPhase:
    """Join what the runtime and the actor itself know of a symbol's phase."""
    if child is not None and child.state is ChildState.QUARANTINED:
        return SymbolPhase.QUARANTINED
    if child is not None and child.state is ChildState.BACKOFF:
        return SymbolPhase.RESTARTING
    if actor is None or child is None or paused_by is not None:
        return SymbolPhase.PAUSED
    return actor.phase
