"""Topics: a ring of the newest events, or the newest version of each row.

A fact is kept as the frozen struct that it is and is encoded when the first client
takes it, once; whoever comes after gets the same bytes.
"""

from collections import deque
from collections.abc import Iterator
from itertools import islice
from typing import Any

import msgspec

from actors.domain.messages import Published
from actors.domain.shown.symbols import SymbolRow
from actors.domain.views import EngineView
from control import wire
from control.routes.now import measured
from control.wire.answers import Commands

RING_LENGTH = 1024
SNAPSHOT_ROWS_MAX = 100
SLOW_MS = 1000  # of what is dear to read or changes with the bars
_MAIN = {"engine": "ENGINE_UPDATE", "health": "HEALTH", "risk": "RISK"}


class Stamped(msgspec.Struct):
    """One fact with its place: `serial` orders all topics, `seq` its own."""

    serial: int
    seq: int
    topic: str
    fact: Published
    encoded: bytes | None = None

    def envelope(self) -> bytes:
        """Encode on the first call, remember for the others."""
        if self.encoded is None:
            fact = self.fact
            body = wire.row(fact.data)
            self.encoded = wire.encode(
                wire.Envelope(self.seq, fact.ts_ms, fact.kind, self.topic, body)
            )
        return self.encoded


class EventTopic:
    """Facts that are never conflated: a gap in their sequence is a loss."""

    def __init__(self, name: str, first: int) -> None:
        self.name = name
        self.newest = first
        self._ring: deque[Stamped] = deque(maxlen=RING_LENGTH)

    def append(self, serial: int, fact: Published) -> None:
        """Give a fact the next number."""
        self.newest += 1
        self._ring.append(Stamped(serial, self.newest, self.name, fact))

    def holds(self, seq: int) -> bool:
        """Whether everything behind `seq` is still here."""
        return self.newest - len(self._ring) <= seq <= self.newest

    def after(self, seq: int) -> Iterator[Stamped]:
        """Iterate over what came behind `seq`, oldest first."""
        missing = min(self.newest - seq, len(self._ring))
        return islice(self._ring, len(self._ring) - missing, None)

    def newest_bodies(self, limit: int, kind: str) -> list[Any]:
        """Return the newest facts of a kind as their wire rows, oldest first."""
        found = [kept.fact.data for kept in self._ring if kept.fact.kind == kind]
        return [wire.row(data) for data in found[max(0, len(found) - limit) :]]


class _Row(msgspec.Struct):
    """The newest version of one row and when it came."""

    kind: str
    body: Any
    version: int
    ts_ms: int


class StateTopic:
    """Rows of which only the newest matters; the topic's version rises with each."""

    def __init__(self, name: str, first: int) -> None:
        self.name = name
        self.version = first
        self._rows: dict[str, _Row] = {}
        self._polled_ms: int | None = None  # when the slow rows were read
        self._encoded: dict[int, list[bytes]] = {}

    def take(self, fact: Published) -> None:
        """Take a published fact: the newest of its kind, or of its symbol, stays."""
        body = fact.data
        one = isinstance(body, SymbolRow) and self.name == "symbols"
        key = body.symbol if one else fact.kind
        self.put(key, fact.kind, body, fact.ts_ms)

    def put(self, key: str, kind: str, body: Any, ts_ms: int) -> None:
        """Replace a row when it has changed."""
        kept = self._rows.get(key)
        if kept is not None and kept.body == body:
            return
        self.version += 1
        self._rows[key] = _Row(kind, body, self.version, ts_ms)
        self._encoded.clear()

    def poll(self, engine: EngineView, ts_ms: int) -> None:
        """Read this topic's rows from the engine's last published state."""
        match self.name:
            case "engine":
                status = engine.status()
                self.put("ENGINE_UPDATE", "ENGINE_UPDATE", status, ts_ms)
                allowed = Commands(status.state, engine.commands())
                self.put("COMMANDS", "COMMANDS", allowed, ts_ms)
            case "risk":
                if self._is_slow_due(ts_ms):
                    self.put("RISK", "RISK", engine.risk(), ts_ms)
            case "health":
                if self._is_slow_due(ts_ms):
                    self.put("HEALTH", "HEALTH", measured(engine), ts_ms)
            case "symbols":
                for line in engine.symbols():
                    self.put(line.symbol, "SYMBOL", line, ts_ms)
            case _:
                self._poll_symbol(engine, ts_ms)

    def _poll_symbol(self, engine: EngineView, ts_ms: int) -> None:
        symbol = self.name.removeprefix(wire.SYMBOL_PREFIX)
        self.put("SYMBOL", "SYMBOL", engine.symbol(symbol), ts_ms)
        if self._is_slow_due(ts_ms):
            self.put("SYMBOL_DETAIL", "SYMBOL_DETAIL", engine.detail(symbol), ts_ms)

    def _is_slow_due(self, ts_ms: int) -> bool:
        if self._polled_ms is not None and 0 <= ts_ms - self._polled_ms < SLOW_MS:
            return False
        self._polled_ms = ts_ms
        return True

    def since(self, version: int) -> list[bytes]:
        """Return an envelope for each row newer than `version`, encoded once."""
        if version >= self.version:
            return []
        if version not in self._encoded:
            newer = [line for line in self._rows.values() if line.version > version]
            newer.sort(key=lambda line: line.version)
            self._encoded[version] = [self._envelope(line) for line in newer]
        return self._encoded[version]

    def whole(self) -> dict[str, Any]:
        """Return the body of this topic's snapshot."""
        if self.name == "symbols":
            return {"items": [line.body for line in self._rows.values()]}
        bodies = {line.kind: wire.row(line.body) for line in self._rows.values()}
        return {"state": bodies.pop(_MAIN.get(self.name, "SYMBOL")), "latest": bodies}

    def _envelope(self, line: _Row) -> bytes:
        body = wire.row(line.body)
        return wire.encode(
            wire.Envelope(line.version, line.ts_ms, line.kind, self.name, body)
        )


def snapshot(name: str, engine: EngineView, topic: EventTopic) -> dict[str, Any]:
    """Return the body of an event topic's snapshot: what is true as of its newest."""
    limit = SNAPSHOT_ROWS_MAX
    rows: list[Any]
    match name:
        case "transitions":
            rows = [wire.transition_row(step) for step in engine.transitions(limit)]
        case "orders":
            rows = [wire.order_row(order) for order in engine.orders()]
        case "positions":
            rows = [wire.position_row(position) for position in engine.positions()]
        case "why":
            rows = list(engine.why(None, limit))
        case "alerts":
            rows = [wire.row(alert) for alert in engine.alerts()]
        case _:  # a scan's result is no signal
            rows = topic.newest_bodies(limit, "SIGNAL")
    return {"items": rows}
