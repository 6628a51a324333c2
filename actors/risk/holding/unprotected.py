"""Measures for how long what is held is not covered by stops at the exchange.

A gap begins with the fill that the stops do not cover, or when a stop is gone, and
ends when the exchange shows stops for all that is held. Its times are the exchange's.
Whoever decides by it does so when the risk actor is woken: by a fill, an update, a
bar, a step or a truth. The deadline for a stop runs from when this actor could first
do something about the gap: after a restart the position is given its stop, and is not
closed for what the crash cost. On a paper exchange, whose time moves from event to
event, a gap in which nothing happens is noticed at the end of the bar, not before.
"""

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from actors.domain.ledger import Gaps, Position
from actors.domain.money import ZERO, floor_to
from actors.domain.orders import OrderState
from actors.risk.account.desk import Desk
from actors.risk.orders.orders import STANDING
from actors.risk.orders.records import OrderRecord
from config.preset import ExecutionConfig


class Unprotected:
    """Keeps each position's record of its gaps, and alarms once about a long one."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._noticed_ms: dict[str, int] = {}  # position id -> when we learnt of a gap

    def look(self, position: Position) -> Position:
        """Measure by the clock of now, and keep what has changed."""
        seen = self.measured(position, self._desk.now_ms)
        if seen is not position:
            self._desk.store(seen)
        return seen

    def measured(self, position: Position, ts_ms: int) -> Position:
        """Begin or end a gap; one that a fill tore begins at the fill's own time."""
        gap, now_ms = position.gaps, self._desk.now_ms
        lot = self._desk.state.instruments[position.symbol].lot_size
        covered = stop_confirmed(position, self._desk.book.orders, lot)
        if not covered and gap.since_ms is None:
            gap = gap.begun(min(ts_ms, now_ms))
        if covered:
            self._noticed_ms.pop(position.id, None)
        else:
            self._noticed_ms.setdefault(position.id, now_ms)
        gap = self._alarmed(position, gap)
        gap = gap.ended(now_ms) if covered else gap
        if gap == position.gaps:
            return position
        return msgspec.structs.replace(position, gaps=gap)

    def _alarmed(self, position: Position, gap: Gaps) -> Gaps:
        if gap.since_ms is None or gap.alarmed or not self._late(gap.since_ms):
            return gap
        self._desk.alert(
            "critical",
            "exchange",
            f"{position.open} held without a confirmed stop for over "
            f"{self._limit_ms / 1000:g} s",
            "it is closed at market unless a stop has come to stand",
            position.symbol,
        )
        return msgspec.structs.replace(gap, alarmed=True)

    def overdue(self, position: Position) -> bool:
        """Whether a position is without its stops for too long."""
        noticed_ms = self._noticed_ms.get(position.id)
        return noticed_ms is not None and self._late(noticed_ms)

    def forget(self, position: Position) -> None:
        """Keep nothing of a position that has ended."""
        self._noticed_ms.pop(position.id, None)

    def _late(self, since_ms: int) -> bool:
        return self._desk.now_ms - since_ms >= self._limit_ms

    @property
    def _limit_ms(self) -> int:
        preset = self._desk.state.preset  # none before the first start
        rules = ExecutionConfig() if preset is None else preset.execution_config
        return int(rules.stop_confirm_seconds_max * 1000)

    def unsure(self, *, accepted: bool) -> bool:
        """Whether a bare position has a stop that may stand: it must be asked for.

        `accepted`: also one that was taken and never shown; else one in doubt only,
        as the exchange is about to show by itself what it took.
        """
        bare = {
            position.correlation
            for position in self._desk.book.positions.values()
            if position.gaps.since_ms is not None
        }
        return bool(bare) and any(
            order.purpose == "stop"
            and order.correlation in bare
            and (order.state is OrderState.UNKNOWN or (accepted and not order.seen))
            for order in self._desk.book.orders.values()
        )


def confirmed(order: OrderRecord) -> bool:
    """Whether the exchange has shown this stop, and nobody has asked for its end."""
    return order.purpose == "stop" and order.state in STANDING and order.seen


def cover(position: Position, orders: Mapping[str, OrderRecord]) -> Decimal:
    """Add up what the confirmed stops of a position would close."""
    return sum(
        (
            order.unfilled
            for order in orders.values()
            if order.correlation == position.correlation and confirmed(order)
        ),
        ZERO,
    )


def stop_confirmed(
    position: Position, orders: Mapping[str, OrderRecord], lot: Decimal
) -> bool:
    """Whether the exchange has confirmed stops for every whole lot of a position."""
    needed = floor_to(position.open, lot) or position.open
    return cover(position, orders) >= needed
