"""What the paper exchange of today lacks of its port; it goes when that has landed."""

import inspect
from decimal import Decimal
from typing import Any

from actors.domain.orders import OrderState, OrderUpdate
from actors.exchange.paper import PaperExchange
from actors.feed import Feed


def fill_in() -> None:
    if inspect.iscoroutinefunction(PaperExchange.play):
        return
    play = PaperExchange.play

    async def played(self: Any, until_ms: int) -> bool:
        happened = play(self)
        if not happened and until_ms > self._clock.now_ms():
            self._clock.advance_to(until_ms)
        return happened

    async def lived(self: Any) -> bool:
        happened = False
        step = self._cursor.peek()
        until_ms = step.close_ts if step else self._clock.now_ms()
        while await self._exchange.play(until_ms):
            happened = True
            await self._latch.wait()
        return happened

    async def order(self: Any, symbol: str, client_id: str) -> OrderUpdate | None:
        found = self.state.orders.get(client_id)
        if found is None:
            return None
        state = OrderState.PARTIAL if found.filled else OrderState.OPEN
        return OrderUpdate(
            client_id, found.exchange_id, symbol, state, found.filled, "", 0
        )

    async def balance(self: Any) -> Decimal:
        cost = sum((held.cost for held in self.state.positions.values()), Decimal(0))
        return Decimal(self.state.cash + cost)

    async def now(self: Any) -> int:
        return int(self._clock.now_ms())

    made: Any = PaperExchange
    made.play, made.fetch_order, made.fetch_balance = played, order, balance
    made.fetch_time = now
    made.held = lambda self: frozenset(self.state.positions)
    feed: Any = Feed
    feed._play = lived
