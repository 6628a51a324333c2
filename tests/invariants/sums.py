"""Orders, sums, limits and agreement: invariants 1, 2, 3 and 14."""

from collections import Counter
from decimal import Decimal

from actors.domain.money import ZERO
from actors.domain.orders import OrderRequest
from actors.risk.orders.records import OrderRecord
from tests.invariants.protection import protected
from tests.invariants.table import invariant
from tests.money_process import PRESET
from tests.money_world import World

CENT = Decimal("0.01")


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
    for symbol in {*book.positions, *told.net}:
        mine = book.ours(symbol) + book.dust_in(symbol)
        assert told.net[symbol] == mine, f"{symbol}: {told.net[symbol]} and {mine}"


@invariant(2, "message")
def money_closes(world: World) -> None:
    told = world.chronicle
    realized = sum((p.realized for p in told.positions.values()), ZERO)
    fees = sum((f.fee for f in told.trades.values()), ZERO)
    expected = told.opened_cash + realized - fees + told.adjusted
    cash = world.process.state.book.cash
    assert cash == expected, f"cash is {cash}, rows say {expected}"


@invariant(3, "send")
def within_limits(world: World, request: OrderRequest) -> None:
    """Count by the exchange's own books: what we hold there, and what may come."""
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


@invariant(14, "healed")
def we_agree_with_the_exchange(world: World) -> None:
    book, exchange = world.process.state.book, world.exchange
    for symbol in {*book.positions, *exchange.held}:
        mine = book.ours(symbol) + book.dust_in(symbol)
        theirs = exchange.held.get(symbol, ZERO)
        same = mine == theirs or symbol in book.halted
        assert same, f"{symbol}: {mine} here, {theirs} there"
    live = {name for name, order in exchange.orders.items() if order.live}
    for name in live ^ set(book.orders):
        known = book.find(name)
        symbol = (exchange.orders[name] if known is None else known).request.symbol
        assert symbol in book.halted, f"order {name} of {symbol} is on one side only"
    ours = book.cash + sum((left.loss for left in book.dust.values()), ZERO)
    explained = bool(world.process.state.differing)  # what differs has cost something
    assert explained or abs(ours - exchange.cash) <= CENT, (
        f"{ours} here, {exchange.cash} there"
    )


@invariant(14, "healed")
def what_is_held_is_protected(world: World) -> None:
    for position in world.process.state.book.positions.values():
        assert protected(world, position), f"{position.symbol} is bare"
