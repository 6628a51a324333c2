"""Counts what went through a gate, and tells a person once of what goes on for long."""

from collections import Counter
from collections.abc import Callable

from actors.domain.messages import Alert
from actors.domain.severity import Category, Severity
from actors.exchange.gate.faults import RULES, Fault, Then
from actors.runtime.clock import Clock

Alarms = Callable[[Alert], None]
#: The same fault is told again after so long.
QUIET_MS = 60_000

_ACTIONS = {
    Then.NOTHING: "the caller goes on with the error",
    Then.STALE: "what is known of the exchange gets old; entries are refused",
    Then.ALARM: "requests wait as long as the exchange asks",
    Then.HALT: "no order can be sent until a person has looked",
}


class Tally:
    """One gate's counters and alarms."""

    def __init__(self, name: str, clock: Clock, alarms: Alarms) -> None:
        self.alarms = alarms
        self.requests = 0
        self.retries = 0
        self.refused = 0
        self.faults: Counter[Fault] = Counter()
        self.trouble: Fault | None = None  # of the newest answer, if it matters
        self.last_refusal: str | None = None
        self.last_refusal_ms: int | None = None
        self._name = name
        self._clock = clock
        self._told_ms: dict[Fault, int] = {}

    def refuse(self, why: str) -> None:
        """Count a request that was not sent."""
        self.refused += 1
        self.last_refusal, self.last_refusal_ms = why, self._clock.now_ms()

    def retry(self) -> None:
        """Count a read that is asked again."""
        self.retries += 1

    def end(self, fault: Fault | None, why: str) -> None:
        """Count what became of a request; alarm where the table says so."""
        if fault is None:
            self.trouble = None
            return
        self.faults[fault] += 1
        rule = RULES[fault]
        if rule.then is Then.NOTHING:
            self.trouble = None
            return
        self.trouble = fault
        now_ms = self._clock.now_ms()
        quiet = now_ms < self._told_ms.get(fault, now_ms) + QUIET_MS
        if rule.then is Then.STALE or (quiet and fault in self._told_ms):
            return  # what only gets old is told when the breaker opens
        self._told_ms[fault] = now_ms
        self.alarm(rule.category, rule.severity, why, _ACTIONS[rule.then])

    def alarm(
        self, category: Category, severity: Severity, message: str, action: str
    ) -> None:
        """Tell a person."""
        alert = Alert(
            ts_ms=self._clock.now_ms(),
            category=category,
            severity=severity,
            component="exchange",
            symbol=None,
            message=f"{self._name}: {message}",
            action=action,
        )
        self.alarms(alert)
