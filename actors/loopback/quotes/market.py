"""Public market data of both venues: time, books, trades, candles; and the table."""

from typing import Any

from actors.loopback.accounts.futures import (
    LEVERAGE_MAX,
)
from actors.loopback.accounts.refusals import Refused
from actors.loopback.floor.maker import Trade
from actors.loopback.floor.pit import Pit, Venue
from actors.loopback.floor.tape import INTERVALS_MS, MINUTE_MS
from actors.loopback.quotes.candles import candles, kline_row
from actors.loopback.quotes.rules import rules
from actors.loopback.quotes.tickers import (
    average_price,
    book_ticker,
    day_weight,
    funding_intervals,
    funding_rate,
    premium_index,
    ticker_day,
    ticker_price,
)
from actors.loopback.rest.request import Asked, Route, Table
from actors.loopback.rest.signing import told_ms

SPOT_DEPTHS = ((100, 5), (500, 25), (1_000, 50), (5_000, 250))
FUTURES_DEPTHS = ((50, 2), (100, 5), (500, 10), (1_000, 20))


def ping(_asked: Asked) -> Any:
    """Answer."""
    return {}


def time(asked: Asked) -> Any:
    """Tell the exchange's time."""
    return {"serverTime": told_ms(asked.exchange)}


def depth(asked: Asked) -> Any:
    """Show a book."""
    pit, now_ms = asked.pit(), told_ms(asked.exchange)
    spot = asked.venue is Venue.SPOT
    limit = asked.limit(100 if spot else 500, 5_000 if spot else 1_000)
    text, size = pit.grid.price_text, pit.grid.size_text
    sides = [[[text(t), size(n)] for t, n in pit.book.top(s, limit)] for s in (1, -1)]
    told = {"lastUpdateId": pit.book.update_id, "bids": sides[0], "asks": sides[1]}
    return told if spot else {**told, "E": now_ms, "T": now_ms}


def depth_weight(asked: Asked) -> int:
    """Charge a book by its length."""
    spot = asked.venue is Venue.SPOT
    limit = asked.limit(100 if spot else 500, 5_000)
    table = SPOT_DEPTHS if spot else FUTURES_DEPTHS
    return next((weight for most, weight in table if limit <= most), table[-1][1])


def trades(asked: Asked) -> Any:
    """List the newest trades."""
    pit = asked.pit()
    newest = list(pit.tape.trades)[-asked.limit(500, 1_000) :]
    return [_trade_row(pit, one) for one in newest]


def _trade_row(pit: Pit, trade: Trade) -> dict[str, Any]:
    return {
        "id": trade.id,
        "price": pit.grid.price_text(trade.ticks),
        "qty": pit.grid.size_text(trade.lots),
        "quoteQty": f"{pit.grid.value(trade.ticks, trade.lots):f}",
        "time": trade.time_ms,
        "isBuyerMaker": trade.buyer_is_maker,
        "isBestMatch": True,
    }


def agg_trades(asked: Asked) -> Any:
    """List trades as aggregates; each trade is an aggregate of one."""
    pit = asked.pit()
    start, end = asked.number("startTime", 0), asked.number("endTime", 2**62)
    first = asked.maybe_number("fromId")
    found = [
        one
        for one in pit.tape.trades
        if start <= one.time_ms <= end and (first is None or one.id >= first)
    ]
    limit = asked.limit(500, 1_000)
    ranged = asked.maybe("startTime") or first is not None
    return [
        {
            "a": one.id,
            "p": pit.grid.price_text(one.ticks),
            "q": pit.grid.size_text(one.lots),
            "f": one.id,
            "l": one.id,
            "T": one.time_ms,
            "m": one.buyer_is_maker,
            "M": True,
        }
        for one in (found[:limit] if ranged else found[-limit:])
    ]


def klines(asked: Asked) -> Any:
    """List candles, the running one last."""
    pit = asked.pit()
    length = INTERVALS_MS.get(asked.text("interval"))
    if length is None or length < MINUTE_MS:
        raise Refused(-1120, "Invalid interval.")
    limit = asked.limit(500, 1_500 if asked.venue is Venue.USDM else 1_000)
    start, end = asked.maybe_number("startTime"), asked.number("endTime", 2**62)
    found = [
        one
        for one in candles(pit, length, asked.exchange.now_ms())
        if one.open_ms <= end and (start is None or one.open_ms >= start)
    ]
    chosen = found[:limit] if start is not None else found[-limit:]
    return [kline_row(pit, one, length) for one in chosen]


def klines_weight(asked: Asked) -> int:
    """Charge candles by their number."""
    if asked.venue is Venue.SPOT:
        return 2
    limit = asked.number("limit", 500)
    return 1 if limit < 100 else 2 if limit < 500 else 5 if limit <= 1_000 else 10


def brackets(asked: Asked) -> Any:
    """List the leverage brackets: one for every symbol."""
    bracket = {
        "bracket": 1,
        "initialLeverage": LEVERAGE_MAX,
        "notionalCap": 1_000_000_000,
        "notionalFloor": 0,
        "maintMarginRatio": 0.005,
        "cum": 0.0,
    }
    found = [{"symbol": pit.id, "brackets": [bracket]} for pit in asked.pits()]
    return found[0] if asked.maybe("symbol") else found


_BOTH = {
    "ping": Route(act=ping),
    "time": Route(act=time),
    "trades": Route(act=trades, weight=5),
    "historicalTrades": Route(act=trades, weight=20),
    "aggTrades": Route(act=agg_trades, weight=4),
    "depth": Route(act=depth, weight=depth_weight),
    "klines": Route(act=klines, weight=klines_weight),
    "ticker/24hr": Route(act=ticker_day, weight=day_weight),
    "ticker/bookTicker": Route(act=book_ticker, weight=2),
    "ticker/price": Route(act=ticker_price, weight=2),
}
SPOT: Table = {
    ("GET", f"/api/v3/{name}"): route
    for name, route in {
        **_BOTH,
        "exchangeInfo": Route(act=rules, weight=20),
        "avgPrice": Route(act=average_price, weight=2),
    }.items()
}
FUTURES: Table = {
    ("GET", f"/fapi/v1/{name}"): route
    for name, route in {
        **_BOTH,
        "exchangeInfo": Route(act=rules),
        "premiumIndex": Route(act=premium_index, weight=10),
        "fundingRate": Route(act=funding_rate),
        "fundingInfo": Route(act=funding_intervals),
        "markPriceKlines": Route(act=klines, weight=klines_weight),
    }.items()
} | {("GET", "/fapi/v2/ticker/price"): Route(act=ticker_price, weight=2)}
