"""What only an account has that is asked by unified calls: its bell, its settings."""

from typing import Any

import pytest
import trio

from actors.domain.orders import OrderKind, OrderState, Placed, Refused, Side
from actors.exchange.live import unified_stream
from actors.exchange.live.stream import CONNECTED
from tests.loopback.accounts import SYMBOL, trading
from tests.loopback.client import exchange


async def test_a_refused_order_is_asked_for_once() -> None:
    async with exchange() as client, trading(client, unified=True) as trader:
        venue, asked = trader.account._venue, []
        order = venue.order

        async def listening(symbol: str, client_id: str) -> Any:
            asked.append(client_id)
            return await order(symbol, client_id)

        venue.order = listening  # type: ignore[method-assign]
        huge = trader.request("bx0-huge", quantity=trader.request("x").quantity * 500)
        assert isinstance(await trader.account.place(huge), Refused)
        for _ in range(3):
            trader.account._stream._take(CONNECTED)
            await trio.sleep(0.3)
        assert asked == ["bx0-huge"]
        assert trader.told == []


async def test_without_a_bell_it_is_asked_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(unified_stream, "LOOK_SECONDS", 0.2)
    async with exchange() as client, trading(client, unified=True) as trader:
        trader.account._stream._exchange.told = lambda _event: None
        limit = trader.price(Side.LONG, -2_000)
        kind = OrderKind.LIMIT
        request = trader.request("bx0-limit", kind=kind, limit_price=limit)
        assert isinstance(await trader.account.place(request), Placed)
        await trio.sleep(1.0)
        (word,) = trader.words("bx0-limit")  # told once, however often it is asked
        assert word.state is OrderState.OPEN
        mine = {"symbol": "BTCUSDT", "origClientOrderId": "bx0-limit"}
        await client.signed("DELETE", "/fapi/v1/order", **mine)
        assert (await trader.ended("bx0-limit")).state is OrderState.CANCELLED


async def test_leverage_is_read_again_after_a_while() -> None:
    """Nothing tells that somebody has changed it by hand."""
    async with (
        exchange() as client,
        trading(client, stream=False, unified=True) as trader,
    ):
        futures = client.exchange.futures
        futures.leverage["BTCUSDT"] = 50
        assert isinstance(await trader.account.place(trader.request("bx0-e")), Placed)
        assert futures.leverage_of("BTCUSDT") == 50
        await client.sim("POST", "advance", {"ms": 601_000})
        assert isinstance(await trader.account.place(trader.request("bx1-e")), Placed)
        assert futures.leverage_of("BTCUSDT") == 5
        assert trader.account.active() == {SYMBOL}
