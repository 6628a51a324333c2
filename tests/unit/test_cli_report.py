"""The report of a run: every key of the contract, each of its type."""

from typing import Any

import msgspec
import pytest

from actors.report import to_json
from tests.engine_views import SHADOW
from tests.wire.engine_process import report_of

COUNTS = (
    *("symbols", "bars", "events", "candidates", "signals", "entries", "trades"),
    *("transitions", "illegal_transitions", "restarts", "quarantined"),
)
MEASURES = (
    *("wall_s", "cpu_s", "load_s", "events_per_cpu_s", "peak_rss_mb"),
    "end_equity",
)
TRADE = {
    "symbol": str,
    "side": str,
    "entry_ts": int,
    "entry": float,
    "exit_ts": int,
    "exit": float,
    "qty": float,
    "r": float,
    "reason": str,
}


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("report")
    words = ("--symbols", "8", "--seed", "1", "--strategy", "donchian", "--for", "12h")
    return report_of(folder, *words)


def is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def test_counts_are_whole_and_measures_are_positive(report: dict[str, Any]) -> None:
    assert all(type(report[name]) is int for name in COUNTS)
    assert all(is_number(report[name]) and report[name] > 0 for name in MEASURES)
    assert report["symbols"] == 8
    assert report["bars"] == 8 * 12 * 60
    assert report["events"] > report["bars"]


def test_a_trade_has_exactly_the_contract_s_fields(report: dict[str, Any]) -> None:
    assert len(report["trades_list"]) == report["trades"] > 5
    for trade in report["trades_list"]:
        assert trade.keys() == TRADE.keys()
        for name, kind in TRADE.items():
            is_right = is_number(trade[name]) if kind is float else True
            assert is_right or type(trade[name]) is kind
        assert trade["side"] in {"long", "short"}
        assert trade["entry_ts"] <= trade["exit_ts"]


def test_the_funnel_accounts_for_every_candidate(report: dict[str, Any]) -> None:
    funnel = report["funnel"]
    decided = funnel["engine:candidates_signal"] + funnel["engine:candidates_whynot"]
    assert report["candidates"] == decided
    refused = sum(
        count
        for name, count in funnel.items()
        if name.startswith(("engine:limits:", "engine:sizing:", "engine:execution:"))
    )
    assert report["signals"] == report["entries"] + refused


def test_a_run_on_paper_has_no_shadow(report: dict[str, Any]) -> None:
    assert report["divergence"] is None


def test_a_shadow_s_numbers_are_numbers_in_the_report() -> None:
    found = msgspec.json.decode(to_json({"divergence": SHADOW}))["divergence"]
    assert found["totals"]["slippage"]["meanBps"] == 10.0
    assert found["trades"][0]["differenceUsd"] == -0.15
