"""Public market data of both venues: rules, books, trades, candles, tickers."""

from typing import Any

from actors.loopback.accounts.filters import listed
from actors.loopback.accounts.futures import (
    EIGHT_HOURS_MS,
    FUNDING_RATE,
    LEVERAGE_MAX,
)
from actors.loopback.accounts.refusals import Refused
from actors.loopback.floor.maker import Trade
from actors.loopback.floor.pit import Pit, Venue
from actors.loopback.floor.tape import INTERVALS_MS, MINUTE_MS
from actors.loopback.rest.candles import candles, day_of, hundredth, kline_row
from actors.loopback.rest.request import Asked, Route, Table
from actors.loopback.rest.signing import told_ms

SPOT_DEPTHS = ((100, 5), (500, 25), (1_000, 50), (5_000, 250))
FUTURES_DEPTHS = ((50, 2), (100, 5), (500, 10), (1_000, 20))
SPOT_TYPES = [
    *("LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT"),
    *("TAKE_PROFIT", "TAKE_PROFIT_LIMIT"),
]
FUTURES_TYPES = [
    *("LIMIT", "MARKET", "STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET"),
]
PERPETUAL_MS = 4_133_404_800_000  # the delivery date of what is never delivered


def ping(_asked: Asked) -> Any:
    """Answer."""
    return {}


def time(asked: Asked) -> Any:
    """Tell the exchange's time."""
    return {"serverTime": told_ms(asked.exchange)}


def exchange_info(asked: Asked) -> Any:
    """List the symbols and their rules."""
    row = _spot_row if asked.venue is Venue.SPOT else _futures_row
    limiter = asked.exchange.limiters[asked.venue]
    pits = asked.pits()
    told: dict[str, Any] = {
        "timezone": "UTC",
        "serverTime": told_ms(asked.exchange),
        "rateLimits": limiter.listed(),
        "exchangeFilters": [],
        "symbols": [row(pit) for pit in pits],
    }
    if asked.venue is Venue.USDM:
        quotes = sorted({pit.instrument.quote for pit in pits})
        told["assets"] = [
            {"asset": one, "marginAvailable": True, "autoAssetExchange": "0"}
            for one in quotes
        ]
    return told


def _common(pit: Pit) -> dict[str, Any]:
    return {
        "symbol": pit.id,
        "status": pit.status,
        "baseAsset": pit.instrument.base,
        "quoteAsset": pit.instrument.quote,
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "filters": listed(pit),
    }


def _spot_row(pit: Pit) -> dict[str, Any]:
    return _common(pit) | {
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": SPOT_TYPES,
        "icebergAllowed": False,
        "ocoAllowed": False,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": False,
        "cancelReplaceAllowed": False,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "permissions": ["SPOT"],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": "NONE",
        "allowedSelfTradePreventionModes": ["NONE"],
    }


def _futures_row(pit: Pit) -> dict[str, Any]:
    grid = pit.grid
    return _common(pit) | {
        "pair": pit.id,
        "contractType": "PERPETUAL",
        "deliveryDate": PERPETUAL_MS,
        "onboardDate": 1_569_398_400_000,
        "maintMarginPercent": "0.5000",
        "requiredMarginPercent": "5.0000",
        "marginAsset": pit.instrument.quote,
        "pricePrecision": len(grid.price_text(1).partition(".")[2]),
        "quantityPrecision": len(grid.size_text(1).partition(".")[2]),
        "underlyingType": "COIN",
        "underlyingSubType": [],
        "triggerProtect": "0.0500",
        "liquidationFee": "0.012500",
        "marketTakeBound": "0.05",
        "maxMoveOrderLimit": 10_000,
        "orderTypes": FUTURES_TYPES,
        "timeInForce": ["GTC", "IOC", "FOK", "GTX", "GTD"],
    }


def depth(asked: Asked) -> Any:
    """Show a book."""
    pit, now_ms = asked.pit(), told_ms(asked.exchange)
    spot = asked.venue is Venue.SPOT
    limit = asked.limit(100 if spot else 500, 5_000 if spot else 1_000)
    text, size = pit.grid.price_text, pit.grid.size_text
    sides = [[[text(t), size(n)] for t, n in pit.book.top(s, limit)] for s in (1, -1)]
    told = {"lastUpdateId": pit.book.update_id, "bids": sides[0], "asks": sides[1]}
    return told if spot else {**told, "E": now_ms, "T": now_ms}


def day_weight(asked: Asked) -> int:
    """Charge one symbol's day lightly, everybody's heavily."""
    spot = asked.venue is Venue.SPOT
    if asked.maybe("symbol"):
        return 2 if spot else 1
    return 80 if spot else 40


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
    found = [one for one in candles(pit, length, asked.exchange.now_ms())
             if one.open_ms <= end and (start is None or one.open_ms >= start)]
    chosen = found[:limit] if start is not None else found[-limit:]
    return [kline_row(pit, one, length) for one in chosen]


def klines_weight(asked: Asked) -> int:
    """Charge candles by their number."""
    if asked.venue is Venue.SPOT:
        return 2
    limit = asked.number("limit", 500)
    return 1 if limit < 100 else 2 if limit < 500 else 5 if limit <= 1_000 else 10


def ticker_day(asked: Asked) -> Any:
    """Sum the last day up."""
    found = [_day_row(asked, pit) for pit in asked.pits()]
    return found[0] if asked.maybe("symbol") else found


def _day_row(asked: Asked, pit: Pit) -> dict[str, Any]:
    now_ms, price = asked.exchange.now_ms(), pit.grid.price_text
    day = day_of(pit, now_ms)
    change = day.close - day.open
    bid, bid_lots, ask, ask_lots = pit.best()
    return {
        "symbol": pit.id,
        "priceChange": price(change),
        "priceChangePercent": hundredth(change, day.open),
        "weightedAvgPrice": price(day.value // day.lots if day.lots else day.close),
        "prevClosePrice": price(day.open),
        "lastPrice": price(day.close),
        "lastQty": pit.grid.size_text(_last_lots(pit)),
        "bidPrice": price(bid),
        "bidQty": pit.grid.size_text(bid_lots),
        "askPrice": price(ask),
        "askQty": pit.grid.size_text(ask_lots),
        "openPrice": price(day.open),
        "highPrice": price(day.high),
        "lowPrice": price(day.low),
        "volume": pit.grid.size_text(day.lots),
        "quoteVolume": f"{pit.grid.value(1, day.value):.2f}",
        "openTime": day.open_ms,
        "closeTime": now_ms,
        "firstId": max(1, pit.tape.next_id - day.count),
        "lastId": pit.tape.next_id - 1,
        "count": day.count,
    }


def _last_lots(pit: Pit) -> int:
    return pit.tape.trades[-1].lots if pit.tape.trades else 0


def book_ticker(asked: Asked) -> Any:
    """Show best bid and ask."""
    found = []
    for pit in asked.pits():
        bid, bid_lots, ask, ask_lots = pit.best()
        row = {
            "symbol": pit.id,
            "bidPrice": pit.grid.price_text(bid),
            "bidQty": pit.grid.size_text(bid_lots),
            "askPrice": pit.grid.price_text(ask),
            "askQty": pit.grid.size_text(ask_lots),
        }
        if asked.venue is Venue.USDM:
            row |= {"time": told_ms(asked.exchange), "lastUpdateId": pit.book.update_id}
        found.append(row)
    return found[0] if asked.maybe("symbol") else found


def ticker_price(asked: Asked) -> Any:
    """Tell the newest price."""
    now_ms = told_ms(asked.exchange)
    found = [
        {"symbol": pit.id, "price": pit.grid.price_text(pit.tape.last), "time": now_ms}
        for pit in asked.pits()
    ]
    return found[0] if asked.maybe("symbol") else found


def average_price(asked: Asked) -> Any:
    """Tell the mean price of five minutes."""
    pit = asked.pit()
    price = pit.grid.price_text(pit.tape.last)
    return {"mins": 5, "price": price, "closeTime": told_ms(asked.exchange)}


def premium_index(asked: Asked) -> Any:
    """Tell mark price and funding."""
    now_ms = told_ms(asked.exchange)
    found = [
        {
            "symbol": pit.id,
            "markPrice": pit.grid.price_text(pit.mark),
            "indexPrice": pit.grid.price_text(pit.mark),
            "estimatedSettlePrice": pit.grid.price_text(pit.mark),
            "lastFundingRate": f"{FUNDING_RATE:.8f}",
            "interestRate": f"{FUNDING_RATE:.8f}",
            "nextFundingTime": now_ms - now_ms % EIGHT_HOURS_MS + EIGHT_HOURS_MS,
            "time": now_ms,
        }
        for pit in asked.pits()
    ]
    return found[0] if asked.maybe("symbol") else found


def funding_rate(asked: Asked) -> Any:
    """List the funding rates that were applied."""
    now_ms = asked.exchange.now_ms()
    start = asked.number("startTime", asked.exchange.begun_ms)
    limit = asked.limit(100, 1_000)
    first = -(-max(start, asked.exchange.begun_ms) // EIGHT_HOURS_MS) * EIGHT_HOURS_MS
    times = range(first, now_ms + 1, EIGHT_HOURS_MS)
    return [
        {
            "symbol": pit.id,
            "fundingTime": at,
            "fundingRate": f"{FUNDING_RATE:.8f}",
            "markPrice": pit.grid.price_text(pit.mark),
        }
        for pit in asked.pits()
        for at in times
    ][-limit:]


def funding_info(asked: Asked) -> Any:
    """Tell how often funding is paid."""
    return [
        {
            "symbol": pit.id,
            "adjustedFundingRateCap": "0.02000000",
            "adjustedFundingRateFloor": "-0.02000000",
            "fundingIntervalHours": 8,
            "disclaimer": False,
        }
        for pit in asked.pits()
    ]


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
        "exchangeInfo": Route(act=exchange_info, weight=20),
        "avgPrice": Route(act=average_price, weight=2),
    }.items()
}
FUTURES: Table = {
    ("GET", f"/fapi/v1/{name}"): route
    for name, route in {
        **_BOTH,
        "exchangeInfo": Route(act=exchange_info),
        "premiumIndex": Route(act=premium_index, weight=10),
        "fundingRate": Route(act=funding_rate),
        "fundingInfo": Route(act=funding_info),
        "markPriceKlines": Route(act=klines, weight=klines_weight),
    }.items()
} | {("GET", "/fapi/v2/ticker/price"): Route(act=ticker_price, weight=2)}
