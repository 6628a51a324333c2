"""What to supervise and how: the specifications of children and of their groups.

The contract is OTP's, with two differences. Budgets are per child as well as per
group, so that one bad child is quarantined alone; and restarts back off, the first
one at once. Every rule is checked when a specification is made, never later.
"""

import math
from collections import Counter
from collections.abc import Callable
from enum import Enum
from typing import Any

import msgspec

from actors.runtime.actor import Actor
from actors.runtime.errors import BadChildSpec
from actors.runtime.mailbox import MailboxSpec


def _check(holds: object, what: str, value: object, rule: str) -> None:
    """Raise `BadChildSpec` naming the field, its value and the rule it breaks."""
    if not holds:
        text = f"{what} is {value!r}; it must be {rule}"
        raise BadChildSpec(text)


class Restart(Enum):
    """When a child that has ended is started again."""

    PERMANENT = "permanent"  # always
    TRANSIENT = "transient"  # only after a crash
    TEMPORARY = "temporary"  # never, not even with its siblings


class Strategy(Enum):
    """Who is restarted with a child that crashed."""

    ONE_FOR_ONE = "one_for_one"  # nobody
    ONE_FOR_ALL = "one_for_all"  # all its siblings
    REST_FOR_ONE = "rest_for_one"  # the siblings started after it


class OnExhausted(Enum):
    """What follows when a child is over its own budget."""

    QUARANTINE = "quarantine"  # it is put aside alone
    ESCALATE = "escalate"  # the whole group ends; its supervisor decides


class Budget(msgspec.Struct, frozen=True):
    """At most `intensity` restarts in any `period_seconds`; one more is too many."""

    intensity: int
    period_seconds: float

    def __post_init__(self) -> None:
        _check(self.intensity >= 0, "budget intensity", self.intensity, ">= 0")
        _check(self.period_seconds > 0, "budget period", self.period_seconds, "> 0")


class Backoff(msgspec.Struct, frozen=True):
    """Pause before a restart: none the first time, then doubling up to a limit.

    The pause is lengthened by a random part of up to `jitter_ratio`, so that children
    which failed together do not come back together. A child that ran for
    `healthy_seconds` starts again without a pause.
    """

    first_seconds: float = 1.0
    factor: float = 2.0
    max_seconds: float = 60.0
    jitter_ratio: float = 0.2
    healthy_seconds: float = 60.0

    def __post_init__(self) -> None:
        _check(self.first_seconds > 0, "backoff first", self.first_seconds, "> 0")
        _check(self.factor >= 1, "backoff factor", self.factor, ">= 1")
        _check(
            self.max_seconds >= self.first_seconds,
            "backoff max",
            self.max_seconds,
            f">= first, {self.first_seconds}",
        )
        _check(0 <= self.jitter_ratio <= 1, "jitter", self.jitter_ratio, "in 0..1")


class ChildSpec(msgspec.Struct, frozen=True):
    """One actor to supervise; `factory` makes a new instance per incarnation."""

    name: str
    factory: Callable[[], Actor[Any]]
    restart: Restart = Restart.PERMANENT
    shutdown_seconds: float = 5.0
    mailbox: MailboxSpec = MailboxSpec()
    budget: Budget | None = None
    start_seconds: float = 30.0

    def __post_init__(self) -> None:
        _check(self.name, "child name", self.name, "not empty")
        _check(self.shutdown_seconds >= 0, "shutdown", self.shutdown_seconds, ">= 0")
        _check(self.start_seconds > 0, "start limit", self.start_seconds, "> 0")


class SupervisorSpec(msgspec.Struct, frozen=True):
    """A group of children, started left to right and stopped right to left.

    `restart`, `shutdown_seconds` and `budget` say how the group itself is treated
    when it is the child of another group.
    """

    name: str
    children: "tuple[ChildSpec | SupervisorSpec, ...]" = ()
    strategy: Strategy = Strategy.ONE_FOR_ONE
    group_budget: Budget = Budget(100, 60.0)
    on_child_exhausted: OnExhausted = OnExhausted.QUARANTINE
    backoff: Backoff = Backoff()
    restart: Restart = Restart.PERMANENT
    shutdown_seconds: float = math.inf
    budget: Budget | None = None
    children_max: int = 4096

    def __post_init__(self) -> None:
        _check(self.name, "supervisor name", self.name, "not empty")
        _check(self.shutdown_seconds >= 0, "shutdown", self.shutdown_seconds, ">= 0")
        _check(
            len(self.children) <= self.children_max,
            f"number of children of {self.name}",
            len(self.children),
            f"<= children_max, {self.children_max}",
        )
        for name, count in Counter(self.names()).items():
            _check(count == 1, "child name", name, "unique in its tree")

    def names(self) -> "tuple[str, ...]":
        """Every name below this group, nested ones included."""
        found: list[str] = []
        for child in self.children:
            found.append(child.name)
            if isinstance(child, SupervisorSpec):
                found.extend(child.names())
        return tuple(found)
