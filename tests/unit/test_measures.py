"""Performance, against figures that were worked out by hand."""

from decimal import Decimal

import msgspec
import numpy as np
import pytest

from control import measures
from control.exports import csv_text
from control.wire.performance import Figures, Summary
from tests.histories import DAY_MS, FIRST_MS, trade

#: Wins 2, 1, 0.5; a scratch; losses -1, -1, -1.
R = ("2", "-1", "1", "0.05", "-1", "-1", "0.5")
EQUITY = ("10020", "10010", "10020", "10020.5", "10010.5", "10000.5", "10005.5")
TRADES = [trade(n, r, equity=e) for n, (r, e) in enumerate(zip(R, EQUITY, strict=True))]


def test_a_summary_adds_up() -> None:
    found = measures.summary(TRADES)
    assert (found.n, found.wins, found.losses, found.scratches) == (7, 3, 3, 1)
    assert found.win_rate == pytest.approx(3 / 7)
    assert found.sum_r == pytest.approx(0.55)
    assert found.mean_r == pytest.approx(0.55 / 7)
    assert found.median_r == pytest.approx(0.05)
    assert found.pnl_usd == pytest.approx(5.5)
    assert found.fees_usd == pytest.approx(1.75)
    assert found.profit_factor == pytest.approx(35.5 / 30)
    assert found.expectancy_usd == pytest.approx(5.5 / 7)
    assert found.mean_mae_r == pytest.approx(-0.5)
    assert found.mean_mfe_r == pytest.approx((3.55 + 7 * 0.5) / 7)
    assert found.capture_ratio == pytest.approx(0.55 / 7.05)
    assert found.average_hold_minutes == pytest.approx(4.0)
    assert found.longest_losing_streak == 2


def test_drawdown_is_from_the_highest_to_the_lowest_after_it() -> None:
    found = measures.summary(TRADES)
    # 10,020.5 -> 10,000.5, in R 2.05 -> 0.05.
    assert found.max_drawdown_usd == pytest.approx(20.0)
    assert found.max_drawdown_r == pytest.approx(2.0)
    assert found.max_drawdown_percent == pytest.approx(100 * 20 / 10_020.5)


def test_nothing_traded_tells_nothing_and_invents_no_zero_rate() -> None:
    found = measures.summary([])
    known = {"n", "wins", "losses", "scratches", "sum_r", "pnl_usd", "fees_usd"}
    known |= {"max_drawdown_usd", "max_drawdown_r", "longest_losing_streak"}
    fields = msgspec.structs.asdict(found)
    assert {name for name, value in fields.items() if value is not None} == known
    assert all(fields[name] == 0 for name in known)
    assert measures.equity([]) == ()
    assert measures.distribution([]).n == 0


def test_one_trade_has_a_mean_and_no_interval() -> None:
    found = measures.summary(TRADES[:1])
    assert found.mean_r == 2.0
    assert found.win_rate == 1.0
    for name in ("win_rate_low", "win_rate_high", "mean_r_low", "mean_r_high"):
        assert getattr(found, name) is None
    assert found.profit_factor is None  # nothing was lost: a ratio has no bottom


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [
        (7, 10, 0.39678, 0.89221),
        (0, 5, 0.0, 0.43448),
        (5, 5, 0.56552, 1.0),
        (50, 100, 0.40383, 0.59617),
    ],
)
def test_wilson_gives_the_published_intervals(
    hits: int, n: int, low: float, high: float
) -> None:
    assert measures.wilson(hits, n) == pytest.approx((low, high), abs=1e-5)


def test_the_bootstrap_is_repeatable_and_near_the_normal_interval() -> None:
    values = np.random.default_rng(3).normal(0.2, 1.0, 400)
    first, second = measures.bootstrap(values), measures.bootstrap(values)
    assert first == second
    half = 1.96 * values.std(ddof=1) / 20
    expected = (values.mean() - half, values.mean() + half)
    assert first == pytest.approx(expected, abs=0.01)
    tight = measures.bootstrap(np.array([1.0, 1.0, 1.0]))
    assert tight == pytest.approx((1.0, 1.0))


def test_a_very_long_history_uses_the_normal_interval() -> None:
    values = np.random.default_rng(3).normal(0.2, 1.0, 6_000)
    low, high = measures.bootstrap(values)
    assert low is not None
    assert high is not None
    assert high - low == pytest.approx(2 * 1.96 / np.sqrt(6_000), rel=0.05)


def test_groups_share_the_summarys_fields_and_come_largest_first() -> None:
    found = measures.groups(TRADES, lambda one: one.reason)
    assert [(group.key, group.n) for group in found] == [
        ("take_profit", 4),
        ("stop", 3),
    ]
    stopped = found[1]
    assert (stopped.wins, stopped.losses, stopped.sum_r) == (0, 3, -3.0)
    assert set(Figures.__struct_fields__) <= set(Summary.__struct_fields__)
    hours = measures.groups(TRADES, measures.hour_of_day)
    assert [group.key for group in hours] == ["22"]  # 2023-11-14T22:13:20Z, each day


def test_r_falls_into_half_steps_and_every_trade_is_in_one() -> None:
    found = measures.distribution(TRADES)
    counts = {(one.from_r, one.to_r): one.count for one in found.items if one.count}
    assert counts == {
        (-1.0, -0.5): 3,
        (0.0, 0.5): 1,
        (0.5, 1.0): 1,
        (1.0, 1.5): 1,
        (2.0, 2.5): 1,
    }
    assert found.n == 7
    assert sum(one.count for one in found.items) == 7


@pytest.mark.parametrize("wild", ["100000", "-100000"])
def test_a_wild_r_does_not_make_a_wild_answer(wild: str) -> None:
    for others in ([], TRADES):
        found = measures.distribution([*others, trade(9, wild)])
        assert len(found.items) <= measures.BINS_MAX
        assert sum(one.count for one in found.items) == len(others) + 1


def test_a_long_equity_curve_is_thinned_and_keeps_its_lowest_and_its_end() -> None:
    rows = [trade(n, "0.1", equity=str(10_000 + n)) for n in range(9_999)]
    rows[5_000] = msgspec.structs.replace(rows[5_000], equity_after_usd=Decimal(9_000))
    points = measures.equity(rows)
    assert len(points) <= measures.POINTS_MAX
    assert min(point.equity_usd for point in points) == 9_000
    assert points[-1].equity_usd == 19_998
    assert [p.time_ms for p in points] == sorted(p.time_ms for p in points)


def test_days_weeks_and_months_are_utc() -> None:
    days = measures.periods(TRADES, "day")
    assert [(row.period, row.n) for row in days][:2] == [
        ("2023-11-14", 1),
        ("2023-11-15", 1),
    ]
    weeks = measures.periods(TRADES, "week")
    assert [(row.period, row.n) for row in weeks] == [("2023-W46", 6), ("2023-W47", 1)]
    months = measures.periods(TRADES, "month")
    assert [(row.period, row.n, row.wins) for row in months] == [("2023-11", 7, 3)]
    assert months[0].pnl_r == pytest.approx(0.55)


def test_a_span_includes_its_beginning_and_not_its_end() -> None:
    first, second = TRADES[0].closed_ms, TRADES[1].closed_ms
    assert measures.within(TRADES, first, second) == TRADES[:1]
    assert measures.within(TRADES, FIRST_MS + 100 * DAY_MS, None) == []
    assert measures.within(TRADES, None, None) == TRADES


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t", "\r"])
def test_a_text_cell_never_begins_as_a_formula(sign: str) -> None:
    row = msgspec.structs.replace(TRADES[1], reason=f"{sign}1+1")
    text = csv_text(type(row), [row])
    assert f"'{sign}1+1" in text
    assert ",-1," in text  # a number is no text: it stays what it is


def test_a_csv_has_the_contracts_column_names_and_quotes_what_it_must() -> None:
    row = msgspec.structs.replace(TRADES[0], reason='a "b", c\nd')
    lines = csv_text(type(row), [row]).split("\r\n")
    assert lines[0].startswith("id,symbol,side,signal,openedMs,closedMs,entry,exit")
    assert '"a ""b"", c\nd"' in lines[1]
