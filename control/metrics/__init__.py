"""`/metrics`: the engine's numbers in the words of Prometheus.

Everything is read from the engine's last published state when somebody asks; nothing is
counted here, kept here or registered anywhere. What is UNKNOWN is NaN, never zero.

Labels are bounded: kinds, states, limits, buckets and the actors that are no symbols
have fixed numbers of values; by symbol there is only the age of its data and whether it
is quarantined or halted.
"""

from collections.abc import Iterator

from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.metrics_core import Metric

from actors.domain.views import EngineView
from control.live.hub import Hub
from control.metrics.account import account_metrics
from control.metrics.exchange import exchange_metrics
from control.metrics.machine import machine_metrics
from control.metrics.trading import trading_metrics

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4


class One:
    """One family in the shape in which prometheus-client writes many."""

    def __init__(self, family: Metric) -> None:
        self._family = family

    def collect(self) -> Iterator[Metric]:
        """Give the family."""
        yield self._family


def metrics_pieces(engine: EngineView, hub: Hub) -> Iterator[bytes]:
    """Write the families one by one: between two of them the engine may have a turn."""
    rows, numbers = engine.symbols(), engine.numbers()
    for families in (
        trading_metrics(engine, rows, numbers),
        account_metrics(engine),
        exchange_metrics(engine),
        machine_metrics(engine, rows, numbers, hub.statistics()),
    ):
        for family in families:
            yield generate_latest(One(family))


def metrics_text(engine: EngineView, hub: Hub) -> bytes:
    """Write every metric in the text format; its content type is CONTENT_TYPE."""
    return b"".join(metrics_pieces(engine, hub))
