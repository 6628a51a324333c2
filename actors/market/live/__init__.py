"""Hot public streams: trades, quotes, candles and books of an exchange, lossless."""
