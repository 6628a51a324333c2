"""Random orders over random bars: what must hold at the paper exchange whatever comes.

Two markets (one spot) are played bar by bar; before each bar and after each thing
that happens a drawn action is taken: place an order or cancel one. A witness takes
every update as it comes, keeps its own books from fills alone, and holds the
exchange to them.
"""

from collections import defaultdict
from decimal import ROUND_UP, Decimal
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.domain.orders import (
    ExchangeUpdate,
    Fill,
    OrderKind,
    OrderRequest,
    OrderState,
    OrderUpdate,
    Placed,
    Side,
)
from actors.exchange.paper.book import FAR_BPS, PaperSettings
from actors.exchange.paper.exchange import PaperExchange
from actors.runtime.clock import MarketClock
from tests.unit.paper_desk import MINUTE, bar, instrument

SETTINGS = PaperSettings()
DEPOSIT = Decimal(10_000)
MARKETS = {
    "AAA": instrument("AAA"),
    "SPOT": instrument("SPOT", shortable=False, tick_size=Decimal("0.5")),
}
TICKS = {symbol: one.tick_size for symbol, one in MARKETS.items()}

prices = st.integers(190, 210).map(lambda half: half / 2)
bars = st.tuples(
    st.tuples(prices, prices, prices, prices).map(
        lambda p: (p[0], max(p), min(p), p[3])
    ),
    st.sampled_from([1e5, 400.0, 20.0, 0.0]),
    st.sampled_from([{}, {"spread_bps": 10.0, "ask_depth_03_usd": 900.0}]),
)
steps = st.lists(
    st.fixed_dictionaries({"AAA": bars}, optional={"SPOT": bars}) | st.just({}),
    min_size=3,
    max_size=5,
)
# Lists are long and their elements' first choices are the ones that trade: what is
# left to chance alone ends in refusals.
orders = st.fixed_dictionaries(
    {
        "symbol": st.sampled_from(["AAA", "AAA", "SPOT"]),
        "side": st.sampled_from(Side),
        "kind": st.sampled_from(OrderKind),
        "quantity": st.integers(1, 300).map(lambda n: Decimal(n) / 10),
        "price": prices.map(lambda price: Decimal(str(price))),
        "banded": st.booleans(),
        "reduce_only": st.sampled_from([False, False, True]),
        "post_only": st.sampled_from([False, False, False, True]),
        "lifetime_ms": st.sampled_from([None, None, None, 40, 20_000, 2 * MINUTE]),
    }
)
actions = st.lists(
    st.one_of(orders, orders, orders, st.integers(1, 9), st.none()),
    min_size=8,
    max_size=25,
)


class Witness:
    """Keeps its own books from what the exchange says, and checks each word."""

    def __init__(self, clock: MarketClock) -> None:
        self.clock = clock
        self.updates: list[ExchangeUpdate] = []
        self.arrivals: dict[str, int] = {}
        self.requests: dict[str, OrderRequest] = {}
        self.filled: dict[str, Decimal] = defaultdict(Decimal)
        self.ended: set[str] = set()
        self.positions: dict[str, Decimal] = defaultdict(Decimal)
        self.cash = DEPOSIT
        self.bars: dict[str, Any] = {}
        self.in_bar: dict[str, Decimal] = defaultdict(Decimal)

    def sink(self, update: ExchangeUpdate) -> None:
        assert update.ts_ms == self.clock.now_ms()
        assert update.client_id in self.requests, "no update without an order"
        assert update.client_id not in self.ended, "nothing after the end"
        self.updates.append(update)
        if isinstance(update, Fill):
            self.fill(update, self.requests[update.client_id])
        else:
            self.word(update)

    def word(self, update: OrderUpdate) -> None:
        assert update.filled_quantity == self.filled[update.client_id]
        if update.state in {OrderState.FILLED, OrderState.CANCELLED}:
            self.ended.add(update.client_id)
        whole = self.requests[update.client_id].quantity
        assert (update.state is OrderState.FILLED) is (update.filled_quantity == whole)

    def fill(self, fill: Fill, request: OrderRequest) -> None:
        assert fill.ts_ms >= self.arrivals[fill.client_id], "nothing before arrival"
        assert (fill.symbol, fill.side) == (request.symbol, request.side)
        self.filled[fill.client_id] += fill.quantity
        assert self.filled[fill.client_id] <= request.quantity
        before = self.positions[fill.symbol]
        after = before + fill.side.sign * fill.quantity
        if request.reduce_only:
            assert abs(after) < abs(before), "reduce-only reduces"
            assert after * before >= 0, "reduce-only never flips"
        assert after >= 0 or MARKETS[fill.symbol].shortable, "spot is never short"
        self.positions[fill.symbol] = after
        one = MARKETS[fill.symbol]
        rate = one.maker_fee_bps if fill.maker else one.taker_fee_bps
        exact = fill.quantity * fill.price * rate / 10_000
        assert fill.fee == exact.quantize(Decimal("1e-8"), ROUND_UP)
        self.cash -= fill.side.sign * fill.quantity * fill.price + fill.fee
        self.price(fill, request)
        self.volume(fill)

    def price(self, fill: Fill, request: OrderRequest) -> None:
        tick, sign = TICKS[fill.symbol], fill.side.sign
        assert fill.price % tick == 0
        if request.limit_price is not None:
            assert sign * (fill.price - request.limit_price) <= 0, "never past a limit"
        row = self.bars[fill.symbol]
        if fill.maker:
            assert row["volume"] > 0
            assert fill.price == request.limit_price
            return
        worst = Decimal(SETTINGS.half_spread_bps_max + FAR_BPS + 1) / 10_000
        low, high = Decimal(float(row["low"])), Decimal(float(row["high"]))
        assert low * (1 - worst) - tick <= fill.price <= high * (1 + worst) + tick
        # The taker's side of the touch: never better than the path itself.
        assert sign * (fill.price - (low if sign > 0 else high)) >= -tick / 2

    def volume(self, fill: Fill) -> None:
        self.in_bar[fill.symbol] += fill.quantity
        row = self.bars[fill.symbol]
        share = Decimal(float(row["volume"]) * SETTINGS.volume_share_max)
        quoted = Decimal(SETTINGS.depth_floor_usd / float(row["open"]))
        assert self.in_bar[fill.symbol] <= max(share, quoted)


class World:
    """One exchange, its witness and the actions still to be taken."""

    def __init__(self, todo: list[Any]) -> None:
        self.clock = MarketClock()
        self.witness = Witness(self.clock)
        self.exchange = PaperExchange(
            list(MARKETS.values()), SETTINGS, self.clock, DEPOSIT
        )
        self.exchange.connect(self.witness.sink)
        self.todo = list(reversed(todo))
        self.serial = 0

    async def act(self) -> None:
        action = self.todo.pop() if self.todo else None
        if isinstance(action, int):
            client_id = f"o{action}"
            request = self.witness.requests.get(client_id)
            symbol = request.symbol if request else "AAA"
            live = request is not None and client_id not in self.witness.ended
            answer = await self.exchange.cancel(symbol, client_id)
            assert isinstance(answer, Placed) is live
        elif action is not None:
            await self.place(action)

    async def place(self, order: dict[str, Any]) -> None:
        self.serial += 1
        kind, lifetime_ms = order["kind"], order["lifetime_ms"]
        now = self.clock.now_ms()
        priced = kind is OrderKind.LIMIT or (
            kind is OrderKind.MARKET and order["banded"]
        )
        request = OrderRequest(
            f"o{self.serial}",
            order["symbol"],
            order["side"],
            kind,
            order["quantity"],
            limit_price=order["price"] if priced else None,
            stop_price=order["price"] if kind is OrderKind.STOP_MARKET else None,
            reduce_only=order["reduce_only"],
            post_only=order["post_only"] and kind is OrderKind.LIMIT,
            expires_ms=None if lifetime_ms is None else now + lifetime_ms,
        )
        if isinstance(await self.exchange.place(request), Placed):
            self.witness.requests[request.client_id] = request
            self.witness.arrivals[request.client_id] = now + SETTINGS.latency_ms

    async def play(self, step: dict[str, Any]) -> None:
        for _ in range(3):
            await self.act()
        open_ms = self.clock.now_ms()
        for symbol, (shape, volume, context) in step.items():
            row = bar(shape, volume, **context)
            self.witness.bars[symbol] = row[0]
            self.witness.in_bar[symbol] = Decimal(0)
            self.exchange.open_bar(symbol, np.void(row[0]), open_ms, open_ms + MINUTE)
        while await self.exchange.play(open_ms + MINUTE if step else 0):
            await self.check()
            await self.act()
        await self.check()
        assert self.clock.now_ms() == open_ms + (MINUTE if step else 0)

    async def check(self) -> None:
        held = {p.symbol: p.quantity for p in await self.exchange.fetch_positions()}
        assert held == {s: q for s, q in self.witness.positions.items() if q}
        worth = self.witness.cash
        for symbol, quantity in held.items():
            price = self.exchange._last_price(symbol)
            assert price is not None
            worth += quantity * price
        assert await self.exchange.fetch_equity() == worth
        live = {o.request.client_id for o in await self.exchange.fetch_open_orders()}
        assert live == set(self.witness.requests) - self.witness.ended
        assert self.exchange.active() == set(held) | {
            self.witness.requests[client_id].symbol for client_id in live
        }


async def run(todo: list[Any], days: list[dict[str, Any]]) -> list[ExchangeUpdate]:
    world = World(todo)
    for step in days:
        await world.play(step)
    assert await world.exchange.fetch_fills(0) == tuple(
        update for update in world.witness.updates if isinstance(update, Fill)
    )
    return world.witness.updates


@settings(max_examples=250, deadline=None)
@given(actions, steps)
async def test_the_books_of_the_exchange_are_the_sum_of_its_fills(
    todo: list[Any], days: list[dict[str, Any]]
) -> None:
    assert await run(todo, days) == await run(todo, days), "the same again"
