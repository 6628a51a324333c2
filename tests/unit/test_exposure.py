"""An order in flight or in doubt counts at its worst case against every limit."""

import ast
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from actors.domain import caps, exposure, limits, sizing
from actors.domain.bars import Instrument
from actors.domain.exposure import Entry, exposure_breaches
from actors.domain.limits import Account, Breach, Holding
from actors.domain.orders import OrderState, Side
from actors.domain.phases import LIVE_ORDER_STATES
from actors.domain.sizing import TooSmall
from tests.presets import breakout_v1, changed, instrument
from tests.trades import OPENED_MS, SYMBOL, running, signal

D = Decimal
OTHER, FOREIGN = "BBB/USDT:USDT", "CCC/USDC:USDC"
IN_DOUBT = [OrderState.SENDING, OrderState.UNKNOWN]
RESERVED = sorted(exposure.RESERVED_STATES)
ENDED = sorted(set(OrderState) - exposure.RESERVED_STATES)


def instruments() -> dict[str, Instrument]:
    foreign = msgspec.structs.replace(instrument(FOREIGN), quote="USDC")
    return {one.symbol: one for one in (instrument(), instrument(OTHER), foreign)}


def entry(state: OrderState = OrderState.SENDING, **changes: Any) -> Entry:
    """An entry of 10, at its worst 1003 of notional and 24.5 of risk."""
    given: dict[str, Any] = {
        "symbol": OTHER,
        "side": Side.LONG,
        "state": state,
        "quantity": D(10),
        "filled": D(0),
        "notional": D(1003),
        "risk_usd": D("24.5"),
    }
    return Entry(**(given | changes))


def account(
    entries: list[Entry], rules: dict[str, Any], day: dict[str, Any]
) -> Account:
    easy = {"daily_risk_limit": D("0.05"), "kill_switch_loss_limit": D("0.18")}
    preset = breakout_v1()
    for name, value in (easy | rules).items():
        preset = changed(preset, f"risk.{name}", value)
    opened = msgspec.structs.replace(limits.open_day(D(10_000), OPENED_MS), **day)
    held = exposure.holdings((), entries, instruments())
    return Account(preset, opened, D(10_000), held, OPENED_MS)


def refusal(given: Account) -> str | None:
    """The name of the limit that lets no further entry pass; None: one is sent."""
    found = limits.breach(given, signal())
    if found is not None:
        return found.reason
    room = caps.room(given, signal(), instrument())
    sized = sizing.size(signal(), given.preset, instrument(), room)
    return sized.reason if isinstance(sized, TooSmall) else None


WIDE = {"daily_risk_limit": D("0.5"), "kill_switch_loss_limit": D("0.9")}
#: The limit, what is in flight, the rules, the day: one entry more does not fit.
FULL: list[tuple[str, dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    ("duplicate_position", {"symbol": SYMBOL}, {}, {}),
    ("max_positions", {}, {"max_concurrent_positions": 1}, {}),
    ("total_risk", {"risk_usd": D(1_000)}, WIDE, {}),
    ("capped_by_total_risk", {"risk_usd": D(960)}, WIDE, {}),
    ("capped_by_daily_loss", {"risk_usd": D(460)}, {}, {}),
    ("capped_by_daily_loss_r", {"risk_usd": D(420)}, {"daily_loss_r_max": D(3)}, {}),
    ("capped_by_drawdown", {"risk_usd": D(140)}, {}, {"kill_baseline": D(12_000)}),
    ("consecutive_losses", {}, {}, {"consecutive_losses": 4}),
    (
        "capped_by_same_direction",
        {"symbol": FOREIGN, "notional": D(19_000)},
        {"max_same_direction_notional_ratio": D(2)},
        {},
    ),
    ("capped_by_correlated", {"notional": D(17_500)}, {}, {}),
    ("capped_by_margin", {"side": Side.SHORT, "notional": D(29_500)}, {}, {}),
]


@pytest.mark.parametrize(("limit", "order", "rules", "day"), FULL)
@pytest.mark.parametrize("state", RESERVED)
def test_an_order_in_flight_or_in_doubt_uses_the_limit_up(
    limit: str,
    order: dict[str, Any],
    rules: dict[str, Any],
    day: dict[str, Any],
    state: OrderState,
) -> None:
    assert refusal(account([entry(state, **order)], rules, day)) == limit


@pytest.mark.parametrize(("limit", "order", "rules", "day"), FULL)
@pytest.mark.parametrize("state", ENDED)
def test_an_order_that_is_proved_to_have_ended_leaves_the_limit_free(
    limit: str,
    order: dict[str, Any],
    rules: dict[str, Any],
    day: dict[str, Any],
    state: OrderState,
) -> None:
    assert refusal(account([entry(state, **order)], rules, day)) is None, limit


def test_an_opening_counts_from_its_plan_whatever_the_exchange_says() -> None:
    """Nothing takes it back: a refused opening was an opening too."""
    day = limits.open_day(D(10_000), OPENED_MS)
    for symbol in (OTHER, FOREIGN):
        day = limits.opened(day, symbol, D(5_000), OPENED_MS)
    full = account([], {"max_opens_per_minute": 2}, {"opens_ms": day.opens_ms})
    assert refusal(full) == "opens_per_minute"


def test_a_symbols_notional_counts_from_the_plan_at_the_worst_price() -> None:
    day = limits.opened(limits.open_day(D(10_000), 0), SYMBOL, D(8_000), OPENED_MS)
    traded = {"notional_by_symbol": day.notional_by_symbol}
    full = account([], {"max_notional_per_symbol_day_usd": D(9_000)}, traded)
    assert refusal(full) == "capped_by_symbol_day"


@pytest.mark.parametrize("state", IN_DOUBT)
def test_what_filled_is_a_position_and_what_may_still_fill_is_beside_it(
    state: OrderState,
) -> None:
    """10 held at 100 with a stop 2 away; 3 of another 10 have filled before."""
    left = entry(state, symbol=SYMBOL, filled=D(3))
    (held,) = exposure.holdings([running()], [left], instruments())
    assert held.notional == 1_000 + D("702.1")
    assert held.risk_usd == held.loss_usd == 20 + D("17.15")
    assert held.bucket == "USDT-long"


def test_two_orders_of_one_symbol_are_both_counted() -> None:
    """The books may hold at most one; if they are wrong, it must be seen."""
    (held,) = exposure.holdings((), [entry(), entry()], instruments())
    assert (held.notional, held.risk_usd) == (2006, 49)


def test_the_two_sides_of_a_symbol_do_not_cancel_out() -> None:
    held = exposure.holdings((), [entry(), entry(side=Side.SHORT)], instruments())
    assert [one.notional for one in held] == [1003, 1003]


# --- the limits, read the other way round -------------------------------------------


def over(*entries: Entry, rules: dict[str, Any] | None = None, **day: Any) -> list[str]:
    given = account(list(entries), rules or {}, day)
    held = given.holdings
    found = exposure_breaches(given.preset, given.day, given.equity, held)
    return [one.reason for one in found]


OVER: list[tuple[str, dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    ("total_risk", {"risk_usd": D("300")}, {"max_total_risk": D("0.0299")}, {}),
    ("per_trade", {"risk_usd": D("300.01")}, {}, {}),
    ("daily_loss", {"risk_usd": D("300")}, {}, {"equity_at_start": D("10210.53")}),
    ("daily_loss_r", {"risk_usd": D("300")}, {"daily_loss_r_max": D("1.99")}, {}),
    (
        "daily_loss_r",
        {"risk_usd": D("150.01")},
        {"daily_loss_r_max": D(2)},
        {"realized_r": D(-1)},
    ),
    ("drawdown", {"risk_usd": D("300")}, {}, {"kill_baseline": D("11829.3")}),
    (
        "same_direction",
        {"notional": D("10000.01")},
        {"max_same_direction_notional_ratio": D(1)},
        {},
    ),
    ("correlated", {"notional": D("18000.01")}, {}, {}),
    (
        "margin",
        {"notional": D("30000.01")},
        {
            "correlated_exposure_block": D(1),
            "max_same_direction_notional_ratio": D(9),
            "leverage_max": D(3),
        },
        {},
    ),
    (
        "max_position_usd",
        {"notional": D("9000.01")},
        {"max_position_size_usd": D(9_000)},
        {},
    ),
    (
        "symbol_day",
        {},
        {"max_notional_per_symbol_day_usd": D(9)},
        {"notional_by_symbol": ((OTHER, D(10)),)},
    ),
    (
        "opens_per_minute",
        {},
        {"max_opens_per_minute": 1},
        {"opens_ms": (OPENED_MS, OPENED_MS + 59_999)},
    ),
    ("consecutive_losses", {}, {}, {"consecutive_losses": 5}),
]


@pytest.mark.parametrize(("limit", "order", "rules", "day"), OVER)
@pytest.mark.parametrize("state", IN_DOUBT)
def test_the_oracle_names_what_is_too_much(
    limit: str,
    order: dict[str, Any],
    rules: dict[str, Any],
    day: dict[str, Any],
    state: OrderState,
) -> None:
    assert limit in over(entry(state, **order), rules=rules, **day)


def test_the_oracle_is_silent_at_the_very_limit() -> None:
    at_limit = entry(risk_usd=D(300), notional=D(18_000))
    rules = {"max_concurrent_positions": 1, "daily_loss_r_max": D(2)}
    assert over(at_limit, rules=rules, consecutive_losses=4) == []


def test_the_oracle_has_no_slack_for_rounding() -> None:
    hair = entry(notional=D(18_000) + D("1e-15"))
    assert over(hair) == ["correlated"]


def test_without_shorting_the_oracle_knows_no_leverage() -> None:
    given = account([entry(notional=D("6000.01"))], {}, {})
    args = (given.preset, given.day, given.equity, given.holdings)
    assert exposure_breaches(*args) == ()
    (found,) = exposure_breaches(*args, shortable=False)
    assert found == Breach("correlated", D("6000.01"), D(6_000))


@pytest.mark.parametrize("state", IN_DOUBT)
def test_the_oracle_counts_positions(state: OrderState) -> None:
    both = (entry(state), entry(state, symbol=SYMBOL))
    assert over(*both, rules={"max_concurrent_positions": 2}) == []
    assert over(*both, rules={"max_concurrent_positions": 1}) == ["max_positions"]


def test_two_sides_of_a_symbol_are_named() -> None:
    assert "duplicate_position" in over(entry(), entry(side=Side.SHORT))


# --- what no limit is ever asked about ------------------------------------------------


def test_only_the_way_to_an_entry_asks_the_limits() -> None:
    """A cancel or a reduction cannot be refused by what it does not call."""
    asked = {"breach", "room", "judge_market", "size"}
    room = Path(limits.__file__).parents[1] / "risk"
    for path in sorted(room.rglob("*.py")):
        names = {
            node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute | ast.Name)
        }
        assert path.stem == "entries" or not names & asked, path.name


def test_every_live_state_is_reserved() -> None:
    assert LIVE_ORDER_STATES <= exposure.RESERVED_STATES
    assert set(ENDED) == {
        *(OrderState.FILLED, OrderState.CANCELLED),
        *(OrderState.REFUSED, OrderState.ABSENT),
    }


def test_a_holding_whose_stop_is_beyond_entry_is_no_loss_in_waiting() -> None:
    safe = Holding(OTHER, Side.LONG, D(1), D(0), D(5), "USDT-long")
    given = account([], {}, {"consecutive_losses": 4})
    assert refusal(msgspec.structs.replace(given, holdings=(safe,))) is None
