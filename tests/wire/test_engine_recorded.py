"""Recorded markets through the whole engine: it trades, soundly and repeatably."""

from pathlib import Path
from typing import Any

import pytest

from tests.wire.engine_process import SHARED, candles, report_of

pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif(not SHARED.exists(), reason="no recorded markets here"),
]

USDM = candles("binance_usdm_15m.parquet")


def is_sound(report: dict[str, Any], symbols: int) -> bool:
    """What holds at the end of any replay."""
    faultless = ("positions_open", "illegal_transitions", "restarts", "quarantined")
    assert {name: report[name] for name in faultless} == dict.fromkeys(faultless, 0)
    assert report["trades"] == len(report["trades_list"]) == report["entries"]
    last_ms = max((t["exit_ts"] for t in report["trades_list"]), default=0)
    assert all(t["entry_ts"] <= t["exit_ts"] <= last_ms for t in report["trades_list"])
    return bool(report["symbols"] == symbols)


def test_342_symbols_trade_and_a_second_run_is_the_same(tmp_path: Path) -> None:
    words = ("--market", USDM, "--preset", "breakout_v1")
    first = report_of(tmp_path, *words, PYTHONHASHSEED="1")
    assert is_sound(first, symbols=342)
    assert first["trades"] > 10
    assert first["peak_rss_mb"] < 600
    second = report_of(tmp_path, *words, PYTHONHASHSEED="2")
    assert second["trades_list"] == first["trades_list"]
    assert second["funnel"] == first["funnel"]


@pytest.mark.parametrize(
    ("name", "symbols"),
    [
        ("binance_spot_5m", 225),
        ("hyperliquid_perp_1m", 114),
        ("binance_spot_5m_2023outage", 76),
    ],
)
def test_other_exchanges_and_an_outage_trade_too(
    tmp_path: Path, name: str, symbols: int
) -> None:
    report = report_of(tmp_path, "--market", candles(f"{name}.parquet"))
    assert is_sound(report, symbols)
    assert report["trades"] > 0
    shorts = [t for t in report["trades_list"] if t["side"] == "short"]
    assert not (shorts and "spot" in name)


def test_half_a_day_round_an_outage_is_too_short_for_day_volumes(
    tmp_path: Path,
) -> None:
    """Twelve hours with a hole of five: breakout says what it cannot know."""
    market = ("--market", candles("binance_spot_1m_2021outage.parquet"))
    funnel = (silent := report_of(tmp_path, *market))["funnel"]
    assert is_sound(silent, symbols=28)
    drops = {k: n for k, n in funnel.items() if k.startswith("dropped_")}
    assert max(drops, key=lambda name: drops[name]) == "dropped_volume_24h_unknown"
    assert sum(drops.values()) == funnel["evaluated"]
    assert funnel["gaps"] == 28
    trading = report_of(tmp_path, *market, "--strategy", "donchian")
    assert is_sound(trading, symbols=28)
    assert trading["trades"] > 0


@pytest.mark.parametrize("strategy", ["donchian", "ema_rsi"])
def test_the_other_strategies_trade_the_same_market(
    tmp_path: Path, strategy: str
) -> None:
    report = report_of(tmp_path, "--market", USDM, "--strategy", strategy)
    assert is_sound(report, symbols=342)
    assert report["trades"] > 10
