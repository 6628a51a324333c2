"""What stock ccxt does at the exchange, in a process of its own; prints JSON.

Started by `test_ccxt.py` with a Python that has ccxt: it is not of this project's
environment, and it may bring its own event loop.
"""

import json
import sys
from typing import Any

import ccxt

KEYS = {"apiKey": "loopback-key", "secret": "loopback-secret"}


def moved(exchange: Any, host: str) -> Any:
    """Point every url of an exchange class at the loopback exchange."""
    api = exchange.urls["api"]
    for name, url in list(api.items()):
        if isinstance(url, str):
            api[name] = f"{host}/{url.split('/', 3)[3]}"
    exchange.options["fetchOpenOrders"]["warnWithoutSymbol"] = False
    return exchange


def ids(orders: Any) -> list[Any]:
    return [[one["clientOrderId"], one["status"], one["filled"]] for one in orders]


def refused(act: Any) -> str:
    try:
        act()
    except ccxt.BaseError as error:
        return type(error).__name__
    return "nothing"


def futures(host: str) -> dict[str, Any]:
    """Trade a round trip on USD-M with everything an engine uses."""
    exchange = moved(ccxt.binanceusdm({**KEYS, "enableRateLimit": False}), host)
    symbol = "BTC/USDT:USDT"
    markets = exchange.load_markets()
    exchange.set_leverage(5, symbol)
    exchange.set_margin_mode("isolated", symbol)
    book = exchange.fetch_order_book(symbol, 5)
    bid = book["bids"][0][0]
    stop = {"stopLossPrice": bid * 0.97, "reduceOnly": True, "clientOrderId": "stop"}
    take = {"takeProfitPrice": bid * 1.03, "reduceOnly": True, "clientOrderId": "take"}
    by_id, algo = {"clientOrderId": "limit"}, {"trigger": True, "clientOrderId": "stop"}
    found: dict[str, Any] = {
        "markets": len(markets),
        "precision": markets[symbol]["precision"],
        "candles": len(exchange.fetch_ohlcv(symbol, "1m", limit=20)),
        "leverage": exchange.fetch_leverage(symbol)["longLeverage"],
        "margin": exchange.fetch_margin_mode(symbol)["marginMode"],
        "hedged": exchange.fetch_position_mode(symbol)["hedged"],
        "entry": ids(
            [
                exchange.create_order(
                    symbol, "market", "buy", 0.01, None, {"clientOrderId": "entry"}
                )
            ]
        ),
    }
    exchange.create_order(symbol, "market", "sell", 0.01, None, stop)
    exchange.create_order(symbol, "market", "sell", 0.01, None, take)
    exchange.create_order(symbol, "limit", "buy", 0.01, bid * 0.98, by_id)
    position = exchange.fetch_positions([symbol])[0]
    found |= {
        "open": ids(exchange.fetch_open_orders(symbol)),
        "stops": ids(exchange.fetch_open_orders(symbol, params={"trigger": True})),
        "asked": [
            exchange.fetch_order(None, symbol, by_id)["status"],
            exchange.fetch_order(None, symbol, algo)["status"],
        ],
        "position": [position["contracts"], position["side"], position["leverage"]],
        "trades": len(exchange.fetch_my_trades(symbol)),
        "cancelled": exchange.cancel_order(None, symbol, by_id)["status"],
    }
    exchange.cancel_order(None, symbol, algo)
    exchange.cancel_all_orders(symbol, {"trigger": True})
    exchange.create_order(symbol, "market", "sell", 0.01, None, {"reduceOnly": True})
    found |= {
        "flat": exchange.fetch_positions([symbol]),
        "left": ids(exchange.fetch_open_orders(params={"trigger": True})),
        "refused": [
            refused(lambda: exchange.create_order(symbol, "market", "buy", 9e9)),
            refused(lambda: exchange.create_order(symbol, "limit", "buy", 0.9, bid)),
            refused(lambda: exchange.cancel_order("1", symbol)),
            refused(lambda: exchange.fetch_order("1", symbol)),
        ],
        "withdraw": exchange.sapiGetAccountApiRestrictions()["enableWithdrawals"],
    }
    return found


def spot(host: str) -> dict[str, Any]:
    """Trade a round trip on spot."""
    exchange = moved(ccxt.binance({**KEYS, "enableRateLimit": False}), host)
    symbol = "BTC/USDT"
    exchange.load_markets()
    bid = exchange.fetch_order_book(symbol, 5)["bids"][0][0]
    bought = exchange.create_order(
        symbol, "market", "buy", 0.02, None, {"clientOrderId": "entry"}
    )
    limit = {"clientOrderId": "limit"}
    exchange.create_order(symbol, "limit", "sell", 0.005, bid * 1.05, limit)
    stop = {"stopLossPrice": bid * 0.95, "clientOrderId": "stop"}
    exchange.create_order(symbol, "limit", "sell", 0.005, bid * 0.94, stop)
    return {
        "bought": [bought["status"], bought["filled"], bought["fees"][0]["currency"]],
        "open": ids(exchange.fetch_open_orders(symbol)),
        "used": exchange.fetch_balance()["BTC"]["used"],
        "cancelled": [one["status"] for one in exchange.cancel_all_orders(symbol)],
        "trades": len(exchange.fetch_my_trades(symbol)),
        "day": exchange.fetch_ticker(symbol)["symbol"],
    }


if __name__ == "__main__":
    print(json.dumps({"futures": futures(sys.argv[1]), "spot": spot(sys.argv[1])}))
