"""Times the ccxt adapter's streams end to end over a socket, and prints JSON.

`python -m tests.bench.ccxt_stream [binance]`: a peer in a process of its own sends
trades of four symbols as fast as they are taken; what is counted is the CPU time of the
side that receives, parses with ccxt and hands out. Once through watches in a loop, once
through taps, which see every message.
"""

import json
import subprocess
import sys
import time
from typing import Any

import trio

from tests.wire.ccxt_world import SYMBOLS, binance

MESSAGES = 60_000
SYMBOL_IDS = ("BTCUSDT", "ETHUSDT", "SOLUSDT")


def main() -> None:
    """Measure both ways."""
    figures: dict[str, Any] = {"messages": MESSAGES}
    for way in ("watch", "tap"):
        with subprocess.Popen(
            [sys.executable, "-m", "tests.bench.ccxt_stream", "peer"],
            stdout=subprocess.PIPE,
            text=True,
        ) as peer:
            assert peer.stdout is not None
            port = int(peer.stdout.readline())
            figures |= trio.run(measure, way, f"ws://127.0.0.1:{port}/stream")
            peer.kill()
    print(json.dumps(figures))


class Counting:
    """Counts what the exchange has handled."""

    def __init__(self, handle: Any) -> None:
        self.count = 0
        self.taken = 0
        self.over = trio.Event()
        self._handle = handle

    def message(self, client: Any, message: Any) -> None:
        """Handle one message."""
        self._handle(client, message)
        self.count += 1
        if self.count >= MESSAGES:
            self.over.set()

    def tap(self, _: Any) -> None:
        """Take one value."""
        self.taken += 1


async def measure(way: str, address: str) -> dict[str, float]:
    """Receive all messages in one way; give messages a CPU second."""
    async with binance(address) as exchange, trio.open_nursery() as nursery:
        counting = Counting(exchange.handle_message)
        exchange.handle_message = counting.message

        async def watching() -> None:
            while True:
                trades = await exchange.watch_trades_for_symbols([*SYMBOLS])
                counting.taken += len(trades)

        await exchange.watch_trades_for_symbols([*SYMBOLS])
        if way == "watch":
            nursery.start_soon(watching)
        for url in list(exchange.clients) if way == "tap" else ():
            for symbol in SYMBOLS:
                exchange.tap(url, f"trade::{symbol}", counting.tap)
        start, started = counting.count, time.process_time()
        with trio.fail_after(60):
            await counting.over.wait()
        seconds = time.process_time() - started
        nursery.cancel_scope.cancel()
    return {
        f"{way}_messages_per_cpu_second": round((counting.count - start) / seconds),
        f"{way}_microseconds": round(seconds / (counting.count - start) * 1e6, 1),
        f"{way}_values_seen": counting.taken,
    }


async def peer() -> None:
    """Send trades to whoever subscribes, as fast as they are taken."""
    from wsproto.events import TextMessage  # noqa: PLC0415

    from tests.wire.ccxt_world import trade  # noqa: PLC0415
    from tests.wire.socket_peer import Peer, serving  # noqa: PLC0415

    async def script(client: Peer) -> None:
        await client.accept()
        await client.next()
        frames = []
        for number in range(MESSAGES + 10):
            text = json.dumps(trade(number, SYMBOL_IDS[number % len(SYMBOL_IDS)]))
            frames.append(client.wire.send(TextMessage(text)))
        for start in range(0, len(frames), 200):
            await client.stream.send_all(b"".join(frames[start : start + 200]))
        await client.next()

    async with serving(script) as address:
        print(address.split(":")[2].split("/")[0], flush=True)
        await trio.sleep_forever()


if __name__ == "__main__":
    if sys.argv[1:] == ["peer"]:
        trio.run(peer)
    else:
        main()
