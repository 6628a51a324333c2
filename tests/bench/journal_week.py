"""Measure a week of journal: python -m tests.bench.journal_week prints JSON.

The week is made, not lived: 300 symbols, one-minute bars, with the rows each leaves in
the demo market: 36 transitions, 106 decisions and 32 checkpoints a symbol and day, in
one order with money rows that the limits bound for all symbols together. Bodies have
the sizes of the real ones; an hourly snapshot of a whole book has 200 KB.

opening_ms: from nothing to a journal that takes rows. replaying_ms: every money row.
killed_opening_ms: the same after a SIGKILL that left the write-ahead log at its bound.
"""

import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import trio

from actors.journal import AuditRecord, Journal, Kind, open_journal
from actors.runtime.clock import MarketClock

SYMBOLS, DAYS = 300, 7
TIMES = 15
HOUR_MS = 3_600_000

MONEY = (Kind.INTENT, Kind.ORDER, Kind.FILL, Kind.POSITION, Kind.ACCOUNT)
ROWS = {  # kind -> (rows in the week, bytes of a body)
    Kind.TRANSITION: (36 * SYMBOLS * DAYS, 152),
    Kind.DECISION: (106 * SYMBOLS * DAYS, 280),
    Kind.CHECKPOINT: (32 * SYMBOLS * DAYS, 17),
    Kind.INTENT: (4_000, 514),
    Kind.ORDER: (9_000, 523),
    Kind.FILL: (2_000, 217),
    Kind.POSITION: (4_000, 831),
    Kind.ACCOUNT: (1_000, 120),
    Kind.ALERT: (4_000, 255),
    Kind.AUDIT: (2_000, 180),
    Kind.SNAPSHOT: (24 * DAYS, 200_000),
}


def week(source: random.Random) -> Iterator[Kind]:
    kinds = [kind for kind, (rows, _size) in ROWS.items() for _ in range(rows)]
    source.shuffle(kinds)
    yield from kinds


async def write_week(path: Path) -> None:
    source, clock = random.Random(1), MarketClock(1_700_000_000_000)
    total = sum(rows for rows, _size in ROWS.values())
    texts = {kind: "x" * max(size - 60, 1) for kind, (_rows, size) in ROWS.items()}
    async with open_journal(path, session="s-week", clock=clock) as journal:
        for number, kind in enumerate(week(source)):
            clock.advance_to(1_700_000_000_000 + number * DAYS * 24 * HOUR_MS // total)
            symbol = f"SYM{source.randrange(SYMBOLS):03d}/USDT:USDT"
            correlation = f"c-{source.getrandbits(64):016x}"
            body: AuditRecord | dict[str, object] = {"text": texts[kind]}
            if kind is Kind.AUDIT:
                body = AuditRecord("engine", "set limit", "1", "2", texts[kind][:80])
            elif kind in {Kind.INTENT, Kind.ORDER}:
                client_id = f"bx1-{source.getrandbits(72):018x}"
                body = {"request": {"client_id": client_id}, "text": texts[kind]}
            journal.append(kind, body, symbol=symbol, correlation=correlation)
            await journal.flush_if(400)


async def opening_ms(path: Path) -> float:
    began = time.perf_counter()
    async with open_journal(path, session="s", clock=MarketClock()):
        return (time.perf_counter() - began) * 1e3


async def replaying(journal: Journal) -> dict[str, float]:
    began = time.perf_counter()
    rows = [len(page) async for page in journal.replay(MONEY)]
    replayed = time.perf_counter()
    await journal.newest(Kind.SNAPSHOT)
    found = time.perf_counter()
    await journal.verify()
    return {
        "replayed_rows": sum(rows),
        "replaying_ms": round((replayed - began) * 1e3, 1),
        "newest_snapshot_ms": round((found - replayed) * 1e3, 2),
        "full_verify_ms": round((time.perf_counter() - found) * 1e3, 1),
    }


KILLED = """
import pathlib, os, signal, sys, trio
from actors.journal import Kind, open_journal
from actors.runtime.clock import MarketClock

async def main():
    path = pathlib.Path(sys.argv[1])
    async with open_journal(path, session="s", clock=MarketClock()) as journal:
        wal = path.with_name(path.name + "-wal")
        largest = 0
        while largest <= wal.stat().st_size and journal.statistics().transactions < 80:
            largest = wal.stat().st_size
            for n in range(400):
                journal.append(Kind.DECISION, {"text": "x" * 280})
            await journal.commit()
        os.kill(os.getpid(), signal.SIGKILL)

trio.run(main)
"""


def left_by_kill(path: Path) -> int:
    """Kill an engine that writes; return the bytes of log it leaves behind."""
    command = [sys.executable, "-c", KILLED, str(path)]
    killed = subprocess.run(command, check=False, env={**os.environ})
    if killed.returncode != -signal.SIGKILL:
        message = f"the engine to be killed ended with {killed.returncode}"
        raise RuntimeError(message)
    return path.with_name(f"{path.name}-wal").stat().st_size


def spread(values: list[float]) -> dict[str, float]:
    return {
        "p50": round(statistics.median(values), 1),
        "max": round(max(values), 1),
    }


def measure() -> dict[str, object]:
    with tempfile.TemporaryDirectory(dir=".") as folder:
        path = Path(folder) / "week.db"
        trio.run(write_week, path)
        size = path.stat().st_size

        async def read() -> dict[str, float]:
            async with open_journal(path, session="s", clock=MarketClock()) as journal:
                return await replaying(journal)

        opening = [trio.run(opening_ms, path) for _ in range(TIMES)]
        reading = trio.run(read)
        logs, killed = [], []
        for _ in range(5):
            logs.append(left_by_kill(path))
            killed.append(trio.run(opening_ms, path))
    return {
        "rows": sum(rows for rows, _size in ROWS.values()),
        "file_mb": round(size / 1e6, 1),
        "opening_ms": spread(opening),
        **reading,
        "killed_log_mb": round(max(logs) / 1e6, 1),
        "killed_opening_ms": spread(killed),
    }


if __name__ == "__main__":
    print(json.dumps(measure()))
