"""What REST answers: one struct for each shape, named as the contract names it."""

from typing import Any, Generic, TypeVar

import msgspec

from actors.domain.findings import LevelView
from actors.domain.messages import Role
from actors.domain.phases import Phase
from actors.domain.shown.machine import ActorRow
from actors.domain.shown.money import HealthLight
from actors.domain.shown.symbols import Candle, DepthView, Marker, SymbolRow
from actors.domain.views import CommandState, UnprotectedTime
from config.preset import Preset

T = TypeVar("T")


class Answer(msgspec.Struct, frozen=True, rename="camel"):
    """The base of every answer."""


class Items(Answer, Generic[T], frozen=True):
    """A list that is whole."""

    items: tuple[T, ...]


class Page(Answer, Generic[T], frozen=True):
    """A part of a list; `cursor` asks for the next one, null is its end."""

    items: tuple[T, ...]
    cursor: str | None


class Commands(Answer, frozen=True):
    """What is allowed now, and why the rest is not."""

    state: Phase
    commands: tuple[CommandState, ...]


class ResourceHealth(msgspec.Struct, frozen=True):
    """What the process uses, measured; null: it could not be, `unmeasured` says why."""

    ts_ms: int
    cpu_percent: float | None
    rss_mib: float | None
    memory_percent: float | None
    disk_free_mib: float | None
    threads: int | None
    descriptors: int | None
    descriptors_percent: float | None
    loop_lag_ms: float | None
    unmeasured: dict[str, str]
    mailboxes: dict[str, int]  # the deepest, by name
    unprotected: UnprotectedTime
    lights: tuple[HealthLight, ...] = ()


class MarketSnapshot(Answer, frozen=True):
    """What is known of one symbol's market now."""

    symbol: str
    row: SymbolRow
    candle: Candle | None
    depth: DepthView | None


class Candles(Answer, frozen=True):
    """Closed bars, oldest first."""

    symbol: str
    timeframe_ms: int
    items: tuple[Candle, ...]


class Levels(Answer, frozen=True):
    """The levels that one symbol's pipeline knows."""

    symbol: str
    levels: tuple[LevelView, ...]


class Markers(Answer, frozen=True):
    """What happened at a price, oldest first."""

    symbol: str
    items: tuple[Marker, ...]


class StateMachine(Answer, frozen=True):
    """The global machine's table and where it is."""

    state: Phase
    table: dict[str, tuple[str, ...]]


class Diagnostics(Answer, frozen=True):
    """The tree of actors: to read, and as rows."""

    tree: tuple[str, ...]
    actors: tuple[ActorRow, ...]


class PresetRow(Answer, frozen=True):
    """One preset at a glance; version 1 of a shipped one is as it ships."""

    name: str
    description: str
    version: int
    origin: str  # shipped, own
    running_now: bool
    problem: str | None  # why it cannot be used; null: it can


class PresetShown(Answer, frozen=True):
    """A preset with every default filled in, and the versions that are kept."""

    name: str
    version: int
    origin: str
    preset: Preset
    versions: tuple[int, ...]


class PresetProblem(Answer, frozen=True):
    """One thing that is wrong with a preset; an empty path is the whole of it."""

    path: str
    message: str


class PresetVerdict(Answer, frozen=True):
    """Whether a preset could be used, and what is in its way."""

    ok: bool
    problems: tuple[PresetProblem, ...]


class PresetSaved(Answer, frozen=True):
    """The end of saving a preset; `version` is the new one, null when refused."""

    success: bool
    message: str
    timestamp: str
    version: int | None
    problems: tuple[PresetProblem, ...] = ()


class TokenRow(Answer, frozen=True):
    """A token, without its secret."""

    id: str
    role: Role
    created_ms: int | None
    expires_ms: int | None
    last_used_ms: int | None


class TokenMade(Answer, frozen=True):
    """A new token: its secret is shown this once and kept nowhere."""

    id: str
    role: Role
    token: str
    expires_ms: int | None


class Who(Answer, frozen=True):
    """Who the engine takes the asker for; null: nobody any more."""

    id: str | None
    role: Role | None


class SocketTicket(Answer, frozen=True):
    """The one-use ticket that opens one WebSocket of this session."""

    ticket: str
    seconds: float


class Health(Answer, frozen=True):
    """Whether it is well, without a word more."""

    ok: bool


Document = dict[str, Any]
"""An OpenAPI or AsyncAPI document."""

Counts = dict[str, int]
"""How many came how far, and what stopped the others."""
