"""What each exchange allows one address, and in which header it tells what is used.

Binance counts all of an address together, public and private, by weight and by fixed
minutes; spot and futures are counted apart. Each limit stands here once, and as ccxt
counts in other units, so does its scale.
"""

import msgspec

from actors.domain.errors import ExchangeError


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """The limits of one exchange for one address."""

    name: str
    weight: float  # within one window; 0: not counted, ccxt keeps to the rate
    window_seconds: float
    #: How much weight one unit of ccxt's cost is.
    ccxt_weight: float = 1.0
    #: Tells the weight that the address has used in the running window.
    used_header: str = ""
    #: Orders sent within a window of their own; 0: not counted.
    orders: int = 0
    orders_seconds: float = 10.0
    orders_header: str = ""
    #: Tell what is left of an endpoint's own limit, and that limit.
    left_header: str = ""
    limit_header: str = ""


def _bybit(name: str) -> Terms:
    # https://bybit-exchange.github.io/docs/v5/rate-limit: 600 requests in 5 s for an
    # address; an account's endpoints allow less, and ccxt's costs count those.
    return Terms(
        name=name,
        weight=350,
        window_seconds=5.0,
        left_header="x-bapi-limit-status",
        limit_header="x-bapi-limit",
    )


_ALL = (
    # https://developers.binance.com/docs/binance-spot-api-docs/rest-api/limits
    Terms(
        name="binance",
        weight=6_000,
        window_seconds=60.0,
        ccxt_weight=5.0,
        used_header="x-mbx-used-weight-1m",
        orders=100,
        orders_header="x-mbx-order-count-10s",
    ),
    # https://developers.binance.com/docs/derivatives/usds-margined-futures/general-info
    Terms(
        name="binanceusdm",
        weight=2_400,
        window_seconds=60.0,
        used_header="x-mbx-used-weight-1m",
        orders=300,
        orders_header="x-mbx-order-count-10s",
    ),
    _bybit("bybit"),
    _bybit("bybitspot"),
    # https://www.okx.com/docs-v5/en/#overview-rate-limits: most endpoints 20 in 2 s.
    Terms(name="okx", weight=20, window_seconds=2.0),
    Terms(name="okxspot", weight=20, window_seconds=2.0),
    # https://docs.kraken.com/api/docs/guides/spot-rest-ratelimits: one a second.
    Terms(name="kraken", weight=10, window_seconds=10.0),
)
TERMS = {terms.name: terms for terms in _ALL}
#: Markets and ccxt's classes of one exchange: it bans an address from all of them.
HOUSES = {
    "binanceusdm": "binance",
    "binancecoinm": "binance",
    "bybitspot": "bybit",
    "okxspot": "okx",
}


def house_of(name: str) -> str:
    """Say whose a market is, however it is reached."""
    return HOUSES.get(name, name)


def beside_ccxt(name: str) -> Terms:
    """Give the terms of an exchange to whose rate ccxt keeps: its answers count."""
    return Terms(name=name, weight=0, window_seconds=60.0)


def terms_of(name: str) -> Terms:
    """Find an exchange's terms; ExchangeError: nobody has written them down."""
    if name not in TERMS:
        msg = f"{name!r} has no terms: limits are known of {', '.join(TERMS)}"
        raise ExchangeError(msg)
    return TERMS[name]
