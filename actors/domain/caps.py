"""What caps the size of one more entry: each cap, how much of it is used, what is left.

A cap counts what is held and in flight at its worst. `room` is what an entry is sized
by; people are shown the same caps, so that nobody is told of other limits than the
ones that are kept.
"""

from decimal import Decimal

import msgspec

from actors.domain.bars import Instrument
from actors.domain.limits import (
    Account,
    Day,
    bucket_of,
    day_loss,
    kill_loss,
    loss_by_r,
    r_usd,
)
from actors.domain.messages import Signal
from actors.domain.money import ONE, ZERO
from actors.domain.orders import Side
from actors.domain.sizing import Room
from config.preset import Risk


class Cap(msgspec.Struct, frozen=True):
    """One cap in quote currency."""

    used: Decimal
    limit: Decimal

    @property
    def left(self) -> Decimal:
        """What one more entry may add; zero or less: nothing."""
        return self.limit - self.used


class Caps(msgspec.Struct, frozen=True, kw_only=True):
    """Every cap on one more entry. None: there is no such limit."""

    total_risk: Cap
    daily_loss: Cap  # when every stop is hit
    daily_loss_r: Cap | None  # the same by R, in money of today's R
    drawdown: Cap  # when every stop is hit
    same_direction: Cap
    correlated: Cap
    correlated_warn: Cap
    margin: Cap
    symbol_day: Cap | None


def caps(account: Account, side: Side, instrument: Instrument) -> Caps:
    """Say what caps one more trade of that side in that instrument."""
    risk, day, equity = account.preset.risk, account.day, account.equity
    held = account.holdings
    bucket = bucket_of(instrument, side)
    same_side = sum((h.notional for h in held if h.side is side), ZERO)
    in_bucket = sum((h.notional for h in held if h.bucket == bucket), ZERO)
    notional = sum((h.notional for h in held), ZERO)
    at_risk = sum((h.risk_usd for h in held), ZERO)
    worst_equity = equity - sum((h.loss_usd for h in held), ZERO)
    # What cannot be sold short is bought with money that is there: no leverage.
    leverage = risk.leverage_max if instrument.shortable else ONE
    ceiling = equity * leverage
    return Caps(
        total_risk=Cap(at_risk, equity * risk.max_total_risk),
        daily_loss=Cap(
            day_loss(day, worst_equity), day.equity_at_start * risk.daily_risk_limit
        ),
        daily_loss_r=_by_r(day, risk, at_risk),
        drawdown=Cap(
            kill_loss(day, worst_equity),
            day.kill_baseline * risk.kill_switch_loss_limit,
        ),
        same_direction=Cap(same_side, equity * risk.max_same_direction_notional_ratio),
        correlated=Cap(in_bucket, ceiling * risk.correlated_exposure_block),
        correlated_warn=Cap(in_bucket, ceiling * risk.correlated_exposure_warn),
        margin=Cap(notional, ceiling),
        symbol_day=_of_symbol(day, risk, instrument.symbol),
    )


def _by_r(day: Day, risk: Risk, at_risk: Decimal) -> Cap | None:
    if risk.daily_loss_r_max is None:
        return None
    limit = risk.daily_loss_r_max * r_usd(day, risk)
    return Cap(loss_by_r(day, risk, at_risk), limit)


def _of_symbol(day: Day, risk: Risk, symbol: str) -> Cap | None:
    if risk.max_notional_per_symbol_day_usd is None:
        return None
    traded = dict(day.notional_by_symbol).get(symbol, ZERO)
    return Cap(traded, risk.max_notional_per_symbol_day_usd)


def room(
    account: Account,
    signal: Signal,
    instrument: Instrument,
    first_order: Decimal | None = None,
) -> Room:
    """Say what every cap still allows for one more trade."""
    found = caps(account, signal.side, instrument)
    by_r, of_symbol = found.daily_loss_r, found.symbol_day
    return Room(
        equity=account.equity,
        total_risk=found.total_risk.left,
        daily_loss=found.daily_loss.left,
        daily_loss_r=None if by_r is None else by_r.left,
        drawdown=found.drawdown.left,
        same_direction=found.same_direction.left,
        correlated=found.correlated.left,
        correlated_warn=found.correlated_warn.left,
        margin=found.margin.left,
        symbol_day=None if of_symbol is None else of_symbol.left,
        first_order=first_order,
        halved=_halved(account.preset.risk, account.day, account.equity),
    )


def _halved(risk: Risk, day: Day, equity: Decimal) -> str | None:
    """Say why risk is halved: most of the day's budget, or half the kill limit."""
    daily_max = day.equity_at_start * risk.daily_risk_limit
    if day_loss(day, equity) > daily_max * Decimal("0.8"):
        return "daily_loss_over_80_percent"
    kill_max = day.kill_baseline * risk.kill_switch_loss_limit
    if kill_loss(day, equity) > kill_max / 2:
        return "drawdown_over_half_the_limit"
    return None
