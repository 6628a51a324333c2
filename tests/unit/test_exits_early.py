"""Early exits: each rule acts at its bound, and is quiet a step before it."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from actors.domain import exits
from actors.domain.exits import Plan
from actors.domain.ledger import Position
from actors.domain.messages import WatchedBar
from actors.domain.orders import Side
from config.preset import ExitRules
from tests.presets import instrument
from tests.trades import QUIET, bar, rules, running

D = Decimal


def only(**changes: Any) -> ExitRules:
    """One rule on, all others off."""
    return msgspec.structs.replace(QUIET, **changes)


def after(position: Position, bars: list[WatchedBar], exit_rules: ExitRules) -> Plan:
    """Manage a position over bars; the last plan counts."""
    plan = Plan(position)
    for one in bars:
        plan = exits.manage(plan.position, one, rules(exit_rules), instrument())
    return plan


@pytest.mark.parametrize("side", Side)
def test_a_close_back_through_the_level_is_a_failed_breakout(side: Side) -> None:
    position = running(side, level=D("99.5") if side is Side.LONG else D("100.5"))
    failed = only(failed_breakout_bars=3)
    back, holds = D(100) - D("0.6") * side.sign, D(100) - D("0.5") * side.sign
    assert after(position, [bar(back)], failed).exit_reason == "failed_breakout"
    assert after(position, [bar(holds)], failed).exit_reason is None


def test_a_breakout_fails_only_in_its_first_bars() -> None:
    position, failed = running(level=D("99.5")), only(failed_breakout_bars=3)
    third = [bar(100), bar(100), bar(99)]
    fourth = [bar(100), *third]
    assert after(position, third, failed).exit_reason == "failed_breakout"
    assert after(position, fourth, failed).exit_reason is None


def test_no_breakout_fails_without_a_level_or_with_the_rule_off() -> None:
    failed = only(failed_breakout_bars=3)
    assert after(running(level=None), [bar(99)], failed).exit_reason is None
    assert after(running(level=D("99.5")), [bar(99)], QUIET).exit_reason is None


@pytest.mark.parametrize("side", Side)
def test_an_impulse_under_its_ratio_is_weak(side: Side) -> None:
    weak = only(weak_impulse_bars=2, weak_impulse_ratio=D("0.003"))
    just_under, enough = (D(100) + D(step) * side.sign for step in ("0.29", "0.3"))
    quiet = bar(100)
    assert after(running(side), [bar(just_under), quiet], weak).exit_reason == (
        "weak_impulse"
    )
    assert after(running(side), [bar(enough), quiet], weak).exit_reason is None


def test_an_impulse_is_judged_by_its_best_price_and_once() -> None:
    weak = only(weak_impulse_bars=2, weak_impulse_ratio=D("0.003"))
    spike = [bar(100, high="100.3"), bar(100)]
    assert after(running(), spike, weak).exit_reason is None
    assert after(running(), [bar(100)], weak).exit_reason is None
    late = running(bars_held=2)
    assert after(late, [bar(100)], weak).exit_reason is None


def test_no_impulse_is_weak_with_the_rule_off() -> None:
    off = only(weak_impulse_bars=0, weak_impulse_ratio=D("0.5"))
    assert after(running(), [bar(100)] * 3, off).exit_reason is None


@pytest.mark.parametrize(
    ("volumes", "reason"),
    [((100, 20, 20), None), ((100, 20, 20, 20), "activity_drop")],
)
def test_activity_drops_when_its_mean_falls_under_the_threshold(
    volumes: tuple[int, ...], reason: str | None
) -> None:
    drop = only(activity_drop_bars=3, activity_drop_threshold=D("0.4"))
    bars = [bar(100, volume=volume) for volume in volumes]
    assert after(running(), bars, drop).exit_reason == reason


def test_activity_at_its_threshold_is_no_drop() -> None:
    drop = only(activity_drop_bars=2, activity_drop_threshold=D("0.4"))
    bars = [bar(100, volume=volume) for volume in (100, 40, 40)]
    assert after(running(), bars, drop).exit_reason is None


def test_activity_is_not_judged_before_its_window_is_full_nor_when_off() -> None:
    drop = only(activity_drop_bars=5, activity_drop_threshold=D("0.4"))
    dry = [bar(100, volume=100), *[bar(100, volume=0)] * 3]
    assert after(running(), dry, drop).exit_reason is None
    off = only(activity_drop_bars=2, activity_drop_threshold=D(0))
    assert after(running(), dry, off).exit_reason is None


def test_empty_bars_after_entry_do_not_become_the_measure_of_activity() -> None:
    drop = only(activity_drop_bars=2, activity_drop_threshold=D("0.4"))
    empty_first = [bar(100, volume=volume) for volume in (0, 0, 100)]
    assert after(running(), empty_first, drop).position.entry_volume == 100


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize(
    ("hours", "step", "reason"),
    [("8", "0.5", "stall"), ("7.99", "0.5", None), ("8", "0.6", None)],
)
def test_a_trade_stalls_late_and_under_its_r(
    side: Side, hours: str, step: str, reason: str | None
) -> None:
    stall = only(stall_hours=D(8), stall_r=D("0.3"))
    last = bar(D(100) + D(step) * side.sign, hours=hours)
    assert after(running(side), [last], stall).exit_reason == reason


def test_no_trade_stalls_with_the_rule_off() -> None:
    assert after(running(), [bar(99, hours=100)], QUIET).exit_reason is None


@pytest.mark.parametrize(("hours", "reason"), [("24", "max_hold"), ("23.99", None)])
def test_no_trade_is_held_beyond_its_hours(hours: str, reason: str | None) -> None:
    held = only(max_hold_hours=D(24))
    assert after(running(), [bar(105, hours=hours)], held).exit_reason == reason


def test_the_first_rule_in_order_names_the_exit_and_no_stop_moves() -> None:
    every = only(failed_breakout_bars=3, max_hold_hours=D(1))
    plan = after(running(level=D(110)), [bar(105)], every)
    assert (plan.exit_reason, plan.stop) == ("failed_breakout", None)


@pytest.mark.parametrize("side", Side)
def test_a_bar_is_taken_into_the_record(side: Side) -> None:
    seen = exits.observe(running(side), bar(101, high=103, low=98), rules())
    long = side is Side.LONG
    assert (seen.best, seen.worst) == ((103, 98) if long else (98, 103))
    assert seen.extremes == ((D(103),) if long else (D(98),))
    assert (seen.mark, seen.bars_held, seen.volumes) == (101, 1, (D(100),))
    assert seen.atr == D(18) / 14  # Wilder: (1 x 13 + 5) / 14
    assert seen.updated_ms == bar(101).ts_ms


@pytest.mark.parametrize(
    ("close", "true_range"), [(D(90), 13), (D(110), 12), (D(0), 5)]
)
def test_a_gap_from_the_last_close_is_range(close: D, true_range: int) -> None:
    """Without a close before it the bar's own open stands in.

    The mark is no close: finer bars and fills have moved it within this very bar.
    """
    before = running(mark=D(101), bar_close=close)
    seen = exits.observe(before, bar(101, high=103, low=98), rules())
    assert seen.atr == D(13 + true_range) / 14


def test_the_record_is_bounded_by_the_preset() -> None:
    given = rules(only(activity_drop_bars=2), chandelier_bars=3)
    position = running()
    for high in range(101, 107):
        position = exits.observe(position, bar(100, high=high, volume=high), given)
    assert position.extremes == (104, 105, 106)
    assert position.volumes == (105, 106)
