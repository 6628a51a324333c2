"""What people are told of an actor that crashed: its verdict, and what was done."""

from actors.domain.messages import Alert
from actors.domain.severity import verdict_named
from actors.runtime import CrashReport


def crash_alert(report: CrashReport, symbol: str | None, now_ms: int) -> Alert:
    """Tell a crash as an alert; `symbol` is whose actor it was, if it was one's."""
    judged = verdict_named(report.crash.kind)
    return Alert(
        ts_ms=now_ms,
        category=judged.category,
        severity=judged.severity,
        component=report.actor,
        symbol=symbol,
        message=f"{report.phase} {report.crash}",
        action=report.outcome,
    )
