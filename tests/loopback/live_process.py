"""Live mode as processes: the toy exchange, the command, and a scaled engine."""

import hashlib
import hmac
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import urlencode

import httpx
import msgspec

from tests.bench.loopback import exchange
from tests.live_day.engine import Wish
from tests.loopback.live_child import Child
from tests.wire.engine_process import (
    CHECKOUT,
    EngineProcess,
    environment,
    free_port,
)

KEY, SECRET = "loopback-key", "loopback-secret"
SENTENCE = "trade real money on binanceusdm"
BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
#: Long enough for a slow machine: a test that waits so long has failed.
PATIENCE_SECONDS = 120.0


class Toy:
    """A running toy exchange."""

    def __init__(self, port: int, speed: float) -> None:
        self.port, self.speed = port, speed

    def ask(self, method: str, path: str, **given: Any) -> Any:
        address = f"http://127.0.0.1:{self.port}{path}"
        told = httpx.request(method, address, timeout=PATIENCE_SECONDS, **given)
        return told.raise_for_status().json()

    def signed(self, method: str, path: str, **fields: Any) -> Any:
        """Ask as a person with the account's key would."""
        now_ms = self.ask("GET", "/fapi/v1/time")["serverTime"]
        query = urlencode({**fields, "timestamp": now_ms})
        proof = hmac.new(SECRET.encode(), query.encode(), hashlib.sha256).hexdigest()
        path = f"{path}?{query}&signature={proof}"
        return self.ask(method, path, headers={"X-MBX-APIKEY": KEY})

    @property
    def truth(self) -> Any:
        return self.ask("GET", "/sim/truth")

    @property
    def account(self) -> Any:
        return self.truth["usdm"]

    def held(self) -> dict[str, float]:
        """The exchange's positions, by its own names."""
        sizes = {
            p["symbol"]: float(p["positionAmt"]) for p in self.account["positions"]
        }
        return {name: size for name, size in sizes.items() if size}

    def stops(self) -> dict[str, float]:
        """What the resting stops of each symbol would sell."""
        found: dict[str, float] = {}
        for row in self.truth["conditional"]:
            if row["algoStatus"] == "NEW" and row["orderType"] == "STOP_MARKET":
                found[row["symbol"]] = found.get(row["symbol"], 0) + float(
                    row["quantity"]
                )
        return found

    def settings(self) -> dict[str, str]:
        """What a person puts into the environment to trade here."""
        return {
            "BREAKOUT_EXCHANGE_KEY": KEY,
            "BREAKOUT_EXCHANGE_SECRET": SECRET,
            "BREAKOUT_STREAMS_REST_URL": f"http://127.0.0.1:{self.port}",
            "BREAKOUT_STREAMS_STREAM_URL": f"ws://127.0.0.1:{self.port}",
            "BREAKOUT_LIVE_SYMBOLS": f"{BTC},{ETH}",
            "BREAKOUT_MARKET_WARMUP_HOURS": "1",
        }


@contextmanager
def toy(speed: float = 1.0, symbols: int = 3, *more: str) -> Iterator[Toy]:
    words = ("--symbols", str(symbols), "--speed", str(speed), *more)
    with exchange(*words) as (_, port):
        yield Toy(port, speed)


@contextmanager
def engine(
    at: Toy,
    folder: Path,
    strategy: Path,
    wish: Mapping[str, Any] = MappingProxyType({}),
    **settings: Any,
) -> Iterator[EngineProcess]:
    """Run the scaled engine; it trades when the block begins."""
    clock = at.ask("GET", "/sim/clock")
    port = free_port()
    given: dict[str, Any] = {
        "port": at.port,
        "folder": str(folder),
        "speed": at.speed,
        "symbols": 3,
        "allowed": (BTC, ETH),
        "market_ms": clock["marketMs"],
        "monotonic": clock["monotonic"],
        "duration_ms": 86_400_000,
        "strategy": str(strategy),
        "warmup_hours": 1.0,
    }
    knobs = {name.replace("__", "."): value for name, value in settings.items()}
    child = Child(Wish(**(given | dict(wish))), {"control.port": port, **knobs})
    told = msgspec.json.encode(child).decode()
    said = folder / f"said-{port}.txt"
    with (
        said.open("wb") as file,
        subprocess.Popen(
            [sys.executable, "-m", "tests.loopback.live_child", told],
            env=environment(),
            cwd=CHECKOUT,
            stdout=file,
            stderr=file,
        ) as process,
    ):
        running = EngineProcess(process, port, said)
        try:
            running.says("start: started")
            yield running
        finally:
            process.kill()


def eventually(holds: Callable[[], Any], running: EngineProcess) -> Any:
    """Wait for something to hold; gives what it was."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not (found := holds()):
        assert running.process.poll() is None, running.output
        assert time.monotonic() < end, running.output
        time.sleep(0.1)
    return found
