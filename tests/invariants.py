"""What must hold of the money at every moment, as checks with a number and a text.

Each check is bound to a moment: a row about to be appended, a request at the exchange's
door, a fact made visible, a message handled, a moment of time, a whole action at rest,
or the end, when everything has been healed. It raises Broken with what it saw.
"""

from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec

from actors.domain.ledger import Position
from actors.domain.messages import OrderView, PositionView, Published, Transition
from actors.domain.money import ZERO
from actors.domain.orders import Fill, OrderKind, OrderRequest, OrderState
from actors.domain.phases import (
    GLOBAL_MACHINE,
    KILL_MACHINE,
    LIVE_ORDER_STATES,
    ORDER_MACHINE,
    TRADE_MACHINE,
    KillPhase,
    Phase,
)
from actors.journal import Kind
from actors.risk.book import BODIES, Book
from actors.risk.records import KillChanged, OrderRecord
from tests.model_exchange import CAPABILITIES
from tests.money_world import PRESET, World, canonical

TEXTS = {
    1: "at most one live order for each intent, one live entry for each symbol",
    2: "the sum of fills is the position, exactly; fees and results close",
    3: "what is held and what may fill, at its worst, is within every limit",
    4: "every change of state is an edge of its table",
    5: "what was visible is what a replay of the disk finds",
    6: "no order reaches the exchange without its committed intent",
    7: "no client id is sent twice",
    8: "UNKNOWN ends by evidence only, and ends",
    9: "a fill is applied exactly once",
    10: "a position has a stop at the exchange, or is being closed",
    11: "a reduction never increases and never flips",
    12: "halted, nothing is sent that increases exposure",
    13: "no message is lost or applied twice; the sequence has no gap",
    14: "healed, we agree with the exchange or the symbol is halted",
    15: "to recover twice is to recover once",
    16: "a replay of the journal is the living book, byte for byte",
}

#: A position may be without its stop for so long while nothing is disturbed.
BARE_MS_MAX = 60_000
CENT = Decimal("0.01")

Check = Callable[..., None]
CHECKS: dict[str, list[tuple[int, Check]]] = {}


class Broken(AssertionError):
    """An invariant does not hold."""

    def __init__(self, number: int, evidence: str) -> None:
        super().__init__(f"invariant {number}: {TEXTS[number]}\n  {evidence}")
        self.number = number


def invariant(number: int, when: str) -> Callable[[Check], Check]:
    """Bind a check to its number and its moment."""

    def bind(check: Check) -> Check:
        CHECKS.setdefault(when, []).append((number, check))
        return check

    return bind


def check(when: str, world: World, *subject: Any) -> None:
    """Check everything that belongs to this moment."""
    for number, holds in CHECKS.get(when, ()):
        try:
            holds(world, *subject)
        except AssertionError as error:
            fault = Broken(number, str(error))
            if when != "healed" and world.fault is None:
                world.fault = fault  # what else breaks then is its consequence
            raise fault from error


# --- 1, 2: orders and sums --------------------------------------------------------------


@invariant(1, "message")
def one_live_order(world: World) -> None:
    book = world.process.state.book
    intents = Counter(order.intent for order in book.orders.values())
    twice = [name for name, count in intents.items() if count > 1]
    assert not twice, f"live more than once: {twice}"
    entries = Counter(
        o.request.symbol for o in book.orders.values() if o.purpose == "entry"
    )
    there = Counter(
        order.request.symbol
        for name, order in world.exchange.orders.items()
        if order.live and name.startswith("bx") and not order.request.reduce_only
    )
    for where in (entries, there):
        assert not where or max(where.values()) == 1, f"live entries: {where}"


@invariant(2, "message")
def fills_are_the_position(world: World) -> None:
    book, told = world.process.state.book, world.chronicle
    held = {p.symbol: p.open * p.side.sign for p in book.positions.values()}
    for symbol in {*held, *told.net}:
        mine = held.get(symbol, ZERO) + book.dust.get(symbol, ZERO)
        assert told.net[symbol] == mine, f"{symbol}: {told.net[symbol]} and {mine}"


@invariant(2, "message")
def money_closes(world: World) -> None:
    told = world.chronicle
    realized = sum((p.realized for p in told.positions.values()), ZERO)
    fees = sum((f.fee for f in told.trades.values()), ZERO)
    expected = told.opened_cash + realized - fees + told.adjusted
    cash = world.process.state.book.cash
    assert cash == expected, f"cash is {cash}, rows say {expected}"


# --- 3: limits at every send ------------------------------------------------------------


@invariant(3, "send")
def within_limits(world: World, request: OrderRequest) -> None:
    """Count by the exchange's own books: what we hold there, and what may come to be."""
    if request.reduce_only:
        return
    exchange, risk = world.exchange, PRESET.risk
    at_risk = notional = ZERO
    symbols = set()
    for record in world.chronicle.orders.values():
        if record.purpose != "entry":
            continue
        held, pending = _of_entry(world, record)
        if not held and not pending:
            continue
        symbol, whole = record.request.symbol, record.request.quantity
        symbols.add(symbol)
        mark = exchange.marks[symbol]
        notional += held * mark + pending * record.notional / whole
        at_risk += (held + pending) * record.risk_usd / whole
    equity = world.process.state.equity
    count_max = risk.max_concurrent_positions
    assert len(symbols) <= count_max, f"{sorted(symbols)} are more than {count_max}"
    ceiling = equity * risk.leverage_max
    assert notional <= ceiling, f"notional {notional} of {ceiling}"
    slack = Decimal("1.2")  # marks move after an entry was weighed
    risk_max = equity * risk.max_total_risk * slack
    assert at_risk <= risk_max, f"risk {at_risk} of {risk_max}"


def _of_entry(world: World, record: OrderRecord) -> tuple[Decimal, Decimal]:
    """Say what of one entry is held at the exchange, and what may still come."""
    exchange, request = world.exchange, record.request
    order = exchange.orders.get(record.client_id)
    on_its_way = record.client_id in exchange.travelling
    bought = ZERO if order is None else order.filled
    sold = sum(
        (
            fill.quantity
            for fill in exchange.fills
            if fill.client_id in _closers(world, record)
        ),
        ZERO,
    )
    live = order.unfilled if order is not None and order.live else ZERO
    if order is None and (
        on_its_way or request.client_id == exchange.sent[-1].client_id
    ):
        live = request.quantity
    return max(ZERO, bought - sold), live


def _closers(world: World, entry: OrderRecord) -> set[str]:
    return {
        name
        for name, order in world.chronicle.orders.items()
        if order.correlation == entry.correlation and order.purpose != "entry"
    }


# --- 4: tables --------------------------------------------------------------------------


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


# --- 5, 6, 7: on the disk before it is seen, sent once ------------------------------------


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


# --- 8, 9: evidence and fills -------------------------------------------------------------

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
    late_ms = record.created_ms + CAPABILITIES.deadline_ms + CAPABILITIES.answer_ms
    asked = [ms for ms, word in said if word == "none" and ms >= late_ms]
    assert asked, f"absent without proof: {said}"
    assert asked[-1] - asked[0] >= 2_000, f"absent too early: {said}"
    assert record.client_id not in world.exchange.travelling, "it travels"
    assert record.client_id not in world.exchange.orders, "it is there"


@invariant(8, "healed")
def doubt_ends(world: World) -> None:
    doubtful = [
        o.client_id
        for o in world.process.state.book.orders.values()
        if o.state in {OrderState.SENDING, OrderState.UNKNOWN, OrderState.CANCELLING}
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


# --- 10, 11: protection -------------------------------------------------------------------


def protected(world: World, position: Position) -> bool:
    """Whether the exchange itself has a stop for all of it, or a close on its way."""
    exchange = world.exchange
    held = abs(exchange.held.get(position.symbol, ZERO))
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
        if position.symbol not in world.exchange.held:
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
    assert request.side is first.request.side.opposite, f"{request}"
    assert request.quantity <= first.filled, f"{request} of {first.filled}"


@invariant(11, "message")
def positions_never_flip(world: World) -> None:
    for position in world.process.state.book.positions.values():
        assert position.open > ZERO, f"{position}"
        first = next(
            o
            for o in world.chronicle.orders.values()
            if o.correlation == position.correlation and o.purpose == "entry"
        )
        assert position.side is first.request.side, f"{position}"


# --- 12, 13 -------------------------------------------------------------------------------


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


# --- 14: agreement ------------------------------------------------------------------------


@invariant(14, "healed")
def we_agree_with_the_exchange(world: World) -> None:
    book, exchange = world.process.state.book, world.exchange
    ours = {p.symbol: p.open * p.side.sign for p in book.positions.values()}
    for symbol in {*ours, *exchange.held}:
        mine = ours.get(symbol, ZERO) + book.dust.get(symbol, ZERO)
        theirs = exchange.held.get(symbol, ZERO)
        same = mine == theirs or symbol in book.halted
        assert same, f"{symbol}: {mine} here, {theirs} there"
    live = {name for name, order in exchange.orders.items() if order.live}
    for name in live ^ set(book.orders):
        known = book.find(name)
        symbol = (exchange.orders[name] if known is None else known).request.symbol
        assert symbol in book.halted, f"order {name} of {symbol} is on one side only"
    difference = abs(book.cash - exchange.cash)
    assert difference <= CENT, f"{book.cash} here, {exchange.cash} there"


@invariant(14, "healed")
def what_is_held_is_protected(world: World) -> None:
    for position in world.process.state.book.positions.values():
        halted = position.symbol in world.process.state.book.halted
        assert halted or protected(world, position), f"{position.symbol} is bare"


# --- 16: replay -----------------------------------------------------------------------------


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
