"""Old rows are moved out of a journal; what money hangs on, and the proof, stay."""

import random
import stat
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from actors.domain.errors import JournalError
from actors.journal import AuditRecord, Kind, Verification, open_journal, open_reader
from actors.journal import compact as room
from actors.journal.compact import MOVED, Compacted, compact
from actors.journal.mark import marked
from actors.journal.proof import rows_upto
from actors.runtime.clock import MarketClock

DAY_MS = 86_400_000
WHO = "a person"
NOW_MS = 100 * DAY_MS


async def live(path: Path, days: range, without: Kind = Kind.SESSION) -> None:
    """Write some rows of each kind on each day."""
    chance, clock = random.Random(1), MarketClock(0)
    async with open_journal(path, session=f"s-{days.start}", clock=clock) as journal:
        for day in days:
            clock.advance_to(day * DAY_MS)
            kinds = [kind for kind in Kind if kind not in {Kind.SESSION, without}] * 3
            chance.shuffle(kinds)
            for number, kind in enumerate(kinds):
                body: AuditRecord | dict[str, object] = {"day": day, "text": "x" * 200}
                if kind is Kind.AUDIT:
                    body = AuditRecord("engine", "set limit", "1", "2", "done")
                journal.append(kind, body, correlation=f"c-{day}-{number % 7}")
            await journal.commit()


async def verified(path: Path) -> Verification:
    async with open_reader(path) as reader:
        return await reader.verify()


def rows_of(path: Path, kind: Kind) -> list[tuple[object, ...]]:
    with apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY) as database:
        return list(database.execute(f"SELECT * FROM {kind.table} ORDER BY seq"))


def names(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()}


def moved(path: Path, keep_days: int = 10) -> Compacted:
    return compact(path, keep_days * DAY_MS, WHO, NOW_MS)


async def test_the_bulk_of_the_past_moves_and_the_money_stays(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    await live(path, range(1, 31))
    before = {kind: rows_of(path, kind) for kind in Kind}
    whole = await verified(path)
    done = moved(path)
    assert done.copy == f"journal-to-{whole.last_seq}.sqlite"
    after = {kind: rows_of(path, kind) for kind in Kind}
    assert sum(map(len, before.values())) - sum(map(len, after.values())) == (
        done.rows - 1  # an audit row has come
    )
    for kind in set(Kind) - set(MOVED) - {Kind.AUDIT}:
        assert after[kind] == before[kind], kind
    assert after[Kind.AUDIT][:-1] == before[Kind.AUDIT]
    entries = {row[4] for row in before[Kind.INTENT]}
    for kind in MOVED:
        gone = [row for row in before[kind] if row not in after[kind]]
        assert gone, kind
        assert all(int(str(row[2])) < 20 * DAY_MS for row in gone), kind
        if kind is Kind.DECISION:
            assert all(row[4] not in entries for row in gone)
            assert any(row[0] <= done.upto for row in after[kind])
    assert after[Kind.SNAPSHOT][-1] == before[Kind.SNAPSHOT][-1]
    copy = tmp_path / done.copy
    assert {kind: rows_of(copy, kind) for kind in Kind} == before
    assert not stat.S_IMODE(copy.stat().st_mode) & 0o222
    assert done.bytes_after == path.stat().st_size < done.bytes_before
    assert (await verified(copy)).audit_head == whole.audit_head
    found = await verified(path)
    assert (found.problem, found.compacted_upto) == (None, done.upto)
    assert found.last_seq == whole.last_seq + 1


async def test_an_engine_goes_on_and_more_can_be_moved_later(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    await live(path, range(1, 21))
    first = moved(path)
    await live(path, range(21, 41))
    found = await verified(path)
    assert found.problem is None
    assert marked(str(path)) == found.last_seq
    second = moved(path)
    assert second.upto > first.upto
    assert (await verified(path)).problem is None
    assert {first.copy, second.copy} < names(tmp_path)
    third = moved(path)
    assert (third.rows, third.copy) == (0, None)
    assert (await verified(path)).last_seq == found.last_seq + 1


async def test_the_newest_snapshot_stays_however_old_it_is(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    await live(path, range(1, 3))
    await live(path, range(3, 31), without=Kind.SNAPSHOT)
    newest = rows_of(path, Kind.SNAPSHOT)[-1]
    moved(path)
    assert rows_of(path, Kind.SNAPSHOT) == [newest]


async def test_a_longer_keep_later_takes_nothing_back(tmp_path: Path) -> None:
    """A snapshot that stayed goes at last, below what was moved before."""
    path = tmp_path / "journal.sqlite"
    await live(path, range(1, 3))
    await live(path, range(3, 31), without=Kind.SNAPSHOT)
    first = moved(path)
    await live(path, range(31, 33))
    second = moved(path, 25)
    assert (second.rows, second.upto) == (1, first.upto)
    assert (await verified(path)).problem is None
    assert moved(path, 1).rows > 0


async def test_what_would_not_be_sound_is_not_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "journal.sqlite"
    await live(path, range(1, 31))
    before = {kind: rows_of(path, kind) for kind in Kind}
    monkeypatch.setattr(room, "rows_upto", lambda *one: rows_upto(*one) + 1)
    with pytest.raises(JournalError, match="rows are missing"):
        moved(path)
    assert {kind: rows_of(path, kind) for kind in Kind} == before


async def test_it_stays_append_only(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    await live(path, range(1, 31))
    moved(path)
    with apsw.Connection(str(path)) as database:
        for kind in Kind:
            for act in (f"DELETE FROM {kind.table}", f"UPDATE {kind.table} SET seq=1"):
                if kind is not Kind.SESSION:  # it has no row here
                    with pytest.raises(apsw.ConstraintError, match="append-only"):
                        database.execute(act)


def removes(condition: str) -> Callable[[apsw.Connection], None]:
    def harm(database: apsw.Connection) -> None:
        database.execute("DROP TRIGGER journal_decision_no_delete")
        wanted = f"SELECT {condition}(seq) FROM journal_decision"
        database.execute(f"DELETE FROM journal_decision WHERE seq = ({wanted})")

    return harm


@pytest.mark.parametrize(
    ("harm", "problem"),
    [(removes("max"), "row .* is missing"), (removes("min"), "rows are missing: ")],
    ids=["behind", "before"],
)
async def test_what_is_missing_is_still_seen(
    tmp_path: Path, harm: Callable[[apsw.Connection], None], problem: str
) -> None:
    path = tmp_path / "journal.sqlite"
    await live(path, range(1, 31))
    moved(path)
    with apsw.Connection(str(path)) as database:
        harm(database)
    found = await verified(path)
    assert found.problem is not None
    with pytest.raises(JournalError, match=problem):
        moved(path, 5)


async def test_an_end_in_the_middle_moves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "journal.sqlite"
    await live(path, range(1, 31))
    before = {kind: rows_of(path, kind) for kind in Kind}

    def ends(*_: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(room, "seal", ends)
    with pytest.raises(KeyboardInterrupt):
        moved(path)
    assert {kind: rows_of(path, kind) for kind in Kind} == before
    assert (await verified(path)).problem is None
    monkeypatch.undo()
    assert moved(path).rows > 0, "the copy that nobody needs is replaced"
    assert (await verified(path)).problem is None


async def test_a_copy_that_is_no_copy_moves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "journal.sqlite"
    await live(path, range(1, 31))
    sound, checks = room.verification, iter(range(9))

    def damaged(database: apsw.Connection, name: str, upto: int) -> Verification:
        if next(checks) == 1:  # the first looks at the journal
            database.execute("DROP TRIGGER journal_fill_no_delete")
            database.execute("DELETE FROM journal_fill")
        return sound(database, name, upto)

    monkeypatch.setattr(room, "verification", damaged)
    before = rows_of(path, Kind.DECISION)
    with pytest.raises(JournalError, match="is not what was copied: row"):
        moved(path)
    assert rows_of(path, Kind.DECISION) == before


async def test_a_running_engine_s_journal_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    await live(path, range(1, 31))
    clock = MarketClock(0)
    async with open_journal(path, session="s-2", clock=clock):
        with pytest.raises(JournalError, match=r"is held by process .* session s-2"):
            moved(path)
    assert not [name for name in names(tmp_path) if "-to-" in name]


async def test_space_that_is_not_given_back_undoes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "journal.sqlite"
    await live(path, range(1, 31))
    give_back = room._give_back

    def busy(database: apsw.Connection) -> str | None:
        database.set_busy_timeout(0)
        other = apsw.Connection(str(path))
        other.execute("BEGIN IMMEDIATE")
        try:
            return give_back(database)
        finally:
            other.close()

    monkeypatch.setattr(room, "_give_back", busy)
    done = moved(path)
    assert done.rows > 0
    assert done.problem is not None
    assert "not given back" in done.problem
    assert (await verified(path)).problem is None
