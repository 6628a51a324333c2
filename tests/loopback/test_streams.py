"""The streams: what is told agrees with what is asked, in order and without a hole."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tests.loopback.client import Client, Ear, exchange

MINUTE_MS = 60_000
SYMBOL = {"symbol": "BTCUSDT"}


async def rebuilt(client: Client, venue: str) -> None:
    """Follow a book from its snapshot through its diffs; it must be the book."""
    api, stream = ("/fapi/v1", "/fstream") if venue == "usdm" else ("/api/v3", "")
    async with client.listen(f"{stream}/ws/btcusdt@depth@100ms") as ear:
        await client.sim("POST", "advance", {"ms": 30_000})
        path = f"{api}/depth"
        snapshot = (await client.call("GET", path, **SYMBOL, limit=1000)).body
        await client.sim("POST", "advance", {"ms": 2 * MINUTE_MS})
        messages = await ear.all_for(0.3)
        now = (await client.call("GET", path, **SYMBOL, limit=1000)).body
    book = {side: dict(snapshot[side]) for side in ("bids", "asks")}
    last = snapshot["lastUpdateId"]
    used = [one for one in messages if one["u"] > last]
    assert len(used) >= 8
    for one in used:
        first = one is used[0]  # it may begin before the snapshot, the others may not
        assert one["U"] <= last + 1 if first else one["U"] == last + 1
        assert venue == "spot" or first or one["pu"] == last
        last = one["u"]
        for side, rows in (("bids", one["b"]), ("asks", one["a"])):
            for price, size in rows:
                if Decimal(size):
                    book[side][price] = size
                else:
                    book[side].pop(price, None)
    assert last == now["lastUpdateId"]
    for side in ("bids", "asks"):
        assert book[side] == dict(now[side])
    highest = max(map(Decimal, book["bids"]))
    assert highest < min(map(Decimal, book["asks"]))


@pytest.mark.parametrize("venue", ["spot", "usdm"])
async def test_a_book_built_from_the_stream_is_the_book(venue: str) -> None:
    async with exchange() as client:
        await rebuilt(client, venue)


async def test_candles_are_the_sum_of_the_trades_that_were_told() -> None:
    async with exchange() as client:
        names = "btcusdt@trade/btcusdt@kline_1m"
        async with client.listen(f"/fstream/stream?streams={names}") as ear:
            await client.sim("POST", "advance", {"ms": 4 * MINUTE_MS})
            heard = await ear.all_for(0.3)
        klines = await client.call(
            "GET", "/fapi/v1/klines", **SYMBOL, interval="1m", limit=10
        )
    trades = [one["data"] for one in heard if one["stream"].endswith("@trade")]
    ids = [one["t"] for one in trades]
    assert ids == list(range(ids[0], ids[0] + len(ids)))
    ended = [
        one["data"]["k"]
        for one in heard
        if "kline" in one["stream"] and one["data"]["k"]["x"]
    ]
    assert len(ended) >= 3
    asked = {row[0]: row for row in klines.body}
    for candle in ended[1:]:  # the first may have begun before we listened
        inside = [t for t in trades if candle["t"] <= t["T"] <= candle["T"]]
        prices = [Decimal(t["p"]) for t in inside]
        assert Decimal(candle["o"]) == prices[0]
        assert Decimal(candle["c"]) == prices[-1]
        assert Decimal(candle["h"]) == max(prices)
        assert Decimal(candle["l"]) == min(prices)
        assert Decimal(candle["v"]) == sum(Decimal(t["q"]) for t in inside)
        row = asked[candle["t"]]
        assert [row[i] for i in (1, 2, 3, 4, 5)] == [candle[k] for k in "ohlcv"]
        assert candle["n"] == row[8] == len(inside)


async def test_an_ended_candle_comes_before_the_next_minutes_trades() -> None:
    async with exchange() as client:
        names = "btcusdt@trade/btcusdt@kline_1m"
        async with client.listen(f"/fstream/stream?streams={names}") as ear:
            await client.sim("POST", "advance", {"ms": 3 * MINUTE_MS})
            heard = await ear.all_for(0.3)
    ended_until = 0
    newest = 0
    for one in heard:
        data = one["data"]
        if data["e"] == "trade":
            assert data["T"] >= ended_until
            newest = max(newest, data["T"])
        elif data["k"]["x"]:
            assert newest <= data["k"]["T"]
            ended_until = data["k"]["T"] + 1


async def test_streams_are_followed_listed_and_left() -> None:
    async with exchange() as client, client.listen("/ws") as ear:
        names = ["btcusdt@bookTicker", "ethusdt@trade"]
        told = await ear.say(method="SUBSCRIBE", params=names, id=1)
        assert told == {"result": None, "id": 1}
        listed = await ear.say(method="LIST_SUBSCRIPTIONS", id=2)
        assert sorted(listed["result"]) == sorted(names)
        await client.sim("POST", "advance", {"ms": MINUTE_MS})
        assert {one.get("s") for one in await ear.all_for(0.2)} == {
            "BTCUSDT",
            "ETHUSDT",
        }
        await ear.say(method="UNSUBSCRIBE", params=names[:1], id=3)
        await client.sim("POST", "advance", {"ms": MINUTE_MS})
        assert {one.get("s") for one in await ear.all_for(0.2)} == {"ETHUSDT"}
        odd = await ear.say(method="DANCE", id=4)
        assert odd["error"]["code"] == 2


async def newest(client: Client) -> str:
    """Live a minute; the newest trade's price, which is the ticker's."""
    async with client.listen("/fstream/ws/btcusdt@trade") as ear:
        await client.sim("POST", "advance", {"ms": MINUTE_MS})
        price: str = (await ear.all_for(0.2))[-1]["p"]
    told = (await client.call("GET", "/fapi/v1/ticker/price", **SYMBOL)).body
    assert told["price"] == price
    return price


async def test_every_public_channel_tells_something() -> None:
    channels = [
        *("trade", "aggTrade", "bookTicker", "kline_1m", "kline_5m", "depth@100ms"),
        *("depth5@100ms", "depth20", "markPrice@1s", "ticker", "miniTicker"),
    ]
    every = ["!bookTicker", "!miniTicker@arr", "!ticker@arr", "!markPrice@arr@1s"]
    async with exchange() as client:
        assert await newest(client) == client.pit.grid.price_text(client.pit.tape.last)
        for root in ("/fstream/stream", "/stream"):
            names = [f"btcusdt@{one}" for one in channels] + every
            path = f"{root}?streams={'/'.join(names)}"
            async with client.listen(path) as ear:
                await client.sim("POST", "advance", {"ms": 2 * MINUTE_MS})
                heard = {one["stream"] for one in await ear.all_for(0.3)}
            assert heard == set(names)


async def orders(ear: Ear) -> list[tuple[Any, ...]]:
    found = []
    for one in await ear.all_for(0.3):
        data = one.get("event", one)
        if data["e"] == "ORDER_TRADE_UPDATE":
            order = data["o"]
            found.append((order["c"], order["x"], order["X"], order["z"]))
        elif data["e"] == "ALGO_UPDATE":
            found.append((data["o"]["caid"], data["o"]["X"]))
        elif data["e"] == "executionReport":
            found.append((data["C"] or data["c"], data["x"], data["X"], data["z"]))
        else:
            found.append((data["e"],))
    return found


async def test_the_futures_user_stream_tells_orders_fills_stops_and_the_account() -> (
    None
):
    async with exchange() as client:
        key = (await client.call("POST", "/fapi/v1/listenKey")).body["listenKey"]
        async with client.listen(f"/fstream/private/ws?listenKey={key}") as ear:
            await client.order("BUY", "MARKET", "0.01", newClientOrderId="a")
            low = client.pit.grid.price_text(client.pit.mark - 5_000)
            await client.signed(
                "POST",
                "/fapi/v1/algoOrder",
                **SYMBOL,
                algoType="CONDITIONAL",
                side="SELL",
                type="STOP_MARKET",
                quantity="0.01",
                triggerPrice=low,
                reduceOnly="true",
                clientAlgoId="s",
            )
            heard = await orders(ear)
            more = {"price": low, "newClientOrderId": "b"}
            await client.order("BUY", "LIMIT", "0.01", **more)
            await client.signed(
                "DELETE", "/fapi/v1/order", **SYMBOL, origClientOrderId="b"
            )
            heard += await orders(ear)
    assert heard == [
        ("a", "NEW", "NEW", "0.00000"),
        ("a", "TRADE", "FILLED", "0.01000"),
        ("ACCOUNT_UPDATE",),
        ("s", "NEW"),
        ("b", "NEW", "NEW", "0.00000"),
        ("b", "CANCELED", "CANCELED", "0.00000"),
    ]


async def test_the_spot_user_stream_is_subscribed_with_a_signature() -> None:
    async with exchange() as client, client.listen("/ws-api/v3") as ear:
        fields = {"apiKey": client.key.key, "timestamp": client.exchange.now_ms()}
        query = "&".join(f"{name}={value}" for name, value in sorted(fields.items()))
        signature = client.sign(query).rpartition("=")[2]
        method = "userDataStream.subscribe.signature"
        wrong = await ear.say(id="1", method=method, params=fields | {"signature": "0"})
        assert wrong["error"]["code"] == -1022
        params = fields | {"signature": signature}
        told = await ear.say(id="2", method=method, params=params)
        assert (told["status"], told["result"]) == (200, {"subscriptionId": 0})
        fields = {**SYMBOL, "side": "BUY", "type": "MARKET", "quantity": "0.01"}
        await client.signed("POST", "/api/v3/order", **fields, newClientOrderId="a")
        assert await orders(ear) == [
            ("a", "NEW", "NEW", "0.00000000"),
            ("a", "TRADE", "FILLED", "0.01000000"),
            ("outboundAccountPosition",),
        ]


async def test_a_listen_key_that_is_not_kept_alive_ends_and_says_so() -> None:
    async with exchange() as client:
        key = (await client.call("POST", "/fapi/v1/listenKey")).body["listenKey"]
        async with client.listen(f"/fstream/ws/{key}") as ear:
            await client.sim("POST", "advance", {"ms": 50 * MINUTE_MS})
            assert (await client.call("PUT", "/fapi/v1/listenKey")).status == 200
            await client.sim("POST", "advance", {"ms": 50 * MINUTE_MS})
            assert await ear.all_for(0.1) == []
            await client.sim("POST", "advance", {"ms": 11 * MINUTE_MS})
            assert (await ear.hear())["e"] == "listenKeyExpired"
            await client.order("BUY", "MARKET", "0.01")
            assert await ear.all_for(0.1) == []


async def test_a_client_that_shouts_is_cut_off() -> None:
    async with exchange() as client, client.listen("/ws") as ear:
        for number in range(150):
            message = {"method": "LIST_SUBSCRIPTIONS", "id": number}
            await ear.socket.send_message(msgspec.json.encode(message).decode())
        assert await ear.until_closed() == 1008
