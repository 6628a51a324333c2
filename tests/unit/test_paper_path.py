"""The path of a bar: which extreme first, at which pace, and what it touches when."""

import pytest

from actors.exchange.paper.path import Path, lay_out

MINUTE = (0, 60_000)


def test_the_extreme_nearer_to_the_open_comes_first() -> None:
    assert lay_out((100.0, 101.0, 97.0, 98.0), MINUTE).prices == (100, 101, 97, 98)
    assert lay_out((100.0, 103.0, 99.0, 98.0 + 4), MINUTE).prices == (100, 99, 103, 102)


def test_a_tie_of_the_extremes_goes_down_first() -> None:
    assert lay_out((100.0, 101.0, 99.0, 100.0), MINUTE).prices == (100, 99, 101, 100)


def test_the_price_walks_at_one_pace() -> None:
    # 1 down, 4 up, 1 down: 6 in 60 s.
    path = lay_out((100.0, 103.0, 99.0, 102.0), MINUTE)
    assert path.times_ms == (0, 10_000, 50_000, 60_000)


def test_extremes_at_the_ends_make_no_leg_of_their_own() -> None:
    path = lay_out((100.0, 104.0, 100.0, 104.0), MINUTE)
    assert path == Path((0, 60_000), (100.0, 104.0))


def test_a_bar_without_range_stands_still() -> None:
    path = lay_out((100.0, 100.0, 100.0, 100.0), MINUTE)
    assert path.price_at(30_000) == 100.0
    assert path.first_touch(100.01, rising=True, from_ms=0) is None


def test_every_leg_takes_time_even_the_smallest() -> None:
    path = lay_out((100.0, 200.0, 99.9999999, 200.0), (0, 3))
    assert path.times_ms == (0, 1, 3)
    path = lay_out((100.0, 200.0, 99.9999999, 199.9999999), (0, 3))
    assert path.times_ms == (0, 1, 2, 3)


@pytest.mark.parametrize(
    ("ts_ms", "price"),
    [(-5, 100), (5_000, 99.5), (10_000, 99), (30_000, 101), (9**9, 102)],
)
def test_the_price_of_a_moment_is_interpolated(ts_ms: int, price: float) -> None:
    path = lay_out((100.0, 103.0, 99.0, 102.0), MINUTE)
    assert path.price_at(ts_ms) == pytest.approx(price)


def test_a_level_is_touched_when_the_path_gets_there() -> None:
    path = lay_out((100.0, 103.0, 99.0, 102.0), MINUTE)
    assert path.first_touch(99.5, rising=False, from_ms=0) == 5_000
    assert path.first_touch(102.0, rising=True, from_ms=0) == 40_000
    assert path.first_touch(99.0, rising=False, from_ms=0) == 10_000


def test_a_level_that_is_passed_already_is_touched_at_once() -> None:
    path = lay_out((100.0, 103.0, 99.0, 102.0), MINUTE)
    assert path.first_touch(100.5, rising=False, from_ms=0) == 0
    assert path.first_touch(102.5, rising=True, from_ms=47_000) == 47_000


def test_a_touch_before_the_asking_does_not_count() -> None:
    path = lay_out((100.0, 103.0, 99.0, 102.0), MINUTE)
    assert path.first_touch(99.5, rising=False, from_ms=20_000) is None
    assert path.first_touch(99.5, rising=False, from_ms=60_001) is None


@pytest.mark.parametrize(
    "prices",
    [(100.0, 99.0, 98.0, 98.5), (100.0, 101.0, 99.0, 102.0), (0.0, 1.0, 0.0, 1.0)],
)
def test_what_is_no_bar_is_not_laid_out(
    prices: tuple[float, float, float, float],
) -> None:
    with pytest.raises(AssertionError):
        lay_out(prices, MINUTE)
