"""Folding the write-ahead log in: bounded, between batches, safe to die within."""

import signal
import subprocess
import sys
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import apsw
import pytest
import trio

from actors.domain.crash_points import CrashPoint
from actors.journal import Journal, Kind, open_journal, open_reader
from actors.journal import writer as writer_module
from actors.runtime import crash
from actors.runtime.clock import MarketClock

PAGE_BYTES = 4_096


def journal_at(path: Path) -> AbstractAsyncContextManager[Journal]:
    return open_journal(path, session="s-1", clock=MarketClock(1_000))


async def write_batches(journal: Journal, batches: int) -> None:
    for _ in range(batches):
        for _ in range(100):
            journal.append(Kind.DECISION, {"text": "x" * 400})
        await journal.commit()


def log_bytes(path: Path) -> int:
    return path.with_name(f"{path.name}-wal").stat().st_size


async def test_log_stays_within_its_bound_however_much_is_written(
    tmp_path: Path,
) -> None:
    path = tmp_path / "j.db"
    async with journal_at(path) as journal:
        await write_batches(journal, 400)
        assert path.stat().st_size > 3 * log_bytes(path)
        # One batch may come on top of the bound before it is folded in.
        assert log_bytes(path) < (writer_module.PAGES_LOGGED_MAX + 100) * PAGE_BYTES


async def test_folding_passes_its_crash_point_and_wakes_nobody_late(
    tmp_path: Path,
) -> None:
    durable: list[int] = []
    async with journal_at(tmp_path / "j.db") as journal:
        crash.arm(
            CrashPoint.CHECKPOINTING,
            lambda: durable.append(journal.statistics().waiting),
        )
        try:
            await write_batches(journal, 200)
        finally:
            crash.disarm()
    assert durable == [0]  # the batch before it is acknowledged already


async def test_log_that_a_crash_left_is_folded_in_when_opened(tmp_path: Path) -> None:
    path, copy = tmp_path / "j.db", tmp_path / "copy.db"
    async with journal_at(path) as journal:
        await write_batches(journal, 20)
        copy.write_bytes(path.read_bytes())
        log = path.with_name("j.db-wal").read_bytes()
        copy.with_name("copy.db-wal").write_bytes(log)
    before = copy.stat().st_size
    async with journal_at(copy) as journal:
        assert copy.stat().st_size > before
        assert (await journal.verify()).rows == 2_000


async def test_reader_that_holds_the_log_does_not_stop_the_writer(
    tmp_path: Path,
) -> None:
    path = tmp_path / "j.db"
    async with journal_at(path) as journal:
        await write_batches(journal, 2)
        reader = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        reader.execute("BEGIN")
        seen = reader.execute("SELECT max(seq) FROM journal_decision").get
        await write_batches(journal, 200)
        assert reader.execute("SELECT max(seq) FROM journal_decision").get == seen
        reader.close()
        await write_batches(journal, 200)
        assert (await journal.verify()).rows == 40_200


# Shared memory needs SQLite's own files; with it out of the way, every write to the
# tables' file is a fold's, and the child dies at the one it is told.
DYING = """
import os, pathlib, signal, sys
import apsw, trio
from contextlib import AsyncExitStack
from actors.journal import Journal, JournalReader, Kind
from actors.journal.opening import writing
from actors.journal.schema import prepare
from actors.journal.storage import open_storage
from actors.runtime.clock import MarketClock

path, last = sys.argv[1], int(sys.argv[2])
usual = apsw.vfs_names()[0]
writes = -1_000  # making the file takes some as well

class Dying(apsw.VFS):
    def __init__(self):
        super().__init__("dying", usual)
    def xOpen(self, name, flags):
        return File(name, flags)

class File(apsw.VFSFile):
    def __init__(self, name, flags):
        text = name if isinstance(name, str) else name.filename()
        self.tables = text == path
        super().__init__(usual, name, flags)
    def xWrite(self, block, offset):
        global writes
        if self.tables:
            writes += 1
            if writes == last:
                os.kill(os.getpid(), signal.SIGKILL)
        super().xWrite(block, offset)

async def main():
    global writes
    async with AsyncExitStack() as stack:
        storage = await stack.enter_async_context(open_storage(path, threaded=False))
        await storage.run(
            lambda database: list(database.execute("PRAGMA locking_mode = EXCLUSIVE"))
        )
        opened = await storage.run(lambda database: prepare(database, path))
        writes = 0
        reader = JournalReader(path, storage)
        journal = Journal(storage, reader, "s-1", MarketClock(), opened)
        await stack.enter_async_context(writing(journal))
        while True:
            for n in range(100):
                journal.append(Kind.DECISION, {"text": "x" * 400})
            print(await journal.commit(), flush=True)

vfs = Dying()
apsw.set_default_vfs("dying")
trio.run(main)
"""


@pytest.mark.parametrize("write", [1, 2, 500, 900])
async def test_kill_within_a_fold_loses_nothing_acknowledged(
    tmp_path: Path, write: int
) -> None:
    path = tmp_path / "j.db"
    child = await trio.run_process(
        [sys.executable, "-c", DYING, str(path), str(write)],
        check=False,
        capture_stdout=True,
        stderr=subprocess.DEVNULL,
    )
    assert child.returncode == -signal.SIGKILL
    acknowledged = int(child.stdout.split()[-1])
    assert acknowledged > 1_000  # a fold comes after as many pages, not at once
    async with journal_at(path) as journal:
        proof = await journal.verify()
    assert proof.problem is None
    # The batch before the fold is on the disk; who waited for it may not know it yet.
    assert proof.rows - acknowledged in {0, 100}


async def test_reader_beside_the_writer_sees_each_row_once_through_a_fold(
    tmp_path: Path,
) -> None:
    path = tmp_path / "j.db"
    async with journal_at(path) as journal, open_reader(path) as reader:
        for _ in range(20):
            await write_batches(journal, 15)
            proof = await reader.verify()
            assert proof.problem is None
            assert proof.rows == journal.statistics().durable
