"""Closes under the kill switch: tried again, never two at once, never too much."""

from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
import trio
from trio.testing import MockClock

from actors.domain.orders import OrderKind, OrderRequest, Side
from actors.domain.phases import TradePhase
from actors.domain.truth import Look, Truth
from actors.exchange.paper.exchange import PaperExchange
from actors.journal import Kind
from tests.crash.pieces import PiecewiseExchange
from tests.sim.killing import (
    K,
    Watch,
    flat,
    held_and_in_flight,
    is_phase,
    phase_of,
    told,
)
from tests.sim.script import signal
from tests.sim.venue import Venue
from tests.sim.world import A, B, World, living


@pytest.mark.parametrize("times", [1, 3, 7])
async def test_refused_closes_are_counted_alarmed_and_tried_again(
    tmp_path: Path, autojump_clock: MockClock, times: int
) -> None:
    async with living(held_and_in_flight(), tmp_path) as stage:
        await stage.bar(6)
        left = [times]

        def refuse(_request: OrderRequest) -> str:
            left[0] -= 1
            return "busy" if left[0] >= 0 else ""

        watch = Watch(stage, refuse)
        assert (await stage.command("kill_switch")).ok
        await flat(stage)
        assert stage.state.counts["kill_closes_failed"] == times
        assert len(told(stage, "under the kill switch: refused, busy")) == times
        assert len({request.client_id for request in watch.closes}) == len(watch.closes)
        efforts = stage.state.book.kill.efforts
        assert efforts[A].failures == times


async def test_a_size_that_the_exchange_refuses_goes_in_pieces(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(held_and_in_flight(), tmp_path) as stage:
        await stage.bar(6)
        whole = stage.state.book.positions[A].open
        most = whole / 3
        watch = Watch(stage, lambda r: "too large" if r.quantity > most else "")
        assert (await stage.command("kill_switch")).ok
        await flat(stage)
        sent = [r.quantity for r in watch.closes if r.quantity <= most]
        assert sum(sent) == whole


async def test_a_close_that_does_not_move_is_replaced_only_once_it_has_ended(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    world = World({(A, 4): signal()}, bars=60)
    world.bars[A] = world.bars[A][[*range(8), *range(20, 60)]]
    async with living(world, tmp_path) as stage:
        await stage.bar(8)
        watch = Watch(stage, lambda _request: "")
        assert (await stage.command("kill_switch")).ok
        await flat(stage)
        assert len(watch.closes) > 2
        assert told(stage, "has not moved for")


async def test_two_tries_are_apart_in_the_exchange_s_time(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(held_and_in_flight(), tmp_path) as stage:
        await stage.bar(6)
        watch = Watch(stage, lambda _request: "busy")
        assert (await stage.command("kill_switch")).ok
        before = len(watch.closes)
        look = Look(0, 0, (), 0, positions=False, balance=False)
        for _ in range(20):  # each lets the kill switch go on, at one market time
            stage.engine.risk_ref.tell(Truth(look, None, None, None, None, (), ()))
        await trio.sleep(0.1)
        assert len(watch.closes) == before
        assert stage.state.book.kill.efforts[A].failures == before


async def test_an_order_whose_position_has_ended_is_cancelled(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """As after a death between a position's end and the cancel of its stop."""
    async with living(held_and_in_flight(), tmp_path) as stage:
        await stage.bar(6)
        position = stage.state.book.positions[A]
        ended = msgspec.structs.replace(
            position, open=Decimal(0), phase=TradePhase.CLOSED
        )
        desk = stage.engine.risk.desk
        desk.record(Kind.POSITION, ended, A, position.correlation)
        del stage.venue.state.positions[A]
        assert any(o.purpose == "stop" for o in stage.state.book.orders.values())
        assert (await stage.command("kill_switch")).ok
        await flat(stage)


async def test_every_entry_is_asked_to_be_cancelled(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(held_and_in_flight(), tmp_path) as stage:
        await stage.bar(6)
        assert (await stage.command("kill_switch")).ok
        await flat(stage)
        (entry,) = (o for o in stage.state.book.ended.values() if o.request.symbol == B)
        assert entry.cancel_wanted


async def test_what_is_held_and_cannot_be_traded_ends_as_dust(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(held_and_in_flight(), tmp_path) as stage:
        await stage.bar(6)
        (order,) = (
            o for o in stage.venue.state.orders.values() if o.request.symbol == B
        )
        little = (Decimal("0.0004"), Decimal(100), (stage.engine.clock.now_ms(), False))
        stage.venue.say(stage.venue._account.apply(order, *little))
        assert (await stage.command("kill_switch")).ok
        await is_phase(stage, K.LATCHED)
        assert not stage.state.book.positions
        assert stage.state.book.dust[B].quantity == Decimal("0.0004")
        assert told(stage, "dust of 0.0004 is left")


class ThinVenue(PiecewiseExchange, Venue):
    """A Venue whose fills come in pieces."""


async def test_what_fills_after_its_first_piece_is_being_closed_has_its_stop(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """The cancel loses against the fill; a close of one piece lasts until bar 6."""
    world = World({(A, 4): signal(stop=95.0)}, bars=60)
    world.venue = ThinVenue
    world.bars[A]["volume"][5:] = 10.0  # a tenth of it is ours
    async with living(world, tmp_path) as stage:
        await stage.bar(4)
        assert (await stage.command("kill_switch")).ok
        await flat(stage)
        (closed,) = stage.state.book.closed
        assert closed.closed_ms - closed.opened_ms > 10_000
        assert stage.state.book.unprotected_longest_ms < 1000


async def test_what_a_person_closed_by_hand_is_not_closed_again_and_again(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(held_and_in_flight(), tmp_path) as stage:
        await stage.bar(6)
        held = stage.venue.state.positions[A].quantity
        by_hand = OrderRequest("by-hand", A, Side.SHORT, OrderKind.MARKET, held)
        await PaperExchange.place(stage.venue, by_hand)
        await stage.bar(10)
        assert (await stage.command("kill_switch")).ok
        placed = len(stage.venue.placed)
        await stage.bar(20)
        assert len(stage.venue.placed) == placed
        assert phase_of(stage) is K.FLATTENING
        assert told(stage, f"{A} not held there: settle")
        (row,) = stage.view.differences()
        settled = {"symbol": A, "policy": "adopt", "confirm": A, "id": row.id}
        assert (await stage.command("settle", **settled)).ok
        await flat(stage)
