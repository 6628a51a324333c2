"""Finds what a restart must know: the money's rows in order, the newest of a kind.

A page comes from SQLite as one JSON text, in one step. Each step gives up Python's
global lock, and beside a busy event loop a thread waits up to 5 ms to get it back: so
twenty thousand rows in as many steps could take a minute and a half.
"""

from collections.abc import Callable, Sequence
from itertools import starmap

import apsw
import msgspec

from actors.domain.errors import JournalError
from actors.journal.checksum import CHECKED, checksum
from actors.journal.kinds import Kind, Row
from actors.journal.schema import CLIENT_ID

ROWS_PER_PAGE = 2_000

_COLUMNS = "seq, '{kind}' AS kind, session, ts_ms, symbol, correlation, body, {sum}"
_Stored = tuple[int, Kind, str, int, str | None, str | None, str, int | None]

_pages = msgspec.json.Decoder(list[_Stored])


class _DamagedError(Exception):
    """A row is not what its checksum says; the argument is its number."""


def page_of(
    kinds: Sequence[Kind], after: int
) -> Callable[[apsw.Connection], tuple[Row, ...]]:
    """Return the work that reads the next ROWS_PER_PAGE rows of these kinds."""
    tables = " UNION ALL ".join(
        f"{selected(kind)} WHERE seq > :after" for kind in kinds
    )
    return reading(f"{tables} ORDER BY seq LIMIT {ROWS_PER_PAGE}", {"after": after})


def newest_of(kind: Kind) -> Callable[[apsw.Connection], Row | None]:
    """Return the work that reads the last row of a kind."""
    return _first(reading(f"{selected(kind)} ORDER BY seq DESC LIMIT 1", {}))


def newest_of_order(client_id: str) -> Callable[[apsw.Connection], Row | None]:
    """Return the work that reads the last row of an order."""
    tables = " UNION ALL ".join(
        f"{selected(kind)} WHERE {CLIENT_ID} = :client_id"
        for kind in (Kind.INTENT, Kind.ORDER)
    )
    query = f"{tables} ORDER BY seq DESC LIMIT 1"
    return _first(reading(query, {"client_id": client_id}))


def selected(kind: Kind) -> str:
    """Begin the query of a kind's rows."""
    known = "checksum" if kind in CHECKED else "NULL AS checksum"
    columns = _COLUMNS.format(kind=kind, sum=known)
    return f"SELECT {columns} FROM {kind.table}"  # noqa: S608  # names are ours


def reading(
    query: str, bindings: dict[str, int | str]
) -> Callable[[apsw.Connection], tuple[Row, ...]]:
    """Return the work that reads what a query selects, in the order of all."""
    # The bodies travel as text within the text: what was written comes back as it was.
    whole = (
        "SELECT json_group_array(json_array("  # noqa: S608  # names are ours
        "seq, kind, session, ts_ms, symbol, correlation, body, checksum) ORDER BY seq) "
        f"FROM ({query})"
    )

    def work(database: apsw.Connection) -> tuple[Row, ...]:
        stored = _pages.decode(database.execute(whole, bindings).get)
        try:
            return tuple(starmap(_row, stored))
        except _DamagedError as error:
            message = (
                f"row {error} of {database.filename} is damaged: it is not as it was "
                "written (keep the file for analysis and restore a copy)"
            )
            raise JournalError(message) from error

    return work


def _first(
    read: Callable[[apsw.Connection], tuple[Row, ...]],
) -> Callable[[apsw.Connection], Row | None]:
    return lambda database: next(iter(read(database)), None)


def _row(  # noqa: PLR0913, PLR0917  # a row's columns
    seq: int,
    kind: Kind,
    session: str,
    ts_ms: int,
    symbol: str | None,
    correlation: str | None,
    body: str,
    expected: int | None,  # None: written by an older version
) -> Row:
    encoded = body.encode()
    columns = (seq, session, ts_ms, symbol, correlation)
    if expected is not None and checksum(columns, encoded) != expected:
        raise _DamagedError(seq)
    return Row(seq, kind, session, ts_ms, symbol, correlation, msgspec.Raw(encoded))
