"""What the engine does: state, bars, signals, orders, symbols."""

from collections import Counter
from collections.abc import Iterator
from importlib.metadata import version

from prometheus_client.metrics_core import InfoMetricFamily, Metric

from actors.domain.phases import ORDER_MACHINE, Phase, SymbolPhase
from actors.domain.severity import Severity
from actors.domain.shown.machine import EngineNumbers
from actors.domain.shown.symbols import SymbolRow
from actors.domain.views import EngineView
from control.metrics.families import (
    Number,
    counter,
    counters,
    gauge,
    gauges,
    seconds,
    states,
)

#: Read once: it looks into files.
VERSION = version("breakout-engine")
LIVE = tuple(state for state, following in ORDER_MACHINE.items() if following)
OUTCOMES = ("placed", "refused", "unknown")


def trading_metrics(
    engine: EngineView, rows: tuple[SymbolRow, ...], numbers: EngineNumbers
) -> Iterator[Metric]:
    """Give every family of what the engine does."""
    seen = engine.status()
    about = {
        "version": VERSION,
        "preset": seen.preset or "",
        "mode": seen.mode,
    }
    yield InfoMetricFamily("breakout_engine", "What runs.", about)
    yield gauge("live", "Whether the tree of actors runs.", engine.live())
    yield gauge("ready", "Whether commands can be taken.", engine.ready())
    yield states("state", "The global state machine.", seen.state, Phase)
    yield gauge("slots_free", "Positions that could still be opened.", seen.slots)
    yield gauge("positions_open", "Open positions.", seen.open_positions)
    meaning = "Bar to decision, mean of the newest bars."
    yield gauge("bar_latency_seconds", meaning, seconds(seen.latency_ms))
    metrics = engine.metrics()
    yield gauge("uptime_seconds", "Since this process traded.", metrics.uptime)
    yield counter("cycles", "Steps of the market.", metrics.cycle_count)
    yield from _counted(numbers)
    yield from _symbols(rows, numbers)


def _counted(numbers: EngineNumbers) -> Iterator[Metric]:
    yield counter("bars", "Bars evaluated, over all symbols.", numbers.bars)
    yield counter("candidates", "Bars that passed every filter.", numbers.candidates)
    yield counter("signals", "Complete trade ideas.", numbers.signals)
    yield counter("entries", "Entries that were sent.", numbers.entries)
    yield counter("trades", "Positions that have ended.", numbers.trades)
    yield counters(
        "alerts",
        "Alerts by severity.",
        "severity",
        {s: numbers.alerts.get(s, 0) for s in Severity},
    )
    orders: dict[str, Number] = {s: numbers.orders.get(s, 0) for s in LIVE}
    yield gauges("orders", "Live orders by state.", "state", orders)
    yield counters(
        "order_answers",
        "Answers of the exchange to what was sent.",
        "outcome",
        {o: numbers.outcomes.get(o, 0) for o in OUTCOMES},
    )


def _symbols(rows: tuple[SymbolRow, ...], numbers: EngineNumbers) -> Iterator[Metric]:
    phases = Counter(row.phase for row in rows)
    yield gauges(
        "symbols", "Symbols by phase.", "phase", {p: phases[p] for p in SymbolPhase}
    )
    stale, aside = numbers.stale_symbols, numbers.quarantined_symbols
    yield gauge("symbols_stale", "Symbols whose data is too old.", stale)
    yield gauge("symbols_quarantined", "Symbols put aside after crashes.", aside)
    deepest = max((row.mailbox_depth for row in rows), default=0)
    meaning = "The longest queue of a symbol's actor, in messages."
    yield gauge("symbol_mailbox_depth_highest", meaning, deepest)
    restarts = sum(row.restarts for row in rows)
    yield counter("symbol_restarts", "Restarts of symbols' actors.", restarts)
    faults = sum(row.data_faults for row in rows)
    yield gauge("symbol_faults", "Faults found in the market's data.", faults)
    yield gauges(
        "symbol_refused",
        "Symbols that take no entries: halted, quarantined or away.",
        "symbol",
        {row.symbol: 1 for row in rows if row.quarantine_reason is not None},
    )
    oldest = numbers.feed_age_ms_max
    meaning = "The oldest data of any symbol, market time."
    yield gauge("feed_oldest_seconds", meaning, seconds(oldest))
    yield gauges(
        "feed_age_seconds",
        "Since the newest data of a symbol, market time.",
        "symbol",
        {row.symbol: seconds(row.feed_age_ms) for row in rows},
    )
