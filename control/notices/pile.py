"""What one channel has still to be told, and when: the policy, without any sending.

* *Severity*: less than the channel's minimum is never piled.
* *Repeats*: the same notice is told once in `repeat_seconds`; how often it came again
  is told with the next digest.
* *Digest*: what is less severe than `digest_below` is gathered for `digest_seconds`.
* *Quiet hours*: only critical notices are due; the others wait for their end.
* *Letter*: the gravest first, no more than one holds; the rest waits for the next.
* *Bound*: of a full pile the oldest of the least severe goes, and is counted. It never
  grows with the trouble, which is when it would.
"""

import math
from collections import OrderedDict, deque

import msgspec

from actors.domain.severity import Severity
from config.outside import NoticesGroup
from control.notices.letter import (
    LINES_CHARACTERS_MAX,
    NOTICES_PER_LETTER_MAX,
    Notice,
    line_of,
)

REPEATS_REMEMBERED_MAX = 512
DAY_MINUTES = 24 * 60
LOOK_SECONDS = 60.0  # quiet hours end on a minute


class Repeats(msgspec.Struct):
    """How often a notice came again since it was told."""

    told_at: float
    notice: Notice
    again: int = 0


class PileStatistics(msgspec.Struct, frozen=True):
    """The pile at a glance."""

    waiting: int
    repeated: int
    dropped: int


class Pile:
    """Notices that wait for one channel; `now` is monotonic, in seconds."""

    def __init__(self, settings: NoticesGroup, minimum: Severity) -> None:
        self._settings = settings
        self._minimum = minimum
        self._at_once = Severity(settings.digest_below)
        self._waiting: dict[Severity, deque[Notice]] = {s: deque() for s in Severity}
        self._told: OrderedDict[str, Repeats] = OrderedDict()
        self._digest_due = math.inf
        self._left_out = 0  # since the last letter
        self._dropped = 0
        self._repeated = 0

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    def statistics(self) -> PileStatistics:
        """Return a frozen snapshot of the counts."""
        return PileStatistics(len(self), self._repeated, self._dropped)

    def put(self, notice: Notice, now: float) -> bool:
        """Take a notice in; False when it is not to be told, or not again."""
        if notice.severity.rank < self._minimum.rank:
            return False
        if notice.key is not None and self._is_repeat(notice.key, notice, now):
            return False
        self._pile(notice, now)
        return True

    def put_back(self, notices: tuple[Notice, ...], left_out: int) -> None:
        """Take in again what could not be sent, as far as it matters later."""
        self._left_out += left_out
        for notice in reversed(notices):
            if self._is_at_once(notice.severity):
                self._waiting[notice.severity].appendleft(notice)
                self._bound()
            else:
                self._drop(1)

    def take(self, now: float, minute: int) -> tuple[tuple[Notice, ...], int]:
        """Return what is due, and how many were left out; `minute` is the UTC day's."""
        due = self._due(minute)
        if self._is_digest_due(now, minute):
            self._tell_repeats(now)
            due = frozenset(Severity)
        taken: list[Notice] = []
        room = LINES_CHARACTERS_MAX
        for severity in reversed(Severity):
            line = self._waiting[severity]
            while severity in due and line and len(taken) < NOTICES_PER_LETTER_MAX:
                room -= len(line_of(line[0]))
                if room < 0:  # and stays so: nothing less severe goes past it
                    break
                taken.append(line.popleft())
        if self._digest_due <= now:
            self._digest_due = self._next_digest(now)
        if not taken:
            return (), 0
        left_out, self._left_out = self._left_out, 0
        return tuple(sorted(taken, key=lambda notice: notice.ts_ms)), left_out

    def hurry(self, now: float) -> None:
        """Have the digest due: there is no later."""
        self._digest_due = now

    def seconds_to_wait(self, now: float, minute: int) -> float:
        """Tell when to look again, unless something is put before; 0: now."""
        if any(self._waiting[severity] for severity in self._due(minute)):
            return 0.0
        if is_quiet(self._settings.quiet, minute):
            return LOOK_SECONDS if len(self) else math.inf
        return max(self._digest_due - now, 0.0)

    # --- inside ------------------------------------------------------------------

    def _is_at_once(self, severity: Severity) -> bool:
        return severity.rank >= self._at_once.rank

    def _waits_for_digest(self) -> bool:
        return any(line for s, line in self._waiting.items() if not self._is_at_once(s))

    def _due(self, minute: int) -> frozenset[Severity]:
        """List what is due at any time of this minute, digest or not."""
        if is_quiet(self._settings.quiet, minute):
            return frozenset({Severity.CRITICAL})
        return frozenset(s for s in Severity if self._is_at_once(s))

    def _is_digest_due(self, now: float, minute: int) -> bool:
        return now >= self._digest_due and not is_quiet(self._settings.quiet, minute)

    def _next_digest(self, now: float) -> float:
        if self._waits_for_digest():
            return now  # more than one letter holds, or quiet hours
        ends = (
            seen.told_at + self._settings.repeat_seconds
            for seen in self._told.values()
            if seen.again
        )
        return min(ends, default=math.inf)

    def _is_repeat(self, key: str, notice: Notice, now: float) -> bool:
        seen = self._told.get(key)
        if seen is not None and now - seen.told_at < self._settings.repeat_seconds:
            seen.again += 1
            self._repeated += 1
            self._start_digest(now)
            return True
        self._told[key] = Repeats(now, notice, 0)
        self._told.move_to_end(key)
        if seen is not None and seen.again:
            self._told[key].again = seen.again  # still to be told, with the digest
        if len(self._told) > REPEATS_REMEMBERED_MAX:
            self._told.popitem(last=False)
        return False

    def _tell_repeats(self, now: float) -> None:
        """Pile what came again since it was told, once its time is over."""
        for key, seen in tuple(self._told.items()):
            if now - seen.told_at < self._settings.repeat_seconds:
                continue
            del self._told[key]
            if seen.again:
                text = f"{seen.again} more times: {seen.notice.text}"
                self._pile(msgspec.structs.replace(seen.notice, text=text), now)

    def _pile(self, notice: Notice, now: float) -> None:
        self._waiting[notice.severity].append(notice)
        if not self._is_at_once(notice.severity):
            self._start_digest(now)
        self._bound()

    def _start_digest(self, now: float) -> None:
        self._digest_due = min(self._digest_due, now + self._settings.digest_seconds)

    def _bound(self) -> None:
        while len(self) > self._settings.waiting_max:
            line = next(line for line in self._waiting.values() if line)
            line.popleft()  # the oldest of the least severe
            self._drop(1)

    def _drop(self, count: int) -> None:
        self._left_out += count
        self._dropped += count


def is_quiet(hours: str, minute: int) -> bool:
    """Whether a minute of the UTC day lies within `22:00-06:30`; empty: never."""
    if not hours:
        return False
    began, ended = (_minute_of(part) for part in hours.split("-"))
    return (minute - began) % DAY_MINUTES < (ended - began) % DAY_MINUTES


def _minute_of(text: str) -> int:
    hour, minute = text.split(":")
    return int(hour) * 60 + int(minute)
