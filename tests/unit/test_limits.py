"""Each limit blocks at its bound with exact numbers, and passes a step before it."""

from decimal import Decimal
from typing import Any

import pytest

from actors.domain import caps, limits
from actors.domain.bars import Instrument
from actors.domain.limits import Account, Breach, Holding
from actors.domain.orders import Side
from actors.domain.sizing import Room
from tests.presets import breakout_v1, changed, instrument
from tests.trades import OPENED_MS, SYMBOL, signal

D = Decimal
LONGS = "USDT-long"


def holding(symbol: str = "BBB/USDT:USDT", **changes: Any) -> Holding:
    given: dict[str, Any] = {
        "symbol": symbol,
        "side": Side.LONG,
        "notional": D(5_000),
        "risk_usd": D(100),
        "loss_usd": D(100),
        "bucket": LONGS,
    }
    return Holding(**(given | changes))


def account(
    *held: Holding,
    equity: Decimal | int = 10_000,
    rules: dict[str, Any] | None = None,
    **day: Any,
) -> Account:
    """An account of 10 000 whose limits are easy numbers."""
    preset = breakout_v1()
    easy = {"daily_risk_limit": D("0.05"), "kill_switch_loss_limit": D("0.18")}
    for name, value in (easy | (rules or {})).items():
        preset = changed(preset, f"risk.{name}", value)
    opened = limits.open_day(D(10_000), OPENED_MS)
    for name, value in day.items():
        opened = changed(opened, name, value)
    return Account(preset, opened, D(equity), held, OPENED_MS)


def room(given: Account, side: Side = Side.LONG, one: Instrument | None = None) -> Room:
    return caps.room(given, signal(side), one or instrument())


def test_an_empty_account_breaches_nothing() -> None:
    assert limits.breach(account(), signal()) is None


@pytest.mark.parametrize("side", Side)
def test_a_symbol_is_held_once_whatever_the_side(side: Side) -> None:
    held = account(holding(SYMBOL, side=side))
    assert limits.breach(held, signal()) == Breach("duplicate_position", D(1), D(1))
    assert limits.breach(account(holding()), signal()) is None


def test_so_many_positions_are_held_at_once() -> None:
    held = [holding(f"{name}/USDT") for name in "BCD"]
    assert limits.breach(account(*held), signal()) == Breach(
        "max_positions", D(3), D(3)
    )
    assert limits.breach(account(*held[:2]), signal()) is None


def test_a_days_loss_blocks_at_its_limit() -> None:
    assert limits.breach(account(equity=9_500), signal()) == Breach(
        "daily_loss", D(500), D(500)
    )
    assert limits.breach(account(equity=D("9500.01")), signal()) is None


def test_a_days_loss_is_measured_from_the_days_first_equity() -> None:
    """Today's limit is 5% of 20 000, and 900 of it is lost."""
    late = account(equity=19_100, equity_at_start=D(20_000))
    assert limits.breach(late, signal()) is None
    lost = account(equity=19_000, equity_at_start=D(20_000))
    assert limits.breach(lost, signal()) == Breach("daily_loss", D(1_000), D(1_000))


def test_a_days_loss_in_r_blocks_at_its_limit() -> None:
    three = {"daily_loss_r_max": D(3)}
    assert limits.breach(account(rules=three, realized_r=D(-3)), signal()) == Breach(
        "daily_loss_r", D(3), D(3)
    )
    assert limits.breach(account(rules=three, realized_r=D("-2.99")), signal()) is None
    assert limits.breach(account(realized_r=D(-99)), signal()) is None


def test_a_drawdown_over_days_blocks_at_the_kill_switchs_limit() -> None:
    deep = account(equity=8_200, equity_at_start=D(8_200))
    assert limits.breach(deep, signal()) == Breach("drawdown", D(1_800), D(1_800))
    near = account(equity=D("8200.01"), equity_at_start=D(8_200))
    assert limits.breach(near, signal()) is None


def test_losses_in_a_row_block_at_their_limit() -> None:
    assert limits.breach(account(consecutive_losses=5), signal()) == Breach(
        "consecutive_losses", D(5), D(5)
    )
    assert limits.breach(account(consecutive_losses=4), signal()) is None


def test_openings_within_a_minute_block_at_their_limit() -> None:
    two = {"max_opens_per_minute": 2}
    recent = (OPENED_MS - 59_999, OPENED_MS)
    assert limits.breach(account(rules=two, opens_ms=recent), signal()) == Breach(
        "opens_per_minute", D(2), D(2)
    )
    older = (OPENED_MS - 60_000, OPENED_MS)
    assert limits.breach(account(rules=two, opens_ms=older), signal()) is None


def test_all_risk_together_blocks_at_its_limit() -> None:
    full = (holding("B/USDT", risk_usd=D(600)), holding("C/USDT", risk_usd=D(400)))
    assert limits.breach(account(*full), signal()) == Breach(
        "total_risk", D(1_000), D(1_000)
    )
    room_left = holding(risk_usd=D("999.99"))
    assert limits.breach(account(room_left), signal()) is None


def test_the_first_breach_in_order_is_the_one_told() -> None:
    bad = account(holding(SYMBOL), equity=9_000, consecutive_losses=9)
    found = limits.breach(bad, signal())
    assert found is not None
    assert found.reason == "duplicate_position"


def test_an_empty_account_has_every_room() -> None:
    assert room(account()) == Room(
        equity=D(10_000),
        total_risk=D(1_000),
        daily_loss=D(500),
        daily_loss_r=None,
        drawdown=D(1_800),
        same_direction=D(30_000),
        correlated=D(18_000),
        correlated_warn=D(15_000),
        margin=D(30_000),
        symbol_day=None,
        halved=None,
    )


def test_what_is_held_takes_its_room() -> None:
    found = room(account(holding()))
    assert found.total_risk == 900
    assert found.daily_loss == 400
    assert found.same_direction == 25_000
    assert found.correlated == 13_000
    assert found.margin == 25_000


def test_the_other_side_takes_margin_but_neither_direction_nor_bucket() -> None:
    found = room(account(holding()), Side.SHORT)
    assert (found.same_direction, found.correlated) == (30_000, 18_000)
    assert (found.margin, found.total_risk) == (25_000, 900)


def test_what_cannot_be_sold_short_is_bought_with_money_that_is_there() -> None:
    found = room(account(holding()), one=instrument(shortable=False))
    assert (found.margin, found.correlated) == (5_000, 1_000)
    assert found.same_direction == 25_000


def test_every_coin_on_one_side_is_one_bet() -> None:
    one, other = instrument(), instrument("BBB/USDT:USDT")
    assert limits.bucket_of(one, Side.LONG) == limits.bucket_of(other, Side.LONG)
    assert limits.bucket_of(one, Side.LONG) != limits.bucket_of(one, Side.SHORT)


def test_the_bucket_and_the_direction_are_different_rooms() -> None:
    found = room(account(holding(bucket="USDC-long")))
    assert (found.same_direction, found.correlated) == (25_000, 18_000)


def test_the_days_room_counts_every_stop_as_hit() -> None:
    """150 are lost, and 200 more go if both stops are hit: 150 of 500 are left."""
    held = (holding("B/USDT", loss_usd=D(120)), holding("C/USDT", loss_usd=D(80)))
    assert room(account(*held, equity=9_850)).daily_loss == 150


def test_an_open_profit_is_given_back_at_the_stop_and_no_loss_of_the_day() -> None:
    """300 up, and 300 to give back to a stop at entry: the day's 500 are whole."""
    even = holding(risk_usd=D(0), loss_usd=D(300))
    assert room(account(even, equity=10_300)).daily_loss == 500


@pytest.mark.parametrize("profit", [1, 500, 9_000])
def test_a_profit_neither_frees_nor_takes_room_for_losses(profit: int) -> None:
    """The reference counted a profit against the loss budget."""
    two = {"daily_loss_r_max": D(2)}
    up = account(equity=10_000 + profit, rules=two, realized_r=D(profit) / 150)
    assert limits.breach(up, signal()) is None
    assert room(up).daily_loss == 500
    assert room(up).daily_loss_r == 300
    assert room(up).drawdown == 1_800
    assert room(up).halved is None


def test_a_symbols_day_has_its_room_when_the_preset_gives_one() -> None:
    given = {"max_notional_per_symbol_day_usd": D(9_000)}
    traded = ((SYMBOL, D(4_000)), ("BBB/USDT", D(9_000)))
    found = room(account(rules=given, notional_by_symbol=traded))
    assert found.symbol_day == 5_000
    assert room(account(rules=given)).symbol_day == 9_000


@pytest.mark.parametrize(
    ("equity", "halved"),
    [("9600", None), ("9599.99", "daily_loss_over_80_percent")],
)
def test_risk_is_halved_when_most_of_the_days_budget_is_used(
    equity: str, halved: str | None
) -> None:
    assert room(account(equity=D(equity))).halved == halved


@pytest.mark.parametrize(
    ("equity", "halved"),
    [("9100", None), ("9099.99", "drawdown_over_half_the_limit")],
)
def test_risk_is_halved_when_half_of_the_kill_limit_is_used(
    equity: str, halved: str | None
) -> None:
    """The loss came on earlier days: today began at 9 100."""
    assert room(account(equity=D(equity), equity_at_start=D(9_100))).halved == halved
