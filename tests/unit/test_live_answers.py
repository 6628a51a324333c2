"""What the exchanges' own bodies say of an order, and what that proves."""

from typing import Any

import msgspec
import pytest

from actors.domain.errors import ExchangeError
from actors.domain.orders import Placed, Refused, Unknown
from actors.exchange.live.answers import Heard, read_answer
from actors.exchange.live.capabilities import ROWS
from actors.exchange.outcome import TABLES, Act, classify

ID = "bx0-abc"
TAKEN: tuple[tuple[str, Act, Any, str], ...] = (
    ("binance", Act.PLACE, {"orderId": 7, "clientOrderId": ID}, "7"),
    ("binance", Act.CANCEL, {"orderId": 7, "origClientOrderId": ID}, "7"),
    ("binanceusdm", Act.PLACE, {"algoId": 9, "clientAlgoId": ID}, "9"),
    ("binanceusdm", Act.CANCEL, {"algoId": 9, "code": "200", "msg": "success"}, "9"),
    (
        "bybit",
        Act.PLACE,
        {"retCode": 0, "retMsg": "OK", "result": {"orderId": "a1", "orderLinkId": ID}},
        "a1",
    ),
    (
        "okx",
        Act.PLACE,
        {"code": "0", "data": [{"ordId": "12", "clOrdId": ID, "sCode": "0"}]},
        "12",
    ),
    (
        "okx",
        Act.PLACE,
        {"code": "0", "data": [{"algoId": "13", "algoClOrdId": ID, "sCode": "0"}]},
        "13",
    ),
    ("kraken", Act.PLACE, {"error": [], "result": {"txid": ["OQ-1"]}}, "OQ-1"),
    ("kraken", Act.CANCEL, {"error": [], "result": {"count": 1}}, ID),
)
REFUSED: tuple[tuple[str, int, Act, Any], ...] = (
    ("binance", 400, Act.PLACE, {"code": -1013, "msg": "Filter failure: LOT_SIZE"}),
    ("binanceusdm", 400, Act.PLACE, {"code": -2019, "msg": "Margin is insufficient."}),
    ("binanceusdm", 400, Act.CANCEL, {"code": -2011, "msg": "Unknown order sent."}),
    ("bybit", 200, Act.PLACE, {"retCode": 110007, "retMsg": "no", "result": {}}),
    ("bybit", 200, Act.CANCEL, {"retCode": 110001, "retMsg": "not exists"}),
    (
        "okx",
        200,
        Act.PLACE,
        {"code": "1", "data": [{"ordId": "", "sCode": "51008", "sMsg": "poor"}]},
    ),
    ("okx", 401, Act.PLACE, {"code": "50113", "msg": "Invalid Sign", "data": []}),
    ("kraken", 200, Act.PLACE, {"error": ["EOrder:Insufficient funds"]}),
    ("kraken", 200, Act.CANCEL, {"error": ["EOrder:Unknown order"]}),
)
UNKNOWN: tuple[tuple[str, int, Act, Any], ...] = (
    ("binance", 400, Act.PLACE, {"code": -9999, "msg": "nobody wrote it down"}),
    ("binance", 503, Act.PLACE, {"code": -1013, "msg": "never from a 5XX"}),
    ("binance", 200, Act.PLACE, {}),
    ("binance", 200, Act.PLACE, []),
    ("binance", 200, Act.PLACE, {"orderId": 7, "clientOrderId": "another's"}),
    ("binanceusdm", 200, Act.PLACE, {"algoId": 9, "clientAlgoId": "another's"}),
    ("bybit", 200, Act.PLACE, {"retCode": 0, "result": {}}),
    ("bybit", 200, Act.PLACE, {"retCode": 10016, "retMsg": "server"}),
    (
        "bybit",
        200,
        Act.PLACE,
        {"retCode": 0, "result": {"orderId": "a1", "orderLinkId": "x"}},
    ),
    ("okx", 200, Act.PLACE, {"code": "1", "data": []}),
    (
        "okx",
        200,
        Act.PLACE,
        {"code": "2", "data": [{"sCode": "51008"}, {"sCode": "0", "ordId": "1"}]},
    ),
    ("okx", 200, Act.PLACE, {"code": "1", "data": [{"sCode": "51016"}]}),
    ("kraken", 200, Act.PLACE, {"error": ["EService:Unavailable"]}),
    (
        "kraken",
        200,
        Act.PLACE,
        {"error": ["EOrder:Insufficient funds", "EService:Busy"]},
    ),
    ("kraken", 200, Act.CANCEL, {"error": [], "result": {"count": 0}}),
)


def outcome(exchange: str, status: int, act: Act, body: Any) -> Any:
    text = msgspec.json.encode(body).decode()
    return classify(exchange, act, read_answer(exchange, status, text, ID))


@pytest.mark.parametrize(("exchange", "act", "body", "exchange_id"), TAKEN)
def test_a_taken_order_is_placed_under_the_exchange_s_id(
    exchange: str, act: Act, body: Any, exchange_id: str
) -> None:
    assert outcome(exchange, 200, act, body) == Placed(exchange_id)


@pytest.mark.parametrize(("exchange", "status", "act", "body"), REFUSED)
def test_a_listed_code_is_a_refusal(
    exchange: str, status: int, act: Act, body: Any
) -> None:
    assert isinstance(outcome(exchange, status, act, body), Refused)


@pytest.mark.parametrize(("exchange", "status", "act", "body"), UNKNOWN)
def test_everything_else_is_unknown(
    exchange: str, status: int, act: Act, body: Any
) -> None:
    assert isinstance(outcome(exchange, status, act, body), Unknown)


@pytest.mark.parametrize("exchange", ROWS)
@pytest.mark.parametrize(
    "text", ["", "<html>502</html>", '{"orderId": 12', "12", "null"]
)
def test_what_is_no_answer_is_unknown(exchange: str, text: str) -> None:
    answer = read_answer(exchange, 200, text, ID)
    assert answer.error == "unreadable answer"
    assert isinstance(classify(exchange, Act.PLACE, answer), Unknown)


def test_every_row_has_a_table_of_outcomes() -> None:
    assert {row.port.name for row in ROWS.values()} <= TABLES.keys()


def test_a_second_request_for_one_order_is_stopped() -> None:
    heard = Heard(once=True)
    heard.send()
    with pytest.raises(ExchangeError, match="a second request"):
        heard.send()
    assert heard.sent == 1
