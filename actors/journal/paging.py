"""What people ask of the past: a page backwards, a word looked for, one order's story.

Each function returns the work that a reader runs. Nothing here is on the money's path.
"""

from collections.abc import Callable
from typing import TypeAlias

import apsw

from actors.journal.kinds import Kind, Row
from actors.journal.replaying import reading, selected
from actors.journal.schema import CLIENT_ID

ROWS_MAX = 1_000
#: More than any `seq`: a page that begins at the newest row.
NEWEST = 2**62

#: Where a word is looked for.
_SEARCHED = {
    Kind.AUDIT: ("who", "what", "before", "after", "result"),
    Kind.ALERT: (
        *("symbol", "body ->> 'severity'", "body ->> 'category'"),
        *("body ->> 'component'", "body ->> 'message'", "body ->> 'action'"),
        *("body ->> '$.kill_switch.reason'", "body ->> '$.kill_switch.phase'"),
    ),
}
_ENDED = "body ->> 'phase' IN ('CLOSED', 'DUST')"

Work: TypeAlias = Callable[[apsw.Connection], tuple[Row, ...]]
Bindings: TypeAlias = dict[str, int | str]


def before(kind: Kind, seq: int | None, limit: int, search: str = "") -> Work:
    """The newest rows of a kind with a smaller seq, newest first."""
    found = ""
    if search:
        columns = " || char(10) || ".join(
            f"coalesce({column}, '')" for column in _SEARCHED[kind]
        )
        found = f" AND instr(lower({columns}), lower(:search))"
    bindings: Bindings = {"seq": NEWEST if seq is None else seq, "search": search}
    return _newest(kind, f"seq < :seq{found}", bindings, limit)


def decided(symbol: str, seq: int | None, limit: int) -> tuple[Work, ...]:
    """A symbol's decisions, entries and ends with a smaller seq, newest first each."""
    bindings: Bindings = {"seq": NEWEST if seq is None else seq, "symbol": symbol}
    where = "symbol = :symbol AND seq < :seq"
    return (
        _newest(Kind.DECISION, where, bindings, limit),
        _newest(
            Kind.INTENT, f"{where} AND body ->> 'purpose' = 'entry'", bindings, limit
        ),
        _newest(Kind.POSITION, f"{where} AND {_ENDED}", bindings, limit),
    )


def ended_positions(
    after: int,
) -> Callable[[apsw.Connection], list[tuple[Row, Row | None]]]:
    """The next ended positions behind a seq, oldest first.

    Each comes with the account's newest word on its cash before it, if there is one.
    """
    query = (
        f"{selected(Kind.POSITION)} WHERE seq > :after AND {_ENDED} "
        f"ORDER BY seq LIMIT {ROWS_MAX}"
    )
    page = reading(query, {"after": after})
    where = "seq < :seq AND body ->> 'type' = 'Money'"

    def work(database: apsw.Connection) -> list[tuple[Row, Row | None]]:
        found = []
        for row in page(database):
            cash = _newest(Kind.ACCOUNT, where, {"seq": row.seq}, 1)(database)
            found.append((row, cash[0] if cash else None))
        return found

    return work


def account_opened() -> Work:
    """The row with which the present account began."""
    where = "body ->> 'type' = 'AccountOpened'"
    return _newest(Kind.ACCOUNT, where, {}, 1)


def intent_of(order_id: str) -> Work:
    """The intent of an order, by its own id or its name at the exchange."""
    where = f"{CLIENT_ID} = :id OR body ->> 'intent' = :id"
    return _newest(Kind.INTENT, where, {"id": order_id}, 1)


def steps_of(client_id: str, correlation: str) -> tuple[Work, ...]:
    """What became of an order: its rows, and the fills that name it."""
    orders = (
        f"{selected(Kind.ORDER)} WHERE {CLIENT_ID} = :id ORDER BY seq LIMIT {ROWS_MAX}"
    )
    fills = (
        f"{selected(Kind.FILL)} WHERE correlation = :correlation "
        f"AND body ->> 'client_id' = :id ORDER BY seq LIMIT {ROWS_MAX}"
    )
    bindings: Bindings = {"id": client_id, "correlation": correlation}
    return reading(orders, bindings), reading(fills, bindings)


def _newest(kind: Kind, where: str, bindings: Bindings, limit: int) -> Work:
    count = max(0, min(limit, ROWS_MAX))
    query = f"{selected(kind)} WHERE {where} ORDER BY seq DESC LIMIT {count}"
    read = reading(query, bindings)
    # A page is put together in the order of all; people read it from its end.
    return lambda database: read(database)[::-1]
