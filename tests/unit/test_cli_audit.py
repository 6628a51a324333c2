"""`breakout audit`: what a person is told about a journal, sound or not."""

from pathlib import Path

import apsw
import msgspec
import pytest
import trio
from typer.testing import CliRunner, Result

from actors.journal import AuditRecord, Journal, Kind, SessionEnded, open_journal
from actors.journal.audit import GENESIS
from actors.runtime.clock import MarketClock
from control.cli import app

NAME = "journal.sqlite"


def audit(*words: str) -> Result:
    return CliRunner().invoke(app, ["audit", *words])


def fill(journal: Journal) -> None:
    journal.append(Kind.SESSION, SessionEnded("ended in order", 1))
    for number in range(3):
        journal.append(Kind.AUDIT, AuditRecord("ann", f"set {number}", "1", None, "ok"))
        journal.append(Kind.FILL, {"n": number})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    async def write() -> None:
        async with open_journal(
            tmp_path / NAME, session="s-1", clock=MarketClock(1_700_000_000_000)
        ) as journal:
            fill(journal)

    trio.run(write)
    return tmp_path


def forge(folder: Path, statement: str) -> None:
    database = apsw.Connection(str(folder / NAME))
    for kind in (Kind.AUDIT, Kind.FILL):
        for act in ("update", "delete"):
            database.execute(f"DROP TRIGGER {kind.table}_no_{act}")
    database.execute(statement)
    database.close()


def test_sound_journal_is_told_with_its_extent_and_head(folder: Path) -> None:
    told = audit("verify", "--data-dir", str(folder))
    assert told.exit_code == 0
    lines = dict(line.rsplit(maxsplit=1) for line in told.stdout.splitlines())
    assert lines[f"{folder / NAME}:"] == "sound"
    assert (lines["rows"], lines["last row"], lines["sessions"]) == ("7", "7", "1")
    assert len(lines["audit head"]) == len(GENESIS)
    assert lines["audit head"] != GENESIS


@pytest.mark.parametrize(
    ("forgery", "first_bad", "problem"),
    [
        ("UPDATE journal_audit SET session = 'x' WHERE seq = 4", 4, "chain is broken"),
        ("DELETE FROM journal_audit WHERE seq = 4", 4, "row 4 is missing"),
        ("DELETE FROM journal_fill WHERE seq = 5", 5, "row 5 is missing"),
        ("DELETE FROM journal_audit WHERE seq > 5", 6, "row 6 is missing"),
        ("DELETE FROM journal_fill WHERE seq > 6", None, "rows up to 7 were"),
    ],
)
def test_forged_journal_is_not_sound_and_the_row_is_named(
    folder: Path, forgery: str, first_bad: int | None, problem: str
) -> None:
    forge(folder, forgery)
    told = audit("verify", "--journal", str(folder / NAME), "--json")
    assert told.exit_code == 1
    verdict = msgspec.json.decode(told.stdout)
    assert verdict["first_bad_seq"] == first_bad
    assert problem in verdict["problem"]
    assert "NOT SOUND" in audit("verify", "--data-dir", str(folder)).stdout


def test_absent_journal_cannot_be_read_and_is_not_made(tmp_path: Path) -> None:
    told = audit("verify", "--data-dir", str(tmp_path))
    assert told.exit_code == 2
    assert "cannot read" in told.stderr
    assert not list(tmp_path.iterdir())


def test_file_that_is_no_journal_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b"no database at all " * 500)
    assert audit("verify", "--data-dir", str(tmp_path)).exit_code == 2


async def test_verify_works_beside_a_running_engine(tmp_path: Path) -> None:
    words = ("verify", "--data-dir", str(tmp_path))
    async with open_journal(
        tmp_path / NAME, session="s-1", clock=MarketClock()
    ) as journal:
        fill(journal)
        await journal.commit()
        beside = await trio.to_thread.run_sync(lambda: audit(*words))
        assert journal.append(Kind.FILL, {}) == 8
    assert beside.exit_code == 0
    assert "rows        7" in beside.stdout


def test_show_prints_who_did_what_newest_last(folder: Path) -> None:
    told = audit("show", "--data-dir", str(folder), "--limit", "2").stdout
    assert [line.split()[0] for line in told.splitlines()] == ["4", "6"]
    assert "2023-11-14 22:13:20+00:00 ann " in told
    assert told.endswith("set 2: 1 -> -: ok\n")


def test_help_says_what_cannot_be_seen() -> None:
    told = " ".join(audit("verify", "--help").stdout.split())
    assert "Not seen" in told
    assert "exit 0 sound, 1 not, 2 it cannot be read" in told


def test_old_rows_are_moved_and_the_journal_says_so(tmp_path: Path) -> None:
    async def write() -> None:
        clock = MarketClock(0)
        path = tmp_path / NAME
        async with open_journal(path, session="s-1", clock=clock) as journal:
            for day in range(40):
                clock.advance_to(day * 86_400_000)
                journal.append(Kind.DECISION, {"day": day})

    trio.run(write)
    where = ("--data-dir", str(tmp_path))
    kept = audit("compact", *where, "--keep-days", "90")
    assert (kept.exit_code, "nothing is older" in kept.stdout) == (0, True)
    done = audit("compact", *where)
    assert done.exit_code == 0
    assert "9 rows moved to journal-to-40.sqlite" in done.stdout
    told = audit("verify", *where)
    assert told.exit_code == 0
    assert "compacted   up to row 9" in told.stdout
    copy = audit("verify", "--journal", str(tmp_path / "journal-to-40.sqlite"))
    assert (copy.exit_code, "compacted" in copy.stdout) == (0, False)
    shown = audit("show", *where)
    assert "compact journal" in shown.stdout
    assert "journal-to-40.sqlite, BLAKE2b" in shown.stdout
    again = audit("compact", *where, "--json")
    assert msgspec.json.decode(again.stdout)["rows"] == 0


def test_what_is_not_sound_is_not_compacted(folder: Path) -> None:
    forge(folder, "DELETE FROM journal_fill WHERE seq = 5")
    refused = audit("compact", "--data-dir", str(folder))
    assert refused.exit_code == 2
    assert "nothing was moved" in refused.stderr
    assert "row 5 is missing" in refused.stderr


def test_a_journal_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    refused = audit("compact", "--data-dir", str(tmp_path))
    assert refused.exit_code == 2
    assert not (tmp_path / NAME).exists()
