"""How long a run waits for one symbol, and when it ends."""

import math

import pytest

from actors.cursor import Cursor
from actors.market.port import History, open_market
from config.settings import Settings
from control.shell.opened import Opened
from control.shell.options import RunOptions
from control.shell.preparing import pace_of

MARKET = open_market("demo", symbols=1, seed=1)  # one-minute bars
DEMO = Opened(market=MARKET)


def options(speed: float, duration_ms: int | None = None) -> RunOptions:
    return RunOptions(
        settings=Settings(),
        preset="breakout_v1",
        strategy="breakout",
        mode="paper",
        symbols=1,
        speed=speed,
        duration_ms=duration_ms,
        data_dir=None,
        fresh=False,
        start=True,
        exit_at_end=False,
        report=None,
    )


@pytest.mark.parametrize(
    ("speed", "seconds"), [(math.inf, 10.0), (600.0, 0.025), (60.0, 0.25), (1.0, 1.0)]
)
def test_one_symbol_costs_the_others_a_quarter_of_a_bar_at_most(
    speed: float, seconds: float
) -> None:
    assert pace_of(options(speed), DEMO).step_seconds_max == seconds


def test_a_real_market_sets_the_pace_itself() -> None:
    real = Opened(market=MARKET, is_real=True)
    assert pace_of(options(60.0), real).speed == math.inf
    assert pace_of(options(60.0), real).step_seconds_max == 1.0


def test_a_duration_counts_from_the_first_bar_that_is_traded() -> None:
    cursor = Cursor(MARKET, History(3_600_000))
    cursor.skip(10)
    first_ms = cursor.last_close_ms
    cursor.end_ms = first_ms + 120_000
    assert [step.close_ts - first_ms for step in iter(cursor.next_step, None)] == [
        60_000,
        120_000,
    ]
    assert cursor.next_step() is None
