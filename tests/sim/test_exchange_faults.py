"""Each fault of an exchange ends in the right position with the right orders."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from trio.testing import MockClock

from actors.domain.money import ZERO
from actors.domain.orders import (
    ExchangeUpdate,
    Fill,
    OrderKind,
    OrderRequest,
    OrderState,
    OrderUpdate,
    Side,
)
from actors.exchange.paper.exchange import PaperExchange
from actors.journal import Kind
from actors.risk.orders.records import OrderRecord
from tests.sim.faulty import Always, Fault, FaultyVenue, Nth, Well, disagreements
from tests.sim.script import leave, signal
from tests.sim.world import START_MS, A, B, Stage, World, living, preset

D = Decimal
F = Fault


def world(**others: Any) -> World:
    made = World({(A, 4): signal(stop=95.0)}, **others)
    made.venue = FaultyVenue
    return made


def venue_of(stage: Stage) -> FaultyVenue:
    assert isinstance(stage.venue, FaultyVenue)
    return stage.venue


def entries(stage: Stage) -> int:
    """How often an entry was executed at the exchange."""
    executed = venue_of(stage).executed
    sent = {r.client_id for r in stage.venue.placed_as(OrderKind.MARKET)}
    return sum(count for name, count in executed.items() if name in sent)


async def states(stage: Stage, purpose: str) -> list[OrderState]:
    """Every state that orders of a purpose went through, from the journal."""
    rows = await stage.rows(Kind.ORDER)
    records = [row.decode(OrderRecord) for row in rows]
    return [r.state for r in records if r.purpose == purpose]


# --- the answer to an entry --------------------------------------------------------


@pytest.mark.parametrize(
    "fault", [F.ANSWER_LOST, F.SLOW, F.SERVER_ERROR, F.LATE], ids=str
)
async def test_an_entry_that_was_executed_unheard_is_one_protected_position(
    tmp_path: Path, autojump_clock: MockClock, fault: Fault
) -> None:
    async with living(world(), tmp_path) as stage:
        venue_of(stage).plan = Nth("place", 1, fault)
        await stage.bar(8)
        assert entries(stage) == 1
        assert OrderState.REFUSED not in await states(stage, "entry")
        assert stage.view.positions()[0].stop_confirmed
        assert not stage.state.book.halted
        assert not disagreements(stage)


@pytest.mark.parametrize("fault", [F.LOST, F.UNLISTED], ids=str)
async def test_an_entry_that_never_arrived_is_absent_by_proof_and_not_sent_again(
    tmp_path: Path, autojump_clock: MockClock, fault: Fault
) -> None:
    async with living(world(), tmp_path) as stage:
        venue_of(stage).plan = Nth("place", 1, fault)
        await stage.bar(9)
        assert entries(stage) == 0
        assert len(stage.venue.placed) == 1
        assert await states(stage, "entry") == [OrderState.UNKNOWN, OrderState.ABSENT]
        assert not stage.state.book.halted
        assert not disagreements(stage)


async def test_a_refused_entry_is_refused_at_once(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(world(), tmp_path) as stage:
        venue_of(stage).plan = Nth("place", 1, F.REFUSED)
        await stage.bar(6)
        assert await states(stage, "entry") == [OrderState.REFUSED]
        assert not stage.state.book.positions
        assert not disagreements(stage)


async def test_an_unknown_entry_takes_no_other_in_its_symbol(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    made = world()
    made.script[A, 5] = signal(stop=95.0)
    made.script[B, 5] = signal(stop=95.0)
    async with living(made, tmp_path) as stage:
        venue = venue_of(stage)
        venue.plan = Always(place=F.LOST, fetch_order=F.FAILS)
        await stage.bar(4)
        venue.plan = Always(fetch_order=F.FAILS)
        await stage.bar(20)
        (order,) = [o for o in stage.state.book.orders.values() if o.purpose == "entry"]
        assert (order.request.symbol, order.state) == (A, OrderState.UNKNOWN)
        assert order.risk_usd in {h.risk_usd for h in stage.state.holdings()}
        assert B in stage.state.book.positions
        alarms = [a for a in stage.view.alerts() if "over 60 s" in a.message]
        assert [alarm.severity for alarm in alarms] == ["critical"]
        venue.plan = Well()
        await stage.bar(24)
        assert not disagreements(stage)


async def test_an_order_is_not_absent_while_the_position_says_otherwise(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(world(), tmp_path) as stage:
        venue = venue_of(stage)
        venue.plan = Nth("place", 1, F.LOST)
        await stage.bar(4)
        other = OrderRequest("web", A, Side.LONG, OrderKind.MARKET, D(2))
        await venue.intrude(other)
        await stage.bar(12)
        (order,) = stage.state.book.orders.values()
        assert order.state is OrderState.UNKNOWN
        assert A in stage.state.book.halted


# --- cancels --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault", [F.LOST, F.ANSWER_LOST, F.SLOW, F.SERVER_ERROR, F.GARBLED], ids=str
)
async def test_a_cancel_that_was_lost_is_asked_for_again_until_it_is_a_fact(
    tmp_path: Path, autojump_clock: MockClock, fault: Fault
) -> None:
    made = world()
    made.script[A, 4] = signal(stop=95.0, target=150.0)
    made.script[A, 7] = leave(side=1)
    async with living(made, tmp_path) as stage:
        venue_of(stage).plan = Nth("cancel", 1, fault)
        await stage.bar(14)
        assert [trade.reason for trade in stage.state.book.closed] == ["opposite"]
        assert not stage.venue.state.orders
        assert not stage.state.book.orders
        assert not disagreements(stage)


async def test_a_fill_that_outruns_its_cancel_is_counted(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(world(), tmp_path) as stage:
        await stage.bar(4)
        (entry,) = stage.state.book.orders.values()
        await stage.engine.risk.commands._kill.cancel_entries()
        venue_of(stage).plan = Always(cancel=F.LOST)
        await stage.bar(8)
        assert stage.state.book.positions[A].open > ZERO
        assert entry.client_id not in stage.state.book.orders
        assert not disagreements(stage)


# --- the stream -------------------------------------------------------------------


async def test_a_silent_stream_is_made_good_by_asking(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    made = world(closes={A: [*[100.0] * 10, 90]})
    async with living(made, tmp_path) as stage:
        venue_of(stage).plan = Always(tell=F.DROPPED)
        await stage.bar(8)
        assert stage.view.positions()[0].stop_confirmed
        assert not disagreements(stage)
        await stage.bar(14)
        assert [trade.reason for trade in stage.state.book.closed] == ["stop"]
        assert not disagreements(stage)
        assert not stage.state.book.halted


@pytest.mark.parametrize("fault", [F.TWICE, F.DELAYED], ids=str)
async def test_pieces_told_twice_or_out_of_order_are_counted_once(
    tmp_path: Path, autojump_clock: MockClock, fault: Fault
) -> None:
    made = world()
    made.script[A, 8] = leave(side=1)
    made.bars[A]["volume"][8:] = 0.0
    made.preset = preset(risk__max_position_size_usd=D(2_000))
    async with living(made, tmp_path) as stage:
        venue_of(stage).plan = Always(tell=fault)
        await stage.bar(16)
        fills = [row.decode(Fill) for row in await stage.rows(Kind.FILL)]
        assert len(fills) > 3
        assert len({fill.trade_id for fill in fills}) == len(fills)
        venue_of(stage).plan = Well()
        await stage.bar(19)
        assert not disagreements(stage)


async def test_a_lost_fill_is_found_though_a_newer_one_of_another_is_known(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    made = world()
    made.script[B, 9] = signal(stop=95.0)
    async with living(made, tmp_path) as stage:
        venue = venue_of(stage)
        venue.plan = Always(tell=F.DROPPED, fetch_fills=F.FAILS)
        await stage.bar(8)
        assert not stage.state.book.positions
        venue.plan = Always(fetch_fills=F.FAILS)
        await stage.bar(12)
        assert B in stage.state.book.positions
        assert "fills_missing" not in str(stage.state.book.halted.get(A))
        venue.plan = Well()
        await stage.bar(15)
        assert stage.state.book.positions[A].open > ZERO
        assert stage.view.positions()[0].stop_confirmed


# --- what an exchange may say and must not break anything ----------------------------


def _fill(client_id: str, **facts: Any) -> Fill:
    given: dict[str, Any] = {
        "trade_id": "x-1",
        "client_id": client_id,
        "symbol": A,
        "side": Side.LONG,
        "quantity": D(1),
        "price": D(100),
        "fee": ZERO,
        "maker": False,
        "ts_ms": START_MS,
    }
    return Fill(**(given | facts))


def _word(client_id: str, state: OrderState, filled: str = "0") -> OrderUpdate:
    return OrderUpdate(client_id, "x", A, state, D(filled), "", START_MS)


@pytest.mark.parametrize(
    "facts",
    [
        {"client_id": "nobody"},
        {"symbol": "NEW/USDT", "client_id": "nobody"},
        {"symbol": B},
        {"side": Side.SHORT},
        {"quantity": ZERO},
        {"quantity": D(-1)},
        {"quantity": D("NaN")},
        {"price": D(-1)},
        {"quantity": D(10_000)},
        {"quantity": D(1), "ts_ms": 2**60},
    ],
    ids=str,
)
async def test_no_fill_breaks_the_risk_actor_and_none_is_told_twice(
    tmp_path: Path, autojump_clock: MockClock, facts: dict[str, Any]
) -> None:
    async with living(world(), tmp_path) as stage:
        await stage.bar(6)
        (entry,) = stage.venue.placed_as(OrderKind.MARKET)
        told = _fill(**({"client_id": entry.client_id} | facts))
        halted = dict(stage.state.book.halted)
        stage.venue.say(told)
        stage.venue.say(told)
        await stage.bar(9)
        assert stage.engine.crashes == 0
        assert len(stage.state.book.halted) > len(halted)
        assert not disagreements(stage)


@pytest.mark.parametrize("state", list(OrderState), ids=str)
async def test_no_word_on_an_order_breaks_the_risk_actor(
    tmp_path: Path, autojump_clock: MockClock, state: OrderState
) -> None:
    async with living(world(), tmp_path) as stage:
        await stage.bar(6)
        words: list[ExchangeUpdate] = [_word("nobody", state, "3")]
        for order in stage.state.book.orders.values():
            words += [_word(order.client_id, state, n) for n in ("-1", "0", "999")]
        for word in words:
            stage.venue.say(word)
        await stage.bar(10)
        assert stage.engine.crashes == 0
        assert stage.state.book.positions[A].open > ZERO


async def test_a_fill_may_come_before_the_answer_to_its_order(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(world(), tmp_path) as stage:
        venue_of(stage).plan = Nth("place", 1, F.SLOW)
        await stage.bar(6)  # the answer comes ten bars after the fill
        assert stage.view.positions()[0].stop_confirmed
        await stage.bar(20)
        assert stage.machine.illegal_transitions == 0
        assert not disagreements(stage)


async def test_a_fill_of_an_order_long_forgotten_finds_its_signal_again(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    made = world()
    made.preset = preset(execution_config__entry_band_bps=D(1))
    made.bars[A]["open"][5] = made.bars[A]["high"][5] = 104.0
    async with living(made, tmp_path) as stage:
        await stage.bar(7)
        (entry,) = stage.state.book.ended.values()
        assert entry.filled == ZERO
        stage.state.book.ended.clear()
        stage.state.book.signals.clear()
        request = entry.request
        stage.venue.say(_fill(request.client_id, quantity=request.quantity))
        await stage.until(lambda: A in stage.state.book.positions)
        assert stage.state.book.positions[A].stop == D("95.00")
        assert stage.engine.crashes == 0


# --- stops, others' orders ------------------------------------------------------------


@pytest.mark.parametrize("silently", [True, False])
async def test_a_stop_that_is_gone_is_placed_again_at_the_next_look(
    tmp_path: Path, autojump_clock: MockClock, *, silently: bool
) -> None:
    async with living(world(), tmp_path) as stage:
        await stage.bar(6)
        venue = venue_of(stage)
        (stop,) = venue.placed_as(OrderKind.STOP_MARKET)
        if silently:
            venue.vanish(stop.client_id)
        else:
            await PaperExchange.cancel(venue, A, stop.client_id)
        await stage.bar(8)
        assert len(venue.placed_as(OrderKind.STOP_MARKET)) == 2
        assert stage.view.positions()[0].stop_confirmed
        assert not disagreements(stage)


@pytest.mark.parametrize("fault", [F.STALE, F.PAGE, F.FAILS, F.GARBLED], ids=str)
async def test_a_list_that_lacks_orders_ends_none_of_them(
    tmp_path: Path, autojump_clock: MockClock, fault: Fault
) -> None:
    async with living(world(), tmp_path) as stage:
        venue_of(stage).plan = Always(fetch_open_orders=fault)
        await stage.bar(12)
        assert len(stage.venue.placed_as(OrderKind.STOP_MARKET)) == 1
        assert OrderState.CANCELLED not in await states(stage, "stop")
        venue_of(stage).plan = Well()
        await stage.bar(15)
        assert not disagreements(stage)


async def test_an_order_that_is_not_found_while_young_is_not_given_up(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(world(), tmp_path) as stage:
        venue_of(stage).plan = Always(fetch_order=F.NOT_FOUND, fetch_open_orders=F.PAGE)
        await stage.bar(12)
        assert entries(stage) == 1
        ended = {OrderState.ABSENT, OrderState.CANCELLED}
        assert not ended.intersection(await states(stage, "entry"))
        venue_of(stage).plan = Well()
        await stage.bar(15)
        assert not disagreements(stage)


async def test_a_failed_fetch_of_positions_is_unknown_and_not_flat(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(world(), tmp_path) as stage:
        await stage.bar(6)
        venue_of(stage).plan = Always(fetch_positions=F.FAILS)
        await stage.bar(20)
        assert stage.state.book.positions[A].open > ZERO
        assert not stage.state.book.halted
        assert not stage.view.differences()
