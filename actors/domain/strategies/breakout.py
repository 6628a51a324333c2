"""The breakout strategy: scan, levels, then momentum breakouts and retests."""

import math

import numpy as np

from actors.domain.findings import LevelView, SymbolContext
from actors.domain.kernel import record as rec
from actors.domain.kernel.advance import ROWS_PER_BAR_MAX, advance
from actors.domain.kernel.params import new_params
from actors.domain.kernel.reasons import REASONS
from actors.domain.kernel.signals import SIGNAL_KINDS
from actors.domain.strategies.compiled import CompiledPipeline, Layout
from config.preset import Preset

_COUNTED = (
    *("evaluated", "candidates", "signals"),
    *("bars", "bad_bars", "gaps", "missing_bars", "late_bars", "resets"),
)


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


class BreakoutPipeline(CompiledPipeline):
    """One symbol's breakout pipeline; it knows levels that live for days."""

    layout = Layout(
        *(rec.new_states, ROWS_PER_BAR_MAX, _COUNTED),
        rejection=("last_reason", "last_value", "last_threshold"),
    )

    def __init__(self, preset: Preset, context: SymbolContext) -> None:
        super().__init__("breakout", advance, new_params(preset, context), REASONS)
        self.signal_kinds = SIGNAL_KINDS

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
