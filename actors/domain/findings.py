"""What a sub-pipeline finds in a bar, as rows: the kernel's only output.

A pipeline is a pure function of one symbol's bars: `advance(bars, start, stop)`
returns the FINDING rows of those bars, in order. One evaluated bar gives at most one
CANDIDATE, and every CANDIDATE is followed, at the same `ts`, by exactly one SIGNAL or
one WHYNOT, so that reasons add up to candidates.
"""

from collections.abc import Sequence
from enum import IntEnum
from typing import Protocol

import msgspec
import numpy as np
import numpy.typing as npt

from actors.domain.bars import Bars, Instrument


class FindingKind(IntEnum):
    """What a row says."""

    CANDIDATE = 1  # the bar passed every scan filter: score, notes
    LEVELS = 2  # levels were built: value = how many
    ARMED = 3  # near a level: level_id, level, side
    DISARMED = 4  # no longer near any level
    SIGNAL = 5  # side, signal_kind, entry, stop, level, confidence, score, ...
    WHYNOT = 6  # reason, value, threshold
    EXIT = 7  # close an open position of `side`: reason


FINDING = np.dtype(
    [
        ("kind", "i8"),
        ("ts", "i8"),  # close time of the bar, ms
        ("side", "i8"),  # +1 long, -1 short, 0 none
        ("signal_kind", "i8"),  # index into Pipeline.signal_kinds
        ("reason", "i8"),  # index into Pipeline.reasons
        ("value", "f8"),  # NaN: UNKNOWN
        ("threshold", "f8"),
        ("notes", "i8"),  # bit mask over Pipeline.reasons: filters skipped as UNKNOWN
        ("level_id", "i8"),  # 0: none
        ("level", "f8"),
        ("entry", "f8"),
        ("stop", "f8"),
        ("target", "f8"),  # the strategy's own; 0: the preset's ladder is used
        ("atr", "f8"),
        ("confidence", "f8"),
        ("score", "f8"),
        ("opposite_depth_usd", "f8"),  # of the side that an entry trades against
        ("exit_depth_usd", "f8"),  # of the other side, both within 0.3%
        ("spread_bps", "f8"),
        ("obstacles", "f8", (4,)),  # nearest levels beyond entry; NaN: none
    ]
)

Findings = npt.NDArray[np.void]
#: What a drop is called in a funnel, before its reason.
DROPPED = "dropped_"


class Tally(msgspec.Struct, frozen=True):
    """A pipeline's counts as numbers in a row, to be added up before they are named."""

    names: tuple[str, ...]  # the same object for all pipelines of a kind
    counts: npt.NDArray[np.int64]

    def told(self) -> dict[str, int]:
        """Name the counts; a drop that never was is left out."""
        named = zip(self.names, self.counts.tolist(), strict=True)
        return {name: n for name, n in named if n or not name.startswith(DROPPED)}


def tally_of(names: tuple[str, ...], state: np.void, counted: Sequence[str]) -> Tally:
    """Read the `counted` fields of a record, and its `dropped`, which `names` name."""
    dropped = state["dropped"][: len(names) - len(counted)]
    return Tally(names, np.append([state[name] for name in counted], dropped))


class LevelView(msgspec.Struct, frozen=True):
    """A level as charts and people see it."""

    id: int
    price: float
    kind: str  # donchian, swing, volume, cascade, ...
    side: int  # +1 resistance, -1 support
    strength: float
    touches: int
    birth_ms: int
    known_ms: int
    state: str  # fresh, used, broken


class SymbolContext(msgspec.Struct, frozen=True):
    """What a pipeline may know of its symbol before the first bar."""

    instrument: Instrument
    timeframe_ms: int  # the market's own


class Pipeline(Protocol):
    """One symbol's scan -> levels -> signal, with its state inside."""

    reasons: tuple[str, ...]
    signal_kinds: tuple[str, ...]

    def advance(self, bars: Bars, start: int, stop: int) -> Findings:
        """Take rows [start, stop) of `bars` and return what they led to.

        The returned array is only valid until the next call.
        """

    def tally(self) -> Tally:
        """Count evaluations, candidates, signals and each rejection by reason."""

    def funnel(self) -> dict[str, int]:
        """Tell the same, named."""

    def last_rejection(self) -> tuple[str, float, float, int] | None:
        """Give the newest rejection: reason, value, threshold, bar close ms."""

    def score(self) -> float:
        """Give the newest scan score; NaN before the first."""

    def levels(self) -> tuple[LevelView, ...]:
        """List the levels that are known now."""

    def nearest_level_atr(self) -> float:
        """Give the distance to the nearest fresh level in ATRs; NaN: there is none."""


class Strategy(Protocol):
    """A way to trade: makes one pipeline for each symbol."""

    name: str
    #: Market bars of history that a restarted pipeline needs to be itself again.
    warmup_ms: int

    def pipeline(self, context: SymbolContext) -> Pipeline:
        """Make the pipeline of one symbol."""
