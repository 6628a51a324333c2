"""Reads the journal back: by kind, in the order of all, as sessions, and as proof."""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import apsw
import msgspec

from actors.domain.errors import JournalError
from actors.journal.kinds import Kind, Row
from actors.journal.mark import marked
from actors.journal.proof import Verification, verification
from actors.journal.replaying import newest_of, newest_of_order, page_of
from actors.journal.schema import SCHEMA_VERSION, check
from actors.journal.session import SessionEnded, SessionStarted, SessionSummary
from actors.journal.storage import Storage, open_storage, translated

T = TypeVar("T")

ROWS_PER_READ_MAX = 10_000

_COLUMNS = "seq, session, ts_ms, symbol, correlation, body"


class JournalReader:
    """Committed rows only: what is still buffered has not happened for a reader."""

    def __init__(self, path: str, storage: Storage) -> None:
        self.path = path
        self._storage = storage

    async def rows(  # noqa: PLR0913  # filters, each by keyword
        self,
        kind: Kind,
        *,
        session: str | None = None,
        symbol: str | None = None,
        correlation: str | None = None,
        after: int = 0,
        limit: int = 1_000,
        newest_first: bool = False,
    ) -> tuple[Row, ...]:
        """Return rows of one kind with seq over `after`, at most `limit` (10,000).

        Raises:
            JournalError: the file cannot be read.
        """
        wanted = {"session": session, "symbol": symbol, "correlation": correlation}
        filters = {name: value for name, value in wanted.items() if value is not None}
        conditions = "".join(f" AND {name} = :{name}" for name in filters)
        order = "DESC" if newest_first else "ASC"
        query = (
            f"SELECT '{kind}', {_COLUMNS} FROM {kind.table} "  # noqa: S608  # names are ours
            f"WHERE seq > :after{conditions} ORDER BY seq {order} LIMIT :limit"
        )
        bindings = {**filters, "after": after, "limit": min(limit, ROWS_PER_READ_MAX)}
        return await self.run(
            lambda database: _as_rows(database.execute(query, bindings))
        )

    async def history(
        self, *, session: str | None = None, after: int = 0, limit: int = 1_000
    ) -> tuple[Row, ...]:
        """Return rows of every kind in the order they were appended.

        Raises:
            JournalError: the file cannot be read.
        """
        condition = " AND session = :session" if session is not None else ""
        tables = " UNION ALL ".join(
            f"SELECT '{kind}', {_COLUMNS} FROM {kind.table} WHERE seq > :after{condition}"  # noqa: S608, E501  # names are ours; a query reads best whole
            for kind in Kind
        )
        query = f"{tables} ORDER BY seq LIMIT :limit"
        bindings: dict[str, int | str] = {
            "after": after,
            "limit": min(limit, ROWS_PER_READ_MAX),
        }
        if session is not None:
            bindings["session"] = session
        return await self.run(
            lambda database: _as_rows(database.execute(query, bindings))
        )

    async def replay(
        self, kinds: Sequence[Kind], *, after: int = 0
    ) -> AsyncIterator[tuple[Row, ...]]:
        """Yield every row of these kinds with seq over `after`, a page at a time.

        The rows are in the order they were appended, over all these kinds; the others
        are not touched, however many they are.

        Raises:
            JournalError: the file cannot be read.
        """
        while page := await self.run(page_of(kinds, after)):
            yield page
            after = page[-1].seq

    async def newest(self, kind: Kind) -> Row | None:
        """Return the row of this kind that was appended last; None: there is none.

        Raises:
            JournalError: the file cannot be read.
        """
        return await self.run(newest_of(kind))

    async def find_order(self, client_id: str) -> Row | None:
        """Return the newest row of one order, INTENT or ORDER; None: never journalled.

        Raises:
            JournalError: the file cannot be read.
        """
        return await self.run(newest_of_order(client_id))

    async def sessions(self) -> tuple[SessionSummary, ...]:
        """Return every run in the order of starting.

        Raises:
            JournalError: the file cannot be read.
        """
        return await self.run(_sessions)

    async def verify(self) -> Verification:
        """Check structure, sequence, audit chain, the money's checksums and the end.

        Raises:
            JournalError: the file cannot be read at all.
        """
        # Read first: beside a running engine the rows go on growing, the mark after.
        acknowledged = marked(self.path)
        return await self.run(
            lambda database: verification(database, self.path, acknowledged)
        )

    async def run(self, work: Callable[[apsw.Connection], T]) -> T:
        """Run one piece of reading on the connection's own thread.

        Raises:
            JournalError: the file cannot be read.
        """
        with translated(self.path, "read"):
            return await self._storage.run(work)


@asynccontextmanager
async def open_reader(path: Path) -> AsyncIterator[JournalReader]:
    """Open a journal for reading only, beside whoever writes it.

    Raises:
        JournalError: there is no such journal, or its schema is not this engine's.
    """
    name = str(path)
    async with open_storage(name, threaded=True, read_only=True) as storage:
        with translated(name, "open"):
            version = await storage.run(lambda database: check(database, name))
        if version != SCHEMA_VERSION:
            message = (
                f"{name} has schema version {version}, this engine reads "
                f"{SCHEMA_VERSION}; let the engine open it once: it migrates"
            )
            raise JournalError(message)
        yield JournalReader(name, storage)


def _as_rows(
    found: Iterable[tuple[str, int, str, int, str, str, str]],
) -> tuple[Row, ...]:
    return tuple(
        Row(seq, Kind(kind), session, ts_ms, symbol, correlation, msgspec.Raw(body))
        for kind, seq, session, ts_ms, symbol, correlation, body in found
    )


def _sessions(database: apsw.Connection) -> tuple[SessionSummary, ...]:
    started: dict[str, SessionStarted] = {}
    ended: dict[str, SessionEnded] = {}
    reached: dict[str, dict[str, int]] = {}
    for session, body in database.execute(
        f"SELECT session, body FROM {Kind.SESSION.table} ORDER BY seq"  # noqa: S608  # names are ours
    ):
        fact = msgspec.json.decode(body, type=SessionStarted | SessionEnded)
        reached.setdefault(session, {})
        if isinstance(fact, SessionStarted):
            started[session] = fact
        else:
            ended[session] = fact
    for session, stage, count in database.execute(
        "SELECT session, body ->> 'stage', count(*) "  # noqa: S608  # names are ours
        f"FROM {Kind.CHECKPOINT.table} GROUP BY 1, 2"
    ):
        reached.setdefault(session, {})[stage] = count
    return tuple(
        SessionSummary(session, started.get(session), ended.get(session), stages)
        for session, stages in reached.items()
    )
