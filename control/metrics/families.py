"""Families of metrics, made in one line each."""

import math
from collections.abc import Iterable, Mapping
from decimal import Decimal

from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    Metric,
)

Number = int | float | Decimal | None  # None: UNKNOWN


def number(value: Number) -> float:
    """Give a value as Prometheus has it; what is UNKNOWN is NaN."""
    return math.nan if value is None else float(value)


def gauge(name: str, meaning: str, value: Number) -> Metric:
    """Make a gauge without labels."""
    return GaugeMetricFamily(f"breakout_{name}", meaning, value=number(value))


def counter(name: str, meaning: str, value: Number) -> Metric:
    """Make a counter without labels; `_total` is added to its name."""
    return CounterMetricFamily(f"breakout_{name}", meaning, value=number(value))


def gauges(name: str, meaning: str, label: str, values: Mapping[str, Number]) -> Metric:
    """Make a gauge with one label."""
    family = GaugeMetricFamily(f"breakout_{name}", meaning, labels=[label])
    for key, value in values.items():
        family.add_metric([key], number(value))
    return family


def counters(
    name: str, meaning: str, label: str, values: Mapping[str, Number]
) -> Metric:
    """Make a counter with one label; `_total` is added to its name."""
    family = CounterMetricFamily(f"breakout_{name}", meaning, labels=[label])
    for key, value in values.items():
        family.add_metric([key], number(value))
    return family


def states(name: str, meaning: str, now: str, known: Iterable[str]) -> Metric:
    """Make a gauge that is 1 for the state that holds and 0 for the others."""
    return gauges(name, meaning, "state", {s: int(s == now) for s in known})


def seconds(milliseconds: Number) -> float:
    """Give milliseconds in Prometheus' base unit."""
    return number(milliseconds) / 1000
