"""The engine of a live day: `breakout run --mode live`, on the loopback's own clock.

At speed S a second of the machine is S seconds of the market. So trio's clock runs S
times as fast here, and the wall is the exchange's hour: every deadline, pause and age
of the engine is in market time, as on a real exchange.
"""

import os
import sys
import time
from pathlib import Path

import msgspec
import trio
from trio.testing import MockClock

from config.sources import load_settings
from control.shell import opened
from control.shell.options import RunOptions
from control.shell.run import run_engine

KEY, SECRET = "loopback-key", "loopback-secret"


class Wish(msgspec.Struct, frozen=True):
    """What one engine is to do."""

    port: int
    folder: str
    speed: float
    symbols: int
    allowed: tuple[str, ...]
    market_ms: int  # a point of the exchange's clock
    monotonic: float
    duration_ms: int
    strategy: str = "breakout"
    preset: str = "breakout_v1"
    exchange: str = "binanceusdm"
    warmup_hours: float = 24.0


class Hour:
    """The exchange's hour, by the machine's monotonic clock."""

    def __init__(self, wish: Wish) -> None:
        self._wish = wish

    def now_ms(self) -> int:
        passed = time.monotonic() - self._wish.monotonic
        return self._wish.market_ms + int(passed * self._wish.speed * 1000)


def settings_of(wish: Wish) -> dict[str, object]:
    """The knobs; what is measured on the way is S times as long as it would be."""
    stretch = max(1, round(wish.speed))
    address = f"127.0.0.1:{wish.port}"
    return {
        "market.spec": f"exchange:{wish.exchange}",
        "market.symbols": str(wish.symbols),
        "market.warmup_hours": wish.warmup_hours,
        "streams.rest_url": f"http://{address}",
        "streams.stream_url": f"ws://{address}",
        "streams.depth": False,
        "control.port": 0,
        "live.symbols": ",".join(wish.allowed),
        "live.first_trades": 3,
        "live.first_order_usd_max": "500",
        "clock.round_trip_ms_max": min(3_600_000, 2_000 * stretch),
        "clock.warn_ms": 250 * stretch,
        "clock.refuse_ms": 500 * stretch,
        "clock.halt_ms": 1_000 * stretch,
        "feed.entries_ms_max": 5_000 * stretch,
        "feed.stale_ms_max": 15_000 * stretch,
        "feed.reconnect_ms_max": 20_000 * stretch,
        "feed.late_close_ms_max": 3_000 * stretch,
    }


def main() -> int:
    wish = msgspec.json.decode(sys.argv[1], type=Wish)
    os.environ |= {"BREAKOUT_EXCHANGE_KEY": KEY, "BREAKOUT_EXCHANGE_SECRET": SECRET}
    hour = Hour(wish)
    opened.WallClock = lambda: hour  # type: ignore[assignment,misc]
    options = RunOptions(
        settings=load_settings(overrides=settings_of(wish)),
        preset=wish.preset,
        strategy=wish.strategy,
        mode="live",
        symbols=wish.symbols,
        speed=1.0,
        duration_ms=wish.duration_ms,
        data_dir=Path(wish.folder),
        fresh=False,
        start=True,
        exit_at_end=True,
        report=Path(wish.folder) / "report.json",
    )
    return trio.run(run_engine, options, clock=MockClock(rate=wish.speed))


if __name__ == "__main__":
    sys.exit(main())
