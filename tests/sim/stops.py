"""What tests of protection look at, and the faults they make."""

from collections.abc import Callable

import msgspec

from actors.domain.ledger import Position
from actors.domain.orders import (
    OrderKind,
    OrderRequest,
    Outcome,
    Unknown,
)
from actors.journal import Kind
from actors.risk.account.book import replay
from tests.sim.world import Stage

Answer = Callable[[OrderRequest], Outcome | None]


def is_stop(request: OrderRequest) -> bool:
    return request.kind is OrderKind.STOP_MARKET


def is_close(request: OrderRequest) -> bool:
    return request.kind is OrderKind.MARKET and request.reduce_only


def instead(
    outcome: Outcome, times: int, *what: Callable[[OrderRequest], bool]
) -> Answer:
    """Answer so the first `times` requests of these kinds; the exchange has none."""
    left = [times]

    def answer(request: OrderRequest) -> Outcome | None:
        if left[0] and any(one(request) for one in what):
            left[0] -= 1
            return outcome
        return None

    return answer


LOST = Unknown("the line broke")


async def closed(stage: Stage) -> list[Position]:
    positions = [row.decode(Position) for row in await stage.rows(Kind.POSITION)]
    return [position for position in positions if position.ended]


def alarms(stage: Stage) -> list[str]:
    return [
        alert.message
        for alert in stage.view.alerts()
        if alert.severity == "critical" and "without a confirmed stop" in alert.message
    ]


async def assert_sound(stage: Stage) -> None:
    """What holds at every end: one truth, no order twice, no book of its own."""
    ids = [request.client_id for request in stage.venue.placed]
    assert len(ids) == len(set(ids))
    assert not stage.venue.unjournalled
    assert stage.machine.illegal_transitions == 0
    assert stage.engine.crashes == 0
    await stage.engine.journal.commit()
    again = await replay(stage.engine.journal.read)
    assert msgspec.json.encode(again) == msgspec.json.encode(stage.state.book)


def standing(stage: Stage) -> list[OrderRequest]:
    orders = stage.venue.state.orders.values()
    return [order.request for order in orders if is_stop(order.request)]
