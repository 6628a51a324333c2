"""How fast the market goes, and that its clock never tells of what has not happened."""

import pytest
import trio

from actors.loopback.clock import MarketTime, Pace
from actors.loopback.exchange import pace_of
from tests.loopback.client import exchange

MINUTE_MS = 60_000


async def test_at_a_speed_the_market_keeps_that_speed_with_the_machine() -> None:
    async with exchange(speed="600") as client:
        before_ms, began = client.exchange.now_ms(), trio.current_time()
        await trio.sleep(1)
        after_ms, spent = client.exchange.now_ms(), trio.current_time() - began
        assert after_ms - before_ms == pytest.approx(spent * 600_000, rel=0.02)
        rows = client.pit.tape.rows(before_ms, after_ms)
        assert len(rows) >= 8  # the minutes were really lived
        assert client.exchange.next_ms is not None
        assert client.exchange.next_ms > after_ms - 120_000


async def test_at_most_speed_whoever_listens_hears_everything() -> None:
    async with exchange(speed="max") as client:
        async with client.listen("/fstream/ws/btcusdt@trade") as ear:
            heard = [one["t"] for one in await ear.all_for(1)]
        assert heard == list(range(heard[0], heard[0] + len(heard)))
        lived_ms = client.exchange.now_ms() - client.exchange.begun_ms
        assert lived_ms > 10 * MINUTE_MS


async def test_by_hand_the_market_stands_still_and_is_moved_exactly() -> None:
    async with exchange() as client:
        before_ms = client.exchange.now_ms()
        await trio.sleep(0.2)
        assert client.exchange.now_ms() == before_ms
        told = await client.sim("POST", "advance", {"ms": 90_000})
        assert told["nowMs"] == before_ms + 90_000
    async with exchange(speed="1") as client:
        told = await client.sim("POST", "advance", {"ms": 90_000})
        assert "by itself" in told["error"]


async def test_an_exchange_that_starts_now_tells_the_machines_time() -> None:
    async with exchange(speed="1") as client:
        told = (await client.call("GET", "/api/v3/time")).body["serverTime"]
        assert abs(told - client.wall_ms()) < 60_000
    async with exchange(speed="1", start="market") as client:
        told = (await client.call("GET", "/api/v3/time")).body["serverTime"]
        assert told < 1_740_000_000_000  # the demo's own January 2025


def test_a_clock_that_slips_goes_on_from_where_the_market_is() -> None:
    clock = MarketTime(Pace.STEADY, 1_000.0, 0)
    clock.slip(5)
    assert clock.slips == 1
    assert 5 <= clock.now_ms() < 1_000


@pytest.mark.parametrize("speed", ["0", "-1", "nan", "1e9", "fast", ""])
def test_a_speed_that_is_none_is_refused(speed: str) -> None:
    with pytest.raises(ValueError, match=r"speed|convert"):
        pace_of(speed)
