"""Measure the journal: python -m tests.bench.journal prints JSON.

append_us: CPU of one append in the caller. row_cpu_us: CPU of the whole process for a
row, from append to disk. intents_per_second: durable commits with 1, 8 and 32 waiting.
commit_ms: what one commit takes while the loop is idle, and while it never is.
What commits add to a market event: tests.bench.journal_latency.
"""

import gc
import json
import tempfile
import time
from pathlib import Path

import trio

from actors.domain.messages import WhyNot
from actors.journal import Journal, Kind, open_journal
from actors.runtime.clock import MarketClock

ROWS = 100_000
STEP = 400
SECONDS = 3.0


async def rows_through(journal: Journal) -> dict[str, float]:
    body = WhyNot("c-0123456789abcdef", "levels", "too_few_touches", "1", "2")
    appending = 0
    started, wall = time.process_time_ns(), time.perf_counter_ns()
    for _ in range(ROWS // STEP):
        begun = time.thread_time_ns()
        for _ in range(STEP):
            journal.append(
                Kind.DECISION, body, symbol="BTCUSDT", correlation="c-0123456789abcdef"
            )
        appending += time.thread_time_ns() - begun
        await journal.flush_if(STEP)
        await trio.lowlevel.checkpoint()
    await journal.commit()
    return {
        "append_us": round(appending / ROWS / 1e3, 2),
        "row_cpu_us": round((time.process_time_ns() - started) / ROWS / 1e3, 2),
        "row_wall_us": round((time.perf_counter_ns() - wall) / ROWS / 1e3, 2),
    }


async def intents_per_second(
    journal: Journal, waiting: int, seconds: float = SECONDS
) -> float:
    committed = 0
    body = {"client_id": "bx1-0123456789abcdef0123", "state": "sending"}

    async def send_orders() -> None:
        nonlocal committed
        while True:
            journal.append(Kind.INTENT, body, symbol="BTCUSDT")
            await journal.commit()
            committed += 1

    with trio.move_on_after(seconds):
        async with trio.open_nursery() as nursery:
            for _ in range(waiting):
                nursery.start_soon(send_orders)
    return round(committed / seconds, 1)


async def commit_ms(journal: Journal, *, busy: bool) -> dict[str, float]:
    """How long one commit takes; busy: while the loop has no idle moment."""
    waits: list[float] = []

    async def burn() -> None:
        while True:
            sum(range(10_000))
            await trio.lowlevel.checkpoint()

    with trio.move_on_after(SECONDS):
        async with trio.open_nursery() as nursery:
            if busy:
                nursery.start_soon(burn)
            while True:
                journal.append(Kind.INTENT, {"state": "sending"})
                began = time.perf_counter_ns()
                await journal.commit()
                waits.append((time.perf_counter_ns() - began) / 1e6)
    return percentiles(waits)


def percentiles(values: list[float]) -> dict[str, float]:
    values.sort()
    return {
        "p50": round(values[len(values) // 2], 3),
        "p99": round(values[len(values) * 99 // 100], 3),
    }


async def measure() -> dict[str, object]:
    with tempfile.TemporaryDirectory(dir=".") as folder:
        clock = MarketClock(1_700_000_000_000)
        async with open_journal(
            Path(folder) / "bench.db", session="s-bench", clock=clock
        ) as journal:
            through = await rows_through(journal)
            gc.collect()
            return {
                **through,
                "intents_per_second": {
                    waiting: await intents_per_second(journal, waiting)
                    for waiting in (1, 8, 32)
                },
                "commit_ms": {
                    "idle_loop": await commit_ms(journal, busy=False),
                    "busy_loop": await commit_ms(journal, busy=True),
                },
            }


if __name__ == "__main__":
    print(json.dumps(trio.run(measure)))
