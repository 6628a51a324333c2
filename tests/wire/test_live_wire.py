"""The way to an exchange: one request for one order, in its lane, heard exactly."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio

from actors.domain.errors import ExchangeError, Unsent
from actors.domain.orders import Placed, Refused, Unknown
from actors.exchange.ccxtrio import Lane
from actors.exchange.gate.gate import Ticket
from actors.exchange.gate.limiter import lane_now
from actors.exchange.live.capabilities import ROWS
from actors.exchange.live.wire import Call, NoSuchOrder, Wire
from actors.exchange.outcome import Act
from tests.gates import Gated
from tests.unit.test_live_plan import plan
from tests.wire.http_peer import Heard, answering

pytestmark = pytest.mark.usefixtures("no_asyncio_loop")

CALL = Call("fapiPrivatePostOrder", symbol="BTCUSDT", newClientOrderId="bx0-a")
TAKEN = b'{"orderId": 7, "clientOrderId": "bx0-a"}'


@asynccontextmanager
async def wire(address: str, **chosen: Any) -> AsyncIterator[Wire]:
    made = Wire(plan(rest_url=address, **chosen), ROWS["binanceusdm"])
    async with made.exchange:
        yield made


async def sent(wire: Wire, lane: Lane = Lane.ENTRY) -> Any:
    return await wire.send(Act.PLACE, "bx0-a", lane, CALL)


@pytest.mark.parametrize("status", [302, 307, 308])
async def test_a_redirected_order_is_not_sent_again(status: int) -> None:
    asked: list[str] = []

    async def script(heard: Heard) -> None:
        asked.append(heard.line)
        await heard.answer(TAKEN, status=status, headers="Location: /x\r\n")

    async with answering(script) as address, wire(address) as made:
        assert isinstance(await sent(made), Unknown)
    assert len(asked) == 1


async def test_it_is_signed_with_the_time_that_was_given() -> None:
    bodies: list[bytes] = []

    async def script(heard: Heard) -> None:
        bodies.append(heard.raw)
        await heard.answer(TAKEN)

    now = 1_790_000_000_123
    async with answering(script) as address, wire(address, now_ms=lambda: now) as made:
        assert await sent(made) == Placed("7")
    assert f"timestamp={now}".encode() in bodies[0]
    assert b"recvWindow=5000" in bodies[0]
    assert b"newClientOrderId=bx0-a" in bodies[0]


async def test_each_request_waits_in_its_lane_and_one_stopped_there_is_unsent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lanes: list[Lane] = []
    gate = Gated().gate
    admit = gate.admit

    async def watched(cost: float = 1.0, lane: Lane | None = None) -> Ticket:
        lanes.append(lane_now())
        if len(lanes) > 1:
            msg = "banned until noon"
            raise Unsent(msg)
        return await admit(cost, lane)

    monkeypatch.setattr(gate, "admit", watched)

    async def script(heard: Heard) -> None:
        await heard.answer(TAKEN)

    async with answering(script) as address, wire(address, gate=gate) as made:
        assert isinstance(await sent(made, Lane.PROTECT), Placed)
        entry = await sent(made)
        assert isinstance(entry, Refused)
        assert entry.reason == "not sent: Unsent banned until noon"
        # Of a cancel a refusal would say that there is no such order.
        cancel = await made.send(Act.CANCEL, "bx0-a", Lane.CANCEL, CALL)
        assert isinstance(cancel, Unknown)
    assert lanes == [Lane.PROTECT, Lane.ENTRY, Lane.CANCEL]


async def test_a_question_is_asked_again_where_that_helps() -> None:
    asked: list[str] = []

    async def script(heard: Heard) -> None:
        asked.append(heard.line)
        if len(asked) < 3:
            await heard.answer(b"<html>soon</html>", status=502)
        else:
            await heard.answer(b'{"serverTime": 7}')

    async with answering(script) as address, wire(address, ask_seconds=30.0) as made:
        assert await made.ask(Call("fapiPublicGetTime")) == {"serverTime": 7}
    assert len(asked) == 3


async def test_two_who_ask_at_once_hear_their_own_answers() -> None:
    heard_second = trio.Event()

    async def script(heard: Heard) -> None:
        if b"bx0-a" in heard.raw:
            await heard_second.wait()
            await heard.answer(TAKEN)
        else:
            await heard.answer(b'{"code": -2019, "msg": "poor"}', status=400)
            heard_second.set()

    outcomes: dict[str, Any] = {}
    async with answering(script) as address, wire(address) as made:

        async def place(name: str) -> None:
            call = Call("fapiPrivatePostOrder", newClientOrderId=name)
            outcomes[name] = await made.send(Act.PLACE, name, Lane.ENTRY, call)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(place, "bx0-a")
            nursery.start_soon(place, "bx0-b")
    assert outcomes["bx0-a"] == Placed("7")
    assert isinstance(outcomes["bx0-b"], Refused)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, b'{"code": -2013, "msg": "Order does not exist."}', NoSuchOrder),
        (503, b'{"code": -2013, "msg": "Order does not exist."}', ExchangeError),
        (200, b'{"code": -1000, "msg": "trouble"}', ExchangeError),
        (200, b"", ExchangeError),
        (200, b"<html>", ExchangeError),
        (200, b'{"orderId": 12', ExchangeError),
    ],
)
async def test_only_the_exchange_s_own_word_says_that_there_is_no_such_order(
    status: int, body: bytes, kind: type[ExchangeError]
) -> None:
    async def script(heard: Heard) -> None:
        await heard.answer(body, status=status)

    async with answering(script) as address, wire(address) as made:
        with pytest.raises(ExchangeError) as raised:
            await made.ask(Call("fapiPrivateGetOrder", symbol="BTCUSDT"))
    assert isinstance(raised.value, NoSuchOrder) is (kind is NoSuchOrder)
    assert "signature" not in str(raised.value)


async def test_a_line_that_breaks_shows_no_signature() -> None:
    async def script(heard: Heard) -> None:
        await heard.stream.aclose()

    async with answering(script) as address, wire(address) as made:
        with pytest.raises(ExchangeError) as raised:
            await made.ask(Call("fapiPrivateGetOrder", symbol="BTCUSDT"))
        outcome = await sent(made)
    assert "signature" not in f"{raised.value} {raised.value.__cause__}"
    assert isinstance(outcome, Unknown)
