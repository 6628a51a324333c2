"""From what was asked and the opened market to the engine that is to be."""

import math
from functools import partial

import msgspec

from actors.domain import ids
from actors.domain.bars import empty_bars
from actors.domain.findings import SymbolContext
from actors.domain.strategies.loader import load_strategy
from actors.exchange.paper.book import PaperSettings
from actors.feed import Pace
from actors.runtime.clock import WallClock
from actors.setup import EngineSetup
from actors.watchdog import ResourceLimits
from config.settings import MonitorGroup, Settings
from control.shell.opened import Opened
from control.shell.options import RunOptions

WAIT_SECONDS_MAX = 1.0


def prepare(options: RunOptions, opened: Opened) -> EngineSetup:
    """Compile the strategy for the market: all that comes before the clock."""
    settings = options.settings
    engine_id = settings.engine.engine_id
    setup = EngineSetup(
        engine_id=engine_id,
        session=ids.session_id(engine_id, WallClock().now_ms()),
        market=opened.market,
        strategy=partial(load_strategy, options.strategy),
        pace=pace_of(options, opened),
        seed=settings.engine.seed,
        equity_usd=settings.engine.equity_usd,
        paper=paper_settings(settings),
        journal_path=options.journal_path,
        history_steps=opened.history_steps,
        fresh=options.fresh,
        resources=resource_limits(settings.monitor, options.speed),
        supervision=settings.supervision,
        preset=options.preset,
        clock_verdict=opened.clock_verdict,
        exchange_budgets=opened.budgets,
    )
    compile_pipeline(setup)
    if options.data_dir is not None:
        options.data_dir.mkdir(parents=True, exist_ok=True)
    return setup


def pace_of(options: RunOptions, opened: Opened) -> Pace:
    """Say how fast to walk, how far, and how long to wait for one symbol.

    Flat out, a replay waits for a symbol that starts again, so that it repeats itself
    exactly. In time with a clock the others go first: a bad symbol may cost them a
    quarter of a bar at the most. A real market sets the pace itself.
    """
    if opened.is_real:
        return Pace(math.inf, WAIT_SECONDS_MAX, options.duration_ms)
    if math.isinf(options.speed):
        return Pace(options.speed, duration_ms=options.duration_ms)
    bar_seconds = opened.market.describe().timeframe_ms / 1000 / options.speed
    wait_seconds = min(WAIT_SECONDS_MAX, bar_seconds / 4)
    return Pace(options.speed, wait_seconds, options.duration_ms)


def compile_pipeline(setup: EngineSetup) -> None:
    """Let one bar through one pipeline, so that compiling is over before the start."""
    described = setup.market.describe()
    strategy = setup.strategy(setup.library.find(setup.preset))
    context = SymbolContext(described.instruments[0], described.timeframe_ms)
    strategy.pipeline(context).advance(empty_bars(1), 0, 1)


def resource_limits(wanted: MonitorGroup, speed: float) -> ResourceLimits:
    """Take the monitor's limits; a replay at full speed is meant to use its core."""
    return ResourceLimits(
        cpu_percent_max=math.inf if math.isinf(speed) else wanted.cpu_percent_max,
        rss_mib_max=wanted.memory_mb_max,
        disk_free_mib_min=wanted.disk_free_mb_min,
        descriptors_percent_max=wanted.descriptors_percent_max,
        loop_lag_ms_max=wanted.loop_lag_ms_max,
    )


def paper_settings(settings: Settings) -> PaperSettings:
    """Take the paper exchange's numbers from the settings, name by name."""
    given = msgspec.structs.asdict(settings.paper)
    return PaperSettings(**given)
