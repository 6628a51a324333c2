"""The account's day: its roll at midnight UTC, its counts, its kill baseline."""

from decimal import Decimal

import pytest

from actors.domain import limits
from actors.domain.limits import DAY_MS, Day
from config.preset import Risk
from tests.presets import changed

D = Decimal
MIDNIGHT_MS = 19_700 * DAY_MS
RISK = Risk(
    risk_per_trade=D("0.01"),
    daily_risk_limit=D("0.05"),
    kill_switch_loss_limit=D("0.18"),
    max_concurrent_positions=3,
)


def day(**changes: object) -> Day:
    opened = limits.open_day(D(10_000), MIDNIGHT_MS + 5)
    for name, value in changes.items():
        opened = changed(opened, name, value)
    return opened


def busy() -> Day:
    """A day with something in every count."""
    traded = limits.opened(day(), "AAA/USDT", D(500), MIDNIGHT_MS + 9)
    return limits.closed(limits.closed(traded, D(-1)), D(-1))


def tripped(given: Day, *path: int) -> list[bool]:
    """Whether the kill switch would trip at each equity of a path."""
    return [limits.kill_reason(given, D(equity), RISK) is not None for equity in path]


def test_the_first_equity_is_every_baseline() -> None:
    opened = day()
    assert opened.day == 19_700
    assert {opened.equity_at_start, opened.kill_baseline, opened.equity_high} == {
        D(10_000)
    }


def test_the_day_rolls_at_midnight_utc_and_not_a_ms_before() -> None:
    before = limits.roll(busy(), D(9_000), MIDNIGHT_MS + DAY_MS - 1)
    assert before == busy()
    after = limits.roll(busy(), D(9_000), MIDNIGHT_MS + DAY_MS)
    assert (after.day, after.equity_at_start) == (19_701, 9_000)


def test_a_new_day_begins_its_counts_anew() -> None:
    rolled = limits.roll(busy(), D(9_000), MIDNIGHT_MS + DAY_MS)
    assert (rolled.realized_r, rolled.notional_by_symbol) == (0, ())


def test_a_new_day_ends_a_losing_streak() -> None:
    """A full streak forbids the entry that might win; only midnight can end it."""
    assert busy().consecutive_losses == 2
    rolled = limits.roll(busy(), D(9_000), MIDNIGHT_MS + DAY_MS)
    assert rolled.consecutive_losses == 0


def test_the_minute_of_openings_runs_over_midnight() -> None:
    late = limits.opened(day(), "AAA/USDT", D(1), MIDNIGHT_MS + DAY_MS - 1)
    rolled = limits.roll(late, D(9_000), MIDNIGHT_MS + DAY_MS)
    assert rolled.opens_ms == (MIDNIGHT_MS + DAY_MS - 1,)


def test_a_clock_that_steps_back_does_not_begin_a_day() -> None:
    later = limits.roll(busy(), D(9_000), MIDNIGHT_MS - 1)
    assert later == busy()


def test_the_equity_high_only_rises() -> None:
    up = limits.roll(day(), D(10_500), MIDNIGHT_MS + 6)
    assert up.equity_high == 10_500
    assert limits.roll(up, D(9_000), MIDNIGHT_MS + DAY_MS).equity_high == 10_500


@pytest.mark.parametrize("equity", [1, 5_000, 10_000, 99_000])
def test_nothing_the_engine_does_moves_the_kill_baseline(equity: int) -> None:
    moved = limits.roll(busy(), D(equity), MIDNIGHT_MS + 3 * DAY_MS)
    moved = limits.opened(moved, "AAA/USDT", D(1), MIDNIGHT_MS)
    moved = limits.closed(moved, D(5))
    assert moved.kill_baseline == 10_000


@pytest.mark.parametrize(
    ("result", "losses"),
    [("-0.06", 3), ("-0.05", 2), ("0", 2), ("0.05", 2), ("0.06", 0)],
)
def test_a_loss_adds_to_the_streak_a_win_ends_it_a_scratch_is_neither(
    result: str, losses: int
) -> None:
    ended = limits.closed(busy(), D(result))
    assert ended.consecutive_losses == losses
    assert ended.realized_r == D(-2) + D(result)


def test_openings_are_counted_by_symbol_and_forgotten_after_a_minute() -> None:
    given = limits.opened(day(), "AAA/USDT", D(500), MIDNIGHT_MS)
    given = limits.opened(given, "BBB/USDT", D(70), MIDNIGHT_MS + 59_999)
    assert given.opens_ms == (MIDNIGHT_MS, MIDNIGHT_MS + 59_999)
    given = limits.opened(given, "AAA/USDT", D(100), MIDNIGHT_MS + 60_000)
    assert given.opens_ms == (MIDNIGHT_MS + 59_999, MIDNIGHT_MS + 60_000)
    assert given.notional_by_symbol == (("AAA/USDT", 600), ("BBB/USDT", 70))


def test_a_profit_is_no_loss() -> None:
    assert limits.day_loss(day(), D(10_001)) == limits.kill_loss(day(), D(10_001)) == 0
    assert limits.day_loss(day(), D(9_999)) == limits.kill_loss(day(), D(9_999)) == 1


def test_eighteen_percent_trips_once_and_stays_tripped() -> None:
    """Slowly, over days: each day loses under three times its limit."""
    given, trips = day(), []
    for number, equity in enumerate((9_600, 9_200, 8_800, 8_400, 8_201, 8_200, 8_100)):
        given = limits.roll(given, D(equity), MIDNIGHT_MS + number * DAY_MS)
        trips += tripped(given, equity)
    assert trips == [False] * 5 + [True] * 2


def test_a_rise_first_does_not_move_the_eighteen_percent() -> None:
    """The reference moved its baseline up on a rise and down on a fall of 10%."""
    given, trips = day(), []
    path = (15_000, 30_000, 26_000, 22_500, 19_500, 17_000, 14_800, 12_900, 11_200)
    path = (*path, 9_800, 8_600, 8_201, 8_200)
    for number, equity in enumerate(path):
        given = limits.roll(given, D(equity), MIDNIGHT_MS + number * DAY_MS)
        trips += tripped(given, equity)
    assert trips == [False] * (len(path) - 1) + [True]


@pytest.mark.parametrize("equity", [10_000, 10_001, 12_000, 1_000_000])
def test_a_profit_never_trips(equity: int) -> None:
    assert tripped(day(), equity) == [False]


def test_three_times_the_days_limit_trips() -> None:
    assert tripped(day(), 8_501, 8_500) == [False, True]


def test_the_reason_gives_the_loss_and_its_limit() -> None:
    assert limits.kill_reason(day(), D(8_100), RISK) == (
        "drawdown 1900.00 has reached its limit 1800.00"
    )
    assert limits.kill_reason(day(), D(8_450), RISK) == (
        "daily loss 1550.00 has reached 3 x its limit, 1500.00"
    )


def test_a_restart_days_later_begins_one_new_day_with_todays_equity() -> None:
    later = limits.roll(busy(), D(9_500), MIDNIGHT_MS + 5 * DAY_MS + 7)
    assert (later.day, later.equity_at_start) == (19_705, 9_500)
    assert (later.consecutive_losses, later.realized_r) == (0, 0)
    assert (later.kill_baseline, later.equity_high) == (10_000, 10_000)
    assert limits.roll(later, D(9_400), MIDNIGHT_MS + 5 * DAY_MS + 8) == later


def test_a_clock_that_steps_back_over_midnight_and_forth_gives_no_second_budget() -> (
    None
):
    """The day's loss stays, and so do its counts."""
    midnight = MIDNIGHT_MS + DAY_MS
    rolled = limits.roll(busy(), D(9_800), midnight)
    lost = limits.closed(limits.opened(rolled, "AAA/USDT", D(500), midnight + 1), D(-1))
    for now_ms in (midnight - 3_600_000, midnight - 2 * DAY_MS, midnight + 5):
        assert limits.roll(lost, D(9_300), now_ms) == lost
    assert limits.day_loss(lost, D(9_300)) == 500


def test_an_opening_of_a_time_to_come_still_counts_when_the_clock_steps_back() -> None:
    given = limits.opened(day(), "AAA/USDT", D(1), MIDNIGHT_MS + 3_600_000)
    back = limits.opened(given, "BBB/USDT", D(1), MIDNIGHT_MS)
    assert back.opens_ms == (MIDNIGHT_MS + 3_600_000, MIDNIGHT_MS)


def test_a_profit_in_r_is_no_loss_and_what_is_at_risk_is_one() -> None:
    """One R is 100: 1% of 10 000."""
    up, down = day(realized_r=D(2)), day(realized_r=D("-1.5"))
    assert limits.loss_by_r(up, RISK) == limits.loss_by_r(up, RISK, D(200)) == 0
    assert limits.loss_by_r(up, RISK, D(250)) == 50
    assert limits.loss_by_r(down, RISK) == 150
    assert limits.loss_by_r(down, RISK, D(100)) == 250


def test_a_release_takes_the_equity_of_now_until_midnight_and_frees_no_entry() -> None:
    fallen = D(8_000)
    assert tripped(day(), 8_501, 8_500) == [False, True]
    given = limits.released(day(), fallen)
    assert (given.kill_baseline, given.equity_at_start) == (fallen, 10_000)
    assert tripped(given, 8_000, 6_561, 6_560, 6_500) == [False, False, True, True]
    assert limits.day_loss(given, fallen) == 2_000
    paid_in = limits.moved(given, fallen, fallen)
    assert paid_in.released == 16_000
    rolled = limits.roll(given, fallen, MIDNIGHT_MS + DAY_MS)
    assert (rolled.released, rolled.equity_at_start) == (None, fallen)
