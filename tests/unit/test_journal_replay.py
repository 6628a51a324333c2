"""Reading the journal for a restart: the money's rows, the newest, one order's."""

import random
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import apsw
import pytest

from actors.domain.errors import JournalError
from actors.journal import Journal, Kind, Row, open_journal, open_reader, schema
from actors.journal.replaying import ROWS_PER_PAGE, newest_of_order
from actors.runtime.clock import MarketClock

MONEY = (Kind.INTENT, Kind.ORDER, Kind.FILL, Kind.POSITION, Kind.ACCOUNT)


def journal_at(path: Path | None) -> AbstractAsyncContextManager[Journal]:
    return open_journal(path, session="s-1", clock=MarketClock(1_000))


async def replayed(
    journal: Journal, kinds: Sequence[Kind], after: int = 0
) -> list[Row]:
    return [row async for page in journal.replay(kinds, after=after) for row in page]


async def test_replay_is_the_history_of_its_kinds_alone(tmp_path: Path) -> None:
    source = random.Random(3)
    kinds = [kind for kind in Kind if kind not in {Kind.AUDIT, Kind.SESSION}]
    async with journal_at(tmp_path / "j.db") as journal:
        for number in range(3_000):
            symbol = source.choice(["BTC/USDT", 'a "quoted" \N{SNOWMAN}', None])
            body = {"n": number, "text": "\N{EURO SIGN}\x01\\\"'", "a": 1.50}
            journal.append(source.choice(kinds), body, symbol=symbol)
        await journal.commit()
        history = await journal.history(limit=10_000)
        for after in (0, 1_234):
            expected = [row for row in history if row.kind in MONEY]
            found = await replayed(journal, MONEY, after)
            assert found == [row for row in expected if row.seq > after]


async def test_pages_of_a_replay_join_without_gap_or_overlap(tmp_path: Path) -> None:
    async with journal_at(tmp_path / "j.db") as journal:
        for _ in range(ROWS_PER_PAGE + 7):
            journal.append(Kind.FILL, {})
            journal.append(Kind.DECISION, {})
        await journal.commit()
        pages = [page async for page in journal.replay([Kind.FILL])]
    assert [len(page) for page in pages] == [ROWS_PER_PAGE, 7]
    seqs = [row.seq for page in pages for row in page]
    assert seqs == list(range(1, 2 * ROWS_PER_PAGE + 15, 2))


async def test_newest_is_the_last_of_its_kind_or_none() -> None:
    async with journal_at(None) as journal:
        journal.append(Kind.SNAPSHOT, {"n": 1})
        journal.append(Kind.SNAPSHOT, {"n": 2})
        journal.append(Kind.FILL, {"n": 3})
        await journal.commit()
        newest = await journal.newest(Kind.SNAPSHOT)
        assert newest is not None
        assert (newest.seq, newest.decode(dict)) == (2, {"n": 2})
        assert await journal.newest(Kind.ALERT) is None


def order(client_id: str, state: str) -> dict[str, object]:
    return {"request": {"client_id": client_id}, "state": state}


async def test_order_is_found_by_its_client_id_in_its_newest_row() -> None:
    async with journal_at(None) as journal:
        for client_id in ("x-1", "x-2"):
            journal.append(Kind.INTENT, order(client_id, "sending"))
        journal.append(Kind.ORDER, order("x-1", "open"))
        journal.append(Kind.ORDER, order("x-1", "filled"))
        await journal.commit()
        answered, unanswered, foreign = [
            await journal.find_order(client_id) for client_id in ("x-1", "x-2", "x-3")
        ]
    assert answered is not None
    assert (answered.kind, answered.decode(dict)["state"]) == (Kind.ORDER, "filled")
    assert unanswered is not None
    assert (unanswered.kind, unanswered.seq) == (Kind.INTENT, 2)
    assert foreign is None


async def test_finding_an_order_looks_into_the_index_only(tmp_path: Path) -> None:
    async with journal_at(tmp_path / "j.db"):
        pass
    database = apsw.Connection(str(tmp_path / "j.db"))
    plans: list[str] = []
    database.exec_trace = lambda _cursor, query, _bindings: not plans.append(query)
    newest_of_order("x-1")(database)
    database.exec_trace = None
    steps = database.execute(f"EXPLAIN QUERY PLAN {plans[0]}", {"client_id": "x-1"})
    told = " ".join(str(step[-1]) for step in steps)
    database.close()
    for kind in (Kind.INTENT, Kind.ORDER):
        assert f"SEARCH {kind.table} USING INDEX {kind.table}_client_id" in told


@pytest.mark.parametrize("version", [1, 2])
async def test_orders_of_an_older_version_are_found_after_migration(
    tmp_path: Path, version: int
) -> None:
    path = tmp_path / "j.db"
    database = apsw.Connection(str(path))
    schema.migrate(database, 0, version)
    database.execute(
        "INSERT INTO journal_order VALUES (1, 's-0', 5, 'X', NULL, ?)",
        ('{"request":{"client_id":"x-1"},"state":"open"}',),
    )
    database.execute("INSERT INTO journal_intent VALUES (2, 's-0', 5, '', '', '{}')")
    database.close()
    async with journal_at(path) as journal:
        found = await journal.find_order("x-1")
        assert found is not None
        assert found.seq == 1
        assert journal.append(Kind.ACCOUNT, {}) == 3
    async with open_reader(path) as reader:
        assert (await reader.verify()).problem is None


@pytest.mark.parametrize("kind", [*MONEY, Kind.SNAPSHOT])
@pytest.mark.parametrize(
    ("true", "flipped"), [(b"1.2345", b"1.2355"), (b"SYM", b"SYL")]
)
async def test_row_with_a_flipped_bit_is_refused_and_named(
    tmp_path: Path, kind: Kind, true: bytes, flipped: bytes
) -> None:
    path = tmp_path / "j.db"
    async with journal_at(path) as journal:
        journal.append(Kind.ALERT, {})
        journal.append(kind, {"quantity": "1.2345"}, symbol="SYM")
    content = path.read_bytes()
    assert content.count(true) == 1
    path.write_bytes(content.replace(true, flipped))
    async with journal_at(path) as journal:
        with pytest.raises(JournalError, match=r"row 2 of .*j\.db is damaged"):
            await replayed(journal, [kind])
        with pytest.raises(JournalError, match="row 2"):
            await journal.newest(kind)
        proof = await journal.verify()
    assert proof.first_bad_seq == 2
    assert proof.problem == "row 2 is damaged: it is not as it was written"
