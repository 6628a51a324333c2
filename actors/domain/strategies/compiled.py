"""A strategy whose whole decision is one compiled function over its bars."""

from collections.abc import Callable
from functools import lru_cache

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
def counted(reasons: tuple[str, ...]) -> tuple[str, ...]:
    """Name what a record of this kind counts, in its order."""
    return (*frame.COUNTERS, *(f"{DROPPED}{reason}" for reason in reasons))


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

    def __init__(
        self, name: str, advance: Advance, params: Records, reasons: tuple[str, ...]
    ) -> None:
        self.reasons = reasons
        self._counts = counted(reasons)
        self.signal_kinds: tuple[str, ...] = (name,)
        self._advance = advance
        self._params = params
        self._states = frame.new_states()
        self._out = np.zeros(frame.ROWS_PER_BAR_MAX, FINDING)

    def advance(self, bars: Bars, start: int, stop: int) -> Findings:
        """Take rows [start, stop) of `bars` and return what they led to.

        The returned array is only valid until the next call.
        """
        rows = (stop - start) * frame.ROWS_PER_BAR_MAX
        if rows > len(self._out):
            self._out = np.zeros(rows, FINDING)
        count = self._advance(self._states, self._params, bars, start, stop, self._out)
        return self._out[:count]

    def tally(self) -> Tally:
        """Count evaluations, candidates, signals, faults, and drops by reason."""
        return tally_of(self._counts, self._states[0], frame.COUNTERS)

    def funnel(self) -> dict[str, int]:
        """Tell the same, named."""
        return self.tally().told()

    def last_rejection(self) -> tuple[str, float, float, int] | None:
        """Give the newest rejection: reason, value, threshold, bar close ms."""
        state = self._states[0]
        if state["reason_ts"] == 0:
            return None
        reason = self.reasons[int(state["reason"])]
        value, threshold = float(state["value"]), float(state["threshold"])
        return reason, value, threshold, int(state["reason_ts"])

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
        if len(snapshot) != frame.STATE.itemsize:
            message = (
                f"a snapshot of {len(snapshot)} bytes: this version remembers "
                f"{frame.STATE.itemsize}; warm the pipeline up with bars instead"
            )
            raise StrategyError(message)
        self._states = np.frombuffer(snapshot, frame.STATE).copy()
