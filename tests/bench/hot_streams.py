"""The hot path end to end over a loopback socket; the sender is a process of its own.

Prints JSON: messages per CPU second in a flood, CPU microseconds per message at 2,000
a second, and the time from dialling until 300 symbols are subscribed and data comes.
`--each` measures each kind of message on its own as well. `wakeup_us` is what one
empty wake-up of trio costs in the same minute: on a busy machine, whose caches are cold
at each wake-up, it is tens of times what it is on an idle one, and bounds the paced
figure.
"""

import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import trio

from actors.market.live.dialect import Ask
from actors.market.live.exchanges import DIALECTS
from actors.market.live.streams import Streams, Wish
from actors.market.live.wire import Channel

CHANNELS = {
    "trades": {Channel.TRADES},
    "quotes": {Channel.QUOTE},
    "depth": {Channel.DEPTH},
    "mixed": set(Channel),
}
PATIENCE_SECONDS = 30
FLOOD = 400_000
PACED_PER_SECOND = 2_000
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
    mode: str, symbols: int, count: int, per_second: float
) -> dict[str, object]:
    with sender(mode, symbols, count, per_second) as port:
        streams = Streams(
            DIALECTS["binance"],
            Wish(
                natives=[f"S{n:03d}USDT" for n in range(symbols)],
                channels=frozenset(CHANNELS[mode]),
                stream_url=f"ws://127.0.0.1:{port}",
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


async def until_all(streams: Streams, count: int) -> dict[str, object]:
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


def main() -> None:
    found: dict[str, object] = {}
    modes = ["mixed", "trades"]
    if "--each" in sys.argv:
        modes += ["quotes", "depth"]
    for mode in modes:
        found[f"flood_{mode}"] = trio.run(measured, mode, SYMBOLS, FLOOD, 0)
    found["paced"] = trio.run(
        measured, "mixed", SYMBOLS, PACED_PER_SECOND * 10, PACED_PER_SECOND
    )
    found["wakeup_us"] = trio.run(wakeup_us)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({**found, "rss_mib": peak // 1024}, indent=1))


if __name__ == "__main__":
    main()
