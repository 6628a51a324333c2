"""The user data streams: what happens to the account, told to whoever listens in."""

from typing import Any

import msgspec

from actors.domain.money import ZERO
from actors.loopback.accounts.order import Conditional, Fill, Order
from actors.loopback.exchange import Exchange
from actors.loopback.floor.pit import Venue
from actors.loopback.rest.signing import told_ms
from actors.loopback.streams.events import (
    account_update,
    algo_update,
    execution_report,
    order_trade_update,
)
from actors.loopback.streams.frames import frame, wrapped
from actors.loopback.streams.line import Line

LIFE_MS = 3_600_000  # of a listen key that is not kept alive
KEYS_MAX = 100


class Users:
    """The listen keys, and the lines on which the account is told."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self.keys: dict[str, tuple[Venue, int]] = {}  # listen key: venue, ends at
        self.told = 0
        self._lines: dict[tuple[Venue, Line, str], None] = {}  # name: key or ""
        self._held: list[tuple[Venue, dict[str, Any]]] = []
        self._made = 0
        exchange.tell_account = self.account
        exchange.minutely.append(self._expire)

    def open_key(self, venue: Venue) -> str:
        """Give the venue's listen key, which lives for an hour from now."""
        ends_ms = self._exchange.now_ms() + LIFE_MS
        for name, (where, _) in self.keys.items():
            if where is venue:
                self.keys[name] = (venue, ends_ms)
                return name
        assert len(self.keys) < KEYS_MAX
        self._made += 1
        name = f"loopback{venue}{self._made:04d}".ljust(64, "k")
        self.keys[name] = (venue, ends_ms)
        return name

    def keep_key(self, venue: Venue, name: str) -> bool:
        """Keep a listen key alive for another hour; "": the venue's."""
        named = [k for k, (where, _) in self.keys.items() if where is venue]
        found = name if name in named else next(iter(named), "") if not name else ""
        if found:
            self.keys[found] = (venue, self._exchange.now_ms() + LIFE_MS)
        return bool(found)

    def close_key(self, venue: Venue, name: str) -> None:
        """End a listen key and its streams."""
        for key, (where, _) in list(self.keys.items()):
            if where is venue and name in {"", key}:
                self._end(key)

    def listen(self, venue: Venue, line: Line, name: str) -> None:
        """Let a line hear of the account; `name` is its listen key, or ""."""
        self._lines[venue, line, name] = None

    def forget(self, line: Line) -> None:
        """Let a line hear nothing any more."""
        for entry in [one for one in self._lines if one[1] is line]:
            del self._lines[entry]

    def order(self, order: Order, what: str, fill: Fill | None) -> None:
        """Tell that something happened to an order."""
        now_ms = told_ms(self._exchange)
        venue = order.pit.venue
        make = execution_report if venue is Venue.SPOT else order_trade_update
        self._tell(venue, make(order, what, fill, now_ms), filled=fill is not None)

    def conditional(self, one: Conditional) -> None:
        """Tell that something happened to a conditional order."""
        self._tell(Venue.USDM, algo_update(one, told_ms(self._exchange)))

    def account(self, venue: Venue, reason: str) -> None:
        """Tell balances and positions that changed."""
        now_ms = told_ms(self._exchange)
        if venue is Venue.USDM:
            told = account_update(self._exchange.futures, reason, now_ms)
            self._tell(venue, told)
            return
        spot = self._exchange.spot
        rows = [
            {
                "a": asset,
                "f": f"{spot.free.get(asset, ZERO):.8f}",
                "l": f"{spot.locked.get(asset, ZERO):.8f}",
            }
            for asset in sorted(spot.changed)
        ]
        told = {"e": "outboundAccountPosition", "E": now_ms, "u": now_ms, "B": rows}
        self._tell(venue, told)

    def _tell(
        self, venue: Venue, event: dict[str, Any], *, filled: bool = False
    ) -> None:
        menu = self._exchange.menu
        if menu.active("maintenance"):
            return
        if filled and menu.any_on("fill_missing", "fill_twice", "fill_shuffled"):
            symbol = str(event.get("s") or event.get("o", {}).get("s"))
            if menu.hit("fill_missing", symbol):
                return
            if menu.hit("fill_shuffled", symbol) and not self._held:
                self._held = [(venue, event)]
                return
            if menu.hit("fill_twice", symbol):
                self._send(venue, event)
        self._send(venue, event)
        self._release()

    def _release(self) -> None:
        held, self._held = self._held, []
        for venue, event in held:
            self._send(venue, event)

    def _send(self, venue: Venue, event: dict[str, Any]) -> None:
        payload = msgspec.json.encode(event)
        self.told += 1
        for where, line, name in self._lines:
            if where is not venue:
                continue
            if name and line.combined:
                line.send(frame(wrapped(name, payload)))
            elif name:
                line.say(payload)
            else:  # the WebSocket API has an envelope of its own
                line.say(b'{"subscriptionId":0,"event":' + payload + b"}")

    def _expire(self, now_ms: int) -> None:
        forced = self._exchange.menu.hit("listen_key_expires") is not None
        for name, (_, ends_ms) in list(self.keys.items()):
            if forced or ends_ms <= now_ms:
                self._end(name)

    def _end(self, name: str) -> None:
        venue, _ = self.keys.pop(name)
        told = {
            "e": "listenKeyExpired",
            "E": told_ms(self._exchange),
            "listenKey": name,
        }
        for entry in [one for one in self._lines if one[0] is venue and one[2] == name]:
            entry[1].say(msgspec.json.encode(told))
            del self._lines[entry]
