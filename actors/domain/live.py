"""What holds in live mode alone: which symbols may be entered, and small beginnings.

Neither is a preset's matter: a preset says how to trade, these say how far a person
trusts this engine on this account. They stop and size entries; no reduction or cancel
is ever asked.
"""

from decimal import Decimal

import msgspec

PAPER, LIVE = "paper", "live"
MODES = (PAPER, LIVE)
#: What a person types, or a program sends, to start with real money.
CONFIRMATION = "LIVE"


class LiveRules(msgspec.Struct, frozen=True, kw_only=True):
    """The account's own rules."""

    allowed: frozenset[str]  # symbols that may be entered; all others are watched
    first_order_usd_max: Decimal  # notional of an entry, after its worst fill
    first_trades: int  # so many trades must have ended before that cap is lifted

    def cap(self, trades_ended: int) -> Decimal | None:
        """Notional that an entry may have at most; None: as much as the limits say."""
        return self.first_order_usd_max if trades_ended < self.first_trades else None
