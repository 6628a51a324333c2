"""The hot path end to end over a loopback socket; the sender is a process of its own.

Prints JSON: messages per CPU second in a flood, CPU microseconds per message at 2,000
a second, and the time from dialling until 300 symbols are subscribed and data comes.
`--each` floods with each kind of message on its own as well, `--breaths` sets the paced
figure out by how long a message may wait for others.

What a message costs at that pace is what a wake-up costs, and that is the machine's: on
a busy one, whose caches are cold each time, tens of times what it is on an idle one. So
the paced figures are medians of several runs, in turns with their floors: `bare` is
trio reading the same pace and doing nothing with it, `bare_breath` the same through
`DirectStream` with our breath, `wakeup` one wake-up that does nothing at all.
"""

import json
import resource
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from statistics import median
from typing import Any

import trio

from actors.market.live.dialect import Ask
from actors.market.live.exchanges import DIALECTS
from actors.market.live.streams import Streams, Wish
from actors.market.live.wire import Channel
from actors.sockets import Terms
from actors.sockets.direct import DirectStream
from config.settings import StreamGroup

CHANNELS = {
    "trades": {Channel.TRADES},
    "quotes": {Channel.QUOTE},
    "depth": {Channel.DEPTH},
    "mixed": set(Channel),
}
PATIENCE_SECONDS = 30
FLOOD = 400_000
PACED_PER_SECOND = 2_000
PACED_SECONDS = 4
PACED_RUNS = 5
BREATH_MS = StreamGroup().breath_ms
BREATHS_MS = (0, 2, 5, 10, 20)
SYMBOLS = 300


async def fetch(ask: Ask) -> bytes:
    """Every book begins just before the first update that is sent."""
    assert ask.path.endswith("/depth"), "only books are asked for here"
    return b'{"lastUpdateId":1000,"bids":[["0.35","1"]],"asks":[["0.3601","1"]]}'


@contextmanager
def sender(mode: str, symbols: int, count: int, per_second: float) -> Iterator[int]:
    command = [sys.executable, "-m", "tests.bench.hot_sender"]
    words = [mode, str(symbols), str(count), str(per_second)]
    with subprocess.Popen([*command, *words], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())["port"]
        finally:
            process.kill()


async def measured(
    mode: str, symbols: int, count: int, per_second: float, breath_ms: int = BREATH_MS
) -> dict[str, Any]:
    with sender(mode, symbols, count, per_second) as port:
        streams = Streams(
            DIALECTS["binance"],
            Wish(
                natives=[f"S{n:03d}USDT" for n in range(symbols)],
                channels=frozenset(CHANNELS[mode]),
                stream_url=f"ws://127.0.0.1:{port}",
                breath_ms=breath_ms,
            ),
            fetch,
            lambda: 1_800_000_000_000,
        )
        began = time.perf_counter()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(streams.run)
            await streams.hub.first_data.wait()
            first = time.perf_counter() - began
            with trio.fail_after(PATIENCE_SECONDS):
                found = await until_all(streams, count)
            nursery.cancel_scope.cancel()
    return {"seconds_to_first": round(first, 3), **found}


async def until_all(streams: Streams, count: int) -> dict[str, Any]:
    """Wait for all messages; the cost of all, and of the second that cost least.

    The least is what the path costs when nobody else heats or cools the caches.
    """
    symbols = list(streams.hub.symbols.values())
    start = got = sum(one.messages for one in symbols)
    seconds = []
    while got < count:
        cpu, wall, before = time.process_time(), time.perf_counter(), got
        await trio.sleep(1.0 if got > start else 0.3)
        got = sum(one.messages for one in symbols)
        seconds.append(
            (time.process_time() - cpu, time.perf_counter() - wall, got - before)
        )
    cpu, wall, handled = (sum(one[at] for one in seconds) for at in range(3))
    full = [one for one in seconds if one[2] > count / 50]
    return {
        "messages": handled,
        "per_cpu_second": round(handled / cpu),
        "cpu_us_per_message": round(cpu / handled * 1e6, 2),
        "cpu_us_in_best_second": round(min(c / n for c, _, n in full) * 1e6, 2),
        "per_second": round(handled / wall),
        "core_percent": round(100 * cpu / wall, 1),
        "counts": {k: v for k, v in streams.statistics().items() if v},
    }


async def wakeup_us() -> float:
    """CPU time of one wake-up that does nothing, 2,000 times a second."""
    wakeups, cpu, until = 0, time.process_time(), time.perf_counter() + 2
    while time.perf_counter() < until:
        await trio.sleep(1 / PACED_PER_SECOND)
        wakeups += 1
    return round((time.process_time() - cpu) / wakeups * 1e6, 1)


async def bare_us(breath_ms: int | None) -> float:
    """CPU time of a message that is only received; None: by trio's own stream."""
    count = PACED_PER_SECOND * PACED_SECONDS
    with sender("bare", 1, count, PACED_PER_SECOND) as port:
        stream: trio.abc.Stream
        stream = plain = await trio.open_tcp_stream("127.0.0.1", port)
        if breath_ms is not None:
            stream = direct = DirectStream(plain)
            direct.breath_seconds = breath_ms / 1e3
        async with stream:
            cpu = time.process_time()
            while await stream.receive_some(Terms().receive_bytes):
                pass
    return round((time.process_time() - cpu) / count * 1e6, 1)


async def paced_us(breath_ms: int = BREATH_MS) -> float:
    count = PACED_PER_SECOND * PACED_SECONDS
    found = await measured("mixed", SYMBOLS, count, PACED_PER_SECOND, breath_ms)
    us: float = found["cpu_us_per_message"]
    return us


def paced(turns: dict[str, Callable[[], Awaitable[float]]]) -> dict[str, object]:
    """Measure all in turns; the median of each, and every run."""
    runs: dict[str, list[float]] = {name: [] for name in turns}
    for _ in range(PACED_RUNS):
        for name, turn in turns.items():
            runs[name].append(trio.run(turn))
    return {name: {"median": median(all_), "runs": all_} for name, all_ in runs.items()}


def main() -> None:
    found: dict[str, object] = {}
    modes = ["mixed", "trades"]
    if "--each" in sys.argv:
        modes += ["quotes", "depth"]
    for mode in modes:
        found[f"flood_{mode}"] = trio.run(measured, mode, SYMBOLS, FLOOD, 0)
    turns: dict[str, Callable[[], Awaitable[float]]] = {
        "streams": paced_us,
        "bare": partial(bare_us, None),
        "bare_breath": partial(bare_us, BREATH_MS),
        "wakeup": wakeup_us,
    }
    if "--breaths" in sys.argv:
        turns |= {f"breath_{ms}_ms": partial(paced_us, ms) for ms in BREATHS_MS}
    found["paced_cpu_us"] = paced(turns)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({**found, "rss_mib": peak // 1024}, indent=1))


if __name__ == "__main__":
    main()
