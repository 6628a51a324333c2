"""Fetches the candles before now, symbol by symbol, within the exchange's limit.

Pages are asked for from the oldest on, a few symbols at a time, in the lane of scans:
whatever the money needs goes first. What fails for a while is asked again; a symbol
that cannot be had is told as such and keeps nobody waiting.
"""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import trio
from ccxt.base.errors import BaseError, NetworkError

from actors.exchange.ccxtrio.shapes import Candle
from actors.exchange.gate.limiter import Lane, in_lane

AT_ONCE = 4
TRIES = 4
PAUSE_SECONDS = 1.0
#: Asked for where ccxt does not say how many an exchange gives at once.
PAGE_UNKNOWN = 300
#: For one symbol; an exchange may give less at once than it says.
PAGES_MAX = 200


class Wanted(msgspec.Struct, frozen=True):
    """Which candles."""

    symbols: Sequence[str]
    bars: int
    now_ms: int
    timeframe: str = "1m"


class Fetched(msgspec.Struct, frozen=True):
    """One symbol's closed candles, oldest first, and how far all of it is."""

    symbol: str
    candles: list[Candle]
    done: int
    total: int
    problem: str = ""  # why there is less than was wanted


Told = Callable[[Fetched], object]


async def fetch_history(exchange: Any, wanted: Wanted, told: Told) -> None:
    """Fetch all of it; `told` hears of each symbol as it is done."""
    history = _History(exchange, wanted, told)
    async with trio.open_nursery() as nursery:
        for _ in range(min(AT_ONCE, len(wanted.symbols))):
            nursery.start_soon(history.work)


class _History:
    def __init__(self, exchange: Any, wanted: Wanted, told: Told) -> None:
        self._exchange = exchange
        self._wanted = wanted
        self._told = told
        self._left = iter(wanted.symbols)
        self._done = 0
        self._bar_ms = int(exchange.parse_timeframe(wanted.timeframe)) * 1000

    async def work(self) -> None:
        """Fetch one symbol after the other until none is left."""
        for symbol in self._left:
            problem, rows = "", {}
            try:
                with in_lane(Lane.SCAN):
                    rows = await self._rows(symbol)
            except BaseError as error:
                problem = f"{type(error).__name__}: {error}"
            candles = [_candle(symbol, rows[ts]) for ts in sorted(rows)]
            candles = candles[-self._wanted.bars :]
            if not problem and len(candles) < self._wanted.bars:
                problem = f"the exchange has {len(candles)} of {self._wanted.bars} bars"
            self._done += 1
            total = len(self._wanted.symbols)
            self._told(Fetched(symbol, candles, self._done, total, problem))

    async def _rows(self, symbol: str) -> dict[int, list[Any]]:
        """Ask page after page; an exchange that gives nothing new has no more."""
        wanted, bar_ms = self._wanted, self._bar_ms
        page = self._exchange.feature_value(symbol, "fetchOHLCV", "limit", None)
        size = min(int(page or PAGE_UNKNOWN), wanted.bars + 1)
        forming = wanted.now_ms // bar_ms * bar_ms
        since = forming - wanted.bars * bar_ms
        rows: dict[int, list[Any]] = {}
        for _ in range(PAGES_MAX):
            answer = await self._page(symbol, since, size)
            fresh = {int(row[0]): row for row in answer if since <= row[0] < forming}
            if not fresh.keys() - rows.keys():
                break
            rows |= fresh
            since = max(fresh) + bar_ms
            if since >= forming:
                break
        return rows

    async def _page(self, symbol: str, since: int, size: int) -> list[list[Any]]:
        for attempt in range(TRIES):
            try:
                timeframe = self._wanted.timeframe
                rows = await self._exchange.fetch_ohlcv(symbol, timeframe, since, size)
            except NetworkError:
                if attempt == TRIES - 1:
                    raise
                await trio.sleep(PAUSE_SECONDS * 2**attempt)
            else:
                return list(rows)
        raise AssertionError


def _candle(symbol: str, row: list[Any]) -> Candle:
    prices = (float(each) if each is not None else 0.0 for each in row[1:6])
    opened, high, low, close, volume = prices
    return Candle(symbol, int(row[0]), opened, high, low, close, volume, True, 0)
