"""A live account trades on USD-M futures: every kind of order, told and asked for."""

from decimal import Decimal

from actors.domain.orders import OrderState, Placed
from tests.loopback.accounts import SIZE, SYMBOL, trading
from tests.loopback.client import exchange


async def test_a_market_order_fills_and_is_told_as_it_was() -> None:
    async with exchange() as client, trading(client) as trader:
        answer = await trader.account.place(trader.request("bx0-entry"))
        assert isinstance(answer, Placed)
        word = await trader.ended("bx0-entry")
        assert (word.state, word.filled_quantity) == (OrderState.FILLED, SIZE)
        assert word.exchange_id == answer.exchange_id
        fills = trader.fills("bx0-entry")
        assert sum(fill.quantity for fill in fills) == SIZE
        assert await trader.account.fetch_fills(0) == tuple(fills)
        (position,) = await trader.account.fetch_positions()
        assert (position.symbol, position.quantity) == (SYMBOL, SIZE)
        paid = sum(fill.fee for fill in fills)
        assert paid > 0
        assert await trader.account.fetch_balance() == Decimal(10_000) - paid
