"""One symbol's ages, noted at each message at the price of a few stores.

`actors.domain.freshness` judges; this keeps what it judges by, in a form that costs
nothing at thousands of messages a second, and hands it over when somebody asks.
"""

from actors.domain.freshness import (
    Freshness,
    Judgement,
    Now,
    bar_closed,
    gap_found,
    gap_repaired,
    judge,
)
from config.settings import FeedGroup


class Pulse:
    """What was heard of one symbol, and when."""

    __slots__ = ("_budgets", "_known", "bar_ms", "event_ms", "message_ms")

    def __init__(self, budgets: FeedGroup) -> None:
        self.message_ms: int | None = None  # monotonic
        self.event_ms = 0  # exchange's time of the newest event; 0: none
        self.bar_ms = 0  # its length, where a symbol only speaks when a bar closes
        self._budgets = budgets
        self._known = Freshness()

    def heard(self, now: Now, event_ms: int) -> None:
        """Note a message; an event from the future is of now (see `freshness.heard`).

        `event_ms` 0: the message has no time of its own.
        """
        self.message_ms = now.monotonic_ms
        if event_ms > self.event_ms:
            self.event_ms = min(event_ms, now.exchange_ms)

    def gap(self, now: Now, *, is_open: bool) -> None:
        """Note that the sequence has a hole, or is whole again."""
        if is_open:
            self._known = gap_found(self._known, now)
        elif self._known.gap_ms is not None:
            self._known = gap_repaired(self._known, now)

    def closed(self, now: Now, close_ms: int) -> bool:
        """Note a candle's close; whether it came late."""
        self._known = bar_closed(self._freshness(), now, close_ms, self._budgets)
        return self._known.last_close_late

    def _freshness(self) -> Freshness:
        known = self._known
        return Freshness(
            message_ms=self.message_ms,
            event_ms=self.event_ms or None,
            gap_ms=known.gap_ms,
            repaired_ms=known.repaired_ms,
            late_closes=known.late_closes,
            last_close_late=known.last_close_late,
        )

    def freshness(self) -> Freshness:
        """Everything that is known, for `actors.domain.freshness`."""
        return self._freshness()

    def judge(self, now: Now) -> Judgement:
        """Judge the symbol's feed now."""
        return judge(self._freshness(), now, self._budgets, self.bar_ms)
