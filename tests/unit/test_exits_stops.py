"""Moving a stop: to break-even, behind the market, and only ever the good way."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from actors.domain import exits, ledger
from actors.domain.ledger import Position
from actors.domain.orders import Side
from actors.domain.phases import TradePhase
from tests.presets import instrument
from tests.trades import OPENED_MS, bar, fill, planned, rules, running

D = Decimal
TICK = instrument().tick_size


def at(side: Side, step: str | int) -> Decimal:
    """A price so far from the entry of 100, favourable positive."""
    return D(100) + D(step) * side.sign


def stop_after(position: Position, close: Decimal, **changes: Any) -> Decimal | None:
    return exits.manage(position, bar(close), rules(**changes), instrument()).stop


@pytest.mark.parametrize("side", Side)
def test_the_stop_goes_to_break_even_at_its_r(side: Side) -> None:
    assert stop_after(running(side), at(side, "1.99")) is None
    moved = stop_after(running(side), at(side, 2))
    assert moved is not None
    assert (moved - 100) * side.sign > 0


@pytest.mark.parametrize("side", Side)
def test_the_stop_goes_to_break_even_after_the_first_target(side: Side) -> None:
    assert stop_after(running(side), at(side, 1)) is None
    moved = stop_after(running(side, targets_hit=1), at(side, 1))
    assert moved is not None
    assert (moved - 100) * side.sign > 0


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize("buffer_bps", [0, 5])
def test_break_even_pays_the_fees_of_both_sides(side: Side, buffer_bps: int) -> None:
    """Filled at its price as taker, a break-even stop loses nothing.

    Even is 100.10005 for a long, which the tick of 0.01 must not round down.
    """
    rate = instrument().taker_fee_bps / 10_000
    paid = fill(side, 10, 100, 1000 * rate)
    position = ledger.move(ledger.enter(planned(side), paid), TradePhase.RUNNING)
    coarse = msgspec.structs.replace(instrument(), tick_size=D("0.01"))
    given = rules(breakeven_buffer_bps=D(buffer_bps))
    moved = exits.manage(position, bar(at(side, 2)), given, coarse).stop
    assert moved is not None
    sold = fill(side.opposite, 10, moved, 10 * moved * rate, OPENED_MS)
    result = ledger.reduce(position, sold, "stop").pnl_usd
    wanted = 1000 * D(buffer_bps) / 10_000
    assert wanted <= result <= wanted + D("0.11")


@pytest.mark.parametrize("side", Side)
def test_the_trail_begins_at_its_r(side: Side) -> None:
    """Chandelier: 3 ATR behind the best of the last bars; ATR about 1.2 here."""
    before = stop_after(running(side, stop=at(side, "0.5")), at(side, "3.99"))
    assert before is None
    position = running(side, stop=at(side, "0.1"))
    seen = exits.observe(position, bar(at(side, 4)), rules())
    trailed = stop_after(position, at(side, 4))
    assert trailed is not None
    assert abs(trailed - (at(side, 4) - 3 * seen.atr * side.sign)) <= TICK


@pytest.mark.parametrize("side", Side)
def test_a_rising_atr_never_loosens_the_trail(side: Side) -> None:
    position = running(side, stop=at(side, 2), best=at(side, 6))
    position = msgspec.structs.replace(position, atr=D(50), extremes=(at(side, 6),))
    assert stop_after(position, at(side, 5)) is None


@pytest.mark.parametrize("side", Side)
def test_a_trail_far_behind_leaves_the_stop_at_break_even(side: Side) -> None:
    moved = stop_after(running(side, atr=D(50), best=at(side, 6)), at(side, 5))
    assert moved is not None
    assert (moved - 100) * side.sign > 0


@pytest.mark.parametrize("side", Side)
def test_the_trail_looks_back_so_many_bars_and_stands_when_they_pass(
    side: Side,
) -> None:
    position = running(side, atr=D("0.1"))
    plan = exits.manage(
        position, bar(at(side, 8)), rules(chandelier_bars=2), instrument()
    )
    assert plan.stop is not None
    held = msgspec.structs.replace(plan.position, stop=plan.stop)
    for _ in range(3):
        plan = exits.manage(
            held, bar(at(side, 7)), rules(chandelier_bars=2), instrument()
        )
        held = plan.position
    assert plan.position.extremes == (at(side, 7),) * 2
    assert plan.stop is None


@pytest.mark.parametrize("side", Side)
def test_a_stop_never_passes_the_market(side: Side) -> None:
    """The best price earned break-even, the close gave it back."""
    closed, best = at(side, "-0.5"), at(side, 3)
    position = running(side, best=best)
    assert stop_after(position, closed) == closed - TICK * side.sign


@pytest.mark.parametrize("side", Side)
def test_a_move_under_a_tick_is_not_worth_an_order(side: Side) -> None:
    moved = stop_after(running(side), at(side, 2))
    assert moved is not None
    near = running(side, stop=moved - side.sign * TICK / 2)
    assert stop_after(near, at(side, 2)) is None
    far = running(side, stop=moved - side.sign * TICK)
    assert stop_after(far, at(side, 2)) == moved


def test_a_stop_stands_on_the_tick_grid() -> None:
    moved = stop_after(running(atr=D("0.3333333")), D("110.12345678"))
    assert moved is not None
    assert moved % TICK == 0


@pytest.mark.parametrize(
    ("phase", "best", "after"),
    [
        (TradePhase.RUNNING, 2, TradePhase.BREAKEVEN),
        (TradePhase.BREAKEVEN, 2, TradePhase.BREAKEVEN),
        (TradePhase.PARTIAL_CLOSED, 2, TradePhase.PARTIAL_CLOSED),
        (TradePhase.TRAILING, 2, TradePhase.TRAILING),
        (TradePhase.RUNNING, 4, TradePhase.TRAILING),
        (TradePhase.PARTIAL_CLOSED, 4, TradePhase.TRAILING),
    ],
)
def test_a_moved_stop_names_the_phase_and_the_table_has_the_edge(
    phase: TradePhase, best: int, after: TradePhase
) -> None:
    position = running(phase=phase, best=D(100 + best))
    found = exits.phase_after_stop_move(position, rules())
    assert found is after
    assert ledger.move(position, found).phase is after
