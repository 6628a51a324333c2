"""The journal's file: who may open it, on which thread, and how its faults read.

A commit comes back to Python eight times, and each time its thread needs Python's
global lock. A loop that never idles holds it: in each pass it lets go of the lock for
the blink in which it asks the kernel for news and has it back before the thread is
awake, and each such blink makes the thread's claim of 5 ms begin anew. A commit beside
it took seconds. So while a unit of work is on the thread, a busy loop lets it in.
"""

import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar

import apsw
import apsw.aio
import trio

from actors.domain.errors import JournalError

T = TypeVar("T")

MEMORY = ":memory:"

_REMEDIES: tuple[tuple[type[apsw.Error], str], ...] = (
    (apsw.FullError, "free disk space and start again; what was committed is safe"),
    (apsw.ReadOnlyError, "make the file and its directory writable"),
    (apsw.CorruptError, "keep the file for analysis and restore a copy"),
    (apsw.NotADBError, "this is no SQLite file; name another path"),
    (apsw.CantOpenError, "check that the directory exists and is writable"),
    (apsw.PermissionsError, "check the permissions of the file and its directory"),
    (apsw.BusyError, "another program holds the file; close it"),
    (apsw.IOError, "check the disk; what was committed is safe"),
    (apsw.Error, "see the SQLite documentation for this code"),
)


@contextmanager
def translated(path: str, act: str) -> Iterator[None]:
    """Turn SQLite's errors into JournalError with path, cause and remedy."""
    try:
        yield
    except apsw.Error as error:
        remedy = next(text for kind, text in _REMEDIES if isinstance(error, kind))
        message = f"cannot {act} the journal {path}: {error} ({remedy})"
        raise JournalError(message) from error


class Storage(Protocol):
    """One connection to the file; `work` is called with it, never concurrently."""

    async def run(self, work: Callable[[apsw.Connection], T]) -> T:
        """Run `work`; it is one unit: cancellation waits for its end."""


#: Work takes so long by itself; what takes longer may be kept out by a busy loop.
PATIENCE_SECONDS = 0.01
#: From then on the loop, once it was busy for so long, stands aside for so long.
BUSY_SECONDS = 0.001
ASIDE_SECONDS = 0.000_02


class _GiveWay(trio.abc.Instrument):
    """Lets the thread have Python's global lock while the loop has no idle moment."""

    def __init__(self) -> None:
        self._due = time.perf_counter() + PATIENCE_SECONDS

    def after_io_wait(self, timeout: float) -> None:
        """Stand aside; a loop that waited here has let go of the lock by itself."""
        now = time.perf_counter()
        if timeout > 0:
            self._due = max(self._due, now + BUSY_SECONDS)
        elif now >= self._due:
            time.sleep(ASIDE_SECONDS)
            self._due = time.perf_counter() + BUSY_SECONDS


class _OnThread:
    """SQLite on a thread of its own, so that no fsync blocks the event loop."""

    def __init__(self, database: Any) -> None:  # apsw types it only in its stubs
        self._database = database

    async def run(self, work: Callable[[apsw.Connection], T]) -> T:
        way = _GiveWay()
        trio.lowlevel.add_instrument(way)
        try:
            # Cancelling inside would leave half a unit of work behind.
            with trio.CancelScope(shield=True):
                answer: T = await self._database.async_run(work, self._database)
        finally:
            trio.lowlevel.remove_instrument(way)
        return answer


class _InLoop:
    """SQLite in the event loop: deterministic, for simulated time."""

    def __init__(self, database: apsw.Connection) -> None:
        self._database = database

    async def run(self, work: Callable[[apsw.Connection], T]) -> T:
        await trio.lowlevel.checkpoint()
        return work(self._database)


@asynccontextmanager
async def open_storage(
    path: str, *, threaded: bool, read_only: bool = False
) -> AsyncIterator[Storage]:
    """Open the file; the connection and its thread end with the block."""
    flags = apsw.SQLITE_OPEN_READONLY if read_only else _READ_WRITE
    if not threaded:
        with translated(path, "open"):
            database = apsw.Connection(path, flags=flags)
        try:
            yield _InLoop(database)
        finally:
            database.close()
        return
    # Set and left so: the choice is this task's own, and apsw's guess may be wrong.
    apsw.async_controller.set(apsw.aio.Trio)  # type: ignore[arg-type]  # apsw's stub
    with translated(path, "open"), trio.CancelScope(shield=True):
        connection = await apsw.Connection.as_async(path, flags=flags)
    try:
        yield _OnThread(connection)
    finally:
        with trio.CancelScope(shield=True):
            await connection.aclose()


_READ_WRITE = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE


@contextmanager
def sole_owner(path: Path, holder: str) -> Iterator[None]:
    """Hold the right to write `path` for the block; `holder` is told to the refused.

    The right is SQLite's own reserved lock on a small file beside the journal: it works
    on every platform, others can still read who holds it, and it ends with the process
    however the process ends.

    Raises:
        JournalError: another engine holds the journal; the message says which.
    """
    lock = str(path.with_name(f"{path.name}.lock"))
    with translated(lock, "lock"):
        database = apsw.Connection(lock)
    try:
        with translated(lock, "lock"):
            _take(database, path, holder)
        yield
    finally:
        database.close()


def _take(database: apsw.Connection, path: Path, holder: str) -> None:
    try:
        database.execute("BEGIN IMMEDIATE")
        database.execute("CREATE TABLE IF NOT EXISTS holder (name TEXT)")
        database.execute("DELETE FROM holder")
        database.execute("INSERT INTO holder VALUES (?)", (holder,))
        database.execute("COMMIT")
        database.execute("BEGIN IMMEDIATE")
    except apsw.BusyError as error:
        message = (
            f"the journal {path} is held by {_announced(database)}; "
            "stop that engine or name another path"
        )
        raise JournalError(message) from error


def _announced(database: apsw.Connection) -> str:
    try:
        return str(database.execute("SELECT name FROM holder").get)
    except apsw.SQLError:  # the other one has made the file but not its table
        return "another engine that is starting just now"
