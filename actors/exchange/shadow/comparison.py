"""Holds the real side's orders against paper's, trade by trade, and adds them up.

A trade is what happens to a symbol from flat to flat. Whatever makes it unfair to
compare (an order of which nobody knows whether it arrived, a position that was there
before us, a fault of the shadow) breaks that trade alone: its orders are dropped, it is
counted with its reason, and the symbol is compared again from its next trade on.
"""

import math
import statistics
from collections import Counter, deque
from collections.abc import Sequence
from itertools import chain

from actors.domain.money import ZERO
from actors.domain.orders import Fill, OrderRequest, OrderUpdate
from actors.domain.shown.divergence import (
    DivergenceTotals,
    OrderDivergence,
    SlippageSpread,
    TradeDivergence,
)
from actors.exchange.shadow.memory import Rows
from actors.exchange.shadow.trades import Fate, Pair, Trade

ROWS_KEPT = 1_000  # orders and trades that are listed
PAIRS_MAX = 1_000  # orders of one trade
HELD_BEFORE = "something was held or resting before"
TOO_MANY = f"more than {PAIRS_MAX} orders"


class Comparison:
    """The open trades with their orders, and the newest ended ones."""

    def __init__(self) -> None:
        self.pairs: dict[str, Pair] = {}  # by client id
        self.trades: dict[str, deque[Trade]] = {}  # by symbol, oldest first
        self.order_rows: dict[str, OrderDivergence] = {}
        self.trade_rows: deque[TradeDivergence] = deque(maxlen=ROWS_KEPT)
        self.uncompared: Counter[str] = Counter()

    # --- the real side ----------------------------------------------------------------

    def sending(self, request: OrderRequest, now_ms: int, *, flat: bool) -> Pair:
        """Note an order; `flat`: the symbol was, before it."""
        queue = self.trades.setdefault(request.symbol, deque())
        if not queue or queue[-1].flat_ms is not None:
            broken = "" if flat else HELD_BEFORE
            queue.append(Trade(request.symbol, str(request.side), now_ms, broken))
        pair, trade = Pair(request, now_ms), queue[-1]
        if len(trade.pairs) >= PAIRS_MAX:
            self.spoil(trade, TOO_MANY)
        if not trade.broken:
            self.pairs[request.client_id] = pair
            trade.pairs.append(pair)
        return pair

    def real(self, update: Fill | OrderUpdate) -> None:
        """Take what the real exchange told of an order, each fill once."""
        pair = self.pairs.get(update.client_id)
        if pair is not None:
            pair.fate = Fate.TAKEN
            pair.real.take(update)
        elif isinstance(update, Fill) and update.client_id not in self.order_rows:
            self.spoil_newest(update.symbol, "a fill of an order that was not noted")

    def look(self, symbol: str, now_ms: int, *, flat: bool) -> None:
        """Note whether the real side is flat now: that ends its trade."""
        queue = self.trades.get(symbol)
        if queue and flat is not (queue[-1].flat_ms is not None):
            queue[-1].flat_ms = now_ms if flat else None

    def spoil(self, trade: Trade, reason: str) -> None:
        """Break a trade; the first reason counts."""
        trade.broken = trade.broken or reason
        for pair in trade.pairs:
            self.pairs.pop(pair.request.client_id, None)
        trade.pairs.clear()

    def spoil_newest(self, symbol: str, reason: str) -> None:
        """Break the trade that goes on; the symbol's next one is compared again."""
        queue = self.trades.get(symbol)
        if queue and queue[-1].flat_ms is None:
            self.spoil(queue[-1], reason)

    def spoil_all(self, reason: str) -> None:
        """Break every trade that is not settled."""
        for trade in chain.from_iterable(self.trades.values()):
            self.spoil(trade, reason)

    # --- the paper side ---------------------------------------------------------------

    def paper(self, update: Fill | OrderUpdate) -> None:
        """Take what the paper exchange told."""
        pair = self.pairs.get(update.client_id)
        if pair is not None:
            pair.paper.take(update)

    def trade_of(self, pair: Pair) -> Trade | None:
        """Return the trade of an order; None: it was settled, or never kept."""
        queue = self.trades.get(pair.request.symbol, ())
        return next((t for t in queue if any(p is pair for p in t.pairs)), None)

    def settle(self, trade: Trade, row: TradeDivergence | None) -> None:
        """End the oldest trade of its symbol, and list it if it can be compared."""
        queue = self.trades[trade.symbol]
        assert queue[0] is trade, f"a trade of {trade.symbol} is settled in its turn"
        queue.popleft()
        if not queue:
            del self.trades[trade.symbol]
        if trade.broken:
            self.uncompared[trade.broken] += 1
        for pair in trade.pairs:
            self.pairs.pop(pair.request.client_id, None)
            if pair.fate is not Fate.REFUSED:
                self.order_rows[pair.request.client_id] = pair.shown()
        while len(self.order_rows) > ROWS_KEPT:
            del self.order_rows[next(iter(self.order_rows))]
        if row is not None:
            self.trade_rows.append(row)

    # --- what is kept -----------------------------------------------------------------

    def rows(self) -> Rows:
        """Return what is over."""
        orders = tuple(self.order_rows.values())
        return Rows(orders, tuple(self.trade_rows), dict(self.uncompared))

    def recall(self, rows: Rows) -> None:
        """Begin with what was over in a life before."""
        self.order_rows = {row.client_order_id: row for row in rows.orders}
        self.trade_rows.extend(rows.trades)
        self.uncompared.update(rows.uncompared)

    # --- the sum ----------------------------------------------------------------------

    def orders(self) -> tuple[OrderDivergence, ...]:
        """List the newest orders first, also those of a trade that goes on."""
        going_on = [
            pair.shown()
            for trade in chain.from_iterable(self.trades.values())
            for pair in trade.pairs
            if pair.ended
        ]
        rows = sorted((*self.order_rows.values(), *going_on), key=lambda r: r.sent_ms)
        return tuple(rows[: -ROWS_KEPT - 1 : -1])


def totals(
    orders: Sequence[OrderDivergence], trades: Sequence[TradeDivergence]
) -> DivergenceTotals:
    """Add the listed orders and trades up."""
    asked = [
        row
        for row in orders
        if not row.reduce_only or row.real.filled_share or row.paper.filled_share
    ]
    return DivergenceTotals(
        orders=len(orders),
        trades=len(trades),
        asked=len(asked),
        real_fill_rate=_mean([row.real.filled_share for row in asked]),
        paper_fill_rate=_mean([row.paper.filled_share for row in asked]),
        slippage=spread([r.slippage_bps for r in orders if r.slippage_bps is not None]),
        fee=sum((row.fee for row in orders), ZERO),
        difference_usd=sum((row.difference_usd for row in trades), ZERO),
    )


def spread(bps: Sequence[float]) -> SlippageSpread:
    """Describe a distribution; the percentile is one of its numbers."""
    if not bps:
        return SlippageSpread()
    ranked = sorted(bps)
    return SlippageSpread(
        n=len(ranked),
        mean_bps=statistics.fmean(ranked),
        median_bps=statistics.median(ranked),
        p95_bps=ranked[math.ceil(0.95 * len(ranked)) - 1],
    )


def _mean(shares: Sequence[float]) -> float | None:
    return statistics.fmean(shares) if shares else None
