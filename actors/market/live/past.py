"""History at start: the newest closed candles of every symbol, by REST.

Symbols are asked for side by side, each page by page, all within the exchange's
weight; the port asks again where that helps. A symbol whose history cannot be had
starts without one, marked as a fault of the data: it learns from live bars.
"""

from collections.abc import Callable, Sequence

import numpy as np
import trio

from actors.domain.bars import Bars, DataFault, empty_bars
from actors.domain.errors import ExchangeError
from actors.market.context import reference_close, volume_rank
from actors.market.live.dialect import Ask, Dialect, Listed, Question
from actors.market.live.wire import Candle

MINUTE_MS = 60_000
SIDE_BY_SIDE = 8
#: Before the newest minute is asked for again that is not closed at the exchange yet.
PAUSES_SECONDS = (0.5, 1.0, 2.0)

Progress = Callable[[int, int], None]  # symbols done, symbols in all


class Past:
    """Fetches the history of many symbols."""

    def __init__(self, dialect: Dialect, asked: Question, progress: Progress) -> None:
        self.faults: list[DataFault] = []
        self._rest = dialect.rest
        self._asked = asked
        self._progress = progress
        self._found: dict[int, list[Candle]] = {}

    async def fetch(
        self, listed: Sequence[Listed], start_ms: int, stop_ms: int
    ) -> tuple[Bars, ...]:
        """Return the bars of each symbol that open in [start_ms, stop_ms)."""
        waiting = list(range(len(listed)))[::-1]

        async def work() -> None:
            while waiting:
                index = waiting.pop()
                self._found[index] = await self._one(listed[index], start_ms, stop_ms)
                self._progress(len(self._found), len(listed))

        async with trio.open_nursery() as nursery:
            for _ in range(SIDE_BY_SIDE):
                nursery.start_soon(work)
        return tuple(bars_of(self._found[at]) for at in range(len(listed)))

    async def _one(self, one: Listed, start_ms: int, stop_ms: int) -> list[Candle]:
        candles: list[Candle] = []
        native, symbol = one.native, one.instrument.symbol
        page_ms = self._rest.candles_per_ask * MINUTE_MS
        for at in range(start_ms, stop_ms, page_ms):
            end = min(at + page_ms, stop_ms)
            ask = self._rest.ask_candles(native, at, end - 1, stop_ms)
            try:
                page = await self._closed(ask)
            except ExchangeError as error:
                fault = DataFault(symbol, "no_history", 1, str(error)[:200])
                self.faults.append(fault)
                return []
            candles += [c for c in page if at <= c.open_ts < end]
        return candles

    async def _closed(self, ask: Ask) -> list[Candle]:
        """Ask; what is not closed there yet is asked for again, and then left out."""
        for pause in (*PAUSES_SECONDS, None):
            page = await self._asked(ask, self._rest.read_candles)
            if pause is None or all(one.closed for one in page):
                break
            await trio.sleep(pause)
        return [one for one in page if one.closed]


def bars_of(candles: Sequence[Candle]) -> Bars:
    """Make BAR rows of candles; each time once, in order."""
    unique = {candle.open_ts: candle for candle in candles}
    bars = empty_bars(len(unique))
    for row, ts in enumerate(sorted(unique)):
        write_bar(bars, row, unique[ts])
    return bars


def write_bar(bars: Bars, row: int, candle: Candle) -> None:
    """Write one candle's own columns."""
    one = bars[row]
    one["ts"] = candle.open_ts
    for name in ("open", "high", "low", "close", "volume"):
        one[name] = getattr(candle, name)
    if candle.trades is not None:
        one["trades_per_minute"] = candle.trades


def add_context(bars: tuple[Bars, ...], benchmark: int | None) -> None:
    """Fill what the market as a whole says about each bar of the past."""
    if not sum(map(len, bars)):
        return
    code = np.repeat(np.arange(len(bars)), [len(one) for one in bars])
    joined = np.concatenate(bars)
    ranks = volume_rank(
        code, joined["ts"], MINUTE_MS, joined["close"] * joined["volume"], len(bars)
    )
    edges = np.cumsum([len(one) for one in bars])[:-1]
    for one, rank in zip(bars, np.split(ranks, edges), strict=True):
        one["volume_rank"] = rank
        if benchmark is not None and len(bars[benchmark]) and len(one):
            own = bars[benchmark]
            one["reference_close"] = reference_close(one["ts"], own["ts"], own["close"])
