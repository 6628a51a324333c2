"""The journal's handle: order, durability, group commit, bounds, faults."""

import subprocess
import sys
import threading
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Never

import apsw
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from actors.domain.errors import JournalError
from actors.domain.messages import WhyNot
from actors.journal import AuditRecord, Journal, Kind, open_journal
from actors.journal import writer as writer_module
from actors.runtime.clock import MarketClock

WHY = WhyNot("c-1", "levels", "too_few_touches", "1", "2")


def journal_at(
    path: Path | None, session: str = "s-1", *, threaded: bool = True
) -> AbstractAsyncContextManager[Journal]:
    return open_journal(
        path, session=session, clock=MarketClock(1_000), threaded=threaded
    )


async def append_and_commit(journal: Journal, kind: Kind) -> int:
    seq = journal.append(kind, {"seq": "mine"})
    await journal.commit()
    return seq


async def test_sequence_is_one_order_over_all_kinds_without_gaps(
    tmp_path: Path,
) -> None:
    kinds = [*Kind][:6] * 40  # those that take any body
    async with journal_at(tmp_path / "j.db") as journal:
        given = [journal.append(kind, {"n": n}) for n, kind in enumerate(kinds)]
        await journal.commit()
        rows = await journal.history()
    assert given == list(range(1, 241))
    assert [row.seq for row in rows] == given
    assert [row.kind for row in rows] == kinds
    assert [row.decode(dict)["n"] for row in rows] == list(range(240))


async def test_sequence_goes_on_where_the_last_session_ended(tmp_path: Path) -> None:
    async with journal_at(tmp_path / "j.db", "s-1") as journal:
        journal.append(Kind.DECISION, WHY)
        journal.append(Kind.ALERT, {})
    async with journal_at(tmp_path / "j.db", "s-2") as journal:
        assert journal.append(Kind.FILL, {}) == 3
        await journal.commit()
        assert [row.session for row in await journal.history()] == ["s-1", "s-1", "s-2"]


async def test_row_comes_back_as_it_was_appended(tmp_path: Path) -> None:
    async with journal_at(tmp_path / "j.db") as journal:
        journal.append(Kind.DECISION, WHY, symbol="BTC/USDT", correlation="c-1")
        await journal.commit()
        (row,) = await journal.rows(Kind.DECISION)
    assert (row.seq, row.session, row.ts_ms) == (1, "s-1", 1_000)
    assert (row.symbol, row.correlation) == ("BTC/USDT", "c-1")
    assert row.decode(WhyNot) == WHY


async def test_those_who_wait_share_one_transaction(tmp_path: Path) -> None:
    async with journal_at(tmp_path / "j.db") as journal:
        async with trio.open_nursery() as nursery:
            for _ in range(32):
                nursery.start_soon(append_and_commit, journal, Kind.INTENT)
        statistics = journal.statistics()
    assert statistics.commits == 32
    assert statistics.transactions == 1


async def test_rows_that_arrive_during_a_write_share_the_next_one(
    tmp_path: Path,
) -> None:
    async with journal_at(tmp_path / "j.db") as journal:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(append_and_commit, journal, Kind.INTENT)
            await trio.lowlevel.checkpoint()
            await trio.lowlevel.checkpoint()  # the first batch is with the disk now
            for _ in range(8):
                nursery.start_soon(append_and_commit, journal, Kind.INTENT)
        assert journal.statistics().transactions == 2


async def test_commit_with_nothing_new_writes_nothing(tmp_path: Path) -> None:
    async with journal_at(tmp_path / "j.db") as journal:
        journal.append(Kind.INTENT, {})
        assert await journal.commit() == await journal.commit() == 1
        assert journal.statistics().transactions == 1


async def test_cancelled_commit_leaves_its_row_to_the_writer(tmp_path: Path) -> None:
    async with journal_at(tmp_path / "j.db") as journal:
        with trio.CancelScope() as scope:
            scope.cancel()
            await append_and_commit(journal, Kind.INTENT)
        assert scope.cancelled_caught
    async with journal_at(tmp_path / "j.db") as journal:
        assert len(await journal.rows(Kind.INTENT)) == 1


async def test_leaving_the_block_writes_what_is_left(tmp_path: Path) -> Never:
    with pytest.raises(ZeroDivisionError):  # noqa: PT012  # leaving is the act; no group comes out
        async with journal_at(tmp_path / "j.db") as journal:
            journal.append(Kind.DECISION, WHY)
            raise ZeroDivisionError
    async with journal_at(tmp_path / "j.db") as journal:
        assert len(await journal.rows(Kind.DECISION)) == 1


async def test_flush_does_not_wait_for_the_disk_below_the_bound(tmp_path: Path) -> None:
    async with journal_at(tmp_path / "j.db") as journal:
        for _ in range(writer_module.ROWS_FULL - 1):
            journal.append(Kind.DECISION, WHY)
        await journal.flush_if(10_000)
        assert not journal._bell.is_set()
        await journal.flush_if(10)
        assert journal._bell.is_set()
        assert journal.statistics().durable == 0


async def test_flush_waits_while_the_buffer_is_full(tmp_path: Path) -> None:
    async with journal_at(tmp_path / "j.db") as journal:
        for _ in range(writer_module.ROWS_FULL):
            journal.append(Kind.DECISION, WHY)
        await journal.flush_if(10)
        assert journal.statistics().waiting == 0


async def test_append_past_the_bound_is_refused_with_the_remedy() -> None:
    async with journal_at(None, threaded=False) as journal:
        for _ in range(writer_module.ROWS_MAX):
            journal.append(Kind.DECISION, WHY)
        with pytest.raises(JournalError, match=r"16384 rows waiting.*flush_if"):
            journal.append(Kind.DECISION, WHY)
        await journal.commit()
        assert journal.append(Kind.DECISION, WHY) == writer_module.ROWS_MAX + 1


async def test_append_after_the_block_is_refused() -> None:
    async with journal_at(None) as journal:
        pass
    with pytest.raises(JournalError, match="is closed"):
        journal.append(Kind.DECISION, WHY)


async def test_body_that_is_no_json_fails_its_author_and_takes_no_number() -> None:
    async with journal_at(None) as journal:
        with pytest.raises(TypeError):
            journal.append(Kind.DECISION, {"thing": object()})
        assert journal.append(Kind.DECISION, WHY) == 1


@pytest.mark.parametrize(
    ("kind", "expected"),
    [(Kind.AUDIT, "AuditRecord"), (Kind.SESSION, "SessionStarted or SessionEnded")],
)
async def test_body_that_could_not_be_read_back_is_refused(
    kind: Kind, expected: str
) -> None:
    async with journal_at(None) as journal:
        with pytest.raises(TypeError, match=f"{kind} row is {expected}, not dict"):
            journal.append(kind, {"who": "me"})
        assert journal.append(Kind.AUDIT, AuditRecord("me", "x", None, None, "ok")) == 1


def test_without_thread_simulated_time_moves_only_when_it_should() -> None:
    async def commit_within_a_second() -> float:
        async with journal_at(None, threaded=False) as journal:
            with trio.fail_after(1):
                await append_and_commit(journal, Kind.INTENT)
            assert threading.active_count() == threads_before
        return trio.current_time()

    threads_before = threading.active_count()
    clock = MockClock(autojump_threshold=0)
    assert trio.run(commit_within_a_second, clock=clock) == 0.0


async def fill_the_disk(journal: Journal, *, pages_more: int) -> None:
    def shrink(database: apsw.Connection) -> None:
        pages = database.execute("PRAGMA page_count").get + pages_more
        database.execute(f"PRAGMA max_page_count = {pages}")

    await journal._storage.run(shrink)


async def test_full_disk_fails_all_who_wait_and_all_after(tmp_path: Path) -> None:
    failed = []

    async def expect_failure(journal: Journal) -> None:
        with pytest.raises(JournalError, match=r"j\.db.*full.*free disk space"):
            await journal.commit()
        failed.append(journal)

    with pytest.raises(JournalError, match="full"):  # noqa: PT012  # leaving the block is the act
        async with journal_at(tmp_path / "j.db") as journal:
            await fill_the_disk(journal, pages_more=1)
            for _ in range(1_000):
                journal.append(Kind.DECISION, {"text": "x" * 200})
            async with trio.open_nursery() as nursery:
                nursery.start_soon(expect_failure, journal)
                nursery.start_soon(expect_failure, journal)
            with pytest.raises(JournalError, match="full"):
                journal.append(Kind.DECISION, WHY)
            assert journal.statistics().durable == 0
    assert len(failed) == 2


async def test_file_that_became_read_only_says_what_to_do(tmp_path: Path) -> None:
    remedy = "make the file and its directory writable"
    with pytest.raises(JournalError, match=remedy):  # noqa: PT012  # leaving the block is the act
        async with journal_at(tmp_path / "j.db") as journal:
            await journal._storage.run(
                lambda database: database.execute("PRAGMA query_only = 1").get
            )
            journal.append(Kind.DECISION, WHY)


async def test_failed_batch_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="full"):  # noqa: PT012  # leaving the block is the act
        async with journal_at(tmp_path / "j.db") as journal:
            await append_and_commit(journal, Kind.INTENT)
            await fill_the_disk(journal, pages_more=1)
            for _ in range(1_000):
                journal.append(Kind.DECISION, {"text": "x" * 200})
            await journal.commit()
    async with journal_at(tmp_path / "j.db") as journal:
        assert (await journal.verify()).rows == 1
        assert journal.append(Kind.INTENT, {}) == 2


CRASHING = """
import os, pathlib, signal, sys, trio
from actors.journal import Kind, open_journal
from actors.runtime.clock import MarketClock

async def main():
    path = pathlib.Path(sys.argv[1])
    async with open_journal(path, session="s", clock=MarketClock()) as journal:
        for n in range(200):
            journal.append(Kind.INTENT, {"n": n})
        await journal.commit()
        for n in range(200, 5_000):
            journal.append([Kind.INTENT, Kind.DECISION][n % 2], {"n": n})
        journal._bell.set()  # the writer begins, and dies somewhere inside
        for _ in range(int(sys.argv[2])):
            await trio.lowlevel.checkpoint()
        os.kill(os.getpid(), signal.SIGKILL)

trio.run(main)
"""


@pytest.mark.parametrize("passes", [0, 3, 30])
async def test_kill_keeps_the_committed_and_never_half_a_batch(
    tmp_path: Path, passes: int
) -> None:
    path = tmp_path / "j.db"
    killed = await trio.run_process(
        [sys.executable, "-c", CRASHING, str(path), str(passes)],
        check=False,
        stderr=subprocess.DEVNULL,
    )
    assert killed.returncode == -9
    async with journal_at(path) as journal:
        proof = await journal.verify()
        rows = await journal.history(limit=10_000)
    assert proof.problem is None
    assert len(rows) in {200, 5_000}
    assert [row.decode(dict)["n"] for row in rows] == list(range(len(rows)))


async def test_event_loop_runs_while_the_disk_is_slow(tmp_path: Path) -> None:
    async with journal_at(tmp_path / "j.db") as journal:
        release = threading.Event()

        async def hold_the_disk() -> None:
            await journal._storage.run(lambda _database: release.wait())

        async with trio.open_nursery() as nursery:
            nursery.start_soon(hold_the_disk)
            nursery.start_soon(append_and_commit, journal, Kind.INTENT)
            await wait_all_tasks_blocked()
            journal.append(Kind.DECISION, WHY)  # the loop is free: this runs now
            assert journal.statistics().durable == 0
            assert journal.statistics().writing_seconds > 0  # the disk keeps us
            release.set()
        assert journal.statistics().writing_seconds == 0
        assert journal.statistics().durable >= 1
