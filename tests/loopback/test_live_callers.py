"""The live port under those who call it: the dispatcher, the reconciler, a storm."""

import random
from decimal import Decimal

import pytest
import trio

from actors.domain.orders import Fill, OrderKind, OrderState, Placed, Side, Unknown
from actors.domain.truth import Look
from actors.exchange.outcome import Act
from actors.exchange.port import ExchangePort
from actors.reconcile import Reconciler
from actors.risk.orders.dispatch import Answered, Dispatcher, Halt
from actors.runtime import Latch
from tests.loopback.accounts import SIZE, SYMBOL, Trader, trading, way
from tests.loopback.client import PATIENCE_SECONDS, exchange

pytestmark = pytest.mark.usefixtures("way")
__all__ = ["way"]


def look(trader: Trader, *client_ids: str) -> Look:
    return Look(
        version=1,
        asked_ms=trader.client.exchange.now_ms(),
        orders=tuple((SYMBOL, name) for name in client_ids),
        fills_since_ms=trader.lately,
        positions=True,
        balance=True,
    )


async def test_the_reconciler_hears_the_whole_truth() -> None:
    async with exchange() as client, trading(client, stream=False) as trader:
        port: ExchangePort = trader.account
        await port.place(trader.request("bx0-entry"))
        await port.place(trader.stop("bx0-stop"))
        problems: list[str] = []
        asker = Reconciler(port, lambda: None, Latch())  # type: ignore[arg-type,return-value]
        names = ("bx0-entry", "bx0-stop", "bx0-never")
        truth = await asker._ask(look(trader, *names), problems)
        assert problems == []
        assert truth.open_orders is not None
        assert [one.request.client_id for one in truth.open_orders] == ["bx0-stop"]
        assert truth.fills is not None
        assert sum((one.quantity for one in truth.fills), Decimal(0)) == SIZE
        assert truth.positions is not None
        assert [one.quantity for one in truth.positions] == [SIZE]
        words = dict(truth.words)
        assert set(words) == {"bx0-entry", "bx0-never"}
        entry = words["bx0-entry"]
        assert entry is not None
        assert entry.state is OrderState.FILLED
        assert words["bx0-never"] is None


async def test_the_dispatcher_makes_unknown_of_an_answer_that_never_comes() -> None:
    late: list[Answered] = []
    async with exchange() as client, trading(client, stream=False) as trader:
        trader.account._venue.wire.exchange.timeout = 400
        async with trio.open_nursery() as sends:
            desk = Dispatcher(trader.account, Halt(), late.append, sends)
            sends.start_soon(desk.run)
            await trader.fault("slow_answers", ms=1_000, on=["place"])
            ticket = await desk.submit(Act.PLACE, trader.request("bx0-entry"))
            await desk.answers([ticket])
            assert ticket.outcome is None
            await ticket.done.wait()
            sends.cancel_scope.cancel()
        (answered,) = late
        assert isinstance(answered.outcome, Unknown)


async def test_an_order_on_its_way_is_not_lost_to_a_list_that_has_it_not_yet() -> None:
    async with exchange() as client, trading(client, stream=False) as trader:
        await trader.fault("slow_answers", ms=400, on=["place"])
        limit = trader.price(Side.LONG, -2_000)
        request = trader.request("bx0-limit", kind=OrderKind.LIMIT, limit_price=limit)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trader.account.place, request)
            while not client.exchange.menu.fired["slow_answers"]:  # noqa: ASYNC110 - a test's patience
                await trio.sleep(0.01)
            assert await trader.account.fetch_open_orders() == ()
            assert trader.account.active() == frozenset()
        assert trader.account.active() == {SYMBOL}


async def test_a_storm_loses_nothing_and_doubles_nothing() -> None:
    """Lines break, answers are lost, fills come twice; in the end the books agree."""
    chance = random.Random(7)
    faults = {
        "fill_twice": {"chance": 0.3},
        "fill_shuffled": {"chance": 0.3},
        "socket_dropped": {"chance": 0.5},
        "listen_key_expires": {"chance": 0.2},
        "answer_lost": {"chance": 0.1},
        "error_after": {"chance": 0.1},
        "garbage_body": {"chance": 0.05},
        "connection_reset": {"chance": 0.1},
    }
    async with exchange(speed="60") as client, trading(client) as trader:
        await client.sim("POST", "faults", faults)
        outcomes = []
        for serial in range(60):
            name = f"bx{serial}-storm"
            side = chance.choice([Side.LONG, Side.SHORT])
            request = trader.request(name, side)
            if serial % 4 == 1:
                limit = trader.price(side, -2 * side.sign)
                kind = OrderKind.LIMIT
                request = trader.request(name, side, kind, limit_price=limit)
            elif serial % 4 == 3:
                request = trader.stop(name, -20)
            outcomes.append(type(await trader.account.place(request)))
            await trio.sleep(chance.random() / 20)
        await client.sim("POST", "faults", dict.fromkeys(faults))
        assert {Placed, Unknown} <= set(outcomes)
        for path in ("allOpenOrders", "algoOpenOrders"):  # nothing happens from here on
            await client.signed("DELETE", f"/fapi/v1/{path}", symbol="BTCUSDT")
        await trader.account._stream._send.send({"e": "listenKeyExpired"})
        with trio.fail_after(PATIENCE_SECONDS):
            while trader.told_trades() != await trader.true_trades():  # noqa: ASYNC110 - a test's patience
                await trio.sleep(0.1)
        truth = await trader.truth()
        assert truth["doubled"] == []
        fills = [one for one in trader.told if isinstance(one, Fill)]
        assert all(one.client_id.endswith("-storm") for one in fills)
        assert len(trader.told_trades()) == len(set(trader.told_trades()))
        positions = await trader.account.fetch_positions()
        signed = sum((one.quantity * one.side.sign for one in fills), Decimal(0))
        assert sum((one.quantity for one in positions), Decimal(0)) == signed
