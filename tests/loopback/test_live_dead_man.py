"""When the client is gone, the exchange cancels what rests, and no stop."""

from typing import Any

import pytest
import trio

from actors.domain.errors import ExchangeError
from actors.domain.orders import OrderKind, Placed, Side
from actors.exchange.ccxtrio.carrier import FAILURES, Undelivered
from actors.exchange.live import dead_man, open_live_account
from actors.loopback.floor.pit import Venue
from tests.loopback.accounts import SYMBOL, Trader, plan_for, trading
from tests.loopback.client import PATIENCE_SECONDS, Client, exchange

SECONDS = 30
FAR = 20_000  # ticks: the market does not come there


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dead_man, "LOOK_SECONDS", 0.02)


def switches(client: Client) -> list[str]:
    """Give the symbols whose switch runs."""
    acts: Any = client.exchange.minutely[0].__self__  # type: ignore[attr-defined]
    return [pit.id for pit in acts.countdowns._ends_ms]


async def until_armed(client: Client, armed: list[str]) -> None:
    with trio.fail_after(PATIENCE_SECONDS):
        while switches(client) != armed:  # noqa: ASYNC110 - nothing tells of it
            await trio.sleep(0.01)


async def rest(trader: Trader) -> None:
    limit = trader.price(Side.LONG, -FAR)
    request = trader.request("bx0-limit", kind=OrderKind.LIMIT, limit_price=limit)
    assert isinstance(await trader.account.place(request), Placed)


async def resting(client: Client) -> tuple[int, int]:
    """Count orders and stops at the exchange."""
    orders = await client.signed("GET", "/fapi/v1/openOrders")
    stops = await client.signed("GET", "/fapi/v1/openAlgoOrders")
    return len(orders.body), len(stops.body)


async def test_a_killed_client_s_limit_is_cancelled_and_its_stop_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with exchange() as client:
        async with trading(client, dead_man_seconds=SECONDS) as trader:
            await trader.account.place(trader.request("bx0-entry"))
            await trader.ended("bx0-entry")
            assert isinstance(
                await trader.account.place(trader.stop("bx0-s", -FAR)), Placed
            )
            await trio.sleep(0.1)
            assert switches(client) == []  # there is nothing that it would cancel
            await rest(trader)
            await until_armed(client, ["BTCUSDT"])

            async def nothing(*_how: Any) -> None:
                raise Undelivered(FAILURES[0][1])

            # The exchange hears no more of it, as of one that is dead.
            trader.account._venue.wire.exchange._carrier.carry = nothing
            monkeypatch.setattr(dead_man, "END_SECONDS", 0.05)
        assert await resting(client) == (1, 1)
        await client.sim("POST", "advance", {"ms": SECONDS * 1_000 - 1_000})
        assert await resting(client) == (1, 1)
        await client.sim("POST", "advance", {"ms": 2_000})
        assert await resting(client) == (0, 1)
        truth = await client.sim("GET", "truth")
        assert truth["countdownsFired"] == 1


async def test_it_is_renewed_every_third_of_its_time() -> None:
    async with (
        exchange() as client,
        trading(client, dead_man_seconds=SECONDS) as trader,
    ):
        switch = trader.account._dead_man
        assert switch is not None
        switch._seconds = 0.6  # type: ignore[assignment] - of our clock
        told: list[int] = []
        arm = switch._arm

        async def listening(symbol: str, ms: int) -> None:
            told.append(int(ms))
            await arm(symbol, SECONDS * 1_000 if ms else 0)

        switch._arm = listening
        await rest(trader)
        await until_armed(client, ["BTCUSDT"])
        for _ in range(4):
            await client.sim("POST", "advance", {"ms": SECONDS * 1_000 - 10_000})
            await trio.sleep(0.5)
        assert await resting(client) == (1, 0)
        assert len(told) >= 5


async def test_it_is_disarmed_when_nothing_rests_and_at_an_orderly_end() -> None:
    async with exchange() as client:
        async with trading(client, dead_man_seconds=SECONDS) as trader:
            await rest(trader)
            await until_armed(client, ["BTCUSDT"])
            assert isinstance(await trader.account.cancel(SYMBOL, "bx0-limit"), Placed)
            await until_armed(client, [])
            limit = trader.price(Side.LONG, -FAR)
            again = {"kind": OrderKind.LIMIT, "limit_price": limit}
            await trader.account.place(trader.request("bx1-limit", **again))
            await until_armed(client, ["BTCUSDT"])
        assert switches(client) == []
        await client.sim("POST", "advance", {"ms": 2 * SECONDS * 1_000})
        assert await resting(client) == (1, 0)


@pytest.mark.parametrize(
    ("venue", "seconds", "why"),
    [
        (Venue.SPOT, SECONDS, "would cancel stops"),
        (Venue.USDM, 29, "30 are the least"),
    ],
)
async def test_a_switch_that_does_not_fit_is_refused(
    venue: Venue, seconds: int, why: str
) -> None:
    async with exchange() as client:
        plan = plan_for(client, venue, dead_man_seconds=seconds)
        with pytest.raises(ExchangeError, match=why):
            async with open_live_account(plan):
                pytest.fail("it was opened")
