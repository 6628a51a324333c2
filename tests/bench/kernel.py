"""Times the breakout kernel on the recorded 15-minute market, and prints JSON."""

import json
import time

from actors.domain.strategies.breakout import Breakout
from tests.markets import firing_bars
from tests.presets import MINUTE_MS, breakout_v1, context
from tests.recorded import ROOT, recorded_bars

NAME = "binance_usdm_15m.parquet"


def main() -> None:
    """Measure one bar at a call, and a whole history at a call."""
    preset = breakout_v1()
    strategy = Breakout(preset)
    if (ROOT / "candles" / NAME).exists():
        market = recorded_bars(NAME)
    else:
        scripted = firing_bars(preset, 15 * MINUTE_MS)
        market = {str(number): scripted for number in range(300)}
    started = time.perf_counter()
    strategy.pipeline(context(15)).advance(next(iter(market.values())), 0, 1)
    ready_seconds = time.perf_counter() - started
    count = sum(map(len, market.values()))
    figures: dict[str, float] = {"bars": count, "ready_seconds": ready_seconds}
    for name, chunk in (("one_bar", 1), ("whole", 1 << 30)):
        pipelines = [strategy.pipeline(context(15)) for _ in market]
        started = time.process_time()
        for pipeline, bars in zip(pipelines, market.values(), strict=True):
            for start in range(0, len(bars), chunk):
                pipeline.advance(bars, start, min(start + chunk, len(bars)))
        seconds = time.process_time() - started
        figures[f"{name}_microseconds"] = seconds / count * 1e6
        figures[f"{name}_bars_per_second"] = count / seconds
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
