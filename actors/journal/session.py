"""A run of the engine as the journal tells it: how it began, how far, how it ended."""

from enum import StrEnum

import msgspec

from actors.journal.audit import AuditRecord
from actors.journal.kinds import Kind


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


_BODIES: dict[Kind, tuple[type, ...]] = {
    Kind.AUDIT: (AuditRecord,),
    Kind.SESSION: (SessionStarted, SessionEnded),
}


def check_body(kind: Kind, body: object) -> None:
    """Refuse what the reader of these two kinds could not read back.

    Raises:
        TypeError: the body is of another type.
    """
    expected = _BODIES[kind]
    if not isinstance(body, expected):
        names = " or ".join(one.__name__ for one in expected)
        message = f"the body of a {kind} row is {names}, not {type(body).__name__}"
        raise TypeError(message)
