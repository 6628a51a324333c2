"""An exchange's clock, read off the dates of its answers, where it tells no time.

A date is in whole seconds, so one answer only bounds the clock: it is within the second
that the date begins. The bounds of several answers together are narrower, as each comes
at another part of its second. When they contradict each other, somebody set a clock,
and the newest answer counts alone.
"""

from email.utils import parsedate_to_datetime

import trio

SECOND_MS = 1_000


class ServerDate:
    """What the dates say of the clock, against the monotonic one."""

    def __init__(self) -> None:
        self._least: float | None = None
        self._most = 0.0

    def take(self, date: str) -> int:
        """Note the date of an answer that has just come; ValueError: it is none."""
        began_ms = parsedate_to_datetime(date).timestamp() * 1e3
        ours_ms = trio.current_time() * 1e3
        least, most = began_ms - ours_ms, began_ms + SECOND_MS - ours_ms
        if self._least is not None:
            least, most = max(least, self._least), min(most, self._most)
        if least >= most:
            least, most = began_ms - ours_ms, began_ms + SECOND_MS - ours_ms
        self._least, self._most = least, most
        return int(ours_ms + (least + most) / 2)
