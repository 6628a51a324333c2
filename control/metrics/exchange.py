"""What is left of each exchange's patience: its budget, bans, breaker, faults."""

from collections.abc import Callable, Iterator

from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    Metric,
)

from actors.domain.shown.exchange import ExchangeBudget
from actors.domain.views import EngineView
from control.metrics.families import Number, counters, gauges

BREAKER = {"closed": 0, "half-open": 1, "open": 2}


def exchange_metrics(engine: EngineView) -> Iterator[Metric]:
    """Give every family of the exchanges; without samples where there is none."""
    rows = engine.exchange_budgets()

    def by(of: Callable[[ExchangeBudget], Number]) -> dict[str, Number]:
        return {row.exchange: of(row) for row in rows}

    label, used = "exchange", by(lambda row: row.weight_used)
    yield gauges("exchange_weight_used", "Weight used in the window.", label, used)
    limit = by(lambda row: row.weight_limit)
    yield gauges("exchange_weight_limit", "Weight allowed in it.", label, limit)
    others = by(lambda row: row.weight_others)
    meaning = "Weight expected of other programs on this address."
    yield gauges("exchange_weight_others", meaning, label, others)
    banned = by(lambda row: int(row.banned_until_ms is not None))
    yield gauges("exchange_banned", "Whether nothing is sent.", label, banned)
    breaker = by(lambda row: BREAKER[row.breaker])
    meaning = "The breaker: 0 closed, 1 half-open, 2 open."
    yield gauges("exchange_breaker", meaning, label, breaker)
    asked = by(lambda row: row.requests)
    yield counters("exchange_requests", "Requests sent.", label, asked)
    again = by(lambda row: row.retries)
    yield counters("exchange_retries", "Reads that were asked again.", label, again)
    refused = by(lambda row: row.refused)
    yield counters("exchange_refused", "Requests that were not sent.", label, refused)
    yield from _by_kind(rows)


def _by_kind(rows: tuple[ExchangeBudget, ...]) -> Iterator[Metric]:
    waiting = GaugeMetricFamily(
        "breakout_exchange_waiting", "Requests that wait.", labels=["exchange", "lane"]
    )
    faults = CounterMetricFamily(
        "breakout_exchange_faults", "Faults by kind.", labels=["exchange", "fault"]
    )
    for row in rows:
        for lane, count in row.waiting.items():
            waiting.add_metric([row.exchange, lane], count)
        for fault, count in row.faults.items():
            faults.add_metric([row.exchange, fault], count)
    yield waiting
    yield faults
