"""The rate limits: request weights and order counts, 429, and the ban that follows.

Windows are of the exchange's clock: at speed 60 a minute's weight comes back every
second, as everything else does. Weights are one account for each venue and address;
loopback has one address. Whoever goes on after a 429 is banned, twice as long each
time. The counts stay, so that a test can ask whether a 429 was ever earned.
"""

from collections import Counter

import msgspec

from actors.loopback.floor.pit import Venue
from actors.loopback.settings import Limits

TEN_SECONDS_MS, MINUTE_MS, DAY_MS = 10_000, 60_000, 86_400_000
PATIENCE = 10  # requests after the first 429 of a minute before the ban
BAN_SECONDS, BAN_SECONDS_MAX = 120, 259_200


class TooMany(msgspec.Struct, frozen=True):
    """A request is over a limit: the status, the words, when to come back."""

    status: int
    text: str
    retry_seconds: int


class _Window:
    """What was used up in the running stretch of time."""

    def __init__(self, length_ms: int, limit: int) -> None:
        self.length_ms, self.limit = length_ms, limit
        self.used = 0
        self._number = -1

    def at(self, now_ms: int) -> "_Window":
        number = now_ms // self.length_ms
        if number != self._number:
            self._number, self.used = number, 0
        return self

    def left_seconds(self, now_ms: int) -> int:
        return -(-(self.length_ms - now_ms % self.length_ms) // 1_000)


class Limiter:
    """The limits of one venue."""

    def __init__(self, venue: Venue, limits: Limits) -> None:
        self.venue = venue
        self.earned: Counter[int] = Counter()  # refusals by status
        self.weight_most = 0
        spot = venue is Venue.SPOT
        self._weight = _Window(
            MINUTE_MS,
            limits.spot_weight_per_minute if spot else limits.futures_weight_per_minute,
        )
        self._orders = {
            "10S": _Window(
                TEN_SECONDS_MS,
                limits.spot_orders_per_10s if spot else limits.futures_orders_per_10s,
            ),
            "1D" if spot else "1M": _Window(DAY_MS, limits.spot_orders_per_day)
            if spot
            else _Window(MINUTE_MS, limits.futures_orders_per_minute),
        }
        self._strikes = 0
        self._banned_until_ms = 0
        self._bans = 0

    def charge(self, now_ms: int, weight: int, orders: int) -> TooMany | None:
        """Count a request; tell when it is one too many."""
        if now_ms < self._banned_until_ms:
            return self._refuse(
                418,
                "Way too much request weight used; IP banned.",
                -(-(self._banned_until_ms - now_ms) // 1_000),
            )
        window = self._weight.at(now_ms)
        window.used += weight
        self.weight_most = max(self.weight_most, window.used)
        if window.used > window.limit:
            return self._over(now_ms, window)
        self._strikes = 0
        for name, counted in self._orders.items():
            counted.at(now_ms).used += orders
            if orders and counted.used > counted.limit:
                told = (
                    f"Too many new orders; current limit is {counted.limit} per {name}."
                )
                return self._refuse(429, told, counted.left_seconds(now_ms), -1015)
        return None

    def headers(self, now_ms: int, orders: int) -> list[tuple[str, str]]:
        """Tell what is used up, as every answer does."""
        used = self._weight.at(now_ms).used
        found = [("X-MBX-USED-WEIGHT-1M", str(used))]
        if self.venue is Venue.SPOT:
            found.append(("X-MBX-USED-WEIGHT", str(used)))
        if orders:
            found += [
                (f"X-MBX-ORDER-COUNT-{name}", str(window.at(now_ms).used))
                for name, window in self._orders.items()
            ]
        return found

    def listed(self) -> list[dict[str, object]]:
        """List the limits as exchangeInfo does."""
        intervals = {"10S": ("SECOND", 10), "1M": ("MINUTE", 1), "1D": ("DAY", 1)}
        rows = [_row("REQUEST_WEIGHT", "MINUTE", 1, self._weight.limit)]
        for name, window in self._orders.items():
            rows.append(_row("ORDERS", *intervals[name], window.limit))
        return rows

    def _over(self, now_ms: int, window: _Window) -> TooMany:
        self._strikes += 1
        if self._strikes > PATIENCE:
            seconds = min(BAN_SECONDS * 2**self._bans, BAN_SECONDS_MAX)
            self._bans += 1
            self._strikes = 0
            self._banned_until_ms = now_ms + seconds * 1_000
            until_ms = self._banned_until_ms
            told = f"Way too much request weight used; IP banned until {until_ms}."
            return self._refuse(418, told, seconds)
        told = (
            f"Too many requests; current limit of IP(127.0.0.1) is {window.limit}"
            " requests per minute."
        )
        return self._refuse(429, told, window.left_seconds(now_ms))

    def _refuse(
        self, status: int, text: str, seconds: int, code: int = -1003
    ) -> TooMany:
        self.earned[status] += 1
        body = msgspec.json.encode({"code": code, "msg": text}).decode()
        return TooMany(status, body, seconds)


def _row(kind: str, interval: str, number: int, limit: int) -> dict[str, object]:
    return {
        "rateLimitType": kind,
        "interval": interval,
        "intervalNum": number,
        "limit": limit,
    }
