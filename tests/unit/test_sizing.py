"""How large a trade may be: every cap binds by its name, and rounding never adds."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from actors.domain import sizing
from actors.domain.messages import Signal
from actors.domain.orders import Side
from actors.domain.sizing import Room, Sized, TooSmall
from config.preset import Preset
from tests.presets import breakout_v1, changed, instrument
from tests.trades import signal

D = Decimal
#: Stop 2 away from 100, two fees of 7.5 bps and 10 bps of slippage: 2.25 a unit.
UNIT_LOSS = D("2.25")
#: Entered 30 bps late: 2.30 to the stop, and both fees.
WORST_LOSS = D("2.45")
WIDE = Room(
    equity=D(10_000),
    total_risk=D(10_000),
    daily_loss=D(10_000),
    daily_loss_r=None,
    drawdown=D(10_000),
    same_direction=D(1_000_000),
    correlated=D(1_000_000),
    correlated_warn=D(1_000_000),
    margin=D(1_000_000),
    symbol_day=None,
    halved=None,
)
#: 1.5% of 10 000 over 2.25 a unit.
WANTED = D(150) / UNIT_LOSS


@dataclass
class Ask:
    """One question to the sizing, with everything wide open but what is named."""

    signal: Signal
    preset: Preset
    instrument: Any
    room: Room

    def size(self) -> Sized | TooSmall:
        return sizing.size(self.signal, self.preset, self.instrument, self.room)


def ask(side: Side = Side.LONG, **room: Any) -> Ask:
    given = msgspec.structs.replace(WIDE, **room)
    return Ask(signal(side), breakout_v1(), instrument(), given)


@pytest.mark.parametrize("side", Side)
def test_the_planned_loss_has_the_distance_two_fees_and_slippage(side: Side) -> None:
    assert sizing.loss_per_unit(signal(side), breakout_v1()) == UNIT_LOSS
    free = changed(breakout_v1(), "execution_config.taker_fee_bps", D(0))
    assert sizing.loss_per_unit(signal(side), free) == D("2.1")


@pytest.mark.parametrize("side", Side)
def test_without_a_cap_the_risk_decides(side: Side) -> None:
    sized = ask(side).size()
    assert isinstance(sized, Sized)
    assert (sized.binding, sized.wanted) == ("risk", WANTED)
    assert sized.quantity == D("66.666")


@pytest.mark.parametrize(("side", "price"), [(Side.LONG, "100.3"), (Side.SHORT, "100")])
def test_what_is_reserved_is_the_worst_fill(side: Side, price: str) -> None:
    sized = ask(side).size()
    assert isinstance(sized, Sized)
    assert sized.notional == sized.quantity * D(price)
    assert sized.risk_usd == sized.quantity * WORST_LOSS


def test_the_reserve_is_never_under_the_planned_loss() -> None:
    given = ask()
    given.preset = changed(given.preset, "execution_config.entry_band_bps", D(1))
    sized = given.size()
    assert isinstance(sized, Sized)
    assert sized.risk_usd == sized.quantity * UNIT_LOSS


NOTIONAL_CAPS = ["same_direction", "correlated", "margin", "symbol_day"]


@pytest.mark.parametrize("cap", NOTIONAL_CAPS)
@pytest.mark.parametrize("side", Side)
def test_room_in_notional_binds_and_is_named(cap: str, side: Side) -> None:
    sized = ask(side, **{cap: D(4012)}).size()
    assert isinstance(sized, Sized)
    assert (sized.binding, sized.wanted) == (cap, WANTED)
    assert sized.quantity == (40 if side is Side.LONG else D("40.12"))
    assert sized.notional <= 4012


@pytest.mark.parametrize("cap", ["total_risk", "daily_loss"])
def test_room_in_risk_binds_and_is_named(cap: str) -> None:
    sized = ask(**{cap: D(98)}).size()
    assert isinstance(sized, Sized)
    assert (sized.binding, sized.quantity, sized.risk_usd) == (cap, 40, 98)


def test_the_largest_position_binds_and_is_named() -> None:
    given = ask()
    given.preset = changed(given.preset, "risk.max_position_size_usd", D(4012))
    sized = given.size()
    assert isinstance(sized, Sized)
    assert (sized.binding, sized.quantity) == ("max_position_usd", 40)


def test_a_fraction_of_the_opposite_depth_binds_and_is_named() -> None:
    given = ask()
    given.signal = signal(opposite_depth_usd=D(16_048))
    sized = given.size()
    assert isinstance(sized, Sized)
    assert (sized.binding, sized.quantity) == ("depth", 40)


def test_unknown_depth_is_no_cap() -> None:
    sized = ask().size()
    assert isinstance(sized, Sized)
    assert sized.binding == "risk"


def test_a_halved_risk_wants_half() -> None:
    sized = ask(halved="daily_loss_over_80_percent").size()
    assert isinstance(sized, Sized)
    assert sized.wanted == D(75) / UNIT_LOSS
    assert sized.quantity == D("33.333")


@pytest.mark.parametrize(("room", "skipped"), [("2006", False), ("2005.8", True)])
def test_a_size_under_thirty_percent_of_the_wanted_is_skipped(
    room: str, *, skipped: bool
) -> None:
    """The bound is 0.3 x 66.666... = 20 units; 2006 / 100.3 is exactly that."""
    found = ask(margin=D(room)).size()
    if not skipped:
        assert isinstance(found, Sized)
        return
    assert isinstance(found, TooSmall)
    assert (found.reason, found.value) == ("capped_by_margin", D("19.998"))
    assert found.threshold == WANTED * D("0.3")


@pytest.mark.parametrize("side", Side)
def test_the_first_orders_are_small_on_purpose_and_are_not_skipped(side: Side) -> None:
    """Any other cap that leaves 3 % of what was wanted is no trade."""
    sized = ask(side, first_order=D("200.6")).size()
    assert isinstance(sized, Sized)
    assert (sized.binding, sized.wanted) == ("first_order", WANTED)
    assert sized.quantity == (2 if side is Side.LONG else D("2.006"))
    assert sized.notional <= D("200.6")
    assert isinstance(ask(side, margin=D("200.6")).size(), TooSmall)


def test_a_first_order_that_is_less_than_the_exchange_takes_is_refused() -> None:
    given = ask(first_order=D(4))
    given.instrument = msgspec.structs.replace(instrument(), notional_min=D(5))
    found = given.size()
    assert isinstance(found, TooSmall)
    assert (found.reason, found.threshold) == ("notional_min", 5)


@pytest.mark.parametrize("room", [0, -500])
def test_no_room_at_all_is_a_size_of_zero_and_skipped(room: int) -> None:
    found = ask(total_risk=D(room)).size()
    assert isinstance(found, TooSmall)
    assert (found.reason, found.value) == ("capped_by_total_risk", 0)


def test_the_tightest_of_several_caps_is_the_one_named() -> None:
    found = ask(margin=D(4012), correlated=D(3009), total_risk=D(98)).size()
    assert isinstance(found, Sized)
    assert (found.binding, found.quantity) == ("correlated", 30)


@pytest.mark.parametrize(
    ("lot", "minimum", "threshold"), [("0.001", "70", 70), ("100", "0.1", 100)]
)
def test_less_than_the_smallest_order_is_named_so(
    lot: str, minimum: str, threshold: int
) -> None:
    """A size that its own lot rounds away was capped by no limit of the account."""
    given = ask()
    given.instrument = msgspec.structs.replace(
        instrument(), lot_size=D(lot), quantity_min=D(minimum)
    )
    found = given.size()
    assert isinstance(found, TooSmall)
    assert (found.reason, found.threshold) == ("quantity_min", threshold)
    assert found.value == (D("66.666") if lot == "0.001" else 0)


@pytest.mark.parametrize(("least", "fits"), [("6666.6", True), ("6666.7", False)])
def test_less_than_the_smallest_notional_is_named_so(least: str, *, fits: bool) -> None:
    given = ask()
    given.instrument = msgspec.structs.replace(instrument(), notional_min=D(least))
    found = given.size()
    if fits:
        assert isinstance(found, Sized)
    else:
        assert found == TooSmall("notional_min", D("6666.6"), D("6666.7"))


@pytest.mark.parametrize("side", Side)
def test_the_worst_price_is_the_far_edge_of_the_band(side: Side) -> None:
    worst = sizing.worst_price(signal(side), breakout_v1())
    assert worst == D(100) + D("0.3") * side.sign


@pytest.mark.parametrize(
    ("shortable", "stop", "fits"),
    [(True, D(98), True), (False, D(98), False), (False, D("99.95"), True)],
)
def test_on_spot_the_stop_too_must_be_worth_the_least_that_is_taken(
    stop: Decimal, *, shortable: bool, fits: bool
) -> None:
    """A fee takes the last lot of 0.052, and no order is spared for reducing only."""
    given = ask(first_order=D("5.22"))
    given.signal = signal(stop=stop)
    given.instrument = msgspec.structs.replace(
        given.instrument, shortable=shortable, notional_min=D("5.09")
    )
    sized = given.size()
    assert isinstance(sized, Sized) is fits
    if isinstance(sized, Sized):
        assert sized.quantity == D("0.052")
    else:
        assert (sized.reason, sized.value) == ("notional_min", D("0.051") * stop)
