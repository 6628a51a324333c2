"""Every error of the engine above its runtime and its configuration.

EngineError
+-- IllegalTransition   a state machine's table has no such edge
+-- MarketDataError     a market's data cannot be used at all
+-- StrategyError       a strategy cannot be loaded or broke its contract
+-- JournalError        the journal cannot be opened, read or written
+-- ExchangeError       an exchange could not be asked
    +-- Unsent          it was not asked: provably nothing was sent

`actors.runtime.errors` and `config.errors` hold the trees of their own rooms, which
import nothing from here. The message of each gives the thing, the value, the limit
and the remedy.
"""


class EngineError(Exception):
    """The root: every error that the engine raises on purpose."""


class IllegalTransition(EngineError):
    """The table has no edge for this event in this state; nothing was changed."""


class MarketDataError(EngineError, ValueError):
    """The market's data is unusable; names file, row and column."""


class StrategyError(EngineError, ValueError):
    """A strategy cannot be loaded, or it broke its contract."""


class JournalError(EngineError):
    """The journal cannot be opened, read or written."""


class ExchangeError(EngineError):
    """An exchange could not be asked; its answer is unknown, never empty."""


class Unsent(ExchangeError):
    """The gate let a request not through: provably nothing was sent.

    `left_ms`: how long it is of no use to ask again.
    """

    def __init__(self, message: str, left_ms: int = 0) -> None:
        super().__init__(message)
        self.left_ms = left_ms
