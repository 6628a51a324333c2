"""A small Binance on a loopback port whose feed can be broken in every way.

Its world goes on whatever its wires do: trades with consecutive ids, books with
numbered updates, quotes, candles. `fault` decides what the wires make of it.
"""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import msgspec
import trio
from wsproto.events import TextMessage
from wsproto.utilities import LocalProtocolError

from actors.market.live.dialect import Ask
from tests.wire.socket_peer import Peer, answered

GONE = (trio.BrokenResourceError, trio.ClosedResourceError)
BEAT_SECONDS = 0.02
NOW_MS = 1_800_000_000_000
MINUTE_MS = 60_000

#: Makes of the messages of one beat those that are sent, in their order.
Fault = Callable[[list[dict[str, Any]]], list[dict[str, Any]]]


def whole(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return messages


class Wire:
    """One connection."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.topics: set[str] = set()


class Venue:
    def __init__(self, natives: list[str], seed: int = 1) -> None:
        self.natives = natives
        self.random = Random(seed)
        self.fault: Fault = whole
        self.answering = True  # also pongs and new connections
        self.wires: set[Wire] = set()
        self.dials = 0
        self.asks: list[Ask] = []
        self.trade_ids = dict.fromkeys(natives, 100)
        self.trades: dict[str, list[dict[str, Any]]] = {name: [] for name in natives}
        self.update_ids = dict.fromkeys(natives, 1_000)
        self.books = {
            name: ({100 - n: 1.0 for n in range(50)}, {101 + n: 1.0 for n in range(50)})
            for name in natives
        }
        self.began = trio.current_time()

    def now_ms(self) -> int:
        return NOW_MS + int((trio.current_time() - self.began) * 1000)

    # --- the world ------------------------------------------------------------------

    def beat(self) -> list[dict[str, Any]]:
        """Let everything happen once to every symbol."""
        messages = []
        for native in self.natives:
            messages += [self._trade(native), self._depth(native), self._quote(native)]
            messages.append(self._candle(native))
        return messages

    def _message(self, native: str, stream: str, **data: Any) -> dict[str, Any]:
        topic = f"{native.lower()}@{stream}"
        return {"stream": topic, "data": {"E": self.now_ms(), "s": native, **data}}

    def _trade(self, native: str) -> dict[str, Any]:
        number = self.trade_ids[native] = self.trade_ids[native] + 1
        found = self._message(
            native, "aggTrade", a=number, p="100.5", q="1.5", T=self.now_ms(), m=False
        )
        self.trades[native].append(found["data"])
        return found

    def _depth(self, native: str) -> dict[str, Any]:
        first = self.update_ids[native] + 1
        last = self.update_ids[native] = first + self.random.randint(0, 3)
        changes: list[list[list[str]]] = []
        for side, base, sign in zip(
            self.books[native], (100, 101), (-1, 1), strict=True
        ):
            price = base + sign * self.random.randint(0, 49)
            size = float(self.random.randint(1, 9))
            side[price] = size
            changes.append([[f"{price}.00", f"{size}"]])
        return self._message(
            native, "depth@100ms", U=first, u=last, b=changes[0], a=changes[1]
        )

    def _quote(self, native: str) -> dict[str, Any]:
        number = self.update_ids[native]
        quote = {"b": "100.00", "B": "1", "a": "101.00", "A": "2", "T": self.now_ms()}
        return self._message(native, "bookTicker", u=number, **quote)

    def _candle(self, native: str) -> dict[str, Any]:
        open_ts = self.now_ms() // MINUTE_MS * MINUTE_MS
        k = {"t": open_ts, "o": "1", "h": "2", "l": "1", "c": "2", "v": "9", "n": 3}
        return self._message(native, "kline_1m", k={**k, "x": False})

    # --- its wires ------------------------------------------------------------------

    async def serve(self, stream: trio.SocketStream) -> None:
        self.dials += 1
        wire = Wire(Peer(stream))
        if not self.answering:
            await stream.aclose()
            return
        if await wire.peer.accept() is None:
            return
        self.wires.add(wire)
        try:
            while (request := await self._heard(wire)) is not None:
                if request["method"] == "SUBSCRIBE":
                    wire.topics |= set(request["params"])
                else:
                    wire.topics -= set(request["params"])
        except GONE:
            pass
        finally:
            self.wires.discard(wire)
            await trio.aclose_forcefully(stream)

    async def _heard(self, wire: Wire) -> dict[str, Any] | None:
        while not self.answering:  # noqa: ASYNC110 - a test sets it, now and then
            await trio.sleep(0.01)
        return await answered(wire.peer)

    async def live(self) -> None:
        while True:
            await trio.sleep(BEAT_SECONDS)
            messages = self.fault(self.beat())
            for wire in list(self.wires):
                mine = [m for m in messages if m["stream"] in wire.topics]
                await self.send(wire, mine)

    async def send(self, wire: Wire, messages: list[dict[str, Any]]) -> None:
        with trio.move_on_after(1):
            for message in messages:
                try:
                    await wire.peer.send(TextMessage(json.dumps(message)))
                except (*GONE, LocalProtocolError):  # it has said goodbye
                    return

    async def announce_shutdown(self) -> None:
        for wire in list(self.wires):
            event = {"e": "serverShutdown", "E": self.now_ms()}
            await wire.peer.send(TextMessage(json.dumps(event)))

    async def cut(self) -> None:
        """Hang up on everybody, without a word."""
        for wire in list(self.wires):
            await trio.aclose_forcefully(wire.peer.stream)

    # --- its REST -------------------------------------------------------------------

    async def fetch(self, ask: Ask) -> bytes:
        await trio.sleep(0.005)
        self.asks.append(ask)
        native = ask.query["symbol"]
        if ask.path.endswith("/depth"):
            bids, asks = self.books[native]
            rows = [
                [[f"{price}", f"{side[price]}"] for price in sorted(side, reverse=best)]
                for side, best in ((bids, True), (asks, False))
            ]
            number = self.update_ids[native]
            return msgspec.json.encode(
                {"lastUpdateId": number, "bids": rows[0], "asks": rows[1]}
            )
        first = int(ask.query["fromId"])
        rows = [one for one in self.trades[native] if one["a"] >= first]
        return msgspec.json.encode(rows[:1000])


@asynccontextmanager
async def venue_at(natives: list[str]) -> AsyncIterator[tuple[Venue, str]]:
    venue = Venue(natives)
    async with trio.open_nursery() as nursery:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        port = listeners[0].socket.getsockname()[1]
        nursery.start_soon(trio.serve_listeners, venue.serve, listeners)
        nursery.start_soon(venue.live)
        yield venue, f"ws://127.0.0.1:{port}"
        nursery.cancel_scope.cancel()
