"""How long a run waits for one symbol, and when it ends."""

import math

import pytest

from actors.market.port import open_market
from config.settings import Settings
from control.run import RunOptions, pace_of

DEMO = open_market("demo", symbols=1, seed=1).describe()  # one-minute bars


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
    assert pace_of(options(speed), DEMO, 0).step_seconds_max == seconds


def test_a_duration_counts_from_the_first_bar_that_is_traded() -> None:
    pace = pace_of(options(60.0, duration_ms=3_600_000), DEMO, history_steps=10)
    assert pace.end_ms == DEMO.start_ms + 10 * 60_000 + 3_600_000
    assert pace_of(options(60.0), DEMO, 10).end_ms is None
