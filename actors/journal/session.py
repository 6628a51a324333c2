"""A run of the engine as the journal tells it: how it began, how far, how it ended."""

from enum import StrEnum

import msgspec


class SessionStarted(msgspec.Struct, frozen=True, tag="started"):
    """The first fact of a run: everything that is needed to repeat it."""

    engine: str
    market: str
    preset: str
    mode: str  # paper, live
    seed: int
    versions: dict[str, str]
    wall_ms: int


class SessionEnded(msgspec.Struct, frozen=True, tag="ended"):
    """The last fact of a run that ended in order."""

    reason: str
    wall_ms: int


class Stage(StrEnum):
    """How far a candidate came."""

    SCAN = "scan"
    LEVELS = "levels"
    SIGNAL = "signal"
    SIZED = "sized"
    SENT = "sent"
    FILLED = "filled"
    CLOSED = "closed"


class Checkpoint(msgspec.Struct, frozen=True):
    """A candidate reached a stage; the row's correlation says which candidate."""

    stage: Stage


class SessionSummary(msgspec.Struct, frozen=True):
    """One run. `ended` is None while it runs and after a crash."""

    session: str
    started: SessionStarted | None
    ended: SessionEnded | None
    checkpoints: dict[str, int]  # stage -> rows
