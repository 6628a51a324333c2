"""A ccxt exchange whose streams lead to a peer of the test."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import trio
from wsproto.events import CloseConnection, Ping, TextMessage

from actors.exchange.ccxtrio.classes import exchange_class
from actors.exchange.ccxtrio.client import SocketClient
from tests.wire.socket_peer import Peer, serving

SYMBOLS = ("BTC/USDT", "ETH/USDT", "SOL/USDT")
TRADE = {"e": "trade", "s": "BTCUSDT", "t": 1, "p": "30000.5", "q": "0.25"}
TRADE |= {"T": 1_790_000_000_000, "m": True}


def trade(number: int, symbol: str = "BTCUSDT") -> dict[str, Any]:
    return {**TRADE, "t": number, "s": symbol, "p": str(30_000 + number)}


def binance(address: str, **config: Any) -> Any:
    """Make a binance that dials `address` whatever it means to dial."""

    class Client(SocketClient):
        def dialled_url(self) -> str:
            return address

    class Binance(exchange_class("binance")):  # type: ignore[misc]
        def _make_client(self, url: str, options: Any) -> SocketClient:
            made = super()._make_client(url, options)
            made.__class__ = Client
            return made

    exchange = Binance({"enableRateLimit": False, **config})
    exchange.set_markets([market(exchange, symbol) for symbol in SYMBOLS])
    return exchange


def market(exchange: Any, symbol: str) -> dict[str, Any]:
    base, quote = symbol.split("/")
    names = {"base": base, "quote": quote, "baseId": base, "quoteId": quote}
    kind = {"type": "spot", "spot": True, "swap": False, "future": False}
    market_id = base + quote
    ids = {"id": market_id, "lowercaseId": market_id.lower(), "symbol": symbol}
    return exchange.safe_market_structure({**ids, **names, **kind, "active": True})


class Stream:
    """What a scripted peer heard, and a way to speak on its newest connection."""

    def __init__(self) -> None:
        self.peers: list[Peer] = []
        self.heard: list[Any] = []
        self.closed: list[int] = []

    async def say(self, message: Any) -> None:
        text = message if isinstance(message, str) else json.dumps(message)
        await self.peers[-1].send(TextMessage(text))

    async def until_heard(self, count: int) -> None:
        await until(lambda: len(self.heard) >= count)

    async def hang_up(self) -> None:
        await self.peers[-1].stream.aclose()

    async def script(self, peer: Peer) -> None:
        """Accept, write down texts, pong, and answer a goodbye."""
        await peer.accept()
        self.peers.append(peer)
        try:
            await self._hear(peer)
        except trio.ClosedResourceError:
            return  # the test hung up

    async def _hear(self, peer: Peer) -> None:
        while (event := await peer.next()) is not None:
            if isinstance(event, TextMessage):
                self.heard.append(json.loads(event.data))
            elif isinstance(event, Ping):
                await peer.send(event.response())
            elif isinstance(event, CloseConnection):
                self.closed.append(event.code)
                await peer.send(event.response())
                await peer.stream.aclose()
                return


Script = Callable[[Peer], Awaitable[None]]


@asynccontextmanager
async def streaming(
    script: Script | None = None, **config: Any
) -> AsyncIterator[tuple[Any, Stream]]:
    """Open a binance on a peer; close it at the end."""
    stream = Stream()
    async with serving(script or stream.script) as address:
        exchange = binance(address, **config)
        async with exchange:
            yield exchange, stream


async def until(condition: Callable[[], Any]) -> None:
    """Wait for what another task does; for a minute at most."""
    with trio.fail_after(60):
        while not condition():  # noqa: ASYNC110 - it is no event of ours
            await trio.sleep(0.005)


async def outcomes(
    nursery: trio.Nursery, calls: list[Callable[[], Awaitable[Any]]]
) -> list[Any]:
    """Start calls; the list fills with what each gives or raises, in their order."""
    found: list[Any] = [None] * len(calls)

    async def one(place: int) -> None:
        try:
            found[place] = await calls[place]()
        except Exception as error:  # noqa: BLE001 - it is what a test looks at
            found[place] = error

    for place in range(len(calls)):
        nursery.start_soon(one, place)
        await trio.lowlevel.checkpoint()
    return found
