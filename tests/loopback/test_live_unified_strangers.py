"""By unified calls too, no fill of a stop's is a stranger's while its order is late."""

from collections.abc import Callable
from typing import Any

import pytest

from actors.domain.errors import ExchangeError
from actors.exchange.live.registry import STRANGE_MS
from tests.loopback.accounts import SYMBOL, Trader, trading
from tests.loopback.client import exchange
from tests.loopback.test_live_strangers import names, protected

Rows = list[dict[str, Any]]
TRIGGER = {"trigger": True}


def spoil(trader: Trader, method: str, change: Callable[[Rows, Any], Rows]) -> None:
    """Have what ccxt makes of the answers to one question changed."""
    wire = trader.account._venue.wire
    ask = wire.ask_unified

    async def asked(call: Any, whole: Any) -> Any:
        found, body = await ask(call, whole)
        return (change(found, call) if call.method == method else found), body

    wire.ask_unified = asked  # type: ignore[method-assign]


def delay_children(trader: Trader, times: int) -> list[int]:
    """Have the list of conditional orders show so often not what they became."""
    left = [times]

    def late(rows: Rows, _call: Any) -> Rows:
        left[0] -= 1
        fresh = {"actualOrderId": ""}
        shown = [one | {"status": "open", "info": one["info"] | fresh} for one in rows]
        return shown if left[0] >= 0 else rows

    spoil(trader, "fetch_orders", late)
    return left


async def test_a_stop_s_fill_is_no_stranger_s_while_its_order_is_not_shown() -> None:
    async with exchange() as client, trading(client, unified=True, stream=False) as one:
        await protected(one)
        one.estrange()
        delay_children(one, 2)
        for _ in range(2):
            with pytest.raises(ExchangeError, match="what one of bx0-stop has become"):
                await names(one)
        assert await names(one) == {"bx0-entry", "bx0-stop"}


async def test_a_fresh_process_doubts_a_stranger_as_well() -> None:
    async with exchange() as client:
        async with trading(client, unified=True, stream=False) as trader:
            await protected(trader)
            trader.estrange()
        async with trading(client, unified=True, stream=False) as after:
            delay_children(after, 2)  # the entry's is asked for first
            with pytest.raises(ExchangeError, match="bx0-stop"):
                await names(after)
            assert await names(after) == {"bx0-entry", "bx0-stop"}


async def test_the_stream_tells_a_stop_s_fill_under_its_name_however_late() -> None:
    async with exchange() as client, trading(client, unified=True) as trader:
        await protected(trader)
        left = delay_children(trader, 3)
        trader.estrange()
        await trader.until(lambda: bool(trader.fills("bx0-stop")))
        assert left[0] < 0
        assert trader.told_trades() == await trader.true_trades()


async def test_what_a_stop_became_is_not_learned_from_what_rests() -> None:
    async with exchange() as client, trading(client, unified=True, stream=False) as one:
        await protected(one)
        child = one.estrange().order
        assert child is not None
        row = {"symbol": SYMBOL, "side": "sell", "type": "market", "amount": "0.02"}
        row |= {"clientOrderId": child.client_id, "id": str(child.id), "filled": "0.01"}
        row |= {"price": "", "reduceOnly": True, "info": {}}

        def resting(rows: Rows, call: Any) -> Rows:
            return rows if TRIGGER.items() <= call.params.items() else [*rows, row]

        spoil(one, "fetch_open_orders", resting)
        await one.account.fetch_open_orders()
        assert await names(one) == {"bx0-entry", "bx0-stop"}


async def test_a_person_s_close_beside_a_stop_is_a_stranger_s_after_a_while() -> None:
    async with exchange() as client, trading(client, unified=True, stream=False) as one:
        await protected(one)
        await client.sim("POST", "do", {"act": "manual_close", "symbol": "BTCUSDT"})
        with pytest.raises(ExchangeError, match="web_1"):
            await names(one)
        await client.sim("POST", "advance", {"ms": STRANGE_MS})
        assert await names(one) == {"bx0-entry", "web_1"}


async def test_a_stop_that_was_cancelled_makes_no_stranger_doubtful() -> None:
    async with exchange() as client, trading(client, unified=True, stream=False) as one:
        await protected(one)
        await one.account.cancel(SYMBOL, "bx0-stop")
        await client.sim("POST", "do", {"act": "manual_close", "symbol": "BTCUSDT"})
        assert await names(one) == {"bx0-entry", "web_1"}
