"""What is chosen before an account at a real exchange is opened."""

from collections.abc import Awaitable, Callable
from enum import StrEnum

import msgspec

from actors.domain.bars import Instrument


class Secret:
    """A word that no log and no traceback shows."""

    __slots__ = ("_word",)

    def __init__(self, word: str) -> None:
        self._word = word

    def reveal(self) -> str:
        """Give the word to whoever signs with it."""
        return self._word

    def __repr__(self) -> str:
        return "Secret(***)" if self._word else "Secret()"


class MarginMode(StrEnum):
    """What a position's margin is taken from."""

    ISOLATED = "isolated"
    CROSS = "cross"


class Accept(StrEnum):
    """What is refused unless a person has said yes to it."""

    UNVERIFIED = "unverified"  # an exchange whose row has a caution
    WITHDRAWAL = "withdrawal"  # a key that can withdraw, or that may for all we know
    SWITCH_MODE = "switch_mode"  # leave hedge mode, if nothing is open


class LivePlan(msgspec.Struct, frozen=True, kw_only=True):
    """One account at one exchange, and how it is traded."""

    exchange: str  # the name of its row in `capabilities`
    key: Secret
    secret: Secret
    password: Secret = Secret("")
    instruments: tuple[Instrument, ...]
    #: The exchange's time, ms: requests are signed with it, never with our own clock.
    now_ms: Callable[[], int]
    leverage: int = 1
    margin_mode: MarginMode = MarginMode.ISOLATED
    accept: frozenset[Accept] = frozenset()
    #: Symbols with orders or positions on our books: their fills are asked for at once.
    touched: frozenset[str] = frozenset()
    rest_url: str = ""  # "": the exchange's own; else scheme and host
    stream_url: str = ""
    #: Shared by all who ask this exchange; called with the cost of a request.
    limiter: Callable[[float | None], Awaitable[None]] | None = None
