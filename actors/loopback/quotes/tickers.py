"""The newest prices, the last day, mark prices and funding of both venues."""

from typing import Any

from actors.loopback.accounts.futures import EIGHT_HOURS_MS, FUNDING_RATE
from actors.loopback.floor.pit import Pit, Venue
from actors.loopback.quotes.candles import day_of, hundredth
from actors.loopback.rest.request import Asked
from actors.loopback.rest.signing import told_ms


def day_weight(asked: Asked) -> int:
    """Charge one symbol's day lightly, everybody's heavily."""
    spot = asked.venue is Venue.SPOT
    if asked.maybe("symbol"):
        return 2 if spot else 1
    return 80 if spot else 40


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
        row: dict[str, Any] = {
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


def funding_intervals(asked: Asked) -> Any:
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
