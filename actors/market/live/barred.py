"""How long nobody dials an exchange that has refused a connection for our sake.

Whoever goes on dialling while its address is barred is barred for longer.
"""

from email.utils import parsedate_to_datetime

from actors.sockets import HandshakeFailed, SocketError

#: Forbidden, banned, too many.
STATUSES = frozenset({403, 418, 429})
#: Where it is not said for how long.
BARRED_SECONDS = 60.0
BARRED_SECONDS_MAX = 3 * 86_400.0  # Binance's longest ban


def barred_seconds(error: SocketError, now_ms: int) -> float:
    """Read for how long no connection is wanted; 0: the failure was another one."""
    if not isinstance(error, HandshakeFailed) or error.status not in STATUSES:
        return 0.0
    told = error.headers.get("retry-after", "")
    try:
        seconds = float(told) if told.isdecimal() else _until(told, now_ms)
    except ValueError:
        return BARRED_SECONDS
    return min(max(seconds, 0.0), BARRED_SECONDS_MAX)


def _until(date: str, now_ms: int) -> float:
    return parsedate_to_datetime(date).timestamp() - now_ms / 1e3
