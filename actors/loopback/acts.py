"""What happens on an exchange by itself: funding, liquidation, time-outs, other hands.

Each act is asked once a minute of the market, in a fixed order, so that the same seed
brings the same acts; what depends on a moment within a minute (a dead man's switch, a
stop that vanishes) is looked at before anything else is done at the exchange.
"""

from collections import deque
from contextlib import suppress
from decimal import Decimal
from typing import Any

from actors.loopback.accounts.futures import EIGHT_HOURS_MS, FUNDING_RATE
from actors.loopback.accounts.order import (
    EXPIRED,
    HOUSE,
    PERSON,
    Conditional,
    Fill,
    Order,
    Wish,
)
from actors.loopback.accounts.refusals import Refused
from actors.loopback.exchange import Exchange
from actors.loopback.floor.book import Take
from actors.loopback.floor.grid import SELL
from actors.loopback.floor.pit import Pit, Venue

INCOME_MAX = 100_000


class Countdowns:
    """The dead man's switch: a symbol's orders are cancelled when it is not renewed."""

    def __init__(self) -> None:
        self._ends_ms: dict[Pit, int] = {}

    def arm(self, pit: Pit, ends_ms: int | None) -> None:
        """Set or renew a symbol's switch; None disarms it."""
        if ends_ms is None:
            self._ends_ms.pop(pit, None)
        else:
            self._ends_ms[pit] = ends_ms

    def due(self, now_ms: int) -> list[Pit]:
        """Take out the symbols whose time is over."""
        found = [pit for pit, ends_ms in self._ends_ms.items() if ends_ms <= now_ms]
        for pit in found:
            del self._ends_ms[pit]
        return found


class Acts:
    """Everything that the exchange does unasked."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self.countdowns = Countdowns()
        self.vanishing: list[tuple[int, Conditional]] = []
        self.income: deque[dict[str, Any]] = deque(maxlen=INCOME_MAX)
        self.fired_countdowns = 0
        self._people = 0
        exchange.minutely.append(self.minute)

    def look(self) -> None:
        """Do what is due by now."""
        now_ms = self._exchange.now_ms()
        for pit in self.countdowns.due(now_ms):
            self.fired_countdowns += 1
            for order in self._exchange.desks[Venue.USDM].live(pit):
                self._exchange.cancel(order)
        for due_ms, one in list(self.vanishing):
            if due_ms <= now_ms:
                self.vanishing.remove((due_ms, one))
                self._vanish(one)

    def minute(self, now_ms: int) -> None:
        """Do what is done once a minute."""
        self.look()
        if now_ms % EIGHT_HOURS_MS == 0:
            self._fund(now_ms)
        if self._exchange.futures.doomed():
            self._liquidate()
        self._delist()
        if self._exchange.menu.hit("foreign_order"):
            self.foreign_order()
        if self._exchange.menu.hit("manual_close"):
            self.manual_close()

    def count(self, order: Order, fill: Fill) -> None:
        """Write a fill's result and fee into the income."""
        for kind, amount in (("REALIZED_PNL", fill.profit), ("COMMISSION", -fill.fee)):
            if amount:
                self._earn(kind, order.pit.id, amount, fill.time_ms)

    def fill_now(self, order: Order) -> None:
        """Let somebody take a resting order this very moment."""
        pit = order.pit
        if not order.working or not pit.book.withdraw(order, order.side, order.ticks):
            return
        piece = Take(order.ticks, order.left, order)
        filled = self._exchange.desks[pit.venue].filled
        pit.printed(self._exchange.now_ms(), -order.side, piece, filled)
        self._exchange.settle(pit)

    def foreign_order(self, symbol: str = "") -> Order | None:
        """A person leaves an order far from the market, of the smallest size or so."""
        pits = self._exchange.listed(Venue.USDM) or self._exchange.listed(Venue.SPOT)
        pit = self._exchange.menu.pick("foreign_order", pits)
        pit = next((one for one in pits if one.id == symbol), pit)
        grid = pit.grid
        ticks = max(1, int(pit.mark * 0.9))
        least = pit.instrument.notional_min * 2
        lots = int(least / grid.value(ticks, 1)) + 1
        return self._by_hand(
            Wish(
                pit=pit,
                side=1,
                kind="LIMIT",
                size=grid.size(lots),
                price=grid.price(ticks),
                position_side="LONG" if self._exchange.futures.hedged else "BOTH",
            )
        )

    def manual_close(self, symbol: str = "") -> Order | None:
        """A person closes a position at the market."""
        held = self._exchange.futures.held()
        held = [one for one in held if not symbol or one.pit.id == symbol]
        if not held:
            return None
        one = self._exchange.menu.pick("manual_close", held)
        return self._by_hand(
            Wish(
                pit=one.pit,
                side=-1 if one.lots > 0 else 1,
                kind="MARKET",
                size=one.pit.grid.size(abs(one.lots)),
                reduce_only=one.side == "BOTH",
                position_side=one.side,
            )
        )

    def wick(self, symbol: str, price: Decimal) -> None:
        """One lot trades far away, once: stops are reached, and the book stays."""
        for pit in self._exchange.pits.values():
            ticks = pit.grid.ticks(price)
            if pit.id == symbol and ticks:
                filled = self._exchange.desks[pit.venue].filled
                piece = Take(ticks, 1, None)
                pit.printed(self._exchange.now_ms(), SELL, piece, filled)
                self._exchange.settle(pit)

    def _by_hand(self, wish: Wish) -> Order | None:
        self._people += 1
        wish.client_id, wish.source = f"web_{self._people}", PERSON
        with suppress(Refused):  # a person is refused like anybody else
            return self._exchange.place(wish)
        return None

    def _fund(self, now_ms: int) -> None:
        ledger = self._exchange.futures
        for one in ledger.held():
            paid = -one.notional * FUNDING_RATE
            ledger.wallet += paid
            self._earn("FUNDING_FEE", one.pit.id, paid, now_ms)
        if ledger.held():
            self._exchange.tell_account(Venue.USDM, "FUNDING_FEE")

    def _liquidate(self) -> None:
        """The margin is used up: the exchange cancels everything and closes all."""
        exchange = self._exchange
        for order in exchange.desks[Venue.USDM].live():
            exchange.cancel(order)
        for number, one in enumerate(exchange.futures.held()):
            wish = Wish(
                pit=one.pit,
                side=-1 if one.lots > 0 else 1,
                kind="MARKET",
                size=one.pit.grid.size(abs(one.lots)),
                reduce_only=one.side == "BOTH",
                position_side=one.side,
                client_id=f"autoclose-{exchange.now_ms()}{number}",
                source=HOUSE,
            )
            with suppress(Refused):  # what cannot be closed now is tried next minute
                exchange.place(wish)

    def _delist(self) -> None:
        fault = self._exchange.menu.active("delisted")
        for pit in self._exchange.pits.values():
            gone = fault is not None and pit.id in fault.on
            if gone == (pit.status == "TRADING"):
                pit.status = "SETTLING" if gone else "TRADING"

    def _vanish(self, one: Conditional) -> None:
        """A stop is gone, and nobody is told."""
        if not one.waits:
            return
        tell = self._exchange.tell_conditional
        self._exchange.tell_conditional = lambda _one: None
        self._exchange.stops.cancel(one, EXPIRED, "vanished")
        self._exchange.tell_conditional = tell

    def _earn(self, kind: str, symbol: str, amount: Decimal, now_ms: int) -> None:
        self.income.append(
            {
                "symbol": symbol,
                "incomeType": kind,
                "income": f"{amount:.8f}",
                "asset": "USDT",
                "info": "",
                "time": now_ms,
                "tranId": len(self.income) + 1,
                "tradeId": "",
            }
        )
