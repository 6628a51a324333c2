"""Errors that come with HTTP 200: read as errors, and heard by the gate."""

from random import Random

import httpx
import pytest
from trio.testing import MockClock

from actors.domain.errors import ExchangeError, Unsent
from actors.exchange.gate import Fault, fault_of, retried, terms_of
from actors.market.live.dialect import questions, read_as
from actors.market.live.exchanges import DIALECTS
from actors.market.live.rest import PublicRest
from tests.gates import Gated

BYBIT = b'{"retCode":%d,"retMsg":"no luck","result":{},"retExtInfo":{},"time":1}'
OKX = b'{"code":"%d","msg":"no luck","data":[]}'
CODES = (
    *((name, BYBIT, 10006, Fault.RATE_LIMIT) for name in ("bybit", "bybitspot")),
    ("bybit", BYBIT, 10018, Fault.RATE_LIMIT),
    ("bybit", BYBIT, 10016, Fault.SERVER),
    ("bybit", BYBIT, 10000, Fault.SERVER),
    ("bybit", BYBIT, 10009, Fault.BANNED),
    ("bybit", BYBIT, 10001, Fault.REQUEST),
    *((name, OKX, 50011, Fault.RATE_LIMIT) for name in ("okx", "okxspot")),
    ("okx", OKX, 50061, Fault.RATE_LIMIT),
    ("okx", OKX, 50001, Fault.SERVER),
    ("okx", OKX, 50013, Fault.SERVER),
    ("okx", OKX, 50026, Fault.SERVER),
    ("okx", OKX, 51001, Fault.REQUEST),
)


@pytest.fixture
def autojump_clock() -> MockClock:
    return MockClock(autojump_threshold=0)


def port(exchange: str, *bodies: bytes) -> tuple[PublicRest, Gated]:
    """A port to an exchange that answers so, one after another, always with 200."""
    waiting, gated = iter(bodies), Gated(terms_of(exchange))

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=next(waiting))

    client = httpx.AsyncClient(transport=httpx.MockTransport(answer))
    return PublicRest(DIALECTS[exchange], "http://there", client, gated.gate), gated


@pytest.mark.parametrize(("exchange", "body", "code", "fault"), CODES)
def test_a_code_is_an_error_and_never_an_empty_answer(
    exchange: str, body: bytes, code: int, fault: Fault
) -> None:
    rest = DIALECTS[exchange].rest
    for read in (rest.read_candles, rest.read_listed, rest.read_time, rest.read_depth):
        with pytest.raises(
            ExchangeError, match=rf"{exchange[:3]}.*{code}: no luck"
        ) as e:
            read_as(read, body % code)
        assert fault_of(e.value) is fault
    assert list(read_as(rest.read_candles, good(body))) == []


def good(body: bytes) -> bytes:
    return body % 0


@pytest.mark.parametrize(("exchange", "body", "code", "fault"), CODES)
async def test_the_gate_hears_of_a_code(
    autojump_clock: MockClock, exchange: str, body: bytes, code: int, fault: Fault
) -> None:
    rest, gated = port(exchange, body % code)
    ask = DIALECTS[exchange].rest.ask_time()
    with pytest.raises(ExchangeError, match=str(code)):
        await rest(ask)
    seen = gated.gate.view()
    assert {name for name, count in seen.faults.items() if count} == {str(fault)}
    assert (seen.banned_until_ms is not None) == (
        fault in {Fault.RATE_LIMIT, Fault.BANNED}
    )
    if seen.banned_until_ms is not None:
        with pytest.raises(Unsent, match=r"HTTP 200"):
            await rest(ask)


@pytest.mark.parametrize(
    ("exchange", "failed", "there"),
    [
        ("bybit", BYBIT % 10006, b'{"retCode":0,"result":{},"time":7}'),
        ("okx", OKX % 50026, b'{"code":"0","data":[{"ts":"7"}]}'),
        ("okx", b"<html>we will be back soon</html>", b'{"data":[{"ts":"7"}]}'),
    ],
)
async def test_a_read_is_made_again_where_the_table_of_faults_says_so(
    autojump_clock: MockClock, exchange: str, failed: bytes, there: bytes
) -> None:
    rest, gated = port(exchange, failed, there)
    asked, spoken = questions(rest), DIALECTS[exchange].rest
    found = await retried(
        lambda: asked(spoken.ask_time(), spoken.read_time),
        within_seconds=60,
        random=Random(1),
    )
    assert (found, gated.gate.view().requests) == (7, 2)
