"""What the exchange says is so, and where it differs from what we believe."""

from decimal import Decimal
from enum import StrEnum

from actors.domain.messages import Message
from actors.domain.orders import ExchangePosition, Fill, OpenOrder, OrderUpdate


class Look(Message, frozen=True):
    """Ask the exchange: always for open orders and fills, for the rest as said."""

    version: int  # of the journal, when the asking began
    asked_ms: int
    orders: tuple[tuple[str, str], ...]  # (symbol, client id) of ours that live
    fills_since_ms: int
    positions: bool
    balance: bool
    incarnation: int = 1  # of the risk actor that asks: each counts its changes anew


class Truth(Message, frozen=True):
    """The exchange's answers to one Look. None: it gave no answer, which is no fact."""

    look: Look
    open_orders: tuple[OpenOrder, ...] | None
    positions: tuple[ExchangePosition, ...] | None
    fills: tuple[Fill, ...] | None
    balance: Decimal | None
    #: Its word on orders that are not among the open ones; None: it knows none such.
    words: tuple[tuple[str, OrderUpdate | None], ...]
    problems: tuple[str, ...]  # what could not be had, and why

    @property
    def whole(self) -> bool:
        """Whether everything that was asked for was answered."""
        return not self.problems


class DifferenceKind(StrEnum):
    """In what our truth and the exchange's differ."""

    FOREIGN_ORDER = "foreign_order"
    POSITION = "position"
    FILLS_MISSING = "fills_missing"
    BALANCE = "balance"


class Policy(StrEnum):
    """What a person has done about a difference. HALT touches nothing."""

    ADOPT = "adopt"  # our book takes the exchange's word
    PROTECT = "protect"  # adopt, and place a stop
    FLATTEN = "flatten"  # cancel the order or close the position at the exchange
    IGNORE = "ignore"  # leave it alone and trade on beside it
    HALT = "halt"  # take no entries in the symbol


def difference_key(kind: DifferenceKind, symbol: str, subject: str) -> str:
    """Name what a difference is about, whatever either side says."""
    return f"{kind} {symbol} {subject}"


class Difference(Message, frozen=True):
    """One difference, as people see it."""

    id: str  # another one as soon as either side says something else
    kind: DifferenceKind
    symbol: str  # empty: the account
    subject: str  # a client id, or the symbol
    ours: str
    theirs: str
    first_ms: int
    seen: int  # how often in a row
    policy: Policy

    @property
    def key(self) -> str:
        """What it is about, whatever either side says."""
        return difference_key(self.kind, self.symbol, self.subject)
