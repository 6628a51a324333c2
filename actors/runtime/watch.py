"""Is the loop itself well: who blocks it, and how late does it run.

One handler that computes for a second stops every actor for a second, and nothing on
the loop can say so while it lasts. A thread can: it asks the loop to answer, and when
no answer comes it reads from the loop's stack which actor is being served. That costs
the actors nothing, where a note per message or a trio instrument would.
"""

import sys
import threading
from collections import deque
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Self

import msgspec
import trio

from actors.runtime.actor import Actor
from actors.runtime.actor_child import ActorChild


class LoopBlocked(msgspec.Struct, frozen=True):
    """The loop gave no answer for `seconds`; the last three fields say where it was.

    `actor` is None when no handler was running.
    """

    actor: str | None
    seconds: float
    file: str
    line: int
    function: str


class LoopWatchdog:
    """A daemon thread that reports each stretch of blocked loop once, while it lasts.

    Enter it inside `trio.run`. `report` is called in the watchdog's thread. Threads
    have no virtual time, so a simulation leaves this out.
    """

    def __init__(
        self,
        report: Callable[[LoopBlocked], None],
        blocked_seconds_max: float = 1.0,
        interval_seconds: float = 0.25,
    ) -> None:
        self._report = report
        self._blocked_seconds_max = blocked_seconds_max
        self._interval_seconds = interval_seconds
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        token = trio.lowlevel.current_trio_token()
        loop_thread_id = threading.get_ident()
        self._thread = threading.Thread(
            target=self._watch,
            args=(token, loop_thread_id),
            name="loop-watchdog",
            daemon=True,
        )
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._thread is not None
        self._stopped.set()
        self._thread.join()

    def _watch(self, token: trio.lowlevel.TrioToken, loop_thread_id: int) -> None:
        """Ask the loop for an answer at each interval, until stopped."""
        while not self._stopped.wait(self._interval_seconds):
            answered = threading.Event()
            try:
                token.run_sync_soon(answered.set)
            except trio.RunFinishedError:
                return
            if answered.wait(self._blocked_seconds_max):
                continue
            self._report(self._look(loop_thread_id))
            # One report a stretch; a stop must not wait for a loop that never returns.
            while not answered.wait(self._interval_seconds):
                if self._stopped.is_set():
                    return

    def _look(self, loop_thread_id: int) -> LoopBlocked:
        """Read the loop's stack: where it is, and whose handler that is."""
        top = sys._current_frames().get(loop_thread_id)  # noqa: SLF001 - its only door
        if top is None:
            return LoopBlocked(None, self._blocked_seconds_max, "?", 0, "?")
        return LoopBlocked(
            actor=_actor_of(top),
            seconds=self._blocked_seconds_max,
            file=top.f_code.co_filename,
            line=top.f_lineno,
            function=top.f_code.co_name,
        )


class Beat(msgspec.Struct, frozen=True, gc=False):
    """The probe's own message: it was due then."""

    due_seconds: float


class LoopLag(Actor[Beat]):
    """An actor that measures how late the loop runs what is due.

    Its counters: the newest and the worst lag of the last `window` beats, in ms.
    """

    def __init__(self, interval_seconds: float = 0.5, window: int = 120) -> None:
        self._interval_seconds = interval_seconds
        self._lags_seconds: deque[float] = deque(maxlen=window)

    async def on_start(self) -> None:
        """Arm the first beat."""
        self._arm()

    async def handle(self, message: Beat) -> None:
        """Measure one beat and arm the next."""
        self._lags_seconds.append(trio.current_time() - message.due_seconds)
        self._arm()

    def statistics(self) -> dict[str, int | float | str]:
        """Return the newest and the worst lag; nothing before the first beat."""
        if not self._lags_seconds:
            return {}
        return {
            "lag_ms_newest": round(self._lags_seconds[-1] * 1000, 3),
            "lag_ms_worst": round(max(self._lags_seconds) * 1000, 3),
        }

    def _arm(self) -> None:
        due = trio.current_time() + self._interval_seconds
        self.context.send_after(self._interval_seconds, Beat(due))


def _actor_of(frame: FrameType | None) -> str | None:
    """Find the actor whose serving loop is on this stack."""
    while frame is not None:
        owner = frame.f_locals.get("self")
        if isinstance(owner, ActorChild):
            return owner.name
        frame = frame.f_back
    return None
