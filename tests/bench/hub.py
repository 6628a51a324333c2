"""What the hub costs: published facts, and a full house on 300 symbols at 10 Hz.

`python -m tests.bench.hub` prints JSON: microseconds for one publish, CPU for one
delivered envelope, and for 32 clients over real sockets, each on every symbol's row,
the share of a core that they cost and what they add to the engine's lag. The lag is
that of a task in the server's loop that wants to wake every 2 ms; the same run
measures it without clients, so that the machine's own noise is known. The clients
are a process of their own. `--clients`, `--seconds` and `--symbols` change the size.
"""

import argparse
import json
import selectors
import socket
import subprocess
import sys
import time
from typing import Any

import numpy as np
import trio

from actors.domain.messages import Published, Role
from control.live.hub import CLIENTS_MAX, Hub
from tests.engines import InMemoryEngine, TestClock, order
from tests.planes import SECRETS
from tests.wire.planes import ServedPlane, served

FACTS = 20_000
BATCH = 200
SYMBOLS = 300
TICK_SECONDS = 0.1
PROBE_SECONDS = 0.002
WARM_SECONDS = 2.0
HANDSHAKE = (
    "GET /ws HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\n"
    "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
    "Authorization: Bearer {token}\r\n\r\n"
)
SUBSCRIBE = b'{"type":"subscribe","topics":["symbols"]}'


def publish_microseconds(hub: Hub, fact: Published) -> float:
    begun = time.process_time_ns()
    for _ in range(FACTS):
        hub.publish(fact)
    return (time.process_time_ns() - begun) / FACTS / 1_000


async def encoding() -> dict[str, float]:
    """Measure publishing and taking without a socket."""
    clock = TestClock()
    hub = Hub(InMemoryEngine(clock), clock)
    fact = Published("orders", "ORDER_UPDATED", 1, order(1))
    alone = publish_microseconds(hub, fact)
    joined = [hub.join(lambda: None) for _ in range(CLIENTS_MAX)]
    clients = [client for client in joined if client is not None]
    for client in clients:
        hub.subscribe(client, "orders")
        hub.take(client)
    watched = publish_microseconds(hub, fact)
    for client in clients:
        hub.subscribe(client, "orders")
        hub.take(client)
    begun = time.process_time_ns()
    delivered = 0
    for _ in range(20):
        for _ in range(BATCH):
            hub.publish(fact)
        for client in clients:
            delivered += len(hub.take(client))
    took = (time.process_time_ns() - begun) / delivered / 1_000
    return {
        "publish_us_nobody": round(alone, 3),
        "publish_us_32_clients": round(watched, 3),
        "delivered_envelope_us": round(took, 3),
    }


class Turns(trio.abc.Instrument):
    """CPU of each turn of the loop: what a task that wakes meanwhile must wait for.

    Unlike the lag it is the same on a machine that does other work as well.
    """

    def __init__(self) -> None:
        self.spent_ms: list[float] = []
        self._begun = 0.0

    def after_io_wait(self, _timeout: float) -> None:
        self._begun = time.thread_time()

    def before_io_wait(self, _timeout: float) -> None:
        self.spent_ms.append((time.thread_time() - self._begun) * 1_000)


class Span:
    """CPU and lag of one stretch of time."""

    def __init__(self) -> None:
        self.lags_ms: list[float] = []
        self.turns = Turns()
        self.cpu_percent = 0.0

    async def measure(self, seconds: float) -> None:
        cpu, wall = time.process_time(), time.perf_counter()
        until = wall + seconds
        trio.lowlevel.add_instrument(self.turns)
        while (before := time.perf_counter()) < until:
            await trio.sleep(PROBE_SECONDS)
            late = time.perf_counter() - before - PROBE_SECONDS
            self.lags_ms.append(late * 1_000)
        trio.lowlevel.remove_instrument(self.turns)
        spent = time.process_time() - cpu
        self.cpu_percent = 100 * spent / (time.perf_counter() - wall)

    def shown(self) -> dict[str, float]:
        low, middle, high = np.percentile(self.lags_ms, (50, 99, 99.9))
        turn, longest = np.percentile(self.turns.spent_ms, (99, 99.9))
        return {
            "cpu_percent": round(self.cpu_percent, 1),
            "lag_ms_p50": round(float(low), 2),
            "lag_ms_p99": round(float(middle), 2),
            "lag_ms_p999": round(float(high), 2),
            "turn_cpu_ms_p99": round(float(turn), 2),
            "turn_cpu_ms_p999": round(float(longest), 2),
        }


async def move_all(plane: ServedPlane) -> None:
    """Give every symbol a new price ten times a second."""
    price = 100.0
    while True:
        price += 0.1
        for symbol in plane.engine.rows:
            plane.engine.move(symbol, price)
        await trio.sleep(TICK_SECONDS)


async def crowd(symbols: int, clients: int, seconds: float) -> dict[str, Any]:
    """Measure the loop with nobody, then with everybody."""
    names = tuple(f"SYM{n:03}/USDT:USDT" for n in range(symbols))
    nobody, everybody = Span(), Span()
    plane = ServedPlane(now=trio.current_time, symbols=names)
    async with served(plane), trio.open_nursery() as nursery:
        nursery.start_soon(move_all, plane)
        await nobody.measure(seconds)
        words = [plane.url, str(clients), str(WARM_SECONDS + seconds + 3)]
        process = await trio.lowlevel.open_process(
            [sys.executable, "-m", "tests.bench.hub", "--follow", *words],
            stdout=subprocess.PIPE,
        )
        await plane.followed("symbols", clients)
        await trio.sleep(WARM_SECONDS)
        frames = plane.hub.statistics().frames
        await everybody.measure(seconds)
        frames = plane.hub.statistics().frames - frames
        assert process.stdout is not None
        heard = b"".join([piece async for piece in process.stdout])
        await process.wait()
        nursery.cancel_scope.cancel()
    before, after = nobody.shown(), everybody.shown()
    return {
        "symbols": symbols,
        "clients": clients,
        "nobody": before,
        "everybody": after,
        "hub_cpu_percent": round(after["cpu_percent"] - before["cpu_percent"], 1),
        "added_lag_ms_p99": round(after["lag_ms_p99"] - before["lag_ms_p99"], 2),
        "lag_p99_ratio": round(after["lag_ms_p99"] / before["lag_ms_p99"], 2),
        "cpu_us_per_frame": round(after["cpu_percent"] / 100 * seconds * 1e6 / frames),
        "frames_per_client_second": round(frames / clients / seconds, 1),
        "per_client_second": json.loads(heard),
    }


def follow(url: str, clients: int, seconds: float) -> None:
    """Be so many clients that only read: what they cost is not the hub's."""
    host, port = url.removeprefix("http://").split(":")
    chosen = selectors.DefaultSelector()
    for _ in range(clients):
        reader = socket.create_connection((host, int(port)))
        reader.sendall(HANDSHAKE.format(host=host, token=SECRETS[Role.VIEWER]).encode())
        reader.recv(4096)
        head = bytes([0x81, 0x80 | len(SUBSCRIBE), 0, 0, 0, 0])  # masked with zeros
        reader.sendall(head + SUBSCRIBE)
        chosen.register(reader, selectors.EVENT_READ)
    rows = read = 0
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for key, _ in chosen.select(0.1):
            piece = key.fileobj.recv(1 << 18)  # type: ignore[union-attr]
            assert piece, "the hub let a client go"
            rows, read = rows + piece.count(b'"SYMBOL"'), read + len(piece)
    each = clients * seconds
    figures = {"rows": round(rows / each, 1), "kib": round(read / each / 1024, 1)}
    print(json.dumps(figures))


async def measure(symbols: int, clients: int, seconds: float) -> dict[str, Any]:
    return {**await encoding(), "crowd": await crowd(symbols, clients, seconds)}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--symbols", type=int, default=SYMBOLS)
    parser.add_argument("--clients", type=int, default=CLIENTS_MAX)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--follow", nargs=3)
    given = parser.parse_args()
    if given.follow:
        url, clients, seconds = given.follow
        follow(url, int(clients), float(seconds))
        return
    found = trio.run(measure, given.symbols, given.clients, given.seconds)
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
