"""What a row of the journal is: its kind, its place in the order of all, its body."""

from enum import StrEnum
from typing import TypeVar

import msgspec

Body = TypeVar("Body")


class Kind(StrEnum):
    """The kinds of facts; each has a table of its own, `journal_<kind>`."""

    TRANSITION = "transition"
    DECISION = "decision"
    INTENT = "intent"
    ORDER = "order"
    FILL = "fill"
    POSITION = "position"
    SESSION = "session"
    CHECKPOINT = "checkpoint"
    AUDIT = "audit"
    ALERT = "alert"
    SNAPSHOT = "snapshot"
    ACCOUNT = "account"

    @property
    def table(self) -> str:
        """The name of the kind's table."""
        return f"journal_{self.value}"


class Row(msgspec.Struct, frozen=True, gc=False):
    """One fact. `seq` is one order over all kinds: gap-free, rising by one."""

    seq: int
    kind: Kind
    session: str
    ts_ms: int  # the market's time when it was appended
    symbol: str | None
    correlation: str | None
    body: msgspec.Raw  # JSON

    def decode(self, as_type: type[Body]) -> Body:
        """Return the body as the type it was appended as."""
        return msgspec.json.decode(self.body, type=as_type)
