"""Protected, reducing, halted, and nothing lost: invariants 10, 11, 12 and 13."""

from typing import Any

from actors.domain.ledger import Position
from actors.domain.money import ZERO
from actors.domain.orders import OrderKind, OrderRequest
from actors.domain.phases import (
    Phase,
)
from actors.journal import Kind
from actors.risk.account.book import Book
from tests.invariants.table import invariant
from tests.money_world import World

#: A position may be without its stop for so long while nothing is disturbed: one that
#: vanished is missed by the next look at all orders, and another stands beside one in
#: doubt long before that is proved absent.
BARE_MS_MAX = 15_000


def protected(world: World, position: Position) -> bool:
    """Whether the exchange itself has a stop for all of it, or a close on its way."""
    exchange = world.exchange
    theirs = exchange.held.get(position.symbol, ZERO)
    held = max(ZERO, theirs * position.side.sign)  # the other way: nothing of ours
    stops = closing = ZERO
    for order in exchange.orders.values():
        request = order.request
        if not order.live or request.symbol != position.symbol:
            continue
        if request.reduce_only and request.side is position.side.opposite:
            if request.kind is OrderKind.STOP_MARKET:
                stops = max(stops, order.unfilled)
            elif request.kind is OrderKind.MARKET:
                closing = max(closing, order.unfilled)
    return max(stops, closing) >= min(held, position.open)


@invariant(10, "message")
def protected_or_being_closed(world: World) -> None:
    """In our own book nothing is ever bare once a message has been handled."""
    book = world.process.state.book
    for position in book.positions.values():
        caring = [
            o
            for o in book.orders.values()
            if o.correlation == position.correlation and o.purpose in {"stop", "close"}
        ]
        now_ms = world.clock.now_ms()
        disturbed = now_ms - world.exchange.disturbed_ms <= BARE_MS_MAX
        theirs = world.exchange.held.get(position.symbol, ZERO)
        if theirs * position.side.sign <= ZERO:
            continue  # closed by hand: nothing is left to protect
        assert caring or disturbed or not world.process.running, (
            f"{position.symbol} has neither a stop nor a close in the book"
        )


@invariant(10, "time")
def unprotected_time_is_bounded(world: World) -> None:
    exchange, now_ms = world.exchange, world.clock.now_ms()
    positions = world.process.state.book.positions
    for symbol in list(world.bare_ms):
        if symbol not in positions:
            del world.bare_ms[symbol]
    for symbol, position in positions.items():
        if protected(world, position) or not world.process.running:
            world.bare_ms.pop(symbol, None)
            continue
        since = world.bare_ms.setdefault(symbol, now_ms)
        quiet_ms = now_ms - max(since, exchange.disturbed_ms)
        assert quiet_ms <= BARE_MS_MAX, f"{symbol} is bare for {quiet_ms} ms"


@invariant(11, "send")
def reductions_reduce(world: World, request: OrderRequest) -> None:
    record = world.chronicle.orders[request.client_id]
    entry = record.purpose == "entry"
    assert request.reduce_only is not entry, f"{record.purpose}: {request}"
    if entry:
        return
    first = next(
        o
        for o in world.chronicle.orders.values()
        if o.correlation == record.correlation and o.purpose == "entry"
    )
    net = world.chronicle.net[request.symbol]  # by fills; oversold: below zero
    assert net * request.side.sign <= ZERO, f"{request} with {net} held"
    assert request.quantity <= first.filled, f"{request} of {first.filled}"


@invariant(11, "message")
def positions_never_flip(world: World) -> None:
    book = world.process.state.book
    for position in book.positions.values():
        assert position.open > ZERO or position.symbol in book.halted, f"{position}"
        first = next(
            o
            for o in world.chronicle.orders.values()
            if o.correlation == position.correlation and o.purpose == "entry"
        )
        assert position.side is first.request.side, f"{position}"


@invariant(10, "healed")
def what_is_to_be_closed_is(world: World) -> None:
    theirs = world.exchange.held
    open_still = [
        p.symbol
        for p in world.process.state.book.positions.values()
        if p.close_wanted and theirs.get(p.symbol, ZERO) * p.side.sign > ZERO
    ]
    assert not open_still, f"to be closed, and still held: {open_still}"


@invariant(12, "send")
def halted_means_halted(world: World, request: OrderRequest) -> None:
    if request.reduce_only:
        return
    process, told = world.process, world.chronicle
    assert process.halt.reason is None, f"sent in spite of {process.halt.reason}"
    assert told.kill is None, f"sent with the kill switch in {told.kill}"
    assert request.symbol not in told.halted, told.halted.get(request.symbol)
    assert process.running, "sent before the recovery was settled"
    assert told.phase not in {Phase.EMERGENCY, Phase.STOPPED, Phase.IDLE}, told.phase


@invariant(12, "row")
def a_closed_gate_plans_nothing(world: World, kind: Kind, body: Any) -> None:
    if kind is not Kind.INTENT or body.purpose != "entry":
        return
    state = world.process.state
    assert state.gate_open, f"{body.client_id} was planned behind a closed gate"
    assert state.settled, f"{body.client_id} was planned before all was settled"


@invariant(13, "rest")
def sequence_has_no_gap(world: World, _book: Book) -> None:
    rows = world.chronicle.rows
    assert [row.seq for row in rows] == list(range(1, len(rows) + 1)), "a gap"


@invariant(13, "healed")
def every_fill_was_applied(world: World) -> None:
    told = world.chronicle
    for fill in world.exchange.fills:
        ours = fill.client_id in told.orders
        assert not ours or fill.trade_id in told.trades, f"lost: {fill}"
