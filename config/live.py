"""Real money: what may be traded, how small it begins, and what a person accepts.

Keys are secrets and come from elsewhere (`config.secrets`): BREAKOUT_EXCHANGE_KEY,
BREAKOUT_EXCHANGE_SECRET and, where an exchange wants one, BREAKOUT_EXCHANGE_PASSWORD in
the environment, files of mode 0600 that are named here, or systemd's credentials.
"""

from decimal import Decimal
from typing import Annotated, Literal

from msgspec import Meta

from config.bounds import Group, bounded
from config.outside import FilePath


class LiveGroup(Group, frozen=True, kw_only=True):
    """Live mode; without `symbols` there is none."""

    #: A,B,C: what may be entered. Other symbols of the market are watched only.
    symbols: Annotated[str, Meta(max_length=65_536)] = ""
    first_order_usd_max: Annotated[Decimal, bounded(gt=0)] = Decimal(50)
    #: So many trades must have ended before that cap is lifted.
    first_trades: Annotated[int, Meta(ge=0, le=200)] = 3  # the book keeps 200
    leverage: Annotated[int, Meta(ge=1, le=20)] = 1  # set at the exchange, read back
    margin: Literal["isolated", "cross"] = "isolated"
    #: Resting orders are cancelled by the exchange when the engine is gone for so long,
    #: stops are not; 0: off. Where it would cancel stops too, it is refused.
    dead_man_seconds: Annotated[int, Meta(ge=0, le=600)] = 0
    shadow: bool = True  # run a paper account beside it and report how they differ
    key_file: FilePath = ""
    secret_file: FilePath = ""
    password_file: FilePath = ""
    #: A key that can withdraw, or of which that is not known, is refused otherwise.
    accept_withdrawal: bool = False
    #: An exchange whose orders were never tried against it is refused otherwise.
    accept_unverified: bool = False
    #: An account in hedge mode is refused otherwise; it is changed only when flat.
    accept_switch_mode: bool = False
