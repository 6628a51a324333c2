"""How large a trade may be: R sizing, then the smallest of every cap, by name.

quantity = equity x risk / loss per unit, where the loss per unit is the stop distance
plus the fees of both sides and the expected slippage (domain reference, 4.4). What a
cap must hold is counted at its worst: a fill at the far edge of the entry's band.
"""

from decimal import ROUND_FLOOR, Context, Decimal

import msgspec

from actors.domain.bars import Instrument
from actors.domain.messages import Signal
from actors.domain.money import BPS, ONE, ZERO, truncate_to
from config.preset import Preset, Risk

#: A cap that is no round number is rounded down, so that it is kept to the last digit.
_DOWN = Context(prec=28, rounding=ROUND_FLOOR)
FIRST_ORDER = "first_order"


class Room(msgspec.Struct, frozen=True):
    """What the account still allows, in quote currency. None: that cap is unknown."""

    equity: Decimal
    total_risk: Decimal  # risk that may still be taken, all trades together
    daily_loss: Decimal  # loss that may still be made today
    daily_loss_r: Decimal | None  # the same by the limit in R
    drawdown: Decimal  # loss that may still be made before the kill switch trips
    same_direction: Decimal  # notional that may still be added on this side
    correlated: Decimal  # notional that may still be added to this bucket
    correlated_warn: Decimal  # notional from which on people are warned
    margin: Decimal  # notional that leverage still allows
    symbol_day: Decimal | None  # notional that may still be traded in this symbol
    halved: str | None  # why the risk is halved, or None
    first_order: Decimal | None = None  # notional of the first entries with real money


class Sized(msgspec.Struct, frozen=True):
    """A size and the name of the cap that bound it ("risk" when none did)."""

    quantity: Decimal
    risk_usd: Decimal  # loss at the stop after the worst fill, fees included
    notional: Decimal  # after the worst fill
    binding: str
    wanted: Decimal


class TooSmall(msgspec.Struct, frozen=True):
    """Why no size is possible: reason, the value found, the limit it missed."""

    reason: str
    value: Decimal
    threshold: Decimal


def loss_per_unit(signal: Signal, preset: Preset) -> Decimal:
    """Planned loss of one unit at the stop: distance, two fees and slippage."""
    execution = preset.execution_config
    costs_bps = 2 * execution.taker_fee_bps + execution.slippage_bps
    return abs(signal.entry - signal.stop) + signal.entry * costs_bps * BPS


def worst_price(signal: Signal, preset: Preset) -> Decimal:
    """The band's far edge: an entry never fills at a price beyond it."""
    band_bps = preset.execution_config.entry_band_bps
    return signal.entry * (ONE + band_bps * BPS * signal.side.sign)


def _worst_loss_per_unit(signal: Signal, preset: Preset) -> Decimal:
    """Loss of one unit at the stop when it was entered at the worst price."""
    fees_bps = 2 * preset.execution_config.taker_fee_bps
    distance = abs(worst_price(signal, preset) - signal.stop)
    fees = signal.entry * fees_bps * BPS
    return max(distance + fees, loss_per_unit(signal, preset))


def _dearest_price(signal: Signal, preset: Preset) -> Decimal:
    """The price at which one unit counts most against a cap on notional."""
    return max(signal.entry, worst_price(signal, preset))


def size(
    signal: Signal, preset: Preset, instrument: Instrument, room: Room
) -> Sized | TooSmall:
    """Size one signal, or say which bound leaves no legal size."""
    unit_loss = loss_per_unit(signal, preset)
    assert unit_loss > ZERO, "a signal's stop is away from its entry"
    risk = room.equity * preset.risk.risk_per_trade / (2 if room.halved else 1)
    wanted = risk / unit_loss
    caps = {"risk": wanted, **_caps(signal, preset, room)}
    binding = min(caps, key=lambda name: caps[name])
    quantity = truncate_to(max(caps[binding], ZERO), instrument.lot_size)
    skip_below = wanted * preset.execution_config.size_skip_below
    # First orders are small on purpose; another cap that leaves little is no trade.
    if binding not in {"risk", FIRST_ORDER} and quantity < skip_below:
        return TooSmall(f"capped_by_{binding}", quantity, skip_below)
    smallest = max(instrument.quantity_min, instrument.lot_size)
    if quantity < smallest:
        return TooSmall("quantity_min", quantity, smallest)
    notional = _least_notional(quantity, signal, instrument)
    if notional < instrument.notional_min:
        return TooSmall("notional_min", notional, instrument.notional_min)
    return Sized(
        quantity=quantity,
        risk_usd=quantity * _worst_loss_per_unit(signal, preset),
        notional=quantity * _dearest_price(signal, preset),
        binding=binding,
        wanted=wanted,
    )


def _least_notional(
    quantity: Decimal, signal: Signal, instrument: Instrument
) -> Decimal:
    """Give the least that an order of this trade is worth: it must be taken.

    On spot no order is taken for less because it only reduces. There the stop must be
    large enough as well, for what a fee in the coin leaves of the purchase.
    """
    if instrument.shortable:
        return quantity * signal.entry
    kept = quantity * (ONE - instrument.taker_fee_bps * BPS)
    kept = truncate_to(kept, instrument.lot_size)
    return kept * min(signal.entry, signal.stop)


def per_trade_max(risk: Risk) -> Decimal:
    """Fraction of equity that one trade may lose after the worst fill."""
    return risk.max_risk_per_trade or 2 * risk.risk_per_trade


def _exit_cap(signal: Signal, preset: Preset) -> Decimal | None:
    """Notional that the book's other side could take back near its touch."""
    ratio = preset.risk.exit_depth_ratio_min
    if ratio is None or signal.exit_depth_usd is None:
        return None
    return _DOWN.divide(signal.exit_depth_usd, ratio)


def _caps(signal: Signal, preset: Preset, room: Room) -> dict[str, Decimal]:
    """Every cap as a quantity; what is UNKNOWN or switched off is not a cap."""
    price = _dearest_price(signal, preset)
    unit_loss = _worst_loss_per_unit(signal, preset)
    depth_fraction = preset.execution_config.max_depth_fraction
    by_notional: dict[str, Decimal | None] = {
        "max_position_usd": preset.risk.max_position_size_usd,
        "depth": None
        if signal.opposite_depth_usd is None
        else signal.opposite_depth_usd * depth_fraction,
        "exit_depth": _exit_cap(signal, preset),
        "same_direction": room.same_direction,
        "correlated": room.correlated,
        "margin": room.margin,
        "symbol_day": room.symbol_day,
        FIRST_ORDER: room.first_order,
    }
    by_loss: dict[str, Decimal | None] = {
        "per_trade": room.equity * per_trade_max(preset.risk),
        "total_risk": room.total_risk,
        "daily_loss": room.daily_loss,
        "daily_loss_r": room.daily_loss_r,
        "drawdown": room.drawdown,
    }
    return {
        name: _DOWN.divide(usd, one)
        for usds, one in ((by_notional, price), (by_loss, unit_loss))
        for name, usd in usds.items()
        if usd is not None
    }
