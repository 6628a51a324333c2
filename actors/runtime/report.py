"""What is said when an actor crashes: one short record, formatted only when read.

A formatted traceback costs fifty times the restart and keeps every frame alive, so
a crash is reduced to its last frame at once and the traceback is let go.
"""

from collections.abc import Callable
from types import TracebackType

import msgspec
import trio

TEXT_MAX = 300


class Crash(msgspec.Struct, frozen=True):
    """What went wrong, and where: the last frame of the first fault."""

    kind: str
    text: str
    file: str
    line: int
    function: str

    @classmethod
    def of(cls, error: BaseException) -> "Crash":
        """Reduce an exception; of a group the first leaf is taken."""
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        file, line, function = _last_frame(error.__traceback__)
        return cls(type(error).__name__, _text_of(error), file, line, function)

    def __str__(self) -> str:
        return f"{self.kind}: {self.text}" if self.text else self.kind


class CrashReport(msgspec.Struct, frozen=True):
    """One crash and what was done about it.

    `suppressed` counts the reports that were held back since the one before.
    """

    actor: str
    phase: str
    crash: Crash
    outcome: str
    incarnation: int
    restarts: int
    depth: int
    suppressed: int = 0

    def format(self) -> str:
        """Write the report as one line."""
        crash = self.crash
        return (
            f"{self.actor} {self.phase} {crash} at {crash.file}:{crash.line} in"
            f" {crash.function}; {self.outcome}; incarnation {self.incarnation},"
            f" restarts {self.restarts}, queued {self.depth},"
            f" suppressed {self.suppressed}"
        )


class Reporter:
    """Hands crash reports on, at most `per_period_max` routine ones per period.

    A report of anything but a restart is never held back.
    """

    def __init__(
        self,
        sink: Callable[[CrashReport], None] | None,
        per_period_max: int = 50,
        period_seconds: float = 10.0,
    ) -> None:
        self._sink = sink
        self._per_period_max = per_period_max
        self._period_seconds = period_seconds
        self._period_end = 0.0
        self._given = 0
        self._suppressed = 0
        self.sink_failures = 0

    def give(self, report: CrashReport, *, routine: bool) -> None:
        """Hand one report on, or count it as suppressed."""
        if self._sink is None:
            return
        now = trio.current_time()
        if now >= self._period_end:
            self._period_end = now + self._period_seconds
            self._given = 0
        if routine and self._given >= self._per_period_max:
            self._suppressed += 1
            return
        self._given += 1
        report = msgspec.structs.replace(report, suppressed=self._suppressed)
        self._suppressed = 0
        try:
            self._sink(report)
        except Exception:  # noqa: BLE001 - a broken log must not stop the restart
            self.sink_failures += 1


def _last_frame(traceback: TracebackType | None) -> tuple[str, int, str]:
    """Find where the exception was raised."""
    if traceback is None:
        return "?", 0, "?"
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    code = traceback.tb_frame.f_code
    return code.co_filename, traceback.tb_lineno, code.co_name


def _text_of(error: BaseException) -> str:
    """Return the exception's text, cut short; its `__str__` may itself be broken."""
    try:
        return str(error)[:TEXT_MAX]
    except Exception:  # noqa: BLE001 - the report of a crash must not crash
        return "(its text cannot be formatted)"
