"""The shadow of a spot account: what a fee leaves of a purchase is no position."""

from decimal import Decimal

from actors.domain.orders import (
    ExchangePosition,
    Fill,
    OrderKind,
    OrderRequest,
    Side,
)
from actors.exchange.shadow.real import RealSide
from actors.exchange.shadow.trades import Pair, Trade

D = Decimal
A = "AAA/USDT"


def fill(name: str, side: Side, size: str, price: str, coins: str = "0") -> Fill:
    fee = D(coins) * D(price)
    return Fill(
        *(name, name, A, side, D(size), D(price), fee, False, 1), coin_fee=D(coins)
    )


def test_less_than_a_lot_is_flat_and_is_no_news() -> None:
    side = RealSide({A: D("0.001")})
    side.fill(fill("in", Side.LONG, "0.02", "100", "0.000015"))
    assert side.held() == {A}
    side.fill(fill("out", Side.SHORT, "0.019", "110"))
    assert side.flat(A)
    there = (ExchangePosition(A, D("0.000985"), D(100)),)
    assert side.fetched_positions(there, side.moves) == frozenset()
    assert side.fetched_positions((), side.moves) == {A}


def test_what_is_left_counts_in_both_results() -> None:
    """Bought 20 and sold 19 at the same price: that is no loss of one."""
    trade = Trade(A, "long", 0, "", flat_ms=1)
    for name, side, size in (("in", Side.LONG, "20"), ("out", Side.SHORT, "19")):
        pair = Pair(OrderRequest(name, A, side, OrderKind.MARKET, D(size)), 0)
        pair.real.take(fill(name, side, size, "100"))
        pair.paper.take(fill(name, side, size, "100"))
        trade.pairs.append(pair)
    row = trade.shown(D(1), D(100))
    assert row is not None
    assert (row.real_usd, row.paper_usd, row.difference_usd) == (0, 0, 0)
