"""The indicators against values that others published."""

import numpy as np
import pytest

from actors.domain.kernel import indicators

#: StockCharts ChartSchool, "Relative Strength Index (RSI)", spreadsheet example.
RSI_CLOSES = [
    *(44.3389, 44.0902, 44.1497, 43.6124, 44.3278, 44.8264, 45.0955),
    *(45.4245, 45.8433, 46.0826, 45.8931, 46.0328, 45.6140, 46.2820),
    *(46.2820, 46.0028, 46.0328, 46.4116, 46.2222, 45.6439, 46.2122),
]
RSI_VALUES = [70.53, 66.32, 66.55, 69.41, 66.36, 57.97, 62.93]


#: StockCharts ChartSchool, "Average True Range (ATR)", spreadsheet example of QQQQ.
ATR_BARS = [
    *((48.70, 47.79, 48.16), (48.72, 48.14, 48.61), (48.90, 48.39, 48.75)),
    *((48.87, 48.37, 48.63), (48.82, 48.24, 48.74), (49.05, 48.64, 49.03)),
    *((49.20, 48.94, 49.07), (49.35, 48.86, 49.32), (49.92, 49.50, 49.91)),
    *((50.19, 49.87, 50.13), (50.12, 49.20, 49.53), (49.66, 48.90, 49.50)),
    *((49.88, 49.43, 49.75), (50.19, 49.73, 50.03), (50.36, 49.26, 50.31)),
    *((50.57, 50.09, 50.52), (50.65, 50.30, 50.41)),
]
ATR_VALUES = [0.56, 0.59, 0.59, 0.57]


def test_rsi_agrees_with_the_published_example() -> None:
    gain = loss = 0.0
    found = []
    for index in range(1, len(RSI_CLOSES)):
        change = RSI_CLOSES[index] - RSI_CLOSES[index - 1]
        gain = indicators.wilder_next(gain, max(change, 0.0), index - 1, 14)
        loss = indicators.wilder_next(loss, max(-change, 0.0), index - 1, 14)
        if index >= 14:
            found.append(indicators.rsi(gain, loss))
    assert found == pytest.approx(RSI_VALUES, abs=0.01)


def test_wilder_atr_agrees_with_the_published_example() -> None:
    average, before, found = 0.0, float("nan"), []
    for index, (high, low, close) in enumerate(ATR_BARS):
        value = indicators.true_range(high, low, before)
        average = indicators.wilder_next(average, value, index, 14)
        before = close
        found.append(average)
    assert found[13:] == pytest.approx(ATR_VALUES, abs=0.006)


def test_rsi_of_a_market_that_never_moved_is_neutral() -> None:
    assert indicators.rsi(0.0, 0.0) == 50.0


def test_ema_is_seeded_with_the_plain_mean_then_weighs_two_over_period_plus_one() -> (
    None
):
    average = 0.0
    for seen, value in enumerate((1.0, 2.0, 3.0)):
        average = indicators.ema_next(average, value, seen, 3)
    assert average == pytest.approx(2.0)
    assert indicators.ema_next(average, 6.0, 3, 3) == pytest.approx(4.0)


def test_windows_read_across_the_seam_of_a_ring() -> None:
    ring = np.array([5.0, 1.0, 9.0, 4.0])  # oldest 9 4, then 5 1 newest
    scratch = np.zeros(4)
    assert indicators.sma(ring, 6, 3) == pytest.approx((4 + 5 + 1) / 3)
    assert indicators.highest(ring, 6, 3) == 5.0
    assert indicators.lowest(ring, 6, 2) == 1.0
    assert indicators.median(ring, 6, 4, 1, scratch) == 4.5
    assert indicators.deviation(ring, 6, 4) == pytest.approx(np.std(ring))


def test_a_median_of_too_few_known_values_is_unknown() -> None:
    ring = np.array([1.0, np.nan, 3.0, np.nan])
    scratch = np.zeros(4)
    assert indicators.median(ring, 4, 4, 2, scratch) == 2.0
    assert np.isnan(indicators.median(ring, 4, 4, 3, scratch))


def test_correlation_is_of_returns_not_of_price_levels() -> None:
    rng = np.random.default_rng(3)
    left = 100 * np.cumprod(1 + rng.normal(0.002, 0.01, 80))
    right = 100 * np.cumprod(1 + rng.normal(0.002, 0.01, 80))
    expected = np.corrcoef(np.diff(left) / left[:-1], np.diff(right) / right[:-1])[0, 1]
    assert indicators.correlation(left, right, 80, 79) == pytest.approx(expected)


def test_correlation_with_a_benchmark_that_stood_still_is_unknown() -> None:
    left = np.linspace(1.0, 2.0, 30)
    assert np.isnan(indicators.correlation(left, np.ones(30), 30, 20))
