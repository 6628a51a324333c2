"""What an exchange's answer proves: each kind of row, and everything that is none."""

import pytest

from actors.domain.orders import Outcome, Placed, Refused, Unknown
from actors.exchange.outcome import TABLES, Act, Answer, classify

EXCHANGES = tuple(TABLES)


def told(
    exchange: str, code: str, text: str = "", *, status: int = 400, act: Act = Act.PLACE
) -> type[Outcome]:
    return type(classify(exchange, act, Answer(status=status, code=code, text=text)))


REFUSALS = [
    ("binance", "-1003", "Too much request weight used", 429),
    ("binance", "-1003", "Way too much; IP banned until 1", 418),
    ("binance", "-1013", "Filter failure: LOT_SIZE", 400),
    ("binance", "-1015", "Too many new orders.", 429),
    ("binance", "-1021", "Timestamp outside of the recvWindow.", 400),
    ("binance", "-2010", "Account has insufficient balance.", 400),
    ("binance", "-2015", "Invalid API-key", 401),
    ("binanceusdm", "-2019", "Margin is insufficient.", 400),
    ("binanceusdm", "-2022", "ReduceOnly Order is rejected.", 400),
    ("binanceusdm", "-4164", "notional must be no smaller", 400),
    ("binanceusdm", "-5022", "Post Only order will be rejected", 400),
    ("bybit", "110007", "ab not enough for new order", 200),
    ("bybit", "110017", "Reduce-only rule not satisfied", 200),
    ("bybit", "170131", "Balance insufficient", 200),
    ("okx", "51008", "insufficient balance", 200),
    ("okx", "50111", "Invalid OK-ACCESS-KEY", 401),
    ("kraken", "EOrder:Insufficient funds", "", 200),
    ("kraken", "EOrder:Invalid price:BTC/USD may have 1 decimal", "", 200),
    ("kraken", "EGeneral:Invalid arguments:volume", "", 200),
    ("paper", "refused", "quantity 0 is not above 0", 409),
]


@pytest.mark.parametrize(("exchange", "code", "text", "status"), REFUSALS)
def test_a_documented_refusal_is_refused(
    exchange: str, code: str, text: str, status: int
) -> None:
    answer = Answer(status=status, code=code, text=text)
    found = classify(exchange, Act.PLACE, answer)
    assert isinstance(found, Refused)
    assert code in found.reason
    assert text in found.reason


@pytest.mark.parametrize(("exchange", "code", "text", "status"), REFUSALS)
def test_the_refusal_of_a_placement_proves_nothing_of_a_cancel(
    exchange: str, code: str, text: str, status: int
) -> None:
    assert told(exchange, code, text, status=status, act=Act.CANCEL) is Unknown


@pytest.mark.parametrize(("exchange", "code", "text", "status"), REFUSALS)
@pytest.mark.parametrize("server_status", [500, 502, 503, 504, 599, 408])
def test_no_code_proves_anything_in_an_answer_of_a_failing_server(
    exchange: str, code: str, text: str, status: int, server_status: int
) -> None:
    assert told(exchange, code, text, status=server_status) is Unknown


@pytest.mark.parametrize(
    ("exchange", "code", "text"),
    [
        ("binance", "-1000", "An unknown error occurred"),
        ("binance", "-1001", "Internal error; unable to process your request."),
        ("binance", "-1006", "Execution status unknown."),
        ("binance", "-1007", "Send status unknown; execution status unknown."),
        ("binance", "-1008", "Server is currently overloaded"),
        ("binanceusdm", "-1006", "Execution status unknown."),
        ("binanceusdm", "-1007", "Timeout waiting for response"),
        ("binanceusdm", "-2020", "Unable to fill."),
        ("bybit", "10000", "Server Timeout"),
        ("bybit", "10006", "Too many visits"),
        ("bybit", "10016", "Server error"),
        ("okx", "50004", "Endpoint request timeout"),
        ("okx", "50026", "System error"),
        ("kraken", "EService:Deadline elapsed", ""),
        ("kraken", "EService:Unavailable", ""),
        ("kraken", "EGeneral:Internal error:1", ""),
        ("kraken", "EOrder:Reduce only:Position is closed", ""),
        ("kraken", "EOrder:Insufficient fundsX", ""),
        ("binance", "-10131", ""),
        ("binance", "", "Filter failure: LOT_SIZE -1013"),
    ],
)
def test_what_is_documented_as_unknown_or_not_at_all_is_unknown(
    exchange: str, code: str, text: str
) -> None:
    assert told(exchange, code, text) is Unknown


@pytest.mark.parametrize(
    ("exchange", "code", "text"),
    [
        ("binance", "-2010", "Duplicate order sent."),
        ("binanceusdm", "-2010", "Duplicate order sent."),
        ("binanceusdm", "-4116", "ClientOrderId is duplicated."),
        ("bybit", "110072", "OrderLinkedID is duplicate"),
        ("bybit", "170141", "Duplicate clientOrderId"),
        ("okx", "51016", "Duplicated client order ID"),
        ("paper", "duplicate", "duplicate client id a"),
    ],
)
def test_a_duplicate_id_says_that_an_order_is_there(
    exchange: str, code: str, text: str
) -> None:
    assert told(exchange, code, text) is Unknown


@pytest.mark.parametrize("exchange", EXCHANGES)
@pytest.mark.parametrize("status", [429, 418, 403, 400, 404, 200, 302])
@pytest.mark.parametrize("act", Act)
def test_a_status_without_a_code_proves_nothing(
    exchange: str, status: int, act: Act
) -> None:
    """A proxy or a firewall on the way answers like that too."""
    assert told(exchange, "", "Too Many Requests", status=status, act=act) is Unknown


@pytest.mark.parametrize("exchange", EXCHANGES)
@pytest.mark.parametrize(
    "error", ["RequestTimeout", "ConnectionResetError", "Cancelled", "DecodeError"]
)
@pytest.mark.parametrize("act", Act)
def test_what_kept_the_answer_from_being_read_is_unknown(
    exchange: str, error: str, act: Act
) -> None:
    """Even when the half that was read looked good, or bad."""
    codes = (*TABLES[exchange].taken, *TABLES[exchange].place, *TABLES[exchange].cancel)
    for code in codes:
        answer = Answer(status=200, code=code, error=error, exchange_id="7")
        assert classify(exchange, act, answer) == Unknown(error)


@pytest.mark.parametrize("exchange", EXCHANGES)
@pytest.mark.parametrize("act", Act)
def test_an_id_and_a_code_of_success_are_proof(exchange: str, act: Act) -> None:
    (code,) = TABLES[exchange].taken
    answer = Answer(status=200, code=code, exchange_id="7")
    assert classify(exchange, act, answer) == Placed("7")
    assert isinstance(
        classify(exchange, act, Answer(status=500, code=code, exchange_id="7")), Unknown
    )
    assert isinstance(classify(exchange, act, Answer(status=200, code=code)), Unknown)


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_an_id_beside_a_refusal_is_unknown(exchange: str) -> None:
    for code in TABLES[exchange].place:
        answer = Answer(status=200, code=code, exchange_id="7")
        assert isinstance(classify(exchange, Act.PLACE, answer), Unknown)


@pytest.mark.parametrize(
    ("exchange", "code", "text", "status"),
    [
        ("binance", "-2011", "Unknown order sent.", 400),
        ("binanceusdm", "-2011", "Unknown order sent.", 400),
        ("binanceusdm", "-2013", "Order does not exist.", 400),
        ("bybit", "110001", "order not exists or too late to cancel", 200),
        ("bybit", "170213", "Order does not exist.", 200),
        ("okx", "51400", "the order does not exist", 200),
        ("okx", "51402", "already completed", 200),
        ("kraken", "EOrder:Unknown order", "", 200),
        ("paper", "no_such_order", "no live order a of AAA/USDT", 404),
    ],
)
def test_no_such_live_order_refuses_a_cancel_and_no_placement(
    exchange: str, code: str, text: str, status: int
) -> None:
    assert told(exchange, code, text, status=status, act=Act.CANCEL) is Refused
    assert told(exchange, code, text, status=status, act=Act.PLACE) is Unknown


def test_a_cancel_that_was_refused_for_another_cause_leaves_the_order_alive() -> None:
    text = "This account may not place or cancel orders."
    assert told("binance", "-2011", text, act=Act.CANCEL) is Unknown


@pytest.mark.parametrize("act", Act)
def test_an_exchange_without_a_table_proves_nothing(act: Act) -> None:
    answers = (
        Answer(status=200, exchange_id="7"),
        Answer(status=400, code="-2010", text="rejected"),
        Answer(status=400, code="-2011", text="Unknown order sent."),
    )
    for answer in answers:
        assert isinstance(classify("nowhere", act, answer), Unknown)


def test_no_answer_is_unknown() -> None:
    assert classify("binance", Act.PLACE, Answer()) == Unknown("no answer")
