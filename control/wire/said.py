"""What a client may say on /ws."""

from typing import Any

import msgspec


class _Said(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type"):
    """The base of every client message."""


class Authenticate(_Said, frozen=True, tag="auth"):
    """A browser's first message: its one-use ticket."""

    ticket: str


class Subscribe(_Said, frozen=True, tag="subscribe"):
    """Ask for topics; `after` resumes event topics behind a sequence number."""

    topics: tuple[str, ...]
    after: dict[str, int] = {}


class Unsubscribe(_Said, frozen=True, tag="unsubscribe"):
    """Ask for topics no longer."""

    topics: tuple[str, ...]


class CommandSaid(_Said, frozen=True, tag="command"):
    """One command; answered by COMMAND with the same id.

    `key` is an idempotency key: the same again gives the first answer, acting once.
    """

    id: str
    command: str
    args: dict[str, Any] = {}
    key: str | None = None


class Ping(_Said, frozen=True, tag="ping"):
    """Ask for a PONG."""

    id: Any = None


Said = Authenticate | Subscribe | Unsubscribe | CommandSaid | Ping

_decoder: msgspec.json.Decoder[Said] = msgspec.json.Decoder(Said)


def said(text: str | bytes) -> Said:
    """Read one client message; raises msgspec.ValidationError or DecodeError."""
    return _decoder.decode(text)
