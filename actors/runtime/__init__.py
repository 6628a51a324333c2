"""The actor runtime on trio; it knows no trading word."""

from actors.runtime.actor import Actor, ActorContext
from actors.runtime.actor_child import ActorChild
from actors.runtime.clock import Clock, MarketClock, WallClock
from actors.runtime.errors import (
    AskRefused,
    AskTimeout,
    BadChildSpec,
    BudgetExhausted,
    NoSuchChild,
    RuntimeFault,
    StartTimeout,
    TooManyTimers,
)
from actors.runtime.latch import Latch
from actors.runtime.letters import DeadLetter, DeadLetters
from actors.runtime.mailbox import MailboxSpec, Overflow
from actors.runtime.ref import (
    ActorRef,
    ChildState,
    Down,
    Monitor,
    RefStatistics,
    ReplyTo,
)
from actors.runtime.report import Crash, CrashReport
from actors.runtime.spec import (
    Backoff,
    Budget,
    ChildSpec,
    OnExhausted,
    Restart,
    Strategy,
    SupervisorSpec,
)
from actors.runtime.supervisor import Supervisor, run_supervisor
from actors.runtime.timers import Timer
from actors.runtime.tree import TreeNode, deepest, format_tree
from actors.runtime.watch import LoopBlocked, LoopLag, LoopWatchdog

__all__ = [
    "Actor",
    "ActorChild",
    "ActorContext",
    "ActorRef",
    "AskRefused",
    "AskTimeout",
    "Backoff",
    "BadChildSpec",
    "Budget",
    "BudgetExhausted",
    "ChildSpec",
    "ChildState",
    "Clock",
    "Crash",
    "CrashReport",
    "DeadLetter",
    "DeadLetters",
    "Down",
    "Latch",
    "LoopBlocked",
    "LoopLag",
    "LoopWatchdog",
    "MailboxSpec",
    "MarketClock",
    "Monitor",
    "NoSuchChild",
    "OnExhausted",
    "Overflow",
    "RefStatistics",
    "ReplyTo",
    "Restart",
    "RuntimeFault",
    "StartTimeout",
    "Strategy",
    "Supervisor",
    "SupervisorSpec",
    "Timer",
    "TooManyTimers",
    "TreeNode",
    "WallClock",
    "deepest",
    "format_tree",
    "run_supervisor",
]
