"""Whatever the market: targets beyond entry, legs legal, stops only ever better."""

from decimal import Decimal
from itertools import pairwise

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from actors.domain import exits, ledger
from actors.domain.messages import WatchedBar
from actors.domain.orders import Side
from config.preset import TakeProfit, TargetMode
from tests.presets import instrument
from tests.trades import OPENED_MS, SYMBOL, fill, planned, rules

ZERO = Decimal(0)
powers = st.sampled_from([Decimal(1).scaleb(-power) for power in range(5)])
sides = st.sampled_from(Side)
fractions = st.lists(st.integers(1, 100), max_size=6)
ratios = st.lists(st.integers(1, 120), min_size=1, max_size=6, unique=True)


@given(
    sides,
    powers,
    st.integers(10, 100_000),
    st.integers(1, 200),
    ratios,
    st.lists(st.integers(1, 101_000), max_size=4),
)
def test_smart_targets_stand_beyond_the_entry_nearest_first(
    side: Side,
    tick: Decimal,
    entry: int,
    distance: int,
    multiples: list[int],
    obstacles: list[int],
) -> None:
    ladder = exits.targets(
        rules(
            tp_levels=tuple(
                TakeProfit(level_r=Decimal(m) / 10, size=Decimal("0.1"))
                for m in sorted(multiples)
            ),
            tp_mode=TargetMode.SMART,
        ),
        side,
        entry * tick,
        (entry - distance * side.sign) * tick,
        tick,
        tuple(at * tick for at in obstacles),
    )
    away = [(price - entry * tick) * side.sign for price, _ in ladder]
    assert all(distance_gone >= tick for distance_gone in away)
    assert all(nearer <= further for nearer, further in pairwise(away))
    assert all(price > ZERO and price % tick == ZERO for price, _ in ladder)


@given(
    powers,
    st.integers(1, 5_000),
    st.integers(0, 50),
    st.integers(0, 500),
    fractions,
    st.lists(st.integers(1, 5_000), min_size=6, max_size=6),
    st.integers(1, 5_000),
)
def test_every_leg_and_the_remainder_can_be_traded(
    lot: Decimal,
    size_lots: int,
    minimum_lots: int,
    notional_min: int,
    percents: list[int],
    prices: list[int],
    stop: int,
) -> None:
    size, minimum = size_lots * lot, minimum_lots * lot
    ladder = tuple(
        (Decimal(price), Decimal(percent) / 100)
        for price, percent in zip(prices, percents, strict=False)
    )
    market = msgspec.structs.replace(
        instrument(),
        lot_size=lot,
        quantity_min=minimum,
        notional_min=Decimal(notional_min),
    )
    planned_legs = exits.legs(size, ladder, market, Decimal(stop))
    left = size
    for price, quantity in planned_legs:
        assert quantity >= minimum
        assert quantity > ZERO
        assert quantity * price >= notional_min
        assert quantity % lot == ZERO
        left -= quantity
        assert left >= ZERO
        assert not left or left >= minimum
        assert not left or left * min(price, stop) >= notional_min


bars = st.tuples(
    *(st.decimals(Decimal(80), Decimal(125), places=2) for _ in range(4)),
    st.integers(0, 1_000),
)


@given(sides, st.lists(bars, min_size=1, max_size=40), st.integers(1, 5))
def test_a_stop_only_moves_in_favour_and_never_past_the_close(
    side: Side, market: list[tuple[Decimal, ...]], chandelier_bars: int
) -> None:
    given_rules = rules(chandelier_bars=chandelier_bars, chandelier_atr=Decimal("0.5"))
    position = ledger.enter(planned(side), fill(side, 10, 100))
    position = ledger.move(position, ledger.TradePhase.RUNNING)
    for number, (first, second, third, fourth, volume) in enumerate(market, start=1):
        low, opened, closed, high = sorted((first, second, third, fourth))
        one = WatchedBar(
            *(SYMBOL, OPENED_MS + number, opened, high, low, closed, Decimal(volume))
        )
        plan = exits.manage(position, one, given_rules, instrument())
        assert plan.exit_reason is None
        position = plan.position
        if plan.stop is not None:
            assert (plan.stop - position.stop) * side.sign > ZERO
            assert (closed - plan.stop) * side.sign > ZERO
            phase = exits.phase_after_stop_move(position, given_rules)
            position = ledger.move(
                msgspec.structs.replace(position, stop=plan.stop), phase
            )
        assert position.r_unit == 2
        assert len(position.extremes) <= chandelier_bars
