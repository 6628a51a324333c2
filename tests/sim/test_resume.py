"""An engine that ends and another one that goes on at the same exchange."""

from decimal import Decimal
from pathlib import Path

import pytest
from trio.testing import MockClock

from actors.domain.errors import ExchangeError
from actors.domain.money import ZERO
from actors.domain.orders import Fill, OrderKind, OrderRequest, OrderState, Side
from actors.feed import Pace
from control.shell.opened import in_hand
from tests.sim.script import leave, signal
from tests.sim.stops import LOST
from tests.sim.world import MINUTE_MS, START_MS, SYMBOLS, A, B, World, living


async def test_an_engine_goes_on_where_its_exchange_was(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    world = World()
    async with living(world, tmp_path, account=True) as stage:
        await stage.bar(9)
        lived_ms = stage.venue.now_ms
    seen: list[int] = []
    world.cast = lambda symbol: seen.clear() if symbol == A else None
    meet = world.meet
    world.meet = lambda symbol, number: (  # type: ignore[method-assign]  # a witness
        seen.append(number) if symbol == A else None,
        meet(symbol, number),
    )[1]
    async with living(world, tmp_path, account=True, start=False) as stage:
        assert stage.venue.now_ms == lived_ms >= START_MS + 10 * MINUTE_MS
        cursor = stage.engine.cursor
        assert cursor.last_close_ms == lived_ms
        assert (await stage.command("start", preset=stage.engine.setup.preset)).ok
        past = (lived_ms - START_MS) // MINUTE_MS
        assert seen == list(range(past)), "the pipeline was given its past"
        await stage.over()
        assert seen == list(range(40)), "each bar once"
        assert cursor.steps_taken == 40 - past, "nobody traded on the past"


async def test_a_bar_that_the_exchange_lived_without_us_is_past(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    world = World()
    async with living(world, tmp_path, account=True, start=False) as stage:
        venue = stage.venue
        one = world.bars[A][0]
        order = OrderRequest(
            "mine", A, Side.LONG, OrderKind.STOP_MARKET, 1, stop_price=200
        )
        venue.open_bar(A, one, START_MS, START_MS + MINUTE_MS)
        await super(type(venue), venue).place(order)  # its bar is on file with it
    async with living(world, tmp_path, account=True, start=False) as stage:
        assert stage.engine.cursor.last_close_ms == START_MS + MINUTE_MS
        assert stage.engine.clock.now_ms() == START_MS + MINUTE_MS


async def test_a_market_that_was_lived_to_its_end_is_refused(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(World(), tmp_path, account=True) as stage:
        await stage.over()
    with pytest.raises(ExchangeError, match=r"end of scripted.*--fresh.*--data-dir"):
        async with living(World(), tmp_path, account=True):
            pass


async def test_a_duration_counts_from_where_the_account_goes_on(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    world = World()
    world.pace = Pace(speed=60.0, duration_ms=5 * MINUTE_MS)
    for life in (1, 2):
        async with living(world, tmp_path, account=True) as stage:
            await stage.over()
            assert stage.engine.cursor.steps_taken == 5
            assert stage.venue.now_ms == START_MS + life * 5 * MINUTE_MS


async def test_a_position_left_over_is_closed_at_its_last_price_at_the_end(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """Its symbol has no bar any more, so that this engine never plays one."""
    world = World()
    world.bars[A] = world.bars[A][:10]
    async with living(world, tmp_path, account=True) as stage:
        await stage.bar(5)
        venue = stage.venue
        order = OrderRequest("mine", A, Side.LONG, OrderKind.MARKET, 1)
        await super(type(venue), venue).place(order)
        await stage.bar(12)
        assert venue.held() == {A}
    async with living(world, tmp_path, account=True, start=False) as stage:
        index = world.symbols.index(A)
        bar = stage.engine.cursor.newest_bar(index)
        assert bar is not None
        assert bar["ts"] == world.bars[A]["ts"][-1]


def listing(*symbols: str) -> World:
    """Make an exchange's market of this day's symbols; A is entered and left there."""
    world = World({(A, 4): signal(), (A, 8): leave()}, symbols=symbols)
    world.lists_change = True
    return world


async def test_an_account_at_an_exchange_outlives_what_it_lists(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    files = {"account": True, "journal": True}
    first = listing(*SYMBOLS)
    first.lists_change = False  # so were accounts named that are older than this
    async with living(first, tmp_path, **files) as stage:
        await stage.bar(6)
        assert A in stage.state.book.positions
        await stage.until(lambda: not stage.state.book.positions)
        await stage.until(lambda: not stage.venue.active())
        cash = stage.venue.state.cash
    async with living(listing("NEW/USDT:USDT", B), tmp_path, **files) as stage:
        await stage.bar(12)
        assert stage.venue.state.cash == cash
        assert [one.symbol for one in stage.state.book.closed] == [A]


async def test_a_bar_on_file_of_what_is_listed_no_more_is_past(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    first = listing(*SYMBOLS)
    async with living(first, tmp_path, account=True, start=False) as stage:
        venue = stage.venue
        venue.open_bar(A, first.bars[A][0], START_MS, START_MS + MINUTE_MS)
        for side in (Side.LONG, Side.SHORT):
            order = OrderRequest(side, A, side, OrderKind.MARKET, Decimal(1))
            await super(type(venue), venue).place(order)
        while venue.active():
            assert await venue.play(START_MS + MINUTE_MS)
    async with living(listing(B), tmp_path, account=True, start=False) as stage:
        assert len(stage.venue.state.fills) >= 2


async def test_what_is_in_hand_is_known_before_a_market_is_opened(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """And an account that holds what is listed no more is refused with a remedy."""
    files = {"account": True, "journal": True}
    assert await in_hand(None) == await in_hand(tmp_path / "none") == frozenset()
    async with living(listing(*SYMBOLS), tmp_path, **files) as stage:
        await stage.bar(6)
        assert stage.state.book.in_hand() == {A}
    assert await in_hand(tmp_path / "journal.sqlite") == {A}
    with pytest.raises(ExchangeError, match=f"order or a position in {A}.*--fresh"):
        async with living(listing(B), tmp_path, **files):
            pass


async def test_what_the_market_lists_no_more_is_said_before_anything_is_done(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    files = {"journal": True}
    async with living(World({(A, 4): signal()}), tmp_path, **files) as stage:
        await stage.bar(9)
        assert A in stage.state.book.positions
    world = World(symbols=tuple(name for name in SYMBOLS if name != A))
    with pytest.raises(ExchangeError, match=f"or a live order in {A}, which scripted"):
        async with living(world, tmp_path, **files):
            pass


async def test_an_entry_in_doubt_of_what_the_market_lists_no_more_is_said_too(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """Should it fill, nobody could place its stop; later it halts its symbol."""
    files = {"journal": True}
    others = tuple(name for name in SYMBOLS if name != A)
    async with living(World({(A, 4): signal()}), tmp_path, **files) as stage:
        stage.venue.instead = lambda _request: LOST
        await stage.bar(5)
        (name,) = stage.state.book.orders
    with pytest.raises(ExchangeError, match=f"or a live order in {A}, which scripted"):
        async with living(World(symbols=others), tmp_path, **files):
            pass
    async with living(World(bars=3_000), tmp_path, **files) as stage:
        await stage.until(lambda: not stage.state.book.orders)
        assert stage.state.book.ended[name].state is OrderState.ABSENT
    async with living(World(symbols=others), tmp_path, **files) as stage:
        await stage.bar(3)
        deal = (A, Side.LONG, Decimal(1), Decimal(100), ZERO, False)
        stage.venue.say(Fill("t-late", name, *deal, stage.engine.clock.now_ms()))
        await stage.bar(6)
        assert stage.engine.crashes == 0
        assert "which the market does not list" in stage.state.book.halted[A]


@pytest.mark.parametrize(
    ("rise", "reason"), [([102.0, 104], "breakeven"), ([104.0, 110], "trail")]
)
async def test_a_stop_that_filled_while_we_were_down_is_booked_before_any_start(
    tmp_path: Path,
    autojump_clock: MockClock,
    rise: list[float],
    reason: str,
) -> None:
    closes = {A: [*[100.0] * 6, *rise, *rise[-1:] * 60]}
    world = World({(A, 4): signal(stop=97.0)}, closes=closes, bars=80)
    files = {"account": True, "journal": True}
    async with living(world, tmp_path, **files) as stage:
        await stage.bar(9)
        assert (await stage.command("stop")).ok
        held = stage.state.book.positions[A]
        orders = stage.state.book.orders.values()
        *_, stop = [order for order in orders if order.purpose == "stop"]
        assert held.entry < held.stop < rise[-1]
    async with living(world, tmp_path, start=False, **files) as stage:
        venue, now_ms = stage.venue, stage.engine.clock.now_ms()
        sold = (held.open, held.stop, ZERO, False, now_ms)
        fill = Fill("t-down", stop.client_id, A, Side.SHORT, *sold)

        async def listed(_since_ms: int) -> tuple[Fill, ...]:
            return (fill,)

        venue.state.positions.pop(A)
        venue.state.orders.clear()
        venue.fetch_fills = listed  # type: ignore[method-assign]  # what has happened
        answer = await stage.command("reconcile")
        assert answer.ok, answer.message
        (trade,) = stage.state.book.closed
        assert (trade.reason, trade.open) == (reason, ZERO)
        assert not stage.state.book.positions
        assert stage.engine.crashes == 0
