"""The paper exchange: takes orders like a real one and trades them on recorded bars.

The feed lays out the next bar of every active symbol (`open_bar`) and then calls
`play` until it returns False. Each call moves the market's clock over all laid-out
paths to the next moment at which something happens to an order, tells it to the
sink and returns, so that whoever trades can answer in market time: what it places or
cancels then arrives `latency_ms` later on the same paths. `matching` holds the rules.

A symbol without a next bar is halted: its orders arrive, expire and are cancelled in
time, and are matched at the first price there is again. An event that fell into time
that nobody played is stamped with the moment at which the clock learns of it.

With a store, what happened is on file before it is answered or told. An exchange that
is opened again first lives to the end of the bars that were laid out; nobody hears of
it, and the fetches know.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from actors.domain.bars import Instrument
from actors.domain.money import decimal_from_float
from actors.domain.orders import (
    ExchangePosition,
    Fill,
    OpenOrder,
    OrderRequest,
    OrderUpdate,
    Outcome,
    Refused,
)
from actors.exchange.paper.account import Account, PaperOrder, PaperState
from actors.exchange.paper.admission import refusal
from actors.exchange.paper.agenda import Agenda
from actors.exchange.paper.book import PaperSettings
from actors.exchange.paper.matching import Market
from actors.exchange.paper.outbox import Outbox
from actors.exchange.paper.store import PaperStore, Remembered
from actors.exchange.port import Capabilities, Uniqueness, UpdateSink
from actors.runtime.clock import MarketClock

CAPABILITIES = Capabilities(
    name="paper", client_ids=Uniqueness.ALWAYS, deadline_ms=5_000, answer_ms=10_000
)


class PaperExchange:
    """A SimulatedExchange on recorded or synthetic bars.

    With a `store` it is the account that the store has open, else a new one with
    `quote_equity`, which ends with the process.
    """

    def __init__(
        self,
        instruments: Sequence[Instrument],
        settings: PaperSettings,
        clock: MarketClock,
        quote_equity: Decimal,
        store: PaperStore | None = None,
    ) -> None:
        self.state = PaperState(cash=quote_equity)
        self._store = store
        self._outbox = Outbox(store)
        self._instruments = {one.symbol: one for one in instruments}
        self._settings = settings
        self._clock = clock
        self._markets: dict[str, Market] = {}  # those with live orders or a bar
        self._laid_out: dict[str, Market] = {}
        self._horizon_ms = 0
        self._agenda = Agenda()
        remembered = None if store is None else store.load(settings.fills_kept)
        if remembered is not None:
            self.state = remembered.state
        self._account = Account(
            self.state, self._instruments, settings, self._last_price
        )
        if remembered is not None:
            self._go_on(remembered)

    def _go_on(self, remembered: Remembered) -> None:
        """Be as it was left, and live to the end of the bars that were laid out."""
        self._clock.advance_to(remembered.now_ms)
        for client_id, order in self.state.orders.items():
            self._market(order.request.symbol).orders[client_id] = order
        for symbol, state in remembered.markets.items():
            if symbol not in self._instruments:
                continue  # listed no more, and nothing is in hand there
            market = self._market(symbol)
            market.liquidity.restore(state)
            if state.times_ms is not None:
                self._laid_out[symbol] = market
                self._horizon_ms = max(self._horizon_ms, state.times_ms[1])
        for symbol, market in self._markets.items():
            self._schedule(symbol, market)
        while self._laid_out:
            self._play(self._horizon_ms)

    @property
    def capabilities(self) -> Capabilities:
        """What the order protocol must know of it."""
        return CAPABILITIES

    @property
    def account_serial(self) -> int:
        """The number of the account: a fresh one in the same place has the next."""
        return self.state.account_serial

    @property
    def now_ms(self) -> int:
        """Up to where the market was lived; 0 for an account that is new."""
        return self._clock.now_ms()

    def connect(self, sink: UpdateSink) -> None:
        """Send every later update to `sink`."""
        self._outbox.sink = sink

    # --- the market's side: the feed drives it ---------------------------------

    def active(self) -> frozenset[str]:
        """Return the symbols with live orders or a position: play their bars."""
        return self.state.active()

    def held(self) -> frozenset[str]:
        """Return the symbols with a position."""
        return frozenset(self.state.positions)

    def mark(self, symbol: str, price: float) -> None:
        """Take the last price of a symbol whose bars are not played."""
        self.state.marks[symbol] = self._outbox.changes.marks[symbol] = price

    def open_bar(self, symbol: str, bar: Any, open_ms: int, close_ms: int) -> None:
        """Lay out one bar (a row of BAR) of `symbol` from `open_ms` to `close_ms`."""
        market = self._market(symbol)
        row: Any = bar.item()
        market.liquidity.open_bar(row, open_ms, close_ms)
        self._laid_out[symbol] = self._outbox.changes.liquidity[symbol] = market
        self._horizon_ms = max(self._horizon_ms, close_ms)
        self._schedule(symbol, market)

    async def play(self, until_ms: int) -> bool:
        """Go on to the next thing that happens and tell it; False: all bars closed.

        `until_ms`: the end of the step, also where no bar was laid out for it.
        """
        return self._play(until_ms)

    def _play(self, until_ms: int) -> bool:
        self._horizon_ms = max(self._horizon_ms, self._clock.now_ms(), until_ms)
        if self._happens(self._horizon_ms):
            return True
        self._close_bars()
        late = bool(self._outbox.changes.updates)  # that could not be stored before
        self._outbox.release(self.state, self._horizon_ms)
        return late

    def _happens(self, until_ms: int) -> bool:
        """Go on to the next thing to tell up to a moment; False: there is none."""
        while (moment := self._agenda.take(until_ms)) is not None:
            due_ms, symbol, market = moment
            now_ms = max(due_ms, self._clock.now_ms())
            self._clock.advance_to(now_ms)
            market.play(now_ms)
            changes = self._outbox.changes
            changes.orders[symbol] = changes.liquidity[symbol] = market
            self._schedule(symbol, market)
            if changes.updates:
                self._outbox.release(self.state, now_ms)
                return True
        return False

    def _close_bars(self) -> None:
        """End all bars; what is still to come is scheduled without a path."""
        self._clock.advance_to(self._horizon_ms)
        if not self._laid_out:
            return
        for symbol, market in self._laid_out.items():
            self.mark(symbol, market.liquidity.close_bar())
        self._laid_out.clear()
        since_ms = self._horizon_ms - self._settings.refill_ms
        changes = self._outbox.changes
        changes.bars_closed = True
        changes.liquidity = {
            symbol: market
            for symbol, market in self._markets.items()
            if market.orders and market.liquidity.taken_since(since_ms)
        }
        self._agenda.clear()
        self._markets = {s: m for s, m in self._markets.items() if m.orders}
        for symbol, market in self._markets.items():
            self._schedule(symbol, market)

    def _schedule(self, symbol: str, market: Market) -> None:
        self._agenda.plan(symbol, market, self._clock.now_ms())

    def _market(self, symbol: str) -> Market:
        market = self._markets.get(symbol)
        if market is None:
            market = self._markets[symbol] = Market(
                self._instruments[symbol],
                self._settings,
                self._account,
                self._outbox.tell,
            )
        return market

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
        if reason is None and self._ended(request.client_id) is not None:
            reason = f"duplicate client id {request.client_id}"
        if reason is not None:
            return Refused(reason)
        now_ms, market = self._clock.now_ms(), self._market(request.symbol)
        if request.post_only and market.would_cross(request, now_ms):
            return Refused(f"post-only at {request.limit_price} would cross")
        self.state.serial += 1
        order = PaperOrder(
            request,
            exchange_id=f"paper-{self.state.account_serial}-{self.state.serial}",
            arrival_ms=now_ms + self._settings.latency_ms,
        )
        self.state.orders[request.client_id] = order
        market.orders[request.client_id] = order
        self._outbox.changes.orders[request.symbol] = market
        self._schedule(request.symbol, market)
        return self._outbox.answer(order, self.state, now_ms)

    async def cancel(self, symbol: str, client_id: str) -> Outcome:
        """Take a cancel; it reaches the matching `latency_ms` from now."""
        order = self.state.orders.get(client_id)
        if order is None or order.request.symbol != symbol:
            return Refused(f"no live order {client_id} of {symbol}")
        now_ms = self._clock.now_ms()
        if order.cancel_ms is None:
            # It never overtakes its order, whatever latency that was sent with.
            order.cancel_ms = max(now_ms + self._settings.latency_ms, order.arrival_ms)
            self._outbox.changes.orders[symbol] = market = self._market(symbol)
            self._schedule(symbol, market)
        return self._outbox.answer(order, self.state, now_ms)

    async def fetch_order(self, symbol: str, client_id: str) -> OrderUpdate | None:
        """Return how an order stands or how it ended; None: there never was one.

        Without a store only the newest `fills_kept` ended orders are known.
        """
        order = self.state.orders.get(client_id)
        if order is None:
            word = self._ended(client_id)
        else:
            word = order.word(order.live_state, "", self._clock.now_ms())
        return word if word is not None and word.symbol == symbol else None

    def _ended(self, client_id: str) -> OrderUpdate | None:
        word = self.state.ended.get(client_id)
        if word is None and self._store is not None:
            word = self._store.last_word(client_id)
        return word

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
            for symbol, held in sorted(self.state.positions.items())
        )

    async def fetch_fills(self, since_ms: int) -> tuple[Fill, ...]:
        """Return the kept fills at or after `since_ms`, oldest first."""
        kept = self.state.fills[-self._settings.fills_kept :]
        return tuple(fill for fill in kept if fill.ts_ms >= since_ms)

    async def fetch_balance(self) -> Decimal:
        """Return cash plus what is held at cost."""
        return self._account.balance()

    async def fetch_equity(self) -> Decimal:
        """Return balance plus unrealised result at the last prices."""
        return self._account.equity()

    async def fetch_time(self) -> int:
        """Return the market's time."""
        return self._clock.now_ms()
