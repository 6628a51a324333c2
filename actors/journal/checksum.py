"""Finds a damaged row: SQLite would give a flipped bit back as if it had been written.

The rows a restart builds the money on carry a CRC-32 of all their columns. It finds
what a disk does to a row, not what a person does: that is the audit chain's.
"""

from collections.abc import Iterator
from zlib import crc32

import apsw

from actors.journal.kinds import Kind

CHECKED = (
    Kind.INTENT,
    Kind.ORDER,
    Kind.FILL,
    Kind.POSITION,
    Kind.ACCOUNT,
    Kind.SNAPSHOT,
)

Columns = tuple[int, str, int, str | None, str | None]
"""(seq, session, ts_ms, symbol, correlation)."""


def checksum(columns: Columns, body: bytes) -> int:
    """Return the CRC-32 of a row as it is stored."""
    return crc32(body, crc32(repr(columns).encode()))


def first_damaged(database: apsw.Connection) -> int | None:
    """Return the seq of the first row of a kind that is not as it was written."""
    for kind in CHECKED:
        rows: Iterator[tuple[int, str, int, str | None, str | None, str, int]] = (
            database.execute(
                "SELECT seq, session, ts_ms, symbol, correlation, body, checksum "  # noqa: S608  # names are ours
                f"FROM {kind.table} WHERE checksum IS NOT NULL ORDER BY seq"
            )
        )
        for row in rows:
            if checksum(row[:5], row[5].encode()) != row[6]:
                return row[0]
    return None
