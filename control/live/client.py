"""What one client of the stream asked for, and how far it has read."""

from collections import deque
from collections.abc import Callable

import trio

ANSWERS_MAX = 64
RESYNCS_MAX = 3
RESYNC_PERIOD_SECONDS = 60.0


class Client:
    """What one client asked for and how far it has read; the hub owns the facts."""

    def __init__(self, abort: Callable[[], None]) -> None:
        self.versions: dict[str, int] = {}
        self.cursors: dict[str, int] = {}
        self.answers: list[bytes] = []
        self.has_state_turn = False
        self.wake = trio.Event()
        self.abort = abort
        self.sending_since: float | None = None
        self.resynced: deque[float] = deque(maxlen=RESYNCS_MAX)

    def answer(self, envelope: bytes) -> None:
        """Queue what belongs to this client alone: an answer, a snapshot."""
        if len(self.answers) >= ANSWERS_MAX:
            self.abort()  # it asks faster than it reads
            return
        self.answers.append(envelope)
        self.wake.set()

    def topics(self) -> set[str]:
        """Name what it asked for."""
        return {*self.cursors, *self.versions}

    def is_too_slow(self) -> bool:
        """Whether it was resynced RESYNCS_MAX times in RESYNC_PERIOD_SECONDS."""
        times = self.resynced
        return len(times) == RESYNCS_MAX and (
            trio.current_time() - times[0] < RESYNC_PERIOD_SECONDS
        )
