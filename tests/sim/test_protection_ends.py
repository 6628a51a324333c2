"""How positions end that cannot end well: as dust, or beyond what is held."""

from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from trio.testing import MockClock

from actors.domain.bars import MarketDescription
from actors.domain.ledger import Position
from actors.domain.money import ZERO
from actors.domain.orders import (
    Fill,
    OrderKind,
    OrderRequest,
    OrderState,
    OrderUpdate,
    Outcome,
    Placed,
    Refused,
    Side,
)
from actors.domain.phases import TradePhase
from actors.exchange.paper.exchange import PaperExchange
from actors.journal import Kind
from tests.sim.script import leave, signal
from tests.sim.world import A, Stage, World, living, preset

CALM = [100.0] * 5
LOT = Decimal("0.001")


class CoarseWorld(World):
    """A world whose smallest order is large: 0.05 of a coin, in lots of 0.001."""

    least = Decimal("0.05")

    def describe(self) -> MarketDescription:
        market = super().describe()
        coarse = tuple(
            msgspec.structs.replace(one, quantity_min=self.least)
            for one in market.instruments
        )
        return msgspec.structs.replace(market, instruments=coarse)


async def closed(stage: Stage) -> list[Position]:
    positions = [row.decode(Position) for row in await stage.rows(Kind.POSITION)]
    return [position for position in positions if position.ended]


async def booked(stage: Stage, symbol: str) -> Decimal:
    """What all journalled fills of a symbol add up to."""
    fills = [row.decode(Fill) for row in await stage.rows(Kind.FILL, symbol)]
    return sum((one.quantity * one.side.sign for one in fills), ZERO)


async def assert_fills_are_the_position(stage: Stage, symbol: str = A) -> None:
    held, dust = (
        stage.state.book.positions.get(symbol),
        stage.state.book.dust.get(symbol),
    )
    ours = (held.net if held else ZERO) + (dust.quantity if dust else ZERO)
    assert ours == await booked(stage, symbol)


def trade(stage: Stage, name: str, client_id: str, side: Side, size: Decimal) -> None:
    """Let the exchange execute something and tell of it, whatever its rules say."""
    price, now_ms = Decimal(100), stage.engine.clock.now_ms()
    stage.venue._account._move(A, size * side.sign, price)
    stage.venue.say(Fill(name, client_id, A, side, size, price, ZERO, False, now_ms))


# --- dust -----------------------------------------------------------------------------


@pytest.mark.parametrize("side", [1, -1])
async def test_a_partial_entry_below_the_minimum_ends_as_dust(
    tmp_path: Path, autojump_clock: MockClock, side: int
) -> None:
    world = CoarseWorld({(A, 4): signal(side, stop=100.0 - 5 * side)})

    def nothing(request: OrderRequest) -> Outcome | None:
        return Refused("nothing more") if request.reduce_only else None

    async with living(world, tmp_path) as stage:
        stage.venue.instead = nothing
        place = stage.venue.place

        async def thin(request: OrderRequest) -> Outcome:
            if request.reduce_only:
                return await place(request)
            stage.venue.placed.append(request)
            trade(stage, "t-1", request.client_id, request.side, 30 * LOT)
            return Refused("the rest is refused")

        stage.venue.place = thin  # type: ignore[method-assign]  # the fault
        await stage.bar(9)
        (gone,) = await closed(stage)
        assert (gone.phase, gone.reason) == (TradePhase.DUST, "dust")
        assert gone.dust == gone.entered == 30 * LOT
        assert gone.pnl_usd < 0
        assert not stage.state.book.positions
        assert stage.state.book.dust[A].quantity == 30 * LOT * side
        assert stage.view.positions()[0].phase == "DUST"
        assert stage.state.counts["trades"] == 1
        await stage.bar(18)  # several looks at positions and balance
        assert not stage.state.book.halted
        assert not stage.engine.risk.settlement.differences.all()
        await assert_fills_are_the_position(stage)
        assert stage.engine.crashes == 0


async def test_a_close_that_leaves_less_than_the_minimum_ends_as_dust(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    world = CoarseWorld({(A, 4): signal(), (A, 8): leave()})
    async with living(world, tmp_path) as stage:
        falls_short(stage, 20 * LOT)
        await stage.bar(12)
        (gone,) = await closed(stage)
        assert gone.phase is TradePhase.DUST
        assert gone.dust == 20 * LOT
        assert not stage.venue.state.orders  # no stop is left behind for it
        assert stage.state.book.dust[A].loss == pytest.approx(
            gone.entry * gone.dust, abs=Decimal("0.01")
        )
        await stage.bar(20)
        assert not stage.engine.risk.settlement.differences.all()
        await assert_fills_are_the_position(stage)
        day = stage.state.book.day
        assert day.realized_r == gone.r_of(gone.pnl_usd)


def falls_short(stage: Stage, rest: Decimal) -> None:
    """Every close is executed but for a rest, which the exchange cancels."""
    place = stage.venue.place

    async def short_of(request: OrderRequest) -> Outcome:
        if not (request.reduce_only and request.kind is OrderKind.MARKET):
            return await place(request)
        stage.venue.placed.append(request)
        less, name = request.quantity - rest, request.client_id
        trade(stage, f"t-{name}", name, request.side, less)
        now_ms = stage.engine.clock.now_ms()
        stage.venue.say(
            OrderUpdate(name, "x", A, OrderState.CANCELLED, less, "thin", now_ms)
        )
        return Placed("x")

    stage.venue.place = short_of  # type: ignore[method-assign]  # the fault


async def test_a_symbol_with_dust_trades_on_and_its_dust_is_counted(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    script = {(A, 4): signal(), (A, 8): leave(), (A, 14): signal(), (A, 18): leave()}
    async with living(CoarseWorld(script), tmp_path) as stage:
        falls_short(stage, 20 * LOT)
        await stage.bar(24)
        trades = await closed(stage)
        assert [one.phase for one in trades] == [TradePhase.DUST] * 2
        assert stage.state.book.dust[A].quantity == 40 * LOT
        held = await stage.venue.fetch_positions()
        assert [one.quantity for one in held] == [40 * LOT]
        assert not stage.state.book.halted
        await assert_fills_are_the_position(stage)


# --- more than is held ----------------------------------------------------------------


async def test_an_exit_larger_than_what_is_held_is_booked_and_halts_its_symbol(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(World({(A, 4): signal()}), tmp_path) as stage:
        await stage.bar(6)
        held = stage.state.book.positions[A]
        (stop,) = [o for o in stage.state.book.orders.values() if o.purpose == "stop"]
        trade(stage, "t-over", stop.client_id, Side.SHORT, held.open + LOT)
        await stage.bar(9)
        owing = stage.state.book.positions[A]
        assert (owing.open, owing.over) == (ZERO, LOT)
        assert "t-over" in stage.state.book.halted[A]
        assert stage.engine.crashes == 0
        await assert_fills_are_the_position(stage)
        assert not [o for o in stage.venue.state.orders.values() if not o.filled]
        assert (await stage.command("panic_exit")).ok  # reduce-only, the other way
        await stage.bar(12)
        (done,) = await closed(stage)
        assert done.reason == "stop"
        assert not stage.venue.state.positions
        assert stage.state.equity == await stage.venue.fetch_equity()


async def test_an_exit_that_comes_before_its_entrys_last_piece_ends_flat(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(World({(A, 4): signal()}), tmp_path) as stage:
        told: list[Fill] = []
        sink = stage.venue._outbox.sink
        assert sink is not None

        def late(update: object) -> None:
            entry = isinstance(update, Fill) and update.side is Side.LONG
            if entry and not told:
                assert isinstance(update, Fill)
                half = update.quantity // 2
                told.append(
                    msgspec.structs.replace(
                        update,
                        trade_id="t-late",
                        quantity=update.quantity - half,
                        fee=ZERO,
                    )
                )
                update = msgspec.structs.replace(update, quantity=half)
            sink(update)  # type: ignore[arg-type]  # what it was given

        stage.venue._outbox.sink = late
        await stage.bar(5)
        held = stage.state.book.positions[A]
        (stop,) = [o for o in stage.state.book.orders.values() if o.purpose == "stop"]
        whole = held.open + told[0].quantity
        trade(stage, "t-stop", stop.client_id, Side.SHORT, whole)
        await stage.until(lambda: stage.state.book.positions[A].over > ZERO)
        await assert_fills_are_the_position(stage)
        stage.venue.say(told[0])
        await stage.until(lambda: A not in stage.state.book.positions)
        (done,) = await closed(stage)
        assert (done.phase, done.entered) == (TradePhase.CLOSED, whole)
        assert A in stage.state.book.halted
        assert not stage.venue.state.positions
        assert stage.engine.crashes == 0
        await assert_fills_are_the_position(stage)


async def test_a_fill_after_the_end_is_owed_and_shown(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    world = World({(A, 4): signal(), (A, 6): leave()})
    async with living(world, tmp_path) as stage:
        await stage.bar(8)
        (done,) = await closed(stage)
        (stop,) = [o for o in stage.state.book.ended.values() if o.purpose == "stop"]
        assert stop.state is OrderState.CANCELLED
        trade(stage, "t-late", stop.client_id, Side.SHORT, LOT)
        await stage.bar(10)
        owing = stage.state.book.positions[A]
        assert (owing.net, owing.correlation) == (-LOT, done.correlation)
        assert A in stage.state.book.halted
        assert stage.engine.crashes == 0
        await assert_fills_are_the_position(stage)


async def test_an_entry_that_overfills_is_held_and_protected_whole(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(World({(A, 4): signal()}), tmp_path) as stage:
        await stage.bar(6)
        held = stage.state.book.positions[A]
        (entry,) = [o for o in stage.state.book.ended.values() if o.purpose == "entry"]
        trade(stage, "t-more", entry.client_id, Side.LONG, LOT)
        await stage.bar(8)
        assert stage.state.book.positions[A].open == held.open + LOT
        assert stage.view.positions()[0].stop_confirmed
        assert "t-more" in stage.state.book.halted[A]
        await assert_fills_are_the_position(stage)


# --- closes and stops at the same time ------------------------------------------------


async def test_a_close_that_takes_its_time_stays_the_only_one(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    world = World({(A, 4): signal(), (A, 9): leave()})
    world.bars[A]["volume"][8:] = 0.0
    world.preset = preset(risk__max_position_size_usd=Decimal(20_000))
    async with living(world, tmp_path) as stage:
        await stage.bar(8)
        assert (await stage.command("panic_exit")).ok
        await stage.bar(10)
        assert (await stage.command("panic_exit")).ok
        assert stage.state.book.positions[A].open > ZERO
        closes = [o for o in stage.venue.placed_as("market") if o.reduce_only]
        assert len(closes) == 1
        await stage.over()
        (done,) = await closed(stage)
        assert done.reason == "panic_exit"


async def test_two_stops_and_a_close_at_once_take_off_no_more_than_there_is(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    fall = [*CALM, 100.0, 100.0, 100.0, 80.0]
    world = World({(A, 4): signal()}, closes={A: fall})
    async with living(world, tmp_path) as stage:
        await stage.bar(7)
        held = stage.state.book.positions[A]
        (stop,) = [o for o in stage.venue.state.orders.values() if o.level == 95]
        twin = msgspec.structs.replace(stop.request, client_id="twin")
        await PaperExchange.place(stage.venue, twin)  # as a lost answer leaves it
        assert (await stage.command("panic_exit")).ok
        await stage.over()
        (done,) = await closed(stage)
        assert done.entered == held.open
        exits = [f for f in stage.venue.heard if isinstance(f, Fill)]
        assert sum(f.quantity * f.side.sign for f in exits) == 0
        assert not stage.venue.state.positions
        await assert_fills_are_the_position(stage)


@pytest.mark.parametrize("stops_as_well", [True, False])
async def test_a_small_rest_that_the_exchange_will_not_close_ends_as_dust(
    tmp_path: Path, autojump_clock: MockClock, *, stops_as_well: bool
) -> None:
    """0.02 of a coin are two lots, and worth 2 where orders begin at 5."""

    def picky(request: OrderRequest) -> Outcome | None:
        small = request.reduce_only and request.quantity * 100 < 5
        kind = stops_as_well or request.kind is OrderKind.MARKET
        return Refused("notional") if small and kind else None

    async with living(World({(A, 4): signal(), (A, 8): leave()}), tmp_path) as stage:
        falls_short(stage, 20 * LOT)
        place = stage.venue.place

        async def choosing(request: OrderRequest) -> Outcome:
            refused = picky(request)
            return await place(request) if refused is None else refused

        stage.venue.place = choosing  # type: ignore[method-assign]  # the fault
        await stage.bar(12)
        (gone,) = await closed(stage)
        assert (gone.phase, gone.dust) == (TradePhase.DUST, 20 * LOT)
        assert not stage.venue.state.orders
        assert len(stage.venue.placed_as("stop_market")) <= 2
        await assert_fills_are_the_position(stage)
