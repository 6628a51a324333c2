"""Reads of the present: projections of the last published state, asking no actor."""

from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec

from actors.domain.phases import GLOBAL_MACHINE
from actors.domain.shown.exchange import ExchangeBudget
from actors.domain.shown.money import RiskView
from actors.domain.shown.symbols import (
    DepthView,
    DropRow,
    FunnelHour,
    SymbolDetail,
    SymbolRow,
)
from actors.domain.views import DifferenceRow, EngineMetrics, EngineView, Status, WhyRow
from control import wire
from control.errors import Refused
from control.routes.route import Call, House
from control.wire import answers

LINES_MAX = 10_000  # of the log, looked through at once
_SEVERITY = ("debug", "info", "warning", "error", "critical")

T = TypeVar("T")


def status(house: House, _: Call) -> Status:
    """The engine at a glance: nine fields."""
    return house.engine.status()


def commands(house: House, _: Call) -> answers.Commands:
    """What is allowed now, and why the rest is not."""
    return answers.Commands(house.engine.status().state, house.engine.commands())


def metrics(house: House, _: Call) -> EngineMetrics:
    """The engine's counts: seven fields."""
    return house.engine.metrics()


def resource_health(house: House, _: Call) -> answers.ResourceHealth:
    """What the process uses, measured, and the health lights."""
    return measured(house.engine)


def measured(engine: EngineView) -> answers.ResourceHealth:
    """Give the resources their struct and the lights their place in it."""
    found = msgspec.convert(engine.resource_health(), answers.ResourceHealth)
    return msgspec.structs.replace(found, lights=engine.lights())


def symbols(house: House, _: Call) -> answers.Items[SymbolRow]:
    """All symbol actors."""
    return answers.Items(house.engine.symbols())


def symbol(house: House, call: Call) -> SymbolRow:
    """One symbol actor."""
    return known(house.engine, call)


def symbol_detail(house: House, call: Call) -> SymbolDetail:
    """What the page of one symbol draws beside its candles."""
    found = house.engine.detail(call.path["symbol"])
    return found if found is not None else _nobody(call)


def positions(house: House, call: Call) -> answers.Page[wire.PositionRow]:
    """Open positions, then the newest closed ones."""
    page = paged(house.engine.positions(), call)
    rows = tuple(wire.position_row(held) for held in page.items)
    return answers.Page(rows, page.cursor)


def position(house: House, call: Call) -> wire.PositionRow:
    """One position."""
    return wire.position_row(_one(house.engine.positions(), call, "position"))


def orders(house: House, call: Call) -> answers.Page[wire.OrderRow]:
    """Live orders, then the newest ended ones."""
    page = paged(house.engine.orders(), call)
    rows = tuple(wire.order_row(sent) for sent in page.items)
    return answers.Page(rows, page.cursor)


def order(house: House, call: Call) -> wire.OrderRow:
    """One order."""
    return wire.order_row(_one(house.engine.orders(), call, "order"))


def differences(house: House, _: Call) -> answers.Items[DifferenceRow]:
    """In what our book and the exchange differ, and what may be done about it."""
    return answers.Items(house.engine.differences())


def best_symbols(house: House, _: Call) -> answers.Items[SymbolRow]:
    """The last scan: symbols by score, best first, those without a score last."""
    return answers.Items(tuple(sorted(house.engine.symbols(), key=_rank)))


def funnel(house: House, _: Call) -> answers.Counts:
    """How many came how far, and what stopped the others."""
    return house.engine.funnel()


def funnel_hours(house: House, _: Call) -> answers.Items[FunnelHour]:
    """The funnel by hour of market time, oldest first, a week at most."""
    return answers.Items(house.engine.funnel_hours())


def drops(house: House, _: Call) -> answers.Items[DropRow]:
    """Each kind of drop with its newest example, most frequent first."""
    return answers.Items(house.engine.drops())


def market_snapshot(house: House, call: Call) -> answers.MarketSnapshot:
    """What is known of one symbol's market now; null is UNKNOWN."""
    row = known(house.engine, call)
    newest = house.engine.candles(row.symbol, 1)
    depth = house.engine.depth(row.symbol)
    return answers.MarketSnapshot(
        row.symbol, row, newest[-1] if newest else None, depth
    )


def why(house: House, call: Call) -> answers.Items[WhyRow]:
    """The newest terminal reasons, of one symbol or of all, newest first."""
    wanted = call.query.symbol
    if wanted is not None and house.engine.symbol(wanted) is None:
        raise Refused(404, f"symbol {wanted!r} is unknown; see /api/symbols")
    return answers.Items(house.engine.why(wanted, call.query.limit))


def candles(house: House, call: Call) -> answers.Candles:
    """The newest closed bars of one symbol, oldest first."""
    row, span_ms = known(house.engine, call), call.query.timeframe_ms
    try:
        bars = house.engine.candles(row.symbol, call.query.limit, span_ms)
    except ValueError as error:
        msg = f"timeframeMs {span_ms}: {error}"
        raise Refused(400, msg) from error
    detail = house.engine.detail(row.symbol)
    assert detail is not None, "a known symbol has a detail"
    return answers.Candles(row.symbol, span_ms or detail.timeframe_ms, bars)


def levels(house: House, call: Call) -> answers.Levels:
    """The levels that one symbol's pipeline knows."""
    row = known(house.engine, call)
    return answers.Levels(row.symbol, house.engine.levels(row.symbol))


def depth(house: House, call: Call) -> DepthView:
    """The book of one symbol, its own or modelled; 404 when it is UNKNOWN."""
    row = known(house.engine, call)
    found = house.engine.depth(row.symbol)
    if found is None:
        msg = f"the depth of {row.symbol!r} is UNKNOWN: this market tells none"
        raise Refused(404, msg)
    return found


def markers(house: House, call: Call) -> answers.Markers:
    """Signals, entries, exits and moved stops of one symbol, oldest first."""
    row = known(house.engine, call)
    return answers.Markers(row.symbol, house.engine.markers(row.symbol))


def risk(house: House, _: Call) -> RiskView:
    """Limits and what is used of them, reserved, exposure, the kill switch."""
    return house.engine.risk()


def exchange(house: House, _: Call) -> answers.Items[ExchangeBudget]:
    """What is left of each exchange's patience; none where it is simulated."""
    return answers.Items(house.engine.exchange_budgets())


def state_machine(house: House, _: Call) -> answers.StateMachine:
    """The global machine's table and where it is."""
    table = {
        str(state): tuple(map(str, sorted(targets)))
        for state, targets in GLOBAL_MACHINE.items()
    }
    return answers.StateMachine(house.engine.status().state, table)


def transitions(house: House, call: Call) -> answers.Items[wire.TransitionRow]:
    """The newest transitions, oldest first."""
    steps = house.engine.transitions(call.query.limit)
    return answers.Items(tuple(wire.transition_row(step) for step in steps))


def alerts(house: House, _: Call) -> answers.Items[wire.AlertRow]:
    """The newest alerts, newest first."""
    return answers.Items(tuple(wire.alert_row(fact) for fact in house.engine.alerts()))


def logs(house: House, call: Call) -> answers.Items[Any]:
    """Log lines that are still at hand: the newest that match, oldest first."""
    asked = call.query
    least, words = _SEVERITY.index(asked.level), asked.search.lower()
    lines = [
        line
        for line in house.engine.logs(asked.after, LINES_MAX)
        if _severity(line.level) >= least and words in _text(line)
    ]
    return answers.Items(tuple(lines[-asked.limit :]))


def diagnostics(house: House, _: Call) -> answers.Diagnostics:
    """The tree of actors: lines to read, and a row for each actor."""
    tree = tuple(house.engine.tree().splitlines())
    return answers.Diagnostics(tree, house.engine.actors())


def known(engine: EngineView, call: Call) -> SymbolRow:
    """Return the path's symbol; raises Refused 404."""
    found = engine.symbol(call.path["symbol"])
    return found if found is not None else _nobody(call)


def _nobody(call: Call) -> Any:
    msg = f"symbol {call.path['symbol']!r} is unknown; see /api/symbols"
    raise Refused(404, msg)


def _one(rows: Sequence[Any], call: Call, what: str) -> Any:
    wanted = call.path["id"]
    for row in rows:
        if row.id == wanted:
            return row
    msg = f"{what} {wanted!r} is unknown, or ended long ago; see /api/{what}s"
    raise Refused(404, msg)


def paged(rows: Sequence[T], call: Call) -> answers.Page[T]:
    """Cut a list that is at hand into pages; the cursor is the last row's id."""
    limit, cursor = call.query.limit, call.query.cursor
    start = 0
    if cursor is not None:
        ids = [getattr(row, "id") for row in rows]  # noqa: B009 - rows of any kind that has one
        if cursor not in ids:
            msg = f"cursor {cursor!r} is no longer at hand; begin without a cursor"
            raise Refused(400, msg)
        start = ids.index(cursor) + 1
    cut = tuple(rows[start : start + limit])
    more = start + limit < len(rows)
    return answers.Page(cut, getattr(cut[-1], "id") if more else None)  # noqa: B009 - as above


def _rank(row: SymbolRow) -> tuple[bool, float, str]:
    return row.score is None, -(row.score or 0.0), row.symbol


def _severity(level: str) -> int:
    return _SEVERITY.index(level) if level in _SEVERITY else len(_SEVERITY)


def _text(line: Any) -> str:
    fields = " ".join(f"{name}={value}" for name, value in line.fields.items())
    return f"{line.component} {line.event} {fields}".lower()
