"""What is downloaded, cut into pages that are the same whenever it is asked."""

from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec

from actors.domain.errors import MarketDataError

SYMBOLS_MAX = 2_000
PAGES_MAX = 2_000_000
BARS_MAX = 20_000_000  # of one symbol
FIRST_MS = 1_230_768_000_000  # 2009: no market that is downloaded is older

Span = tuple[int, int]  # [start, stop) in ms UTC


class DownloadPlan(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that decides which rows there are."""

    exchange: str
    timeframe: str
    bar_ms: int
    asked: int | tuple[str, ...] | None  # how many symbols, which, or all
    symbols: tuple[str, ...]
    natives: tuple[str, ...]  # the exchange's own names, in the same order
    start_ms: int
    stop_ms: int
    page_bars: int

    def pages(self) -> Iterator[Span]:
        """Give the pages of each symbol, oldest first."""
        step = self.page_bars * self.bar_ms
        for start in range(self.start_ms, self.stop_ms, step):
            yield start, min(start + step, self.stop_ms)

    @property
    def bars(self) -> int:
        """How many bars a symbol has that is traded all the time."""
        return (self.stop_ms - self.start_ms) // self.bar_ms

    @property
    def page_count(self) -> int:
        """How many pages all symbols have together."""
        return len(self.symbols) * -(-self.bars // self.page_bars)

    def check(self) -> None:
        """Raise MarketDataError for what cannot or should not be asked for."""
        span = f"{moment(self.start_ms)} to {moment(self.stop_ms)}"
        if self.bars < 1:
            msg = f"from {span} no {self.timeframe} candle has closed; widen the span"
        elif self.start_ms < FIRST_MS:
            msg = f"--since is {moment(self.start_ms)}; the limit is {moment(FIRST_MS)}"
        elif not 0 < len(self.symbols) <= SYMBOLS_MAX:
            msg = f"{len(self.symbols)} symbols; a download has 1 to {SYMBOLS_MAX}"
        elif self.bars > BARS_MAX or self.page_count > PAGES_MAX:
            msg = (
                f"{span} is {self.bars} bars of {len(self.symbols)} symbols in "
                f"{self.page_count} pages; the limits are {BARS_MAX} bars and "
                f"{PAGES_MAX} pages: make it in parts"
            )
        else:
            return
        raise MarketDataError(msg)


def moment(ts_ms: int) -> str:
    """Write a time as people read it."""
    return datetime.fromtimestamp(ts_ms / 1e3, UTC).strftime("%Y-%m-%d %H:%M")


def moment_ms(text: str, option: str) -> int:
    """Read 2026-01-01 or 2026-01-01T12:30, UTC unless it says. MarketDataError."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        msg = f"{option} is {text!r}; write a date as 2026-01-01 or 2026-01-01T12:30"
        raise MarketDataError(msg) from None
    if found.tzinfo is None:
        found = found.replace(tzinfo=UTC)
    return int(found.timestamp() * 1e3)
