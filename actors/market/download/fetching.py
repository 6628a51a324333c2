"""Fetches the pages that are not there yet, some symbols side by side.

All within the exchange's limits, which the fetch keeps to. A page that cannot be had is
asked for again, with growing pauses, and so is one with a candle that has not closed at
the exchange yet; a symbol of which several pages in a row cannot be
had is left for another run.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import trio

from actors.domain.errors import ExchangeError, MarketDataError
from actors.market.download.pages import Page, PageLog
from actors.market.download.plan import DownloadPlan, Span
from actors.market.live.dialect import Rest, read_as
from actors.market.live.repair import Fetch
from actors.market.live.wire import Candle, is_sound

SIDE_BY_SIDE = 8
TRIES = 4
PAUSE_SECONDS = 1.0
FAILED_IN_A_ROW_MAX = 3

Progress = Callable[[int, int, int], None]  # pages done, of so many, failed


class Download:
    """One run of a download."""

    def __init__(
        self,
        plan: DownloadPlan,
        room: Path,
        rest: Rest,
        fetch: Fetch,
        told: Progress,
        now_ms: Callable[[], int],
    ) -> None:
        self.problems: list[str] = []
        self.fetched = 0  # pages, in this run
        self._plan = plan
        self._room = room
        self._rest = rest
        self._fetch = fetch
        self._told = told
        self._now_ms = now_ms
        self._done = 0

    async def run(self) -> None:
        """Fetch what is missing; what could not be had is in `problems`.

        Raises MarketDataError when pages cannot be kept: the disk is full, or gone.
        """
        broken: list[OSError] = []
        waiting = list(zip(self._plan.symbols, self._plan.natives, strict=True))[::-1]
        work = []
        while waiting:
            symbol, native = waiting.pop()
            log = log_of(self._room, self._plan, symbol)
            there = log.repair()
            todo = [span for span in self._plan.pages() if span not in there]
            self._done += len(there)
            work.append((symbol, native, log, todo))
        work.reverse()

        async def labour() -> None:
            try:
                while work:
                    await self._symbol(*work.pop())
            except OSError as error:
                broken.append(error)
                nursery.cancel_scope.cancel()

        self._tell()
        async with trio.open_nursery() as nursery:
            for _ in range(SIDE_BY_SIDE):
                nursery.start_soon(labour)
        if broken:
            msg = f"{self._room}: {broken[0]}; the same command goes on from here"
            raise MarketDataError(msg) from broken[0]

    def _tell(self) -> None:
        self._told(self._done, self._plan.page_count, len(self.problems))

    async def _symbol(
        self, symbol: str, native: str, log: PageLog, todo: Sequence[Span]
    ) -> None:
        row = 0
        for span in todo:
            try:
                page = await self._page(native, span)
            except ExchangeError as error:
                self.problems.append(f"{symbol}: {str(error)[:200]}")
                row += 1
                if row == FAILED_IN_A_ROW_MAX:
                    return
                continue
            row = 0
            log.append(page)
            self.fetched += 1
            self._done += 1
            self._tell()

    async def _page(self, native: str, span: Span) -> Page:
        start, stop = span
        for attempt in range(TRIES):
            is_last = attempt == TRIES - 1
            ask = self._rest.ask_candles(native, start, stop - 1, self._now_ms())
            try:
                candles = read_as(self._rest.read_candles, await self._fetch(ask))
            except ExchangeError:
                if is_last:
                    raise
            else:
                if is_last or all(one.closed for one in candles):
                    return page_of(candles, span, self._plan.bar_ms)
            await trio.sleep(PAUSE_SECONDS * 2**attempt)
        raise AssertionError


def page_of(candles: Sequence[Candle], span: Span, bar_ms: int) -> Page:
    """Keep what belongs to the page and is closed: each time once, and as it can be."""
    start, stop = span
    inside = [one for one in candles if start <= one.open_ts < stop and one.closed]
    rows = {
        one.open_ts: (one.open_ts, one.open, one.high, one.low, one.close, one.volume)
        for one in inside
        if is_sound(one) and not (one.open_ts - start) % bar_ms
    }
    damaged = {one.open_ts for one in inside} - rows.keys()
    ordered = tuple(rows[ts] for ts in sorted(rows))
    return Page(start, stop, ordered, tuple(sorted(damaged)))


def log_of(room: Path, plan: DownloadPlan, symbol: str) -> PageLog:
    """Give a symbol's pages; the number keeps names apart that look alike."""
    number = plan.symbols.index(symbol)
    return PageLog(room / f"{number:04}-{file_name(symbol)}.pages")


def file_name(symbol: str) -> str:
    """Write a symbol as a file's name: BTC/USDT:USDT is BTC_USDT_USDT."""
    return "".join(one if one.isalnum() else "_" for one in symbol)
