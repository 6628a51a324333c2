"""Stock ccxt, its sync classes unchanged but for their urls, trades at the exchange.

ccxt is looked for in this environment, else in the Python that BREAKOUT_CCXT_PYTHON
names; without either the test is skipped.
"""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio

from tests.loopback.client import exchange

CHILD = Path(__file__).with_name("ccxt_child.py")


def python_with_ccxt() -> str:
    if importlib.util.find_spec("ccxt") is not None:
        return sys.executable
    return os.environ.get("BREAKOUT_CCXT_PYTHON", "")


@pytest.mark.skipif(not python_with_ccxt(), reason="no ccxt: BREAKOUT_CCXT_PYTHON")
async def test_ccxt_trades_a_round_trip_on_both_venues() -> None:
    async with exchange(speed="1") as client:
        command = [python_with_ccxt(), str(CHILD), f"http://127.0.0.1:{client.port}"]
        done: subprocess.CompletedProcess[bytes] = await trio.run_process(
            command, capture_stdout=True, capture_stderr=True, check=False
        )
        assert done.returncode == 0, done.stderr.decode()
        truth = await client.sim("GET", "truth")
    told: dict[str, Any] = msgspec.json.decode(done.stdout)
    assert told["futures"] == {
        "markets": 2,
        "precision": {"amount": 1e-5, "price": 0.1, "base": 1e-8, "quote": 1e-8},
        "candles": 20,
        "leverage": 5,
        "margin": "isolated",
        "hedged": False,
        "entry": [["entry", "closed", 0.01]],
        "open": [["limit", "open", 0.0]],
        "stops": [["stop", "open", 0.0], ["take", "open", 0.0]],
        "asked": ["open", "open"],
        "position": [0.01, "long", 5.0],
        "trades": 1,
        "cancelled": "canceled",
        "flat": [],
        "left": [],
        "refused": ["BadRequest", "ExchangeError", "OrderNotFound", "OrderNotFound"],
        "withdraw": False,
    }
    assert told["spot"] == {
        "bought": ["closed", 0.02, "BTC"],
        "open": [["limit", "open", 0.0], ["stop", "open", 0.0]],
        "used": 0.01,
        "cancelled": ["canceled", "canceled"],
        "trades": 1,
        "day": "BTC/USDT",
    }
    for venue in ("spot", "usdm"):
        assert truth[venue]["doubled"] == []
