"""Measures a bar of a held symbol at the paper exchange, and a round trip of orders.

`python -m tests.bench.paper_exchange` prints JSON for an exchange in memory and for one
on a file: CPU microseconds per bar in which nothing happens to a position with a stop
and a target, per step without any bar, and per market order filled.
"""

import json
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time_ns
from typing import Any

import numpy as np
import trio

from actors.domain.orders import OrderKind, OrderRequest, Side
from actors.exchange.paper.book import PaperSettings
from actors.exchange.paper.exchange import PaperExchange
from actors.exchange.paper.opening import open_account
from actors.exchange.paper.store import AccountIdentity, PaperStore
from actors.runtime.clock import MarketClock
from tests.unit.paper_desk import MINUTE, bar, instrument

SYMBOLS = [f"S{i:03}" for i in range(300)]
STEPS = 40
EMPTY_STEPS = 2_000
DEPOSIT = Decimal(10_000_000)


async def hold_everything(exchange: PaperExchange, row: Any) -> None:
    for symbol in SYMBOLS:
        for name, kind, more in (
            ("entry", OrderKind.MARKET, {}),
            ("stop", OrderKind.STOP_MARKET, {"stop_price": Decimal(90)}),
            ("target", OrderKind.LIMIT, {"limit_price": Decimal(110)}),
        ):
            side = Side.LONG if name == "entry" else Side.SHORT
            request = OrderRequest(
                f"{symbol}-{name}",
                symbol,
                side,
                kind,
                Decimal(1),
                reduce_only=name != "entry",
                **more,
            )
            await exchange.place(request)
    await play(exchange, row, EMPTY_STEPS)


async def play(exchange: PaperExchange, row: Any, step: int) -> None:
    for symbol in sorted(exchange.active()):
        exchange.open_bar(symbol, row, step * MINUTE, (step + 1) * MINUTE)
    while await exchange.play((step + 1) * MINUTE):
        pass


async def measure(store: PaperStore | None) -> dict[str, float]:
    instruments = [instrument(symbol) for symbol in SYMBOLS]
    given = (instruments, PaperSettings(), MarketClock(), DEPOSIT)
    exchange = PaperExchange(*given, store)
    exchange.connect(lambda _: None)
    row = np.void(bar((100, 101, 99, 100))[0])
    empty = process_time_ns()
    for step in range(EMPTY_STEPS):
        await exchange.play((step + 1) * MINUTE)
    started = process_time_ns()
    await hold_everything(exchange, row)
    opened = process_time_ns()
    for step in range(1, 1 + STEPS):
        await play(exchange, row, EMPTY_STEPS + step)
    ended = process_time_ns()
    assert len(exchange.state.positions) == len(SYMBOLS)
    return {
        "us_per_idle_bar": round((ended - opened) / 1e3 / STEPS / len(SYMBOLS), 2),
        "us_per_empty_step": round((started - empty) / 1e3 / EMPTY_STEPS, 2),
        "us_per_entry_with_exits": round((opened - started) / 1e3 / len(SYMBOLS), 1),
    }


async def main() -> None:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        identity = AccountIdentity("bench", "bench", None, MINUTE, "300 symbols")
        account = open_account(folder / "paper.sqlite", identity, DEPOSIT)
        figures = {
            "in_memory": await measure(None),
            "on_file": await measure(stack.enter_context(account)),
        }
    print(json.dumps({"bench": "paper_exchange", "symbols": len(SYMBOLS), **figures}))


if __name__ == "__main__":
    trio.run(main)
