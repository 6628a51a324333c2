"""The AsyncAPI 3 document of /ws, made from the types that are sent and understood."""

from importlib.metadata import version
from typing import Any

from actors.domain.shown.money import RiskView
from actors.domain.shown.symbols import SymbolDetail, SymbolRow
from actors.domain.views import Status, WhyRow
from control import wire
from control.documents.schemas import Schema, components
from control.wire import answers, live

#: Every type that the server sends: its body, the topics it comes on, what it says.
SENT: dict[str, tuple[Any, tuple[str, ...]]] = {
    "HELLO": (live.Hello, ()),
    "HEARTBEAT": (live.Heartbeat, ()),
    "PONG": (live.Pong, ()),
    "COMMAND": (live.CommandOutcome, ()),
    "ERROR": (live.Fault, ()),
    "SNAPSHOT": (live.Snapshot, ("*",)),
    "RESYNC": (live.Resync, ("*",)),
    "TRANSITION": (wire.TransitionRow, ("transitions",)),
    "ORDER_PLACED": (wire.OrderRow, ("orders",)),
    "ORDER_UPDATED": (wire.OrderRow, ("orders",)),
    "ORDER_CANCELED": (wire.OrderRow, ("orders",)),
    "POSITION_OPEN": (wire.PositionRow, ("positions",)),
    "POSITION_UPDATE": (wire.PositionRow, ("positions",)),
    "POSITION_CLOSE": (wire.PositionRow, ("positions",)),
    "STOP_MOVED": (live.StopMoved, ("positions",)),
    "TAKE_PROFIT": (live.TakeProfit, ("positions",)),
    "SIGNAL": (live.SignalShown, ("signals",)),
    "WHY": (WhyRow, ("why",)),
    "ALERT": (wire.AlertRow, ("alerts",)),
    "KILL_SWITCH": (live.KillSwitchMoved, ("alerts",)),
    "ENGINE_UPDATE": (Status, ("engine",)),
    "COMMANDS": (answers.Commands, ("engine",)),
    "HEALTH": (answers.ResourceHealth, ("health",)),
    "RISK": (RiskView, ("risk",)),
    "SYMBOL": (SymbolRow, ("symbols", "symbol:…")),
    "SYMBOL_DETAIL": (SymbolDetail, ("symbol:…",)),
}
UNDERSTOOD: dict[str, Any] = {
    "auth": wire.Authenticate,
    "subscribe": wire.Subscribe,
    "unsubscribe": wire.Unsubscribe,
    "command": wire.CommandSaid,
    "ping": wire.Ping,
}
DESCRIPTION = (
    "Each frame of the server is a JSON array of envelopes; each frame of a client is "
    "one object. `seq` belongs to the topic: on transitions, orders, positions, "
    "signals, why and alerts it rises by exactly one, so a gap is a loss; on engine, "
    "symbols, symbol:X, health and risk it is a version that only rises. 0 is outside "
    "any topic. Programs sign in with `Authorization: Bearer` on the handshake, "
    "browsers with their cookie and a one-use ticket (POST /api/session/ticket) as "
    "the first message. Close codes: 4401 sign-in, 4403 role or origin, 4408 too "
    "slow, 4429 too many, 1012 restart, 1009 a message over 64 KiB."
)


def asyncapi() -> Schema:
    """Describe the stream."""
    bodies = [kind for kind, _ in SENT.values()]
    shown, taken, parts = components(bodies, UNDERSTOOD.values())
    messages = {
        kind: _envelope(kind, topics, schema)
        for (kind, (_, topics)), schema in zip(SENT.items(), shown, strict=True)
    }
    understood = {
        f"say_{kind}": {"name": kind, "title": kind, "payload": schema}
        for kind, schema in zip(UNDERSTOOD, taken, strict=True)
    }
    every = messages | understood
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "breakout-engine stream",
            "version": version("breakout-engine"),
            "description": DESCRIPTION,
        },
        "defaultContentType": "application/json",
        "channels": {
            "stream": {
                "address": "/ws",
                "messages": {name: _at("components/messages", name) for name in every},
            }
        },
        "operations": {
            "tell": _operation("send", "What the engine tells.", messages),
            "say": _operation("receive", "What a client may say.", understood),
        },
        "components": {"messages": every, "schemas": dict(sorted(parts.items()))},
    }


def _envelope(kind: str, topics: tuple[str, ...], body: Schema) -> Schema:
    """Describe one type of envelope; on the wire it is an item of an array."""
    fields = {
        "v": {"const": 1},
        "seq": {"type": "integer", "minimum": 0},
        "ts": {"type": "integer", "description": "ms since 1970 UTC"},
        "type": {"const": kind},
        "topic": {"type": "string"},
        "data": body,
    }
    return {
        "name": kind,
        "title": kind,
        "summary": f"Topics: {', '.join(topics) or 'none'}.",
        "payload": {"type": "object", "properties": fields, "required": [*fields]},
    }


def _operation(action: str, summary: str, messages: Schema) -> Schema:
    under = "channels/stream/messages"
    return {
        "action": action,
        "summary": summary,
        "channel": {"$ref": "#/channels/stream"},
        "messages": [_at(under, name) for name in messages],
    }


def _at(place: str, name: str) -> Schema:
    return {"$ref": f"#/{place}/{name}"}
