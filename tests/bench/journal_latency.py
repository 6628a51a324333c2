"""Measure what commits cost a market event: python -m tests.bench.journal_latency.

A market event comes every 2 ms, is worked on for a tenth of one, journals a decision,
and is late by what the loop was busy with. The same loop runs half a second without
commits and half a second with 1, 8 or 32 tasks that each commit one intent after the
other, in turns, so that what else runs on the machine meets both.

added_ms: percentiles of a turn with commits less those of the turn beside it; the
median over the pairs and the quartiles. Prints JSON.
"""

import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

import trio

from actors.domain.messages import WhyNot
from actors.journal import Journal, Kind, open_journal
from actors.runtime.clock import MarketClock

TURN_SECONDS = 0.5
PAIRS = 20
EVENT_SECONDS = 0.002
WORK_SECONDS = 0.000_1
QUANTILES = {"p50": 0.5, "p99": 0.99}

WHY = WhyNot("c-0123456789abcdef", "levels", "too_few_touches", "1", "2")
INTENT = {"request": {"client_id": "bx1-0123456789abcdef01"}, "text": "x" * 450}


async def market(journal: Journal, delays: list[float]) -> None:
    due = trio.current_time()
    while True:
        due += EVENT_SECONDS
        await trio.sleep_until(due)
        began = time.perf_counter()
        while time.perf_counter() - began < WORK_SECONDS:
            pass
        journal.append(Kind.DECISION, WHY, symbol="BTCUSDT")
        delays.append((trio.current_time() - due) * 1e3)


async def send_orders(journal: Journal, committed: list[int]) -> None:
    while True:
        journal.append(Kind.INTENT, INTENT, symbol="BTCUSDT", correlation="c-1")
        await journal.commit()
        committed[0] += 1


async def turn(journal: Journal, waiting: int) -> tuple[list[float], float]:
    """Return the delays (ms) of a turn and its intents per second."""
    delays: list[float] = []
    committed = [0]
    with trio.move_on_after(TURN_SECONDS):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(market, journal, delays)
            for _ in range(waiting):
                nursery.start_soon(send_orders, journal, committed)
    await journal.commit()
    return sorted(delays), committed[0] / TURN_SECONDS


async def added(journal: Journal, waiting: int) -> dict[str, object]:
    pairs: dict[str, list[tuple[float, float]]] = {name: [] for name in QUANTILES}
    rates = []
    for number in range(PAIRS):
        order = (0, waiting) if number % 2 else (waiting, 0)
        found = {count: await turn(journal, count) for count in order}
        rates.append(found[waiting][1])
        for name, share in QUANTILES.items():
            without, with_commits = (
                found[count][0][int(len(found[count][0]) * share)]
                for count in (0, waiting)
            )
            pairs[name].append((without, with_commits))
    return {
        "intents_per_second": round(statistics.median(rates), 1),
        "without_ms": {
            name: round(statistics.median(one for one, _ in values), 3)
            for name, values in pairs.items()
        },
        "added_ms": {
            name: [
                round(value, 3)
                for value in statistics.quantiles(
                    [later - earlier for earlier, later in values], n=4
                )
            ]
            for name, values in pairs.items()
        },
    }


async def measure() -> dict[str, object]:
    with tempfile.TemporaryDirectory(dir=".") as folder:
        async with open_journal(
            Path(folder) / "bench.db", session="s-bench", clock=MarketClock()
        ) as journal:
            return {
                "switch_interval_ms": sys.getswitchinterval() * 1e3,
                "waiting": {
                    waiting: await added(journal, waiting) for waiting in (1, 8, 32)
                },
            }


if __name__ == "__main__":
    print(json.dumps(trio.run(measure)))
