"""Signatures, clocks, keys and limits: who is let in, and how often."""

import pytest
import trio

from actors.domain.errors import EngineError
from actors.loopback.clock import MarketTime, Pace
from actors.loopback.floor.pit import Venue
from actors.loopback.limits import Limiter
from actors.loopback.server import NotLoopback, serve_exchange
from actors.loopback.settings import KEYS, Key, Limits, SimSettings
from tests.loopback.client import Client, exchange

ACCOUNT = ("GET", "/fapi/v3/account")


async def test_a_signature_over_exactly_what_was_sent_is_taken() -> None:
    async with exchange() as client:
        assert (await client.signed(*ACCOUNT)).status == 200
        assert (await client.signed(*ACCOUNT, recvWindow=5000)).status == 200


async def test_a_signature_over_anything_else_is_refused() -> None:
    async with exchange() as client:
        query = client.sign(f"timestamp={client.exchange.now_ms()}")
        answered = await client.send(*ACCOUNT, f"symbol=BTCUSDT&{query}")
        assert (answered.status, answered.body["code"]) == (400, -1022)
        no_signature = await client.call(*ACCOUNT, timestamp=client.exchange.now_ms())
        assert no_signature.body["code"] == -1102


@pytest.mark.parametrize(
    ("off_ms", "window_ms", "code"),
    [
        (-4_900, 5_000, None),
        (-5_100, 5_000, -1021),
        (900, 5_000, None),
        (1_000, 5_000, -1021),
        (-30_000, 60_000, None),
        (0, 60_001, -1131),
    ],
)
async def test_a_request_is_judged_by_the_clock_of_the_exchange(
    off_ms: int, window_ms: int, code: int | None
) -> None:
    async with exchange() as client:
        signed_ms = client.exchange.clock.now_ms() + off_ms
        answered = await client.signed(
            *ACCOUNT, timestamp=signed_ms, recvWindow=window_ms
        )
        assert answered.body.get("code") == code


def test_at_speed_windows_are_as_long_on_the_machine_as_ever() -> None:
    assert MarketTime(Pace.STEADY, 60.0, 0).stretch == 60.0
    assert MarketTime(Pace.STEADY, 1.0, 0).stretch == 1.0
    assert MarketTime(Pace.HAND, 1.0, 0).stretch == 1.0
    assert MarketTime(Pace.MAX, 1.0, 0).stretch is None


async def test_the_clock_can_be_lived_on_in_another_process() -> None:
    async with exchange(speed="60") as client:
        point = await client.sim("GET", "clock")
        other = MarketTime(Pace.STEADY, point["speed"], point["marketMs"])
        other._at = point["monotonic"]
        assert abs(other.now_ms() - client.exchange.clock.now_ms()) <= 2


async def test_an_unknown_key_and_one_that_may_not_trade_are_refused() -> None:
    async with exchange() as client:
        reader = Client(client.exchange, client.port, KEYS[1])
        assert (await reader.signed(*ACCOUNT)).status == 200
        assert (await reader.order("BUY", "MARKET", "0.01")).body["code"] == -2015
        nobody = Client(client.exchange, client.port, Key(key="x", secret="y"))
        answered = await nobody.signed(*ACCOUNT)
        assert (answered.status, answered.body["code"]) == (401, -2015)


async def test_a_key_says_whether_it_can_withdraw() -> None:
    async with exchange() as client:
        for key in KEYS:
            asked = Client(client.exchange, client.port, key)
            path = "/sapi/v1/account/apiRestrictions"
            told = (await asked.signed("GET", path)).body
            assert told["enableWithdrawals"] is key.withdraw
            assert told["enableFutures"] is key.trade


async def test_used_weight_is_told_and_one_too_many_is_429_then_418() -> None:
    limits = Limits(futures_weight_per_minute=50)
    async with exchange(limits=limits) as client:
        first = await client.call("GET", "/fapi/v1/depth", symbol="BTCUSDT", limit=1000)
        assert first.headers["x-mbx-used-weight-1m"] == "20"
        for _ in range(30):
            await client.call("GET", "/fapi/v1/ping")
        answered = await client.call("GET", "/fapi/v1/ping")
        assert (answered.status, answered.body["code"]) == (429, -1003)
        assert 1 <= int(answered.headers["retry-after"]) <= 60
        for _ in range(10):
            answered = await client.call("GET", "/fapi/v1/ping")
        assert answered.status == 418
        assert (await client.call("GET", "/api/v3/ping")).status == 200
        told = (await client.sim("GET", "status"))["limits"]
        assert told["usdm"]["earned429"] == 10
        assert told["usdm"]["earned418"] == 1
        assert told["spot"]["earned429"] == 0


def test_a_minutes_weight_comes_back_with_the_next_minute() -> None:
    limiter = Limiter(Venue.USDM, Limits(futures_weight_per_minute=10))
    assert limiter.charge(0, 10, 0) is None
    assert limiter.charge(59_999, 1, 0) is not None
    assert limiter.charge(60_000, 10, 0) is None


def test_a_ban_ends_and_the_next_is_twice_as_long() -> None:
    limiter = Limiter(Venue.USDM, Limits(futures_weight_per_minute=1))
    seconds = []
    now_ms = 0
    for _ in range(2):
        while (refused := limiter.charge(now_ms, 2, 0)) is None or (
            refused.status == 429
        ):
            pass
        seconds.append(refused.retry_seconds)
        now_ms += refused.retry_seconds * 1_000
    assert seconds == [120, 240]


async def test_too_many_orders_are_refused_with_their_own_code() -> None:
    async with exchange(limits=Limits(futures_orders_per_10s=2)) as client:
        for _ in range(2):
            assert (await client.order("BUY", "MARKET", "0.01")).status == 200
        answered = await client.order("BUY", "MARKET", "0.01")
        assert (answered.status, answered.body["code"]) == (429, -1015)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.2", "example.org", "::"])
async def test_it_listens_on_loopback_only(host: str) -> None:
    with pytest.raises(NotLoopback, match="toy money") as refused:
        await serve_exchange(SimSettings(host=host), lambda *_: None)
    assert isinstance(refused.value, EngineError)


async def test_a_web_page_cannot_trade_here() -> None:
    """A browser sends Origin, and a rebound name sends its own Host."""
    async with exchange() as client:
        for line in (b"Host: evil.example", b"Host: 127.0.0.1\r\nOrigin: http://evil"):
            stream = await trio.open_tcp_stream("127.0.0.1", client.port)
            await stream.send_all(b"GET /sim/truth HTTP/1.1\r\n" + line + b"\r\n\r\n")
            assert b" 403 " in await stream.receive_some()
            await stream.aclose()


async def test_an_unknown_path_symbol_or_parameter_is_said() -> None:
    async with exchange() as client:
        assert (await client.call("GET", "/fapi/v1/nothing")).status == 404
        wrong = await client.call("GET", "/fapi/v1/depth", symbol="NOPE")
        assert wrong.body["code"] == -1121
        missing = await client.call("GET", "/fapi/v1/depth")
        assert missing.body["code"] == -1102
        odd = await client.call("GET", "/fapi/v1/depth", symbol="BTCUSDT", limit="x")
        assert odd.body["code"] == -1130
        nan = await client.order("BUY", "MARKET", "NaN")
        assert nan.body["code"] == -1130


async def test_a_tried_order_is_judged_and_not_placed() -> None:
    async with exchange() as client:
        fields = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET"}
        path = "/fapi/v1/order/test"
        assert (await client.signed("POST", path, **fields, quantity="0.01")).body == {}
        refused = await client.signed("POST", path, **fields, quantity="0.000001")
        assert refused.body["code"] == -1111
        assert (await client.sim("GET", "truth"))["usdm"]["orders"] == []
