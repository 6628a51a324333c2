"""A live account trades on spot: nothing is short, and a stop locks its coins."""

from decimal import Decimal
from typing import Any

import pytest
import trio

from actors.domain.errors import ExchangeError
from actors.domain.orders import OrderKind, OrderState, Placed, Refused, Side, Unknown
from actors.exchange.live import stream
from actors.loopback.floor.pit import Venue
from actors.loopback.quotes import rules
from tests.loopback.accounts import SIZE, Trader, trading
from tests.loopback.client import PATIENCE_SECONDS, exchange

SPOT = Venue.SPOT
HALF = SIZE / 2


async def bought(trader: Trader) -> None:
    assert isinstance(await trader.account.place(trader.request("bx0-entry")), Placed)
    word = await trader.ended("bx0-entry")
    assert word.state is OrderState.FILLED


async def test_a_purchase_is_told_with_its_fee_in_quote_currency() -> None:
    async with exchange() as client, trading(client, SPOT) as trader:
        await bought(trader)
        fills = trader.fills("bx0-entry")
        assert sum(fill.quantity for fill in fills) == SIZE
        rows = (await trader.truth())["fills"]
        assert {row["commissionAsset"] for row in rows} == {"BTC"}
        coins = sum(Decimal(row["commission"]) for row in rows)
        worth = sum(Decimal(r["commission"]) * Decimal(r["price"]) for r in rows)
        assert sum(fill.fee for fill in fills) == worth > 0
        assert sum(fill.coin_fee for fill in fills) == coins
        assert await trader.account.fetch_fills(0) == tuple(fills)
        (position,) = await trader.account.fetch_positions()
        assert (position.symbol, position.quantity) == (trader.symbol, SIZE - coins)
        balance = await trader.account.fetch_balance()
        spent = sum(fill.quantity * fill.price for fill in fills)
        assert abs(balance - Decimal(10_000) + worth) < Decimal("0.01")
        assert spent > 1_000
        equity = await trader.account.fetch_equity()
        assert abs(equity - balance) < 10


async def test_what_was_not_bought_here_costs_what_it_was_worth_when_first_seen() -> (
    None
):
    """Its price moves, the balance without open results does not."""
    async with exchange() as client, trading(client, SPOT, stream=False) as trader:
        for held in ("0.5", "0.00000042"):
            client.exchange.spot.free["BTC"] = Decimal(held)
            last = trader.pit.grid.price(trader.pit.tape.last)
            (position,) = await trader.account.fetch_positions()
            assert position.quantity == Decimal(held)
            balance = await trader.account.fetch_balance()
            trader.reach(trader.pit.tape.last + 1_000)
            (again,) = await trader.account.fetch_positions()
            assert again == position
            assert await trader.account.fetch_balance() == balance
            paid = balance - Decimal(10_000)
            assert abs(paid - position.quantity * position.entry_price) < 1
            assert abs(position.entry_price - last) <= 100
            assert await trader.account.fetch_equity() > balance


async def test_a_coin_that_may_not_be_entered_is_nobody_s_position() -> None:
    books = frozenset[str]()
    plan: dict[str, Any] = {
        "allowed": frozenset({"ETH/USDT"}),
        "touched": lambda: books,
    }
    async with (
        exchange() as client,
        trading(client, SPOT, stream=False, **plan) as trader,
    ):
        client.exchange.spot.free |= {"BTC": Decimal("0.5"), "ETH": Decimal(2)}
        (ours,) = await trader.account.fetch_positions()
        assert (ours.symbol, ours.quantity) == ("ETH/USDT", 2)
        assert 10_000 < await trader.account.fetch_equity() < 20_000
        books = frozenset({"BTC/USDT"})  # once bought, whatever is allowed now
        assert len(await trader.account.fetch_positions()) == 2


async def test_a_market_without_resting_stops_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rules, "SPOT_TYPES", ["LIMIT", "MARKET", "STOP_LOSS_LIMIT"])
    async with exchange() as client:
        with pytest.raises(ExchangeError, match="STOP_LOSS is none of its order types"):
            async with trading(client, SPOT, stream=False):
                pytest.fail("it was prepared")


async def test_a_stop_rests_triggers_and_sells() -> None:
    async with exchange() as client, trading(client, SPOT) as trader:
        await bought(trader)
        stop = trader.stop("bx0-stop", quantity=HALF)
        assert isinstance(await trader.account.place(stop), Placed)
        (resting,) = await trader.account.fetch_open_orders()
        told = resting.request
        assert (told.kind, told.stop_price) == (OrderKind.STOP_MARKET, stop.stop_price)
        (order,) = client.exchange.desks[SPOT].open.values()
        trader.reach(order.stop_ticks)
        assert (await trader.ended("bx0-stop")).state is OrderState.FILLED
        sales = trader.fills("bx0-stop")
        assert sum(fill.quantity for fill in sales) == HALF
        rows = [r for r in (await trader.truth())["fills"] if not r["isBuyer"]]
        assert {row["commissionAsset"] for row in rows} == {"USDT"}
        paid = sum(Decimal(row["commission"]) for row in rows)
        assert sum(fill.fee for fill in sales) == paid > 0
        assert not any(fill.coin_fee for fill in sales)


async def test_a_cancelled_order_is_told_under_its_own_name() -> None:
    async with exchange() as client, trading(client, SPOT) as trader:
        await bought(trader)
        await trader.account.place(trader.stop("bx0-stop", quantity=HALF))
        await trader.until(lambda: bool(trader.words("bx0-stop")))
        trader.account._venue.registry._ids.clear()  # as if its first word was missed
        cancelled = await trader.account.cancel(trader.symbol, "bx0-stop")
        assert isinstance(cancelled, Placed)
        word = await trader.ended("bx0-stop")
        assert (word.state, word.reason) == (OrderState.CANCELLED, "user")
        again = await trader.account.cancel(trader.symbol, "bx0-stop")
        assert isinstance(again, Refused)


async def test_a_second_stop_finds_no_coins() -> None:
    """Which is why the row says that stops cannot overlap."""
    async with exchange() as client, trading(client, SPOT) as trader:
        await bought(trader)
        held = (await trader.account.fetch_positions())[0].quantity
        lot = trader.pit.grid.step
        whole = held - held % lot
        stop = trader.stop("bx0-stop", quantity=whole)
        assert isinstance(await trader.account.place(stop), Placed)
        second = trader.stop("bx1-stop", -200, quantity=whole)
        answer = await trader.account.place(second)
        assert isinstance(answer, Refused)
        assert "-2010" in answer.reason
        assert not trader.account.capabilities.stops_overlap


@pytest.mark.parametrize(
    ("side", "reduce_only"), [(Side.SHORT, False), (Side.LONG, True)]
)
async def test_nothing_is_short_on_spot(side: Side, *, reduce_only: bool) -> None:
    async with exchange() as client, trading(client, SPOT, stream=False) as trader:
        answer = await trader.account.place(
            trader.request("bx0-odd", side, reduce_only=reduce_only)
        )
        assert isinstance(answer, Refused)
        assert "no shorts on spot" in answer.reason


async def test_limits_rest_and_makers_are_sent_as_such() -> None:
    async with exchange() as client, trading(client, SPOT, stream=False) as trader:
        limit = trader.price(Side.LONG, -200)
        for name, maker in (("bx0-limit", False), ("bx0-maker", True)):
            request = trader.request(
                name, kind=OrderKind.LIMIT, limit_price=limit, post_only=maker
            )
            assert isinstance(await trader.account.place(request), Placed)
        kinds = [row["type"] for row in (await trader.truth())["orders"]]
        assert kinds == ["LIMIT", "LIMIT_MAKER"]
        found = await trader.account.fetch_open_orders()
        assert [one.request.post_only for one in found] == [False, True]


async def test_a_lost_answer_is_unknown_and_its_id_in_use_is_no_refusal() -> None:
    async with exchange() as client, trading(client, SPOT, stream=False) as trader:
        limit = trader.price(Side.LONG, -200)
        request = trader.request("bx0-limit", kind=OrderKind.LIMIT, limit_price=limit)
        await trader.fault("answer_lost", on=["place"], count=1)
        assert isinstance(await trader.account.place(request), Unknown)
        assert isinstance(await trader.account.place(request), Unknown)
        word = await trader.account.fetch_order(trader.symbol, "bx0-limit")
        assert word is not None
        assert word.state is OrderState.OPEN


async def test_a_cut_stream_tells_what_was_missed() -> None:
    async with exchange() as client, trading(client, SPOT) as trader:
        await trader.fault("socket_dropped", count=9)
        await client.sim("POST", "advance", {"ms": 60_000})
        await trader.fault("socket_dropped", count=0)
        await bought(trader)
        assert sum(fill.quantity for fill in trader.fills("bx0-entry")) == SIZE


async def test_a_subscription_that_is_not_answered_begins_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stream, "CONNECT_SECONDS", 1.0)
    async with exchange() as client, trading(client, SPOT, stream=False) as trader:
        wire = trader.account._venue.wire.exchange
        heard, dropped = wire.handle_message, []

        def drop_the_first(connection: Any, message: Any) -> None:
            if dropped:
                heard(connection, message)
            elif "id" in message:
                dropped.append(connection)

        wire.handle_message = drop_the_first
        async with trio.open_nursery() as nursery:
            with trio.fail_after(PATIENCE_SECONDS):
                await nursery.start(trader.account.run)
            assert dropped[0] is not trader.account._stream._client
            await bought(trader)
            nursery.cancel_scope.cancel()
