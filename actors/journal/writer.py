"""The journal's handle: append in no time, commit when it must be on the disk.

`append` only encodes and buffers. One task writes: it takes everything that waits, puts
it into one transaction and one fsync, and wakes everybody whose rows were in it (group
commit). So thirty-two orders waiting to be sent cost one disk write, not thirty-two.

Rows get one sequence over all kinds. A batch is always the whole buffer, so what a
crash leaves on the disk is a prefix of that sequence: gap-free, never half a row.

Bounds: `flush_if` waits once ROWS_FULL rows wait for the disk, which slows the caller
down to the disk's speed; `append` raises at ROWS_MAX, which a caller that flushes after
each step cannot reach. After a failed write the journal is closed to everything: what
is not in the journal must not be acted upon.
"""

from collections.abc import Callable
from typing import Any

import msgspec
import trio

from actors.domain.crash_points import CrashPoint
from actors.domain.errors import JournalError
from actors.journal.audit import seal
from actors.journal.checksum import CHECKED, checksum
from actors.journal.insert import StoredRow, fold_log, insert_batch
from actors.journal.kinds import Kind
from actors.journal.mark import Acknowledge
from actors.journal.reader import JournalReader
from actors.journal.schema import Opened
from actors.journal.session import check_body
from actors.journal.statistics import JournalStatistics
from actors.journal.storage import Storage, translated
from actors.runtime.clock import Clock
from actors.runtime.crash import reached

ROWS_FULL = 1_024
ROWS_MAX = 16_384
PAGES_LOGGED_MAX = 1_000
"""So many pages the write-ahead log gets before it is folded in; 4 KB each."""

_encode = msgspec.json.Encoder().encode


class Journal:
    """What happened, in order. One owner appends; `read` is for everybody."""

    def __init__(
        self,
        storage: Storage,
        reader: JournalReader,
        session: str,
        clock: Clock,
        opened: Opened,
        *,
        acknowledge: Acknowledge | None = None,
    ) -> None:
        self.read = reader
        self.rows, self.history = reader.rows, reader.history
        self.sessions, self.verify = reader.sessions, reader.verify
        self.replay, self.newest = reader.replay, reader.newest
        self.find_order = reader.find_order
        self.session = session
        self._storage = storage
        self._path = reader.path
        self._acknowledge = acknowledge or _unmarked
        self._now_ms = clock.now_ms
        self._buffers: dict[Kind, list[StoredRow]] = {}
        self._appended = self._durable = opened.last_seq
        self._audit_head = opened.audit_head
        self._taken = (opened.last_seq, opened.audit_head)  # by the newest write
        self._bell = trio.Event()
        self._written = trio.lowlevel.ParkingLot()
        self._failure: str | None = None
        self._closing = False
        self._waiting_peak = 0
        self._transactions = 0
        self._commits = 0
        self._pages_logged = self._pages_folded = 0
        self._write_began: float | None = None
        self._writing_seconds_max = 0.0
        self._writing_seconds_last: float | None = None
        self._taking: Callable[[], None] = _nothing
        self._durable_now: Callable[[], None] = _nothing

    def watch(self, taking: Callable[[], None], durable: Callable[[], None]) -> None:
        """Hear of every write.

        `taking` is called when all that waits is taken into one write: what is seen
        then is what the disk will hold. `durable` is called when it is on the disk.
        """
        self._taking, self._durable_now = taking, durable

    def append(
        self,
        kind: Kind,
        body: msgspec.Struct | dict[str, Any],
        *,
        symbol: str | None = None,
        correlation: str | None = None,
    ) -> int:
        """Buffer one fact and return its sequence number; never waits.

        The body is encoded here, so a body that cannot be encoded fails its author, and
        a dict may be changed afterwards.

        Raises:
            JournalError: the journal is closed or failed, or ROWS_MAX rows wait.
            TypeError: the body cannot be JSON, or is not what AUDIT or SESSION must be.
        """
        if self._appended - self._durable >= ROWS_MAX or self._closing:
            self._refuse()
        seq = self._appended + 1
        encoded = _encode(body)
        columns = (seq, self.session, self._now_ms(), symbol, correlation)
        row = (*columns, encoded.decode())
        stored: StoredRow = row
        if kind in CHECKED:
            stored = (*row, checksum(columns, encoded))
        if kind is Kind.AUDIT or kind is Kind.SESSION:
            check_body(kind, body)
        if kind is Kind.AUDIT:
            previous, self._audit_head = self._audit_head, seal(row, self._audit_head)
            stored = (*row, previous, self._audit_head)
        try:
            self._buffers[kind].append(stored)
        except KeyError:
            self._buffers[kind] = [stored]
        self._appended = seq
        return seq

    def forget_waiting(self) -> None:
        """Forget what no write has taken yet, as the end of the process would.

        For an owner that failed in the middle of a turn: half a turn is no fact.
        """
        self._buffers = {}
        self._appended, self._audit_head = self._taken

    async def commit(self) -> int:
        """Wait until everything appended before this call is on the disk.

        Returns the newest durable sequence number. All who wait share one transaction.

        Raises:
            JournalError: it could not be written; nothing after may be relied upon.
        """
        wanted = self._appended
        if self._durable >= wanted:
            await trio.lowlevel.checkpoint()
            return self._durable
        self._commits += 1
        while self._durable < min(wanted, self._appended):
            self.raise_if_failed()
            self._bell.set()
            await self._written.park()
        return self._durable

    async def flush_if(self, rows: int) -> None:
        """Start a write once `rows` rows wait; wait only while the buffer is full.

        Raises:
            JournalError: an earlier write failed.
        """
        waiting = self._appended - self._durable
        if waiting < rows:
            return
        self._bell.set()
        while self._appended - self._durable >= ROWS_FULL:
            self.raise_if_failed()
            await self._written.park()

    @property
    def appended(self) -> int:
        """The sequence number of the newest row."""
        return self._appended

    @property
    def idle(self) -> bool:
        """Whether everything appended is on the disk."""
        return self._appended == self._durable

    def write_soon(self) -> None:
        """Start a write of what waits; never waits for it."""
        self._bell.set()

    def statistics(self) -> JournalStatistics:
        """Return the writer's counters."""
        writing = self._writing_seconds()
        return JournalStatistics(
            appended=self._appended,
            durable=self._durable,
            waiting=self._appended - self._durable,
            waiting_peak=self._waiting_peak,
            transactions=self._transactions,
            commits=self._commits,
            writing_seconds=writing,
            writing_seconds_max=max(writing, self._writing_seconds_max),
            writing_seconds_last=self._writing_seconds_last,
            failure=self._failure,
        )

    def _refuse(self) -> None:
        self.raise_if_failed()
        state = "is closed" if self._closing else f"has {ROWS_MAX} rows waiting"
        message = (
            f"the journal {self._path} {state} and takes no more; "
            "await commit() or flush_if() after each step"
        )
        raise JournalError(message)

    def raise_if_failed(self) -> None:
        """Raise JournalError if a write has failed."""
        if self._failure is not None:
            raise JournalError(self._failure)

    async def write_until_closed(self) -> None:
        """Be the one task that writes."""
        # A cancelled engine still writes what it has appended: they are facts.
        with trio.CancelScope(shield=True):
            while self._failure is None:
                if self._appended == self._durable and self._closing:
                    break
                await self._bell.wait()
                self._bell = trio.Event()
                if self._appended > self._durable:
                    await self._write_batch()
                if self._pages_logged - self._pages_folded >= PAGES_LOGGED_MAX:
                    await self._fold_log()
                if self._closing:
                    self._bell.set()
        self._written.unpark_all()

    async def _write_batch(self) -> None:
        batch, self._buffers = self._buffers, {}
        upto = self._appended
        self._taken = (upto, self._audit_head)
        self._taking()
        self._waiting_peak = max(self._waiting_peak, upto - self._durable)
        self._write_began = trio.current_time()
        try:
            with translated(self._path, "write"):
                self._pages_logged = await self._storage.run(
                    insert_batch(batch, lambda: self._acknowledge(upto))
                )
        except JournalError as error:
            self._fail(error)
        else:
            self._durable = upto
            self._transactions += 1
            reached(CrashPoint.COMMITTED)
            self._durable_now()
        finally:
            self._writing_seconds_last = spent = self._writing_seconds()
            self._writing_seconds_max = max(self._writing_seconds_max, spent)
            self._write_began = None
        self._written.unpark_all()

    async def _fold_log(self) -> None:
        # Here and not inside a COMMIT: nobody waits for it but the next batch.
        reached(CrashPoint.CHECKPOINTING)
        try:
            with translated(self._path, "fold the log into"):
                await self._storage.run(fold_log)
        except JournalError as error:
            self._fail(error)
        self._pages_folded = self._pages_logged

    def _fail(self, error: JournalError) -> None:
        self._failure = str(error)
        self._closing = True

    def _writing_seconds(self) -> float:
        began = self._write_began
        return 0.0 if began is None else trio.current_time() - began

    def close(self) -> None:
        """Take no more; the writer ends once everything appended is written."""
        self._closing = True
        self._bell.set()


def _nothing() -> None:
    """Stand in for whoever does not watch."""


def _unmarked(_seq: int) -> None:
    """Stand in for the mark of a journal in memory."""
