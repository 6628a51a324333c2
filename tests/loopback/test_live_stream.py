"""A live account's stream is cut, emptied and doubled, and every fill is told once."""

from decimal import Decimal
from typing import Any

import pytest
import trio

from actors.domain.errors import ExchangeError
from actors.domain.orders import Fill, OrderKind, OrderState, Placed, Side
from actors.exchange.live import stream
from actors.loopback.floor.pit import Venue
from tests.loopback.accounts import SIZE, SYMBOL, Trader, trading, way
from tests.loopback.client import PATIENCE_SECONDS, exchange

__all__ = ["way"]
MINUTE_MS = 60_000


async def cut(trader: Trader) -> None:
    """Cut every WebSocket, at the exchange's next minute."""
    await trader.fault("socket_dropped", count=9)
    await trader.client.sim("POST", "advance", {"ms": MINUTE_MS})
    await trader.fault("socket_dropped", count=0)


@pytest.mark.usefixtures("way")
async def test_a_cut_stream_loses_and_doubles_nothing() -> None:
    async with exchange() as client, trading(client) as trader:
        await trader.account.place(trader.request("bx0-entry"))
        await trader.ended("bx0-entry")
        stop, limit = trader.stop("bx0-stop"), trader.price(Side.LONG, -2_000)
        assert isinstance(await trader.account.place(stop), Placed)
        resting = trader.request("bx0-rest", kind=OrderKind.LIMIT, limit_price=limit)
        assert isinstance(await trader.account.place(resting), Placed)
        for _ in range(2):
            await cut(trader)
        # Nobody hears what happens now: a stop triggers, an order is cancelled by hand.
        (waiting,) = client.exchange.stops.all.values()
        trader.reach(waiting.trigger)
        mine = {"symbol": "BTCUSDT", "origClientOrderId": "bx0-rest"}
        await client.signed("DELETE", "/fapi/v1/order", **mine)
        assert (await trader.ended("bx0-stop")).state is OrderState.FILLED
        assert (await trader.ended("bx0-rest")).state is OrderState.CANCELLED
        assert trader.told_trades() == await trader.true_trades()
        assert sum(fill.quantity for fill in trader.fills("bx0-stop")) == SIZE
        await trader.account.place(trader.request("bx1-entry"))
        await trader.ended("bx1-entry")
        assert trader.told_trades() == await trader.true_trades()


async def test_a_newer_fill_does_not_hide_one_that_could_not_be_asked_for() -> None:
    async with exchange() as client, trading(client) as trader:
        fired = client.exchange.menu.fired
        await cut(trader)
        await trader.account.place(trader.request("bx0-missed"))
        # All tries of one asking fail; a fill of two minutes later waits behind them.
        await trader.fault("error_before", on=["/fapi/v1/userTrades"], count=3)
        await client.sim("POST", "advance", {"ms": 2 * MINUTE_MS})
        with trio.fail_after(PATIENCE_SECONDS):
            while not fired["error_before"]:  # noqa: ASYNC110 - a test's patience
                await trio.sleep(0.01)
        await trader.account.place(trader.request("bx1-newer"))
        await trader.until(lambda: bool(trader.fills("bx0-missed")))
        assert trader.told_trades() == await trader.true_trades()
        assert fired["error_before"] == 3


@pytest.mark.usefixtures("way")
async def test_a_stream_that_falls_silent_is_noticed_and_begins_anew() -> None:
    async with exchange() as client, trading(client, stream=False) as trader:
        trader.account._venue.wire.exchange.streaming["keepAlive"] = 300
        async with trio.open_nursery() as nursery:
            await nursery.start(trader.account.run)
            await trader.fault("socket_silent")
            await trader.account.place(trader.request("bx0-entry"))
            await trader.fault("socket_silent", count=0)
            await trader.ended("bx0-entry")
            assert trader.told_trades() == await trader.true_trades()
            nursery.cancel_scope.cancel()


async def test_a_listen_key_that_expires_is_replaced() -> None:
    async with exchange() as client, trading(client) as trader:
        await trader.fault("listen_key_expires", count=1)
        await client.sim("POST", "advance", {"ms": MINUTE_MS})
        await trader.account.place(trader.request("bx0-entry"))
        await trader.ended("bx0-entry")
        assert trader.told_trades() == await trader.true_trades()


async def test_a_listen_key_is_kept_alive_over_its_hour() -> None:
    async with exchange() as client, trading(client) as trader:
        stream = trader.account._stream
        (key,) = client.exchange.tell_account.__self__.keys  # type: ignore[attr-defined]
        stream._kept_ms -= 25 * MINUTE_MS
        users: Any = client.exchange.tell_account.__self__  # type: ignore[attr-defined]
        users.keys[key] = (Venue.USDM, client.exchange.now_ms() + 1)
        with trio.fail_after(PATIENCE_SECONDS):
            while users.keys[key][1] < client.exchange.now_ms() + 50 * MINUTE_MS:  # noqa: ASYNC110 - nothing tells of it
                await trio.sleep(0.1)


@pytest.mark.usefixtures("way")
async def test_fills_told_twice_or_late_are_told_once() -> None:
    async with exchange() as client, trading(client) as trader:
        await trader.fault("fill_twice", chance=0.5)
        await trader.fault("fill_shuffled", chance=0.5)
        for serial in range(6):
            await trader.account.place(trader.request(f"bx{serial}-entry"))
        true = await trader.true_trades()
        await trader.until(lambda: trader.told_trades() == true)
        assert client.exchange.menu.fired["fill_twice"] > 0


@pytest.mark.usefixtures("way")
async def test_a_fill_that_is_not_told_is_found_by_asking() -> None:
    async with exchange() as client, trading(client) as trader:
        await trader.fault("fill_missing")
        await trader.account.place(trader.request("bx0-entry"))
        asked = await trader.account.fetch_fills(trader.lately)
        assert sum((fill.quantity for fill in asked), Decimal(0)) == SIZE
        assert {fill.client_id for fill in asked} == {"bx0-entry"}


async def test_a_queue_that_is_full_begins_anew_and_asks() -> None:
    async with exchange() as client, trading(client) as trader:
        stream = trader.account._stream
        stream._send, stream._receive = trio.open_memory_channel[Any](0)
        stream._take({"e": "ORDER_TRADE_UPDATE"})
        assert stream._client.error is not None


@pytest.mark.usefixtures("way")
async def test_a_person_s_orders_and_fills_are_told_under_their_own_names() -> None:
    async with exchange() as client, trading(client) as trader:
        await trader.account.place(trader.request("bx0-entry"))
        await client.sim("POST", "do", {"act": "foreign_order", "symbol": "BTCUSDT"})
        await client.sim("POST", "do", {"act": "manual_close", "symbol": "BTCUSDT"})
        await trader.until(lambda: len(trader.told_trades()) >= 2)
        assert await trader.account.fetch_positions() == ()
        assert trader.told_trades() == await trader.true_trades()
        strange = await trader.account.fetch_open_orders()
        assert strange
        assert not any(one.request.client_id.startswith("bx") for one in strange)
        names = {one.client_id for one in trader.told if isinstance(one, Fill)}
        assert len(names) == 2
        assert trader.account.active() == {SYMBOL}


async def test_an_event_that_cannot_be_read_is_asked_for() -> None:
    """Also when a fill of two minutes later waits right behind it."""
    async with exchange() as client, trading(client) as trader:
        stream = trader.account._stream
        take, spoiled = stream._take, []

        def spoil(event: Any) -> None:
            row = event.get("o") or {}
            name = row.get("c") if row.get("x") == "TRADE" else ""
            if name == "bx0-spoiled":
                spoiled.append(event | {"o": row | {"l": "no number"}})
                return
            if name == "bx1-newer":
                take(spoiled[0])
            take(event)

        stream._exchange.told = spoil
        await trader.account.place(trader.request("bx0-spoiled"))
        await client.sim("POST", "advance", {"ms": 2 * MINUTE_MS})
        await trader.account.place(trader.request("bx1-newer"))
        await trader.until(lambda: bool(trader.fills("bx0-spoiled")))
        assert trader.told_trades() == await trader.true_trades()


@pytest.mark.parametrize("failing", [1, 2, 4])
async def test_an_order_that_ended_in_a_gap_is_told_of_whatever_fails(
    failing: int,
) -> None:
    """Of three tries of one asking: one fails, all but one, all and the next one's."""
    async with exchange() as client, trading(client) as trader:
        limit = trader.price(Side.LONG, -2_000)
        resting = trader.request("bx0-rest", kind=OrderKind.LIMIT, limit_price=limit)
        assert isinstance(await trader.account.place(resting), Placed)
        await trader.until(lambda: bool(trader.words("bx0-rest")))
        await trader.fault("error_before", on=["/fapi/v1/income"], count=failing)
        await cut(trader)
        mine = {"symbol": "BTCUSDT", "origClientOrderId": "bx0-rest"}
        await client.signed("DELETE", "/fapi/v1/order", **mine)
        assert (await trader.ended("bx0-rest")).state is OrderState.CANCELLED
        assert client.exchange.menu.fired["error_before"] == failing


async def test_an_order_whose_end_is_never_told_keeps_nothing_else_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The exchange's minute stands still here, and with it the budget for asking.
    monkeypatch.setattr(stream, "WORD_TRIES_MAX", 4)
    async with exchange() as client, trading(client) as trader:
        limit = trader.price(Side.LONG, -2_000)
        resting = trader.request("bx0-rest", kind=OrderKind.LIMIT, limit_price=limit)
        await trader.account.place(resting)
        await trader.until(lambda: bool(trader.words("bx0-rest")))
        asked = 0

        async def untold(_symbol: str, _client_id: str) -> None:
            nonlocal asked
            asked += 1
            msg = "FINISHED without an order"
            raise ExchangeError(msg)

        trader.account._venue.order = untold  # type: ignore[method-assign]
        await cut(trader)
        mine = {"symbol": "BTCUSDT", "origClientOrderId": "bx0-rest"}
        await client.signed("DELETE", "/fapi/v1/order", **mine)
        with trio.fail_after(PATIENCE_SECONDS):
            while asked < 4:  # noqa: ASYNC110 - nobody tells of it
                await trio.sleep(0.05)
        await trader.account.place(trader.request("bx1-newer"))
        await trader.until(lambda: bool(trader.fills("bx1-newer")))
        await trio.sleep(2)
        assert asked == 4
