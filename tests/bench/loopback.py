"""How much the loopback exchange tells of 300 symbols, and what of a core that costs.

A client follows bookTicker, trade and the one-minute candle of every symbol for some
seconds and counts the messages; the exchange's process time is read from the system.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
import psutil
import trio

WARM_SECONDS = 3.0


@contextmanager
def exchange(*words: str) -> "Iterator[tuple[subprocess.Popen[str], int]]":
    """Run an exchange of its own and tell its port."""
    command = [sys.executable, "-m", "control.cli", "exchange-sim", "--port", "0"]
    process = subprocess.Popen(
        [*command, *words],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"COLUMNS": "200"},
    )
    assert process.stdout is not None
    try:
        yield (
            process,
            int(process.stdout.readline().split("://")[1].split()[0].split(":")[1]),
        )
    finally:
        process.terminate()
        process.wait(10)
        process.stdout.close()


async def get(port: int, path: str) -> bytes:
    """Ask for something and read until the exchange closes."""
    stream = await trio.open_tcp_stream("127.0.0.1", port)
    head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    await stream.send_all(head.encode())
    received = b""
    async for more in stream:
        received += more
    return received.partition(b"\r\n\r\n")[2]


async def follow(port: int, root: str, names: list[str], counts: list[int]) -> None:
    """Follow streams over one connection; count messages and bytes."""
    stream = await trio.open_tcp_stream("127.0.0.1", port)
    head = (
        f"GET {root}?streams={'/'.join(names)} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    await stream.send_all(head.encode())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(pong, stream)
        async for more in stream:
            counts[0] += more.count(b'{"stream":"')
            counts[1] += len(more)
    raise AssertionError(root)


async def pong(stream: trio.SocketStream) -> None:
    """Stay alive for the exchange: its pings are not looked for, pongs come unasked."""
    while True:
        await trio.sleep(10)
        await stream.send_all(b"\x8a\x80\x00\x00\x00\x00")


async def lived(port: int) -> float:
    """Tell how many hours of the market have been lived."""
    status = msgspec.json.decode(await get(port, "/sim/status"))
    return float(status["nowMs"] - status["begunMs"]) / 3_600_000


async def measure(
    port: int, pid: int, seconds: float, hours: float
) -> dict[str, object]:
    """Follow everything for so long, on the machine and in the market."""
    counts = [0, 0]
    process = psutil.Process(pid)
    async with trio.open_nursery() as nursery:
        for api, root in (("/fapi/v1", "/fstream/stream"), ("/api/v3", "/stream")):
            body = msgspec.json.decode(await get(port, f"{api}/ticker/price"))
            symbols = [row["symbol"].lower() for row in body]
            names = [
                f"{symbol}@{channel}"
                for symbol in symbols
                for channel in ("bookTicker", "trade", "kline_1m")
            ]
            for start in range(0, len(names), 300):
                part = names[start : start + 300]
                nursery.start_soon(follow, port, root, part, counts)
        await trio.sleep(WARM_SECONDS)
        before, told, read = process.cpu_times(), counts[0], counts[1]
        resident = process.memory_info().rss
        began, hour = trio.current_time(), await lived(port)
        await trio.sleep(seconds)
        while (passed := await lived(port)) < hours:  # noqa: ASYNC110 - it is far away
            await trio.sleep(1)
        spent = trio.current_time() - began
        after = process.cpu_times()
        nursery.cancel_scope.cancel()
    cpu = after.user + after.system - before.user - before.system
    rate = (counts[0] - told) / spent
    return {
        "messages_per_second": round(rate),
        "megabytes_per_second": round((counts[1] - read) / spent / 1e6, 2),
        "core_share": round(cpu / spent, 3),
        "microseconds_per_message": round(cpu / spent / rate * 1e6, 1),
        "market_hours": round(passed - hour, 2),
        "market_seconds_per_second": round((passed - hour) * 3_600 / spent, 1),
        "resident_megabytes_before": round(resident / 1e6),
        "resident_megabytes": round(process.memory_info().rss / 1e6),
        "status": msgspec.json.decode(await get(port, "/sim/status")),
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--symbols", default="300")
    parser.add_argument("--speed", default="1")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--hours", type=float, default=0.0)
    words = parser.parse_args()
    options = ("--symbols", words.symbols, "--speed", words.speed)
    with exchange(*options) as (process, port):
        found = trio.run(measure, port, process.pid, words.seconds, words.hours)
    print(
        msgspec.json.format(msgspec.json.encode(vars(words) | found), indent=2).decode()
    )


if __name__ == "__main__":
    main()
