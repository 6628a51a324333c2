"""Fetches the candles before now, symbol by symbol, within the exchange's limit.

Pages are asked for from the oldest on, a few symbols at a time, in the lane of scans:
whatever the money needs goes first. What fails for a while is asked again, but for a
ban; a symbol that cannot be had is told as such and keeps nobody waiting.
"""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import trio
from ccxt.base.errors import (
    BadResponse,
    BaseError,
    DDoSProtection,
    NetworkError,
    RateLimitExceeded,
)

from actors.domain.errors import Unsent
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
Rows = dict[int, list[Any]]  # by open time


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
            problem, rows = "", Rows()
            try:
                with in_lane(Lane.SCAN):
                    rows = await self._rows(symbol)
            except (BaseError, Unsent) as error:
                problem = f"{type(error).__name__}: {error}"
            candles = [_candle(symbol, rows[ts]) for ts in sorted(rows)]
            candles = candles[-self._wanted.bars :]
            if not problem and len(candles) < self._wanted.bars:
                problem = f"the exchange has {len(candles)} of {self._wanted.bars} bars"
            self._done += 1
            total = len(self._wanted.symbols)
            self._told(Fetched(symbol, candles, self._done, total, problem))

    async def _rows(self, symbol: str) -> Rows:
        forming = self._wanted.now_ms // self._bar_ms * self._bar_ms
        span = (forming - self._wanted.bars * self._bar_ms, forming)
        return await fetch_rows(self._exchange, symbol, self._wanted.timeframe, span)


async def fetch_rows(
    exchange: Any, symbol: str, timeframe: str, span: tuple[int, int]
) -> Rows:
    """Fetch the candles that open in [start, stop), page after page.

    An exchange that gives nothing new has no more.
    """
    bar_ms = int(exchange.parse_timeframe(timeframe)) * 1000
    since, stop = span
    size = min(page_size(exchange, symbol), (stop - since) // bar_ms + 1)
    rows: Rows = {}
    for _ in range(PAGES_MAX):
        answer = await _page(exchange, symbol, timeframe, (since, size))
        fresh = {int(row[0]): row for row in answer if since <= (row[0] or 0) < stop}
        if not fresh.keys() - rows.keys():
            break
        rows |= fresh
        since = max(fresh) + bar_ms
        if since >= stop:
            break
    return rows


def page_size(exchange: Any, symbol: str) -> int:
    """Say how many candles an exchange gives at once."""
    page = exchange.feature_value(symbol, "fetchOHLCV", "limit", None)
    return int(page or PAGE_UNKNOWN)


def check_readable(exchange: Any) -> None:
    """Raise BadResponse if the newest answer was no JSON: ccxt reads that as nothing.

    To be called at once after an answer, before another can take its place.
    """
    known = exchange.enableLastJsonResponse
    if known and not isinstance(exchange.last_json_response, list | dict):
        msg = f"{exchange.id} answered no JSON: {str(exchange.last_http_response)[:80]}"
        raise BadResponse(msg)


async def _page(
    exchange: Any, symbol: str, timeframe: str, which: tuple[int, int]
) -> list[list[Any]]:
    for attempt in range(TRIES):
        try:
            rows = list(await exchange.fetch_ohlcv(symbol, timeframe, *which))
            if not rows:
                check_readable(exchange)
        except (DDoSProtection, RateLimitExceeded):
            raise  # who asks during a ban is banned longer
        except (NetworkError, BadResponse):
            if attempt == TRIES - 1:
                raise
            await trio.sleep(PAUSE_SECONDS * 2**attempt)
        else:
            return rows
    raise AssertionError


def _candle(symbol: str, row: list[Any]) -> Candle:
    prices = (float(each) if each is not None else 0.0 for each in row[1:6])
    opened, high, low, close, volume = prices
    return Candle(symbol, int(row[0]), opened, high, low, close, volume, True, 0)
