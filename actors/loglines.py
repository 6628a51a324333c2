"""The newest log lines at hand, for people who look at the engine and not at a file.

A line is kept as it is written, after secrets were taken out of it and every value was
cut. The log is the process's own, so there is one ring.
"""

from collections import deque
from datetime import datetime
from itertools import islice

from structlog.typing import EventDict, WrappedLogger

from actors.domain.shown.history import LogRow

LINES_KEPT = 2_000
_NAMED = frozenset({"timestamp", "level", "event", "component"})


class LogRing:
    """Keeps the newest lines; each has a number that only rises."""

    def __init__(self, lines: int = LINES_KEPT) -> None:
        self._rows: deque[LogRow] = deque(maxlen=lines)
        self._newest = 0

    def __call__(
        self, _logger: WrappedLogger, _method: str, event_dict: EventDict
    ) -> EventDict:
        """Keep a line and pass it on."""
        self._newest += 1
        written = datetime.fromisoformat(str(event_dict["timestamp"]))
        self._rows.append(
            LogRow(
                number=self._newest,
                time_ms=int(written.timestamp() * 1000),
                level=str(event_dict.get("level", "")),
                component=str(event_dict.get("component", "")),
                event=str(event_dict.get("event", "")),
                fields={
                    name: str(value)
                    for name, value in event_dict.items()
                    if name not in _NAMED
                },
            )
        )
        return event_dict

    def after(self, number: int, limit: int) -> tuple[LogRow, ...]:
        """Give lines with numbers over `number`, oldest first, the first `limit`."""
        kept = len(self._rows)
        skipped = max(0, kept - (self._newest - number))
        return tuple(islice(self._rows, skipped, skipped + max(0, limit)))


#: Filled by `actors.logs`, read by whoever shows it.
RECENT = LogRing()
