"""Exchanges for tests: a small demo market that stands still until it is moved."""

from decimal import Decimal
from typing import Any

from actors.loopback.accounts.order import Conditional, Fill, Order, Wish
from actors.loopback.exchange import Exchange
from actors.loopback.floor.pit import Pit, Venue
from actors.loopback.settings import SimSettings
from actors.runtime.clock import MarketClock

NOW_MS = 1_764_295_200_000  # a full minute
MINUTE_MS = 60_000


class Floor:
    """An exchange at speed `hand`, what it told, and how to trade there."""

    def __init__(self, **chosen: Any) -> None:
        given = {"symbols": 2, "speed": "hand", "history_minutes": 30, "twins": True}
        settings = SimSettings(**(given | chosen))
        self.exchange = Exchange(settings, MarketClock(NOW_MS))
        self.told: list[tuple[str, str, str]] = []
        self.fills: list[tuple[Order, Fill]] = []
        self.exchange.tell_order = self._order
        self.exchange.tell_conditional = self._conditional

    def _order(self, order: Order, what: str, fill: Fill | None) -> None:
        self.told.append((order.client_id, what, order.status))
        if fill is not None:
            self.fills.append((order, fill))

    def _conditional(self, one: Conditional) -> None:
        self.told.append((one.client_id, "ALGO", one.status))

    def pit(self, symbol: str = "BTCUSDT", venue: Venue = Venue.USDM) -> Pit:
        found = self.exchange.pit(venue, symbol)
        assert found is not None
        return found

    def go(self, ms: int) -> None:
        """Live so much of the market."""
        until_ms = self.exchange.clock.now_ms() + ms
        self.exchange.live_until(until_ms)
        self.exchange.clock.move(until_ms)

    def wish(self, side: int, kind: str, size: str, **more: Any) -> Wish:
        """Wish for an order; `ticks` and `trigger` are ticks from the best prices."""
        venue = more.pop("venue", Venue.USDM)
        pit = self.pit(more.pop("symbol", "BTCUSDT"), venue)
        ticks, trigger = more.pop("ticks", None), more.pop("trigger", None)
        made = Wish(pit=pit, side=side, kind=kind, size=Decimal(size), **more)
        if ticks is not None:
            made.price = pit.grid.price(best(pit, side) + ticks)
        if trigger is not None:
            made.stop = pit.grid.price(pit.tape.last + trigger)
        return made

    def place(self, side: int, kind: str, size: str, **more: Any) -> Order:
        return self.exchange.place(self.wish(side, kind, size, **more))

    def stop(self, side: int, size: str, trigger: int, **more: Any) -> Conditional:
        kind = more.pop("kind", "STOP_MARKET")
        more = {"reduce_only": True} | more
        wish = self.wish(side, kind, size, trigger=trigger, **more)
        return self.exchange.place_conditional(wish)

    def held(self, symbol: str = "BTCUSDT", side: str = "BOTH") -> Decimal:
        position = self.exchange.futures.positions.get((symbol, side))
        return position.size if position is not None else Decimal(0)


def best(pit: Pit, side: int) -> int:
    """The best price on the side where an order of `side` would rest."""
    found = pit.book.half(side).best
    assert found is not None
    return found
