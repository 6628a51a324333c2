"""A deterministic world: the real engine on a hand-written market and script.

`World` says what happens: bars, what each symbol finds on which bar, which bar makes
a pipeline fail, and what the exchange does wrong. `living` runs the engine in it and
gives a `Stage` from which a test commands, waits for bars and reads the journal.
"""

import math
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import trio

from actors.clockguard import ClockVerdict
from actors.domain.bars import Bars, Instrument, MarketDescription, empty_bars
from actors.domain.findings import (
    FINDING,
    LevelView,
    Strategy,
    SymbolContext,
    Tally,
)
from actors.domain.live import CONFIRMATION, LiveRules
from actors.domain.messages import Command, CommandAnswer, Published, Role
from actors.engine import Engine, open_engine
from actors.exchange.paper.book import PaperSettings
from actors.exchange.paper.opening import account_identity, open_account
from actors.feed import Pace
from actors.journal import Kind, Row, open_journal
from actors.market.port import Block
from actors.projections import Projections
from actors.runtime import SupervisorSpec
from actors.runtime.clock import MarketClock
from actors.setup import EngineSetup
from actors.watchdog import ResourceLimits
from config.load import dump_preset, load_preset
from config.preset import Preset
from config.settings import SupervisionGroup
from tests.presets import changed
from tests.sim.script import Found
from tests.sim.venue import Venue

MINUTE_MS = 60_000
START_MS = 1_700_006_400_000  # midnight UTC
SYMBOLS = ("AAA/USDT:USDT", "BBB/USDT:USDT", "CCC/USDT:USDT")
A, B, C = SYMBOLS
REASONS = ("", "too_quiet", "opposite")
#: Money so large and limits so wide that no symbol ever feels another one.
WIDE = {
    "risk.daily_risk_limit": Decimal(1),
    "risk.kill_switch_loss_limit": Decimal(1),
    "risk.max_concurrent_positions": 10,
    "risk.max_position_size_usd": Decimal(500),
    "risk.max_consecutive_losses": 20,
    "risk.max_same_direction_notional_ratio": Decimal(100),
    "risk.max_total_risk": Decimal(1),
    "risk.max_opens_per_minute": 1000,
    "risk.correlated_exposure_block": Decimal(1),
    "risk.leverage_max": Decimal(100),
    "execution_config.size_skip_below": Decimal("0.0001"),
    "execution_config.entry_band_bps": Decimal(200),
    "position_config.exit_rules.weak_impulse_bars": 0,
    "position_config.exit_rules.failed_breakout_bars": 0,
}


def preset(**others: Any) -> Preset:
    """Give the wide preset with fields changed; `__` stands for a dot."""
    made = changed(load_preset("breakout_v1"), "name", "scripted")
    fields = WIDE | {name.replace("__", "."): value for name, value in others.items()}
    for path, value in fields.items():
        made = changed(made, path, value)
    return made


class ScriptedPipeline:
    """Finds on each bar what the world's script says."""

    reasons = REASONS
    signal_kinds = ("scripted",)

    def __init__(self, world: "World", symbol: str) -> None:
        self._world = world
        self._symbol = symbol
        self._seen = 0

    def advance(self, bars: Bars, start: int, stop: int) -> Any:
        rows = [row for at in range(start, stop) for row in self._bar(bars[at])]
        found = np.zeros(len(rows), FINDING)
        found["obstacles"] = np.nan
        for name in ("opposite_depth_usd", "exit_depth_usd", "spread_bps", "level"):
            found[name] = np.nan
        for number, row in enumerate(rows):
            for name, value in row.items():
                found[number][name] = value
        return found

    def _bar(self, bar: Any) -> Iterator[dict[str, Any]]:
        number = (int(bar["ts"]) - START_MS) // MINUTE_MS
        self._world.meet(self._symbol, number)
        self._seen += 1
        common = {"ts": int(bar["ts"]) + MINUTE_MS, "entry": float(bar["close"])}
        for row in self._world.script.get((self._symbol, number), ()):
            yield common | row

    def tally(self) -> Tally:
        return Tally(("evaluations",), np.array([self._seen]))

    def funnel(self) -> dict[str, int]:
        return self.tally().told()

    def last_rejection(self) -> tuple[str, float, float, int] | None:
        return None

    def score(self) -> float:
        return float("nan")

    def levels(self) -> tuple[LevelView, ...]:
        return ()

    def nearest_level_atr(self) -> float:
        return float("nan")

    def snapshot(self) -> bytes:
        return b""

    def restore(self, snapshot: bytes) -> None:
        """Nothing is remembered."""


class ScriptedStrategy:
    """Makes scripted pipelines."""

    name = "scripted"
    warmup_ms = 20 * MINUTE_MS

    def __init__(self, world: "World") -> None:
        self._world = world

    def pipeline(self, context: SymbolContext) -> ScriptedPipeline:
        self._world.cast(context.instrument.symbol)
        return ScriptedPipeline(self._world, context.instrument.symbol)


class World:
    """What happens; also the Market that the engine trades on."""

    def __init__(
        self,
        script: dict[tuple[str, int], Found] | None = None,
        *,
        closes: dict[str, list[float]] | None = None,
        bars: int = 40,
        symbols: tuple[str, ...] = SYMBOLS,
        volume: float = 1e5,
    ) -> None:
        self.script = script or {}
        self.symbols = symbols
        self.bars = {
            name: flat_bars((closes or {}).get(name, []), bars, volume)
            for name in symbols
        }
        #: (symbol, bar) -> how often it still makes the pipeline raise.
        self.faults: dict[tuple[str, int], int] = {}
        #: Called when a symbol's pipeline is made.
        self.cast: Callable[[str], None] = lambda _symbol: None
        self.preset = preset()
        self.pace = Pace(speed=60.0)  # one bar a (virtual) second
        self.paper = PaperSettings()
        self.supervision = SupervisionGroup()
        self.equity = Decimal(100_000)
        self.seed = 1
        self.venue: type[Venue] = Venue
        self.clock_verdict: Callable[[], ClockVerdict] = lambda: ClockVerdict.GOOD
        self.live: LiveRules | None = None
        self.lists_change = False
        self.exchange_now_ms: Callable[[], int] | None = None

    def meet(self, symbol: str, number: int) -> None:
        """Raise where the script wants a failure."""
        if self.faults.get((symbol, number), 0) > 0:
            self.faults[symbol, number] -= 1
            msg = f"bar {number} of {symbol}"
            raise ZeroDivisionError(msg)

    def strategy(self, _preset: Preset) -> Strategy:
        return ScriptedStrategy(self)

    def describe(self) -> MarketDescription:
        count = max(len(bars) for bars in self.bars.values())
        return MarketDescription(
            name="scripted",
            timeframe_ms=MINUTE_MS,
            instruments=tuple(one_instrument(name) for name in self.symbols),
            bars_total=count * len(self.symbols),
            start_ms=START_MS,
            end_ms=START_MS + count * MINUTE_MS,
            benchmark=None,
            faults=(),
            lists_change=self.lists_change,
        )

    def blocks(self) -> Iterator[Block]:
        yield Block(tuple(self.bars[name] for name in self.symbols))


def one_instrument(symbol: str) -> Instrument:
    return Instrument(
        symbol=symbol,
        base=symbol.partition("/")[0],
        quote="USDT",
        tick_size=Decimal("0.01"),
        lot_size=Decimal("0.001"),
        quantity_min=Decimal("0.001"),
        notional_min=Decimal(5),
        shortable=":" in symbol,
        maker_fee_bps=Decimal(2),
        taker_fee_bps=Decimal(5),
    )


def flat_bars(closes: list[float], count: int, volume: float) -> Bars:
    """Bars that open at the close before and stand still at 100 after `closes`."""
    count = max(count, len(closes))
    last = closes[-1] if closes else 100.0
    path = np.array([*closes, *[last] * (count - len(closes))])
    bars = empty_bars(count)
    bars["ts"] = START_MS + np.arange(count) * MINUTE_MS
    bars["close"] = path
    bars["open"] = [path[0], *path[:-1]]
    bars["high"] = np.maximum(bars["open"], bars["close"]) + 0.05
    bars["low"] = np.minimum(bars["open"], bars["close"]) - 0.05
    bars["volume"] = volume
    return bars


# --- the stage ---------------------------------------------------------------------


class Stage:
    """A running engine, as a test sees it."""

    def __init__(self, world: World, engine: Engine, facts: list[Published]) -> None:
        self.world = world
        self.engine = engine
        self.facts = facts
        self.view = Projections(engine)
        self._serial = 0

    @property
    def venue(self) -> Venue:
        venue = self.engine.exchange
        assert isinstance(venue, Venue)
        return venue

    @property
    def state(self) -> Any:
        return self.engine.risk_state

    @property
    def machine(self) -> Any:
        return self.engine.risk.desk.machine

    async def command(self, name: str, **args: Any) -> CommandAnswer:
        self._serial += 1
        order = Command(f"test-{self._serial}", name, args, "test", Role.ADMIN)
        return await self.view.command(order)

    async def bar(self, number: int) -> None:
        """Wait until bar `number` of the market has closed and was weighed."""
        await self.until(lambda: self.state.counts["cycles"] > number)

    async def over(self) -> None:
        """Wait until the market is over."""
        with trio.fail_after(3600):
            await self.engine.market_over.wait()

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds, in virtual time."""
        with trio.fail_after(3600):
            while not holds():  # noqa: ASYNC110 - the world has no event for it
                await trio.sleep(0.01)

    async def rows(self, kind: Kind, symbol: str | None = None) -> tuple[Row, ...]:
        await self.engine.journal.commit()
        rows = await self.engine.journal.rows(kind, symbol=symbol, limit=10_000)
        assert len(rows) < 10_000
        return rows

    async def bodies(self, kind: Kind, symbol: str | None = None) -> list[Any]:
        rows = await self.rows(kind, symbol)
        return [msgspec.json.decode(row.body) for row in rows]

    async def walked(self) -> list[tuple[str, str]]:
        """Every step of the global machine, from the journal."""
        steps = await self.bodies(Kind.TRANSITION)
        return [(step["source"], step["target"]) for step in steps]

    def published(self, kind: str) -> list[Any]:
        return [fact.data for fact in self.facts if fact.kind == kind]


class _Facts:
    def __init__(self) -> None:
        self.kept: list[Published] = []

    watched = True

    def publish(self, fact: Published) -> None:
        self.kept.append(fact)


@asynccontextmanager
async def living(
    world: World,
    where: Path,
    *,
    start: bool = True,
    account: bool = False,
    journal: bool = False,
) -> AsyncIterator[Stage]:
    """Run the engine in a world; leaving the block ends it in order.

    `account`: the exchange is on a file in `where` and outlives the block; `journal`:
    so is the engine's book.
    """
    path = where / "scripted.json"
    path.write_bytes(dump_preset(world.preset))
    facts = _Facts()

    def attach(engine: Engine) -> tuple[_Facts, tuple[SupervisorSpec, ...]]:
        assert isinstance(engine.exchange, Venue)
        engine.exchange.journal = engine.journal
        engine.wall = MarketClock(START_MS)  # type: ignore[assignment]  # a wall that stands still
        return facts, ()

    @asynccontextmanager
    async def open_venue(
        market: MarketDescription, clock: MarketClock
    ) -> AsyncIterator[Venue]:
        given = (market.instruments, world.paper, clock, world.equity)
        if not account:
            yield world.venue(*given)
            return
        identity = account_identity("sim", market, world.seed)
        with open_account(where / "paper.sqlite", identity, world.equity) as store:
            yield world.venue(*given, store)

    setup = EngineSetup(
        engine_id="sim",
        session="s-sim",
        market=world,
        strategy=world.strategy,
        pace=world.pace,
        seed=world.seed,
        equity_usd=world.equity,
        paper=world.paper,
        journal_path=where / "journal.sqlite" if journal else None,
        resources=ResourceLimits(math.inf, 1e9, 100.0, 0.0, 10_000, 100.0, math.inf),
        supervision=world.supervision,
        preset=str(path),
        exchange=open_venue,
        clock_verdict=world.clock_verdict,
        exchange_now_ms=world.exchange_now_ms,
        live=world.live,
    )
    in_the_loop = partial(open_journal, threaded=False)
    with pytest.MonkeyPatch.context() as patch:  # simulated time waits for no thread
        patch.setattr("actors.engine.open_journal", in_the_loop)
        async with open_engine(setup, attach) as engine:
            stage = Stage(world, engine, facts.kept)
            if start:
                word = {} if world.live is None else {"confirm": CONFIRMATION}
                answer = await stage.command("start", preset=str(path), **word)
                assert answer.ok, answer.message
            yield stage
