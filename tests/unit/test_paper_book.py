"""The modelled book: what was recorded wins, the formulas fill in the rest."""

from math import nan
from typing import Any

import pytest

from actors.exchange.paper.book import Book, Depth, PaperSettings, quote_book
from tests.unit.paper_desk import bar

SETTINGS = PaperSettings()


def book(prices: tuple[float, ...], minutes: float = 1.0, **more: float) -> Book:
    row: Any = bar(prices, **more)[0].item()
    return quote_book(row, minutes, SETTINGS)


def test_a_recorded_spread_and_depth_are_used_as_they_are() -> None:
    quoted = book(
        (100, 101, 99, 100),
        spread_bps=8.0,
        bid_depth_03_usd=300.0,
        bid_depth_05_usd=900.0,
        ask_depth_03_usd=60.0,
        ask_depth_05_usd=70.0,
        imbalance=0.9,
    )
    assert quoted == Book(4.0, Depth(300.0, 900.0), Depth(60.0, 70.0))


def test_half_spread_is_a_share_of_a_minutes_range() -> None:
    # 200 bps in a minute; the same bar over 16 minutes moved 50 bps a minute.
    assert book((100, 101, 99, 100)).half_spread_bps == pytest.approx(10.0)
    assert book((100, 101, 99, 100), 16.0).half_spread_bps == pytest.approx(2.5)


def test_half_spread_stays_within_its_bounds() -> None:
    assert book((100, 100, 100, 100)).half_spread_bps == SETTINGS.half_spread_bps_min
    assert book((100, 150, 50, 100)).half_spread_bps == SETTINGS.half_spread_bps_max


def test_depth_is_minutes_of_turnover() -> None:
    # 1 M at 100 in 10 minutes is 10 M USD a minute, 3 minutes of it within 30 bps.
    quoted = book((100, 101, 99, 100), 10.0)
    assert quoted.bids.near_usd == pytest.approx(30e6)
    assert quoted.bids.far_usd == pytest.approx(50e6)


def test_a_bar_without_volume_has_the_widest_spread_and_the_least_depth() -> None:
    quoted = book((100, 100, 100, 100), volume=0.0)
    assert quoted.half_spread_bps == SETTINGS.half_spread_bps_max
    assert quoted.asks.near_usd == SETTINGS.depth_floor_usd


def test_imbalance_tilts_the_modelled_depth() -> None:
    quoted = book((100, 101, 99, 100), imbalance=0.5)
    assert quoted.bids.near_usd == pytest.approx(3 * quoted.asks.near_usd)


def test_one_recorded_distance_gives_the_other_evenly() -> None:
    assert book((1, 1, 1, 1), bid_depth_05_usd=50.0).bids == Depth(30.0, 50.0)
    assert book((1, 1, 1, 1), ask_depth_03_usd=30.0).asks == Depth(30.0, 50.0)


def test_a_recorded_empty_side_gives_nothing() -> None:
    assert book((1, 1, 1, 1), bid_depth_03_usd=0.0).bids.usd_within(50.0) == 0.0


def test_nan_never_reaches_a_quote() -> None:
    quoted = book((100, 101, 99, 100), spread_bps=nan)
    assert quoted.touch(100.0, 1) == pytest.approx(100.1)
    assert quoted.touch(100.0, -1) == pytest.approx(99.9)


@pytest.mark.parametrize(
    ("start", "end"), [(0, 10), (10, 30), (20, 80), (30, 130), (100, 130), (0, 130)]
)
def test_the_mean_of_a_walk_is_the_integral_of_the_book(start: int, end: int) -> None:
    depth = Depth(30.0, 130.0)  # 1 USD a bps, then 5 USD a bps

    def bps_at(usd: float) -> float:
        return usd if usd <= 30.0 else 30.0 + (usd - 30.0) / 5.0

    steps = 10_000
    width = (end - start) / steps
    integral = sum(bps_at(start + (i + 0.5) * width) for i in range(steps)) / steps
    assert depth.mean_bps(start, end) == pytest.approx(integral, rel=1e-6)
    assert depth.usd_within(bps_at(float(end))) == pytest.approx(end)
