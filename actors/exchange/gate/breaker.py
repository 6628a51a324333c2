"""Stops asking an exchange that is down, and finds out when it is back.

    CLOSED --tripped--> OPEN --pause over--> HALF_OPEN --probe good--> CLOSED
                          ^------------------probe failed----|

Entries and scans are refused at once while it is not closed: an order whose answer gets
lost costs more than a missed trade. What protects money passes in every state, and so
does reconciliation. The probe is a read, never an order: a scan, or whatever passes.
"""

from collections import Counter, deque
from enum import StrEnum

import msgspec

from actors.domain.errors import IllegalTransition
from actors.exchange.gate.faults import RULES, Fault
from actors.exchange.gate.limiter import Lane

OUTCOMES_MAX = 1_000


class State(StrEnum):
    """Where the breaker is."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


class Event(StrEnum):
    """What moves it."""

    TRIPPED = "tripped"
    PAUSE_OVER = "pause over"
    PROBE_GOOD = "probe good"
    PROBE_FAILED = "probe failed"


MACHINE: dict[State, dict[Event, State]] = {
    State.CLOSED: {Event.TRIPPED: State.OPEN},
    State.OPEN: {Event.PAUSE_OVER: State.HALF_OPEN},
    State.HALF_OPEN: {
        Event.PROBE_GOOD: State.CLOSED,
        Event.PROBE_FAILED: State.OPEN,
    },
}
#: Who may pass in any state.
PASSING = frozenset({Lane.PROTECT, Lane.CANCEL, Lane.EXIT, Lane.RECONCILE})
#: Whose request may be the probe.
PROBING = frozenset({Lane.SCAN})


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """When the breaker opens, and for how long."""

    window_seconds: float = 30.0
    failures: int = 5  # within the window
    share: float = 0.5  # of all that was asked within it
    pause_seconds: float = 5.0  # doubles with each probe that fails
    pause_seconds_max: float = 120.0


class Breaker:
    """One exchange's. Times are given by the caller, of a monotonic clock."""

    def __init__(self, patience: Patience | None = None) -> None:
        self.patience = patience or Patience()
        self._state = State.CLOSED
        self._outcomes: deque[tuple[float, Fault | None]] = deque(maxlen=OUTCOMES_MAX)
        self._pause = self.patience.pause_seconds
        self._opened = 0.0
        self._probing = False

    def state(self, now: float) -> State:
        """Say where it is now."""
        if self._state is State.OPEN and now >= self._opened + self._pause:
            self._move(Event.PAUSE_OVER)
        return self._state

    def left_seconds(self, now: float) -> float:
        """Say how long nobody is let through; 0: a probe may be."""
        if self.state(now) is not State.OPEN:
            return 0.0
        return self._opened + self._pause - now

    def allows(self, lane: Lane, now: float) -> bool:
        """Say whether a request may be sent now."""
        state = self.state(now)
        if state is State.CLOSED or lane in PASSING:
            return True
        return state is State.HALF_OPEN and lane in PROBING and not self._probing

    def begin(self, lane: Lane, now: float) -> bool:
        """Note that a request is sent; tell whether it is the probe."""
        assert self.allows(lane, now), f"{lane.name} may not pass: {self._state}"
        probe = self.state(now) is State.HALF_OPEN and lane in PROBING
        self._probing = self._probing or probe
        return probe

    def end(self, fault: Fault | None, now: float, *, probe: bool) -> None:
        """Take what became of a request that reached an end of its own."""
        if probe:
            self._probing = False
        self._outcomes.append((now, fault))
        failed = fault is not None and RULES[fault].trips
        match self.state(now):
            case State.HALF_OPEN:
                self._move(Event.PROBE_FAILED if failed else Event.PROBE_GOOD, now)
            case State.CLOSED:
                if failed and self._is_too_much(now):
                    self._move(Event.TRIPPED, now)
            case State.OPEN:
                pass  # it was under way when the breaker opened

    def give_up(self, *, probe: bool) -> None:
        """Forget a request that was cancelled or refused: it tells nothing."""
        if probe:
            self._probing = False

    def failures(self, now: float) -> Counter[Fault]:
        """Count, by kind, what failed lately and counts."""
        while self._outcomes and self._outcomes[0][0] <= self._since(now):
            self._outcomes.popleft()
        found = (fault for _, fault in self._outcomes if fault is not None)
        return Counter(fault for fault in found if RULES[fault].trips)

    def _since(self, now: float) -> float:
        return now - self.patience.window_seconds

    def _is_too_much(self, now: float) -> bool:
        failed = self.failures(now).total()
        share = failed / len(self._outcomes)
        return failed >= self.patience.failures and share >= self.patience.share

    def _move(self, event: Event, now: float = 0.0) -> None:
        following = MACHINE[self._state].get(event)
        if following is None:
            msg = f"breaker {self._state}: {event!r} leads nowhere"
            raise IllegalTransition(msg)
        self._state = following
        if event is Event.TRIPPED:
            self._pause, self._opened = self.patience.pause_seconds, now
        elif event is Event.PROBE_FAILED:
            longer = min(2 * self._pause, self.patience.pause_seconds_max)
            self._pause, self._opened = longer, now
        elif event is Event.PROBE_GOOD:
            self._outcomes.clear()
