"""Envelopes and frames: how facts are written on the wire, digit for digit."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import msgspec

EVENT_TOPICS = frozenset(
    {"transitions", "orders", "positions", "signals", "why", "alerts"}
)
POLLED_TOPICS = frozenset({"engine", "symbols", "health", "risk"})
SYMBOL_PREFIX = "symbol:"
MESSAGE_BYTES_MAX = 64 * 1024
TOPICS_MAX = 64


class Envelope(msgspec.Struct, frozen=True, gc=False):
    """One item of a frame; `seq` 0 marks what is outside any topic."""

    seq: int
    ts: int
    kind: str = msgspec.field(name="type")
    topic: str
    data: Any
    v: int = 1


class Reply(msgspec.Struct, frozen=True):
    """The command answer, and the shape of every refusal."""

    success: bool
    message: str
    timestamp: str


# What msgspec does not know is written as text: one odd fact must not end a stream.
_encoder = msgspec.json.Encoder(decimal_format="number", enc_hook=str)


def encode(value: Any) -> bytes:
    """Write JSON with the contract's names."""
    return _encoder.encode(value)


def frame(envelopes: Iterable[bytes]) -> str:
    """Join encoded envelopes into one frame: a JSON array."""
    return (b"[" + b",".join(envelopes) + b"]").decode()


def iso(ts_ms: int) -> str:
    """Write a moment as ISO 8601 UTC with milliseconds and Z."""
    moment = datetime.fromtimestamp(ts_ms // 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{ts_ms % 1000:03d}Z"
