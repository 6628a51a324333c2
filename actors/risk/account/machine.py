"""The global machine at work: one state that speaks for every symbol.

The rule: the global state is the leading stage of the work in hand. Whoever changes
the work calls `lead`; the machine then walks legal edges only, and stamps each step
with the symbol and the fact that caused it. A transition that the table does not have
is refused, counted and logged, and changes nothing.
"""

from collections import deque
from collections.abc import Callable

import structlog

from actors.domain.errors import IllegalTransition
from actors.domain.messages import Transition
from actors.domain.phases import GLOBAL_MACHINE, WORKING_PHASES, Phase, check, route
from actors.runtime.clock import Clock

HISTORY_LENGTH = 100

log = structlog.get_logger(component="machine")


class GlobalMachine:
    """Holds the engine's phase; every change goes through `move`."""

    def __init__(self, clock: Clock, record: Callable[[Transition], None]) -> None:
        self._clock = clock
        self._record = record
        self.phase = Phase.IDLE
        self.history: deque[Transition] = deque(maxlen=HISTORY_LENGTH)
        self.transitions = 0
        self.illegal_transitions = 0

    def move(
        self,
        target: Phase,
        reason: str,
        symbol: str | None = None,
        *,
        forced: bool = False,
        metadata: dict[str, str] | None = None,
    ) -> bool:
        """Take one edge; False when refused, or ignored because we are there.

        A transition to the same state is ignored unless `forced` and in the table.
        """
        if target is self.phase and not forced:
            return False
        try:
            check(GLOBAL_MACHINE, self.phase, target)
        except IllegalTransition as error:
            self.illegal_transitions += 1
            log.warning("illegal_transition", refused=str(error), reason=reason)
            return False
        step = Transition(
            ts_ms=self._clock.now_ms(),
            source=self.phase,
            target=target,
            reason=reason,
            symbol=symbol,
            metadata=metadata or {},
        )
        # Journalled before it is visible: the record goes out before the phase does.
        self._record(step)
        self.phase = target
        self.history.append(step)
        self.transitions += 1
        return True

    def go_back_to(self, phase: Phase, history: tuple[Transition, ...]) -> None:
        """Be where the journal says: what was not on the disk did not happen."""
        self.phase = phase
        self.history = deque(history, maxlen=HISTORY_LENGTH)

    def allows(self, target: Phase) -> bool:
        """Whether the table has an edge from here to `target`."""
        return target in GLOBAL_MACHINE[self.phase]

    def lead(self, stage: Phase, reason: str, symbol: str | None) -> None:
        """Walk to the leading stage, if the engine is at work at all."""
        if self.phase is stage or self.phase not in WORKING_PHASES:
            return
        for step in route(self.phase, stage):
            self.move(step, reason, symbol)
