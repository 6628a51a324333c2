"""What must hold of the money at every moment, as checks with a number and a text.

Each check is bound to a moment: a row about to be appended, a request at the exchange's
door, a fact made visible, a message handled, a moment of time, a whole action at rest,
or the end, when everything has been healed. It raises Broken with what it saw.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.money_world import World

TEXTS = {
    1: "at most one live order for each intent, one live entry for each symbol",
    2: "the sum of fills is the position, exactly; fees and results close",
    3: "what is held and what may fill, at its worst, is within every limit",
    4: "every change of state is an edge of its table",
    5: "what was visible is what a replay of the disk finds",
    6: "no order reaches the exchange without its committed intent",
    7: "no client id is sent twice",
    8: "UNKNOWN ends by evidence only, and ends",
    9: "a fill is applied exactly once",
    10: "a position has a stop at the exchange, or is being closed",
    11: "a reduction never increases and never flips",
    12: "halted, nothing is sent that increases exposure",
    13: "no message is lost or applied twice; the sequence has no gap",
    14: "healed, we agree with the exchange or the symbol is halted",
    15: "to recover twice is to recover once",
    16: "a replay of the journal is the living book, byte for byte",
}

Check = Callable[..., None]
CHECKS: dict[str, list[tuple[int, Check]]] = {}


class Broken(AssertionError):
    """An invariant does not hold."""

    def __init__(self, number: int, evidence: str) -> None:
        super().__init__(f"invariant {number}: {TEXTS[number]}\n  {evidence}")
        self.number = number


def invariant(number: int, when: str) -> Callable[[Check], Check]:
    """Bind a check to its number and its moment."""

    def bind(check: Check) -> Check:
        CHECKS.setdefault(when, []).append((number, check))
        return check

    return bind


def check(when: str, world: "World", *subject: Any) -> None:
    """Check everything that belongs to this moment."""
    for number, holds in CHECKS.get(when, ()):
        try:
            holds(world, *subject)
        except AssertionError as error:
            fault = Broken(number, str(error))
            if when != "healed" and world.fault is None:
                world.fault = fault  # what else breaks then is its consequence
            raise fault from error
