"""What the disk holds: invariants 5, 6, 7 and 16."""

import msgspec

from actors.domain.ledger import Position
from actors.domain.messages import OrderView, PositionView, Published, Transition
from actors.domain.orders import OrderRequest, OrderState
from actors.journal import Kind
from actors.risk.account.book import BODIES, Book
from actors.risk.orders.records import OrderRecord
from tests.invariants.table import invariant
from tests.money_world import World, canonical


def committed(world: World, client_id: str) -> list[OrderRecord]:
    """All rows of one order that are on the disk."""
    found = []
    for kind in (Kind.INTENT, Kind.ORDER):
        query = (
            f"SELECT body FROM {kind.table} "
            "WHERE body ->> '$.request.client_id' = ? ORDER BY seq"
        )
        for (body,) in world.database.execute(query, (client_id,)):
            found.append(msgspec.json.decode(body, type=OrderRecord))
    return found


@invariant(5, "fact")
def facts_are_on_the_disk(world: World, fact: Published) -> None:
    if isinstance(fact.data, OrderView):
        view = fact.data
        known = [r.view() for r in committed(world, view.client_order_id)]
        assert view in known, f"seen but not on the disk: {view}"
    if isinstance(fact.data, Transition):
        query = f"SELECT body FROM {Kind.TRANSITION.table}"
        rows = world.database.execute(query)
        found = [msgspec.json.decode(b, type=Transition) for (b,) in rows]
        assert fact.data in found, f"seen but not on the disk: {fact.data}"


@invariant(5, "fact")
def positions_are_on_the_disk(world: World, fact: Published) -> None:
    if not isinstance(fact.data, PositionView):
        return
    query = f"SELECT body FROM {Kind.POSITION.table} WHERE body ->> 'id' = ?"
    rows = world.database.execute(query, (fact.data.id,))
    found = [msgspec.json.decode(body, type=Position) for (body,) in rows]
    seen = (fact.data.phase, fact.data.size, fact.data.stop)
    known = [(p.phase, p.open, p.stop) for p in found]
    assert seen in known, f"seen but not on the disk: {fact.data}"


@invariant(5, "rest")
def readers_see_the_disk(world: World, replayed: Book) -> None:
    seen = world.process.state.visible
    assert seen is not None, "there is something to see"
    for name in ("positions", "orders", "kill", "halted", "day"):
        ours, disk = getattr(seen, name), getattr(replayed, name)
        assert ours == disk, f"{name}: seen {ours}, on the disk {disk}"


@invariant(6, "send")
def sent_after_its_commit(world: World, request: OrderRequest) -> None:
    rows = committed(world, request.client_id)
    assert rows, f"{request.client_id} is not on the disk"
    assert rows[0].state is OrderState.SENDING, f"{rows[0]}"
    assert rows[0].request == request, f"{rows[0].request} but {request}"


@invariant(7, "send")
def sent_once(world: World, request: OrderRequest) -> None:
    count = sum(1 for r in world.exchange.sent if r.client_id == request.client_id)
    assert count == 1, f"{request.client_id} is sent {count} times"


@invariant(16, "rest")
def replay_is_the_living_book(world: World, replayed: Book) -> None:
    durable = world.process.journal.statistics().durable
    book = msgspec.json.decode(canonical(replayed), type=Book)
    for row in world.chronicle.rows:
        if row.seq > durable and row.kind in BODIES:
            text = msgspec.json.encode(row.body)
            book.apply(row.kind, msgspec.json.decode(text, type=BODIES[row.kind]))
    living = canonical(world.process.state.book)
    assert canonical(book) == living, f"{canonical(book)!r}\n{living!r}"
