"""Moves the bulk of the past out of a journal, into a file beside it.

Nineteen parts in twenty of a journal are what led to no order: decisions, transitions,
checkpoints, and snapshots that newer ones replace. Nothing that money hangs on is ever
moved: every order, fill, position, account and audit row stays, the newest snapshot,
and the decision that each entry was made on (a late fill needs its stop).

First the whole journal is copied; the copy is verified and on the disk. Then one
transaction removes the rows and appends an audit row that says up to where, how many
stayed below, and the copy's digest, so that a row missing later is still seen. A crash
before its commit leaves a copy that nobody needs, which the next try replaces; one
after it only leaves space in the file that is not given back yet.
"""

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from os import getpid
from pathlib import Path

import apsw
import msgspec

from actors.domain.errors import JournalError
from actors.journal.audit import AuditRecord, seal
from actors.journal.insert import insert
from actors.journal.kinds import Kind
from actors.journal.mark import marked, refuse_gone
from actors.journal.proof import (
    COMPACTED,
    Kept,
    Verification,
    rows_upto,
    verification,
)
from actors.journal.schema import Opened, guard, prepare
from actors.journal.storage import sole_owner, translated

#: What is moved of each kind: all of it, but what is still needed.
MOVED = {
    Kind.TRANSITION: "",
    Kind.CHECKPOINT: "",
    Kind.DECISION: (
        "AND (correlation IS NULL OR correlation NOT IN "
        "(SELECT correlation FROM journal_intent WHERE correlation IS NOT NULL))"
    ),
    Kind.SNAPSHOT: "AND seq < (SELECT max(seq) FROM journal_snapshot)",
}


class Compacted(msgspec.Struct, frozen=True):
    """What was moved, and where to."""

    rows: int
    upto: int  # rows behind this one were not looked at
    copy: str | None  # None: there was nothing to move
    bytes_before: int
    bytes_after: int
    problem: str | None = None  # why the file did not shrink; the rows were moved


def compact(path: Path, keep_ms: int, who: str, now_ms: int) -> Compacted:
    """Move what is older than `keep_ms` before the newest row, by the market's time.

    The engine must not run. Raises JournalError: the journal is held, gone or not
    sound, or the disk fails; then nothing was moved.
    """
    with sole_owner(path, f"process {getpid()}, compacting"):
        refuse_gone(path)
        before = path.stat().st_size if path.exists() else 0
        with _opened(path, apsw.SQLITE_OPEN_READWRITE) as database:
            opened = prepare(database, str(path))
            sound = _sound(database, path)
            # What was moved before stays moved, whatever is kept now.
            upto = max(_last_old(database, keep_ms), sound.compacted_upto)
            if not sum(_count(database, kind, upto) for kind in MOVED):
                return Compacted(0, upto, None, before, before)
            copy = _copied(database, path, opened)
            digest = _digest(copy)
            with database:  # all of it, or nothing
                rows = sum(_remove(database, kind, upto) for kind in MOVED)
                kept = Kept(upto, rows_upto(database, upto))
                after = msgspec.json.encode(kept).decode()
                told = f"{rows} rows moved to {copy.name}, BLAKE2b {digest}"
                record = AuditRecord(who, COMPACTED, None, after, told)
                _note(database, opened, record, now_ms)
                _sound(database, path)
            problem = _give_back(database)
    return Compacted(rows, upto, copy.name, before, path.stat().st_size, problem)


@contextmanager
def _opened(path: Path, flags: int) -> Iterator[apsw.Connection]:
    with translated(str(path), "compact"):
        database = apsw.Connection(str(path), flags=flags)
        try:
            yield database
        finally:
            database.close()


def _sound(database: apsw.Connection, path: Path) -> Verification:
    found = verification(database, str(path), marked(str(path)))
    if found.problem is not None:
        message = f"{path} is not sound and stays as it is: {found.problem}"
        raise JournalError(message)
    return found


def _last_old(database: apsw.Connection, keep_ms: int) -> int:
    """Return the last row of any moved kind that is old enough; 0: none is."""
    tables = " UNION ALL ".join(f"SELECT seq, ts_ms FROM {k.table}" for k in MOVED)  # noqa: S608  # names are ours
    found = database.execute(
        f"WITH bulk AS ({tables}) SELECT max(seq) FROM bulk "  # noqa: S608
        "WHERE ts_ms < (SELECT max(ts_ms) FROM bulk) - :keep",
        {"keep": keep_ms},
    ).get
    return int(found or 0)


def _count(database: apsw.Connection, kind: Kind, upto: int) -> int:
    query = f"SELECT count(*) FROM {kind.table} WHERE seq <= :upto {MOVED[kind]}"  # noqa: S608
    return int(database.execute(query, {"upto": upto}).get)


def _copied(database: apsw.Connection, path: Path, opened: Opened) -> Path:
    """Copy the whole journal to a file named after its last row; durable on return."""
    copy = path.with_name(f"{path.stem}-to-{opened.last_seq}{path.suffix}")
    # Of a try that ended before its commit: after one the last row is another.
    copy.unlink(missing_ok=True)
    database.execute("VACUUM INTO :copy", {"copy": str(copy)})
    with _opened(copy, apsw.SQLITE_OPEN_READWRITE) as copied:
        copied.execute("PRAGMA journal_mode = DELETE").get  # noqa: B018  # one file, no log beside it
        found = verification(copied, str(copy), opened.last_seq)
    if found.problem is not None or found.audit_head != opened.audit_head:
        message = f"{copy} is not what was copied: {found.problem}; nothing was moved"
        raise JournalError(message)
    copy.chmod(stat.S_IMODE(path.stat().st_mode) & ~0o222)
    for place in (copy, copy.parent):
        handle = os.open(place, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    return copy


def _digest(copy: Path) -> str:
    with copy.open("rb") as file:
        return hashlib.file_digest(file, "blake2b").hexdigest()


def _note(
    database: apsw.Connection, opened: Opened, record: AuditRecord, now_ms: int
) -> None:
    """Append an audit row to a journal that nobody else has open."""
    body = msgspec.json.encode(record).decode()
    row = (opened.last_seq + 1, "compact", now_ms, None, None, body)
    sealed = (*row, opened.audit_head, seal(row, opened.audit_head))
    insert(database, Kind.AUDIT, [sealed])


def _remove(database: apsw.Connection, kind: Kind, upto: int) -> int:
    """Lift the guard of a kind for these rows; it is back before anything is seen."""
    count = _count(database, kind, upto)
    database.execute(f"DROP TRIGGER {kind.table}_no_delete")
    query = f"DELETE FROM {kind.table} WHERE seq <= :upto {MOVED[kind]}"  # noqa: S608
    database.execute(query, {"upto": upto})
    database.execute(guard(kind, "DELETE"))
    return count


def _give_back(database: apsw.Connection) -> str | None:
    """Give the free space back to the disk; says why where it cannot."""
    try:
        database.execute("VACUUM")
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)").get  # noqa: B018  # takes the step
    except apsw.Error as error:
        return f"its space is not given back yet: {error}"
    return None
