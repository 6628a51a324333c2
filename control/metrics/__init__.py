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
from control.metrics.machine import machine_metrics
from control.metrics.trading import trading_metrics

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4


class EngineCollector:
    """Collects all families of one engine, as prometheus-client asks for them."""

    def __init__(self, engine: EngineView, hub: Hub) -> None:
        self._engine = engine
        self._hub = hub

    def collect(self) -> Iterator[Metric]:
        """Read the engine once and give every family."""
        yield from trading_metrics(self._engine)
        yield from account_metrics(self._engine)
        yield from machine_metrics(self._engine, self._hub.statistics())


def metrics_text(engine: EngineView, hub: Hub) -> bytes:
    """Write every metric in the text format; its content type is CONTENT_TYPE."""
    return generate_latest(EngineCollector(engine, hub))
