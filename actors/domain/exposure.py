"""Everything held and in flight, at its worst, and whether it keeps the limits.

An entry that was planned is money at risk until the exchange proves that it is not: in
SENDING and in UNKNOWN it counts like one that rests, and what may still fill of it
counts beside what has filled.

`exposure_breaches` is the limits read the other way round: not "may this be added"
but "is this too much". It asks nothing of `room` or `breach`, so that a mistake there
is found by it. The limits hold at the moment an entry is sent; later the market may
move a position's value or the equity across them, and then they stop new entries.
"""

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal

import msgspec

from actors.domain.bars import Instrument
from actors.domain.ledger import Position
from actors.domain.limits import MINUTE_MS, Breach, Day, Holding, bucket_of
from actors.domain.money import ONE, ZERO
from actors.domain.orders import OrderState, Side
from actors.domain.phases import LIVE_ORDER_STATES
from actors.domain.sizing import per_trade_max
from config.preset import Preset, Risk

#: A planned order is reserved before its row says that it is being sent.
RESERVED_STATES = LIVE_ORDER_STATES | {OrderState.PLANNED}


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """An entry order as it was reserved: money and risk at its worst fill."""

    symbol: str
    side: Side
    state: OrderState
    quantity: Decimal
    filled: Decimal
    notional: Decimal
    risk_usd: Decimal

    @property
    def unfilled(self) -> Decimal:
        """The fraction that may still fill; zero once the order has ended."""
        if self.state not in RESERVED_STATES:
            return ZERO
        return ONE - self.filled / self.quantity


def holdings(
    positions: Iterable[Position],
    entries: Iterable[Entry],
    instruments: Mapping[str, Instrument],
) -> tuple[Holding, ...]:
    """Add up positions and entries in flight, by symbol and side, at their worst."""
    found: dict[tuple[str, Side], Holding] = {}
    for part in (*map(_held, positions), *filter(None, map(_in_flight, entries))):
        key, bucket = (part.symbol, part.side), ""
        if part.symbol in instruments:
            bucket = bucket_of(instruments[part.symbol], part.side)
        before = found.get(key)
        found[key] = msgspec.structs.replace(
            part,
            notional=part.notional + (before.notional if before else ZERO),
            risk_usd=part.risk_usd + (before.risk_usd if before else ZERO),
            loss_usd=part.loss_usd + (before.loss_usd if before else ZERO),
            bucket=bucket,
        )
    return tuple(found.values())


def _held(position: Position) -> Holding:
    return Holding(
        symbol=position.symbol,
        side=position.side,
        notional=position.open * position.mark,
        risk_usd=lost_at_stop(position, position.entry),
        loss_usd=lost_at_stop(position, position.mark),
        bucket="",
    )


def lost_at_stop(position: Position, price: Decimal) -> Decimal:
    """Money lost from `price` to the stop; a stop beyond it loses nothing."""
    distance = (price - position.stop) * position.side.sign
    return max(ZERO, distance) * position.open


def _in_flight(entry: Entry) -> Holding | None:
    left = entry.unfilled
    if left == ZERO:
        return None
    risk_usd, notional = entry.risk_usd * left, entry.notional * left
    return Holding(
        *(entry.symbol, entry.side, notional, risk_usd, risk_usd, ""),
    )


def exposure_breaches(
    preset: Preset,
    day: Day,
    equity: Decimal,
    held: tuple[Holding, ...],
    *,
    shortable: bool = True,
) -> tuple[Breach, ...]:
    """Name every account limit that is exceeded, without any slack for rounding.

    `shortable` as the account's instruments: what cannot be sold short has no leverage.
    """
    risk = preset.risk
    ceiling = equity * (risk.leverage_max if shortable else ONE)
    rows = (
        *_by_loss(risk, day, equity, held),
        *_by_notional(risk, equity, ceiling, held),
        *_by_count(risk, day, held),
    )
    return tuple(
        Breach(name, value, limit)
        for name, value, limit in rows
        if limit is not None and value > limit
    )


Row = tuple[str, Decimal, Decimal | None]


def _by_loss(
    risk: Risk, day: Day, equity: Decimal, held: tuple[Holding, ...]
) -> Iterator[Row]:
    """What is lost when every stop is hit; money that is made frees no budget."""
    at_risk = sum((h.risk_usd for h in held), ZERO)
    worst = equity - sum((h.loss_usd for h in held), ZERO)
    one_r = day.equity_at_start * risk.risk_per_trade
    r_max = risk.daily_loss_r_max
    for one in held:
        yield "per_trade", one.risk_usd, equity * per_trade_max(risk)
    yield "total_risk", at_risk, equity * risk.max_total_risk
    yield (
        "daily_loss",
        day.equity_at_start - worst,
        day.equity_at_start * risk.daily_risk_limit,
    )
    yield (
        "daily_loss_r",
        at_risk - day.realized_r * one_r,
        None if r_max is None else r_max * one_r,
    )
    yield (
        "drawdown",
        day.kill_baseline - worst,
        day.kill_baseline * risk.kill_switch_loss_limit,
    )


def _by_notional(
    risk: Risk, equity: Decimal, ceiling: Decimal, held: tuple[Holding, ...]
) -> Iterator[Row]:
    yield "margin", sum((h.notional for h in held), ZERO), ceiling
    for one in held:
        yield "max_position_usd", one.notional, risk.max_position_size_usd
    for side in Side:
        value = sum((h.notional for h in held if h.side is side), ZERO)
        yield "same_direction", value, equity * risk.max_same_direction_notional_ratio
    for bucket in sorted({h.bucket for h in held}):
        value = sum((h.notional for h in held if h.bucket == bucket), ZERO)
        yield "correlated", value, ceiling * risk.correlated_exposure_block


def _by_count(risk: Risk, day: Day, held: tuple[Holding, ...]) -> Iterator[Row]:
    yield "max_positions", Decimal(len(held)), Decimal(risk.max_concurrent_positions)
    symbols = [h.symbol for h in held]
    for symbol in sorted(set(symbols)):
        yield "duplicate_position", Decimal(symbols.count(symbol)), ONE
    for _, traded in day.notional_by_symbol:
        yield "symbol_day", traded, risk.max_notional_per_symbol_day_usd
    for last in day.opens_ms:
        opens = sum(1 for ms in day.opens_ms if last - MINUTE_MS < ms <= last)
        yield "opens_per_minute", Decimal(opens), Decimal(risk.max_opens_per_minute)
    losing = sum(1 for h in held if h.risk_usd > ZERO)
    if losing:
        yield (
            "consecutive_losses",
            Decimal(day.consecutive_losses + losing),
            Decimal(risk.max_consecutive_losses),
        )
