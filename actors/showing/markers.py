"""What is drawn on a symbol's chart: signals, entries, exits, stops that moved.

Told from the records at hand, so it reaches back as far as they do.
"""

from collections.abc import Iterable, Iterator

from actors.domain.ledger import Position
from actors.domain.messages import Signal
from actors.domain.money import ZERO
from actors.domain.shown.symbols import Marker
from actors.risk.account.state import Visible
from actors.risk.orders.records import OrderRecord

MARKERS_MAX = 500


def markers(
    seen: Visible, symbol: str, refused: Iterable[Signal]
) -> tuple[Marker, ...]:
    """Everything that happened at a price of a symbol, oldest first."""
    sized = [one for one in seen.signals.values() if one.symbol == symbol]
    known = {one.correlation for one in sized}
    signals = [*sized, *(one for one in refused if one.correlation not in known)]
    positions = [*seen.closed, *seen.positions.values()]
    names = {p.correlation: p.id for p in positions}
    orders = [*seen.ended, *seen.orders.values()]
    found = [
        *_signals(signals, names),
        *_orders(orders, symbol, names),
        *_positions(positions, symbol),
    ]
    found.sort(key=lambda marker: marker.time_ms)
    return tuple(found[-MARKERS_MAX:])


def _signals(signals: Iterable[Signal], names: dict[str, str]) -> Iterator[Marker]:
    for one in signals:
        name = names.get(one.correlation)
        yield Marker(*(one.ts_ms, "signal", one.side, one.entry, None, one.kind, name))


def _orders(
    orders: Iterable[OrderRecord], symbol: str, names: dict[str, str]
) -> Iterator[Marker]:
    """Stops after the first one, and targets that were hit."""
    stopped: set[str] = set()
    for order in sorted(orders, key=lambda one: one.created_ms):
        request = order.request
        if request.symbol != symbol:
            continue
        side, name = request.side.opposite, names.get(order.correlation)
        if order.purpose == "stop" and request.stop_price is not None:
            if order.correlation in stopped:
                price, text = request.stop_price, order.reason
                yield Marker(
                    *(order.created_ms, "stop_moved", side, price, None, text, name)
                )
            stopped.add(order.correlation)
        hit = order.purpose.startswith("target") and order.filled > ZERO
        if hit and request.limit_price is not None and order.filled_ms is not None:
            price, size = request.limit_price, order.filled
            yield Marker(
                order.filled_ms, "take_profit", side, price, size, order.purpose, name
            )


def _positions(positions: Iterable[Position], symbol: str) -> Iterator[Marker]:
    for one in positions:
        if one.symbol != symbol or not one.entered:
            continue
        yield Marker(
            one.opened_ms, "entry", one.side, one.entry, one.entered, one.kind, one.id
        )
        if one.closed_ms is not None:
            size, why = one.entered - one.dust, one.reason
            yield Marker(one.closed_ms, "exit", one.side, one.exit, size, why, one.id)
