"""Bans: until when an exchange wants to hear nothing, kept across restarts.

An exchange that is asked during a ban bans longer, and does not care that a process was
started anew. So each ban is on the disk before anything else may be sent. A ban is
never shortened: not by a smaller one, not by a clock that was set back. It is of the
exchange and not of one of its markets or of one way to it (`terms.house_of`).
"""

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

import msgspec

from actors.domain.errors import ExchangeError, Unsent
from actors.exchange.gate.terms import house_of
from actors.runtime.clock import Clock

#: After such a quiet time the next ban counts as a first one.
FORGIVEN_MS = 3_600_000
BAN_SECONDS_MAX = 3 * 86_400.0  # Binance's longest
#: Its second is told in whole numbers, and its clock is not ours.
MARGIN_MS = 1_000
STRIKES_MAX = 16


class Ban(msgspec.Struct, frozen=True):
    """Nothing is sent to an exchange before `until_ms`."""

    began_ms: int
    until_ms: int
    reason: str
    strikes: int  # in a row

    @property
    def length_ms(self) -> int:
        """How long it is in all."""
        return self.until_ms - self.began_ms


class Bans:
    """The bans of all exchanges; `path` None: in memory."""

    def __init__(self, path: Path | None, clock: Clock) -> None:
        self._path = path
        self.clock = clock
        self._bans = _loaded(path)

    def of(self, exchange: str) -> Ban | None:
        """Give the ban that holds now."""
        ban = self._bans.get(house_of(exchange))
        return ban if ban is not None and self.left_seconds(exchange) > 0 else None

    def left_seconds(self, exchange: str) -> float:
        """Say for how long nothing may be sent; 0: not banned."""
        ban = self._bans.get(house_of(exchange))
        if ban is None:
            return 0.0
        return max(0, ban.until_ms - self.clock.now_ms()) / 1000

    def refusal(self, exchange: str, what: str) -> Unsent | None:
        """Say why `what` is not sent now; None: no ban holds."""
        ban, left = self.of(exchange), self.left_seconds(exchange)
        if ban is None:
            return None
        until = datetime.fromtimestamp(ban.until_ms / 1000, UTC)
        msg = f"{exchange} is not asked for another {left:.0f} s, until "
        msg += f"{until:%Y-%m-%d %H:%M:%S} UTC: {ban.reason}; nothing was sent ({what})"
        return Unsent(msg, round(left * 1000))

    def add(
        self,
        exchange: str,
        reason: str,
        sent_ms: int,
        *,
        told: float | None,
        otherwise: float,
    ) -> Ban:
        """Ban for the seconds that were told, or by the table, twice as long each time.

        `sent_ms`: when the request was sent that earned it. One that was sent during a
        ban broke it, and makes it twice as long; one that was under way when it began
        is no new offence. Raises OSError when the ban cannot be kept on the disk; it
        holds in memory all the same.
        """
        house, now_ms = house_of(exchange), self.clock.now_ms()
        before = self._bans.get(house)
        strikes = 0
        if before is not None and now_ms < before.until_ms + FORGIVEN_MS:
            strikes = before.strikes
            if sent_ms < before.began_ms:
                strikes -= 1
        grown = min(otherwise * 2**strikes, BAN_SECONDS_MAX)
        length_ms = int((grown if told is None else told) * 1000) + MARGIN_MS
        if before is not None and before.began_ms <= sent_ms < before.until_ms:
            length_ms = max(length_ms, 2 * before.length_ms)
        began_ms, until_ms = now_ms, now_ms + length_ms
        if before is not None and before.until_ms >= until_ms:
            began_ms, until_ms = before.began_ms, before.until_ms
            reason = before.reason
        ban = Ban(began_ms, until_ms, reason, min(strikes + 1, STRIKES_MAX))
        self._bans[house] = ban
        if self._path is not None:
            _save(self._path, self._bans)
        return ban


def retry_after(headers: Mapping[str, str], now_ms: int) -> float | None:
    """Read Retry-After, seconds or a date; None: there is none that can be read."""
    told = next((v for k, v in headers.items() if k.lower() == "retry-after"), "")
    if told.strip().isdigit():
        return min(float(told), BAN_SECONDS_MAX)
    try:
        until = parsedate_to_datetime(told)
    except ValueError:
        return None
    return min(max(0.0, until.timestamp() - now_ms / 1000), BAN_SECONDS_MAX)


def _loaded(path: Path | None) -> dict[str, Ban]:
    if path is None or not path.exists():
        return {}
    try:
        found = msgspec.json.decode(path.read_bytes(), type=dict[str, Ban])
    except (OSError, msgspec.DecodeError) as error:
        msg = f"{path} does not read as a list of bans ({error}): remove it once no "
        msg += "exchange bans this address"
        raise ExchangeError(msg) from error
    longest_last = sorted(found.items(), key=lambda one: one[1].until_ms)
    return {house_of(name): ban for name, ban in longest_last}


def _save(path: Path, bans: dict[str, Ban]) -> None:
    whole = path.with_suffix(".new")
    with whole.open("wb") as file:
        file.write(msgspec.json.encode(bans))
        file.flush()
        os.fsync(file.fileno())
    whole.replace(path)
