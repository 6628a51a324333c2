"""Who plays in one start: a symbol actor for each symbol, and the feed."""

from collections import deque
from collections.abc import Callable
from typing import Any

import msgspec

from actors.aftermath import Aftermath
from actors.conductor import FEED, Cast, MarketOver
from actors.cursor import Cursor
from actors.domain.bars import Instrument, MarketDescription, empty_bars
from actors.domain.findings import Strategy, SymbolContext
from actors.domain.translate import Translator
from actors.exchange.port import SimulatedExchange
from actors.feed import Feed, Listeners
from actors.funnel import Funnel
from actors.latency import Latency
from actors.runtime import (
    ActorRef,
    Backoff,
    Budget,
    ChildSpec,
    Latch,
    MailboxSpec,
    OnExhausted,
    Supervisor,
    SupervisorSpec,
)
from actors.runtime.clock import MarketClock
from actors.setup import EngineSetup
from actors.symbol import FAILED_BARS_KEPT, Past, SymbolActor
from config.preset import Preset
from config.settings import SupervisionGroup

MINUTE_MS = 60_000
SYMBOL_MAILBOX = MailboxSpec(capacity=256)


class Stage(msgspec.Struct, frozen=True):
    """What the children of a start work with; it outlives them."""

    setup: EngineSetup
    description: MarketDescription
    cursor: Cursor
    clock: MarketClock
    exchange: SimulatedExchange
    latency: Latency
    symbol_actors: dict[str, SymbolActor]  # the present incarnations, filled here
    funnel: Funnel
    aftermath: Aftermath
    in_hand: Latch
    root: Callable[[], Supervisor]


def symbols_group(count: int, limits: SupervisionGroup) -> SupervisorSpec:
    """Draw the group of so many symbols: who fails too often is quarantined alone."""
    return SupervisorSpec(
        "symbols",
        group_budget=Budget(4 * count + 100, 60.0),
        on_child_exhausted=OnExhausted.QUARANTINE,
        backoff=Backoff(
            first_seconds=limits.backoff_first_seconds,
            max_seconds=limits.backoff_max_seconds,
        ),
    )


class Casting:
    """Makes the specifications of one start's children."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def _risk(self) -> ActorRef[Any]:
        return self._stage.root().ref("risk")

    def cast(self, preset: Preset) -> Cast:
        """Name the children of one start: a symbol actor for each symbol, a feed."""
        strategy = self._stage.setup.strategy(preset)
        timeframe_ms = self._stage.description.timeframe_ms
        if preset.timeframe_minutes is not None:
            timeframe_ms = preset.timeframe_minutes * MINUTE_MS
        specs = [
            self._symbol_spec(index, instrument, strategy, preset)
            for index, instrument in enumerate(self._stage.description.instruments)
        ]
        return Cast(specs, self._feed_spec, timeframe_ms)

    def _symbol_spec(
        self, index: int, instrument: Instrument, strategy: Strategy, preset: Preset
    ) -> ChildSpec:
        context = SymbolContext(instrument, self._stage.description.timeframe_ms)

        failed: deque[int] = deque(maxlen=FAILED_BARS_KEPT)
        lives: deque[SymbolActor] = deque(maxlen=1)

        def past() -> Past:
            return self._past(index, strategy.warmup_ms, tuple(failed))

        def began(actor: SymbolActor) -> None:
            self._stage.funnel.life_begins(instrument.symbol, actor)
            self._stage.symbol_actors[instrument.symbol] = actor

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
                self._risk(),
            )
            lives.append(actor)
            actor.began = began
            return actor

        limits = self._stage.setup.supervision
        budget = Budget(limits.symbol_restarts_max, limits.symbol_period_seconds)
        return ChildSpec(instrument.symbol, make, mailbox=SYMBOL_MAILBOX, budget=budget)

    def _past(self, index: int, span_ms: int, failed: tuple[int, ...]) -> Past:
        """Give a new incarnation its own past, up to the last step that ended."""
        if self._stage.cursor.block is None:
            return Past(empty_bars(0), 0, 0)
        until_ms = self._stage.cursor.last_close_ms
        window = self._stage.cursor.history.window(index, until_ms, span_ms)
        return Past(*window, failed)

    def _feed_spec(self, symbols: list[ActorRef[Any]]) -> ChildSpec:
        stage = self._stage
        listeners = Listeners(
            self._risk(),
            symbols,
            self._market_is_over,
            stage.in_hand,
            self._step_begins,
        )

        def make() -> Feed:
            return Feed(
                self._stage.cursor,
                self._stage.clock,
                self._stage.exchange,
                self._stage.setup.pace,
                listeners,
                self._stage.latency,
            )

        return ChildSpec(FEED, make)

    def _step_begins(self, close_ms: int) -> None:
        self._stage.funnel.step_begins(close_ms)
        self._stage.aftermath.step_begins(close_ms)

    def _market_is_over(self) -> None:
        self._stage.root().ref("conductor").tell(MarketOver())
