"""The interface of a person's own strategy: one class, one method, one answer a bar.

    from actors.domain.strategies.base import BarStrategy, Enter, Side, Window

    class HigherClose(BarStrategy):
        name = "higher_close"
        bars_needed = 20

        def on_bar(self, window: Window) -> Enter | None:
            if window.close[-1] <= window.high[:-1].max():
                return None
            return Enter(Side.LONG, stop=window.low[-5:].min(), target_r=2)

Each symbol has an instance of its own. It decides from the window alone: what it kept
on `self` would be lost at a restart, and the same bars would decide otherwise. It
never sees orders or positions: size, limits and exits are the risk actor's, and a
position in the same symbol is never doubled.
"""

from abc import ABC, abstractmethod
from typing import ClassVar

import msgspec

from actors.domain.errors import StrategyError
from actors.domain.orders import Side
from actors.domain.strategies.window import Window

__all__ = ["BarStrategy", "Enter", "Exit", "Side", "Window"]


class Enter(msgspec.Struct, frozen=True):
    """Open a position at this bar's close.

    `stop` is a price. The target is a price (`target`), a multiple of the distance to
    the stop (`target_r`), or left to the preset's ladder. `reason` is the signal's
    name in reports; without one it is the strategy's own.

    Raises StrategyError for two targets, or a confidence outside 0..1.
    """

    side: Side
    stop: float
    target: float | None = None
    target_r: float | None = None
    reason: str = ""
    confidence: float = 0.5

    def __post_init__(self) -> None:
        """Refuse what no market data could make right."""
        if self.target is not None and self.target_r is not None:
            msg = (
                f"Enter has target {self.target} and target_r {self.target_r}; one of "
                "them is the limit; leave the other out"
            )
            raise StrategyError(msg)
        if not 0.0 <= self.confidence <= 1.0:
            msg = f"Enter has confidence {self.confidence}; it must be 0 to 1"
            raise StrategyError(msg)


class Exit(msgspec.Struct, frozen=True):
    """Close an open position of `side`, if there is one."""

    side: Side
    reason: str = "strategy_exit"


class BarStrategy(ABC):
    """A strategy that decides once for every closed bar."""

    #: Its name in reports and ids: at most 40 of a-z, 0-9 and _.
    name: ClassVar[str]
    #: How many bars a window has, 2 to 1000. The first decision waits for them.
    bars_needed: ClassVar[int] = 250

    @abstractmethod
    def on_bar(self, window: Window) -> Enter | Exit | None:
        """Decide what the bar that has just closed means."""
