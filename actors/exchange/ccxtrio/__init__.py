"""ccxt's exchanges, every class of them, on trio: no asyncio loop and no thread.

Binance = exchange_class("binance")
async with Binance({"enableRateLimit": True}) as exchange:
    candles = await exchange.fetch_ohlcv("BTC/USDT", "1m")
    trades = await exchange.watch_trades("BTC/USDT")

Worth knowing: `load_markets` is a quarter of a second of plain Python for 2,500
markets, so it belongs to the start (`set_markets_from_exchange` shares them). A
`create_order` that is cancelled leaves its order in doubt, as everywhere.

`Feed` streams many symbols, `fetch_history` gives what was before. ccxt itself is to be
imported after this package only, which sees to it that it is loaded lazily.
"""

from actors.exchange.ccxtrio.importing import install

install()

# ruff: noqa: E402 - ccxt's packages are in place from here on
from actors.exchange.ccxtrio.classes import Family, exchange_class, exchange_ids
from actors.exchange.ccxtrio.feed import Feed
from actors.exchange.ccxtrio.history import Fetched, Wanted, fetch_history
from actors.exchange.ccxtrio.shapes import Candle, Hole, Kind, Quote, Trade
from actors.exchange.gate.limiter import Lane, Limiter, in_lane

__all__ = [
    "Candle",
    "Family",
    "Feed",
    "Fetched",
    "Hole",
    "Kind",
    "Lane",
    "Limiter",
    "Quote",
    "Trade",
    "Wanted",
    "exchange_class",
    "exchange_ids",
    "fetch_history",
    "in_lane",
]
