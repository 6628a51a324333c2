"""Nothing is concluded without evidence, nothing counted twice: invariants 8, 9."""

from typing import Any

from actors.domain.money import ZERO
from actors.domain.orders import Fill, OrderState
from actors.journal import Kind
from actors.risk.orders.dispatch import ANSWER_SECONDS_MAX
from actors.risk.orders.records import OrderRecord
from tests.invariants.table import invariant
from tests.model_order import CAPABILITIES
from tests.money_world import World

#: An order of which one of these was told has been at the exchange.
SIGHTS = {"placed", "sighted", "open", "partial", "filled", "cancelled"}


@invariant(8, "row")
def doubt_ends_by_evidence(world: World, kind: Kind, body: Any) -> None:
    if kind is not Kind.ORDER:
        return
    before = world.chronicle.orders[body.client_id]
    said = world.exchange.evidence.get(body.client_id, [])
    words = {word for _ms, word in said}
    if before.state in {OrderState.SENDING, OrderState.UNKNOWN}:
        if body.state is OrderState.ABSENT:
            absence_is_proved(world, before, said)
        if body.state is OrderState.CANCELLED:
            assert "cancelled" in words, f"cancelled without a word: {said}"
        if body.state is OrderState.OPEN:
            assert words & SIGHTS, f"open without a sight: {said}"
    if body.state is not before.state:
        ended_is_ended(world, body, words)


def ended_is_ended(world: World, body: OrderRecord, words: set[str]) -> None:
    """What we call ended was told to us as ended, and it is."""
    sent = any(r.client_id == body.client_id for r in world.exchange.sent)
    if body.state is OrderState.REFUSED:
        assert "refused" in words or not sent, f"refused on {words}"
    if body.state is OrderState.CANCELLED:
        assert words & {"cancelled", "none"}, f"cancelled on {words}"
    if body.state in {OrderState.REFUSED, OrderState.CANCELLED, OrderState.ABSENT}:
        there = world.exchange.orders.get(body.client_id)
        lives = there is not None and there.live
        lives = lives or body.client_id in world.exchange.travelling
        # A stop is called gone when it is missed once: another one is placed, and if
        # it is seen again it is cancelled as a stray. That errs on the safe side.
        missed = body.purpose == "stop" and body.outcome == "vanished"
        assert missed or not lives, (
            f"{body.client_id} is {body.state} here and lives there"
        )


def absence_is_proved(
    world: World, record: OrderRecord, said: list[tuple[int, str]]
) -> None:
    """Two answers "not found", apart, after nothing can arrive; and it is true."""
    signed_ms = record.created_ms + int(ANSWER_SECONDS_MAX * 1000)  # at the latest
    late_ms = signed_ms + CAPABILITIES.deadline_ms + CAPABILITIES.answer_ms
    asked = [ms for ms, word in said if word == "none" and ms >= late_ms]
    assert asked, f"absent without proof: {said}"
    assert asked[-1] - asked[0] >= 2_000, f"absent too early: {said}"
    assert record.client_id not in world.exchange.travelling, "it travels"
    assert record.client_id not in world.exchange.orders, "it is there"


@invariant(8, "healed")
def doubt_ends(world: World) -> None:
    book = world.process.state.book
    doubtful = [
        o.client_id
        for o in book.orders.values()
        if o.state in {OrderState.SENDING, OrderState.UNKNOWN, OrderState.CANCELLING}
        # Where somebody trades past us a position proves nothing: a person settles it.
        and o.request.symbol not in book.halted
    ]
    assert not doubtful, f"still in doubt: {doubtful}"


@invariant(9, "row")
def filled_once(world: World, _kind: Kind, body: Any) -> None:
    if isinstance(body, Fill):
        assert body.trade_id not in world.chronicle.trades, f"again: {body}"
        assert body in world.exchange.fills, f"nobody traded {body}"
    if isinstance(body, OrderRecord):
        told = world.chronicle.trades
        total = sum((told[name].quantity for name in body.trades), ZERO)
        assert total == body.filled, f"{body.filled} of fills {total}"
        assert len(set(body.trades)) == len(body.trades), f"{body.trades}"
