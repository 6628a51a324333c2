"""Opens the journal for its one owner: lock, schema, audit check, writer, reader."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from os import getpid
from pathlib import Path

import trio

from actors.journal.mark import keep_mark, refuse_gone
from actors.journal.reader import JournalReader
from actors.journal.schema import prepare
from actors.journal.storage import MEMORY, open_storage, sole_owner, translated
from actors.journal.writer import Journal
from actors.runtime.clock import Clock

JOURNAL_NAME = "journal.sqlite"


def refuse_held(path: Path) -> None:
    """Refuse a journal that another engine holds, before anything else is asked for.

    Raises JournalError. Whoever comes between this and `open_journal` is refused there.
    """
    if path.exists():
        with sole_owner(path, f"process {getpid()}, starting"):
            pass


@asynccontextmanager
async def open_journal(
    path: Path | None,
    *,
    session: str,
    clock: Clock,
    threaded: bool | None = None,
) -> AsyncIterator[Journal]:
    """Open the journal for its one owner; leaving the block writes what is left.

    Args:
        path: the file, made if absent; None keeps the journal in memory.
        session: the id of this run, a column of every row.
        clock: the market's time, a column of every row.
        threaded: SQLite on its own thread (an fsync never blocks the loop), or in the
            event loop (deterministic under simulated time); None: on a thread for a
            file, in the loop for memory.

    Raises:
        JournalError: see `schema.prepare`, `storage.sole_owner`, `mark.keep_mark`, and
            the disk's faults.
    """
    on_thread = path is not None if threaded is None else threaded
    name = MEMORY if path is None else str(path)
    holder = f"process {getpid()}, session {session}"
    async with AsyncExitStack() as stack:
        if path is not None:
            stack.enter_context(sole_owner(path, holder))
            refuse_gone(path)
        storage = await stack.enter_async_context(
            open_storage(name, threaded=on_thread)
        )
        with translated(name, "open"):
            opened = await storage.run(lambda database: prepare(database, name))
        reading, acknowledge = storage, None
        if path is not None:
            acknowledge = stack.enter_context(keep_mark(path, opened.last_seq))
            reading = await stack.enter_async_context(
                open_storage(name, threaded=on_thread, read_only=True)
            )
        reader = JournalReader(name, reading)
        journal = Journal(
            storage, reader, session, clock, opened, acknowledge=acknowledge
        )
        await stack.enter_async_context(writing(journal))
        yield journal


@asynccontextmanager
async def writing(journal: Journal) -> AsyncIterator[None]:
    """Run the journal's writer for the block; leaving it writes what is left."""
    failure: BaseException | None = None
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(journal.write_until_closed)
            try:
                yield
            finally:
                journal.close()
    except BaseExceptionGroup as group:
        # The writer never raises: the block's own exception goes on as it was.
        (failure,) = group.exceptions
    if failure is not None:
        raise failure
    journal.raise_if_failed()
