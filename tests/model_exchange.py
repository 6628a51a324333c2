"""A small exchange of which a test decides everything: what arrives, answers, tells.

It is the world, not ours: it outlives every process, and its books are what is true.
Each order has a fate, taken from a queue; without one it is answered and told plainly.
"""

from collections import deque
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import trio

from actors.domain.crash_points import CrashPoint
from actors.domain.errors import ExchangeError
from actors.domain.money import ZERO, truncate_to
from actors.domain.orders import (
    ExchangePosition,
    ExchangeUpdate,
    Fill,
    OpenOrder,
    OrderKind,
    OrderRequest,
    OrderState,
    OrderUpdate,
    Outcome,
    Placed,
    Refused,
    Side,
)
from actors.exchange.port import UpdateSink
from actors.runtime.clock import Clock
from actors.runtime.crash import reached
from tests.model_order import (
    CAPABILITIES,
    FEE,
    LATE_SECONDS,
    LOT,
    NEVER_MS,
    PLAIN,
    Fate,
    ModelOrder,
)


class ModelExchange:
    """Orders, fills, positions and money, and a queue of fates."""

    capabilities = CAPABILITIES

    def __init__(self, clock: Clock, nursery: trio.Nursery, cash: Decimal) -> None:
        self.clock = clock
        self._nursery = nursery
        self.cash = cash
        self.fates: deque[Fate] = deque()
        self.cancel_fates: deque[str] = deque()  # ok, lost, never, races
        self.fetch_faults: deque[str] = deque()  # ok, fail, stale, page
        self.orders: dict[str, ModelOrder] = {}
        self.fills: list[Fill] = []
        self.held: dict[str, Decimal] = {}  # signed
        self.cost: dict[str, Decimal] = {}
        self.marks: dict[str, Decimal] = {}
        self.sent: list[OrderRequest] = []  # of all processes, in order
        self.travelling: set[str] = set()  # may still arrive
        self.evidence: dict[str, list[tuple[int, str]]] = {}  # what we were told
        self.disturbed_ms = 0  # the newest fault
        self.sink: UpdateSink | None = None
        self.on_send: Callable[[OrderRequest], None] = lambda _request: None
        self._heard: list[ExchangeUpdate] = []
        self._last: dict[str, Any] = {}  # answers of the fetches before

    # --- requests ---------------------------------------------------------------------

    async def place(self, request: OrderRequest) -> Outcome:
        fate = self.fates.popleft() if self.fates else PLAIN
        self.sent.append(request)
        self.on_send(request)
        if fate != PLAIN:
            self.disturbed()
        outcome = self._take(request, fate)
        reached(CrashPoint.SENT)
        if request.kind is OrderKind.STOP_MARKET:
            reached(CrashPoint.STOP_SENT)
        await trio.lowlevel.checkpoint()
        if fate.answer == "late":
            await trio.sleep(LATE_SECONDS)
        if fate.answer == "lost" or outcome is None:
            msg = "the answer is lost"
            raise ExchangeError(msg)
        word = "refused" if isinstance(outcome, Refused) else "placed"
        self._note(request.client_id, word)
        return outcome

    def _take(self, request: OrderRequest, fate: Fate) -> Outcome | None:
        if fate.arrives is None:
            return None
        if fate.refused:
            return Refused("the exchange is not in the mood")
        if fate.arrives:
            self.travelling.add(request.client_id)
            self._nursery.start_soon(self._arrive_later, request, fate)
            return None
        if request.reduce_only and not self._reducible(request):
            return Refused("reduce_only: there is nothing to reduce")
        self._arrive(request, fate)
        return Placed(self.orders[request.client_id].exchange_id)

    async def _arrive_later(self, request: OrderRequest, fate: Fate) -> None:
        assert fate.arrives is not None, "it arrives"
        await trio.sleep(fate.arrives)
        self.travelling.discard(request.client_id)
        self.disturbed()
        self._arrive(request, fate)

    async def cancel(self, symbol: str, client_id: str) -> Outcome:
        fate = self.cancel_fates.popleft() if self.cancel_fates else "ok"
        order = self.orders.get(client_id)
        if fate != "ok":
            self.disturbed()
        if order is not None and order.live and fate == "races":
            self._fill(order, order.unfilled, PLAIN)
        word: Outcome = Refused(f"no live order {client_id} of {symbol}")
        if order is not None and order.live and fate != "never":
            self._end(order, "user", PLAIN)
            word = Placed(order.exchange_id)
        reached(CrashPoint.CANCEL_SENT)
        await trio.lowlevel.checkpoint()
        if fate in {"lost", "never"}:
            msg = "the cancel's answer is lost"
            raise ExchangeError(msg)
        return word

    # --- matching ---------------------------------------------------------------------

    def _arrive(self, request: OrderRequest, fate: Fate) -> None:
        now_ms = self.clock.now_ms()
        hidden_ms = now_ms + int(fate.hidden * 1_000)
        order = ModelOrder(request, len(self.orders) + 1, hidden_ms)
        assert request.client_id not in self.orders, "the exchange refuses a known id"
        self.orders[request.client_id] = order
        if request.kind is OrderKind.MARKET:
            self._take_liquidity(order, fate)
        elif self._due(order):
            self._fill(order, order.unfilled, fate)
        else:
            self._tell([self._word(order)], fate.told)

    def _take_liquidity(self, order: ModelOrder, fate: Fate) -> None:
        request, mark = order.request, self.marks[order.request.symbol]
        band = request.limit_price
        inside = band is None or (band - mark) * request.side.sign >= ZERO
        share = fate.share if band is not None else Decimal(1)
        wanted = truncate_to(request.quantity * share, LOT) if inside else ZERO
        if wanted > ZERO:
            self._fill(order, wanted, fate)
        if order.live:
            self._end(order, "band", fate)

    def _due(self, order: ModelOrder) -> bool:
        request, mark = order.request, self.marks[order.request.symbol]
        if request.stop_price is not None:
            return (mark - request.stop_price) * request.side.sign >= ZERO
        if request.limit_price is None:
            return False
        return (request.limit_price - mark) * request.side.sign >= ZERO

    def price(self, symbol: str, mark: Decimal, fate: Fate = PLAIN) -> None:
        """Move the price; what it reaches fills, stops first."""
        self.marks[symbol] = mark
        if fate != PLAIN:
            self.disturbed()
        resting = [o for o in self.orders.values() if o.request.symbol == symbol]
        for order in sorted(resting, key=lambda o: o.request.stop_price is None):
            if order.live and self._due(order):
                self._fill(order, order.unfilled, fate)

    def _reducible(self, request: OrderRequest) -> Decimal:
        held = self.held.get(request.symbol, ZERO)
        return max(ZERO, -held * request.side.sign)

    def _fill(self, order: ModelOrder, quantity: Decimal, fate: Fate) -> None:
        request = order.request
        if request.reduce_only:
            quantity = min(quantity, self._reducible(request))
        told: list[ExchangeUpdate] = []
        piece = max(truncate_to(quantity / fate.pieces, LOT), LOT)
        while quantity > ZERO:
            part = quantity if quantity < 2 * piece else piece
            quantity -= part
            told.append(self._trade(request, part))
            order.filled += part
            order.state = OrderState.PARTIAL if order.unfilled else OrderState.FILLED
            told.append(self._word(order))
        self._tell(told, fate.told)
        if order.live and request.reduce_only and not self._reducible(request):
            self._end(order, "reduce_only", fate)
        self._drop_reductions(request.symbol, fate)

    def _trade(self, request: OrderRequest, quantity: Decimal) -> Fill:
        price = self.marks[request.symbol]
        fill = Fill(
            trade_id=f"t-{len(self.fills) + 1}",
            client_id=request.client_id,
            symbol=request.symbol,
            side=request.side,
            quantity=quantity,
            price=price,
            fee=quantity * price * FEE,
            maker=False,
            ts_ms=self.clock.now_ms(),
        )
        self.fills.append(fill)
        self._book(fill)
        return fill

    def _book(self, fill: Fill) -> None:
        """Keep position and cost; what is closed is money."""
        held = self.held.get(fill.symbol, ZERO)
        signed = fill.quantity * fill.side.sign
        self.cash -= fill.fee
        closing = min(abs(signed), abs(held)) if held * signed < ZERO else ZERO
        if closing:
            mean = self.cost[fill.symbol] / held
            out = closing if held > ZERO else -closing
            self.cash += (fill.price - mean) * out
            self.cost[fill.symbol] -= mean * out
        opening = abs(signed) - closing
        cost = self.cost.get(fill.symbol, ZERO)
        self.cost[fill.symbol] = cost + fill.price * opening * fill.side.sign
        self.held[fill.symbol] = held + signed
        if not self.held[fill.symbol]:
            del self.held[fill.symbol], self.cost[fill.symbol]

    def _drop_reductions(self, symbol: str, fate: Fate) -> None:
        if symbol in self.held:
            return
        for order in self.orders.values():
            of_symbol = order.live and order.request.symbol == symbol
            if of_symbol and order.request.reduce_only:
                self._end(order, "reduce_only", fate)

    def _end(self, order: ModelOrder, reason: str, fate: Fate) -> None:
        order.state, order.reason = OrderState.CANCELLED, reason
        self._tell([self._word(order)], fate.told)

    # --- what others do ---------------------------------------------------------------

    def vanish(self, order: ModelOrder, *, forgotten: bool) -> None:
        """Drop a resting order and tell nobody; forgotten: it is not known any more."""
        self.disturbed()
        self._end(order, "vanished", Fate(told="never"))
        if forgotten:
            order.hidden_until_ms = NEVER_MS

    def trade_by_hand(self, symbol: str, side: Side, quantity: Decimal) -> None:
        """Let the account's owner trade past the engine."""
        self.disturbed()
        request = OrderRequest(
            f"hand-{len(self.fills)}", symbol, side, OrderKind.MARKET, quantity
        )
        self._tell([self._trade(request, quantity)], "now")
        self._drop_reductions(symbol, PLAIN)

    def order_by_hand(self, symbol: str) -> None:
        """Let the account's owner rest an order far away."""
        self.disturbed()
        self._arrive(
            OrderRequest(
                *(f"hand-order-{len(self.orders)}", symbol, Side.LONG),
                *(OrderKind.LIMIT, Decimal(1)),
                limit_price=Decimal(1),
            ),
            PLAIN,
        )

    # --- telling ----------------------------------------------------------------------

    def _word(self, order: ModelOrder) -> OrderUpdate:
        return OrderUpdate(
            client_id=order.request.client_id,
            exchange_id=order.exchange_id,
            symbol=order.request.symbol,
            state=order.state,
            filled_quantity=order.filled,
            reason=order.reason,
            ts_ms=self.clock.now_ms(),
        )

    def _tell(self, updates: list[ExchangeUpdate], how: str) -> None:
        match how:
            case "later":
                self._nursery.start_soon(self._tell_later, updates)
            case "twice":
                self._told([*updates, *updates])
            case "backwards":
                self._told(updates[::-1])
            case "fills later":
                fills = [u for u in updates if isinstance(u, Fill)]
                self._nursery.start_soon(self._tell_later, fills)
                self._told([u for u in updates if isinstance(u, OrderUpdate)])
            case "now":
                self._told(updates)

    async def _tell_later(self, updates: list[ExchangeUpdate]) -> None:
        await trio.sleep(1)
        self._told(updates)

    def _told(self, updates: list[ExchangeUpdate]) -> None:
        for update in updates:
            if self.sink is None:  # nobody listens while the engine is down
                return
            self._heard.append(update)
            if isinstance(update, OrderUpdate):
                self._note(update.client_id, update.state)
            self.sink(update)

    def tell_again(self, which: int) -> None:
        """Repeat something old."""
        if self._heard and self.sink is not None:
            self.disturbed()
            self.sink(self._heard[which % len(self._heard)])

    def _note(self, client_id: str, word: str) -> None:
        said = self.evidence.setdefault(client_id, [])
        said.append((self.clock.now_ms(), word))

    def disturbed(self) -> None:
        """Note that something is not as it should be."""
        self.disturbed_ms = self.clock.now_ms()

    # --- fetches ----------------------------------------------------------------------

    def connect(self, sink: UpdateSink) -> None:
        self.sink = sink

    async def _answer(self, name: str, answer: Any) -> Any:
        await trio.lowlevel.checkpoint()
        fault = self.fetch_faults.popleft() if self.fetch_faults else "ok"
        before, self._last[name] = self._last.get(name, answer), answer
        if fault != "ok":
            self.disturbed()
        if fault == "fail":
            msg = f"{name} cannot be had"
            raise ExchangeError(msg)
        if fault == "page" and name == "open orders":
            return answer[:-1]
        stale = fault == "stale" and not name.startswith("order")
        return before if stale else answer

    def _found(self, client_id: str) -> ModelOrder | None:
        order = self.orders.get(client_id)
        hidden = order is not None and order.hidden_until_ms > self.clock.now_ms()
        return None if hidden else order

    async def fetch_order(self, symbol: str, client_id: str) -> OrderUpdate | None:
        order = self._found(client_id)
        word = None if order is None else self._word(order)
        answer = await self._answer(f"order {client_id}", word)
        self._note(client_id, "none" if answer is None else str(answer.state))
        return answer if answer is None or answer.symbol == symbol else None

    async def fetch_open_orders(self) -> tuple[OpenOrder, ...]:
        answer: tuple[OpenOrder, ...] = await self._answer(
            "open orders",
            tuple(
                OpenOrder(o.request, o.exchange_id, o.filled)
                for name, o in self.orders.items()
                if o.live and self._found(name)
            ),
        )
        for order in answer:
            self._note(order.request.client_id, "sighted")
        return answer

    async def fetch_positions(self) -> tuple[ExchangePosition, ...]:
        found: tuple[ExchangePosition, ...] = await self._answer(
            "positions",
            tuple(
                ExchangePosition(s, q, self.cost[s] / q)
                for s, q in sorted(self.held.items())
            ),
        )
        return found

    async def fetch_fills(self, since_ms: int) -> tuple[Fill, ...]:
        found: tuple[Fill, ...] = await self._answer("fills", tuple(self.fills))
        return tuple(f for f in found if f.ts_ms >= since_ms)

    async def fetch_balance(self) -> Decimal:
        balance: Decimal = await self._answer("balance", self.cash)
        return balance

    async def fetch_equity(self) -> Decimal:
        return self.cash

    async def fetch_time(self) -> int:
        return self.clock.now_ms()
