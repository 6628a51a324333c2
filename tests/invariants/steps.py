"""No state changes but by an edge of its table: invariant 4."""

from typing import Any

from actors.domain.ledger import Position
from actors.domain.messages import Transition
from actors.domain.orders import OrderState
from actors.domain.phases import (
    GLOBAL_MACHINE,
    KILL_MACHINE,
    ORDER_MACHINE,
    TRADE_MACHINE,
    KillPhase,
)
from actors.journal import Kind
from actors.risk.orders.records import KillChanged
from tests.invariants.table import invariant
from tests.money_world import World


@invariant(4, "row")
def order_steps(world: World, kind: Kind, body: Any) -> None:
    if kind is Kind.INTENT:
        assert body.state is OrderState.SENDING, f"an intent in {body.state}"
    elif kind is Kind.ORDER:
        before = world.chronicle.orders.get(body.client_id)
        assert before is not None, f"{body.client_id} has no intent"
        legal = body.state is before.state or body.state in ORDER_MACHINE[before.state]
        assert legal, f"{body.client_id}: {before.state} -> {body.state}"


@invariant(4, "row")
def other_steps(world: World, _kind: Kind, body: Any) -> None:
    told = world.chronicle
    match body:
        case Transition():
            assert body.source is told.phase, f"{told.phase} but {body}"
            assert body.target in GLOBAL_MACHINE[body.source], f"{body}"
        case Position():
            before = told.positions.get(body.id)
            phase = body.phase if before is None else before.phase
            legal = body.phase is phase or body.phase in TRADE_MACHINE[phase]
            assert legal, f"{body.id}: {phase} -> {body.phase}"
        case KillChanged():
            then = KillPhase.ARMED if told.kill is None else told.kill.phase
            now = KillPhase.ARMED if body.kill is None else body.kill.phase
            assert now is then or now in KILL_MACHINE[then], f"{then} -> {now}"


@invariant(4, "message")
def nothing_illegal_was_tried(world: World) -> None:
    machine = world.process.actor.desk.machine
    assert machine.illegal_transitions == 0, f"{machine.history[-1]}"
