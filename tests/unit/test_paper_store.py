"""The paper exchange on a file: what it remembers, and which files it refuses."""

import shutil
import sqlite3
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from actors.domain.errors import ExchangeError
from actors.domain.orders import (
    ExchangeUpdate,
    Fill,
    OrderKind,
    OrderState,
    OrderUpdate,
    Placed,
    Refused,
    Side,
    Unknown,
)
from actors.exchange.paper.book import PaperSettings
from actors.exchange.paper.exchange import PaperExchange
from actors.exchange.paper.opening import open_account
from actors.exchange.paper.store import AccountIdentity, Changes, PaperStore
from actors.runtime.clock import MarketClock
from tests.unit.paper_desk import MINUTE, Desk, instrument

FLAT = (100.0, 100.0, 100.0, 100.0)
IDENTITY = AccountIdentity("main", "demo", 1, MINUTE, "1 symbols (aa)")
DEPOSIT = Decimal(1_000_000)


class FileDesk(Desk):
    """A desk whose exchange is on a file; `die` ends its process at this moment."""

    def __init__(self, path: Path, **settings: Any) -> None:
        super().__init__()
        self.path = path
        self.settings = PaperSettings(**settings)
        self.store = PaperStore(path)
        if self.store.account_serial == 0:
            self.store.begin(IDENTITY, 1, DEPOSIT)
        self.open_exchange()

    def open_exchange(self) -> None:
        self.clock = MarketClock()
        self.exchange = PaperExchange(
            [instrument()], self.settings, self.clock, DEPOSIT, self.store
        )
        self.exchange.connect(self.updates.append)

    def die(self) -> None:
        self.path = copied(self.path)
        self.store.close()
        self.store = PaperStore(self.path)
        self.open_exchange()


def copied(path: Path) -> Path:
    """The file as a process that is killed now would leave it."""
    target = path.with_name(f"next-{path.name}")
    for suffix in ("", "-wal"):
        shutil.copy(f"{path}{suffix}", f"{target}{suffix}")
    return target


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "paper.sqlite"


# --- what it remembers -------------------------------------------------------------


async def test_an_order_that_was_answered_is_there_after_a_kill(path: Path) -> None:
    desk = FileDesk(path)
    answer = await desk.place(Side.LONG, "1")
    desk.die()
    assert answer == Placed("paper-1-1")
    assert await desk.exchange.fetch_order("AAA", "o1") == OrderUpdate(
        "o1", "paper-1-1", "AAA", OrderState.OPEN, Decimal(0), "", 0
    )
    assert await desk.place(Side.LONG, "1") == Placed("paper-1-2")
    assert await desk.exchange.fetch_order("BBB", "o1") is None
    assert await desk.exchange.fetch_order("AAA", "o3") is None


async def test_a_cancel_that_was_answered_arrives_after_a_kill(path: Path) -> None:
    desk = FileDesk(path)
    await desk.place(Side.LONG, "1", OrderKind.LIMIT, limit_price="90")
    desk.play(FLAT)
    await desk.exchange.cancel("AAA", "o1")
    desk.die()
    desk.play(FLAT)
    word = await desk.exchange.fetch_order("AAA", "o1")
    assert word is not None
    assert (word.state, word.reason) == (OrderState.CANCELLED, "user")
    assert word.ts_ms == MINUTE + 50


async def test_a_cancel_never_overtakes_an_order_that_was_sent_more_slowly(
    path: Path,
) -> None:
    desk = FileDesk(path, latency_ms=MINUTE // 2)
    await desk.place(Side.LONG, "1", OrderKind.LIMIT, limit_price="90")
    desk.settings = PaperSettings()  # the next engine's
    desk.die()
    await desk.exchange.cancel("AAA", "o1")
    desk.play(FLAT)
    word = await desk.exchange.fetch_order("AAA", "o1")
    assert word is not None
    assert (word.state, word.ts_ms) == (OrderState.CANCELLED, MINUTE // 2)


async def test_what_is_told_is_on_file_before(path: Path) -> None:
    desk = FileDesk(path)
    known: list[bool] = []

    def sink(update: ExchangeUpdate) -> None:
        table = "fills" if isinstance(update, Fill) else "ended"
        with closing(sqlite3.connect(copied(path))) as file:
            known.append(file.execute(f"SELECT count(*) FROM {table}").fetchone()[0])

    desk.exchange.connect(sink)
    await desk.place(Side.LONG, "1")
    desk.play(FLAT)
    assert known == [1, 1]


async def test_a_bar_that_was_laid_out_is_lived_to_its_end_without_us(
    path: Path,
) -> None:
    desk = FileDesk(path)
    desk.open((100.0, 110.0, 100.0, 105.0))
    await desk.place(Side.LONG, "1")
    await desk.place(Side.LONG, "1", OrderKind.STOP_MARKET, stop_price="108")
    assert await desk.exchange.play(MINUTE)
    told = len(desk.updates)
    desk.die()
    assert desk.exchange.now_ms == MINUTE
    assert len(desk.updates) == told, "nobody was there to hear it"
    assert [fill.client_id for fill in await desk.exchange.fetch_fills(0)] == [
        "o1",
        "o2",
    ]
    assert desk.exchange.held() == {"AAA"}
    assert desk.exchange.state.marks == {"AAA": 105.0}


async def test_what_was_taken_from_the_book_is_still_gone_after_a_kill(
    path: Path,
) -> None:
    fills = []
    for dies in (False, True):
        desk = FileDesk(path.with_name(f"{dies}.sqlite"))
        stop = OrderKind.STOP_MARKET
        await desk.place(Side.LONG, "50000", stop, stop_price="101")
        desk.play((96.0, 101.0, 96.0, 101.0))  # touched at the very close
        if dies:
            desk.die()
        await desk.place(Side.LONG, "10000")  # finds the book half grown back
        desk.play((101.0, 101.0, 101.0, 101.0))
        fills.append(desk.fills)
    assert fills[0] == fills[1]
    (second, *_) = (fill for fill in fills[0] if fill.client_id == "o2")
    assert second.ts_ms == MINUTE + 50
    assert second.quantity < 10_000


async def test_an_id_is_refused_and_known_however_long_ago_it_ended(
    path: Path,
) -> None:
    desk = FileDesk(path, fills_kept=2)
    for _ in range(5):
        await desk.place(Side.LONG, "1")
        desk.play(FLAT)
    desk.die()
    word = await desk.exchange.fetch_order("AAA", "o1")
    assert word is not None
    assert word.state is OrderState.FILLED
    answer = await desk.place(Side.LONG, "1", client_id="o1")
    assert answer == Refused("duplicate client id o1")
    assert await desk.exchange.fetch_fills(0) == tuple(desk.fills[-2:])


async def test_the_balance_is_the_money_without_open_results(path: Path) -> None:
    desk = FileDesk(path)
    await desk.place(Side.SHORT, "2")
    desk.play((100.0, 100.0, 90.0, 90.0))
    desk.die()
    (fill,) = desk.fills
    assert await desk.exchange.fetch_balance() == DEPOSIT - fill.fee
    assert await desk.exchange.fetch_equity() > DEPOSIT
    assert await desk.exchange.fetch_time() == MINUTE


async def test_time_without_bars_is_lived_too(path: Path) -> None:
    desk = FileDesk(path)
    await desk.place(Side.LONG, "1", expires_ms=1_000)
    while await desk.exchange.play(MINUTE):
        pass
    desk.die()
    assert desk.exchange.now_ms == MINUTE
    assert [u.ts_ms for u in desk.updates] == [50, 1_000]


async def test_what_cannot_be_written_is_unknown_and_told_later(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = FileDesk(path)
    desk.store._database.execute("PRAGMA query_only = ON")
    answer = await desk.place(Side.LONG, "1")
    assert isinstance(answer, Unknown)
    assert "cannot write the paper account" in answer.reason
    desk.open(FLAT)
    with pytest.raises(ExchangeError, match="check the disk"):
        await desk.exchange.play(MINUTE)
    assert not desk.updates
    desk.store._database.execute("PRAGMA query_only = OFF")
    desk.finish()
    assert desk.words("o1") == ["fill", "filled:"]
    desk.die()
    assert desk.exchange.held() == {"AAA"}


# --- which files it refuses --------------------------------------------------------


def test_a_file_that_is_no_account_is_refused_and_left_alone(path: Path) -> None:
    with closing(sqlite3.connect(path)) as file:
        file.execute("CREATE TABLE other (a)")
    before = path.read_bytes()
    with pytest.raises(ExchangeError, match=r"no paper account.*0x62726b70"):
        PaperStore(path)
    with (
        pytest.raises(ExchangeError, match="no paper account"),
        open_account(path, IDENTITY, DEPOSIT, fresh=True),
    ):
        pass
    assert path.read_bytes() == before
    path.write_bytes(b"not a database at all, whatever it may be" * 100)
    with pytest.raises(ExchangeError, match="name another --data-dir"):
        PaperStore(path)


def test_an_account_of_a_newer_engine_is_refused(path: Path) -> None:
    PaperStore(path).close()
    with closing(sqlite3.connect(path)) as file:
        file.execute("PRAGMA user_version = 2")
    with pytest.raises(ExchangeError, match="schema version 2, this engine reads"):
        PaperStore(path)


def test_one_process_has_the_account_open(path: Path) -> None:
    store = PaperStore(path)
    with pytest.raises(ExchangeError, match="open in another process"):
        PaperStore(path)
    store.close()
    PaperStore(path).close()


def test_an_account_of_another_market_is_refused_with_both_and_the_remedies(
    path: Path,
) -> None:
    with open_account(path, IDENTITY, DEPOSIT) as store:
        assert store.account_serial == 1
    other = msgspec.structs.replace(IDENTITY, market="replay:x", seed=None)
    with pytest.raises(ExchangeError) as refused, open_account(path, other, DEPOSIT):
        pass
    message = str(refused.value)
    assert "market demo, not replay:x; seed 1, not None" in message
    assert "--fresh" in message
    assert "--data-dir" in message
    with open_account(path, IDENTITY, DEPOSIT):
        pass


async def test_a_fresh_account_puts_the_old_one_aside(path: Path) -> None:
    other = msgspec.structs.replace(IDENTITY, seed=2)
    with open_account(path, IDENTITY, DEPOSIT) as store:
        desk = Desk()
        desk.exchange.state.cash = Decimal(5)
        store.save(desk.exchange.state, 7, Changes())
    for serial in (2, 3):
        with open_account(path, other, DEPOSIT, fresh=True) as store:
            assert store.account_serial == serial
            fresh = store.load(10)
            assert (fresh.state.cash, fresh.now_ms) == (DEPOSIT, 0)
    aside = sorted(one.name for one in path.parent.iterdir())
    assert aside == ["paper-1.sqlite", "paper-2.sqlite", "paper.sqlite"]
    with open_account(path.with_name("paper-1.sqlite"), IDENTITY, DEPOSIT) as store:
        assert store.load(10).state.cash == 5


async def test_ids_of_a_fresh_account_are_not_those_of_the_old_one(
    path: Path,
) -> None:
    trades, orders = set(), set()
    for _ in range(2):
        with open_account(path, IDENTITY, DEPOSIT, fresh=True) as store:
            desk = Desk()
            desk.exchange = PaperExchange(
                [instrument()], PaperSettings(), desk.clock, DEPOSIT, store
            )
            desk.exchange.connect(desk.updates.append)
            orders.add(await desk.place(Side.LONG, "1"))
            desk.play(FLAT)
            trades |= {fill.trade_id for fill in desk.fills}
    assert len(trades) == len(orders) == 2


def test_nothing_that_was_put_aside_is_overwritten(path: Path) -> None:
    with open_account(path, IDENTITY, DEPOSIT):
        path.with_name("paper-1.sqlite").write_bytes(b"mine")
    with (
        pytest.raises(ExchangeError, match="move it away"),
        open_account(path, IDENTITY, DEPOSIT, fresh=True),
    ):
        pass
    assert path.with_name("paper-1.sqlite").read_bytes() == b"mine"
