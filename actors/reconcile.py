"""Asks the exchange for its truth; the risk actor judges what it says.

Asking takes time, and the risk actor has none to wait. A fetch that fails is no
answer: it leaves its part of the truth None, never empty.
"""

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any, TypeVar

import trio

from actors.domain.orders import ExchangePosition, OpenOrder, OrderUpdate
from actors.domain.truth import Look, Truth
from actors.exchange.port import ExchangePort
from actors.runtime import Actor, ActorRef, Latch

#: One fetch may take so long; then it has given no answer.
FETCH_SECONDS_MAX = 10.0

T = TypeVar("T")


class Reconciler(Actor[Look]):
    """Turns a Look into a Truth, one after another."""

    def __init__(
        self, exchange: ExchangePort, risk: Callable[[], ActorRef[Any]], in_hand: Latch
    ) -> None:
        super().__init__()
        self._exchange = exchange
        self._risk = risk
        self._in_hand = in_hand  # a simulated market waits for what is in hand

    async def handle(self, look: Look) -> None:
        """Ask for everything that the look names and tell the answers."""
        problems: list[str] = []
        truth = await self._ask(look, problems)
        self._in_hand.add()
        self._risk().tell_tracked(truth, self._in_hand)

    async def _ask(self, look: Look, problems: list[str]) -> Truth:
        exchange = self._exchange

        async def had(name: str, fetch: Callable[[], Awaitable[T]]) -> T | None:
            try:
                with trio.fail_after(FETCH_SECONDS_MAX):
                    return _sound(await fetch())
            except Exception as error:  # noqa: BLE001 - whatever an adapter raises, it has not answered
                problems.append(f"{name}: {type(error).__name__} {error}")
                return None

        # Orders first, fills after them, positions last: a fill that falls between
        # is then seen as a fill, and never as a position without one.
        open_orders = await had("open orders", exchange.fetch_open_orders)
        words = () if open_orders is None else await self._words(look, open_orders, had)
        fills = await had("fills", lambda: exchange.fetch_fills(look.fills_since_ms))
        positions = balance = None
        if look.positions:
            positions = await had("positions", exchange.fetch_positions)
        if look.balance:
            balance = await had("balance", exchange.fetch_balance)
        return Truth(
            look, open_orders, positions, fills, balance, words, tuple(problems)
        )

    async def _words(
        self, look: Look, open_orders: tuple[OpenOrder, ...], had: Any
    ) -> tuple[tuple[str, OrderUpdate | None], ...]:
        """Ask for each order of ours that is not open, by its name."""
        standing = {order.request.client_id for order in open_orders}
        words = []
        for symbol, client_id in look.orders:
            if client_id in standing:
                continue
            known = await had(
                f"order {client_id}",
                lambda s=symbol, c=client_id: _word(self._exchange, s, c),
            )
            if known is not None:
                words.append((client_id, known[0]))
        return tuple(words)


def _sound(answer: T) -> T:
    """Refuse an answer with a quantity that is no number: it says nothing."""
    parts = answer if isinstance(answer, tuple) else (answer,)
    for part in parts:
        amount = part.quantity if isinstance(part, ExchangePosition) else part
        if isinstance(amount, Decimal) and not amount.is_finite():
            msg = f"{amount} is no amount"
            raise ValueError(msg)
    return answer


async def _word(
    exchange: ExchangePort, symbol: str, client_id: str
) -> tuple[OrderUpdate | None]:
    """Wrap the word, so that "knows none such" differs from "no answer"."""
    return (await exchange.fetch_order(symbol, client_id),)
