"""The faults of answers and orders: each does what the menu says, and no more."""

from typing import Any

import pytest
import trio

from actors.loopback.faults.menu import FAULTS, Fault, Menu, UnknownFault, parse
from tests.loopback.client import Client, NoAnswer, exchange

MINUTE_MS = 60_000
SYMBOL = {"symbol": "BTCUSDT"}


async def switch(client: Client, **faults: Any) -> None:
    told = await client.sim("POST", "faults", faults)
    assert set(faults) - {k for k, v in faults.items() if v is None} <= set(told["on"])


async def truth(client: Client) -> Any:
    return (await client.sim("GET", "truth"))["usdm"]


def low(client: Client, ticks: int = 5_000) -> str:
    pit = client.pit
    return pit.grid.price_text(pit.mark - ticks)


async def stop(client: Client, client_id: str = "s") -> Any:
    return await client.signed(
        "POST",
        "/fapi/v1/algoOrder",
        **SYMBOL,
        algoType="CONDITIONAL",
        side="SELL",
        type="STOP_MARKET",
        quantity="0.01",
        triggerPrice=low(client),
        reduceOnly="true",
        clientAlgoId=client_id,
    )


async def test_a_lost_request_never_happens_and_a_lost_answer_has_happened() -> None:
    async with exchange() as client:
        await switch(client, request_lost={"count": 1, "on": ["place"]})
        with pytest.raises(NoAnswer):
            await client.order("BUY", "MARKET", "0.01", newClientOrderId="lost")
        await switch(client, answer_lost={"count": 1, "on": ["place"]})
        with pytest.raises(NoAnswer):
            await client.order("BUY", "MARKET", "0.01", newClientOrderId="done")
        assert (await client.order("BUY", "MARKET", "0.01")).status == 200
        intents = (await truth(client))["intents"]
        assert "lost" not in intents
        assert intents["done"] == 1


async def test_an_order_carried_out_late_is_late_in_the_markets_time() -> None:
    async with exchange() as client:
        await switch(client, executed_late={"count": 1, "ms": 3_000, "on": ["place"]})
        with pytest.raises(NoAnswer):
            await client.order("BUY", "MARKET", "0.01", newClientOrderId="late")
        await client.sim("POST", "advance", {"ms": 2_000})
        await trio.sleep(0.05)
        assert (await truth(client))["intents"] == {}
        await client.sim("POST", "advance", {"ms": 2_000})
        await trio.sleep(0.05)
        assert (await truth(client))["intents"] == {"late": 1}


async def test_an_order_later_than_its_window_is_refused_when_it_is_read() -> None:
    async with exchange() as client:
        await switch(client, executed_late={"count": 1, "ms": 6_000, "on": ["place"]})
        with pytest.raises(NoAnswer):
            await client.order("BUY", "MARKET", "0.01", recvWindow=5_000)
        await client.sim("POST", "advance", {"ms": 10_000})
        await trio.sleep(0.05)
        assert (await truth(client))["intents"] == {}


async def test_an_error_after_has_happened_and_an_error_before_has_not() -> None:
    async with exchange() as client:
        await switch(client, error_after={"count": 4, "on": ["place"]})
        statuses = {
            (await client.order("BUY", "MARKET", "0.01")).status for _ in range(4)
        }
        assert statuses <= {503, 504}
        assert len((await truth(client))["intents"]) == 4
        await switch(client, error_before={"count": 1, "on": ["place"]})
        assert (await client.order("BUY", "MARKET", "0.01")).status == 503
        assert len((await truth(client))["intents"]) == 4


async def test_garbage_resets_and_unlisted_codes() -> None:
    async with exchange() as client:
        await switch(client, garbage_body={"count": 1, "on": ["place"]})
        garbage = await client.order("BUY", "MARKET", "0.01")
        with pytest.raises(Exception, match=r"JSON|truncated"):
            print(garbage.body)
        await switch(client, connection_reset={"count": 1})
        with pytest.raises((NoAnswer, trio.BrokenResourceError)):
            await client.call("GET", "/fapi/v1/ping")
        await switch(client, refused_unlisted={"count": 1})
        refused = await client.order("BUY", "MARKET", "0.01")
        assert refused.body["code"] == -9999
        assert len((await truth(client))["intents"]) == 1


async def test_a_storm_a_slow_answer_and_maintenance() -> None:
    async with exchange() as client:
        await switch(client, rate_storm={"count": 1})
        stormy = await client.call("GET", "/fapi/v1/ping")
        assert (stormy.status, stormy.headers["retry-after"]) == (429, "1")
        limits = (await client.sim("GET", "status"))["limits"]
        assert limits["usdm"]["earned429"] == 0  # not earned: a storm is not our doing
        await switch(client, slow_answers={"count": 1, "ms": 200})
        began = trio.current_time()
        await client.call("GET", "/fapi/v1/ping")
        assert trio.current_time() - began >= 0.2
        await switch(client, maintenance={})
        assert (await client.call("GET", "/fapi/v1/time")).status == 503
        status = (await client.call("GET", "/sapi/v1/system/status")).body
        assert status["status"] == 1
        await switch(client, maintenance=None)
        assert (await client.call("GET", "/fapi/v1/time")).status == 200


async def test_a_skewed_clock_tells_and_judges_the_wrong_time() -> None:
    async with exchange() as client:
        await switch(client, clock_skew={"ms": 2_000})
        told = (await client.call("GET", "/fapi/v1/time")).body["serverTime"]
        assert told == client.exchange.clock.now_ms() + 2_000
        await switch(client, clock_skew={"ms": -2_000})
        refused = await client.signed("GET", "/fapi/v3/account")
        assert refused.body["code"] == -1021


async def test_a_blind_query_sees_an_order_only_after_a_while() -> None:
    async with exchange() as client:
        await switch(client, query_blind={"ms": 5_000, "count": 2})
        more = {"price": low(client), "newClientOrderId": "b"}
        await client.order("BUY", "LIMIT", "0.01", **more)
        await stop(client)
        asked = ("GET", "/fapi/v1/order")
        query = SYMBOL | {"origClientOrderId": "b"}
        for path, name in (("openOrders", "b"), ("openAlgoOrders", "s")):
            rows = (await client.signed("GET", f"/fapi/v1/{path}", **SYMBOL)).body
            assert rows == [], name
        assert (await client.signed(*asked, **query)).body["code"] == -2013
        await client.sim("POST", "advance", {"ms": 6_000})
        assert (await client.signed(*asked, **query)).body["status"] == "NEW"
        rows = (await client.signed("GET", "/fapi/v1/openAlgoOrders", **SYMBOL)).body
        assert [row["clientAlgoId"] for row in rows] == ["s"]


async def test_partial_pages_leave_half_out() -> None:
    async with exchange() as client:
        for _ in range(4):
            await client.order("BUY", "MARKET", "0.01")
        await switch(client, partial_pages={"count": 1})
        for count in (2, 4):
            rows = (await client.signed("GET", "/fapi/v1/userTrades", **SYMBOL)).body
            assert len(rows) == count


async def test_a_cancel_that_races_a_fill_finds_nothing_to_cancel() -> None:
    async with exchange() as client:
        more = {"price": low(client, 20), "newClientOrderId": "b"}
        await client.order("BUY", "LIMIT", "0.01", **more)
        await switch(client, cancel_races={"count": 1})
        query = SYMBOL | {"origClientOrderId": "b"}
        answered = await client.signed("DELETE", "/fapi/v1/order", **query)
        assert answered.body["code"] == -2011
        order = (await client.signed("GET", "/fapi/v1/order", **query)).body
        assert (order["status"], order["executedQty"]) == ("FILLED", "0.01000")


async def test_a_stop_is_refused_vanishes_or_sticks() -> None:
    async with exchange() as client:
        await client.order("BUY", "MARKET", "0.01")
        await switch(client, stop_refused={"count": 1})
        assert (await stop(client)).body["code"] == -4045
        await switch(client, stop_vanishes={"count": 1, "ms": 2_000})
        assert (await stop(client)).body["algoStatus"] == "NEW"
        await client.sim("POST", "advance", {"ms": 3_000})
        path = "/fapi/v1/openAlgoOrders"
        assert (await client.signed("GET", path, **SYMBOL)).body == []
        await switch(client, stop_stuck={"count": 1})
        await stop(client, "t")
        pit = client.pit
        one = client.exchange.stops.find(None, "t")
        assert one is not None
        pit.span = (one.trigger, one.trigger)
        client.exchange.settle(pit)
        assert one.status == "TRIGGERING"
        held = (await truth(client))["positions"][0]
        assert held["positionAmt"] == "0.01000"


async def test_leverage_that_is_not_applied_can_be_read_back() -> None:
    async with exchange() as client:
        await switch(client, leverage_ignored={"count": 1})
        path = "/fapi/v1/leverage"
        told = (await client.signed("POST", path, **SYMBOL, leverage=3)).body
        assert told["leverage"] == 3
        config = ("GET", "/fapi/v1/symbolConfig")
        assert (await client.signed(*config, **SYMBOL)).body[0]["leverage"] == 20
        await client.signed("POST", path, **SYMBOL, leverage=3)
        assert (await client.signed(*config, **SYMBOL)).body[0]["leverage"] == 3


async def test_a_person_leaves_an_order_and_closes_a_position_by_hand() -> None:
    async with exchange() as client:
        await client.order("BUY", "MARKET", "0.01")
        await client.sim("POST", "do", {"act": "foreign_order", "symbol": "ETHUSDT"})
        await client.sim("POST", "do", {"act": "manual_close", "symbol": "BTCUSDT"})
        told = await truth(client)
        people = [one for one in told["orders"] if one["source"] == "person"]
        assert [one["clientOrderId"][:4] for one in people] == ["web_", "web_"]
        assert told["positions"][0]["positionAmt"] == "0.00000"
        assert not any(name.startswith("web_") for name in told["intents"])


async def test_a_delisted_symbol_takes_reductions_only() -> None:
    async with exchange() as client:
        await client.order("BUY", "MARKET", "0.01")
        await switch(client, delisted={"on": ["BTCUSDT"]})
        await client.sim("POST", "advance", {"ms": MINUTE_MS})
        rows = (await client.call("GET", "/fapi/v1/exchangeInfo", **SYMBOL)).body
        assert rows["symbols"][0]["status"] == "SETTLING"
        assert (await client.order("BUY", "MARKET", "0.01")).body["code"] == -4140
        closed = await client.order("SELL", "MARKET", "0.01", reduceOnly="true")
        assert closed.body["status"] == "FILLED"


async def test_the_dead_mans_switch_cancels_orders_and_leaves_stops() -> None:
    async with exchange() as client:
        await client.order("BUY", "LIMIT", "0.01", price=low(client))
        await stop(client)
        path = "/fapi/v1/countdownCancelAll"
        await client.signed("POST", path, **SYMBOL, countdownTime=60_000)
        await client.sim("POST", "advance", {"ms": 59_000})
        assert len((await client.signed("GET", "/fapi/v1/openOrders")).body) == 1
        await client.sim("POST", "advance", {"ms": 2_000})
        assert (await client.signed("GET", "/fapi/v1/openOrders")).body == []
        assert len((await client.signed("GET", "/fapi/v1/openAlgoOrders")).body) == 1


def test_a_fault_comes_as_often_as_its_chance_and_its_count_say() -> None:
    menu = Menu(1)
    menu.switch("feed_dropped", Fault(chance=0.25))
    hits = sum(menu.hit("feed_dropped") is not None for _ in range(4_000))
    assert 850 < hits < 1_150
    menu.switch("feed_dropped", Fault(count=3, on=("BTCUSDT",)))
    assert menu.hit("feed_dropped", "ETHUSDT") is None
    assert sum(menu.hit("feed_dropped", "BTCUSDT") is not None for _ in range(9)) == 3


def test_one_fault_does_not_change_what_another_does() -> None:
    alone, together = Menu(7), Menu(7)
    for menu in (alone, together):
        menu.switch("answer_lost", Fault(chance=0.5))
    together.switch("slow_answers", Fault(chance=0.5))
    drawn = []
    for menu in (alone, together):
        row = []
        for _ in range(100):
            menu.hit("slow_answers")
            row.append(menu.hit("answer_lost") is not None)
        drawn.append(row)
    assert drawn[0] == drawn[1]


def test_the_command_line_names_faults_or_is_refused() -> None:
    found = parse("answer_lost=0.1:on=place+cancel,query_blind:ms=3000:count=5")
    assert found["answer_lost"] == Fault(chance=0.1, on=("place", "cancel"))
    assert found["query_blind"] == Fault(ms=3_000, count=5)
    for wrong in ("nonsense", "answer_lost=often", "answer_lost:when=now"):
        with pytest.raises(UnknownFault):
            parse(wrong)


async def test_an_unknown_fault_is_refused_with_the_menu() -> None:
    async with exchange() as client:
        told = await client.sim("POST", "faults", {"nonsense": {}})
        assert "answer_lost" in told["error"]
        assert set((await client.sim("GET", "faults"))["menu"]) == set(FAULTS)
