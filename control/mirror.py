"""A client's picture of the engine: snapshots and deltas become state again.

`gaps` counts events that were lost without a snapshot in their place; it stays 0
unless server or client breaks the contract.
"""

from collections import deque
from typing import Any

from control import wire

ROWS_MAX = 500
LINES_MAX = 100


class Mirror:
    """Feed it every envelope, in order; read what is true as of the newest."""

    def __init__(self) -> None:
        self.engine: dict[str, Any] = {}
        self.health: dict[str, Any] = {}
        self.symbols: dict[str, dict[str, Any]] = {}
        self.positions: dict[str, dict[str, Any]] = {}
        self.orders: dict[str, dict[str, Any]] = {}
        self.transitions: deque[dict[str, Any]] = deque(maxlen=LINES_MAX)
        self.why: deque[dict[str, Any]] = deque(maxlen=LINES_MAX)
        self.alerts: deque[dict[str, Any]] = deque(maxlen=LINES_MAX)
        self.gaps = 0
        self._newest: dict[str, int] = {}

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
        match topic:
            case "engine":
                self.engine = body["state"]
            case "health":
                self.health = body["state"]
            case "symbols":
                self.symbols = {row["symbol"]: row for row in body["items"]}
            case "positions":
                self.positions = {row["id"]: row for row in body["items"]}
            case "orders":
                self.orders = {row["id"]: row for row in body["items"]}
            case "transitions":
                self.transitions = deque(body["items"], LINES_MAX)
            case "why":  # newest first on the wire, oldest first here
                self.why = deque(reversed(body["items"]), LINES_MAX)
            case "alerts":
                self.alerts = deque(reversed(body["items"]), LINES_MAX)

    def _add(self, envelope: wire.Envelope) -> None:
        body = envelope.data
        match envelope.topic:
            case "engine" if envelope.kind == "ENGINE_UPDATE":
                self.engine = body
            case "health":
                self.health = body
            case "symbols":
                self.symbols[body["symbol"]] = body
            case "positions":
                self._position(envelope.kind, body)
            case "orders":
                _keep(self.orders, body)
            case "transitions":
                self.transitions.append({**body, "time": wire.iso(envelope.ts)})
            case "why":
                self.why.append(body)
            case "alerts":
                self.alerts.append(body)

    def _position(self, kind: str, body: dict[str, Any]) -> None:
        if kind.startswith("POSITION_"):
            _keep(self.positions, body)
        elif kind == "STOP_MOVED" and body["position_id"] in self.positions:
            held = self.positions[body["position_id"]]
            self.positions[body["position_id"]] = {**held, "sl": body["new_sl"]}


def _keep(rows: dict[str, dict[str, Any]], body: dict[str, Any]) -> None:
    """Put the newest row last and forget the oldest beyond ROWS_MAX."""
    rows.pop(body["id"], None)
    rows[body["id"]] = body
    while len(rows) > ROWS_MAX:
        del rows[next(iter(rows))]
