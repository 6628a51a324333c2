"""What is chosen before an account at a real exchange is opened."""

from collections.abc import Callable
from enum import StrEnum

import msgspec

from actors.domain.bars import Instrument
from actors.exchange.gate import Gate
from config.secrets import Secret


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
    password: Secret | None = None
    instruments: tuple[Instrument, ...]
    #: The exchange's time, ms: requests are signed with it, never with our own clock.
    now_ms: Callable[[], int]
    leverage: int = 1
    margin_mode: MarginMode = MarginMode.ISOLATED
    accept: frozenset[Accept] = frozenset()
    #: What may be entered; on spot no other coin is looked at. None: all.
    allowed: frozenset[str] | None = None
    #: Symbols with orders or positions on our books: their fills are asked for at once.
    touched: Callable[[], frozenset[str]] = frozenset
    #: A question is asked again and again for so long, if its caller has no less.
    ask_seconds: float = 20.0
    seed: int = 0  # of the pauses between questions that failed
    rest_url: str = ""  # "": the exchange's own; else scheme and host
    stream_url: str = ""
    #: Resting orders are cancelled there when we are gone for so long; 0: never.
    dead_man_seconds: int = 0
    #: By ccxt's unified calls also where orders are written for the exchange's own
    #: endpoints: so that what is written for others is traded against our exchange.
    unified: bool = False
    #: Shared by all who ask this exchange; None: a limiter of its own.
    gate: Gate | None = None
