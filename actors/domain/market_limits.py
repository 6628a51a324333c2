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

#: Known, it is a cap of the size; UNKNOWN, it may refuse an entry.
EXIT_DEPTH = "exit_depth"


class MarketRow(msgspec.Struct, frozen=True):
    """One limit on a market: what was found (None: UNKNOWN) and the most that may be.

    Of the exit's depth it is the least, in USD to a USD of the size.
    """

    name: str
    value: Decimal | None
    limit: Decimal
    unknown: Policy

    @property
    def refuses(self) -> bool:
        """Whether what is UNKNOWN, or too much, refuses an entry."""
        if self.value is None:
            return self.unknown is Policy.FAIL
        return self.name != EXIT_DEPTH and self.value > self.limit


class MarketCheck(msgspec.Struct, frozen=True):
    """The limit that refuses an entry, if any, and those passed over as UNKNOWN."""

    breach: Breach | None = None
    skipped: tuple[str, ...] = ()


def market_rows(
    preset: Preset, signal: Signal, reference: Decimal | None
) -> tuple[MarketRow, ...]:
    """Hold an entry against its market: the limits that are on, as they are asked.

    `reference` is a price of now that the signal was not made from: the exchange's
    mark or index price, or another feed's; None: UNKNOWN. How deep the exit side must
    be depends on the size, so a known depth is a cap of `sizing.size`.
    """
    risk, unknown = preset.risk, preset.unknown
    off_bps = None if reference is None else _off_bps(signal, reference)
    spread_bps, depth_usd = signal.spread_bps, signal.exit_depth_usd
    rows = (
        ("price_band", off_bps, risk.price_band_bps, unknown.reference_price),
        ("exit_spread", spread_bps, risk.exit_spread_bps_max, unknown.spread),
        (EXIT_DEPTH, depth_usd, risk.exit_depth_ratio_min, unknown.depth),
    )
    return tuple(
        MarketRow(name, value, limit, policy)
        for name, value, limit, policy in rows
        if limit is not None
    )


def judge_market(rows: tuple[MarketRow, ...]) -> MarketCheck:
    """Say which of a market's limits refuses an entry, if any does."""
    skipped: list[str] = []
    for row in rows:
        if row.refuses:
            breach = Breach(row.name, row.value, row.limit)
            return MarketCheck(breach, tuple(skipped))
        if row.value is None:
            skipped.append(row.name)
    return MarketCheck(skipped=tuple(skipped))


def _off_bps(signal: Signal, reference: Decimal) -> Decimal:
    """How far the entry is from the reference; the entry's own band comes on top."""
    assert reference > ZERO, f"{signal.symbol}: a reference price of {reference}"
    return abs(signal.entry - reference) / reference / BPS
