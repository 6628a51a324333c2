"""Reads what ccxt's handlers resolve: every trade once, quotes, candles and closes.

A watch sees the newest state only. So a feed subscribes through watches, and reads
here, where each handler says what it has just stored: nothing is lost between two
awaits, and the cost does not grow with the number of symbols.
"""

from collections.abc import Callable, Iterable
from typing import Any

from ccxt.async_support.base.ws.cache import BaseCache

from actors.exchange.ccxtrio.shapes import Candle, Event, Hole, Quote, Trade


class Reader:
    """Turns resolved values into events, for the symbols that are wanted."""

    def __init__(
        self,
        exchange: Any,
        symbols: Iterable[str],
        timeframe: str,
        give: Callable[[Event], None],
    ) -> None:
        self._exchange = exchange
        self._symbols = frozenset(symbols)
        self._timeframe = timeframe
        self._give = give
        self._last_trade: dict[str, dict[str, Any]] = {}
        self._last_candle: dict[str, list[Any]] = {}
        self._candles_of: dict[int, tuple[BaseCache, str]] = {}
        self._quotes = 0

    def resolved(self, result: Any, _message_hash: object) -> None:
        """Read one value; whatever is no market data of ours is passed over."""
        if isinstance(result, BaseCache):
            self._cache(result)
        elif isinstance(result, dict):
            self._tickers(result)
        elif isinstance(result, list) and len(result) == 3:
            symbol, timeframe, cache = result
            if isinstance(cache, BaseCache) and timeframe == self._timeframe:
                self._candles(symbol, cache)

    def _cache(self, cache: BaseCache) -> None:
        if not len(cache):
            return
        newest = cache[-1]
        if isinstance(newest, dict):
            symbol = str(newest.get("symbol"))
            if self._exchange.trades.get(symbol) is cache:
                self._trades(symbol, cache, newest)
            return
        owner = self._symbol_of(cache)
        if owner is not None:
            self._candles(owner, cache)

    # --- trades -----------------------------------------------------------------------

    def _trades(self, symbol: str, cache: BaseCache, newest: dict[str, Any]) -> None:
        if symbol not in self._symbols:
            return
        last = self._last_trade.get(symbol)
        self._last_trade[symbol] = newest
        fresh: list[dict[str, Any]] = []
        for trade in reversed(cache):
            if trade is last:
                break
            fresh.append(trade)
        else:
            fresh = self._joined(symbol, fresh, last)
        for trade in reversed(fresh):
            self._give(_trade(symbol, trade))

    def _joined(
        self, symbol: str, fresh: list[dict[str, Any]], last: dict[str, Any] | None
    ) -> list[dict[str, Any]]:
        """Take what is newer than the last trade, which the cache does not have.

        It was made anew by a subscription, or more came at once than it holds.
        """
        if last is None:
            return fresh
        since, last_id = last["timestamp"] or 0, last["id"]
        if not any(trade["id"] == last_id for trade in fresh):
            self._give(Hole(symbol, "trades before these were not seen"))
        return [
            trade
            for trade in fresh
            if (trade["timestamp"] or 0) >= since and trade["id"] != last_id
        ]

    # --- quotes -----------------------------------------------------------------------

    def _tickers(self, result: dict[str, Any]) -> None:
        if "bid" in result:
            self._quote(result)
            return
        for ticker in result.values():
            if isinstance(ticker, dict) and "bid" in ticker:
                self._quote(ticker)

    def _quote(self, ticker: dict[str, Any]) -> None:
        symbol, bid, ask = ticker.get("symbol"), ticker["bid"], ticker.get("ask")
        if symbol not in self._symbols or bid is None or ask is None:
            return
        self._quotes += 1
        self._give(
            Quote(
                symbol,
                bid,
                ticker.get("bidVolume"),
                ask,
                ticker.get("askVolume"),
                self._quotes,
                ticker.get("timestamp") or 0,
            )
        )

    # --- candles ----------------------------------------------------------------------

    def _symbol_of(self, cache: BaseCache) -> str | None:
        known = self._candles_of.get(id(cache))
        if known is not None and known[0] is cache:
            return known[1]
        for symbol, by_timeframe in self._exchange.ohlcvs.items():
            if by_timeframe.get(self._timeframe) is cache:
                self._candles_of[id(cache)] = (cache, symbol)
                return str(symbol)
        return None

    def _candles(self, symbol: str, cache: BaseCache) -> None:
        if symbol not in self._symbols or not len(cache):
            return
        last = self._last_candle.get(symbol)
        fresh: list[list[Any]] = []
        for row in reversed(cache):
            if last is not None and row[0] < last[0]:
                break
            fresh.append(row)
        for row in reversed(fresh):
            if last is not None and row[0] > last[0]:
                self._give(_candle(symbol, last, closed=True))
            last = row
        assert last is not None
        self._last_candle[symbol] = last
        self._give(_candle(symbol, last, closed=False))


def _trade(symbol: str, trade: dict[str, Any]) -> Trade:
    side = trade.get("side")
    return Trade(
        symbol,
        str(trade.get("id")),
        trade["price"],
        trade["amount"],
        trade["timestamp"] or 0,
        None if side is None else side == "sell",
    )


def _candle(symbol: str, row: list[Any], *, closed: bool) -> Candle:
    open_ts, *prices = row[:6]
    opened, high, low, close, volume = (
        float(each) if each is not None else 0.0 for each in prices
    )
    return Candle(symbol, int(open_ts), opened, high, low, close, volume, closed, 0)
