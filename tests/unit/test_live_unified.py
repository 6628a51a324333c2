"""What goes out to bybit and okx by unified calls, and what their answers become.

Neither was traded against: their answers are those of their documentation.
"""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from actors.domain import ids
from actors.domain.errors import ExchangeError
from actors.domain.orders import (
    OrderKind,
    OrderRequest,
    Placed,
    Refused,
    Unknown,
)
from actors.exchange.live import ROWS
from tests.literal_venue import BTC, NOW_MS, SYMBOL, literal, order, stop

D = Decimal
SIZE = D("0.02")
BAND = {"limit_price": D("90000.5")}
LIMIT = {"kind": OrderKind.LIMIT, **BAND}
#: Each kind of order, and what is said of it beside what is said of all.
WRITTEN: tuple[tuple[OrderRequest, dict[str, Any], dict[str, Any]], ...] = (
    (order("bx1-f0"), {"orderType": "Market"}, {"ordType": "market"}),
    (
        order("bx1-f1", **BAND),
        {"orderType": "Limit", "timeInForce": "IOC", "price": "90000.5"},
        {"ordType": "ioc", "px": "90000.5"},
    ),
    (
        order("bx1-f2", **LIMIT),
        {"orderType": "Limit", "price": "90000.5"},
        {"ordType": "limit", "px": "90000.5"},
    ),
    (
        order("bx1-f3", **LIMIT, post_only=True),
        {"orderType": "Limit", "price": "90000.5", "timeInForce": "PostOnly"},
        {"ordType": "post_only", "px": "90000.5"},
    ),
    (
        order("bx1-f4", **LIMIT, reduce_only=True),
        {"orderType": "Limit", "price": "90000.5", "reduceOnly": True},
        {"ordType": "limit", "px": "90000.5", "reduceOnly": True},
    ),
)
OKX_ORDER = {"instId": "BTC-USDT-SWAP", "sz": "2", "tdMode": "isolated"}


@pytest.mark.parametrize(("request_", "said", "_okx"), WRITTEN)
async def test_bybit_is_told_each_order_in_its_words(
    request_: OrderRequest, said: dict[str, Any], _okx: object
) -> None:
    async with literal("bybit") as venue:
        told = {"orderId": "77", "orderLinkId": request_.client_id}
        venue.say("POST /v5/order/create", told)
        assert await venue.account.place(request_) == Placed("77")
        (asked,) = venue.since()
        assert asked.body == said | {
            "symbol": "BTCUSDT",
            "category": "linear",
            "side": "Buy",
            "qty": "0.02",
            "positionIdx": 0,
            "orderLinkId": request_.client_id,
        }


@pytest.mark.parametrize(("request_", "_bybit", "said"), WRITTEN)
async def test_okx_is_told_each_order_in_its_words_and_in_contracts(
    request_: OrderRequest, _bybit: object, said: dict[str, Any]
) -> None:
    async with literal("okx") as venue:
        written = request_.client_id.replace("-", "Z")
        told = {"ordId": "77", "clOrdId": written, "sCode": "0", "sMsg": ""}
        venue.say("POST /api/v5/trade/order", [told])
        assert await venue.account.place(request_) == Placed("77")
        (asked,) = venue.since()
        assert asked.body == said | OKX_ORDER | {"side": "buy", "clOrdId": written}


async def test_a_stop_is_conditional_reduces_only_and_is_triggered_by_trades() -> None:
    async with literal("bybit") as venue:
        venue.say("POST /v5/order/create", {"orderId": "77", "orderLinkId": "bx1-s"})
        assert await venue.account.place(stop("bx1-s")) == Placed("77")
        (asked,) = venue.since()
        assert asked.body == {
            "symbol": "BTCUSDT",
            "category": "linear",
            "side": "Sell",
            "orderType": "Market",
            "qty": "0.02",
            "triggerPrice": "90000.1",
            "triggerDirection": 2,
            "triggerBy": "LastPrice",
            "reduceOnly": True,
            "positionIdx": 0,
            "orderLinkId": "bx1-s",
        }
    async with literal("okx") as venue:
        told = {"algoId": "78", "algoClOrdId": "bx1Zs", "sCode": "0", "sMsg": ""}
        venue.say("POST /api/v5/trade/order-algo", [told])
        assert await venue.account.place(stop("bx1-s")) == Placed("78")
        (asked,) = venue.since()
        assert asked.body == OKX_ORDER | {
            "side": "sell",
            "ordType": "conditional",
            "slTriggerPx": "90000.1",
            "slOrdPx": "-1",
            "slTriggerPxType": "last",
            "reduceOnly": True,
            "algoClOrdId": "bx1Zs",
        }


async def test_the_deadline_of_the_row_is_the_one_that_goes_out() -> None:
    async with literal("bybit") as venue:
        told = {"orderId": "77", "orderLinkId": "bx1-f0"}
        venue.say("POST /v5/order/create", told)
        await venue.account.place(order("bx1-f0"))
        (asked,) = venue.since()
        window = asked.headers["x-bapi-recv-window"]
        assert int(window) == venue.account.capabilities.deadline_ms
    async with literal("okx") as venue:  # where none goes out, the exchange's own
        told = {"ordId": "77", "clOrdId": "bx1Zf0", "sCode": "0", "sMsg": ""}
        venue.say("POST /api/v5/trade/order", [told])
        await venue.account.place(order("bx1-f0"))
        (asked,) = venue.since()
        said = {name.lower() for name in (*asked.headers, *asked.query, *asked.body)}
        assert "ok-access-timestamp" in said
        assert not said & {"exptime", "recvwindow"}
        assert venue.account.capabilities.deadline_ms == 30_000


async def test_a_cancel_goes_to_where_its_order_is() -> None:
    async with literal("bybit") as venue:
        venue.say("POST /v5/order/cancel", {"orderId": "77", "orderLinkId": "bx1-s"})
        assert await venue.account.cancel(SYMBOL, "bx1-s") == Placed("77")
        (asked,) = venue.since()
        assert asked.body == {
            "symbol": "BTCUSDT",
            "category": "linear",
            "orderLinkId": "bx1-s",
        }
    async with literal("okx") as venue:
        done = {"algoId": "78", "algoClOrdId": "bx1Zs", "sCode": "0", "sMsg": ""}
        venue.say("POST /api/v5/trade/order-algo", [done])
        await venue.account.place(stop("bx1-s"))
        venue.say("POST /api/v5/trade/cancel-algos", [done])
        venue.since()
        assert await venue.account.cancel(SYMBOL, "bx1-s") == Placed("78")
        (asked,) = venue.since()
        assert asked.body == [{"instId": "BTC-USDT-SWAP", "algoClOrdId": "bx1Zs"}]
        gone = {"clOrdId": "bx1Ze", "ordId": "", "sCode": "51400", "sMsg": "gone"}
        venue.say("POST /api/v5/trade/order", [{"ordId": "7", "sCode": "0"}])
        await venue.account.place(order("bx1-e"))
        venue.say("POST /api/v5/trade/cancel-order", [gone])
        assert isinstance(await venue.account.cancel(SYMBOL, "bx1-e"), Refused)
        assert venue.since()[-1].body == {
            "instId": "BTC-USDT-SWAP",
            "clOrdId": "bx1Ze",
        }


@pytest.mark.parametrize(
    ("name", "path", "answer", "outcome"),
    [
        ("bybit", "v5/order/create", {"retCode": 110007, "retMsg": "low"}, Refused),
        ("bybit", "v5/order/create", {"retCode": 110072, "retMsg": "twice"}, Unknown),
        ("bybit", "v5/order/create", {"retCode": 10006, "retMsg": "limit"}, Unknown),
        ("bybit", "v5/order/create", {"retCode": 0, "result": {}}, Unknown),
        ("bybit", "v5/order/create", "<html>", Unknown),
        ("okx", "api/v5/trade/order", [{"sCode": "51008", "sMsg": "low"}], Refused),
        ("okx", "api/v5/trade/order", [{"sCode": "51016", "sMsg": "two"}], Unknown),
        ("okx", "api/v5/trade/order", [{"ordId": "7", "sCode": "1"}], Unknown),
        (
            "okx",
            "api/v5/trade/order",
            [{"ordId": "7", "clOrdId": "other", "sCode": "0"}],
            Unknown,
        ),
    ],
)
async def test_an_answer_proves_what_the_table_says(
    name: str, path: str, answer: Any, outcome: type
) -> None:
    async with literal(name) as venue:
        venue.say(f"POST /{path}", answer)
        assert isinstance(await venue.account.place(order("bx1-e")), outcome)
        assert len(venue.since()) == 1


@pytest.mark.parametrize("name", ["bybit", "okx"])
async def test_what_ccxt_would_round_is_not_sent(name: str) -> None:
    """Our grid is one tenth of the exchange's here, so it lets these pass."""
    async with literal(name) as venue:
        finer = msgspec.structs.replace(
            BTC, tick_size=D("0.01"), lot_size=D("0.0001"), quantity_min=D("0.0001")
        )
        venue.account._venue.symbols.instruments[SYMBOL] = finer
        for more in (
            {"quantity": D("0.0205")},
            {"quantity": D("0.0001")},
            {"kind": OrderKind.LIMIT, "limit_price": D("90000.55")},
        ):
            request = order("bx1-e", **more)
            answer = await venue.account.place(request)
            assert isinstance(answer, Refused)
            assert answer.reason.startswith("not sent: ")
        assert venue.since() == []


def test_every_id_that_we_make_has_one_name_at_okx() -> None:
    """And none of theirs has the name of another."""
    row = ROWS["okx"]
    made = (
        ids.client_order_id("engine", "i-1", 1),
        ids.client_order_id("engine", "i-1", 12),
        ids.correlation_id(SYMBOL, 1, "s", "long"),
        ids.intent_id("c-1", "entry", 0),
        ids.position_id("c-f02069627f0485b7"),
        ids.difference_id("a"),
        ids.adjustment_id(1, SYMBOL, "1", "2", 0),
        ids.trade_id("bx1-f0", 0),
        ids.session_id("engine", NOW_MS),
    )
    for one in made:
        assert row.names(one), one
        assert row.written(one).isalnum()
        assert row.read(row.written(one)) == one
    assert len({row.written(one) for one in made}) == len(made)
    assert row.written("bx1-f02069627f0485b724") == "bx1Zf02069627f0485b724"
    assert not row.names("bx1Zf0")  # it would be read as another's
    assert not row.names("bx1_f0")
    for theirs in ("O123Z", "Zz", "e847386590ce4dBC"):
        assert row.written(row.read(theirs)) == theirs
    assert ROWS["bybit"].written("bx1-f0") == "bx1-f0"


@pytest.mark.parametrize("question", ["fetch_open_orders", "fetch_positions"])
@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("bybit", {"retCode": 0, "result": {}}),
        ("bybit", {"retCode": 0}),
        ("bybit", {}),
        ("okx", {"code": "0"}),
        ("okx", {"code": "0", "data": None}),
        ("okx", {}),
    ],
)
async def test_an_answer_without_its_list_is_never_empty(
    question: str, name: str, answer: dict[str, Any]
) -> None:
    async with literal(name) as venue:
        text = msgspec.json.encode(answer).decode()
        for path in (
            "/v5/order/realtime",
            "/v5/position/list",
            "/api/v5/trade/orders-pending",
            "/api/v5/account/positions",
        ):
            venue.say(f"GET {path}", text)
        with pytest.raises(ExchangeError):
            await getattr(venue.account, question)()


@pytest.mark.parametrize(
    ("name", "path", "answer", "why"),
    [
        (
            "bybit",
            "v5/account/info",
            {"unifiedMarginStatus": 5, "marginMode": "REGULAR_MARGIN"},
            "its margin mode is REGULAR_MARGIN",
        ),
        ("bybit", "v5/account/info", {"unifiedMarginStatus": 1}, "no unified trading"),
        (
            "bybit",
            "v5/position/list",
            {"list": [{"symbol": "BTCUSDT", "positionIdx": n} for n in (1, 2)]},
            "not seen to be in one-way mode",
        ),
        (
            "okx",
            "api/v5/account/config",
            [{"acctLv": "3", "posMode": "net_mode", "perm": "trade"}],
            "switch it to futures mode",
        ),
        (
            "okx",
            "api/v5/account/config",
            [{"acctLv": "2", "posMode": "long_short_mode", "perm": "trade"}],
            "long/short mode",
        ),
        (
            "okx",
            "api/v5/account/config",
            [{"acctLv": "2", "posMode": "net_mode", "perm": "trade,withdraw"}],
            "can withdraw",
        ),
        (
            "okx",
            "api/v5/account/leverage-info",
            [{"instId": "BTC-USDT-SWAP", "mgnMode": "isolated", "lever": "20"}],
            "has leverage 20",
        ),
    ],
)
async def test_an_account_that_is_not_as_it_should_be_is_refused(
    name: str, path: str, answer: Any, why: str
) -> None:
    async with literal(name, prepared=False) as venue:
        venue.say(f"GET /{path}", answer)
        with pytest.raises(ExchangeError, match=why):
            await venue.account.prepare()
        assert isinstance(await venue.account.place(order("bx1-e")), Refused)


async def test_what_ccxt_cannot_ask_for_refuses_the_account() -> None:
    async with literal("okx", prepared=False) as venue:
        venue.account._venue.wire.exchange.has["fetchMyTrades"] = False
        with pytest.raises(ExchangeError, match="fetchMyTrades cannot be asked for"):
            await venue.account.prepare()
