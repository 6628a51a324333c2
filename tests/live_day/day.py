"""One live day: starts the exchange and the engine, watches, and has it judged."""

import sys
from collections.abc import Sequence
from contextlib import suppress
from itertools import cycle
from pathlib import Path
from typing import Any

import httpx
import msgspec
import psutil
import trio

from actors.journal import Kind, Row, open_reader
from actors.loopback.faults.menu import parse
from actors.market.live.dialect import Listed
from actors.market.live.exchanges import DIALECTS
from actors.risk.orders.records import AccountOpened
from config.library import PresetLibrary
from tests.bench.loopback import exchange
from tests.live_day.engine import Wish
from tests.live_day.judge import Day, bare_seconds, judge

HOUR_MS = 3_600_000
#: Everything on the menu that an account can meet, at rates of a very bad day.
#: A person's own orders and a delisting are left out: they end in halted symbols, as
#: they must, and in no more trades.
FAULTS = ",".join(
    (
        *("request_lost=0.005", "answer_lost=0.005", "executed_late=0.005:ms=2000"),
        *("error_after=0.005", "error_before=0.005", "refused_unlisted=0.01:on=place"),
        *("slow_answers=0.005:ms=1500", "connection_reset=0.005"),
        *("garbage_body=0.002", "rate_storm=0.0002"),
        *("query_blind=0.05:ms=3000", "partial_pages=0.02"),
        *("cancel_races=0.1", "stop_refused=0.02", "stop_vanishes=0.02:ms=2000"),
        *("stop_stuck=0.01", "fill_twice=0.1", "fill_shuffled=0.1"),
        *("fill_missing=0.05", "listen_key_expires=0.002"),
        *("feed_dropped=0.0001", "feed_twice=0.001", "feed_shuffled=0.001"),
        *("socket_silent=0.0005", "socket_dropped=0.002"),
    )
)
#: Every so often, for so long: the whole exchange, its clock, all its streams.
EPISODES = (
    {"maintenance": {"chance": 1.0}},
    {"clock_skew": {"chance": 1.0, "ms": 60_000}},
    {"feed_frozen": {"chance": 1.0}},
    {"server_shutdown": {"chance": 1.0, "ms": 5_000, "count": 2}},
)
EPISODE_EVERY_MS, EPISODE_MS = 5_400_000, 180_000
SAMPLE_SECONDS = 5.0
VENUES = {"binance": "spot", "binanceusdm": "usdm"}


class Chosen(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for."""

    folder: Path
    hours: float = 10.0
    symbols: int = 300
    speed: float = 30.0
    seed: int = 1
    strategy: str = "breakout"
    preset: str = "breakout_v1"
    faults: str = FAULTS
    exchange: str = "binanceusdm"


async def live_day(chosen: Chosen) -> tuple[Day, dict[str, Any]]:
    """Live it; gives all that is left of it, and what there is to tell."""
    words = [
        *("--symbols", str(chosen.symbols), "--speed", str(chosen.speed)),
        *("--seed", str(chosen.seed)),
    ]
    with exchange(*words) as (process, port):
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as asked:
            seen = await _lived(chosen, asked, port)
        cpu = psutil.Process(process.pid).cpu_times()
    day = _day(chosen, await _rows(chosen.folder / "journal.sqlite"), seen)
    report = msgspec.json.decode((chosen.folder / "report.json").read_bytes())
    truth, status = seen.truth, seen.status
    names = ("trades", "signals", "illegal_transitions", "cpu_s", "restarts")
    return day, {
        **{name: getattr(chosen, name) for name in ("hours", "symbols", "speed")},
        **{name: report[name] for name in names},
        "slips": status["slips"],
        "orders": len(truth[day.venue]["intents"]),
        "orders_per_intent_most": max(truth[day.venue]["intents"].values(), default=0),
        "fills": len(truth[day.venue]["fills"]),
        "faults": status["faults"],
        "limits": status["limits"],
        "bare_seconds_most": max(map(bare_seconds, truth["bare"]), default=0.0),
        "rss_mb": seen.rss_mb[:: max(1, len(seen.rss_mb) // 20)],
        "exchange_cpu_s": cpu.user + cpu.system,
        "divergence": report["divergence"] and report["divergence"]["totals"],
        "broken": judge(day),
    }


class Witnessed(msgspec.Struct, frozen=True):
    """What the exchange and the system saw."""

    truth: dict[str, Any]
    status: dict[str, Any]
    listed: Sequence[Listed]
    rss_mb: list[float]


async def _lived(chosen: Chosen, asked: httpx.AsyncClient, port: int) -> Witnessed:
    async def tell(path: str) -> bytes:
        return (await asked.get(path)).raise_for_status().content

    clock = msgspec.json.decode(await tell("/sim/clock"))
    body = await tell("/fapi/v1/exchangeInfo")
    listed = DIALECTS[chosen.exchange].rest.read_listed(body)
    wish = Wish(
        port=port,
        folder=str(chosen.folder),
        speed=chosen.speed,
        symbols=chosen.symbols,
        allowed=tuple(one.instrument.symbol for one in listed),
        market_ms=clock["marketMs"],
        monotonic=clock["monotonic"],
        duration_ms=int(chosen.hours * HOUR_MS),
        strategy=chosen.strategy,
        preset=chosen.preset,
        exchange=chosen.exchange,
    )
    await _switch(asked, msgspec.to_builtins(parse(chosen.faults)))
    memory = await _traded(wish, asked)
    truth, status = await tell("/sim/truth"), await tell("/sim/status")
    decoded = map(msgspec.json.decode, (truth, status))
    return Witnessed(*decoded, listed, memory)


async def _switch(asked: httpx.AsyncClient, faults: dict[str, Any]) -> None:
    (await asked.post("/sim/faults", json=faults)).raise_for_status()


async def _traded(wish: Wish, asked: httpx.AsyncClient) -> list[float]:
    """Run the engine to its end; gives its memory as it went."""
    told = msgspec.json.encode(wish).decode()
    command = [sys.executable, "-m", "tests.live_day.engine", told]
    memory: list[float] = []
    async with trio.open_nursery() as nursery:
        process = await nursery.start(trio.run_process, command)
        nursery.start_soon(_trouble, wish, asked)
        watched = psutil.Process(process.pid)
        while process.poll() is None:
            with suppress(psutil.NoSuchProcess):
                memory.append(round(watched.memory_info().rss / 2**20, 1))
            with trio.move_on_after(SAMPLE_SECONDS):
                await process.wait()
        nursery.cancel_scope.cancel()
    return memory


async def _trouble(wish: Wish, asked: httpx.AsyncClient) -> None:
    """Now and then, take the whole exchange from under the engine for a while."""
    for episode in cycle(EPISODES):
        await trio.sleep(EPISODE_EVERY_MS / 1000 / wish.speed)
        await _switch(asked, episode)
        await trio.sleep(EPISODE_MS / 1000 / wish.speed)
        await _switch(asked, dict.fromkeys(episode))


async def _rows(path: Path) -> list[Row]:
    async with open_reader(path) as reader:
        return [row async for page in reader.replay(tuple(Kind)) for row in page]


def _day(chosen: Chosen, rows: list[Row], seen: Witnessed) -> Day:
    opened = next(row for row in rows if row.kind is Kind.ACCOUNT)
    return Day(
        rows=rows,
        truth=seen.truth,
        status=seen.status,
        venue=VENUES[chosen.exchange],
        natives={one.instrument.symbol: one.native for one in seen.listed},
        preset=PresetLibrary().find(chosen.preset),
        instruments={one.instrument.symbol: one.instrument for one in seen.listed},
        equity=msgspec.json.decode(opened.body, type=AccountOpened).cash,
        rss_mb=seen.rss_mb,
    )
