"""A ban is the address's, whoever earns it: a WebSocket's dial or a question by REST.

It is one record, on the disk: each of them heeds what the other has earned, a restart
heeds both, and so does another way to the same exchange.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from rich.console import Console

from actors.domain.errors import ExchangeError
from config.settings import MarketGroup, Settings, StreamGroup
from control.shell.opened import Opened, opened_market
from tests.loopback.client import PATIENCE_SECONDS, Client, exchange
from tests.wire.socket_peer import Peer, serving

WAYS = ["binanceusdm", "ccxt-binanceusdm", "ccxt-binance-swap"]


class Refusing:
    """A stream that lets nobody in, and counts who came."""

    def __init__(self) -> None:
        self.dials = 0

    async def __call__(self, peer: Peer) -> None:
        await peer.next()
        self.dials += 1
        await peer.raw(b"HTTP/1.1 418 No\r\nRetry-After: 90\r\n\r\n")
        await peer.stream.aclose()


@asynccontextmanager
async def opened(
    way: str, client: Client, stream: str, place: Path
) -> AsyncIterator[Opened]:
    at = StreamGroup(
        rest_url=f"http://127.0.0.1:{client.port}",
        stream_url=stream.removesuffix("/stream?x=1"),
    )
    market = MarketGroup(spec=f"exchange:{way}", warmup_hours=0.25)
    settings = Settings(market=market, streams=at)
    async with opened_market(settings, 1, place, Console(quiet=True)) as there:
        yield there


async def until_banned(place: Path) -> None:
    with trio.fail_after(PATIENCE_SECONDS):
        while not (place / "bans.json").exists():  # noqa: ASYNC110 - a short look
            await trio.sleep(0.02)


@pytest.mark.parametrize("way", WAYS)
async def test_what_a_dial_has_earned_is_kept_and_heeded_by_rest(
    way: str, tmp_path: Path
) -> None:
    refusing = Refusing()
    async with exchange() as client, serving(refusing) as stream:
        async with opened(way, client, stream, tmp_path) as first:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(first.market.run)
                await until_banned(tmp_path)
                await trio.sleep(1.0)
                nursery.cancel_scope.cancel()
            dials, (budget,) = refusing.dials, first.budgets()
            assert budget.banned_until_ms is not None
            assert budget.ban_reason == "banned (HTTP 418 to a WebSocket)"
            assert budget.faults["banned"] >= 1
        for other in WAYS:
            with pytest.raises(ExchangeError, match="is not asked for another"):
                async with opened(other, client, stream, tmp_path):
                    pytest.fail("it was opened")
        assert refusing.dials == dials
        assert dials <= 3  # those under way when the first was refused


@pytest.mark.parametrize("way", WAYS)
async def test_what_a_question_has_earned_is_heeded_by_dials(
    way: str, tmp_path: Path
) -> None:
    refusing = Refusing()
    async with (
        exchange() as client,
        serving(refusing) as stream,
        opened(way, client, stream, tmp_path) as there,
    ):
        async with there.gates[0].request() as ticket:
            ticket.told(418, {"retry-after": "90"})
        async with trio.open_nursery() as nursery:
            nursery.start_soon(there.market.run)
            await trio.sleep(1.0)
            nursery.cancel_scope.cancel()
    assert refusing.dials == 0
