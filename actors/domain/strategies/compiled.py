"""A strategy whose whole decision is one compiled function over its bars."""

from collections.abc import Callable
from functools import lru_cache
from typing import ClassVar, NamedTuple

import numpy as np

from actors.domain.bars import Bars
from actors.domain.errors import StrategyError
from actors.domain.findings import (
    DROPPED,
    FINDING,
    Findings,
    LevelView,
    SymbolContext,
    Tally,
    tally_of,
)
from actors.domain.kernel.record import MINUTE_MS, Records
from actors.domain.strategies import frame
from config.preset import Preset

#: (states, params, bars, start, stop, out) -> how many rows were written.
Advance = Callable[[Records, Records, Bars, int, int, Findings], int]


def warmup_ms(preset: Preset, bars: int) -> int:
    """Give the span of so many pipeline bars; the market's own are 1 h at most."""
    return bars * (preset.timeframe_minutes or 60) * MINUTE_MS


@lru_cache(maxsize=64)
def counted(counters: tuple[str, ...], reasons: tuple[str, ...]) -> tuple[str, ...]:
    """Name what a record of this kind counts, in its order."""
    return (*counters, *(f"{DROPPED}{reason}" for reason in reasons))


class Layout(NamedTuple):
    """What a pipeline must know of the record that its function keeps."""

    new_states: Callable[[], Records]
    rows_per_bar_max: int
    counters: tuple[str, ...]
    rejection: tuple[str, str, str]
    """The fields of the newest rejection: reason, value, threshold."""


class CompiledStrategy:
    """Makes pipelines that run one compiled function."""

    def __init__(
        self, name: str, preset: Preset, advance: Advance, reasons: tuple[str, ...]
    ) -> None:
        self.name = name
        self.warmup_ms = warmup_ms(preset, frame.ATR_WARM_BARS)
        self._preset = preset
        self._advance = advance
        self._reasons = reasons

    def pipeline(self, context: SymbolContext) -> "CompiledPipeline":
        """Make the pipeline of one symbol."""
        params = frame.new_params(self._preset, context)
        return CompiledPipeline(self.name, self._advance, params, self._reasons)


class CompiledPipeline:
    """One symbol's pipeline; all that it remembers is one record."""

    layout: ClassVar[Layout] = Layout(
        *(frame.new_states, frame.ROWS_PER_BAR_MAX, frame.COUNTERS),
        rejection=("reason", "value", "threshold"),
    )

    def __init__(
        self, name: str, advance: Advance, params: Records, reasons: tuple[str, ...]
    ) -> None:
        self.reasons = reasons
        self._counts = counted(self.layout.counters, reasons)
        self.signal_kinds: tuple[str, ...] = (name,)
        self._advance = advance
        self._params = params
        self._states = self.layout.new_states()
        self._out = np.zeros(0, FINDING)  # grows to the largest chunk asked for

    def advance(self, bars: Bars, start: int, stop: int) -> Findings:
        """Take rows [start, stop) of `bars` and return what they led to.

        The returned array is only valid until the next call.
        """
        rows = (stop - start) * self.layout.rows_per_bar_max
        if rows > len(self._out):
            self._out = np.zeros(rows, FINDING)
        count = self._advance(self._states, self._params, bars, start, stop, self._out)
        return self._out[:count]

    def tally(self) -> Tally:
        """Count evaluations, candidates, signals, faults, and drops by reason."""
        return tally_of(self._counts, self._states[0], self.layout.counters)

    def funnel(self) -> dict[str, int]:
        """Tell the same, named."""
        return self.tally().told()

    def last_rejection(self) -> tuple[str, float, float, int] | None:
        """Give the newest rejection: reason, value, threshold, bar close ms."""
        state = self._states[0]
        if state["reason_ts"] == 0:
            return None
        reason, value, threshold = (state[name] for name in self.layout.rejection)
        told = (self.reasons[int(reason)], float(value), float(threshold))
        return *told, int(state["reason_ts"])

    def score(self) -> float:
        """Give the newest score; NaN before the first candidate."""
        return float(self._states[0]["score"])

    def levels(self) -> tuple[LevelView, ...]:
        """List no levels: this strategy has none that live longer than a bar."""
        return ()

    def nearest_level_atr(self) -> float:
        """Give NaN: there is no level."""
        return float("nan")

    def snapshot(self) -> bytes:
        """Copy all that the pipeline remembers."""
        return self._states.tobytes()

    def restore(self, snapshot: bytes) -> None:
        """Go back to a snapshot; StrategyError when it is of another layout."""
        kind = self._states.dtype
        if len(snapshot) != kind.itemsize:
            message = (
                f"a snapshot of {len(snapshot)} bytes: this version remembers "
                f"{kind.itemsize}; warm the pipeline up with bars instead"
            )
            raise StrategyError(message)
        self._states = np.frombuffer(snapshot, kind).copy()
