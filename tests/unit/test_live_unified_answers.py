"""What bybit and okx answer by their documentation, and what it becomes."""

from decimal import Decimal
from typing import Any

from actors.domain.orders import (
    ExchangePosition,
    OrderKind,
    OrderState,
    Side,
)
from tests.literal_venue import NOW_MS, SYMBOL, literal, order, stop

D = Decimal
FEE = D("0.900001234567890123")  # no float
SIZE = D("0.02")
OKX_NONE = {"code": "51603", "msg": "Order does not exist", "data": []}
OKX_FILL = {
    "instType": "SWAP",
    "instId": "BTC-USDT-SWAP",
    "tradeId": "123",
    "ordId": "900",
    "clOrdId": "",
    "billId": "1",
    "fillPx": "90000.1",
    "fillSz": "2",
    "side": "sell",
    "posSide": "net",
    "execType": "T",
    "feeCcy": "USDT",
    "fee": "-0.900001234567890123",
    "ts": str(NOW_MS - 10),
}
OKX_CHILD = {
    "instType": "SWAP",
    "instId": "BTC-USDT-SWAP",
    "ordId": "900",
    "clOrdId": "",
    "algoId": "",
    "algoClOrdId": "bx1Zs",
    "ordType": "market",
    "side": "sell",
    "sz": "2",
    "accFillSz": "2",
    "px": "",
    "state": "filled",
    "reduceOnly": "true",
    "uTime": str(NOW_MS),
    "cTime": str(NOW_MS),
}
OKX_STOP = {
    "instType": "SWAP",
    "instId": "BTC-USDT-SWAP",
    "algoId": "78",
    "algoClOrdId": "bx1Zs",
    "clOrdId": "",
    "ordId": "",
    "ordIdList": [],
    "ordType": "conditional",
    "side": "sell",
    "sz": "2",
    "state": "live",
    "slTriggerPx": "90000.1",
    "slOrdPx": "-1",
    "tpTriggerPx": "",
    "tpOrdPx": "",
    "triggerPx": "",
    "ordPx": "",
    "reduceOnly": "true",
    "cTime": str(NOW_MS),
    "uTime": str(NOW_MS),
}


async def test_okx_tells_a_stop_s_fill_under_our_name_and_in_base_currency() -> None:
    async with literal("okx") as venue:
        venue.say("GET /api/v5/trade/fills-history", [OKX_FILL])
        venue.say("GET /api/v5/trade/order", [OKX_CHILD])
        (fill,) = await venue.account.fetch_fills(NOW_MS - 1_000)
        assert (fill.client_id, fill.quantity, fill.price) == (
            "bx1-s",
            D("0.02"),
            D("90000.1"),
        )
        assert (fill.side, fill.fee, fill.maker) == (Side.SHORT, FEE, False)
        assert fill.trade_id == "BTC-USDT-SWAP-123-s"
        venue.say("GET /api/v5/trade/order", OKX_NONE, [OKX_CHILD])
        gone = OKX_STOP | {"state": "effective", "ordIdList": ["900"]}
        venue.say("GET /api/v5/trade/order-algo", [gone])
        word = await venue.account.fetch_order(SYMBOL, "bx1-s")
        assert word is not None
        assert (word.state, word.filled_quantity) == (OrderState.FILLED, D("0.02"))
        assert word.exchange_id == "78"


async def test_okx_shows_conditional_orders_among_those_that_rest() -> None:
    async with literal("okx") as venue:
        resting = OKX_CHILD | {
            "ordId": "5",
            "clOrdId": "bx1Zl",
            "algoClOrdId": "",
            "ordType": "post_only",
            "state": "partially_filled",
            "accFillSz": "0.5",
            "px": "95000.1",
            "reduceOnly": "false",
        }
        venue.say("GET /api/v5/trade/orders-pending", [resting])
        venue.say("GET /api/v5/trade/orders-algo-pending", [OKX_STOP], [], [])
        limit, waiting = await venue.account.fetch_open_orders()
        assert limit.request == order(
            "bx1-l",
            Side.SHORT,
            OrderKind.LIMIT,
            limit_price=D("95000.1"),
            post_only=True,
        )
        assert limit.filled_quantity == D("0.005")
        assert (waiting.request, waiting.exchange_id) == (stop("bx1-s"), "78")


async def test_pages_are_followed_to_their_end() -> None:
    rows = [OKX_FILL | {"tradeId": str(n), "clOrdId": "bx1Zs"} for n in range(100)]
    rows[-1] = rows[-1] | {"billId": "55"}
    async with literal("okx") as venue:
        venue.say("GET /api/v5/trade/fills-history", rows, [OKX_FILL])
        venue.say("GET /api/v5/trade/order", [OKX_CHILD])
        assert len(await venue.account.fetch_fills(NOW_MS - 1_000)) == 101
        asked = [one.query.get("after") for one in venue.since()[:2]]
        assert asked == [None, "55"]


BYBIT_ORDER = {
    "orderId": "77",
    "orderLinkId": "bx1-s",
    "symbol": "BTCUSDT",
    "side": "Sell",
    "orderType": "Market",
    "orderStatus": "Untriggered",
    "qty": "0.02",
    "cumExecQty": "0",
    "leavesQty": "0.02",
    "price": "0",
    "timeInForce": "IOC",
    "triggerPrice": "90000.1",
    "triggerDirection": 2,
    "stopOrderType": "Stop",
    "reduceOnly": True,
    "tpslMode": "UNKNOWN",
    "createdTime": str(NOW_MS),
    "updatedTime": str(NOW_MS),
}


async def test_bybit_s_orders_are_looked_for_in_all_three_lists() -> None:
    async with literal("bybit") as venue:
        one = {"list": [BYBIT_ORDER], "nextPageCursor": ""}
        none: dict[str, Any] = {"list": [], "nextPageCursor": ""}
        venue.say("GET /v5/order/realtime", one)
        (waiting,) = await venue.account.fetch_open_orders()
        assert (waiting.request, waiting.exchange_id) == (stop("bx1-s"), "77")
        ended = BYBIT_ORDER | {
            "orderStatus": "PartiallyFilledCanceled",
            "cumExecQty": "0.01",
        }
        venue.say("GET /v5/order/realtime", none)
        venue.say("GET /v5/order/history", none | {"list": [ended]})
        venue.since()
        word = await venue.account.fetch_order(SYMBOL, "bx1-s")
        assert word is not None
        assert (word.state, word.filled_quantity) == (OrderState.CANCELLED, D("0.01"))
        assert [one.query.get("openOnly") for one in venue.since()] == ["0", "1", None]
        venue.say("GET /v5/order/history", none)
        assert await venue.account.fetch_order(SYMBOL, "bx1-s") is None


async def test_bybit_s_fills_positions_and_money() -> None:
    async with literal("bybit") as venue:
        fill = {
            "symbol": "BTCUSDT",
            "orderId": "77",
            "orderLinkId": "bx1-e",
            "side": "Buy",
            "execId": "e-1",
            "execPrice": "90000.1",
            "execQty": "0.02",
            "execFee": "0.99",
            "feeCurrency": "",
            "isMaker": True,
            "execTime": str(NOW_MS - 5),
            "execType": "Trade",
        }
        venue.say("GET /v5/execution/list", {"list": [fill], "category": "linear"})
        (told,) = await venue.account.fetch_fills(NOW_MS - 1_000)
        assert (told.client_id, told.quantity, told.fee) == ("bx1-e", SIZE, D("0.99"))
        assert (told.maker, told.side) == (True, Side.LONG)
        held = {
            "positionIdx": 0,
            "symbol": "BTCUSDT",
            "side": "Sell",
            "size": "0.02",
            "avgPrice": "90000.123456789",
            "leverage": "3",
        }
        venue.say("GET /v5/position/list", {"list": [held], "category": "linear"})
        price = D("90000.123456789")
        assert await venue.account.fetch_positions() == (
            ExchangePosition(SYMBOL, -SIZE, price),
        )
        coin = {"coin": "USDT", "walletBalance": "10000.123456789012", "equity": "9999"}
        venue.say("GET /v5/account/wallet-balance", {"list": [{"coin": [coin]}]})
        assert await venue.account.fetch_balance() == D("10000.123456789012")
        assert await venue.account.fetch_equity() == D(9999)


async def test_okx_s_positions_and_money() -> None:
    async with literal("okx") as venue:
        held = {
            "instType": "SWAP",
            "instId": "BTC-USDT-SWAP",
            "pos": "-2",
            "posSide": "net",
            "mgnMode": "isolated",
            "avgPx": "90000.1",
            "lever": "3",
        }
        venue.say("GET /api/v5/account/positions", [held])
        assert await venue.account.fetch_positions() == (
            ExchangePosition(SYMBOL, -SIZE, D("90000.1")),
        )
        row = {"ccy": "USDT", "eq": "9990.5", "upl": "-9.5", "cashBal": "9000"}
        venue.say("GET /api/v5/account/balance", [{"details": [row]}])
        assert await venue.account.fetch_balance() == D(10_000)
        assert await venue.account.fetch_equity() == D("9990.5")
