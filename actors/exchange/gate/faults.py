"""What can go wrong at an exchange, and what follows from it: one table.

A fault is found from the HTTP status, or from the class of the error (the names of
httpx, trio, Python and ccxt; names, because ccxt is loaded by one room only). The table
then says everything that follows: whether a read may be asked again, whether it counts
for the breaker, whether it bans, how bad it is and what becomes of the engine.

Whether an order was taken is not decided here but in `actors.exchange.outcome`.
"""

from enum import StrEnum

import msgspec

from actors.domain.severity import Category, Severity


class Fault(StrEnum):
    """What happened."""

    RATE_LIMIT = "rate limit"
    BANNED = "banned"
    MAINTENANCE = "maintenance"
    SERVER = "server error"
    NETWORK = "network"
    AUTH = "authorisation"
    CLOCK = "clock"
    REQUEST = "bad request"
    PARSE = "unreadable answer"


class Then(StrEnum):
    """What becomes of the engine."""

    NOTHING = "nothing"  # the caller goes on with the error
    STALE = "stale"  # what we know of the exchange gets old: no entries
    ALARM = "alarm"  # a person is told; it passes by itself
    HALT = "halt"  # no order can be sent: entries stop until a person has looked


class Rule(msgspec.Struct, frozen=True):
    """A row of the table."""

    category: Category
    severity: Severity
    retry: bool  # a read; an order never is
    trips: bool  # counts for the breaker; False: the exchange is there
    ban_seconds: float  # without Retry-After, the first time; 0: no ban
    then: Then


_TRANSIENT, _EXCHANGE, _OURS = Category.TRANSIENT, Category.EXCHANGE, Category.INTERNAL
_WARNING, _ERROR, _CRITICAL = Severity.WARNING, Severity.ERROR, Severity.CRITICAL

#: fault             category     severity  retry  trips  ban    then
RULES: dict[Fault, Rule] = {
    Fault.RATE_LIMIT: Rule(_EXCHANGE, _WARNING, True, False, 30.0, Then.ALARM),
    Fault.BANNED: Rule(_EXCHANGE, _CRITICAL, False, False, 120.0, Then.ALARM),
    Fault.MAINTENANCE: Rule(_EXCHANGE, _ERROR, True, True, 0.0, Then.STALE),
    Fault.SERVER: Rule(_EXCHANGE, _WARNING, True, True, 0.0, Then.STALE),
    Fault.NETWORK: Rule(_TRANSIENT, _WARNING, True, True, 0.0, Then.STALE),
    Fault.AUTH: Rule(_EXCHANGE, _CRITICAL, False, False, 0.0, Then.HALT),
    Fault.CLOCK: Rule(_OURS, _ERROR, False, False, 0.0, Then.HALT),
    Fault.REQUEST: Rule(_OURS, _WARNING, False, False, 0.0, Then.NOTHING),
    Fault.PARSE: Rule(_EXCHANGE, _ERROR, True, True, 0.0, Then.ALARM),
}

#: 403 is the fire wall of Binance ("WAF limit") and Bybit ("access too frequent").
STATUSES: dict[int, Fault] = {
    401: Fault.AUTH,
    403: Fault.BANNED,
    408: Fault.NETWORK,
    418: Fault.BANNED,
    429: Fault.RATE_LIMIT,
}

_NAMES: dict[Fault, tuple[str, ...]] = {
    Fault.RATE_LIMIT: ("RateLimitExceeded", "DDoSProtection"),
    Fault.MAINTENANCE: ("OnMaintenance",),
    Fault.SERVER: ("ExchangeNotAvailable",),
    Fault.NETWORK: (
        *("NetworkError", "RequestTimeout"),  # ccxt
        *("TransportError", "StreamError", "TooManyRedirects"),  # httpx
        *("Undelivered", "TooSlowError", "OSError"),
    ),
    Fault.AUTH: ("AuthenticationError",),
    Fault.CLOCK: ("InvalidNonce",),
    Fault.REQUEST: ("BaseError", "InvalidURL"),  # of ccxt whatever is not listed here
    Fault.PARSE: ("BadResponse", "DecodingError", "DecodeError", "ValueError"),
}
NAMED: dict[str, Fault] = {
    name: fault for fault, names in _NAMES.items() for name in names
}


def fault_of_status(status: int) -> Fault | None:
    """Say what an HTTP status tells; None: the answer is good."""
    if status < 400:
        return None
    listed = STATUSES.get(status)
    if listed is not None:
        return listed
    return Fault.SERVER if status >= 500 else Fault.REQUEST


def fault_of(error: BaseException) -> Fault | None:
    """Say what an error tells; None: it tells nothing of the exchange.

    Our own ExchangeError speaks for the error that it was raised from, or says it.
    """
    said = getattr(error, "fault", None)
    if isinstance(said, Fault):
        return said
    status = getattr(getattr(error, "response", None), "status_code", None)
    if isinstance(status, int):
        return fault_of_status(status)
    for kind in type(error).__mro__:
        if kind.__name__ in NAMED:
            return NAMED[kind.__name__]
    return fault_of(error.__cause__) if error.__cause__ is not None else None
