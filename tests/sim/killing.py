"""What the tests of the kill switch share: a scene, a watch, and what flat means."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from actors.domain.orders import OrderKind, OrderRequest, Outcome, Refused, Side
from actors.domain.phases import KillPhase
from tests.sim.script import signal
from tests.sim.world import A, B, C, Stage, World

K = KillPhase
FOREIGN = OrderRequest(
    "mine", C, Side.LONG, OrderKind.LIMIT, Decimal(1), limit_price=Decimal(50)
)
ALL = [K.CANCELLING, K.FLATTENING, K.CONFIRMED_FLAT, K.LATCHED]


def held_and_in_flight(bars: int = 60) -> World:
    """A is held from bar 5 on; B's entry travels from bar 6 on, into a halt."""
    world = World({(A, 4): signal(), (B, 6): signal()}, bars=bars)
    world.bars[B] = world.bars[B][[*range(7), *range(12, bars)]]
    return world


def phase_of(stage: Stage) -> KillPhase:
    kill = stage.state.book.kill
    return K.ARMED if kill is None else kill.phase


async def is_phase(stage: Stage, phase: KillPhase) -> None:
    await stage.until(lambda: phase_of(stage) is phase)


def told(stage: Stage, word: str) -> list[Any]:
    return [a for a in stage.state.alerts if word in a.message]


async def flat(stage: Stage) -> None:
    """The exchange itself is flat, and so is the book."""
    await is_phase(stage, K.LATCHED)
    assert not stage.venue.state.positions
    assert not stage.venue.state.orders
    assert not stage.state.book.positions
    assert not stage.state.book.orders
    assert stage.machine.illegal_transitions == 0
    assert stage.engine.crashes == 0  # no check of `Watch` has failed
    assert not stage.venue.unjournalled


class Watch:
    """Answers for the exchange, and holds every close against what is held there."""

    def __init__(self, stage: Stage, refuse: Callable[[OrderRequest], str]) -> None:
        self.closes: list[OrderRequest] = []
        self._venue = stage.venue
        self._refuse = refuse
        stage.venue.instead = self

    def __call__(self, request: OrderRequest) -> Outcome | None:
        if not (request.reduce_only and request.kind is OrderKind.MARKET):
            return None
        held = self._venue.state.positions[request.symbol].quantity
        assert request.quantity <= abs(held)
        beside = [o.request for o in self._venue.state.orders.values()]
        twice = [o for o in beside if o.symbol == request.symbol and o.kind == "market"]
        assert not twice
        self.closes.append(request)
        reason = self._refuse(request)
        return Refused(reason) if reason else None
