"""The gate before a real exchange over real sockets: patience is never used up."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio

from actors.domain.errors import ExchangeError, Unsent
from actors.exchange.ccxtrio import Family, exchange_class
from actors.exchange.gate import Bans, Gate, Lane, in_lane, terms_of
from actors.loopback.floor.pit import Venue
from actors.loopback.limits import Limiter
from actors.loopback.settings import KEYS, Limits
from actors.market.live.exchanges import DIALECTS
from actors.market.live.rest import PublicRest, public_rest
from actors.runtime.clock import WallClock
from tests.loopback.client import Client, exchange

USDM = DIALECTS["binanceusdm"]
WEIGHT = 200
TIME, BOOK = USDM.rest.ask_time(), USDM.rest.ask_depth("BTCUSDT")
#: A minute of the exchange is a second here.
FAST = {"speed": "60", "limits": Limits(futures_weight_per_minute=WEIGHT)}


class Desk:
    """What an engine asks the exchange through: ccxt and the hot REST, one gate."""

    def __init__(self, gate: Gate, rest: PublicRest, ccxt: Any) -> None:
        self.gate, self.rest, self.ccxt = gate, rest, ccxt

    async def bought(self, number: int) -> Any:
        """Buy in the lane of entries; the account's other requests wait behind."""
        with in_lane(Lane.ENTRY):
            given = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET"}
            given |= {"quantity": "0.001", "newClientOrderId": f"n{number}"}
            return await self.ccxt.fapiprivate_post_order(given)


@asynccontextmanager
async def desk(
    client: Client, path: Path | None = None, window_seconds: float = 1.0
) -> AsyncIterator[Desk]:
    terms = msgspec.structs.replace(
        terms_of("binanceusdm"),
        weight=client.exchange.settings.limits.futures_weight_per_minute,
        window_seconds=window_seconds,
        orders=0,
    )
    gate = Gate(terms, Bans(path, WallClock()), WallClock(), lambda _alert: None)
    host = f"http://127.0.0.1:{client.port}"
    keys = {"apiKey": KEYS[0].key, "secret": KEYS[0].secret}
    ccxt = exchange_class("binanceusdm", Family.REST)({**keys, "gate": gate})
    for name, url in list(ccxt.urls["api"].items()):
        if isinstance(url, str):
            ccxt.urls["api"][name] = f"{host}/{url.split('/', 3)[3]}"
    shift = client.exchange.now_ms() - WallClock().now_ms()
    ccxt.options["timeDifference"] = -shift
    try:
        async with public_rest(USDM, gate, host) as rest:
            yield Desk(gate, rest, ccxt)
    finally:
        await ccxt.close()


def limiter_of(client: Client) -> Limiter:
    return client.exchange.limiters[Venue.USDM]


async def test_hammering_earns_no_refusal() -> None:
    assert BOOK is not None
    async with exchange(**FAST) as client, desk(client) as one:
        async with trio.open_nursery() as nursery:
            for _ in range(40):
                nursery.start_soon(one.rest, TIME)
                nursery.start_soon(one.rest, BOOK)
                nursery.start_soon(one.ccxt.fapipublic_get_time)
        limiter, seen = limiter_of(client), one.gate.view()
        assert limiter.earned == {}
        assert limiter.weight_most <= WEIGHT
        assert (seen.requests, seen.refused) == (120, 0)
        assert limiter.weight_most >= WEIGHT / 2  # and the budget is used


async def test_beside_another_client_no_refusal_is_earned() -> None:
    """The other takes a third of every minute and knows nothing of us."""
    assert BOOK is not None
    theirs = 0
    async with exchange(**FAST) as client, desk(client) as one:

        async def eat() -> None:
            nonlocal theirs
            while True:
                book = {"symbol": "BTCUSDT", "limit": 500}
                answer = await client.call("GET", "/fapi/v1/depth", **book)
                theirs += answer.status == 429
                await trio.sleep(0.13)

        async with trio.open_nursery() as eating:
            eating.start_soon(eat)
            async with trio.open_nursery() as nursery:
                for _ in range(30):
                    nursery.start_soon(one.rest, BOOK)
                    nursery.start_soon(one.ccxt.fapipublic_get_time)
            eating.cancel_scope.cancel()
        limiter = limiter_of(client)
        assert one.gate.view().refused == 0
        # A minute is a second here: after a stall of ours it may be the other's turn.
        assert limiter.earned[429] == theirs <= 1
        assert WEIGHT / 2 <= limiter.weight_most <= WEIGHT


async def test_a_ban_stops_everything_and_survives_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "bans.json"
    limits = Limits(futures_weight_per_minute=20)
    async with exchange(limits=limits) as client:
        for _ in range(40):  # somebody else on our address
            told = await client.call("GET", "/fapi/v1/time")
        assert (told.status, told.headers["retry-after"]) == (418, "120")
        banned = limiter_of(client).earned[418]
        async with desk(client, path) as one:
            with pytest.raises(ExchangeError, match="answered 418"):
                await one.rest(TIME)
            await refused_everywhere(one)
        async with desk(client, path) as again:
            await refused_everywhere(again)
            assert again.gate.view().requests == 0
            assert again.gate.view().banned_until_ms is not None
        assert limiter_of(client).earned[418] == banned + 1


async def refused_everywhere(one: Desk) -> None:
    for lane in Lane:
        with trio.fail_after(60), in_lane(lane), pytest.raises(Unsent):
            await one.rest(TIME)
    with trio.fail_after(60), pytest.raises(Unsent, match=r"banned \(HTTP 418\)"):
        await one.bought(1)


async def test_a_storm_is_waited_out_by_what_protects_money() -> None:
    async with exchange() as client, desk(client) as one:
        await client.sim("POST", "faults", {"rate_storm": {"count": 1}})
        with pytest.raises(ExchangeError, match="answered 429"):
            await one.rest(TIME)
        began = trio.current_time()
        with pytest.raises(Unsent, match="rate limit"):
            await one.rest(TIME)
        assert trio.current_time() - began < 1.5
        with in_lane(Lane.PROTECT):
            await one.rest(TIME)
        assert trio.current_time() - began > 1.5


async def test_an_exchange_that_is_down_is_left_alone_until_it_answers() -> None:
    async with exchange(speed="1") as client, desk(client) as one:
        await client.sim("POST", "faults", {"maintenance": {}})
        for _ in range(5):
            with pytest.raises(ExchangeError, match="answered 503"):
                await one.rest(TIME)
        with pytest.raises(Unsent, match="breaker open"):
            await one.bought(1)
        truth = (await client.sim("GET", "truth"))["usdm"]
        assert truth["intents"] == {}  # provably not sent
        await client.sim("POST", "faults", {"maintenance": None})
        await trio.sleep(one.gate.view().breaker_left_seconds + 0.05)
        await one.rest(TIME)
        assert one.gate.view().breaker == "closed"
        assert (await one.bought(2))["clientOrderId"] == "n2"


async def test_ccxt_and_the_hot_rest_count_into_one_budget() -> None:
    assert BOOK is not None
    async with exchange() as client, desk(client, window_seconds=60.0) as one:
        await one.rest(BOOK)
        await one.ccxt.fapipublic_get_depth({"symbol": "BTCUSDT", "limit": 500})
        await one.bought(1)
        used = one.gate.view().weight_used
        assert used >= limiter_of(client).weight_most == 21
        with pytest.raises(Exception, match="-1121"):
            await one.ccxt.fapipublic_get_depth({"symbol": "NONE"})
        seen = one.gate.view()
        assert (seen.requests, seen.breaker, seen.failures) == (4, "closed", {})
        assert seen.faults["bad request"] == 1
