"""Fills that a person had booked before the exchange listed them count once."""

import msgspec

from actors.domain.orders import Fill
from actors.risk.orders.orders import OrderBook
from actors.risk.orders.records import OrderRecord


def listed(orders: OrderBook, record: OrderRecord, fill: Fill) -> Fill | None:
    """Take off what was adopted of a fill; returns what is new, None: nothing."""
    known = record.adopted_of(fill)
    if not known or fill.trade_id in record.trades:
        return fill
    whole = known == fill.quantity
    trades = (*record.trades, fill.trade_id) if whole else record.trades
    facts = {"adopted": record.adopted - known, "trades": trades}
    orders.change(record, record.state, record.outcome, **facts)
    return (
        None if whole else msgspec.structs.replace(fill, quantity=fill.quantity - known)
    )
