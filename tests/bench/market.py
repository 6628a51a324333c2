"""Measures the market room: `python -m tests.bench.market [FILE.parquet ...]`.

Prints one JSON object for each recording, and one for a demo of 1,000 symbols: CPU
seconds to load and to walk, microseconds a bar, and the process's peak memory so far.
"""

import json
import resource
import sys
import time
from pathlib import Path

from actors.market.port import Market, steps
from actors.market.replay import Replay
from actors.market.synthetic import Demo


def walked(market: Market, blocks_max: int) -> tuple[int, float]:
    """Walk through every step; count bars and CPU seconds."""
    timeframe_ms = market.describe().timeframe_ms
    start = time.process_time()
    bars = 0
    for _, block in zip(range(blocks_max), market.blocks(), strict=False):
        bars += sum(len(step.rows) for step in steps(block, timeframe_ms))
    return bars, time.process_time() - start


def report(name: str, market: Market, load_seconds: float, blocks_max: int) -> None:
    """Walk one market and print what it cost."""
    bars, seconds = walked(market, blocks_max)
    peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    figures = {
        "market": name,
        "symbols": len(market.describe().instruments),
        "bars": bars,
        "load_cpu_seconds": round(load_seconds, 3),
        "walk_microseconds_per_bar": round(seconds / bars * 1e6, 3),
        "peak_memory_mb": round(peak_kib / 1024),
    }
    print(json.dumps(figures))


def main() -> None:
    """Measure the recordings named on the command line, then the demo."""
    for path in sys.argv[1:]:
        start = time.process_time()
        market = Replay(Path(path))
        report(Path(path).stem, market, time.process_time() - start, 10**9)
    start = time.process_time()
    report("demo", Demo(symbols=1000), time.process_time() - start, 4)


if __name__ == "__main__":
    main()
