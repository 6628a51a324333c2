"""The faults of streams: what is told wrongly, twice, late, or not at all."""

from typing import Any

import pytest
import trio

from actors.loopback.floor.pit import Venue
from actors.loopback.streams.hub import Hub
from actors.loopback.streams.line import WAITING_BYTES_MAX, Line
from actors.loopback.streams.mischief import Mischief
from tests.loopback.client import Client, Ear, exchange
from tests.loopback.venue import Floor

MINUTE_MS = 60_000
TRADES = "/fstream/ws/btcusdt@trade"


async def ids(client: Client, ear: Ear, minutes: int = 2) -> list[int]:
    """Live so long and give the ids of the trades that were told."""
    await client.sim("POST", "advance", {"ms": minutes * MINUTE_MS})
    return [one["t"] for one in await ear.all_for(0.2)]


async def switch(client: Client, **faults: Any) -> None:
    assert "error" not in await client.sim("POST", "faults", faults)


async def test_a_frozen_feed_says_nothing_and_comes_back() -> None:
    async with exchange() as client, client.listen(TRADES) as ear:
        await switch(client, feed_frozen={"on": ["BTCUSDT"]})
        assert await ids(client, ear) == []
        assert (await client.call("GET", "/fapi/v1/time")).status == 200
        await switch(client, feed_frozen=None)
        assert await ids(client, ear) != []


async def test_dropped_doubled_and_shuffled_messages() -> None:
    async with exchange() as client, client.listen(TRADES) as ear:
        told = await ids(client, ear)
        assert told == list(range(told[0], told[-1] + 1))
        await switch(client, feed_dropped={"chance": 0.3})
        told = await ids(client, ear)
        assert len(told) < told[-1] - told[0] + 1
        await switch(client, feed_dropped=None, feed_twice={"chance": 0.3})
        told = await ids(client, ear)
        assert len(told) > len(set(told)) == told[-1] - told[0] + 1
        await switch(client, feed_twice=None, feed_shuffled={"chance": 0.3})
        told = await ids(client, ear)
        assert told != sorted(told)
        assert len(told) == len(set(told))


async def heard(ear: Ear) -> list[tuple[str, int]]:
    return [
        (one["o"]["x"], one["o"]["t"])
        for one in await ear.all_for(0.3)
        if one["e"] == "ORDER_TRADE_UPDATE"
    ]


@pytest.mark.parametrize(
    ("fault", "kinds"),
    [
        ("fill_missing", ["NEW", "NEW", "TRADE"]),
        ("fill_twice", ["NEW", "TRADE", "TRADE", "NEW", "TRADE"]),
        ("fill_shuffled", ["NEW", "NEW", "TRADE", "TRADE"]),
    ],
)
async def test_fills_are_told_wrongly_but_booked_rightly(
    fault: str, kinds: list[str]
) -> None:
    async with exchange() as client:
        key = (await client.call("POST", "/fapi/v1/listenKey")).body["listenKey"]
        async with client.listen(f"/fstream/ws/{key}") as ear:
            await switch(client, **{fault: {"count": 1}})
            for _ in range(2):
                await client.order("BUY", "MARKET", "0.01")
            told = await heard(ear)
        rows = await client.signed("GET", "/fapi/v1/userTrades", symbol="BTCUSDT")
    assert len(rows.body) == 2
    assert sorted(kind for kind, _ in told) == sorted(kinds)
    if fault == "fill_twice":
        assert told[1] == told[2]


async def test_a_fill_told_late_comes_after_the_account_that_it_changed() -> None:
    async with exchange() as client:
        key = (await client.call("POST", "/fapi/v1/listenKey")).body["listenKey"]
        async with client.listen(f"/fstream/ws/{key}") as ear:
            await switch(client, fill_shuffled={"count": 1})
            await client.order("BUY", "MARKET", "0.01")
            kinds = [one["e"] for one in await ear.all_for(0.3)]
    assert kinds == ["ORDER_TRADE_UPDATE", "ACCOUNT_UPDATE", "ORDER_TRADE_UPDATE"]


async def test_a_silent_socket_stays_open_and_a_new_one_speaks() -> None:
    async with exchange() as client, client.listen(TRADES) as ear:
        await switch(client, socket_silent={"count": 1})
        assert await ids(client, ear) == []
        assert not ear.socket.closed
        async with client.listen(TRADES) as other:
            assert await ids(client, other) != []


async def test_a_dropped_socket_ends_without_a_word() -> None:
    async with exchange() as client, client.listen(TRADES) as ear:
        await switch(client, socket_dropped={"count": 1})
        assert await ear.until_closed() == 1006


async def test_a_shutdown_is_announced_before_it_happens() -> None:
    async with exchange() as client, client.listen(TRADES) as ear:
        await switch(client, server_shutdown={"count": 1, "ms": 300})
        told = await ear.hear(lambda one: one["e"] == "serverShutdown")
        began = trio.current_time()
        assert told["E"] == client.exchange.now_ms()
        assert await ear.until_closed() == 1001
        assert trio.current_time() - began >= 0.2


async def test_a_listen_key_can_end_early() -> None:
    async with exchange() as client:
        key = (await client.call("POST", "/fapi/v1/listenKey")).body["listenKey"]
        async with client.listen(f"/fstream/ws/{key}") as ear:
            await switch(client, listen_key_expires={"count": 1})
            await client.sim("POST", "advance", {"ms": MINUTE_MS})
            assert (await ear.hear())["e"] == "listenKeyExpired"


async def test_a_socket_lives_no_longer_than_a_day() -> None:
    floor = Floor(symbols=1)
    hub = Hub(floor.exchange)
    line = Line(Venue.USDM, combined=False, opened_ms=floor.exchange.now_ms())
    hub.add(line)
    async with trio.open_nursery() as nursery:
        Mischief(floor.exchange, hub, nursery)
        floor.go(24 * 60 * MINUTE_MS)
        assert line.waiting_bytes == 0
        floor.go(2 * MINUTE_MS)
        assert b"24 hours" in await line.next_batch()
        assert await line.next_batch() == b""


async def test_a_reader_that_never_reads_is_cut_off() -> None:
    line = Line(Venue.SPOT, combined=False, opened_ms=0)
    for _ in range(WAITING_BYTES_MAX // 1_000_000):
        line.send(b"x" * 1_000_000)
    assert not line.cut
    line.send(b"x" * 1_000_000)
    assert line.cut
    assert await line.next_batch() == b""
