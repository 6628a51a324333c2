"""The symbol actor: one symbol's scan, levels and signals, restartable at any time.

Its pipeline is a pure function of the symbol's own bars, so a new incarnation feeds it
the recent past and is itself again. It never sees orders or positions; it is only told
that a position exists, to show the right phase.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec
import numpy as np
import structlog

from actors.domain.bars import Bars
from actors.domain.errors import IllegalTransition
from actors.domain.findings import Pipeline
from actors.domain.messages import (
    Armed,
    BarsClosed,
    Disarmed,
    Finding,
    Findings,
    LevelsBuilt,
    Scanned,
    Scored,
    Signal,
    SymbolDown,
    WhyNot,
)
from actors.domain.phases import SYMBOL_MACHINE, SymbolPhase, check
from actors.domain.translate import Translator
from actors.runtime import Actor, ActorRef

log = structlog.get_logger(component="symbol")

S = SymbolPhase


#: A symbol that fails on more bars than this soon is quarantined anyway.
FAILED_BARS_KEPT = 16
#: A scan's result names so many symbols.
SCORES_TOLD = 20


class Past(msgspec.Struct, frozen=True):
    """Rows [start, stop) of `bars`: what a new pipeline is fed before it works.

    `failed` are the open times of bars that an earlier incarnation failed on: they are
    left out, or the symbol would fail on them again at each start.
    """

    bars: Bars
    start: int
    stop: int
    failed: tuple[int, ...] = ()

    def pieces(self) -> Iterator[tuple[int, int]]:
        """Give the rows as stretches (start, stop) between the failed bars."""
        times = self.bars["ts"][self.start : self.stop]
        start = self.start
        for row in (np.flatnonzero(np.isin(times, self.failed)) + self.start).tolist():
            if row > start:
                yield start, row
            start = row + 1
        if self.stop > start:
            yield start, self.stop


class PositionChanged(msgspec.Struct, frozen=True):
    """The risk actor opened (True) or ended a position in this symbol."""

    held: bool


class SymbolActor(Actor[Any]):
    """Feeds one pipeline and tells the risk actor what it found."""

    def __init__(
        self,
        symbol: str,
        make_pipeline: Callable[[], Pipeline],
        translate: Callable[[Pipeline], Translator],
        past: Callable[[], Past],
        risk: ActorRef[Any],
    ) -> None:
        super().__init__()
        self._symbol = symbol
        self._make_pipeline = make_pipeline
        self._translate = translate
        self._past = past
        self._risk = risk
        self.phase = S.SCANNING
        self.newest_ms = -1  # open time of the newest bar taken
        self.repeated_bars = 0
        self.newest: tuple[Bars, int] | None = None  # the bar: an array and its row
        self.relived: dict[str, int] = {}  # the funnel of the past that was fed
        self.taking_ms: int | None = None  # open time of the bar in hand
        self.last_decision: str | None = None
        self.began: Callable[[SymbolActor], None] = _unheard  # once it is itself

    async def on_start(self) -> None:
        """Build the pipeline and feed it the past, whose findings are old news."""
        self.pipeline = self._make_pipeline()
        self._translator = self._translate(self.pipeline)
        past = self._past()
        for start, stop in past.pieces():
            self.pipeline.advance(past.bars, start, stop)
        if past.stop > past.start:
            self.newest = (past.bars, past.stop - 1)
            self.newest_ms = int(past.bars["ts"][past.stop - 1])
        self.relived = self.pipeline.funnel()
        self.began(self)
        if self.context.incarnation > 1:
            up = SymbolDown(self._symbol, S.SCANNING, "started again")
            self._risk.tell_urgent(up)

    async def handle(self, message: Any) -> None:
        """Take bars, or a change of what is known about this symbol."""
        if type(message) is BarsClosed:
            self._take(message)
        else:
            assert type(message) is PositionChanged, f"{message!r} is no symbol's"
            self._move(S.IN_POSITION if message.held else S.SCANNING)

    def _take(self, message: BarsClosed) -> None:
        # After a restart the past may hold bars that still wait in the mailbox.
        if message.newest_ms <= self.newest_ms:
            self.repeated_bars += 1
            return
        self.taking_ms = message.newest_ms
        rows = self.pipeline.advance(message.bars, message.start, message.stop)
        self.newest_ms = message.newest_ms
        self.newest = (message.bars, message.stop - 1)
        if len(rows):
            self._tell(self._translator.findings(rows))
        self.taking_ms = None

    @property
    def last_price(self) -> float | None:
        """Close of the newest bar; None before the first."""
        if self.newest is None:
            return None
        bars, row = self.newest
        return float(bars["close"][row])

    def score(self) -> float | None:
        """The newest scan score; None while UNKNOWN."""
        return _known(self.pipeline.score())

    def nearest_level_atr(self) -> float | None:
        """Distance to the nearest level in ATR; None while UNKNOWN."""
        return _known(self.pipeline.nearest_level_atr())

    def funnel(self) -> dict[str, int]:
        """Evaluations, candidates, signals, and each drop by reason."""
        return self.pipeline.funnel()

    def _tell(self, findings: Findings) -> None:
        """Follow the findings with the symbol's own phase, then hand them over."""
        for item in findings.items:
            self._decide(item)
            if self.phase is not S.IN_POSITION:
                self._follow(item)
        if self.phase is S.LEVEL_BUILDING:
            self._move(S.SCANNING)  # levels are built within their bar
        self._risk.tell(findings)

    def _follow(self, item: Finding) -> None:
        match item:
            case LevelsBuilt():
                self._move(S.LEVEL_BUILDING)
            case Armed():
                self._move(S.SIGNAL_WAIT)
            case Disarmed():
                self._move(S.SCANNING)
            case _:
                pass  # it moves no phase

    def _decide(self, item: Finding) -> None:
        if isinstance(item, WhyNot):
            self.last_decision = f"{item.reason} {item.value}".strip()
        elif isinstance(item, Signal):
            self.last_decision = f"{item.kind} signal"

    def _move(self, target: SymbolPhase) -> None:
        """Change the phase by the table; a miss is refused and logged."""
        if target is self.phase:
            return
        try:
            check(SYMBOL_MACHINE, self.phase, target)
        except IllegalTransition as error:
            log.warning("illegal_transition", refused=str(error))
            return
        self.phase = target


def newest_scans(actors: Mapping[str, SymbolActor]) -> Scanned:
    """Say what the newest scan of each symbol found, the best of them first."""
    scored = [
        Scored(symbol, score, actor.last_decision)
        for symbol, actor in actors.items()
        if (score := actor.score()) is not None
    ]
    scored.sort(key=lambda one: (-one.score, one.symbol))
    return Scanned(len(actors), tuple(scored[:SCORES_TOLD]))


def _unheard(_actor: SymbolActor) -> None:
    """Stand in for whoever does not listen."""


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
