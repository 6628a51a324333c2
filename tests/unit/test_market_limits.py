"""A sane price and a way out: each limit of the market blocks, and UNKNOWN as said."""

from decimal import Decimal
from typing import Any

import pytest

from actors.domain import sizing
from actors.domain.limits import Breach
from actors.domain.market_limits import MarketCheck, judge_market, market_rows
from actors.domain.orders import Side
from actors.domain.sizing import Sized, TooSmall
from config.preset import Policy, Preset
from tests.presets import breakout_v1, changed, instrument
from tests.trades import signal
from tests.unit.test_sizing import WIDE

D = Decimal
#: Entry 100; the price band is 200 bps, the widest spread 50 bps.
REFERENCE = D(100)
KNOWN = {"spread_bps": D(5), "exit_depth_usd": D(1_000_000)}


def judged(
    reference: Decimal | None = REFERENCE,
    *,
    policy: Policy = Policy.FAIL,
    side: Side = Side.LONG,
    **fields: Any,
) -> MarketCheck:
    given = signal(side, **(KNOWN | fields))
    return judge_market(market_rows(breakout_v1(policy), given, reference))


def test_a_market_that_is_known_and_sane_passes() -> None:
    assert judged() == MarketCheck()


@pytest.mark.parametrize(
    ("side", "reference", "blocked"),
    [
        (Side.LONG, "98.1", False),  # 194 bps over it
        (Side.LONG, "98.0", True),  # 204 bps
        (Side.LONG, "102.0", False),  # 196 bps under it
        (Side.LONG, "102.1", True),
        (Side.SHORT, "98.1", False),
        (Side.SHORT, "98.0", True),
        (Side.SHORT, "102.0", False),
        (Side.SHORT, "102.1", True),
    ],
)
def test_a_price_out_of_its_band_blocks_on_either_side(
    side: Side, reference: str, *, blocked: bool
) -> None:
    found = judged(D(reference), side=side).breach
    assert (found is not None) is blocked
    if found is not None:
        assert (found.reason, found.threshold) == ("price_band", 200)
        assert found.value is not None
        assert 200 < found.value < 220


def test_a_tenfold_price_blocks() -> None:
    """The signal's own feed spiked; the reference did not."""
    found = judged(D(10)).breach
    assert found is not None
    assert found.reason == "price_band"


@pytest.mark.parametrize(("spread", "blocked"), [("50", False), ("50.01", True)])
def test_a_wide_spread_blocks(spread: str, *, blocked: bool) -> None:
    found = judged(spread_bps=D(spread)).breach
    wanted = Breach("exit_spread", D(spread), D(50)) if blocked else None
    assert found == wanted


@pytest.mark.parametrize(
    ("name", "changes", "reference", "threshold"),
    [
        ("price_band", {}, None, 200),
        ("exit_spread", {"spread_bps": None}, REFERENCE, 50),
        ("exit_depth", {"exit_depth_usd": None}, REFERENCE, 2),
    ],
)
def test_unknown_refuses_or_is_passed_over_as_the_preset_says(
    name: str, changes: dict[str, Any], reference: Decimal | None, threshold: int
) -> None:
    refused = judged(reference, **changes).breach
    assert refused == Breach(name, None, D(threshold))
    assert refused.value_text == "UNKNOWN"
    passed = judged(reference, policy=Policy.SKIP, **changes)
    assert passed == MarketCheck(skipped=(name,))


@pytest.mark.parametrize(
    ("field", "changes", "reference"),
    [
        ("price_band_bps", {}, None),
        ("exit_spread_bps_max", {"spread_bps": None}, REFERENCE),
        ("exit_depth_ratio_min", {"exit_depth_usd": None}, REFERENCE),
    ],
)
def test_a_limit_that_is_off_asks_nothing(
    field: str, changes: dict[str, Any], reference: Decimal | None
) -> None:
    preset = changed(breakout_v1(Policy.FAIL), f"risk.{field}", None)
    given = signal(**(KNOWN | changes))
    assert judge_market(market_rows(preset, given, reference)) == MarketCheck()


# --- the caps that need a size --------------------------------------------------------


def sized(preset: Preset, **fields: Any) -> Sized | TooSmall:
    return sizing.size(signal(**fields), preset, instrument(), WIDE)


def test_a_shallow_exit_side_makes_the_trade_smaller() -> None:
    """Twice the size must be there: 8024 allows 4012, or 40 at the worst price."""
    found = sized(breakout_v1(), exit_depth_usd=D(8_024))
    assert isinstance(found, Sized)
    assert (found.binding, found.quantity) == ("exit_depth", 40)


@pytest.mark.parametrize("depth", [0, 4_000])
def test_an_exit_side_that_is_too_shallow_blocks(depth: int) -> None:
    found = sized(breakout_v1(), exit_depth_usd=D(depth))
    assert isinstance(found, TooSmall)
    assert found.reason == "capped_by_exit_depth"
    assert found.value < found.threshold


def test_one_trade_may_lose_so_much_after_its_worst_fill() -> None:
    """A stop a tick away: the worst fill alone loses 1.8 times what was planned."""
    near = {"stop": D("99.99")}
    free = sized(breakout_v1(), **near)
    assert isinstance(free, Sized)
    assert free.binding == "risk"
    assert 250 < free.risk_usd < 300
    capped = sized(changed(breakout_v1(), "risk.max_risk_per_trade", D("0.02")), **near)
    assert isinstance(capped, Sized)
    assert capped.binding == "per_trade"
    assert 199 < capped.risk_usd <= 200


def test_a_trade_that_may_lose_too_much_for_any_size_is_blocked() -> None:
    tight = changed(breakout_v1(), "risk.max_risk_per_trade", D("0.005"))
    found = sized(tight, stop=D("99.99"))
    assert isinstance(found, TooSmall)
    assert found.reason == "capped_by_per_trade"


def test_by_default_one_trade_loses_at_most_twice_its_plan() -> None:
    wide = changed(breakout_v1(), "execution_config.entry_band_bps", D(100))
    found = sized(wide, stop=D("99.99"))
    assert isinstance(found, Sized)
    assert found.binding == "per_trade"
    assert 299 < found.risk_usd <= 300
