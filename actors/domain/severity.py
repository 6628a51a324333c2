"""How bad an error is, whose fault it is, and what the engine does about it.

One table from the name of an error's class to a verdict; the most specific class that
has a row decides. Names, not classes, because the table must know the errors of rooms
that the domain may not import; a test holds every row to a class that exists.
"""

from enum import StrEnum

import msgspec


class Category(StrEnum):
    """Where an error comes from."""

    TRANSIENT = "transient"  # passes by itself
    EXCHANGE = "exchange"  # the exchange's answer, or the lack of one
    DATA = "data"  # the market's or the user's input
    INTERNAL = "internal"  # ours


class Severity(StrEnum):
    """How much a person should care."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0 for info up to 3 for critical."""
        return tuple(Severity).index(self)


class Verdict(msgspec.Struct, frozen=True):
    """What an error is, and what the engine does about it."""

    category: Category
    severity: Severity
    action: str


_REFUSED = "refused; nothing was changed"
_RESTART = "the actor that raised it is restarted by its supervisor"
_NEXT_TRY = "the connection is made again"

_SLOW = "given up at its deadline"

_ROWS: tuple[tuple[Category, Severity, dict[str, str]], ...] = (
    (
        Category.INTERNAL,
        Severity.CRITICAL,
        {
            "JournalError": "the engine stops; the next start recovers",
            "BudgetExhausted": "the next supervisor up decides",
            "AssertionError": _RESTART,  # a promise of the code is broken
            "MemoryError": _RESTART,
        },
    ),
    (
        Category.INTERNAL,
        Severity.ERROR,
        {
            "EngineError": _RESTART,
            "RuntimeFault": _RESTART,
            "OSError": _RESTART,
            "BaseException": _RESTART,
        },
    ),
    (
        Category.INTERNAL,
        Severity.WARNING,
        {"IllegalTransition": _REFUSED, "NoSuchChild": _REFUSED},
    ),
    (
        Category.EXCHANGE,
        Severity.ERROR,
        {"ExchangeError": "its answer counts as unknown; it is asked again"},
    ),
    (
        Category.DATA,
        Severity.ERROR,
        {
            "MarketDataError": "the market is not used",
            "StrategyError": "the strategy is not used",
            "ConfigError": _REFUSED,
        },
    ),
    (
        Category.DATA,
        Severity.WARNING,
        {"ValidationError": _REFUSED, "DecodeError": _REFUSED},
    ),
    (
        Category.TRANSIENT,
        Severity.WARNING,
        {
            "AskTimeout": "the asker goes on without the answer",
            "AskRefused": "refused with a reply; the asker may try again",
            "TooSlowError": _SLOW,
            "TimeoutError": _SLOW,
            "BrokenResourceError": _NEXT_TRY,
            "ClosedResourceError": _NEXT_TRY,
            "ConnectionError": _NEXT_TRY,
        },
    ),
)

VERDICTS = {
    name: Verdict(category, severity, action)
    for category, severity, actions in _ROWS
    for name, action in actions.items()
}


def verdict_of(error: BaseException) -> Verdict:
    """Return the verdict on an error; on a group, that on its worst member."""
    if isinstance(error, BaseExceptionGroup):
        verdicts = (verdict_of(member) for member in error.exceptions)
        return max(verdicts, key=lambda verdict: verdict.severity.rank)
    names = (kind.__name__ for kind in type(error).__mro__)
    return next(VERDICTS[name] for name in names if name in VERDICTS)


def verdict_named(kind: str) -> Verdict:
    """Return the verdict on an error of which only the class's name is left.

    A crash report keeps no exception; a name without a row counts as our own fault.
    """
    return VERDICTS.get(kind, VERDICTS["BaseException"])
