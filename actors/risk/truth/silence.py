"""Tells people when the exchange does not answer: once, each minute, and its end."""

from actors.domain.limits import MINUTE_MS
from actors.domain.truth import Look, Truth
from actors.risk.account.desk import Desk


class Silence:
    """Follows whether looks are answered."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._told_ms: int | None = None  # kept when it is over: it may come and go
        self._asked: Look | None = None  # what was not answered, and people know it

    def heard(self, truth: Truth) -> None:
        """Take one look's answers."""
        if truth.problems:
            self._lasts(truth)
        elif self._asked is not None and _covers(truth.look, self._asked):
            self._asked = None
            words = ("the exchange answers again", "what it says now is settled")
            self._desk.alert("warning", "exchange", *words)

    def _lasts(self, truth: Truth) -> None:
        now_ms = self._desk.now_ms
        if self._told_ms is not None and now_ms - self._told_ms < MINUTE_MS:
            return
        self._told_ms, self._asked = now_ms, truth.look
        self._desk.alert(
            "error",
            "exchange",
            f"the exchange did not answer: {'; '.join(truth.problems)}",
            "what it did not say counts as unknown; asking again",
        )


def _covers(look: Look, other: Look) -> bool:
    """Whether a look has asked for all that another one has."""
    return look.balance >= other.balance and look.positions >= other.positions
