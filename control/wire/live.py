"""What the stream tells: the body of each type of envelope that is no row elsewhere."""

from decimal import Decimal
from typing import Any

import msgspec

from actors.domain.messages import Role
from actors.domain.phases import KillPhase, Phase
from control.wire.answers import Answer


class Hello(Answer, frozen=True):
    """The first envelope: who you are, what there is."""

    id: str
    role: Role
    state: Phase
    topics: tuple[str, ...]
    heartbeat_seconds: float


class Heartbeat(Answer, frozen=True):
    """Every five seconds: the connection lives, and so does the engine."""

    state: Phase


class Pong(Answer, frozen=True):
    """The answer to a ping, with its id."""

    id: Any


class Fault(Answer, frozen=True):
    """A message of yours was refused; `code` as over HTTP.

    `topics`: those of it that are neither begun nor ended by it.
    """

    ok: bool
    code: int
    message: str
    topics: tuple[str, ...]


class CommandOutcome(Answer, frozen=True):
    """The end of a command, with the id that it was given."""

    id: str
    ok: bool
    code: int
    message: str


class Resync(Answer, frozen=True):
    """What you have not had of a topic is gone; its snapshot follows."""

    topic: str
    after: int


class Snapshot(Answer, frozen=True):
    """All that is true of a topic; every change since comes as a delta.

    Topics of many rows have `items`; the others `state`, and by type in `latest`
    what else belongs to them.
    """

    items: tuple[Any, ...] | msgspec.UnsetType = msgspec.UNSET
    state: Any | msgspec.UnsetType = msgspec.UNSET
    latest: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET
    resync: bool | msgspec.UnsetType = msgspec.UNSET


class SignalShown(Answer, frozen=True):
    """A complete trade idea: R is the distance from entry to stop."""

    correlation: str
    symbol: str
    ts_ms: int
    side: str
    kind: str
    entry: Decimal
    stop: Decimal
    targets: tuple[tuple[Decimal, Decimal], ...]
    level: Decimal | None
    confidence: float
    score: float
    atr: Decimal
    opposite_depth_usd: Decimal | None
    spread_bps: Decimal | None
    stamps: tuple[tuple[str, int], ...]
    exit_depth_usd: Decimal | None


class StopMoved(msgspec.Struct, frozen=True):
    """A stop is where it is now."""

    position_id: str
    old_sl: Decimal
    new_sl: Decimal


class TakeProfit(msgspec.Struct, frozen=True):
    """A target was hit; the row comes by itself."""

    position_id: str
    pnl: Decimal
    pnl_r: Decimal = msgspec.field(name="pnlR")


class KillSwitchMoved(msgspec.Struct, frozen=True):
    """The kill switch went on to another phase."""

    reason: str
    triggered_at: int
    phase: KillPhase
