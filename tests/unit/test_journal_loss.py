"""What a journal's files may lose, and that it never goes unsaid."""

import shutil
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import apsw
import pytest
import trio

from actors.domain.errors import JournalError
from actors.journal import Journal, Kind, open_journal, open_reader
from actors.runtime.clock import MarketClock

ROWS = 60


def journal_at(path: Path) -> AbstractAsyncContextManager[Journal]:
    return open_journal(path, session="s-1", clock=MarketClock(1_000))


async def commit_rows(journal: Journal, rows: int) -> None:
    for number in range(rows):
        journal.append(Kind.FILL, {"n": number})
        await journal.commit()


async def killed(folder: Path) -> Path:
    """Return a journal whose rows are all in its log, as a SIGKILL leaves it."""
    path = folder / "killed" / "j.db"
    (folder / "running").mkdir()
    async with journal_at(folder / "running" / "j.db") as journal:
        await commit_rows(journal, ROWS)
        shutil.copytree(folder / "running", folder / "killed")
    return path


async def refusal(path: Path) -> str:
    with pytest.raises(JournalError) as refused:
        async with journal_at(path):
            pass
    return str(refused.value)


def log_of(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


async def test_what_a_kill_leaves_is_all_there(tmp_path: Path) -> None:
    async with journal_at(await killed(tmp_path)) as journal:
        assert (await journal.verify()).rows == ROWS


async def test_missing_log_is_refused_naming_what_is_lost(tmp_path: Path) -> None:
    path = await killed(tmp_path)
    log_of(path).unlink()
    told = await refusal(path)
    assert f"rows up to {ROWS} were acknowledged" in told
    assert str(path) in told
    assert f"delete {path}.mark" in told


@pytest.mark.parametrize("share", [0.2, 0.5, 0.95])
async def test_torn_log_is_refused(tmp_path: Path, share: float) -> None:
    path = await killed(tmp_path)
    log = log_of(path).read_bytes()
    log_of(path).write_bytes(log[: int(len(log) * share)])
    assert f"rows up to {ROWS} were acknowledged" in await refusal(path)


async def test_flipped_bit_in_the_log_is_refused(tmp_path: Path) -> None:
    path = await killed(tmp_path)
    log = bytearray(log_of(path).read_bytes())
    log[len(log) // 2] ^= 1
    log_of(path).write_bytes(log)
    assert f"rows up to {ROWS} were acknowledged" in await refusal(path)


async def test_deleted_file_is_refused_and_its_log_kept(tmp_path: Path) -> None:
    path = await killed(tmp_path)
    path.unlink()
    assert "ends at row 0" in await refusal(path)
    assert not path.exists()
    assert log_of(path).stat().st_size > 0  # with a copy of the file it is of use


async def test_older_copy_is_refused_until_a_person_gives_the_rows_up(
    tmp_path: Path,
) -> None:
    path, copy = tmp_path / "j.db", tmp_path / "copy.db"
    async with journal_at(path) as journal:
        await commit_rows(journal, 3)
    shutil.copy(path, copy)
    async with journal_at(path) as journal:
        await commit_rows(journal, 4)
    shutil.copy(copy, path)
    assert "ends at row 3, but rows up to 7 were" in await refusal(path)
    path.with_name("j.db.mark").unlink()
    async with journal_at(path) as journal:
        assert journal.append(Kind.FILL, {}) == 4


async def test_removed_tail_is_found_by_verify_too(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    async with journal_at(path) as journal:
        await commit_rows(journal, 5)
    database = apsw.Connection(str(path))
    database.execute("DROP TRIGGER journal_fill_no_delete")
    database.execute("DELETE FROM journal_fill WHERE seq > 3")
    database.close()
    async with open_reader(path) as reader:
        found = await reader.verify()
    assert found.problem is not None
    assert "rows up to 5 were acknowledged" in found.problem


@pytest.mark.parametrize("replaced", [False, True])
async def test_file_taken_away_under_the_engine_stops_it(
    tmp_path: Path, *, replaced: bool
) -> None:
    path = tmp_path / "j.db"
    with pytest.raises(JournalError, match="removed or replaced"):  # noqa: PT012  # leaving the block is the act
        async with journal_at(path) as journal:
            await commit_rows(journal, 2)
            path.rename(tmp_path / "elsewhere.db")
            if replaced:
                path.write_bytes(b"")
            with pytest.raises(JournalError, match="removed or replaced"):
                await commit_rows(journal, 1)
            assert journal.statistics().durable == 2


async def test_lock_held_by_another_program_is_told(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    with pytest.raises(JournalError, match="another program holds the file"):  # noqa: PT012  # leaving the block is the act
        async with journal_at(path) as journal:
            await commit_rows(journal, 2)
            await journal._storage.run(lambda base: base.set_busy_timeout(20))
            other = apsw.Connection(str(path))
            other.execute("BEGIN IMMEDIATE")
            try:
                await commit_rows(journal, 1)
            finally:
                other.close()
    async with journal_at(path) as journal:
        assert (await journal.verify()).rows == 2


async def test_mark_on_a_full_disk_ends_the_journal(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    path.with_name("j.db.mark").symlink_to("/dev/full")
    assert "free disk space" in await refusal(path)


async def test_damaged_mark_is_no_mark(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    async with journal_at(path) as journal:
        await commit_rows(journal, 2)
    mark = trio.Path(path.with_name("j.db.mark"))
    await mark.write_bytes(b"\0" * 21)  # a power cut before it was ever synced
    async with journal_at(path) as journal:
        await commit_rows(journal, 1)
    assert int(await mark.read_text()) == 3
