"""Performance: the journal's trades, measured."""

from functools import partial
from typing import Any

import trio
from starlette.responses import Response

from actors.domain.shown.history import TradeRow
from control import measures
from control.exports import attachment
from control.routes.route import Call, House
from control.wire.answers import Items
from control.wire.performance import (
    Compared,
    Distribution,
    EquityPoint,
    Group,
    PeriodRow,
    Summary,
)


async def summary(house: House, call: Call) -> Summary:
    """All trades of a span in one row, each rate and mean with its 95% interval."""
    found: Summary = await _measured(house, call, measures.summary)
    return found


async def equity(house: House, call: Call) -> Items[EquityPoint]:
    """Equity after each trade and how far under its highest, 2,000 points at most."""
    return Items(await _measured(house, call, measures.equity))


async def distribution(house: House, call: Call) -> Distribution:
    """How R is distributed over the trades, with the interval of its mean."""
    found: Distribution = await _measured(house, call, measures.distribution)
    return found


async def by_signal(house: House, call: Call) -> Items[Group]:
    """The trades of each kind of signal."""
    return await _grouped(house, call, lambda trade: trade.signal)


async def by_symbol(house: House, call: Call) -> Items[Group]:
    """The trades of each symbol."""
    return await _grouped(house, call, lambda trade: trade.symbol)


async def by_hour(house: House, call: Call) -> Items[Group]:
    """The trades of each hour of the day (UTC) in which they were opened."""
    return await _grouped(house, call, measures.hour_of_day)


async def by_reason(house: House, call: Call) -> Items[Group]:
    """The trades of each reason to exit."""
    return await _grouped(house, call, lambda trade: trade.reason)


async def periods(house: House, call: Call) -> Items[PeriodRow]:
    """What each day, week or month (UTC) came to."""
    measure = partial(measures.periods, period=call.query.period)
    return Items(await _measured(house, call, measure))


async def trades(house: House, call: Call) -> Items[TradeRow] | Response:
    """Every ended trade of a span, oldest first, as JSON or as a CSV file."""
    rows = await _spanned(house, call)
    if call.query.format == "csv":
        return attachment("trades.csv", TradeRow, rows)
    return Items(tuple(rows))


def divergence(house: House, _: Call) -> Compared:
    """How far the paper model is from the real exchange, per order and per trade."""
    found = house.engine.divergence()
    return Compared(found, "no shadow: paper mode" if found is None else "")


async def _grouped(house: House, call: Call, key: Any) -> Items[Group]:
    return Items(await _measured(house, call, partial(measures.groups, key=key)))


async def _measured(house: House, call: Call, measure: Any) -> Any:
    """Measure in a thread: a bootstrap of thousands may not hold the engine's loop."""
    rows = await _spanned(house, call)
    return await trio.to_thread.run_sync(measure, rows)


async def _spanned(house: House, call: Call) -> measures.Trades:
    rows = await house.history.trades()
    return measures.within(rows, call.query.since, call.query.until)
