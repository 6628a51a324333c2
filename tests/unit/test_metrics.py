"""`/metrics`: Prometheus reads it, UNKNOWN is NaN, and its labels are few."""

import math
from collections import Counter
from typing import Any

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from actors.domain.messages import Role
from actors.domain.phases import Phase
from actors.domain.shown.money import LimitRow
from config.settings import ControlGroup, Settings
from control.app import build_app
from control.door.gate import GateSettings
from control.errors import UnsafeBind
from control.live.hub import Hub
from control.metrics import CONTENT_TYPE, metrics_text
from control.plane import ControlPlane
from tests.engines import TestClock
from tests.histories import InMemoryHistory
from tests.planes import SECRETS, Plane, request
from tests.well import NUMBERS, RISK, WellEngine, limit

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def scraped(engine: WellEngine) -> Samples:
    text = metrics_text(engine, Hub(engine, TestClock())).decode()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def well(symbols: tuple[str, ...] = ()) -> WellEngine:
    return WellEngine(TestClock(), symbols)


def value(samples: Samples, name: str, **labels: str) -> float:
    return samples[f"breakout_{name}", tuple(sorted(labels.items()))]


def test_every_family_has_its_own_name_a_type_and_a_meaning() -> None:
    engine = well()
    text = metrics_text(engine, Hub(engine, TestClock())).decode()
    families = list(text_string_to_metric_families(text))
    assert len(families) > 60
    assert [
        f.name for f in families if not f.documentation or f.type == "unknown"
    ] == []
    assert max(Counter(family.name for family in families).values()) == 1
    counted = {f.name for f in families if f.type == "counter"}
    assert {"breakout_unprotected_seconds", "breakout_bars"} <= counted


def test_values_come_in_prometheus_base_units() -> None:
    samples = scraped(well())
    assert value(samples, "loop_lag_seconds") == 0.012
    assert value(samples, "bar_latency_seconds") == pytest.approx(0.0004)
    assert value(samples, "feed_oldest_seconds") == 1.5
    assert value(samples, "limit_used_ratio", limit="total_risk") == 0.25
    assert value(samples, "order_answers_total", outcome="placed") == 8
    assert value(samples, "mailbox_depth", actor="risk") == 0
    assert value(samples, "equity_usd") == 101


def test_a_state_is_one_and_all_others_are_zero() -> None:
    engine = well()
    engine.walk(Phase.INITIALIZING, Phase.SCANNING)
    samples = scraped(engine)
    states = {p: value(samples, "state", state=p) for p in Phase}
    assert states.pop(Phase.SCANNING) == 1
    assert set(states.values()) == {0}


def test_what_is_unknown_is_nan_and_not_zero() -> None:
    engine = well()
    engine.numbers_now = msgspec.structs.replace(
        NUMBERS, journal_bytes=None, feed_age_ms_max=None
    )
    engine.risk_now = msgspec.structs.replace(RISK, open_risk_r=None)
    engine.lamps["clock"] = "unknown"
    samples = scraped(engine)
    for name in ("journal_size_bytes", "feed_oldest_seconds", "open_risk_r"):
        assert math.isnan(value(samples, name)), name
    assert math.isnan(value(samples, "light", light="clock"))
    assert value(samples, "light", light="feed") == 0


@pytest.mark.parametrize(
    ("rows", "used", "blocks"),
    [
        ([limit("side", "1", "4"), limit("side", "3", "4", blocks=True)], 0.75, 1),
        ([limit("side", "3", "4"), limit("side", "1", "4")], 0.75, 0),
        ([limit("side", "4", "4"), limit("side", None, "4")], math.nan, 0),
        ([limit("side", None, "4"), limit("side", "4", "4")], math.nan, 0),
        ([limit("side", "0", "0")], math.nan, 0),
    ],
)
def test_of_a_limit_with_many_rows_the_nearest_counts(
    rows: list[LimitRow], used: float, blocks: int
) -> None:
    engine = well()
    engine.risk_now = msgspec.structs.replace(RISK, limits=tuple(rows))
    samples = scraped(engine)
    found = value(samples, "limit_used_ratio", limit="side")
    assert found == pytest.approx(used, nan_ok=True)
    assert value(samples, "limit_blocks", limit="side") == blocks


def test_an_exchange_tells_its_budget_its_ban_and_its_faults() -> None:
    samples, of = scraped(well()), {"exchange": "binanceusdm"}
    assert value(samples, "exchange_weight_used", **of) == 1_200
    assert value(samples, "exchange_banned", **of) == 1
    assert value(samples, "exchange_breaker", **of) == 1
    assert value(samples, "exchange_waiting", **of, lane="entry") == 2
    assert value(samples, "exchange_faults_total", **of, fault="network") == 4
    assert value(samples, "exchange_refused_total", **of) == 8
    engine = well()
    engine.budgets = ()
    assert not [name for name, _ in scraped(engine) if "_exchange_" in name]


def test_by_symbol_there_is_the_age_of_its_data_alone() -> None:
    names = tuple(f"S{number}/USDT" for number in range(500))
    engine = well(names)
    row = msgspec.structs.replace(engine.rows["S7/USDT"], quarantine_reason="crashed")
    engine.rows["S7/USDT"] = row
    samples = scraped(engine)
    by_symbol = Counter(
        name for name, labels in samples for _, text in labels if text in names
    )
    assert by_symbol == {"breakout_feed_age_seconds": 500, "breakout_symbol_refused": 1}
    assert len(samples) < 500 + 200


# --- the route -------------------------------------------------------------------


class WellPlane(Plane):
    """A control plane round an engine that has every number."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(settings=GateSettings(**settings))
        engine = WellEngine(self.clock)
        house = msgspec.structs.replace(self.house, engine=engine)
        self.inner = build_app(house, self.hub)


async def scrape(plane: Plane, **headers: str) -> tuple[int, str]:
    answer = await request(plane.inner, "GET", "/metrics", b"", headers)
    return answer.status, answer.headers["content-type"]


async def test_a_viewer_s_token_reads_the_metrics_and_nobody_else_does() -> None:
    plane = WellPlane()
    token = f"Bearer {SECRETS[Role.VIEWER]}"
    assert await scrape(plane, authorization=token) == (200, CONTENT_TYPE)
    assert (await scrape(plane, authorization="Bearer nobody's"))[0] == 401
    assert (await scrape(plane))[0] == 401


async def test_open_metrics_need_no_token() -> None:
    assert await scrape(WellPlane(metrics_open=True)) == (200, CONTENT_TYPE)


def test_metrics_are_never_open_on_an_address_that_others_reach() -> None:
    control = ControlGroup(host="192.0.2.1", metrics_open=True)
    settings = Settings(control=control)
    with pytest.raises(UnsafeBind, match=r"'192\.0\.2\.1' can be reached from outside"):
        ControlPlane(well(), InMemoryHistory(), settings, None)
