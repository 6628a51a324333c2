"""Who plays in one start: a symbol actor for each symbol, and the feed."""

from collections import deque
from typing import TYPE_CHECKING, Any

from actors.conductor import Cast, MarketOver
from actors.domain.bars import Instrument, empty_bars
from actors.domain.findings import Strategy, SymbolContext
from actors.domain.translate import Translator
from actors.feed import Feed, Listeners
from actors.runtime import ActorRef, Budget, ChildSpec, MailboxSpec
from actors.symbol import FAILED_BARS_KEPT, Past, SymbolActor
from config.preset import Preset

if TYPE_CHECKING:
    from actors.engine import Engine

MINUTE_MS = 60_000
SYMBOL_MAILBOX = MailboxSpec(capacity=256)


class Casting:
    """Makes the specifications of one start's children."""

    def __init__(self, engine: "Engine") -> None:
        self._engine = engine

    def cast(self, preset: Preset) -> Cast:
        """Name the children of one start: a symbol actor for each symbol, a feed."""
        strategy = self._engine.setup.strategy(preset)
        timeframe_ms = self._engine.description.timeframe_ms
        if preset.timeframe_minutes is not None:
            timeframe_ms = preset.timeframe_minutes * MINUTE_MS
        specs = [
            self._symbol_spec(index, instrument, strategy, preset)
            for index, instrument in enumerate(self._engine.description.instruments)
        ]
        return Cast(specs, self._feed_spec, timeframe_ms)

    def _symbol_spec(
        self, index: int, instrument: Instrument, strategy: Strategy, preset: Preset
    ) -> ChildSpec:
        context = SymbolContext(instrument, self._engine.description.timeframe_ms)

        failed: deque[int] = deque(maxlen=FAILED_BARS_KEPT)
        lives: deque[SymbolActor] = deque(maxlen=1)

        def past() -> Past:
            return self._past(index, strategy.warmup_ms, tuple(failed))

        def make() -> SymbolActor:
            failed.extend(
                life.taking_ms for life in lives if life.taking_ms is not None
            )
            actor = SymbolActor(
                instrument.symbol,
                lambda: strategy.pipeline(context),
                lambda pipeline: Translator(
                    pipeline, instrument, preset, strategy.name
                ),
                past,
                self._engine.risk_ref,
            )
            lives.append(actor)
            self._engine.symbol_actors[instrument.symbol] = actor
            return actor

        limits = self._engine.setup.supervision
        budget = Budget(limits.symbol_restarts_max, limits.symbol_period_seconds)
        return ChildSpec(instrument.symbol, make, mailbox=SYMBOL_MAILBOX, budget=budget)

    def _past(self, index: int, span_ms: int, failed: tuple[int, ...]) -> Past:
        """Give a new incarnation its own past, up to the last step that ended."""
        if self._engine.cursor.block is None:
            return Past(empty_bars(0), 0, 0)
        until_ms = self._engine.cursor.last_close_ms
        window = self._engine.cursor.history.window(index, until_ms, span_ms)
        return Past(*window, failed)

    def _feed_spec(self, symbols: list[ActorRef[Any]]) -> ChildSpec:
        listeners = Listeners(self._engine.risk_ref, symbols, self._market_is_over)

        def make() -> Feed:
            return Feed(
                self._engine.cursor,
                self._engine.clock,
                self._engine.exchange,
                self._engine.setup.pace,
                listeners,
                self._engine.latency,
            )

        return ChildSpec("feed", make)

    def _market_is_over(self) -> None:
        self._engine.root().ref("conductor").tell(MarketOver())
