"""The engine's state machines as tables, checked with a finger.

Everything that decides what may follow what lives here, and the tables do not know
who asks. Every state has a row. A miss raises IllegalTransition and changes nothing.
The README's diagrams are generated from these tables (`mermaid`).
"""

from collections import deque
from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from actors.domain.errors import IllegalTransition
from actors.domain.orders import OrderState


class Phase(StrEnum):
    """The global machine's twelve states."""

    IDLE = "IDLE"
    INITIALIZING = "INITIALIZING"
    SCANNING = "SCANNING"
    LEVEL_BUILDING = "LEVEL_BUILDING"
    SIGNAL_WAIT = "SIGNAL_WAIT"
    SIZING = "SIZING"
    EXECUTION = "EXECUTION"
    MANAGING = "MANAGING"
    PAUSED = "PAUSED"
    ERROR = "ERROR"
    EMERGENCY = "EMERGENCY"
    STOPPED = "STOPPED"


class SymbolPhase(StrEnum):
    """The symbol machine: one per symbol actor."""

    SCANNING = "SCANNING"
    LEVEL_BUILDING = "LEVEL_BUILDING"
    SIGNAL_WAIT = "SIGNAL_WAIT"
    IN_POSITION = "IN_POSITION"
    PAUSED = "PAUSED"
    STALE = "STALE"
    RESTARTING = "RESTARTING"
    QUARANTINED = "QUARANTINED"


class TradePhase(StrEnum):
    """The trade machine: one per position."""

    ENTRY = "ENTRY"
    RUNNING = "RUNNING"
    BREAKEVEN = "BREAKEVEN"
    PARTIAL_CLOSED = "PARTIAL_CLOSED"
    TRAILING = "TRAILING"
    CLOSED = "CLOSED"
    DUST = "DUST"


class KillPhase(StrEnum):
    """The kill switch: what it has done and what it still has to do."""

    ARMED = "ARMED"
    CANCELLING = "CANCELLING"
    FLATTENING = "FLATTENING"
    CONFIRMED_FLAT = "CONFIRMED_FLAT"
    LATCHED = "LATCHED"


Key = TypeVar("Key", bound=StrEnum)
P, S, T, O = Phase, SymbolPhase, TradePhase, OrderState  # noqa: E741 - four columns that must fit a table
K = KillPhase

# fmt: off
GLOBAL_MACHINE: Mapping[Phase, frozenset[Phase]] = {
    P.IDLE:           frozenset({P.INITIALIZING, P.SCANNING, P.STOPPED, P.ERROR}),
    P.INITIALIZING:   frozenset({P.SCANNING, P.ERROR, P.EMERGENCY, P.STOPPED}),
    P.SCANNING:       frozenset({P.LEVEL_BUILDING, P.MANAGING, P.PAUSED, P.ERROR, P.EMERGENCY, P.STOPPED}),
    P.LEVEL_BUILDING: frozenset({P.SIGNAL_WAIT, P.SCANNING, P.ERROR, P.EMERGENCY, P.STOPPED}),
    P.SIGNAL_WAIT:    frozenset({P.SIZING, P.MANAGING, P.SCANNING, P.PAUSED, P.ERROR, P.EMERGENCY, P.STOPPED}),
    P.SIZING:         frozenset({P.EXECUTION, P.SCANNING, P.ERROR, P.EMERGENCY, P.STOPPED}),
    P.EXECUTION:      frozenset({P.MANAGING, P.SCANNING, P.ERROR, P.EMERGENCY, P.STOPPED}),
    P.MANAGING:       frozenset({P.SCANNING, P.MANAGING, P.PAUSED, P.ERROR, P.EMERGENCY, P.STOPPED}),
    P.PAUSED:         frozenset({P.SCANNING, P.MANAGING, P.IDLE, P.ERROR, P.EMERGENCY, P.STOPPED}),
    P.ERROR:          frozenset({P.SCANNING, P.MANAGING, P.IDLE, P.EMERGENCY, P.STOPPED}),
    P.EMERGENCY:      frozenset({P.STOPPED, P.IDLE}),
    P.STOPPED:        frozenset({P.IDLE, P.INITIALIZING}),
}

SYMBOL_MACHINE: Mapping[SymbolPhase, frozenset[SymbolPhase]] = {
    S.SCANNING:       frozenset({S.LEVEL_BUILDING, S.SIGNAL_WAIT, S.IN_POSITION, S.PAUSED, S.STALE, S.RESTARTING, S.QUARANTINED}),
    S.LEVEL_BUILDING: frozenset({S.SCANNING, S.SIGNAL_WAIT, S.IN_POSITION, S.PAUSED, S.STALE, S.RESTARTING, S.QUARANTINED}),
    S.SIGNAL_WAIT:    frozenset({S.SCANNING, S.LEVEL_BUILDING, S.IN_POSITION, S.PAUSED, S.STALE, S.RESTARTING, S.QUARANTINED}),
    S.IN_POSITION:    frozenset({S.SCANNING, S.PAUSED, S.STALE, S.RESTARTING, S.QUARANTINED}),
    S.PAUSED:         frozenset({S.SCANNING, S.IN_POSITION, S.STALE, S.RESTARTING, S.QUARANTINED}),
    S.STALE:          frozenset({S.SCANNING, S.IN_POSITION, S.PAUSED, S.RESTARTING, S.QUARANTINED}),
    S.RESTARTING:     frozenset({S.SCANNING, S.IN_POSITION, S.PAUSED, S.STALE, S.QUARANTINED}),
    S.QUARANTINED:    frozenset({S.RESTARTING}),
}

TRADE_MACHINE: Mapping[TradePhase, frozenset[TradePhase]] = {
    T.ENTRY:          frozenset({T.RUNNING, T.PARTIAL_CLOSED, T.CLOSED, T.DUST}),
    T.RUNNING:        frozenset({T.BREAKEVEN, T.PARTIAL_CLOSED, T.TRAILING, T.CLOSED, T.DUST}),
    T.BREAKEVEN:      frozenset({T.PARTIAL_CLOSED, T.TRAILING, T.CLOSED, T.DUST}),
    T.PARTIAL_CLOSED: frozenset({T.BREAKEVEN, T.TRAILING, T.CLOSED, T.DUST}),
    T.TRAILING:       frozenset({T.PARTIAL_CLOSED, T.CLOSED, T.DUST}),
    T.CLOSED:         frozenset(),
    T.DUST:           frozenset({T.CLOSED}),
}

ORDER_MACHINE: Mapping[OrderState, frozenset[OrderState]] = {
    O.PLANNED:    frozenset({O.SENDING, O.CANCELLED}),
    O.SENDING:    frozenset({O.OPEN, O.PARTIAL, O.FILLED, O.REFUSED, O.UNKNOWN, O.CANCELLED}),
    O.UNKNOWN:    frozenset({O.OPEN, O.PARTIAL, O.FILLED, O.CANCELLED, O.REFUSED, O.ABSENT}),
    O.OPEN:       frozenset({O.PARTIAL, O.FILLED, O.CANCELLING, O.CANCELLED}),
    O.PARTIAL:    frozenset({O.FILLED, O.CANCELLING, O.CANCELLED}),
    O.CANCELLING: frozenset({O.OPEN, O.PARTIAL, O.FILLED, O.CANCELLED, O.UNKNOWN}),
    O.FILLED:     frozenset(),
    O.CANCELLED:  frozenset({O.PARTIAL, O.FILLED}),  # a late fill is applied, always
    O.REFUSED:    frozenset(),
    O.ABSENT:     frozenset({O.PARTIAL, O.FILLED}),
}

KILL_MACHINE: Mapping[KillPhase, frozenset[KillPhase]] = {
    K.ARMED:          frozenset({K.CANCELLING}),
    K.CANCELLING:     frozenset({K.FLATTENING}),
    K.FLATTENING:     frozenset({K.CANCELLING, K.CONFIRMED_FLAT}),  # an entry turned up
    K.CONFIRMED_FLAT: frozenset({K.CANCELLING, K.LATCHED}),
    K.LATCHED:        frozenset({K.CANCELLING, K.ARMED}),  # a late fill; a person's reset
}
# fmt: on

#: An order in one of these may still change what we hold.
LIVE_ORDER_STATES = frozenset({O.SENDING, O.UNKNOWN, O.OPEN, O.PARTIAL, O.CANCELLING})

#: The work in hand, leading stage first: one global state speaks for every symbol.
LEADING_STAGES = (P.EXECUTION, P.SIZING, P.MANAGING, P.SIGNAL_WAIT, P.LEVEL_BUILDING)
WORKING_PHASES = frozenset({P.SCANNING, *LEADING_STAGES})
RUNNING_PHASES = WORKING_PHASES | {P.INITIALIZING, P.PAUSED}


def check(machine: Mapping[Key, frozenset[Key]], current: Key, target: Key) -> None:
    """Raise IllegalTransition unless the table has the edge current -> target."""
    if target not in machine[current]:
        allowed = ", ".join(sorted(machine[current])) or "nothing: it is an end"
        msg = f"{current} -> {target} is not in the table; from {current}: {allowed}"
        raise IllegalTransition(msg)


#: States that a walk to each working state may pass: each must be true on the way.
_WAYPOINTS: Mapping[Phase, frozenset[Phase]] = {
    P.SCANNING: frozenset(),
    P.LEVEL_BUILDING: frozenset({P.SCANNING}),
    P.SIGNAL_WAIT: frozenset({P.SCANNING, P.LEVEL_BUILDING}),
    P.SIZING: frozenset({P.SCANNING, P.LEVEL_BUILDING, P.SIGNAL_WAIT}),
    P.EXECUTION: frozenset({P.SCANNING, P.LEVEL_BUILDING, P.SIGNAL_WAIT, P.SIZING}),
    P.MANAGING: frozenset({P.SCANNING}),
}


def route(current: Phase, target: Phase) -> tuple[Phase, ...]:
    """Return the shortest legal and truthful walk to a working state.

    The walk leaves out `current` and is empty when the engine is there already. It
    passes a state only where that state's fact holds on the way to the target: no
    walk to MANAGING claims that an order is in flight. Raises IllegalTransition when
    there is no such walk.
    """
    if current is target:
        return ()
    walks: deque[tuple[Phase, ...]] = deque([(current,)])
    seen = {current}
    while walks:
        walk = walks.popleft()
        onward = GLOBAL_MACHINE[walk[-1]]
        if target in onward:
            return (*walk[1:], target)
        for step in sorted(onward & _WAYPOINTS[target] - seen):
            seen.add(step)
            walks.append((*walk, step))
    msg = f"no legal walk leads from {current} to {target}"
    raise IllegalTransition(msg)


def mermaid(machine: Mapping[Key, frozenset[Key]]) -> str:
    """Draw a machine as a Mermaid state diagram, for the README."""
    lines = ["stateDiagram-v2"]
    for state, targets in machine.items():
        lines += [f"    {state} --> {target}" for target in sorted(targets)]
    return "\n".join(lines)
