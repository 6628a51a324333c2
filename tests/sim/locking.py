"""A venue where what rests locks what it would sell, as spot does."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec

from actors.domain.money import ZERO, floor_to
from actors.domain.orders import Fill, OrderRequest, Outcome, Refused, Side
from actors.exchange.paper.exchange import CAPABILITIES
from tests.sim.script import signal
from tests.sim.stops import is_close, standing
from tests.sim.venue import Venue
from tests.sim.world import A, Stage, World, preset

LOT = Decimal("0.001")
LOCKED = Refused("HTTP 400 -2010 Account has insufficient balance")


class Locking(Venue):
    """Refuses what finds nothing free; `before` answers instead of it."""

    capabilities = msgspec.structs.replace(CAPABILITIES, stops_overlap=False)

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.locked = 0  # orders that found nothing free
        self.own = ZERO  # coins of a person, beside what is held here
        self.before: Callable[[OrderRequest], Outcome | None] = lambda _request: None
        self.instead = self._spot

    def _spot(self, request: OrderRequest) -> Outcome | None:
        first = self.before(request)
        if first is not None or not request.reduce_only:
            return first
        resting = [
            order.request.quantity - order.filled
            for order in self.state.orders.values()
            if order.request.symbol == request.symbol and order.request.reduce_only
        ]
        held = self.state.positions.get(request.symbol)
        all_held = self.own + (ZERO if held is None else abs(held.quantity))
        free = all_held - sum(resting, ZERO)
        if request.quantity <= free:
            return None
        self.locked += 1
        return LOCKED


class Coined(Locking):
    """Takes the fee of a purchase from what was bought."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        account = self._account
        apply = account.apply

        def in_coin(*given: Any, **more: Any) -> Fill:
            told = apply(*given, **more)
            if told.side is not Side.LONG:
                return told
            coins = floor_to(told.fee / told.price, Decimal("1e-8"))
            held = self.state.positions[told.symbol]
            held.quantity -= coins
            held.cost -= coins * told.price
            self.state.cash += told.fee
            changed = {"fee": coins * told.price, "coin_fee": coins}
            kept = msgspec.structs.replace(told, **changed)
            self.state.fills[-1] = kept
            return kept

        account.apply = in_coin  # type: ignore[method-assign]


def spot(**more: Any) -> World:
    world = World({(A, 4): signal(stop=95.0)}, bars=60)
    world.venue, world.preset = Locking, preset(**more)
    return world


def closes(stage: Stage) -> list[OrderRequest]:
    return [request for request in stage.venue.placed if is_close(request)]


def locking(stage: Stage) -> Locking:
    assert isinstance(stage.venue, Locking)
    return stage.venue


async def held(stage: Stage) -> Any:
    await stage.bar(6)
    assert len(standing(stage)) == 1
    return stage.state.book.positions[A]
