"""A process that speaks Binance's combined stream: answers requests, floods or paces.

`python -m tests.bench.hot_sender MODE SYMBOLS MESSAGES PER_SECOND` prints its port,
answers each SUBSCRIBE, and once all topics are subscribed, on however many connections,
sends to each what it asked for. Every trade has an id of its own, every update of a
book follows the last. In the mode `bare` it sends the same bytes to whoever dials.
"""

import json
import sys
import time
from collections.abc import Awaitable, Callable
from functools import partial

import trio

from tests.wire.socket_peer import Peer, answered

CHUNK_BYTES = 256 * 1024


def server_frame(text: bytes) -> bytes:
    size = len(text)
    if size < 126:
        return bytes((0x81, size)) + text
    return b"\x81\x7e" + size.to_bytes(2, "big") + text


def message(kind: str, symbol: str, number: int) -> bytes:
    low = symbol.lower()
    now = 1_700_000_000_000 + number
    if kind == "trades":
        text = (
            f'{{"stream":"{low}@aggTrade","data":{{"e":"aggTrade","E":{now},'
            f'"s":"{symbol}","a":{number},"p":"0.{35280000 + number % 999}",'
            f'"q":"58.00000000","f":{number},"l":{number},"T":{now},"m":false,"M":true}}}}'
        )
    elif kind == "quotes":
        text = (
            f'{{"stream":"{low}@bookTicker","data":{{"e":"bookTicker","u":{number},'
            f'"s":"{symbol}","b":"0.35210000","B":"672.00000000","a":"0.35260000",'
            f'"A":"3199.00000000","T":{now},"E":{now}}}}}'
        )
    elif kind == "candles":
        text = (
            f'{{"stream":"{low}@kline_1m","data":{{"e":"kline","E":{now},"s":"{symbol}",'
            f'"k":{{"t":1633998480000,"T":1633998539999,"s":"{symbol}","i":"1m",'
            f'"f":1,"L":2,"o":"0.3527","c":"0.3528","h":"0.3528","l":"0.3522",'
            f'"v":"25877.0","n":30,"x":false,"q":"9116.046","V":"58.0","Q":"20.4624",'
            f'"B":"0"}}}}}}'
        )
    else:
        levels = ",".join(
            f'["0.35{20 - (number + n) % 19:02d}0000","{number % 7}.5"]'
            for n in range(6)
        )
        asks = levels.replace("0.35", "0.36")
        text = (
            f'{{"stream":"{low}@depth@100ms","data":{{"e":"depthUpdate","E":{now},'
            f'"T":{now},"s":"{symbol}","U":{number},"u":{number},"pu":{number - 1},'
            f'"b":[{levels}],"a":[{asks}]}}}}'
        )
    return text.encode()


KINDS = {
    "trades": ("trades",),
    "quotes": ("quotes",),
    "depth": ("depth",),
    #: What a busy minute of a few hundred symbols looks like.
    "mixed": ("quotes",) * 9 + ("trades",) * 7 + ("depth",) * 3 + ("candles",),
}


def prepared(mode: str, symbols: int, count: int) -> list[tuple[str, bytes]]:
    """Topics and frames in rounds over the symbols; numbers grow for each and kind."""
    frames, kinds = [], KINDS[mode]
    numbers: dict[tuple[str, int], int] = {}
    for at in range(count):
        symbol, kind = at % symbols, kinds[(at // symbols) % len(kinds)]
        number = numbers[kind, symbol] = numbers.get((kind, symbol), 1000) + 1
        text = message(kind, f"S{symbol:03d}USDT", number)
        frames.append((text[11 : text.index(b'"', 11)].decode(), server_frame(text)))
    return frames


async def flood(peer: Peer, frames: list[bytes]) -> None:
    for at in range(0, len(frames), 1000):
        await peer.raw(b"".join(frames[at : at + 1000]))


async def paced(peer: Peer, frames: list[bytes], per_second: float) -> None:
    """One frame at a time, each at its moment."""
    began = time.perf_counter()
    for at, frame in enumerate(frames):
        wait = began + at / per_second - time.perf_counter()
        if wait > 0:
            await trio.sleep(wait)
        await peer.raw(frame)


class Venue:
    """What all connections of one run share."""

    def __init__(self, mode: str, symbols: int, count: int, per_second: float) -> None:
        self.frames = prepared(mode, symbols, count)
        self.per_second = per_second
        self.unsubscribed = {topic for topic, _ in self.frames}
        self.complete = trio.Event()

    async def serve(self, stream: trio.SocketStream) -> None:
        peer, mine = Peer(stream), set()
        await peer.accept()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._send, peer, mine)
            while (request := await answered(peer)) is not None:
                mine |= set(request["params"])
                self.unsubscribed -= mine
                if not self.unsubscribed:
                    self.complete.set()
            nursery.cancel_scope.cancel()

    async def _send(self, peer: Peer, mine: set[str]) -> None:
        await self.complete.wait()
        frames = [frame for topic, frame in self.frames if topic in mine]
        if self.per_second:
            share = self.per_second * len(frames) / len(self.frames)
            await paced(peer, frames, share)
        else:
            await flood(peer, frames)


async def bare(stream: trio.SocketStream, count: int, per_second: float) -> None:
    """No WebSocket: the same message to whoever dials, each at its moment."""
    await paced(Peer(stream), [message("trades", "S000USDT", 1)] * count, per_second)


async def main() -> None:
    mode, symbols, count, per_second = sys.argv[1:5]
    pace = int(count), float(per_second)
    handler: Callable[[trio.SocketStream], Awaitable[None]] = (
        partial(bare, count=pace[0], per_second=pace[1])
        if mode == "bare"
        else Venue(mode, int(symbols), *pace).serve
    )
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    print(json.dumps({"port": listeners[0].socket.getsockname()[1]}), flush=True)
    await trio.serve_listeners(handler, listeners)


if __name__ == "__main__":
    trio.run(main)
