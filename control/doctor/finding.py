"""What one look of the doctor found."""

from collections.abc import Callable, Iterator
from enum import StrEnum

import msgspec

from config.settings import Settings


class State(StrEnum):
    """How it is."""

    OK = "ok"
    WARN = "warn"  # it works, and could be better or safer
    BAD = "bad"  # the engine will not start, or not be safe


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at; `remedy` says what to do unless it is ok."""

    name: str
    state: State
    found: str
    remedy: str = ""


class Patient(msgspec.Struct, frozen=True):
    """What is looked at: the settings and the environment of one engine."""

    settings: Settings
    environment: dict[str, str]


Look = Callable[[Patient], Iterator[Finding]]


def ok(name: str, found: str) -> Finding:
    """Tell that something is as it should be."""
    return Finding(name, State.OK, found)


def warn(name: str, found: str, remedy: str) -> Finding:
    """Tell that something could be better."""
    return Finding(name, State.WARN, found, remedy)


def bad(name: str, found: str, remedy: str) -> Finding:
    """Tell that something stands in the way."""
    return Finding(name, State.BAD, found, remedy)
