"""A client's picture of the engine: snapshots and deltas become state again.

`gaps` counts events that were lost without a snapshot in their place; it stays 0
unless server or client breaks the contract.
"""

from collections import deque
from typing import Any

from control import wire

ROWS_MAX = 4096
LINES_MAX = 100


class Mirror:
    """Feed it every envelope, in order; read what is true as of the newest."""

    def __init__(self) -> None:
        self.engine: dict[str, Any] = {}
        self.risk: dict[str, Any] = {}
        self.health: dict[str, Any] = {}
        self.symbols: dict[str, dict[str, Any]] = {}
        self.positions: dict[str, dict[str, Any]] = {}
        self.orders: dict[str, dict[str, Any]] = {}
        self.transitions: deque[dict[str, Any]] = deque(maxlen=LINES_MAX)
        self.why: deque[dict[str, Any]] = deque(maxlen=LINES_MAX)
        self.alerts: deque[dict[str, Any]] = deque(maxlen=LINES_MAX)
        self.gaps = 0
        self._newest: dict[str, int] = {}
        self._tables = {
            "symbols": (self.symbols, "symbol"),
            "positions": (self.positions, "id"),
            "orders": (self.orders, "id"),
        }
        self._lists = {
            "transitions": self.transitions,
            "why": self.why,
            "alerts": self.alerts,
        }

    def open_positions(self) -> dict[str, dict[str, Any]]:
        """Return the positions that are not closed, by id."""
        return {k: row for k, row in self.positions.items() if row["closedAt"] is None}

    def apply(self, envelope: wire.Envelope) -> None:
        """Take one envelope."""
        if envelope.seq == 0:
            return
        if envelope.kind == "SNAPSHOT":
            self._replace(envelope.topic, envelope.data)
        else:
            self._count_gap(envelope)
            self._add(envelope)
        self._newest[envelope.topic] = envelope.seq

    def _count_gap(self, envelope: wire.Envelope) -> None:
        newest = self._newest.get(envelope.topic)
        if envelope.topic in wire.EVENT_TOPICS and newest is not None:
            self.gaps += envelope.seq != newest + 1

    def _replace(self, topic: str, body: dict[str, Any]) -> None:
        if topic == "engine":
            self.engine = body["state"]
        elif topic == "health":
            self.health = body["state"]
        elif topic == "risk":
            self.risk = body["state"]
        elif topic in self._tables:
            rows, key = self._tables[topic]
            rows.clear()
            rows.update({row[key]: row for row in body["items"]})
        elif topic in self._lists:
            lines = self._lists[topic]
            lines.clear()
            newest_first = topic != "transitions"
            lines.extend(reversed(body["items"]) if newest_first else body["items"])

    def _add(self, envelope: wire.Envelope) -> None:
        body = envelope.data
        match envelope.kind:
            case "ENGINE_UPDATE":
                self.engine = body
            case "HEALTH":
                self.health = body
            case "RISK":
                self.risk = body
            case "STOP_MOVED":
                self._move_stop(body)
            case "TRANSITION":
                self.transitions.append({**body, "time": wire.iso(envelope.ts)})
            case "WHY" | "ALERT":
                self._lists[envelope.topic].append(body)
            case "TAKE_PROFIT" | "KILL_SWITCH" | "COMMANDS" | "SYMBOL_DETAIL":
                pass  # the rows that they change come by themselves, or none does
            case _:
                self._put(envelope.topic, body)

    def _put(self, topic: str, body: dict[str, Any]) -> None:
        if topic in self._tables:
            rows, key = self._tables[topic]
            _keep(rows, body[key], body)

    def _move_stop(self, body: dict[str, Any]) -> None:
        held = self.positions.get(body["position_id"])
        if held is not None:
            held["sl"] = body["new_sl"]


def _keep(rows: dict[str, dict[str, Any]], key: str, body: dict[str, Any]) -> None:
    """Replace a row; beyond ROWS_MAX the one that came first is forgotten."""
    rows[key] = body
    if len(rows) > ROWS_MAX:
        del rows[next(iter(rows))]
