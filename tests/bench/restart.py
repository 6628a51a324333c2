"""How long a killed engine takes to trade again: `python -m tests.bench.restart [N]`.

A week of the recorded 15-minute market (342 symbols) is lived on a data directory and
the engine killed in the middle of its work; its journal is then filled up with the
decisions, transitions and audits of a week at one-minute bars. From then on the engine
is started and killed N times (default 20), each time with the state that the last one
left. The time runs from the start of the
process to its word that it trades: imports, market, compiled pipelines, the journal's
audit and replay, the exchange's truth, the warm-up of every symbol.
"""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
import psutil
import trio

from actors.domain.money import ONE
from actors.journal import AuditRecord, Kind, open_journal
from actors.runtime.clock import MarketClock
from config.load import dump_preset, load_preset
from tests.bench.journal_week import ROWS, week
from tests.presets import changed
from tests.recorded import ROOT

WEEK_MS = 7 * 24 * 3_600_000
#: Kinds that the lived week has fewer of than a week of one-minute bars.
KEPT = (Kind.TRANSITION, Kind.DECISION, Kind.CHECKPOINT, Kind.AUDIT)
RESTARTS = 20
SECONDS_WANTED = 3.0
TRADES = b"start: started with"


def command(place: Path, *more: str) -> list[str]:
    market = ROOT / "candles" / "binance_usdm_15m.parquet"
    return [
        *(sys.executable, "-m", "control.cli", "run", "--port", "0"),
        *("--market", f"replay:{market}", "--data-dir", str(place)),
        *("--preset", str(place / "patient.json"), *more),
    ]


class Started:
    """A running engine, and the file of what it said."""

    def __init__(self, process: "subprocess.Popen[bytes]", said: Path) -> None:
        self.process = process
        self._said = said

    def until_it_trades(self) -> None:
        while TRADES not in self._said.read_bytes():
            assert self.process.poll() is None, self._said.read_text()
            time.sleep(0.005)


@contextmanager
def engine(place: Path, *more: str) -> Iterator[Started]:
    """Run an engine for the block and kill it at its end."""
    said = place / "said.txt"
    with (
        said.open("wb") as file,
        subprocess.Popen(command(place, *more), stderr=file, stdout=file) as process,
    ):
        try:
            yield Started(process, said)
        finally:
            process.send_signal(signal.SIGKILL)


def restart(place: Path) -> tuple[float, float]:
    """Start once; returns wall and CPU seconds until it trades."""
    began = time.perf_counter()
    with engine(place, "--speed", "60") as started:
        started.until_it_trades()
        wall = time.perf_counter() - began
        used = psutil.Process(started.process.pid).cpu_times()
    return wall, used.user + used.system


def live_a_week(place: Path) -> None:
    """Let the engine live for a week of its market, then kill it as it is."""
    with engine(place, "--speed", "max") as started:
        started.until_it_trades()
        seen = apsw.Connection(str(place / "journal.sqlite"), apsw.SQLITE_OPEN_READONLY)
        ask = f"SELECT min(ts_ms), max(ts_ms) FROM {Kind.TRANSITION.table}"
        first_ms = newest_ms = 0
        while newest_ms - first_ms < WEEK_MS:
            assert started.process.poll() is None, "the market ended within the week"
            first_ms, newest_ms = next(seen.execute(ask))
            time.sleep(0.02)
        seen.close()


async def fill_week(path: Path) -> int:
    """Add what a week of one-minute bars would have left; returns all rows."""
    clock = MarketClock(1_900_000_000_000)
    async with open_journal(path, session="s-week", clock=clock) as journal:
        for number, kind in enumerate(week(random.Random(1))):
            if kind in KEPT:
                body: AuditRecord | dict[str, str] = {"text": "x" * ROWS[kind][1]}
                if kind is Kind.AUDIT:
                    body = AuditRecord("engine", "set limit", "1", "2", "done")
                symbol = f"SYM{number % 300:03d}/USDT:USDT"
                journal.append(kind, body, symbol=symbol, correlation=f"c-{number}")
                await journal.flush_if(400)
        return journal.appended


def spread(values: list[float]) -> dict[str, float]:
    ordered = sorted(values)
    last = len(ordered) - 1
    return {
        "p50": round(ordered[last // 2], 3),
        "p99": round(ordered[min(last, int(last * 0.99 + 0.999))], 3),
        "least": round(ordered[0], 3),
    }


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else RESTARTS
    with tempfile.TemporaryDirectory() as where:
        place = Path(where)
        # The recorded days end breakout_v1's week early by its own kill switch.
        never = changed(load_preset("breakout_v1"), "risk.kill_switch_loss_limit", ONE)
        never = changed(never, "risk.daily_risk_limit", ONE)
        (place / "patient.json").write_bytes(dump_preset(never))
        live_a_week(place)
        rows = trio.run(fill_week, place / "journal.sqlite")
        times = [restart(place) for _ in range(count)]
        size = (place / "journal.sqlite").stat().st_size
    figures = {
        "symbols": 342,
        "journal_rows": rows,
        "journal_mb": round(size / 1e6, 1),
        "restarts": count,
        "wall_seconds": spread([wall for wall, _ in times]),
        "cpu_seconds": spread([cpu for _, cpu in times]),
        "load": os.getloadavg()[0],
        "p99_seconds_wanted": SECONDS_WANTED,
    }
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
