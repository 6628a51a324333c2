"""Alarms of what runs beside the engine: told to its journal, and so to everybody."""

from collections.abc import Callable

from actors.domain.messages import Alert
from actors.domain.severity import Category, Severity
from actors.runtime.clock import Clock

#: Takes what happened, how bad it is, and what is done about it.
Alarm = Callable[[str, Severity, str], None]


def alarm_into(tell: Callable[[Alert], object], clock: Clock, component: str) -> Alarm:
    """Make an Alarm that tells the engine's journal."""

    def alarm(text: str, severity: Severity, action: str) -> None:
        tell(
            Alert(
                ts_ms=clock.now_ms(),
                category=Category.TRANSIENT,
                severity=severity,
                component=component,
                symbol=None,
                message=text,
                action=action,
            )
        )

    return alarm
