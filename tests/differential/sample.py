"""The exchanges of the quick run: the busiest ones, and one of each odd kind."""

REST = (
    *("rest:binance", "rest:bybit", "rest:okx", "rest:kraken", "rest:coinbase"),
    *("rest:kucoin", "rest:gate", "rest:bitfinex", "rest:deribit", "rest:htx"),
    *("rest:mexc", "rest:bitget", "rest:hyperliquid", "rest:phemex", "rest:woo"),
    "rest:digifinex",  # gathers its markets
    "rest:lighter",  # forms in parts
    "rest:zaif",  # old and small
    *("rest:bitstamp", "prediction:polymarket"),
)
STREAM = (
    *("binance", "binanceusdm", "bybit", "okx", "kraken", "coinbase", "kucoin", "gate"),
    *("bitfinex", "deribit", "htx", "mexc", "bitget", "hyperliquid", "phemex", "woo"),
    "bingx",  # zipped frames
    *("gemini", "bitstamp", "prediction:polymarket"),
)
