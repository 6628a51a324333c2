"""How a loopback exchange is set up: its market, its pace, its account, its keys."""

from decimal import Decimal
from typing import Literal

import msgspec

from actors.loopback.faults.menu import Fault


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """An API key of the one account, and what it may do."""

    key: str
    secret: str
    trade: bool = True
    withdraw: bool = False


#: The keys that every loopback exchange knows; they open nothing but toy money.
KEYS = (
    Key(key="loopback-key", secret="loopback-secret"),  # noqa: S106 - no secret at all
    Key(key="loopback-reader", secret="loopback-secret", trade=False),  # noqa: S106
    Key(key="loopback-withdraw", secret="loopback-secret", withdraw=True),  # noqa: S106
)


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """The rate limits of the two venues, as the real ones publish them."""

    spot_weight_per_minute: int = 6_000
    spot_orders_per_10s: int = 100
    spot_orders_per_day: int = 200_000
    futures_weight_per_minute: int = 2_400
    futures_orders_per_10s: int = 300
    futures_orders_per_minute: int = 1_200


class SimSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is chosen before the exchange opens."""

    market: str = "demo"  # demo, replay:PATH or books:DIR
    symbols: int | None = None
    seed: int = 1
    speed: str = "1"  # market seconds in a second, max, or hand
    #: now: the market's start is moved to now; market: its times are its own.
    start: Literal["now", "market"] = "now"
    history_minutes: int = 1_500
    host: str = "127.0.0.1"
    port: int = 9_200
    wallet: Decimal = Decimal(10_000)  # USDT on futures
    spot_money: Decimal = Decimal(10_000)  # USDT on spot
    twins: bool = False  # list every symbol on both venues
    keys: tuple[Key, ...] = KEYS
    limits: Limits = Limits()
    faults: dict[str, Fault] = {}
    #: Futures /order takes stop orders too, as the real one did until December 2025.
    stops_as_orders: bool = False
