"""The paper account: one struct of orders, positions, fills and cash, all Decimal.

Equity is kept as cash flows: cash = deposit - sum(signed quantity x price) - fees,
equity = cash + sum(signed quantity x last price). It is the same number as balance
plus unrealised result, and it is exact: no average price is ever divided out. The
average entry price is for people and is kept beside it.
"""

from collections.abc import Callable, Mapping
from decimal import ROUND_UP, Decimal
from enum import StrEnum

import msgspec

from actors.domain.bars import Instrument
from actors.domain.errors import ExchangeError
from actors.domain.ids import trade_id
from actors.domain.money import BPS, ZERO, bps_of
from actors.domain.orders import (
    Fill,
    OrderRequest,
    OrderState,
    OrderUpdate,
    Side,
)
from actors.exchange.paper.book import PaperSettings

FEE_STEP = Decimal("0.00000001")
COST_STEP = Decimal("0.000000000001")


class Stage(StrEnum):
    """Where an order is: on its way, waiting for its price, or taking the book."""

    TRAVELLING = "travelling"
    RESTING = "resting"
    WORKING = "working"


class PaperOrder(msgspec.Struct):
    """A live order at the paper exchange."""

    request: OrderRequest
    exchange_id: str
    arrival_ms: int
    stage: Stage = Stage.TRAVELLING
    filled: Decimal = ZERO
    fills: int = 0
    level: Decimal | None = None  # resting: the path's price that lets it trade
    wake_ms: int = 0  # not matched before
    cancel_ms: int | None = None  # when a cancel that was asked for arrives

    @property
    def remaining(self) -> Decimal:
        """What is not filled yet."""
        return self.request.quantity - self.filled

    @property
    def live_state(self) -> OrderState:
        """How the exchange calls it while it lives."""
        return OrderState.PARTIAL if self.filled else OrderState.OPEN

    def word(self, state: OrderState, reason: str, ts_ms: int) -> OrderUpdate:
        """Say how the order stands."""
        return OrderUpdate(
            client_id=self.request.client_id,
            exchange_id=self.exchange_id,
            symbol=self.request.symbol,
            state=state,
            filled_quantity=self.filled,
            reason=reason,
            ts_ms=ts_ms,
        )


class PaperPosition(msgspec.Struct):
    """A netted position: signed quantity, and what its open part cost (signed)."""

    quantity: Decimal = ZERO
    cost: Decimal = ZERO


class PaperState(msgspec.Struct):
    """What the paper exchange knows of its account between two bars."""

    cash: Decimal
    account_serial: int = 1  # of the accounts that were opened in one place
    serial: int = 0  # of the orders taken
    orders: dict[str, PaperOrder] = {}
    positions: dict[str, PaperPosition] = {}
    marks: dict[str, float] = {}  # last price per symbol
    fills: list[Fill] = []
    ended: dict[str, OrderUpdate] = {}  # the last word on each, oldest first

    def active(self) -> frozenset[str]:
        """Return the symbols with live orders or a position."""
        ordered = {order.request.symbol for order in self.orders.values()}
        return frozenset(ordered.union(self.positions))


class Account:
    """Applies fills and answers for positions, margin and equity.

    Raises ExchangeError: it has something in a symbol that is no instrument.
    """

    def __init__(
        self,
        state: PaperState,
        instruments: Mapping[str, Instrument],
        settings: PaperSettings,
        price_of: Callable[[str], Decimal | None],
    ) -> None:
        if gone := ", ".join(sorted(state.active() - instruments.keys())):
            message = (
                f"the paper account has an order or a position in {gone}, which the "
                "market does not list: start with a market that lists it, or begin a "
                "new account with --fresh (the old one is kept aside)"
            )
            raise ExchangeError(message)
        self.state = state
        self._instruments = instruments
        self._settings = settings
        self._price_of = price_of

    def position(self, symbol: str) -> Decimal:
        """Return the signed quantity held."""
        held = self.state.positions.get(symbol)
        return held.quantity if held else ZERO

    def reducible(self, symbol: str, side: Side) -> Decimal:
        """Return how much an order of `side` can take off the position."""
        return max(-side.sign * self.position(symbol), ZERO)

    def is_reducing(self, request: OrderRequest) -> bool:
        """Whether the order may only reduce: a spot sale is bound like reduce-only."""
        if request.reduce_only:
            return True
        return (
            request.side is Side.SHORT
            and not self._instruments[request.symbol].shortable
        )

    def apply(
        self, order: PaperOrder, quantity: Decimal, price: Decimal, at: tuple[int, bool]
    ) -> Fill:
        """Book one execution at (ts_ms, maker) and return it as a Fill."""
        request = order.request
        instrument = self._instruments[request.symbol]
        ts_ms, maker = at
        assert ZERO < quantity <= order.remaining, f"{quantity} of {order.remaining}"
        assert price > ZERO, f"price {price}"
        rate = instrument.maker_fee_bps if maker else instrument.taker_fee_bps
        fee = max(bps_of(quantity * price, rate), ZERO).quantize(FEE_STEP, ROUND_UP)
        self._move(request.symbol, request.side.sign * quantity, price)
        self.state.cash -= fee
        order.filled += quantity
        fill = Fill(
            # A new account may see the same client ids; its trades are others.
            trade_id(f"{self.state.account_serial}-{request.client_id}", order.fills),
            request.client_id,
            request.symbol,
            request.side,
            quantity,
            price,
            fee,
            maker,
            ts_ms,
        )
        order.fills += 1
        self._keep(fill)
        return fill

    def end(self, last_word: OrderUpdate) -> None:
        """Drop an ended order; the last word on it stays, so that none comes twice."""
        del self.state.orders[last_word.client_id]
        self.state.ended[last_word.client_id] = last_word
        if len(self.state.ended) > self._settings.fills_kept:
            del self.state.ended[next(iter(self.state.ended))]

    def equity(self) -> Decimal:
        """Return cash plus positions at their last prices."""
        worth = self.state.cash
        for symbol, held in self.state.positions.items():
            price = self._price_of(symbol)
            assert price is not None, f"{symbol} is held and was never priced"
            worth += held.quantity * price
        return worth

    def balance(self) -> Decimal:
        """Return cash plus what is held at cost: equity without open results."""
        return sum(
            (held.cost for held in self.state.positions.values()), self.state.cash
        )

    def margin_used(self) -> Decimal:
        """Return the margin of all positions and of what live orders may open."""
        used = ZERO
        for symbol, held in self.state.positions.items():
            price = self._price_of(symbol) or ZERO
            used += abs(held.quantity) * price / self._leverage(symbol)
        for order in self.state.orders.values():
            used += self.margin_to_open(order.request, order.remaining)
        return used

    def margin_to_open(self, request: OrderRequest, quantity: Decimal) -> Decimal:
        """Return the margin and fee of what `quantity` would open beyond reducing."""
        if self.is_reducing(request):
            return ZERO
        opened = max(quantity - self.reducible(request.symbol, request.side), ZERO)
        price = self.price_for(request)
        if price is None:
            return ZERO
        fee = self._instruments[request.symbol].taker_fee_bps * BPS
        return opened * price * (1 / self._leverage(request.symbol) + fee)

    def price_for(self, request: OrderRequest) -> Decimal | None:
        """Return the price an order is judged by: its own, else the last one."""
        if request.stop_price is not None:
            return request.stop_price
        return request.limit_price or self._price_of(request.symbol)

    def _leverage(self, symbol: str) -> Decimal:
        if self._instruments[symbol].shortable:
            return self._settings.leverage_max
        return Decimal(1)

    def _move(self, symbol: str, change: Decimal, price: Decimal) -> None:
        held = self.state.positions.setdefault(symbol, PaperPosition())
        before, after = held.quantity, held.quantity + change
        self.state.cash -= change * price
        if before * change >= ZERO:
            held.cost += change * price
        elif before * after <= ZERO:
            held.cost = after * price
        else:
            held.cost = (held.cost * after / before).quantize(COST_STEP)
        held.quantity = after
        if after == ZERO:
            del self.state.positions[symbol]

    def _keep(self, fill: Fill) -> None:
        self.state.fills.append(fill)
        if len(self.state.fills) >= 2 * self._settings.fills_kept:
            del self.state.fills[: -self._settings.fills_kept]
