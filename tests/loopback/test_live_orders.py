"""A live account trades on USD-M futures: every kind of order, told and asked for."""

from decimal import Decimal

import pytest

from actors.domain.orders import OrderKind, OrderState, Placed, Refused, Side
from tests.loopback.accounts import SIZE, SYMBOL, Trader, trading, way
from tests.loopback.client import exchange

pytestmark = pytest.mark.usefixtures("way")
__all__ = ["way"]

FAR = 2_000  # ticks


async def test_a_market_order_fills_and_is_told_as_it_was() -> None:
    async with exchange() as client, trading(client) as trader:
        answer = await trader.account.place(trader.request("bx0-entry"))
        assert isinstance(answer, Placed)
        word = await trader.ended("bx0-entry")
        assert (word.state, word.filled_quantity) == (OrderState.FILLED, SIZE)
        assert word.exchange_id == answer.exchange_id
        fills = trader.fills("bx0-entry")
        assert sum(fill.quantity for fill in fills) == SIZE
        assert await trader.account.fetch_fills(trader.lately) == tuple(fills)
        (position,) = await trader.account.fetch_positions()
        assert (position.symbol, position.quantity) == (SYMBOL, SIZE)
        paid = sum(fill.fee for fill in fills)
        assert paid > 0
        assert await trader.account.fetch_balance() == Decimal(10_000) - paid
        equity = await trader.account.fetch_equity()
        assert abs(equity - Decimal(10_000) + paid) < 10
        assert trader.account.active() == {SYMBOL}


async def test_an_order_goes_out_digit_by_digit() -> None:
    async with exchange() as client, trading(client) as trader:
        price, size = trader.price(Side.LONG, -FAR), Decimal("0.01234")
        request = trader.request(
            "bx0-limit", kind=OrderKind.LIMIT, quantity=size, limit_price=price
        )
        assert isinstance(await trader.account.place(request), Placed)
        (resting,) = await trader.account.fetch_open_orders()
        assert resting.request == request
        (row,) = (await trader.truth())["orders"]
        assert (Decimal(row["origQty"]), Decimal(row["price"])) == (size, price)
        assert (row["timeInForce"], row["clientOrderId"]) == ("GTC", "bx0-limit")


@pytest.mark.parametrize(
    ("more", "force"),
    [({"post_only": True}, "GTX"), ({"expires_ms": 3_600_000}, "GTD")],
)
async def test_a_limit_order_is_sent_with_its_conditions(
    more: dict[str, int], force: str
) -> None:
    async with exchange() as client, trading(client) as trader:
        if "expires_ms" in more:
            more = {"expires_ms": client.exchange.now_ms() + more["expires_ms"]}
        limit = trader.price(Side.LONG, -FAR)
        request = trader.request(
            "bx0-limit", kind=OrderKind.LIMIT, limit_price=limit, **more
        )
        assert isinstance(await trader.account.place(request), Placed)
        assert (await trader.truth())["orders"][0]["timeInForce"] == force


async def test_a_market_order_stays_inside_its_band() -> None:
    wallet = Decimal(10_000_000)
    async with exchange(wallet=wallet) as client, trading(client) as trader:
        best = trader.price(Side.SHORT, 0)
        request = trader.request("bx0-band", limit_price=best, quantity=Decimal(9))
        assert isinstance(await trader.account.place(request), Placed)
        word = await trader.ended("bx0-band")
        assert (word.state, word.reason) == (OrderState.CANCELLED, "band")
        assert 0 < word.filled_quantity < 9
        fills = trader.fills("bx0-band")
        assert sum(fill.quantity for fill in fills) == word.filled_quantity
        assert {fill.price for fill in fills} == {best}


async def test_an_order_is_cancelled_and_then_there_is_none_to_cancel() -> None:
    async with exchange() as client, trading(client) as trader:
        limit = trader.price(Side.LONG, -FAR)
        request = trader.request("bx0-limit", kind=OrderKind.LIMIT, limit_price=limit)
        await trader.account.place(request)
        assert trader.account.active() == {SYMBOL}
        assert isinstance(await trader.account.cancel(SYMBOL, "bx0-limit"), Placed)
        word = await trader.ended("bx0-limit")
        assert (word.state, word.reason) == (OrderState.CANCELLED, "user")
        assert isinstance(await trader.account.cancel(SYMBOL, "bx0-limit"), Refused)
        asked = await trader.account.fetch_order(SYMBOL, "bx0-limit")
        assert asked is not None
        assert asked.state is OrderState.CANCELLED
        assert trader.account.active() == frozenset()


async def test_what_nobody_knows_is_none_and_cannot_be_cancelled() -> None:
    async with exchange() as client, trading(client) as trader:
        assert await trader.account.fetch_order(SYMBOL, "bx0-never") is None
        assert isinstance(await trader.account.cancel(SYMBOL, "bx0-never"), Refused)


async def test_a_refused_order_is_refused_with_the_exchange_s_words() -> None:
    async with exchange() as client, trading(client) as trader:
        answer = await trader.account.place(
            trader.request("bx0-huge", quantity=Decimal(9))
        )
        assert isinstance(answer, Refused)
        assert "-2019" in answer.reason
        assert trader.account.active() == frozenset()


async def held(trader: Trader) -> None:
    await trader.account.place(trader.request("bx0-entry"))
    await trader.ended("bx0-entry")


async def test_a_stop_rests_at_the_exchange_and_reduces_only() -> None:
    async with exchange() as client, trading(client) as trader:
        await held(trader)
        stop = trader.stop("bx0-stop")
        answer = await trader.account.place(stop)
        assert isinstance(answer, Placed)
        (resting,) = await trader.account.fetch_open_orders()
        assert (resting.request, resting.exchange_id) == (stop, answer.exchange_id)
        asked = await trader.account.fetch_order(SYMBOL, "bx0-stop")
        assert asked is not None
        assert asked.state is OrderState.OPEN
        (row,) = (await client.sim("GET", "truth"))["conditional"]
        assert (row["reduceOnly"], row["workingType"]) == (True, "CONTRACT_PRICE")


async def test_two_stops_may_rest_at_once_and_each_is_cancelled_by_its_name() -> None:
    async with exchange() as client, trading(client) as trader:
        await held(trader)
        for name, ticks in (("bx0-stop", -100), ("bx1-stop", -200)):
            assert isinstance(
                await trader.account.place(trader.stop(name, ticks)), Placed
            )
        assert isinstance(await trader.account.cancel(SYMBOL, "bx0-stop"), Placed)
        (left,) = await trader.account.fetch_open_orders()
        assert left.request.client_id == "bx1-stop"
        word = await trader.ended("bx0-stop")
        assert word.state is OrderState.CANCELLED


@pytest.mark.parametrize("own_name", [True, False])
async def test_a_triggered_stop_fills_under_our_name(own_name: bool) -> None:  # noqa: FBT001 - a parameter
    """Also when the order that it becomes bears a name of the exchange's own."""
    async with exchange() as client, trading(client) as trader:
        await held(trader)
        await trader.account.place(trader.stop("bx0-stop"))
        (stop,) = client.exchange.stops.all.values()
        if own_name:
            trader.reach(stop.trigger)
        else:
            trader.estrange()
        word = await trader.ended("bx0-stop")
        assert (word.state, word.filled_quantity) == (OrderState.FILLED, SIZE)
        assert word.exchange_id == str(stop.id)
        told_fills = trader.fills("bx0-stop")
        assert sum(fill.quantity for fill in told_fills) == SIZE
        assert {fill.side for fill in told_fills} == {Side.SHORT}
        asked = await trader.account.fetch_order(SYMBOL, "bx0-stop")
        assert asked is not None
        assert (asked.state, asked.filled_quantity) == (OrderState.FILLED, SIZE)
        assert await trader.account.fetch_positions() == ()


async def test_a_fresh_process_learns_the_fills_names_by_asking() -> None:
    async with exchange() as client:
        async with trading(client) as trader:
            await held(trader)
            await trader.account.place(trader.stop("bx0-stop"))
            trader.estrange()
            await trader.ended("bx0-stop")
            told = sorted(
                (*trader.fills("bx0-entry"), *trader.fills("bx0-stop")),
                key=lambda one: one.trade_id,
            )
        async with trading(client, stream=False) as after:
            asked = await after.account.fetch_fills(after.lately)
            assert sorted(asked, key=lambda one: one.trade_id) == told
            latest = max(one.ts_ms for one in told)
            assert await after.account.fetch_fills(latest + 1) == ()


async def test_a_fresh_process_cancels_a_stop_that_it_never_placed() -> None:
    async with exchange() as client:
        async with trading(client) as trader:
            await held(trader)
            await trader.account.place(trader.stop("bx0-stop"))
        async with trading(client, stream=False) as after:
            assert isinstance(await after.account.cancel(SYMBOL, "bx0-stop"), Placed)
            assert await after.account.fetch_open_orders() == ()


@pytest.mark.parametrize(
    "more",
    [
        {"quantity": Decimal("0.0200001")},
        {"kind": OrderKind.LIMIT, "limit_price": Decimal("90000.05")},
        {"kind": OrderKind.LIMIT},
        {"kind": OrderKind.STOP_MARKET, "stop_price": Decimal(90_000)},
        {"client_id": "no spaces"},
        {"client_id": "x" * 37},
        {"symbol": "DOGE/USDT:USDT"},
    ],
)
async def test_what_our_rules_refuse_is_never_sent(more: dict[str, object]) -> None:
    async with exchange() as client, trading(client, stream=False) as trader:
        before = client.exchange.limiters[trader.venue]._weight.used
        answer = await trader.account.place(
            trader.request(**({"client_id": "bx0-odd"} | more))  # type: ignore[arg-type]
        )
        assert isinstance(answer, Refused)
        assert answer.reason.startswith("not sent: ")
        assert client.exchange.limiters[trader.venue]._weight.used == before


async def test_the_exchange_s_clock_is_asked_for() -> None:
    async with exchange() as client, trading(client, stream=False) as trader:
        assert await trader.account.fetch_time() == client.exchange.now_ms()


async def test_a_trade_with_ourselves_is_two_fills() -> None:
    """Both bear the same number at the exchange."""
    async with exchange() as client, trading(client) as trader:
        limit = trader.price(Side.LONG, 1)
        maker = trader.request("bx0-maker", kind=OrderKind.LIMIT, limit_price=limit)
        assert isinstance(await trader.account.place(maker), Placed)
        await trader.account.place(trader.request("bx0-taker", Side.SHORT))
        await trader.ended("bx0-maker")
        await trader.ended("bx0-taker")
        trades = [
            fill.trade_id.rpartition("-")[0]
            for name in ("bx0-maker", "bx0-taker")
            for fill in trader.fills(name)
        ]
        assert len(trades) == 2
        assert len(set(trades)) == 1
        assert trader.told_trades() == await trader.true_trades()
