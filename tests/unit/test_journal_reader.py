"""Reading the journal back: filters, paging, sessions, and finding what was forged."""

from contextlib import AbstractAsyncContextManager
from pathlib import Path

import apsw
import pytest

from actors.domain.errors import JournalError
from actors.journal import (
    AuditRecord,
    Checkpoint,
    Journal,
    Kind,
    SessionEnded,
    SessionStarted,
    Stage,
    open_journal,
    open_reader,
)
from actors.runtime.clock import MarketClock

STARTED = SessionStarted("e1", "demo", "breakout_v1", "paper", 7, {"python": "3"}, 1)


def journal_at(
    path: Path | None, session: str = "s-1"
) -> AbstractAsyncContextManager[Journal]:
    return open_journal(path, session=session, clock=MarketClock(1_000))


async def test_rows_are_filtered_by_what_they_belong_to() -> None:
    async with journal_at(None) as journal:
        for symbol in ("A", "B"):
            for correlation in ("c-1", "c-2", None):
                journal.append(Kind.FILL, {}, symbol=symbol, correlation=correlation)
        await journal.commit()
        of_b = await journal.rows(Kind.FILL, symbol="B")
        of_one = await journal.rows(Kind.FILL, symbol="B", correlation="c-2")
        of_nobody = await journal.rows(Kind.FILL, session="s-other")
    assert [row.seq for row in of_b] == [4, 5, 6]
    assert [row.seq for row in of_one] == [5]
    assert of_nobody == ()


async def test_pages_join_without_gap_or_overlap() -> None:
    async with journal_at(None) as journal:
        for number in range(25):
            journal.append(Kind.ALERT, {"n": number})
        await journal.commit()
        after, pages = 0, []
        while page := await journal.rows(Kind.ALERT, after=after, limit=10):
            pages.append(len(page))
            after = page[-1].seq
        newest = await journal.rows(Kind.ALERT, newest_first=True, limit=2)
    assert pages == [10, 10, 5]
    assert [row.seq for row in newest] == [25, 24]


async def test_history_of_a_session_leaves_the_others_out(tmp_path: Path) -> None:
    for session in ("s-1", "s-2", "s-3"):
        async with journal_at(tmp_path / "j.db", session) as journal:
            journal.append(Kind.TRANSITION, {})
            journal.append(Kind.DECISION, {})
    async with open_reader(tmp_path / "j.db") as reader:
        rows = await reader.history(session="s-2")
    assert [(row.seq, row.kind) for row in rows] == [
        (3, Kind.TRANSITION),
        (4, Kind.DECISION),
    ]


async def test_session_that_ended_in_order_is_told_from_one_that_crashed(
    tmp_path: Path,
) -> None:
    async with journal_at(tmp_path / "j.db", "s-crashed") as journal:
        journal.append(Kind.SESSION, STARTED)
    async with journal_at(tmp_path / "j.db", "s-ended") as journal:
        journal.append(Kind.SESSION, STARTED)
        for stage in (Stage.SCAN, Stage.SCAN, Stage.SIGNAL):
            journal.append(Kind.CHECKPOINT, Checkpoint(stage), correlation="c-1")
        journal.append(Kind.SESSION, SessionEnded("market ended", 9))
        await journal.commit()
        crashed, ended = await journal.sessions()
    assert (crashed.session, crashed.started, crashed.ended) == (
        "s-crashed",
        STARTED,
        None,
    )
    assert ended.ended == SessionEnded("market ended", 9)
    assert ended.checkpoints == {"scan": 2, "signal": 1}


async def audited(path: Path) -> Path:
    async with journal_at(path) as journal:
        for number in range(5):
            journal.append(
                Kind.AUDIT, AuditRecord("me", f"set {number}", "1", "2", "ok")
            )
            journal.append(Kind.ALERT, {})
    return path


def forge(path: Path, *statements: str) -> None:
    """Change the file as somebody with the file at hand could."""
    database = apsw.Connection(str(path))
    for kind in (Kind.AUDIT, Kind.ALERT):
        for act in ("update", "delete"):
            database.execute(f"DROP TRIGGER {kind.table}_no_{act}")
    for statement in statements:
        database.execute(statement)
    database.close()


@pytest.mark.parametrize(
    ("forgery", "first_bad"),
    [
        ("UPDATE journal_audit SET body = '{}' WHERE seq = 5", 5),
        ("UPDATE journal_audit SET ts_ms = 7 WHERE seq = 1", 1),
        ("UPDATE journal_audit SET correlation = '' WHERE seq = 3", 3),
        ("UPDATE journal_audit SET hash = previous_hash WHERE seq = 9", 9),
    ],
)
async def test_forged_audit_row_is_named_and_the_journal_refused(
    tmp_path: Path, forgery: str, first_bad: int
) -> None:
    path = await audited(tmp_path / "j.db")
    forge(path, forgery)
    async with open_reader(path) as reader:
        found = await reader.verify()
    assert found.first_bad_seq == first_bad
    assert found.problem == f"the audit chain is broken at row {first_bad}"
    with pytest.raises(JournalError, match=f"broken at row {first_bad}"):
        async with journal_at(path):
            pass


@pytest.mark.parametrize(
    ("table", "seq"), [("journal_alert", 4), ("journal_audit", 5), ("journal_audit", 9)]
)
async def test_removed_row_is_named(tmp_path: Path, table: str, seq: int) -> None:
    path = await audited(tmp_path / "j.db")
    forge(path, f"DELETE FROM {table} WHERE seq = {seq}")
    async with open_reader(path) as reader:
        found = await reader.verify()
    assert found.first_bad_seq == seq
    assert found.problem == f"row {seq} is missing: 10 were appended, 9 are there"


async def test_damaged_page_is_found(tmp_path: Path) -> None:
    path = await audited(tmp_path / "j.db")
    content = bytearray(path.read_bytes())
    spot = content.index(b"s-1", len(content) // 2)
    content[spot - 12 : spot + 8] = b"\xff" * 20
    path.write_bytes(content)
    async with open_reader(path) as reader:
        try:
            problem = (await reader.verify()).problem
        except JournalError as error:
            problem = str(error)
    assert problem is not None


async def test_sound_journal_verifies(tmp_path: Path) -> None:
    async with open_reader(await audited(tmp_path / "j.db")) as reader:
        found = await reader.verify()
    assert (found.rows, found.last_seq, found.problem) == (10, 10, None)
