"""What a person does on the engine's account is shown, and blinds it to nothing."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from actors.domain.errors import ExchangeError
from actors.domain.orders import Fill, OrderKind, Placed
from actors.exchange.live.registry import STRANGE_MS
from tests.loopback.accounts import SYMBOL, Trader, trading
from tests.loopback.client import exchange
from tests.loopback.test_live_stream import cut

DATED = "BTCUSDT_261225"
Rows = list[dict[str, Any]]


def spoil(trader: Trader, method: str, change: Callable[[Rows], Rows]) -> None:
    """Have the answers to one question changed."""
    wire = trader.account._venue.wire
    ask = wire.ask

    async def asked(call: Any) -> Any:
        rows = await ask(call)
        return change(rows) if call.method == method else rows

    wire.ask = asked  # type: ignore[method-assign]


def trade_by_hand(trader: Trader, ms: int) -> None:
    """A person holds and trades a dated contract, which our rules do not list."""
    held = {"symbol": DATED, "positionAmt": "0.01", "positionSide": "BOTH"}
    paid = {"symbol": DATED, "incomeType": "COMMISSION", "time": ms}
    asks = {"symbol": DATED, "side": "SELL", "type": "LIMIT", "price": "99000"}
    asks |= {"origQty": "0.01", "executedQty": "0", "orderId": 7}
    waits = {"symbol": DATED, "side": "SELL", "orderType": "TRAILING_STOP_MARKET"}
    waits |= {"quantity": "", "triggerPrice": "", "algoId": 8}
    more: dict[str, dict[str, Any]] = {
        "fapiPrivateV3GetPositionRisk": held | {"entryPrice": "50000"},
        "fapiPrivateGetIncome": paid,
        "fapiPrivateGetOpenOrders": asks | {"clientOrderId": "web_limit"},
        "fapiPrivateGetOpenAlgoOrders": waits | {"clientAlgoId": "web_trail"},
    }
    for method, row in more.items():
        spoil(trader, method, lambda rows, row=row: [*rows, row])  # type: ignore[misc]


async def test_a_contract_that_is_not_listed_keeps_back_nobody_s_fills() -> None:
    async with exchange() as client, trading(client) as trader:
        await trader.account.place(trader.request("bx0-entry"))
        await trader.ended("bx0-entry")
        trade_by_hand(trader, client.exchange.now_ms())
        positions = await trader.account.fetch_positions()
        assert {one.symbol for one in positions} == {SYMBOL, DATED}
        limit, trailing = await trader.account.fetch_open_orders()
        assert (limit.request.client_id, limit.request.symbol) == ("web_limit", DATED)
        told = trailing.request
        assert (told.kind, told.quantity, told.stop_price) == (OrderKind.LIMIT, 0, None)
        fills = await trader.account.fetch_fills(trader.lately)
        assert {fill.client_id for fill in fills} == {"bx0-entry"}
        await cut(trader)
        await trader.account.place(trader.request("bx1-entry"))
        await trader.ended("bx1-entry")
        assert trader.told_trades() == await trader.true_trades()


async def test_a_contract_that_is_not_listed_breaks_no_stream() -> None:
    async with exchange() as client, trading(client) as trader:
        stream = trader.account._stream
        waits = {"s": DATED, "caid": "web_stop", "aid": 8, "X": "NEW"}
        sold = {"s": DATED, "c": "web_limit", "i": 7, "x": "TRADE", "X": "FILLED"}
        sold |= {"z": "1", "l": "1", "L": "99000", "m": True, "S": "SELL", "t": 5}
        sold |= {"f": "GTC", "T": 1, "N": "USDT", "n": "0.1", "R": True}
        stream._take({"e": "ALGO_UPDATE", "T": 1, "o": waits})
        stream._take({"e": "ORDER_TRADE_UPDATE", "T": 1, "o": sold})
        await trader.until(lambda: bool(trader.fills("web_limit")))
        assert trader.fills("web_limit")[0].fee == Decimal("0.1")
        assert stream._client.error is None


async def test_fills_of_many_symbols_are_asked_for_in_turn() -> None:
    async with exchange() as client, trading(client, stream=False) as trader:
        await trader.account.place(trader.request("bx0-entry"))
        names, now_ms = [f"C{n}USDT" for n in range(61)], client.exchange.now_ms()
        for name in names:
            trader.account._venue.symbols.learn(name, f"{name[:-4]}/USDT:USDT")
        paid = [{"symbol": name, "time": now_ms} for name in names]
        spoil(trader, "fapiPrivateGetIncome", lambda rows: [*rows, *paid])
        asked, ask = set(), trader.account._venue.wire.ask

        async def none_there(call: Any) -> Any:
            if call.params.get("symbol") not in names:
                return await ask(call)
            asked.add(call.params["symbol"])
            return []

        trader.account._venue.wire.ask = none_there  # type: ignore[method-assign]
        fills = await trader.account.fetch_fills(trader.lately)
        assert {fill.client_id for fill in fills} == {"bx0-entry"}
        assert asked == set(names)


# --- what a stop has become -----------------------------------------------------------


async def protected(trader: Trader) -> None:
    await trader.account.place(trader.request("bx0-entry"))
    await trader.account.fetch_fills(trader.lately)
    far = trader.stop("bx0-stop", -5_000)  # no market of a few seconds comes there
    assert isinstance(await trader.account.place(far), Placed)
    await trader.client.sim("POST", "advance", {"ms": 1_000})


def delay_children(trader: Trader, times: int) -> list[int]:
    """Have the list of conditional orders show so often not what they became."""
    left = [times]

    def late(rows: Rows) -> Rows:
        left[0] -= 1
        fresh = {"actualOrderId": "", "algoStatus": "NEW"}
        return [row | fresh for row in rows] if left[0] >= 0 else rows

    spoil(trader, "fapiPrivateGetAllAlgoOrders", late)
    return left


async def names(trader: Trader) -> set[str]:
    return {fill.client_id for fill in await trader.account.fetch_fills(trader.lately)}


async def test_a_stop_s_fill_is_no_stranger_s_while_its_order_is_not_shown() -> None:
    async with exchange() as client, trading(client, stream=False) as trader:
        await protected(trader)
        trader.estrange()
        delay_children(trader, 2)
        for _ in range(2):
            with pytest.raises(ExchangeError, match="what one of bx0-stop has become"):
                await names(trader)
        assert await names(trader) == {"bx0-entry", "bx0-stop"}


async def test_a_fresh_process_doubts_a_stranger_as_well() -> None:
    async with exchange() as client:
        async with trading(client, stream=False) as trader:
            await protected(trader)
            trader.estrange()
        async with trading(client, stream=False) as after:
            delay_children(after, 1)
            with pytest.raises(ExchangeError, match="bx0-stop"):
                await names(after)
            assert await names(after) == {"bx0-entry", "bx0-stop"}


async def test_a_stop_s_fill_is_told_under_its_name_however_late_it_is_shown() -> None:
    async with exchange() as client, trading(client) as trader:
        await protected(trader)
        left, stream = delay_children(trader, 7), trader.account._stream
        told_last = stream._take
        stream._exchange.told = lambda event: (
            event["e"] != "ALGO_UPDATE" and told_last(event)
        )
        trader.estrange()
        await trader.ended("bx0-stop")
        assert left[0] < 0
        told = {one.client_id for one in trader.told if isinstance(one, Fill)}
        assert told == {"bx0-entry", "bx0-stop"}
        assert trader.told_trades() == await trader.true_trades()


async def test_what_a_stop_became_is_not_learned_from_what_rests() -> None:
    async with exchange() as client, trading(client, stream=False) as trader:
        await protected(trader)
        child = trader.estrange().order
        assert child is not None
        row = {"symbol": "BTCUSDT", "side": "SELL", "type": "MARKET", "origQty": "1"}
        row |= {"clientOrderId": child.client_id, "orderId": child.id}
        row |= {"executedQty": "0.01", "reduceOnly": True}
        spoil(trader, "fapiPrivateGetOpenOrders", lambda rows: [*rows, row])
        await trader.account.fetch_open_orders()
        assert await names(trader) == {"bx0-entry", "bx0-stop"}


async def test_a_person_s_close_beside_a_stop_is_a_stranger_s_after_a_while() -> None:
    async with exchange() as client, trading(client) as trader:
        await protected(trader)
        await client.sim("POST", "do", {"act": "manual_close", "symbol": "BTCUSDT"})
        with pytest.raises(ExchangeError, match="web_1"):
            await names(trader)
        await client.sim("POST", "advance", {"ms": STRANGE_MS})
        assert await names(trader) == {"bx0-entry", "web_1"}
        await trader.until(lambda: bool(trader.fills("web_1")))
        assert trader.told_trades() == await trader.true_trades()


@pytest.mark.parametrize("gone", ["cancelled", "ours"])
async def test_only_a_stop_of_ours_that_waits_makes_a_stranger_doubtful(
    gone: str,
) -> None:
    async with exchange() as client, trading(client, stream=False) as trader:
        await protected(trader)
        if gone == "cancelled":
            await trader.account.cancel(SYMBOL, "bx0-stop")
        else:
            trader.account._venue.registry.orders.clear()
            rename = {"clientAlgoId": "web_stop"}
            spoil(
                trader,
                "fapiPrivateGetAllAlgoOrders",
                lambda rows: [row | rename for row in rows],
            )
        await client.sim("POST", "do", {"act": "manual_close", "symbol": "BTCUSDT"})
        assert await names(trader) == {"bx0-entry", "web_1"}
