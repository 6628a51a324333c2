"""Where profits are taken: the ladder, its smart placement, its legal legs."""

from decimal import Decimal

import msgspec
import pytest

from actors.domain import exits
from actors.domain.orders import Side
from config.preset import PositionConfig, TakeProfit, TargetMode
from tests.presets import instrument
from tests.trades import rules

D = Decimal
TICK = D("0.01")
Ladder = tuple[tuple[Decimal, Decimal], ...]


def ladder_rules(*levels: str, mode: TargetMode = TargetMode.FIXED) -> PositionConfig:
    legs = tuple(TakeProfit(level_r=D(r), size=D("0.3")) for r in levels)
    return rules(tp_levels=legs, tp_mode=mode)


def targets(
    given: PositionConfig,
    side: Side,
    stop: str,
    *obstacles: str,
    entry: str = "100",
    tick: Decimal = TICK,
) -> list[Decimal]:
    """The prices of the ladder alone."""
    ladder = exits.targets(
        given, side, D(entry), D(stop), tick, tuple(D(at) for at in obstacles)
    )
    assert [size for _, size in ladder] == [D("0.3")] * len(ladder)
    return [price for price, _ in ladder]


def smart(side: Side, stop: str, *obstacles: str, r: str = "1.5") -> list[Decimal]:
    given = ladder_rules(r, mode=TargetMode.SMART)
    return targets(given, side, stop, *obstacles)


def test_targets_stand_at_their_multiples_of_r_on_both_sides() -> None:
    given = ladder_rules("1.5", "2.8")
    assert targets(given, Side.LONG, "98") == [D(103), D("105.6")]
    assert targets(given, Side.SHORT, "102") == [D(97), D("94.4")]


def test_nothing_moves_a_fixed_target() -> None:
    given = ladder_rules("1.5")
    assert targets(given, Side.LONG, "98", "102.95", "103") == [D(103)]


def test_a_smart_target_stands_before_a_level_that_lies_close() -> None:
    """15 bps before 103.10 is 102.94535: the nearest tick."""
    assert smart(Side.LONG, "98", "103.1") == [D("102.95")]
    assert smart(Side.SHORT, "101.68", "97.4") == [D("97.55")]


def test_a_smart_target_stays_when_the_level_is_too_far_to_reach() -> None:
    """15 bps before 102.9 is 102.746: 25 bps away, and 20 are allowed."""
    assert smart(Side.LONG, "98", "102.9") == [D(103)]


def test_a_smart_target_never_moves_away_from_entry() -> None:
    assert smart(Side.LONG, "98", "103.3") == [D(103)]


def test_a_smart_target_stands_before_a_round_number() -> None:
    """10 bps before 110, which 109.99 would all but touch: 109.89."""
    assert smart(Side.LONG, "93.34") == [D("109.89")]
    assert smart(Side.SHORT, "106.66") == [D("90.09")]


def test_the_nearest_of_two_obstacles_decides() -> None:
    assert smart(Side.LONG, "98", "103.1", "103.05") == [D("102.9")]


@pytest.mark.parametrize(
    ("price", "near"),
    [("103", "100"), ("107", "110"), ("0.0326", "0.033"), ("65432", "65000")],
)
def test_a_round_number_has_two_digits(price: str, near: str) -> None:
    assert exits.round_number(D(price)) == D(near)


@pytest.mark.parametrize(
    ("side", "entry", "stop"),
    [(Side.LONG, "100.05", "100.03"), (Side.SHORT, "99.95", "99.97")],
)
def test_an_obstacle_behind_the_entry_moves_no_target(
    side: Side, entry: str, stop: str
) -> None:
    """The round 100 lies within the shift, and behind the trade."""
    given = ladder_rules("1.5", mode=TargetMode.SMART)
    assert targets(given, side, stop, entry=entry) == [D(entry) + D("0.03") * side.sign]


@pytest.mark.parametrize(
    ("side", "entry", "stop"),
    [(Side.LONG, "100", "99.99"), (Side.SHORT, "100", "100.01")],
)
def test_a_target_is_at_least_a_tick_from_entry(
    side: Side, entry: str, stop: str
) -> None:
    """0.3R of one tick would round onto the entry and close the trade at once."""
    given = ladder_rules("0.3")
    assert targets(given, side, stop, entry=entry) == [D(entry) + TICK * side.sign]


def test_a_tick_wider_than_the_stop_distance_keeps_targets_beyond_entry() -> None:
    given = ladder_rules("0.5", "1", "2")
    assert targets(given, Side.LONG, "99", tick=D(1)) == [D(101), D(101), D(102)]


def test_a_short_has_no_target_below_zero() -> None:
    given = ladder_rules("1", "3", mode=TargetMode.SMART)
    assert targets(given, Side.SHORT, "1.5", entry="1") == [D("0.5")]


def legs(
    quantity: str,
    ladder: Ladder,
    minimum: str = "0.1",
    notional: str = "5",
    stop: str = "98",
) -> Ladder:
    rules = msgspec.structs.replace(
        instrument(),
        lot_size=D("0.1"),
        quantity_min=D(minimum),
        notional_min=D(notional),
    )
    return exits.legs(D(quantity), ladder, rules, D(stop))


TWO = ((D(103), D("0.4")), (D(106), D("0.35")))


def test_legs_are_fractions_of_the_position_and_the_rest_runs() -> None:
    assert legs("10", TWO) == ((D(103), D(4)), (D(106), D("3.5")))


def test_legs_are_whole_lots() -> None:
    assert legs("1.1", TWO) == ((D(103), D("0.4")), (D(106), D("0.3")))


def test_a_leg_that_is_too_small_joins_the_next() -> None:
    assert legs("10", ((D(103), D("0.03")), (D(106), D("0.5"))), notional="40") == (
        (D(106), D("5.3")),
    )


def test_a_remainder_that_is_too_small_joins_the_last_leg() -> None:
    ladder = ((D(103), D("0.5")), (D(106), D("0.46")))
    assert legs("10", ladder, "1") == ((D(103), D(5)), (D(106), D(5)))


def test_a_remainder_is_judged_at_the_stop_where_it_may_have_to_go() -> None:
    """One left at 106 is worth 106, but only 90 at the stop, and 100 is asked."""
    ladder = ((D(106), D("0.9")),)
    assert legs("10", ladder, notional="100", stop="90") == ((D(106), D(10)),)
    assert legs("10", ladder, notional="90", stop="90") == ((D(106), D(9)),)


def test_what_is_left_between_two_legs_can_be_stopped_out_as_well() -> None:
    """After the first leg 1.5 are left: 150 at the target, 135 at the stop."""
    ladder = ((D(100), D("0.85")), (D(106), D("0.15")))
    assert legs("10", ladder, notional="140", stop="90") == ((D(100), D(10)),)
    assert legs("10", ladder, notional="135", stop="90") == (
        (D(100), D("8.5")),
        (D(106), D("1.5")),
    )


def test_the_rest_of_a_short_is_judged_at_the_target_below_its_stop() -> None:
    ladder = ((D(90), D("0.9")),)
    assert legs("10", ladder, notional="95", stop="102") == ((D(90), D(10)),)


def test_what_is_less_than_a_lot_is_in_no_leg() -> None:
    assert legs("10.05", ((D(103), D(1)),)) == ((D(103), D(10)),)


def test_a_reducing_order_is_for_whole_lots_above_the_minimum() -> None:
    rules = msgspec.structs.replace(
        instrument(), lot_size=D("0.1"), quantity_min=D("0.5")
    )
    assert exits.orderable(D("0.57"), rules) == D("0.5")
    assert exits.orderable(D("0.49"), rules) == 0


def test_a_position_too_small_to_split_has_no_legs() -> None:
    assert legs("0.2", TWO, "0.2") == ()


def test_a_ladder_that_sells_more_than_there_is_sells_what_there_is() -> None:
    greedy = ((D(103), D("0.7")), (D(106), D("0.7")), (D(109), D("0.7")))
    assert legs("10", greedy) == ((D(103), D(7)), (D(106), D(3)))


def test_a_leg_of_nothing_is_no_leg() -> None:
    """An exchange without minimums must not be sent an order of size zero."""
    assert legs("0.1", TWO, "0", "0") == ()
