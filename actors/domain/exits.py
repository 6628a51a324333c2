"""How an open position is managed: targets, break-even, trail, and early exits.

All rules read closed bars and answer with a plan; the risk actor carries it out.
The stop only ever moves in the position's favour (a rising ATR would loosen a naive
chandelier; ours is ratcheted). Formulas: the domain reference, section 4.5.
"""

from decimal import Decimal

import msgspec

from actors.domain.bars import Instrument
from actors.domain.ledger import Position
from actors.domain.messages import WatchedBar
from actors.domain.money import BPS, ONE, ZERO, ceil_to, floor_to, nearest_to
from actors.domain.orders import Side
from actors.domain.phases import TradePhase
from config.preset import PositionConfig, SmartPlacement, TargetMode

HOUR_MS = 3_600_000


class Plan(msgspec.Struct, frozen=True):
    """What to do with a position after a bar: perhaps a new stop, perhaps an exit."""

    position: Position
    stop: Decimal | None = None
    exit_reason: str | None = None


def targets(
    rules: PositionConfig,
    side: Side,
    entry: Decimal,
    stop: Decimal,
    tick: Decimal,
    obstacles: tuple[Decimal, ...],
) -> tuple[tuple[Decimal, Decimal], ...]:
    """Return the take-profit ladder as (price, fraction of the size), nearest first.

    A leg is `level_r` times R from entry; in SMART mode it moves to stand before a
    level or a round number that lies close by, never further than `shift_max_bps`.
    Every target is at least a tick beyond the entry: one behind it would close the
    trade at once.
    """
    reach = abs(entry - stop) * side.sign
    ladder = []
    for leg in rules.tp_levels:
        price = entry + leg.level_r * reach
        if rules.tp_mode is TargetMode.SMART:
            met = (*obstacles, round_number(price))
            price = _before_obstacle(entry, price, side, rules.tp_smart_placement, met)
        placed = beyond(entry, price, side, tick)
        if placed > ZERO:
            ladder.append((placed, leg.size))
    return tuple(ladder)


def beyond(entry: Decimal, price: Decimal, side: Side, tick: Decimal) -> Decimal:
    """Put a target on the grid, at least a tick beyond the entry."""
    sign = side.sign
    return _better(nearest_to(price, tick), entry + tick * sign, sign)


def round_number(price: Decimal) -> Decimal:
    """Return the nearest round number: one significant digit below the leading one."""
    return nearest_to(price, Decimal(1).scaleb(price.adjusted() - 1))


def _before_obstacle(
    entry: Decimal,
    price: Decimal,
    side: Side,
    rules: SmartPlacement,
    obstacles: tuple[Decimal, ...],
) -> Decimal:
    """Move a target to stand before the obstacle it would have to pass, if close."""
    reach = price * rules.shift_max_bps * BPS
    shifted = price
    for index, obstacle in enumerate(obstacles):
        last = index == len(obstacles) - 1
        offset_bps = rules.round_offset_bps if last else rules.level_offset_bps
        before = obstacle * (ONE - offset_bps * BPS * side.sign)
        nearer = ZERO < (before - entry) * side.sign < (shifted - entry) * side.sign
        if nearer and abs(price - before) <= reach:
            shifted = before
    return shifted


def observe(position: Position, bar: WatchedBar, rules: PositionConfig) -> Position:
    """Take one closed bar into the position's own record (Wilder's ATR, extremes)."""
    previous = position.bar_close or bar.open  # the mark has moved within the bar
    true_range = max(bar.high, previous) - min(bar.low, previous)
    long = position.side is Side.LONG
    favourable, adverse = (bar.high, bar.low) if long else (bar.low, bar.high)
    better, worse = (max, min) if long else (min, max)
    volumes = (*position.volumes, bar.volume)[-rules.exit_rules.activity_drop_bars :]
    return msgspec.structs.replace(
        position,
        mark=bar.close,
        bar_close=bar.close,
        best=better(position.best, favourable),
        worst=worse(position.worst, adverse),
        atr=(position.atr * 13 + true_range) / 14,
        bars_held=position.bars_held + 1,
        extremes=(*position.extremes, favourable)[-rules.chandelier_bars :],
        volumes=volumes,
        entry_volume=position.entry_volume or bar.volume,
        updated_ms=bar.ts_ms,
    )


def manage(
    position: Position, bar: WatchedBar, rules: PositionConfig, instrument: Instrument
) -> Plan:
    """Decide what one closed bar means for a running position."""
    seen = observe(position, bar, rules)
    reason = _early_exit(seen, bar, rules)
    if reason is not None:
        return Plan(position=seen, exit_reason=reason)
    stop = _ratcheted_stop(seen, rules, instrument)
    return Plan(position=seen, stop=stop)


def _early_exit(
    position: Position, bar: WatchedBar, rules: PositionConfig
) -> str | None:
    """Name the first exit rule that applies to a closed bar."""
    checks = (
        ("failed_breakout", _failed_breakout),
        ("weak_impulse", _weak_impulse),
        ("activity_drop", _activity_drop),
        ("stall", _stalled),
        ("max_hold", _held_too_long),
    )
    for reason, applies in checks:
        if applies(position, bar, rules):
            return reason
    return None


def _failed_breakout(
    position: Position, bar: WatchedBar, rules: PositionConfig
) -> bool:
    if position.level is None:
        return False
    back = (position.level - bar.close) * position.side.sign > ZERO
    return back and position.bars_held <= rules.exit_rules.failed_breakout_bars


def _weak_impulse(position: Position, _bar: WatchedBar, rules: PositionConfig) -> bool:
    exits = rules.exit_rules
    if exits.weak_impulse_bars == 0 or position.bars_held != exits.weak_impulse_bars:
        return False
    moved = (position.best - position.entry) * position.side.sign
    return moved < position.entry * exits.weak_impulse_ratio


def _activity_drop(position: Position, _bar: WatchedBar, rules: PositionConfig) -> bool:
    exits = rules.exit_rules
    full = len(position.volumes) == exits.activity_drop_bars
    if exits.activity_drop_threshold == ZERO or not full:
        return False
    mean = sum(position.volumes, ZERO) / len(position.volumes)
    return mean < position.entry_volume * exits.activity_drop_threshold


def _stalled(position: Position, bar: WatchedBar, rules: PositionConfig) -> bool:
    exits = rules.exit_rules
    held_hours = Decimal(bar.ts_ms - position.opened_ms) / HOUR_MS
    late = exits.stall_hours > ZERO and held_hours >= exits.stall_hours
    return late and position.r_at(bar.close) < exits.stall_r


def _held_too_long(position: Position, bar: WatchedBar, rules: PositionConfig) -> bool:
    held_hours = Decimal(bar.ts_ms - position.opened_ms) / HOUR_MS
    return held_hours >= rules.exit_rules.max_hold_hours


def _ratcheted_stop(
    position: Position, rules: PositionConfig, instrument: Instrument
) -> Decimal | None:
    """Return a better stop than today's, at least a tick better, or None."""
    sign, tick = position.side.sign, instrument.tick_size
    wanted = position.stop
    if _breakeven_due(position, rules):
        wanted = _better(wanted, _breakeven(position, rules, instrument), sign)
    if position.r_at(position.best) >= rules.trail_from_r and position.extremes:
        pick = max if sign > 0 else min
        chandelier = (
            pick(position.extremes) - rules.chandelier_atr * position.atr * sign
        )
        wanted = _better(wanted, chandelier, sign)
    # A stop beyond the market would be a market order: stay a tick behind it.
    limit = position.mark - tick * sign
    wanted = nearest_to(min(wanted, limit) if sign > 0 else max(wanted, limit), tick)
    return wanted if (wanted - position.stop) * sign >= tick else None


def _breakeven_due(position: Position, rules: PositionConfig) -> bool:
    reached = position.r_at(position.best) >= rules.breakeven_at_r
    return reached or position.targets_hit > 0


def _breakeven(
    position: Position, rules: PositionConfig, instrument: Instrument
) -> Decimal:
    """Give the price at which a close as taker pays both fees and the buffer."""
    sign = position.side.sign
    fee = instrument.taker_fee_bps * BPS * sign
    even = position.entry * (ONE + fee) / (ONE - fee)
    buffered = even + position.entry * rules.breakeven_buffer_bps * BPS * sign
    away = ceil_to if sign > 0 else floor_to
    return away(buffered, instrument.tick_size)


def _better(current: Decimal, wanted: Decimal, sign: int) -> Decimal:
    return max(current, wanted) if sign > 0 else min(current, wanted)


def phase_after_stop_move(position: Position, rules: PositionConfig) -> TradePhase:
    """Name the phase a moved stop puts the trade in."""
    if position.r_at(position.best) >= rules.trail_from_r:
        return TradePhase.TRAILING
    if position.phase in {TradePhase.TRAILING, TradePhase.PARTIAL_CLOSED}:
        return position.phase
    return TradePhase.BREAKEVEN


def legs(
    quantity: Decimal,
    ladder: tuple[tuple[Decimal, Decimal], ...],
    instrument: Instrument,
    stop: Decimal,
) -> tuple[tuple[Decimal, Decimal], ...]:
    """Split a position into legal take-profit orders: (price, quantity).

    Every leg, and what is left after each leg, can be traded or is nothing: a leg that
    is too small joins the next one; a leg that would leave too little takes it all.
    What is left may have to trade at the stop or, of a short, at the target; the
    lower price is the worst, as an exchange's minimum is one of price times quantity.
    """

    def legal(size: Decimal, price: Decimal) -> bool:
        return size > ZERO and tradable(size, price, instrument)

    planned: list[tuple[Decimal, Decimal]] = []
    left, carried = floor_to(quantity, instrument.lot_size), ZERO
    for price, fraction in ladder:
        wanted = min(left, carried + quantity * fraction)
        size = floor_to(wanted, instrument.lot_size)
        if not legal(size, price):
            carried = wanted
            continue
        if not legal(left - size, min(stop, price)):
            size = left
        planned.append((price, size))
        left, carried = left - size, ZERO
    return tuple(planned)


def target_due(
    position: Position, instrument: Instrument
) -> tuple[int, Decimal] | None:
    """Give the next target, where the newest price has reached it: number, quantity.

    It takes its share of what is held then, as a part may have been closed meanwhile.
    """
    hit, worst = position.targets_hit, position.initial_stop
    ladder = legs(position.entered, position.targets, instrument, worst)
    if hit >= len(ladder):
        return None
    price, size = ladder[hit]
    if (position.mark - price) * position.side.sign < ZERO:
        return None
    planned = position.entered - sum((one for _, one in ladder[:hit]), ZERO)
    part = floor_to(position.open * size / planned, instrument.lot_size)
    rest = position.open - part
    whole = not tradable(rest, min(position.stop, price), instrument)
    part = orderable(position.open if whole else part, instrument)
    return (hit + 1, part) if part else None


def tradable(size: Decimal, price: Decimal, instrument: Instrument) -> bool:
    """Whether an order of that size at that price is large enough."""
    enough = size >= instrument.quantity_min
    return enough and size * price >= instrument.notional_min


def orderable(quantity: Decimal, instrument: Instrument) -> Decimal:
    """Give what of a quantity a reducing order can be for; zero: it is dust.

    Its notional is the exchange's to judge: many take a small rest in a reduction.
    """
    whole = floor_to(quantity, instrument.lot_size)
    return whole if whole >= instrument.quantity_min else ZERO
