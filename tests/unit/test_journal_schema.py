"""The journal's file: append-only, versions, one owner, what is not a journal."""

import subprocess
import sys
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path

import apsw
import msgspec
import pytest
import trio

from actors.domain.errors import JournalError
from actors.journal import (
    AuditRecord,
    Journal,
    Kind,
    SessionEnded,
    open_journal,
    open_reader,
    schema,
)
from actors.runtime.clock import MarketClock


def journal_at(
    path: Path, session: str = "s-1"
) -> AbstractAsyncContextManager[Journal]:
    return open_journal(path, session=session, clock=MarketClock(1_000))


async def filled(path: Path) -> Path:
    async with journal_at(path) as journal:
        for kind in Kind:
            body: msgspec.Struct = AuditRecord("me", "stop", "a", "b", "ok")
            if kind is Kind.SESSION:
                body = SessionEnded("stopped", 1)
            journal.append(kind, body, symbol="X", correlation="c-1")
    return path


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("act", ["UPDATE {} SET body = '{{}}'", "DELETE FROM {}"])
async def test_rows_cannot_be_changed_or_removed(
    tmp_path: Path, kind: Kind, act: str
) -> None:
    database = apsw.Connection(str(await filled(tmp_path / "j.db")))
    with pytest.raises(apsw.ConstraintError, match="append-only"):
        database.execute(act.format(kind.table))
    database.close()


async def test_the_owner_cannot_replace_a_row(tmp_path: Path) -> None:
    def replace(database: apsw.Connection) -> None:
        database.execute(
            "INSERT OR REPLACE INTO journal_decision VALUES (1, 's', 0, '', '', '{}')"
        )

    async with journal_at(tmp_path / "j.db") as journal:
        journal.append(Kind.DECISION, {"true": 1})
        await journal.commit()
        with pytest.raises(apsw.ConstraintError, match="append-only"):
            await journal._storage.run(replace)


async def test_audit_columns_can_be_read_by_name(tmp_path: Path) -> None:
    database = apsw.Connection(str(await filled(tmp_path / "j.db")))
    found = database.execute(
        'SELECT who, what, "before", "after", result FROM journal_audit'
    ).get
    database.close()
    assert found == ("me", "stop", "a", "b", "ok")


async def test_every_commit_reaches_the_platter(tmp_path: Path) -> None:
    def pragmas(database: apsw.Connection) -> list[object]:
        names = ("journal_mode", "synchronous")
        return [database.execute(f"PRAGMA {name}").get for name in names]

    async with journal_at(tmp_path / "j.db") as journal:
        assert await journal._storage.run(pragmas) == ["wal", 2]  # 2: FULL


def make_version_1(path: Path) -> None:
    database = apsw.Connection(str(path))
    schema.migrate(database, 0, 1)
    database.execute("INSERT INTO journal_fill VALUES (1, 's-0', 5, 'X', NULL, '{}')")
    database.close()


async def test_version_1_migrates_and_keeps_its_rows(tmp_path: Path) -> None:
    make_version_1(tmp_path / "j.db")
    async with journal_at(tmp_path / "j.db") as journal:
        assert journal.append(Kind.SNAPSHOT, {}) == 2
        await journal.commit()
        assert [row.session for row in await journal.history()] == ["s-0", "s-1"]
    database = apsw.Connection(str(tmp_path / "j.db"))
    assert database.execute("PRAGMA user_version").get == schema.SCHEMA_VERSION
    database.close()


async def test_reader_of_version_1_says_how_to_migrate(tmp_path: Path) -> None:
    make_version_1(tmp_path / "j.db")
    with pytest.raises(JournalError, match="version 1, this engine reads 3"):
        async with open_reader(tmp_path / "j.db"):
            pass


async def test_newer_version_is_refused_naming_both_and_left_alone(
    tmp_path: Path,
) -> None:
    path = await filled(tmp_path / "j.db")
    database = apsw.Connection(str(path))
    database.execute("PRAGMA user_version = 99")
    database.close()
    before = path.read_bytes()
    with pytest.raises(JournalError, match="version 99, this engine reads up to 3"):
        async with journal_at(path):
            pass
    assert path.read_bytes() == before


async def test_other_sqlite_file_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    database = apsw.Connection(str(path))
    database.execute("CREATE TABLE mine (x)")
    database.close()
    before = path.read_bytes()
    with pytest.raises(JournalError, match="not a journal"):
        async with journal_at(path):
            pass
    assert path.read_bytes() == before


async def test_file_that_is_no_database_is_refused_with_path_and_remedy(
    tmp_path: Path,
) -> None:
    path = tmp_path / "j.db"
    path.write_bytes(b"not a database at all, but long enough" * 100)
    with pytest.raises(JournalError, match=r"j\.db.*no SQLite file"):
        async with journal_at(path):
            pass


async def test_missing_directory_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="directory exists"):
        async with journal_at(tmp_path / "absent" / "j.db"):
            pass


async def test_reading_an_absent_journal_is_refused(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="unable to open"):
        async with open_reader(tmp_path / "j.db"):
            pass
    assert not list(tmp_path.iterdir())  # noqa: ASYNC240  # nothing else runs


async def test_second_owner_is_refused_and_told_who_holds_it(tmp_path: Path) -> None:
    async with journal_at(tmp_path / "j.db", "s-first") as journal:
        with pytest.raises(JournalError, match=r"held by process .*s-first"):
            async with journal_at(tmp_path / "j.db", "s-second"):
                pass
        journal.append(Kind.FILL, {})
        assert await journal.commit() == 1


HOLDING = """
import pathlib, sys, trio
from actors.journal import open_journal
from actors.runtime.clock import MarketClock

async def main():
    path = pathlib.Path(sys.argv[1])
    async with open_journal(path, session="s-other", clock=MarketClock()):
        print("held", flush=True)
        await trio.sleep_forever()

trio.run(main)
"""


async def test_second_process_is_refused_until_the_first_is_killed(
    tmp_path: Path,
) -> None:
    path = tmp_path / "j.db"
    command = [sys.executable, "-c", HOLDING, str(path)]
    async with trio.open_nursery() as nursery:
        other = await nursery.start(
            partial(trio.run_process, command, check=False, stdout=subprocess.PIPE)
        )
        assert await other.stdout.receive_some(4) == b"held"
        with pytest.raises(JournalError, match=f"process {other.pid}, session s-other"):
            async with journal_at(path):
                pass
        other.kill()
        await other.wait()
    async with journal_at(path) as journal:
        assert journal.append(Kind.FILL, {}) == 1


async def test_reader_works_beside_the_owner(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    async with journal_at(path) as journal, open_reader(path) as reader:
        journal.append(Kind.FILL, {"n": 1})
        assert await reader.rows(Kind.FILL) == ()  # buffered: not yet a fact
        await journal.commit()
        assert len(await reader.rows(Kind.FILL)) == 1
