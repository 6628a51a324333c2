"""A ban through ccxt is a ban: kept on the disk, and nothing is sent before its end."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio
from rich.console import Console
from trio.testing import MockClock

from actors.domain.errors import ExchangeError, Unsent
from actors.exchange.ccxtrio import exchange_class
from actors.exchange.ccxtrio.carrier import Answer
from actors.exchange.ccxtrio.public import CLOCK_SETTINGS, SETTINGS
from actors.exchange.gate import Bans, beside_ccxt
from actors.exchange.gate.bans import Ban
from actors.loopback.floor.pit import Venue
from actors.loopback.settings import Limits
from actors.runtime.clock import WallClock
from config.settings import MarketGroup, Settings, StreamGroup
from control.shell.opened import opened_market
from control.shell.ways import way_to
from tests.gates import Gated
from tests.loopback.client import Client, exchange
from tests.loopback.test_download import Run

NAME = "binanceusdm"
LIMITS = Limits(futures_weight_per_minute=200)


def settings(client: Client) -> Settings:
    at = StreamGroup(rest_url=f"http://127.0.0.1:{client.port}")
    return Settings(market=MarketGroup(spec=f"exchange:ccxt-{NAME}"), streams=at)


async def banned(client: Client) -> int:
    """Let somebody else on our address earn a ban; how many refusals there were."""
    while (await client.call("GET", "/fapi/v1/time")).status != 418:
        pass
    return refusals(client)


def refusals(client: Client) -> int:
    return client.exchange.limiters[Venue.USDM].earned[418]


def kept(path: Path) -> dict[str, Ban]:
    return msgspec.json.decode(path.read_bytes(), type=dict[str, Ban])


async def test_a_run_that_is_banned_asks_once_and_not_again_after_a_restart(
    tmp_path: Path,
) -> None:
    async with exchange(limits=LIMITS) as client:
        before = await banned(client)
        for _ in range(2):
            with pytest.raises(ExchangeError, match=f"ccxt-{NAME} does not tell"):
                async with opened_market(
                    settings(client), 1, tmp_path, Console(quiet=True)
                ):
                    pytest.fail("it was opened")
            assert refusals(client) == before + 1
        assert kept(tmp_path / "bans.json")["binance"].reason == "banned (HTTP 418)"


async def test_a_question_that_is_asked_again_and_again_ends_with_the_ban() -> None:
    async with exchange(limits=LIMITS) as client:
        bans = Bans(None, WallClock())
        async with way_to(settings(client), bans) as asked:
            way, (gate,) = asked.way, asked.gates
            listed = way.dialect.rest.ask_listed()[0]
            (symbol, *_) = await way.patient(listed, way.dialect.rest.read_listed)
            before = await banned(client)
            candles = way.dialect.rest.ask_candles(symbol.native, 0, 60_000 - 1, 1)
            # Its own patience is a minute and a half.
            with trio.fail_after(60), pytest.raises(Unsent, match=f"{NAME} is not"):
                await way.patient(candles, way.dialect.rest.read_candles)
            with pytest.raises(Unsent):
                await asked.clock(way.dialect.rest.ask_time())
            assert refusals(client) == before + 1
            assert gate.view().faults["banned"] == 1
            assert bans.left_seconds(NAME) > 60


@pytest.mark.parametrize(
    "asked", [{"exchange": f"ccxt-{NAME}"}, {"timeframe": "1h"}], ids=["ccxt", "hours"]
)
async def test_a_download_through_ccxt_keeps_its_ban_for_the_next_one(
    asked: dict[str, str], tmp_path: Path
) -> None:
    async with exchange(limits=LIMITS) as client:
        before = await banned(client)
        run = Run(client, tmp_path / "bars.parquet", 100, **asked)
        with pytest.raises(ExchangeError, match="418"):
            await run.here()
        hot = Run(client, tmp_path / "hot.parquet", 100)
        for again in (run, hot):
            with pytest.raises(Unsent, match=f"{NAME} is not asked for another"):
                await again.here()
        assert refusals(client) == before + 1
        assert "binance" in kept(tmp_path / "bans.json")


async def test_ccxt_keeps_to_its_rate_and_is_refused_without_waiting_for_it(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kraken lets one request a second through; its clock waits for none."""
    gated, answers, sent = Gated(beside_ccxt("kraken")), [200] * 9 + [429], []

    async def carry(*_: Any) -> Answer:
        sent.append(trio.current_time())
        status, text = answers[len(sent) - 1], '{"error":[],"result":{"unixtime":1}}'
        return Answer(status, "", {"Retry-After": "60"}, text.encode(), text)

    limited = exchange_class("kraken")({**SETTINGS, "gate": gated.gate})
    clock = exchange_class("kraken")({**CLOCK_SETTINGS, "gate": gated.gate})
    for each in (limited, clock):
        monkeypatch.setattr(each._carrier, "carry", carry)
    for _ in range(4):
        await limited.fetch_time()
    took = sent[-1] - sent[0]
    assert took == pytest.approx(3 * limited.rateLimit / 1000)
    began = trio.current_time()
    for _ in range(5):
        await clock.fetch_time()
    assert trio.current_time() == began

    async def late() -> None:
        with pytest.raises(Unsent):  # it waited for its turn when the ban began
            await limited.fetch_time()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(late)
        await trio.sleep(0.1)
        with pytest.raises(Exception, match="429"):
            await clock.fetch_time()
    began = trio.current_time()
    for each in (limited, clock):
        with pytest.raises(Unsent, match="kraken is not asked for another"):
            await each.fetch_time()
    assert trio.current_time() == began
    assert len(sent) == len(answers)
