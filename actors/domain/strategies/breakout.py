"""The breakout strategy: scan, levels, then momentum breakouts and retests."""

import math

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
from actors.domain.kernel import record as rec
from actors.domain.kernel.advance import ROWS_PER_BAR_MAX, advance
from actors.domain.kernel.params import new_params
from actors.domain.kernel.reasons import REASONS
from actors.domain.kernel.signals import SIGNAL_KINDS
from config.preset import Preset

#: The output's first size; it grows to the largest chunk that is asked for.
ROWS_AT_FIRST = 8


_COUNTED = (
    *("evaluated", "candidates", "signals"),
    *("bars", "bad_bars", "gaps", "missing_bars", "late_bars", "resets"),
)
_NAMES = (*_COUNTED, *(f"{DROPPED}{reason}" for reason in REASONS))


class Breakout:
    """Trades breakouts of tested levels as one preset describes them."""

    def __init__(self, preset: Preset) -> None:
        self.name = "breakout"
        self._preset = preset
        # The ring's bars, and the week for which breakouts are remembered.
        minutes = preset.timeframe_minutes or 60
        self.warmup_ms = max(rec.RING_BARS * minutes * rec.MINUTE_MS, 7 * rec.DAY_MS)

    def pipeline(self, context: SymbolContext) -> "BreakoutPipeline":
        """Make the pipeline of one symbol."""
        return BreakoutPipeline(self._preset, context)


class BreakoutPipeline:
    """One symbol's breakout pipeline; all that it remembers is one record."""

    reasons = REASONS
    signal_kinds = SIGNAL_KINDS

    def __init__(self, preset: Preset, context: SymbolContext) -> None:
        self._params = new_params(preset, context)
        self._states = rec.new_states()
        self._out = np.zeros(ROWS_AT_FIRST, FINDING)

    def advance(self, bars: Bars, start: int, stop: int) -> Findings:
        """Take rows [start, stop) of `bars` and return what they led to.

        The returned array is only valid until the next call.
        """
        rows = (stop - start) * ROWS_PER_BAR_MAX
        if rows > len(self._out):
            self._out = np.zeros(rows, FINDING)
        count = advance(self._states, self._params, bars, start, stop, self._out)
        return self._out[:count]

    def tally(self) -> Tally:
        """Count evaluations, candidates, signals, faults, and drops by reason."""
        return tally_of(_NAMES, self._states[0], _COUNTED)

    def funnel(self) -> dict[str, int]:
        """Tell the same, named."""
        return self.tally().told()

    def last_rejection(self) -> tuple[str, float, float, int] | None:
        """Give the newest rejection: reason, value, threshold, bar close ms."""
        state = self._states[0]
        if state["reason_ts"] == 0:
            return None
        reason = REASONS[int(state["last_reason"])]
        value, threshold = float(state["last_value"]), float(state["last_threshold"])
        return reason, value, threshold, int(state["reason_ts"])

    def score(self) -> float:
        """Give the newest scan score; NaN before the first."""
        return float(self._states[0]["score"])

    def levels(self) -> tuple[LevelView, ...]:
        """List the levels that are known now."""
        state = self._states[0]
        return tuple(_view(state, int(at)) for at in np.flatnonzero(state["level_id"]))

    def nearest_level_atr(self) -> float:
        """Give the distance to the nearest fresh level in ATRs; NaN: there is none."""
        state = self._states[0]
        fresh = (state["level_id"] != 0) & (state["level_state"] == rec.FRESH)
        if not fresh.any() or not state["atr"] > 0.0:
            return math.nan
        close = state["close"][(state["end"] - 1) % rec.RING_BARS]
        distance = np.abs(state["level_price"][fresh] - close).min()
        return float(distance / state["atr"])

    def snapshot(self) -> bytes:
        """Copy all that the pipeline remembers."""
        return self._states.tobytes()

    def restore(self, snapshot: bytes) -> None:
        """Go back to a snapshot; StrategyError when it is of another layout."""
        if len(snapshot) != rec.STATE.itemsize:
            message = (
                f"a snapshot of {len(snapshot)} bytes: this version remembers "
                f"{rec.STATE.itemsize}; warm the pipeline up with bars instead"
            )
            raise StrategyError(message)
        self._states = np.frombuffer(snapshot, rec.STATE).copy()


def _view(state: rec.Record, at: int) -> LevelView:
    return LevelView(
        id=int(state["level_id"][at]),
        price=float(state["level_price"][at]),
        kind=rec.LEVEL_KINDS[int(state["level_kind"][at])],
        side=int(state["level_side"][at]),
        strength=float(state["level_strength"][at]),
        touches=int(state["level_touches"][at]),
        birth_ms=int(state["level_birth"][at]),
        known_ms=int(state["level_known"][at]),
        state=rec.LEVEL_STATES[int(state["level_state"][at])],
    )
