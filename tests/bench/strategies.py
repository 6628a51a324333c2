"""How many bars a CPU second each small strategy takes: whole, and one bar a call.

Run with `python -m tests.bench.strategies`; prints one JSON object.
"""

import json
import time
from pathlib import Path

from actors.domain.findings import Pipeline
from actors.domain.strategies.loader import load_strategy
from config.load import load_preset
from tests.strategy_bars import context, wandering_bars

BARS = 100_000
INSIDE_BAR = str(Path(__file__).parents[1] / "strategies" / "inside_bar.py")


def bars_per_second(pipeline: Pipeline, chunk: int) -> int:
    bars = wandering_bars(1, BARS)
    pipeline.advance(bars, 0, 1)  # compiled, or read from the cache, before the clock
    started = time.process_time()
    for at in range(1, BARS, chunk):
        pipeline.advance(bars, at, min(at + chunk, BARS))
    return int(BARS / (time.process_time() - started))


def main() -> None:
    preset = load_preset("breakout_v1")
    measured = {}
    for spec in ("donchian", "ema_rsi", INSIDE_BAR):
        strategy = load_strategy(spec, preset)
        measured[strategy.name] = {
            "one_bar_a_call": bars_per_second(strategy.pipeline(context()), 1),
            "whole": bars_per_second(strategy.pipeline(context()), BARS),
        }
    print(json.dumps({"bars_per_cpu_second": measured}, indent=2))


if __name__ == "__main__":
    main()
