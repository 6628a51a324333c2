"""What a market must offer before an entry: a sane price, and a way out again.

An entry is easy to make where the exit is not: in a book that is empty on the other
side, or at a price that only one source believes. So the price is held against a
reference that did not make the signal, and the spread and the depth of the side that
an exit would trade against are looked at. What is UNKNOWN refuses or is passed over as
the preset says. Exits are never asked.
"""

from decimal import Decimal

import msgspec

from actors.domain.limits import Breach
from actors.domain.messages import Signal
from actors.domain.money import BPS, ZERO
from config.preset import Policy, Preset


class MarketCheck(msgspec.Struct, frozen=True):
    """The limit that refuses an entry, if any, and those passed over as UNKNOWN."""

    breach: Breach | None = None
    skipped: tuple[str, ...] = ()


def judge_market(
    preset: Preset, signal: Signal, reference: Decimal | None
) -> MarketCheck:
    """Hold an entry against its market.

    `reference` is a price of now that the signal was not made from: the exchange's
    mark or index price, or another feed's; None: UNKNOWN. How deep the exit side must
    be depends on the size, so a known depth is a cap of `sizing.size`.
    """
    risk, unknown = preset.risk, preset.unknown
    off_bps = None if reference is None else _off_bps(signal, reference)
    rows = (
        ("price_band", off_bps, risk.price_band_bps, unknown.reference_price),
        ("exit_spread", signal.spread_bps, risk.exit_spread_bps_max, unknown.spread),
    )
    skipped = []
    for name, value, limit, policy in rows:
        if limit is None:
            continue
        if value is None and policy is Policy.SKIP:
            skipped.append(name)
        elif value is None or value > limit:
            return MarketCheck(Breach(name, value, limit), tuple(skipped))
    ratio = risk.exit_depth_ratio_min
    if ratio is not None and signal.exit_depth_usd is None:
        if unknown.depth is Policy.FAIL:
            return MarketCheck(Breach("exit_depth", None, ratio), tuple(skipped))
        skipped.append("exit_depth")
    return MarketCheck(skipped=tuple(skipped))


def _off_bps(signal: Signal, reference: Decimal) -> Decimal:
    """How far the entry is from the reference; the entry's own band comes on top."""
    assert reference > ZERO, f"{signal.symbol}: a reference price of {reference}"
    return abs(signal.entry - reference) / reference / BPS
