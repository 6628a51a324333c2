"""What is told to people: notices made from the engine's facts, joined into letters."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from actors.domain.messages import Alert, PositionView, Published, Transition
from actors.domain.phases import KillPhase, Phase
from actors.domain.severity import Severity

TEXT_CHARACTERS_MAX = 400  # of one notice
BODY_CHARACTERS_MAX = 3_500  # of one letter: the shortest of the usual services
NOTICES_PER_LETTER_MAX = 20
#: Of its notices; the rest is for their line breaks and for how many were left out.
LINES_CHARACTERS_MAX = BODY_CHARACTERS_MAX - NOTICES_PER_LETTER_MAX - 80

_NUMBER = re.compile(r"[0-9]+(?:[.,][0-9]+)*")
#: States of the machine that a person wants to hear of, and how bad each is.
TOLD_PHASES = {
    Phase.INITIALIZING: Severity.INFO,
    Phase.PAUSED: Severity.INFO,
    Phase.STOPPED: Severity.INFO,
    Phase.ERROR: Severity.ERROR,
    Phase.EMERGENCY: Severity.CRITICAL,
}


class Notice(msgspec.Struct, frozen=True):
    """One thing to be told. Notices with the same `key` repeat each other."""

    severity: Severity
    text: str
    ts_ms: int  # market time of the fact
    key: str | None = None  # None: each is told


class Letter(msgspec.Struct, frozen=True):
    """What one channel is sent at once."""

    severity: Severity  # of its worst notice
    title: str
    body: str


def notice_of(fact: Published) -> Notice | None:
    """Make a notice of a published fact; None: it is nothing to be told."""
    match fact.data:
        case Alert() as alert:
            where = f"{alert.symbol}: " if alert.symbol else ""
            text = f"{where}{alert.message}; {alert.action}"
            return _repeatable(alert.severity, text, fact.ts_ms)
        case Transition(target=target) as step if target in TOLD_PHASES:
            if step.source is target:
                return None
            text = f"{step.source} -> {target}: {step.reason}"
            return _repeatable(TOLD_PHASES[target], text, fact.ts_ms)
        case PositionView() as position:
            return _position(fact.kind, position, fact.ts_ms)
        case {"phase": phase, "reason": reason} if fact.kind == "KILL_SWITCH":
            calm = phase == KillPhase.ARMED
            severity = Severity.INFO if calm else Severity.CRITICAL
            return Notice(severity, _cut(f"kill switch {phase}: {reason}"), fact.ts_ms)
        case _:
            return None


def _position(kind: str, position: PositionView, ts_ms: int) -> Notice | None:
    what = f"{position.side} {position.symbol}"
    if kind == "POSITION_OPEN":
        text = (
            f"opened {what}: {position.size:f} at {position.entry:f}, "
            f"stop {position.stop:f}, risk {position.risk_usd:.2f} USD"
        )
    elif kind == "POSITION_CLOSE":
        text = (
            f"closed {what}: {position.pnl_r:+.2f} R, "
            f"{position.pnl_usd:+.2f} USD ({position.reason})"
        )
    else:
        return None
    return Notice(Severity.INFO, _cut(text), ts_ms)


def _repeatable(severity: str, text: str, ts_ms: int) -> Notice:
    # The same trouble with another number in it is the same trouble.
    told = _cut(text)
    return Notice(
        Severity(severity), told, ts_ms, f"{severity} {_NUMBER.sub('#', told)}"
    )


def _cut(text: str, most: int = TEXT_CHARACTERS_MAX) -> str:
    # A line break inside a notice would forge a notice of its own.
    kept = " ".join(text.split())
    return kept if len(kept) <= most else kept[: most - 3] + "..."


def line_of(notice: Notice) -> str:
    """Write one notice as a letter says it."""
    line = f"{_clock(notice.ts_ms)} {notice.severity}: {notice.text}"
    return _cut(line, LINES_CHARACTERS_MAX)


def write_letter(sender: str, notices: Sequence[Notice], left_out: int = 0) -> Letter:
    """Join notices into one letter, oldest first; `left_out` were dropped before.

    Together they are no more than a pile takes at once, so none falls off the end.
    """
    assert notices or left_out, "a letter says something"
    worst = max((n.severity for n in notices), key=_rank, default=Severity.WARNING)
    lines = [line_of(notice) for notice in notices]
    if left_out:
        lines.append(f"{left_out} less severe notices were left out before this one")
    title = f"{sender}: {worst}"
    if len(notices) > 1:
        title += f", {len(notices)} notices"
    return Letter(worst, title, "\n".join(lines))


def _rank(severity: Severity) -> int:
    return severity.rank


def _clock(ts_ms: int) -> str:
    return f"{datetime.fromtimestamp(ts_ms / 1000, UTC):%Y-%m-%d %H:%M:%S}Z"
