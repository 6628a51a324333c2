"""Draws the book that the paper exchange models, for people to look at.

It is the book that a paper order meets (`actors.exchange.paper.book`), around the
close of the newest bar. Its depth is evenly spread over the distance, so it is shown in
slices, each at the price where the slice begins.
"""

from decimal import Decimal
from itertools import groupby, pairwise
from math import isfinite

from actors.domain.money import ceil_to, decimal_from_float, floor_to
from actors.domain.shown.symbols import DepthLevel, DepthView
from actors.exchange.paper.book import FAR_BPS, Depth, PaperSettings, quote_book

SLICES = 10
CLOSE = 4  # the column of BAR
MINUTE_MS = 60_000


def modelled_depth(
    symbol: str,
    bar: tuple[float, ...],
    timeframe_ms: int,
    tick: Decimal,
    settings: PaperSettings,
) -> DepthView | None:
    """Return the book after a closed bar (a row of BAR); None: it has no price."""
    close = bar[CLOSE]
    if not (isfinite(close) and close > 0.0):
        return None
    book = quote_book(bar, timeframe_ms / MINUTE_MS, settings)
    return DepthView(
        symbol=symbol,
        time_ms=int(bar[0]) + timeframe_ms,
        modelled=True,
        bids=_side(book.touch(close, -1), -1, book.bids, tick),
        asks=_side(book.touch(close, 1), 1, book.asks, tick),
        spread_bps=2 * book.half_spread_bps,
    )


def _side(
    touch: float, sign: int, depth: Depth, tick: Decimal
) -> tuple[DepthLevel, ...]:
    """Slice one side, best price first; `sign` is +1 for the asks."""
    away = ceil_to if sign > 0 else floor_to
    slices = []
    edges = [FAR_BPS * number / SLICES for number in range(SLICES + 1)]
    for near, far in pairwise(edges):
        usd = depth.usd_within(far) - depth.usd_within(near)
        exact = touch * (1.0 + sign * near / 1e4)
        price = float(max(away(decimal_from_float(exact), tick), tick))
        slices.append((price, usd / price))
    # On a coarse grid several slices begin at one price.
    return tuple(
        DepthLevel(price, sum(quantity for _, quantity in same))
        for price, same in groupby(slices, key=lambda one: one[0])
    )
