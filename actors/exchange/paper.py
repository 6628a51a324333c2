"""The paper exchange: takes orders like a real one and trades them on recorded bars.

The feed lays out the next bar of every active symbol (`open_bar`) and then calls
`play` until it returns False. Each call moves the market's clock over all laid-out
paths to the next moment at which something happens to an order, tells it to the
sink and returns, so that whoever trades can answer in market time: what it places or
cancels then arrives `latency_ms` later on the same paths. `matching` holds the rules.

A symbol without a next bar is halted: its orders arrive, expire and are cancelled in
time, and are matched at the first price there is again. An event that fell into time
that nobody played is stamped with the moment at which the clock learns of it.
"""

import heapq
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np

from actors.domain.bars import Instrument
from actors.domain.money import decimal_from_float
from actors.domain.orders import (
    ExchangePosition,
    ExchangeUpdate,
    Fill,
    OpenOrder,
    OrderRequest,
    Outcome,
    Placed,
    Refused,
)
from actors.exchange.account import Account, PaperOrder, PaperState
from actors.exchange.admission import refusal
from actors.exchange.book import PaperSettings
from actors.exchange.matching import NEVER_MS, Market
from actors.exchange.port import UpdateSink
from actors.runtime.clock import MarketClock


class PaperExchange:
    """An ExchangePort on recorded or synthetic bars. `state` is all that it knows."""

    def __init__(
        self,
        instruments: Sequence[Instrument],
        settings: PaperSettings,
        clock: MarketClock,
        quote_equity: Decimal,
    ) -> None:
        self.state = PaperState(cash=quote_equity)
        self._instruments = {one.symbol: one for one in instruments}
        self._settings = settings
        self._clock = clock
        self._account = Account(
            self.state, self._instruments, settings, self._last_price
        )
        self._sink: UpdateSink | None = None
        self._told = 0
        self._markets: dict[str, Market] = {}  # those with live orders or a bar
        self._laid_out: dict[str, Market] = {}
        self._horizon_ms = 0
        self._agenda: list[tuple[int, str]] = []  # heap; stale where not `due_ms`

    def connect(self, sink: UpdateSink) -> None:
        """Send every later update to `sink`."""
        self._sink = sink

    # --- the market's side: the feed drives it ---------------------------------

    def active(self) -> frozenset[str]:
        """Return the symbols with live orders or a position: play their bars."""
        ordered = {order.request.symbol for order in self.state.orders.values()}
        return frozenset(ordered.union(self.state.positions))

    def mark(self, symbol: str, price: float) -> None:
        """Take the last price of a symbol whose bars are not played."""
        self.state.marks[symbol] = price

    def open_bar(self, symbol: str, bar: np.void, open_ms: int, close_ms: int) -> None:
        """Lay out one bar (a row of BAR) of `symbol` from `open_ms` to `close_ms`."""
        market = self._market(symbol)
        row: Any = bar.item()
        market.liquidity.open_bar(row, open_ms, close_ms)
        self._laid_out[symbol] = market
        self._horizon_ms = max(self._horizon_ms, close_ms)
        self._schedule(symbol, market)

    def play(self) -> bool:
        """Go on to the next thing that happens and tell it; False: all bars closed."""
        self._horizon_ms = max(self._horizon_ms, self._clock.now_ms())
        told = self._told
        while self._agenda and self._agenda[0][0] <= self._horizon_ms:
            due_ms, symbol = heapq.heappop(self._agenda)
            market = self._markets[symbol]
            if market.due_ms != due_ms:
                continue
            now_ms = max(due_ms, self._clock.now_ms())
            self._clock.advance_to(now_ms)
            market.play(now_ms)
            self._schedule(symbol, market)
            if self._told > told:
                return True
        self._close_bars()
        return False

    def _close_bars(self) -> None:
        """End all bars; what is still to come is scheduled without a path."""
        self._clock.advance_to(self._horizon_ms)
        for symbol, market in self._laid_out.items():
            self.state.marks[symbol] = market.liquidity.close_bar()
        self._laid_out.clear()
        self._agenda.clear()
        self._markets = {s: m for s, m in self._markets.items() if m.orders}
        for symbol, market in self._markets.items():
            self._schedule(symbol, market)

    def _schedule(self, symbol: str, market: Market) -> None:
        due_ms = market.plan(self._clock.now_ms())
        if due_ms < NEVER_MS:
            heapq.heappush(self._agenda, (due_ms, symbol))

    def _market(self, symbol: str) -> Market:
        market = self._markets.get(symbol)
        if market is None:
            market = Market(
                self._instruments[symbol], self._settings, self._account, self._tell
            )
            self._markets[symbol] = market
        return market

    def _tell(self, update: ExchangeUpdate) -> None:
        assert self._sink is not None, "connect a sink before the market is played"
        self._told += 1
        self._sink(update)

    def _last_price(self, symbol: str) -> Decimal | None:
        market = self._laid_out.get(symbol)
        if market is not None:
            return market.liquidity.price_at(self._clock.now_ms())
        mark = self.state.marks.get(symbol)
        return None if mark is None else decimal_from_float(mark)

    # --- the account's side: the exchange port ---------------------------------

    async def place(self, request: OrderRequest) -> Outcome:
        """Take the order at once; it reaches the matching `latency_ms` from now."""
        instrument = self._instruments.get(request.symbol)
        reason = refusal(request, instrument, self._account)
        if reason is not None:
            return Refused(reason)
        now_ms, market = self._clock.now_ms(), self._market(request.symbol)
        if request.post_only and market.would_cross(request, now_ms):
            return Refused(f"post-only at {request.limit_price} would cross")
        self.state.serial += 1
        order = PaperOrder(
            request,
            exchange_id=f"paper-{self.state.serial}",
            arrival_ms=now_ms + self._settings.latency_ms,
        )
        self.state.orders[request.client_id] = order
        market.orders[request.client_id] = order
        self._schedule(request.symbol, market)
        return Placed(order.exchange_id)

    async def cancel(self, symbol: str, client_id: str) -> Outcome:
        """Take a cancel; it reaches the matching `latency_ms` from now."""
        order = self.state.orders.get(client_id)
        if order is None or order.request.symbol != symbol:
            return Refused(f"no live order {client_id} of {symbol}")
        if order.cancel_ms is None:
            order.cancel_ms = self._clock.now_ms() + self._settings.latency_ms
            self._schedule(symbol, self._market(symbol))
        return Placed(order.exchange_id)

    async def fetch_open_orders(self) -> tuple[OpenOrder, ...]:
        """Return all live orders, those still on their way included."""
        return tuple(
            OpenOrder(order.request, order.exchange_id, order.filled)
            for order in self.state.orders.values()
        )

    async def fetch_positions(self) -> tuple[ExchangePosition, ...]:
        """Return all non-zero positions with their mean entry price."""
        return tuple(
            ExchangePosition(symbol, held.quantity, held.cost / held.quantity)
            for symbol, held in self.state.positions.items()
        )

    async def fetch_fills(self, since_ms: int) -> tuple[Fill, ...]:
        """Return the kept fills at or after `since_ms`, oldest first."""
        return tuple(fill for fill in self.state.fills if fill.ts_ms >= since_ms)

    async def fetch_equity(self) -> Decimal:
        """Return balance plus unrealised result at the last prices."""
        return self._account.equity()
