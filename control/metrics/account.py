"""The account: money, limits, exposure, stops, the kill switch."""

import math
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal

from prometheus_client.metrics_core import Metric

from actors.domain.orders import Side
from actors.domain.phases import KillPhase
from actors.domain.shown.money import DayRow, ExposureRow, LimitRow, RiskView
from actors.domain.views import EngineView
from control.metrics.families import Number, counter, gauge, gauges, number, states


def account_metrics(engine: EngineView) -> Iterator[Metric]:
    """Give every family of the account."""
    risk = engine.risk()
    yield from _gate(risk)
    yield from _money(risk.day)
    yield gauge("open_risk_usd", "Lost if every stop is hit.", risk.open_risk_usd)
    yield gauge("open_risk_r", "The same, in R.", risk.open_risk_r)
    yield from _limits(risk.limits)
    yield from _exposed("side", risk.by_side, tuple(Side))
    yield from _exposed("bucket", risk.by_bucket)
    meaning = "Orders that may still fill, unknown ones included."
    yield gauge("reserved_orders", meaning, len(risk.reserved))
    reserved = sum((row.risk_usd for row in risk.reserved), Decimal(0))
    yield gauge("reserved_risk_usd", "What they reserve, at the worst.", reserved)
    yield states("kill_switch", "The kill switch.", risk.kill.phase, KillPhase)
    seen = engine.unprotected()
    meaning = "Positions without a confirmed stop."
    yield gauge("unprotected_positions", meaning, seen.positions)
    meaning = "How long positions were without confirmed stops, market time."
    yield counter("unprotected_seconds", meaning, seen.seconds_total)
    meaning = "The longest such time."
    yield gauge("unprotected_longest_seconds", meaning, seen.seconds_max)


def _gate(risk: RiskView) -> Iterator[Metric]:
    yield gauge("gate_open", "Whether entries are taken.", risk.gate_open)
    yield gauge("paused", "Whether a person has paused.", risk.paused)
    meaning = "Whether our truth was held against the exchange's."
    yield gauge("settled", meaning, risk.settled)
    yield gauge("halted_symbols", "Symbols that wait for a person.", len(risk.halted))


def _money(day: DayRow) -> Iterator[Metric]:
    yield gauge("equity_usd", "Cash and what is open.", day.equity_usd)
    yield gauge("equity_high_usd", "Its highest.", day.equity_high_usd)
    start = day.equity_at_start_usd
    yield gauge("equity_day_start_usd", "At the start of the UTC day.", start)
    yield gauge("kill_baseline_usd", "What losses count from.", day.kill_baseline_usd)
    yield gauge("cash_usd", "Cash.", day.cash_usd)
    yield gauge("day_realized_r", "The day's realised result in R.", day.realized_r)
    meaning = "Losses in a row."
    yield gauge("consecutive_losses", meaning, day.consecutive_losses)


def _limits(rows: tuple[LimitRow, ...]) -> Iterator[Metric]:
    """Tell of each limit the row that is nearest to it: there is one for each side."""
    shares: dict[str, list[float]] = defaultdict(list)
    blocks: dict[str, Number] = defaultdict(int)
    for row in rows:
        shares[row.name].append(_share(row))
        blocks[row.name] = max(number(blocks[row.name]), int(row.blocks))
    meaning = "How much of a limit is used, in flight and unknown included."
    used: dict[str, Number] = {name: _nearest(of) for name, of in shares.items()}
    yield gauges("limit_used_ratio", meaning, "limit", used)
    meaning = "Whether a limit refuses an entry now."
    yield gauges("limit_blocks", meaning, "limit", blocks)


def _share(row: LimitRow) -> float:
    if row.used is None or row.limit == 0:
        return math.nan
    return float(row.used / row.limit)


def _nearest(shares: list[float]) -> float:
    """Return the largest share; where one is UNKNOWN, the largest is unknown too."""
    return math.nan if any(map(math.isnan, shares)) else max(shares)


def _exposed(
    label: str, rows: tuple[ExposureRow, ...], known: tuple[str, ...] = ()
) -> Iterator[Metric]:
    none: dict[str, Number] = dict.fromkeys(known, 0)
    notional = none | {row.key: row.notional_usd for row in rows}
    meaning = f"Held and in flight, by {label}."
    yield gauges(f"{label}_notional_usd", meaning, label, notional)
    loss = none | {row.key: row.loss_usd for row in rows}
    meaning = f"Still to be lost when every stop is hit, by {label}."
    yield gauges(f"{label}_loss_usd", meaning, label, loss)
