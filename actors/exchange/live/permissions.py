"""What an API key may do, and which key is refused."""

import msgspec

from actors.domain.errors import ExchangeError
from actors.exchange.live.plan import Accept


class Permissions(msgspec.Struct, frozen=True, kw_only=True):
    """What a key may do. None is UNKNOWN: the exchange cannot tell."""

    trade: bool | None = None
    withdraw: bool | None = None
    ip_restricted: bool | None = None

    def check(self, accept: frozenset[Accept]) -> None:
        """Refuse a key that cannot trade, or that could empty the account."""
        if self.trade is False:
            msg = "the API key may not trade here: allow it, and nothing but it"
            raise ExchangeError(msg)
        if self.withdraw is False or Accept.WITHDRAWAL in accept:
            return
        may = "can withdraw" if self.withdraw else "may be able to withdraw"
        msg = (
            f"the API key {may}: make one without that permission, or accept it with "
            f"live.accept_{Accept.WITHDRAWAL}"
        )
        raise ExchangeError(msg)
