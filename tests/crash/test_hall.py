"""The exchange's own eyes: what it notes of its engine, and what happens without."""

import sqlite3
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

from actors.domain.orders import OrderKind, OrderRequest, Placed, Side
from tests.crash.exchange import Hall
from tests.crash.pieces import PIECES
from tests.crash.scenarios import SCENARIOS, world_of
from tests.crash.wire import LaidOut
from tests.sim.world import MINUTE_MS, START_MS, A, B, C

SIZE = Decimal(10)


def hall(where: Path, *, pieces: bool = False) -> Hall:
    journal = where / "journal.db"
    with closing(sqlite3.connect(journal)) as database:
        database.execute("CREATE TABLE journal_intent (body TEXT)")
        database.execute("INSERT INTO journal_intent VALUES ('bx1-known')")
        database.commit()
    return Hall(world_of(SCENARIOS["entering"]), journal, pieces=pieces)


def order(name: str, symbol: str = A, **others: Any) -> OrderRequest:
    facts = {"side": Side.LONG, "kind": OrderKind.MARKET, "quantity": SIZE}
    return OrderRequest(client_id=name, symbol=symbol, **(facts | others))


def stop(name: str, size: Decimal = SIZE) -> OrderRequest:
    return order(
        name,
        side=Side.SHORT,
        kind=OrderKind.STOP_MARKET,
        quantity=size,
        stop_price=Decimal(95),
        reduce_only=True,
    )


async def lived(exchange: Hall, bar: int) -> None:
    """One bar of every symbol, event by event."""
    row = exchange._world.bars[A][bar]
    open_ms = START_MS + bar * MINUTE_MS
    bars = [
        LaidOut(symbol, row.tobytes(), open_ms, open_ms + MINUTE_MS)
        for symbol in (A, B, C)
    ]
    while await exchange.play(open_ms + MINUTE_MS, tuple(bars)):
        bars = []


async def test_a_position_without_a_stop_is_noted_for_as_long_as_it_is_bare(
    tmp_path: Path,
) -> None:
    exchange = hall(tmp_path)
    await exchange.hello()
    assert isinstance(await exchange.place(order("bx1-known")), Placed)
    await lived(exchange, 0)
    await exchange.place(stop("bx1-stop"))
    await lived(exchange, 1)
    (bare,) = (await exchange.truth()).bare
    assert (bare.symbol, bare.until_ms) == (A, START_MS + MINUTE_MS)


async def test_a_stop_for_less_than_the_position_does_not_cover_it(
    tmp_path: Path,
) -> None:
    exchange = hall(tmp_path)
    await exchange.hello()
    await exchange.place(order("bx1-known"))
    await exchange.place(stop("bx1-stop", SIZE / 2))
    await lived(exchange, 0)
    assert [bare.symbol for bare in (await exchange.truth()).bare] == [A]


async def test_a_persons_position_needs_no_stop_of_ours(tmp_path: Path) -> None:
    exchange = hall(tmp_path)
    await exchange.hello()
    await exchange.place(order("person-9"))
    await lived(exchange, 0)
    assert (await exchange.truth()).bare == ()


async def test_time_without_an_engine_is_nobodys_fault(tmp_path: Path) -> None:
    exchange = hall(tmp_path)
    await exchange.hello()
    await exchange.place(order("bx1-known"))
    await exchange.gone()
    await exchange.down(2, "target")
    assert (await exchange.truth()).bare == ()
    assert (await exchange.truth()).positions == {A: SIZE}


async def test_a_crash_does_not_hide_a_bare_time_before_it(tmp_path: Path) -> None:
    exchange = hall(tmp_path)
    await exchange.hello()
    await exchange.place(order("bx1-known"))
    await lived(exchange, 0)
    await lived(exchange, 1)
    await exchange.gone()
    await exchange.hello()
    await exchange.place(stop("bx1-stop"))
    assert [bare.until_ms for bare in (await exchange.truth()).bare] == [
        START_MS + 2 * MINUTE_MS
    ]


async def test_a_stop_triggers_while_the_engine_is_down(tmp_path: Path) -> None:
    exchange = hall(tmp_path)
    await exchange.hello()
    await exchange.place(order("bx1-known"))
    await lived(exchange, 0)
    await exchange.place(stop("bx1-stop"))
    await exchange.gone()
    await exchange.down(1, "stop")
    truth = await exchange.truth()
    assert A not in truth.positions
    assert [order.request.symbol for order in truth.live] == [C]


async def test_a_person_closes_one_position_and_leaves_an_order_in_another(
    tmp_path: Path,
) -> None:
    exchange = hall(tmp_path)
    await exchange.hello()
    await exchange.place(order("bx1-known", B))
    await exchange.gone()
    await exchange.down(2, "stop")
    truth = await exchange.truth()
    assert truth.positions == {}
    assert [order.request.client_id for order in truth.live] == ["person-1"]


async def test_an_order_is_looked_up_in_the_journal_itself(tmp_path: Path) -> None:
    exchange = hall(tmp_path)
    await exchange.place(order("bx1-known"))
    await exchange.place(order("bx1-strange", B))
    truth = await exchange.truth()
    assert [one.journalled for one in truth.accepted] == [True, False]


async def test_a_stop_for_nothing_is_noted_as_idle(tmp_path: Path) -> None:
    exchange = hall(tmp_path)
    await exchange.place(stop("bx1-early"))
    await exchange.place(order("bx1-known"))
    await lived(exchange, 0)
    await exchange.place(stop("bx1-stop"))
    idle = [one.idle for one in (await exchange.truth()).accepted]
    assert idle == [True, False, False]


async def test_small_counterparties_fill_an_order_in_pieces(tmp_path: Path) -> None:
    exchange = hall(tmp_path, pieces=True)
    await exchange.place(order("bx1-known"))
    await lived(exchange, 0)
    pieces = [fill.quantity for fill in (await exchange.truth()).fills]
    assert len(pieces) == PIECES
    assert sum(pieces) == SIZE


async def test_two_entries_at_once_in_one_symbol_are_noted(tmp_path: Path) -> None:
    exchange = hall(tmp_path)
    await exchange.hello()
    await exchange.place(order("bx1-known"))
    await exchange.place(order("bx1-more"))
    await exchange.place(order("bx1-other", B))
    truth = await exchange.truth()
    assert truth.crowded == (A,)
    assert truth.busiest == 2
