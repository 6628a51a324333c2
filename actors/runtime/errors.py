"""Every error of the actor runtime.

RuntimeFault
+-- AskTimeout          no reply before the deadline
+-- AskRefused          the mailbox was full or its actor has ended
+-- BadChildSpec        a supervisor was given an impossible child
+-- NoSuchChild         the name is not in this supervisor
+-- StartTimeout        an actor's `on_start` took longer than its spec allows
+-- TooManyTimers       an actor armed timers faster than they fire
+-- BudgetExhausted     a group restarted more often than it may: escalates

The message of each gives the thing, the value, the limit and the remedy.
"""


class RuntimeFault(Exception):
    """Something in the actor runtime."""


class AskTimeout(RuntimeFault):
    """An `ask` had no reply before its deadline."""


class AskRefused(RuntimeFault):
    """An `ask` was not accepted: the mailbox is full or its actor has ended."""


class BadChildSpec(RuntimeFault, ValueError):
    """A child specification breaks a rule; the message names the field."""


class NoSuchChild(RuntimeFault, LookupError):
    """A supervisor has no child of that name."""


class StartTimeout(RuntimeFault):
    """An actor's `on_start` was cut off; takes the same path as a crash."""


class TooManyTimers(RuntimeFault):
    """An actor has more timers pending than it may."""


class BudgetExhausted(RuntimeFault):
    """A supervisor's group used up its restarts; its own supervisor decides now."""
