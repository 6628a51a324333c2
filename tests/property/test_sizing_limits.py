"""Whatever the account: a size, once reserved, leaves every limit unbroken."""

from decimal import Decimal

import msgspec
from hypothesis import assume, given
from hypothesis import strategies as st

from actors.domain import caps, limits, sizing
from actors.domain.limits import Account, Holding
from actors.domain.messages import Signal
from actors.domain.orders import Side
from actors.domain.sizing import Sized, TooSmall
from tests.presets import breakout_v1, changed, instrument
from tests.trades import OPENED_MS, signal

D = Decimal
sides = st.sampled_from(Side)
money = st.decimals(D(0), D(30_000), places=2)
shares = st.decimals(D("0.01"), D(1), places=2)
holdings = st.lists(st.tuples(sides, money, money, money), max_size=4)


def held(parts: list[tuple[Side, Decimal, Decimal, Decimal]]) -> tuple[Holding, ...]:
    return tuple(
        Holding(
            f"S{number}/USDT:USDT",
            side,
            notional,
            risk / 50,
            loss / 50,
            limits.bucket_of(instrument(), side),
        )
        for number, (side, notional, risk, loss) in enumerate(parts)
    )


def worst(one: Signal, sized: Sized) -> Holding:
    """The holding that the new entry is until it has filled."""
    bucket = limits.bucket_of(instrument(), one.side)
    return Holding(
        *(one.symbol, one.side, sized.notional, sized.risk_usd, sized.risk_usd, bucket)
    )


@given(
    sides,
    st.decimals(D("0.1"), D(30), places=2),
    holdings,
    st.decimals(D(2_000), D(20_000), places=2),
    shares,
    shares,
)
def test_a_reserved_size_breaks_no_limit(
    side: Side,
    distance: Decimal,
    parts: list[tuple[Side, Decimal, Decimal, Decimal]],
    equity: Decimal,
    daily: Decimal,
    total: Decimal,
) -> None:
    preset = changed(breakout_v1(), "risk.daily_risk_limit", daily)
    preset = changed(preset, "risk.max_total_risk", total)
    one = signal(side, stop=D(100) - distance * side.sign)
    before = held(parts)
    day = limits.open_day(D(10_000), OPENED_MS)
    account = Account(preset, day, equity, before, OPENED_MS)
    sized = sizing.size(
        one, preset, instrument(), caps.room(account, one, instrument())
    )
    assume(isinstance(sized, Sized))
    assert isinstance(sized, Sized)
    after = msgspec.structs.replace(account, holdings=(*before, worst(one, sized)))
    left = caps.room(after, one, instrument())
    assert left.total_risk >= 0
    assert left.daily_loss >= 0
    assert left.same_direction >= 0
    assert left.correlated >= 0
    assert left.margin >= 0


@given(
    sides,
    st.decimals(D("0.01"), D(30), places=2),
    st.decimals(D(0), D(200_000), places=2),
    st.sampled_from([D("0.001"), D("0.01"), D("0.5"), D(1), D(10)]),
    money,
)
def test_rounding_never_adds_and_a_size_is_legal(
    side: Side, distance: Decimal, depth: Decimal, lot: Decimal, margin: Decimal
) -> None:
    preset = breakout_v1()
    one = signal(side, stop=D(100) - distance * side.sign, opposite_depth_usd=depth)
    rules = msgspec.structs.replace(instrument(), lot_size=lot, quantity_min=lot)
    wide = caps.room(
        Account(preset, limits.open_day(D(10_000), 0), D(10_000), (), 0),
        one,
        instrument(),
    )
    room = msgspec.structs.replace(wide, margin=margin)
    found = sizing.size(one, preset, rules, room)
    if isinstance(found, TooSmall):
        assert found.value < found.threshold
        return
    assert found.quantity % lot == 0
    assert lot <= found.quantity <= found.wanted
    assert found.notional <= min(margin, depth / 4)
    assert found.quantity * one.entry >= rules.notional_min
    assert found.quantity >= found.wanted * D("0.3") or found.binding == "risk"
