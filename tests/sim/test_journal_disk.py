"""The journal on a disk that fails and on one that loses its power.

The disk is SQLite's own file interface over real files. It counts writes and syncs, can
fail the N-th, and after each can say what would be left if the power went now: what was
synced, and of the rest any part, some of it torn.
"""

import random
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any

import apsw
import pytest

from actors.domain.errors import JournalError
from actors.journal import Journal, JournalReader, Kind, open_journal
from actors.journal import writer as writer_module
from actors.journal.opening import writing
from actors.journal.schema import prepare
from actors.journal.storage import open_storage
from actors.runtime.clock import MarketClock

USUAL = apsw.vfs_names()[0]
BATCHES = 12
ROWS_PER_BATCH = 9

Left = dict[str, bytes]  # file name -> content


class Disk(apsw.VFS):
    """Real files, counted; `fails_at` is the operation that fails."""

    def __init__(
        self, fails_at: int | None, source: random.Random, fault: type[apsw.Error]
    ) -> None:
        self.fails_at = fails_at
        self.fault = fault
        self.random = source
        self.operations = 0
        self.acknowledged = 0
        self.synced: Left = {}
        self.unsynced: dict[str, list[tuple[int, bytes]]] = {}
        self.power_cuts: list[tuple[int, Left]] = []
        super().__init__("faulty", USUAL)

    def xOpen(self, name: Any, flags: list[int]) -> "File":  # noqa: N802  # SQLite's
        return File(self, name, flags)

    def count(self) -> None:
        self.operations += 1
        if self.operations == self.fails_at:
            raise self.fault
        if self.fails_at is None:
            self.power_cuts.append((self.acknowledged, self.left_by_power_cut()))

    def left_by_power_cut(self) -> Left:
        left = {}
        for name, content in self.synced.items():
            survived = bytearray(content)
            for offset, block in self.unsynced[name]:
                fate = self.random.random()
                if fate < 0.6:
                    kept = block if fate < 0.4 else block[: len(block) // 2]
                    survived.extend(b"\0" * (offset + len(kept) - len(survived)))
                    survived[offset : offset + len(kept)] = kept
            left[name] = bytes(survived)
        return left


class File(apsw.VFSFile):
    def __init__(self, disk: Disk, name: Any, flags: list[int]) -> None:
        path = name if isinstance(name, str) else name.filename()
        self.disk, self.path, self.name = disk, Path(path), Path(path).name
        super().__init__(USUAL, name, flags)
        disk.synced.setdefault(self.name, self.path.read_bytes())
        disk.unsynced.setdefault(self.name, [])

    def xWrite(self, block: bytes, offset: int) -> None:  # noqa: N802  # SQLite's
        self.disk.unsynced[self.name].append((offset, bytes(block)))
        self.disk.count()
        super().xWrite(block, offset)

    def xSync(self, flags: int) -> None:  # noqa: N802  # SQLite's
        self.disk.count()
        super().xSync(flags)
        self.disk.synced[self.name] = self.path.read_bytes()
        self.disk.unsynced[self.name] = []


@contextmanager
def faulty_disk(
    fails_at: int | None, *, seed: int = 0, fault: type[apsw.Error] = apsw.IOError
) -> Iterator[Disk]:
    disk = Disk(fails_at, random.Random(seed), fault)
    apsw.set_default_vfs("faulty")
    try:
        yield disk
    finally:
        apsw.set_default_vfs(USUAL)
        disk.unregister()


def narrow(database: apsw.Connection) -> None:
    """Work without shared memory, which this disk does not have."""
    database.execute("PRAGMA locking_mode = EXCLUSIVE")


@pytest.fixture(autouse=True)
def folds_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fold the log in so often that faults hit that too."""
    monkeypatch.setattr(writer_module, "PAGES_LOGGED_MAX", 8)


async def trade(path: str, disk: Disk) -> None:
    async with AsyncExitStack() as stack:
        storage = await stack.enter_async_context(open_storage(path, threaded=False))
        await storage.run(narrow)
        opened = await storage.run(lambda database: prepare(database, path))
        reader = JournalReader(path, storage)
        journal = Journal(storage, reader, "s-1", MarketClock(), opened)
        await stack.enter_async_context(writing(journal))
        for _ in range(BATCHES):
            for number in range(ROWS_PER_BATCH):
                kind = (Kind.INTENT, Kind.DECISION, Kind.FILL)[number % 3]
                journal.append(kind, {"text": "x" * 300})
            disk.acknowledged = await journal.commit()


async def rows_of_sound_journal(path: Path) -> int:
    async with open_journal(
        path, session="s-2", clock=MarketClock(), threaded=False
    ) as journal:
        proof = await journal.verify()
        rows = await journal.history(limit=10_000)
    assert proof.problem is None
    assert [row.seq for row in rows] == list(range(1, len(rows) + 1))
    return len(rows)


def make_journal(path: Path) -> None:
    database = apsw.Connection(str(path))
    prepare(database, str(path))
    database.close()


@pytest.mark.parametrize("seed", range(3))
async def test_power_cut_anywhere_loses_nothing_committed(
    tmp_path: Path, seed: int
) -> None:
    path = tmp_path / "j.db"
    make_journal(path)
    with faulty_disk(None, seed=seed) as disk:
        await trade(str(path), disk)
    assert disk.acknowledged == BATCHES * ROWS_PER_BATCH
    assert len(disk.power_cuts) > 50
    for number, (acknowledged, left) in enumerate(disk.power_cuts):
        folder = tmp_path / str(number)
        folder.mkdir()
        for name, content in left.items():
            (folder / name).write_bytes(content)
        (folder / "j.db.mark").write_text(f"{acknowledged:020d}\n")
        rows = await rows_of_sound_journal(folder / "j.db")
        assert rows >= acknowledged
        assert rows % ROWS_PER_BATCH == 0  # whole batches only


@pytest.mark.parametrize("fault", [apsw.IOError, apsw.FullError, apsw.ReadOnlyError])
async def test_any_failed_write_or_sync_is_told_and_loses_nothing_committed(
    tmp_path: Path, fault: type[apsw.Error]
) -> None:
    operation, reached_end = 0, False
    while not reached_end:
        operation += 1
        path = tmp_path / f"{operation}.db"
        make_journal(path)
        with faulty_disk(operation, fault=fault) as disk:
            try:
                await trade(str(path), disk)
            except (JournalError, fault):
                pass
            else:
                reached_end = disk.operations < operation
        rows = await rows_of_sound_journal(path)
        assert disk.acknowledged <= rows <= disk.acknowledged + ROWS_PER_BATCH
    assert operation > 50
