"""The whole truth, for whoever judges an engine: orders, fills, positions, stops.

`intents` counts how often an order was taken under each client id; more than one is an
order placed twice. `bare` lists how long a position had less than its size in
reduce-only stops or closing orders: the market's ms from and to, by symbol.
"""

from collections import Counter, deque
from typing import Any

from actors.loopback.accounts.order import API, Conditional, Fill, Order
from actors.loopback.acts import Acts
from actors.loopback.exchange import Exchange
from actors.loopback.floor.pit import Pit, Venue
from actors.loopback.trading.conditional import algo_row
from actors.loopback.trading.futures import order_row, trade_row
from actors.loopback.trading.spot import order_row as spot_order_row
from actors.loopback.trading.spot import trade_row as spot_trade_row

BARE_MAX = 10_000
INTENTS_MAX = 200_000


class Witness:
    """Sees everything that happens to the account, and remembers."""

    def __init__(self, exchange: Exchange, acts: Acts) -> None:
        self._exchange, self._acts = exchange, acts
        self.intents: dict[Venue, Counter[str]] = {venue: Counter() for venue in Venue}
        self.bare: deque[tuple[str, int, int]] = deque(maxlen=BARE_MAX)
        self._bare_from: dict[Pit, int] = {}

    def order(self, order: Order, what: str, fill: Fill | None) -> None:
        """See an order change."""
        if what == "NEW" and order.source == API and not order.born_as:
            self._intend(order.pit.venue, order.client_id)
        if fill is not None and order.pit.venue is Venue.USDM:
            self._acts.count(order, fill)
        self.watch(order.pit)

    def conditional(self, one: Conditional) -> None:
        """See a conditional order change."""
        if one.waits and one.source == API:
            self._intend(Venue.USDM, one.client_id)
        self.watch(one.pit)

    def watch(self, pit: Pit) -> None:
        """Note whether a symbol's position is covered now."""
        if pit.venue is not Venue.USDM:
            return
        now_ms = self._exchange.now_ms()
        if self._uncovered(pit):
            self._bare_from.setdefault(pit, now_ms)
            return
        since = self._bare_from.pop(pit, now_ms)
        if since < now_ms:
            self.bare.append((pit.id, since, now_ms))

    def _uncovered(self, pit: Pit) -> bool:
        for (symbol, _), held in self._exchange.futures.positions.items():
            if symbol != pit.id or not held.lots:
                continue
            covered = 0
            for one in self._exchange.stops.live(pit):
                closes = one.side * held.lots < 0
                reduces = self._exchange.futures.reduces(one)
                if closes and reduces and one.kind.startswith("STOP"):
                    covered += abs(held.lots) if one.close_position else one.lots
            if covered < abs(held.lots):
                return True
        return False

    def _intend(self, venue: Venue, client_id: str) -> None:
        intents = self.intents[venue]
        if len(intents) < INTENTS_MAX or client_id in intents:
            intents[client_id] += 1

    def tell(self) -> dict[str, Any]:
        """Tell everything."""
        exchange, now_ms = self._exchange, self._exchange.now_ms()
        lasting = [(pit.id, since, now_ms) for pit, since in self._bare_from.items()]
        return {
            "nowMs": now_ms,
            "forgotten": sum(d.forgotten for d in exchange.desks.values()),
            "conditional": [
                algo_row(one) | {"source": one.source, "why": one.why}
                for one in exchange.stops.all.values()
            ],
            "bare": [
                {"symbol": symbol, "fromMs": since, "toMs": until}
                for symbol, since, until in (*self.bare, *lasting)
            ],
            "countdownsFired": self._acts.fired_countdowns,
            "spot": self._venue(Venue.SPOT) | self._coins(),
            "usdm": self._venue(Venue.USDM) | self._positions(),
        }

    def _venue(self, venue: Venue) -> dict[str, Any]:
        spot = venue is Venue.SPOT
        row = spot_order_row if spot else order_row
        fill_row = spot_trade_row if spot else trade_row
        desk, intents = self._exchange.desks[venue], self.intents[venue]
        return {
            "intents": dict(sorted(intents.items())),
            "doubled": sorted(name for name, n in intents.items() if n > 1),
            "orders": [
                row(order) | {"source": order.source} for order in desk.orders.values()
            ],
            "fills": [
                fill_row(order, fill) | {"clientOrderId": order.client_id}
                for order, fill in desk.fills
            ],
        }

    def _positions(self) -> dict[str, Any]:
        ledger = self._exchange.futures
        positions = [
            {
                "symbol": one.pit.id,
                "positionSide": one.side,
                "positionAmt": one.pit.grid.size_text(one.lots),
                "entryPrice": f"{one.entry:f}",
                "realised": f"{one.realised:f}",
            }
            for one in ledger.positions.values()
        ]
        return {"wallet": f"{ledger.wallet:f}", "positions": positions}

    def _coins(self) -> dict[str, Any]:
        spot = self._exchange.spot
        return {
            "free": {asset: f"{amount:f}" for asset, amount in spot.free.items()},
            "locked": {asset: f"{amount:f}" for asset, amount in spot.locked.items()},
        }
