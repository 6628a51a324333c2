"""One position's book: averages, results, R, and what it refuses."""

from decimal import Decimal

import msgspec
import pytest

from actors.domain import ledger, remainder
from actors.domain.errors import IllegalTransition
from actors.domain.ledger import Position
from actors.domain.orders import Fill, Side
from actors.domain.phases import TradePhase
from tests.trades import OPENED_MS, fill, planned, running

D = Decimal


def entered(side: Side = Side.LONG) -> Position:
    """Three at 100, one at 104, 0.5 of fees in all."""
    one = ledger.enter(planned(side), fill(side, 3, 100, "0.3"))
    return ledger.enter(one, fill(side, 1, 104, "0.2", OPENED_MS + 5))


def test_entry_fills_average_by_size() -> None:
    position = entered()
    assert (position.entered, position.open, position.entry) == (4, 4, 101)
    assert (position.fees, position.realized) == (D("0.5"), 0)
    assert position.updated_ms == OPENED_MS + 5


def test_an_entry_fill_is_the_first_price_seen() -> None:
    position = ledger.enter(planned(), fill(Side.LONG, 1, 99))
    assert {position.mark, position.best, position.worst} == {D(99)}


@pytest.mark.parametrize("side", Side)
def test_a_fill_of_the_wrong_side_is_a_broken_promise(side: Side) -> None:
    with pytest.raises(AssertionError, match="has the position's side"):
        ledger.enter(planned(side), fill(side.opposite, 1, 100))
    with pytest.raises(AssertionError, match="has the other side"):
        ledger.reduce(running(side), fill(side, 1, 100), "stop")


@pytest.mark.parametrize(("side", "gain"), [(Side.LONG, 12), (Side.SHORT, -12)])
def test_a_rise_pays_longs_and_costs_shorts(side: Side, gain: int) -> None:
    position = ledger.reduce(running(side), fill(side.opposite, 4, 103, 1), "target_1")
    assert (position.realized, position.fees) == (gain, 1)
    assert position.pnl_usd == gain - 1
    assert (position.open, position.entered) == (6, 10)
    assert (position.mark, position.reason) == (103, "target_1")


@pytest.mark.parametrize(("side", "worth"), [(Side.LONG, 30), (Side.SHORT, -30)])
def test_what_is_held_is_worth_its_distance_from_entry(side: Side, worth: int) -> None:
    assert running(side, mark=D(103)).unrealized_usd == worth


def test_exit_fills_average_by_size() -> None:
    half = ledger.reduce(running(), fill(Side.SHORT, 5, 110), "target_1")
    done = ledger.reduce(half, fill(Side.SHORT, 5, 100), "stop")
    assert (half.exit, done.exit, done.realized) == (110, 105, 50)


def test_a_partial_exit_leaves_the_position_running() -> None:
    half = ledger.reduce(running(), fill(Side.SHORT, 5, 110), "target_1")
    assert (half.phase, half.closed_ms) == (TradePhase.RUNNING, None)
    assert not half.ended


def test_the_last_fill_closes() -> None:
    done = ledger.reduce(running(), fill(Side.SHORT, 10, 98, 0, OPENED_MS + 9), "stop")
    assert (done.phase, done.closed_ms) == (TradePhase.CLOSED, OPENED_MS + 9)
    assert done.ended
    assert done.unrealized_usd == 0


@pytest.mark.parametrize("side", Side)
def test_an_exit_larger_than_what_is_held_is_booked_and_owed(side: Side) -> None:
    owing = ledger.reduce(running(side), fill(side.opposite, 11, 98, 1), "stop")
    assert not owing.ended
    assert (owing.open, owing.over, owing.net) == (0, 1, -side.sign)
    assert (owing.exit, owing.fees) == (98, 1)


@pytest.mark.parametrize("side", Side)
def test_an_entry_that_comes_after_its_exit_closes_to_the_last_digit(
    side: Side,
) -> None:
    owing = ledger.reduce(running(side), fill(side.opposite, 13, 98), "stop")
    part = ledger.enter(owing, fill(side, 1, 101))
    assert (part.open, part.over, part.ended) == (0, 2, False)
    done = ledger.enter(part, fill(side, 2, 102))
    assert (done.phase, done.open, done.over) == (TradePhase.CLOSED, 0, 0)
    assert done.realized == (13 * 98 - 1000 - 101 - 204) * side.sign
    beyond = ledger.enter(part, fill(side, 5, 102))
    assert (beyond.open, beyond.over, beyond.net) == (3, 0, 3 * side.sign)


@pytest.mark.parametrize("side", Side)
def test_dust_is_written_off_at_its_value_and_nothing_is_left_over(side: Side) -> None:
    rest = ledger.reduce(running(side), fill(side.opposite, 9, 103, 1), "target_1")
    done = remainder.write_off(rest, OPENED_MS + 9)
    assert (done.phase, done.open, done.dust) == (TradePhase.DUST, 0, 1)
    assert (done.reason, done.closed_ms, done.ended) == ("dust", OPENED_MS + 9, True)
    closed_at_the_mark = 10 * 3 * side.sign
    assert done.realized == closed_at_the_mark - 103


# --- a fee that is taken from the coin ------------------------------------------------


def in_coin(filled: Fill, coins: str) -> Fill:
    """The same fill, its fee taken in the coin at its price."""
    fee = D(coins)
    return msgspec.structs.replace(filled, fee=fee * filled.price, coin_fee=fee)


@pytest.mark.parametrize(
    ("side", "moved"), [(Side.LONG, "0.019985"), (Side.SHORT, "0.020015")]
)
def test_a_fee_in_the_coin_moves_more_or_less_than_the_order_counts(
    side: Side, moved: str
) -> None:
    filled = in_coin(fill(side, "0.02", 100_000), "0.000015")
    assert (filled.quantity, filled.moved) == (D("0.02"), D(moved))
    assert fill(side, "0.02", 100_000).moved == D("0.02")


def test_what_a_fee_in_the_coin_leaves_is_held_and_all_money_is_accounted_for() -> None:
    """Money spent is what is held at its entry price and the fee, to the last digit."""
    first = in_coin(fill(Side.LONG, "0.013", 100_000), "0.00000975")
    second = in_coin(fill(Side.LONG, "0.007", 100_010), "0.00000525")
    held = ledger.enter(ledger.enter(planned(), first), second)
    assert held.open == held.entered == D("0.019985")
    spent = D("0.013") * 100_000 + D("0.007") * 100_010
    assert held.entry_value + held.fees == spent
    sold = ledger.reduce(held, fill(Side.SHORT, "0.019", 99_000, "1.41"), "stop")
    assert (sold.open, sold.over) == (D("0.000985"), 0)
    done, cost = remainder.set_aside(sold, OPENED_MS + 9, sold.reason)
    ended = (done.phase, done.dust, done.reason)
    assert ended == (TradePhase.DUST, D("0.000985"), "stop")
    assert 98 < cost < 99
    assert done.pnl_usd == D("0.019") * 99_000 - D("1.41") - spent + cost


def test_a_sale_whose_fee_is_taken_from_the_coin_takes_that_too() -> None:
    sale = in_coin(fill(Side.SHORT, "9.99", 103), "0.01")
    done = ledger.reduce(running(), sale, "target_1")
    assert (done.phase, done.open, done.over) == (TradePhase.CLOSED, 0, 0)
    assert done.pnl_usd == D("9.99") * 103 - 1_000 - running().fees


def test_a_position_that_begins_with_dust_has_its_cost() -> None:
    begun = remainder.begin_with(planned(), D("0.5"), D(48))
    held = ledger.enter(begun, fill(Side.LONG, D("9.5"), 100))
    assert (held.open, held.entered, held.entry_value) == (10, 10, 998)
    done = ledger.reduce(held, fill(Side.SHORT, 10, 100), "stop")
    assert (done.phase, done.realized) == (TradePhase.CLOSED, 2)


def test_a_closed_position_takes_no_more_exits() -> None:
    done = ledger.reduce(running(), fill(Side.SHORT, 10, 98), "stop")
    with pytest.raises(AssertionError, match="an ended position takes no fill"):
        ledger.reduce(done, fill(Side.SHORT, 1, 98), "stop")


@pytest.mark.parametrize("side", Side)
def test_r_is_frozen_whatever_the_stop_does(side: Side) -> None:
    position = running(side)
    moved = msgspec.structs.replace(position, stop=D(100))
    reduced = ledger.reduce(moved, fill(side.opposite, 6, 101), "target_1")
    assert position.r_unit == moved.r_unit == reduced.r_unit == 2
    assert position.risk_usd == moved.risk_usd == reduced.risk_usd == 20
    assert moved.r_of(D(30)) == D("1.5")


@pytest.mark.parametrize("side", Side)
def test_a_price_in_r_is_positive_in_our_favour(side: Side) -> None:
    position = running(side)
    assert position.r_at(D(100) + 3 * side.sign) == D("1.5")
    assert position.r_at(D(100) - 2 * side.sign) == -1


def test_r_is_zero_while_it_is_undefined() -> None:
    assert planned().r_of(D(5)) == 0
    collapsed = running(initial_stop=D(100))
    assert (collapsed.r_unit, collapsed.r_at(D(105))) == (0, 0)


def test_a_move_by_the_table_changes_the_phase_alone() -> None:
    position = running()
    moved = ledger.move(position, TradePhase.BREAKEVEN)
    assert moved == msgspec.structs.replace(position, phase=TradePhase.BREAKEVEN)


def test_a_move_to_the_same_phase_is_no_move() -> None:
    position = running()
    assert ledger.move(position, TradePhase.RUNNING) is position


def test_a_move_that_the_table_lacks_is_refused() -> None:
    with pytest.raises(IllegalTransition, match="RUNNING -> ENTRY"):
        ledger.move(running(), TradePhase.ENTRY)


@pytest.mark.parametrize("phase", TradePhase)
def test_only_closed_and_dust_are_ends(phase: TradePhase) -> None:
    ended = msgspec.structs.replace(running(), phase=phase).ended
    assert ended is (phase in {TradePhase.CLOSED, TradePhase.DUST})


def test_the_view_tells_money_and_r() -> None:
    position = ledger.reduce(
        running(targets=((D(103), D("0.4")), (D(106), D("0.3")))),
        fill(Side.SHORT, 4, 103, 2),
        "target_1",
    )
    shown = ledger.view(position, "paper", stop_confirmed=True)
    assert shown.targets == (103, 106)
    assert (shown.size, shown.entry, shown.stop) == (6, 100, 98)
    assert (shown.pnl_usd, shown.pnl_r) == (10, D("0.5"))
    assert (shown.unrealized_pnl_usd, shown.unrealized_pnl_r) == (18, D("0.9"))
    assert (shown.risk_usd, shown.mode, shown.stop_confirmed) == (20, "paper", True)
    assert (shown.id, shown.symbol) == (position.id, position.symbol)
    assert (shown.reason, shown.phase) == ("target_1", TradePhase.RUNNING)


def test_an_entry_that_still_fills_after_an_exit_costs_what_it_cost() -> None:
    """A stop may take part of what an entry is still buying."""
    position = ledger.enter(planned(), fill(Side.LONG, 2, 100))
    position = ledger.reduce(position, fill(Side.SHORT, 1, 110), "stop")
    position = ledger.enter(position, fill(Side.LONG, 2, 120))
    assert (position.entered, position.open, position.entry) == (4, 3, 110)
    assert ledger.reduce(position, fill(Side.SHORT, 3, 110), "stop").realized == 0
