"""Reads of the past: what the journal tells, page by page."""

from collections.abc import Sequence
from typing import TypeVar

from starlette.responses import Response

from actors.domain.shown.history import (
    AuditRow,
    IncidentRow,
    SessionRow,
    TimelineStep,
)
from actors.domain.shown.symbols import DecisionRow
from control.errors import Refused
from control.exports import attachment
from control.routes.now import known
from control.routes.route import Call, House
from control.wire import answers

T = TypeVar("T", AuditRow, IncidentRow, DecisionRow)


async def timeline(house: House, call: Call) -> answers.Items[TimelineStep]:
    """One order from its intent to its end, as the journal has it."""
    steps = await house.history.timeline(call.path["id"])
    if not steps:
        msg = f"order {call.path['id']!r} is unknown; see /api/orders"
        raise Refused(404, msg)
    return answers.Items(steps)


async def decisions(house: House, call: Call) -> answers.Page[DecisionRow]:
    """One symbol's decision log, newest first."""
    row, limit = known(house.engine, call), call.query.limit
    rows = await house.history.decisions(row.symbol, limit, before(call))
    return page(rows, limit)


async def incidents(house: House, call: Call) -> answers.Page[IncidentRow]:
    """Alerts that were journalled, newest first."""
    asked = call.query
    rows = await house.history.incidents(asked.limit, before(call), asked.search)
    return page(rows, asked.limit)


async def audit(house: House, call: Call) -> answers.Page[AuditRow] | Response:
    """Who did what, newest first: before, after and result of each act."""
    asked = call.query
    rows = await house.history.audit(asked.limit, before(call), asked.search)
    if asked.format == "csv":
        return attachment("audit.csv", AuditRow, rows)
    return page(rows, asked.limit)


async def sessions(house: House, _: Call) -> answers.Items[SessionRow]:
    """Every run on this journal, newest first."""
    return answers.Items(await house.history.sessions())


async def session(house: House, call: Call) -> SessionRow:
    """One run, with the candidates that reached each of its checkpoints."""
    wanted = call.path["id"]
    for row in await house.history.sessions():
        if row.id == wanted:
            return row
    msg = f"session {wanted!r} is unknown; see /api/monitoring/sessions"
    raise Refused(404, msg)


def before(call: Call) -> int | None:
    """Read a cursor of the journal; raises Refused 400."""
    cursor = call.query.cursor
    if cursor is None:
        return None
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 18):
        msg = f"cursor {cursor!r} is none of ours: send back what an answer gave"
        raise Refused(400, msg)
    return int(cursor)


def page(rows: Sequence[T], limit: int) -> answers.Page[T]:
    """Say where the next page begins: behind the last row of a full one."""
    full = len(rows) >= limit
    return answers.Page(tuple(rows), str(rows[-1].seq) if full else None)
