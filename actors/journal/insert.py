"""Puts rows into the kinds' tables: many rows a statement, one transaction a batch.

SQLite's steps give up Python's global lock, and a thread gets it back only when the
event loop lets go, up to 5 ms later under load. So rows are bound to multi-row
statements: a batch of a thousand costs some twenty steps, not a thousand.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import chain

import apsw

from actors.journal.checksum import CHECKED
from actors.journal.kinds import Kind

_ROWS_PER_STATEMENT = (64, 16, 4, 1)

StoredRow = tuple[int | str | None, ...]


def _columns(kind: Kind) -> tuple[str, ...]:
    base = ("seq", "session", "ts_ms", "symbol", "correlation", "body")
    if kind in CHECKED:
        return (*base, "checksum")
    return (*base, "previous_hash", "hash") if kind is Kind.AUDIT else base


def _statement(kind: Kind, rows: int) -> str:
    columns = _columns(kind)
    values = ", ".join([f"({', '.join('?' * len(columns))})"] * rows)
    return f"INSERT INTO {kind.table} ({', '.join(columns)}) VALUES {values}"  # noqa: S608  # every part is ours


_STATEMENTS = {
    (kind, rows): _statement(kind, rows)
    for kind in Kind
    for rows in _ROWS_PER_STATEMENT
}


def insert_batch(
    batch: Mapping[Kind, Sequence[StoredRow]], acknowledge: Callable[[], None]
) -> Callable[[apsw.Connection], int]:
    """Return the work that writes a batch: all of it, durably, or nothing.

    It ends with `acknowledge`, on the disk's thread: what that raises, it raises. The
    work returns how many pages this connection has logged since it was opened.
    """

    def work(database: apsw.Connection) -> int:
        # Not `with database`: that keeps Python's global lock while COMMIT waits for
        # the disk, and the event loop with it.
        database.execute("BEGIN IMMEDIATE")
        try:
            for kind, rows in batch.items():
                insert(database, kind, rows)
            database.execute("COMMIT")
        except apsw.Error:
            if not database.get_autocommit():
                database.execute("ROLLBACK")
            raise
        acknowledge()
        return database.status(apsw.SQLITE_DBSTATUS_CACHE_WRITE)[0]

    return work


def fold_log(database: apsw.Connection) -> None:
    """Copy what the write-ahead log holds into the tables, as far as readers allow."""
    database.execute("PRAGMA wal_checkpoint(PASSIVE)").get  # noqa: B018  # takes the step


def insert(database: apsw.Connection, kind: Kind, rows: Sequence[StoredRow]) -> None:
    """Put rows of one kind in, within the caller's transaction."""
    start = 0
    for size in _ROWS_PER_STATEMENT:
        statement = _STATEMENTS[kind, size]
        while len(rows) - start >= size:
            chunk = rows[start : start + size]
            database.execute(statement, tuple(chain.from_iterable(chunk)))
            start += size
