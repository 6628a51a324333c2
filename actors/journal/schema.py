"""The tables of the journal file, their versions, and what keeps them append-only."""

from collections.abc import Iterator

import apsw
import msgspec

from actors.domain.errors import JournalError
from actors.journal.audit import SealedFact, first_broken
from actors.journal.checksum import CHECKED
from actors.journal.insert import fold_log
from actors.journal.kinds import Kind

APPLICATION_ID = 0x62726B6A  # "brkj" in the file's header: this file is a journal
BUSY_TIMEOUT_MS = 5_000
LOG_BYTES_KEPT_MAX = 64 * 1024 * 1024

CLIENT_ID = "body ->> '$.request.client_id'"
"""Where an order's row names its order; a query must say it just so to be quick."""

_FIRST_KINDS = (
    Kind.TRANSITION,
    Kind.DECISION,
    Kind.INTENT,
    Kind.ORDER,
    Kind.FILL,
    Kind.POSITION,
    Kind.SESSION,
    Kind.CHECKPOINT,
)


def _table(kind: Kind, *more: str) -> str:
    columns = ", ".join(
        (
            "seq INTEGER PRIMARY KEY",
            "session TEXT NOT NULL",
            "ts_ms INTEGER NOT NULL",
            "symbol TEXT",
            "correlation TEXT",
            "body TEXT NOT NULL",
            *more,
        )
    )
    guards = "".join(guard(kind, act) for act in ("UPDATE", "DELETE"))
    return f"CREATE TABLE {kind.table} ({columns}) STRICT; {guards}"


def guard(kind: Kind, act: str) -> str:
    """Make UPDATE or DELETE of a kind's rows an error."""
    return (
        f"CREATE TRIGGER {kind.table}_no_{act.lower()} BEFORE {act} ON {kind.table} "
        f"BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;"
    )


def _version_1() -> Iterator[str]:
    yield from map(_table, _FIRST_KINDS)
    yield _table(
        Kind.AUDIT,
        "previous_hash TEXT NOT NULL",
        "hash TEXT NOT NULL",
        *(
            f"\"{name}\" TEXT GENERATED ALWAYS AS (body ->> '{name}') VIRTUAL"
            for name in ("who", "what", "before", "after", "result")
        ),
    )


def _version_2() -> Iterator[str]:
    yield from map(_table, (Kind.ALERT, Kind.SNAPSHOT))
    # Only the rare kinds of the money path are looked up by what they belong to; an
    # index on decisions would cost each row five times its insert.
    for kind in (Kind.INTENT, Kind.ORDER, Kind.FILL, Kind.POSITION):
        yield (
            f"CREATE INDEX {kind.table}_correlation ON {kind.table} (correlation) "
            "WHERE correlation IS NOT NULL"
        )


def _version_3() -> Iterator[str]:
    yield _table(Kind.ACCOUNT)
    for kind in CHECKED:
        yield f"ALTER TABLE {kind.table} ADD COLUMN checksum INTEGER"
    # A fill that comes late names its order by this alone.
    for kind in (Kind.INTENT, Kind.ORDER):
        yield f"CREATE INDEX {kind.table}_client_id ON {kind.table} ({CLIENT_ID})"


MIGRATIONS = (_version_1, _version_2, _version_3)
"""Step n brings version n - 1 to version n; a new file takes all of them."""

SCHEMA_VERSION = len(MIGRATIONS)


class Opened(msgspec.Struct, frozen=True):
    """Where an opened journal goes on."""

    last_seq: int
    audit_head: str


def prepare(database: apsw.Connection, path: str) -> Opened:
    """Bring a connection and its file to the present schema; check the audit chain.

    Raises:
        JournalError: the file is not a journal, comes from a newer engine, or its
            audit rows were tampered with.
    """
    version = check(database, path)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    # The writer folds the log in by itself, between two batches; what a crash left of
    # it, now.
    database.execute("PRAGMA wal_autocheckpoint = 0")
    # A long read makes the write-ahead log grow; it shrinks to this afterwards.
    database.execute(f"PRAGMA journal_size_limit = {LOG_BYTES_KEPT_MAX}")
    # INSERT OR REPLACE fires the delete guards only with this.
    database.execute("PRAGMA recursive_triggers = ON")
    if version < SCHEMA_VERSION:
        migrate(database, version, SCHEMA_VERSION)
    broken, head = audit_chain(database)
    if broken is not None:
        message = (
            f"{path}: the audit chain is broken at row {broken}; keep the file for "
            "analysis and start with another journal"
        )
        raise JournalError(message)
    fold_log(database)
    return Opened(last_seq(database), head)


def migrate(database: apsw.Connection, version: int, target: int) -> None:
    """Take the steps from one version to another, all or none."""
    with database:
        for step in MIGRATIONS[version:target]:
            for statement in step():
                database.execute(statement)
        database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        database.execute(f"PRAGMA user_version = {target}")


def last_seq(database: apsw.Connection) -> int:
    """Return the newest sequence number over all kinds; 0 in an empty journal."""
    return max(
        database.execute(f"SELECT max(seq) FROM {kind.table}").get or 0  # noqa: S608  # the name is ours
        for kind in Kind
    )


def audit_chain(database: apsw.Connection) -> tuple[int | None, str]:
    """Follow the audit chain: (first bad seq or None, hash of its end)."""
    rows: Iterator[SealedFact] = database.execute(
        "SELECT seq, session, ts_ms, symbol, correlation, body, previous_hash, hash "
        "FROM journal_audit ORDER BY seq"
    )
    return first_broken(rows)


def check(database: apsw.Connection, path: str) -> int:
    """Return the schema version of a file without changing anything; 0: empty file.

    Raises:
        JournalError: the file is not a journal, or comes from a newer engine.
    """
    database.set_busy_timeout(BUSY_TIMEOUT_MS)
    if not database.execute("SELECT count(*) FROM sqlite_schema").get:
        return 0
    application = database.execute("PRAGMA application_id").get
    if application != APPLICATION_ID:
        message = (
            f"{path} is an SQLite file but not a journal (application id "
            f"{application:#x}, expected {APPLICATION_ID:#x}); name another path"
        )
        raise JournalError(message)
    version = int(database.execute("PRAGMA user_version").get)
    if version > SCHEMA_VERSION:
        message = (
            f"{path} has schema version {version}, this engine reads up to "
            f"{SCHEMA_VERSION}; start the newer engine or name another path"
        )
        raise JournalError(message)
    return version
