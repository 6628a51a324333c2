"""A market in real time: an exchange's streams as the engine takes any market.

Blocks begin with the history that was fetched at start; then each closed minute is a
block of its own, as it comes. What the streams know besides is written into the bar's
context when it closes: spread, depth, imbalance, trades, rank, the benchmark's close.
What they do not know stays NaN: UNKNOWN.
"""

from collections import deque
from collections.abc import Callable, Iterator

import numpy as np
import trio

from actors.domain.bars import Bars, DataFault, MarketDescription, empty_bars
from actors.domain.freshness import Health, Judgement
from actors.market.blocks import Block
from actors.market.instruments import benchmark_of
from actors.market.live.dialect import Listed
from actors.market.live.minutes import MINUTE_MS, Minutes
from actors.market.live.past import add_context, write_bar
from actors.market.live.ranks import Ranks
from actors.market.live.repair import Fetch
from actors.market.live.sequence import BookState
from actors.market.live.streams import Present
from actors.market.live.symbol import SymbolStream
from actors.market.live.wire import Candle, Channel

#: Minutes that wait for the engine; more than a day of them means that nobody trades.
WAITING_MAX = 1_440


class LiveMarket:
    """One exchange's market, now."""

    def __init__(
        self,
        streams: Present,
        listed: tuple[Listed, ...],
        fetch: Fetch,
        past: tuple[Bars, ...],
        past_end_ms: int,
        faults: tuple[DataFault, ...] = (),
    ) -> None:
        names = tuple(one.instrument.symbol for one in listed)
        self.streams = streams
        self.minutes = Minutes(streams, listed, fetch, self._emit)
        self.minutes.next_ts = past_end_ms
        self.dropped_minutes = 0
        self._listed = listed
        self._by_name = dict(zip(names, listed, strict=True))
        self._benchmark = benchmark_of(names)
        self._reference = names.index(self._benchmark) if self._benchmark else None
        add_context(past, self._reference)
        self._ranks = Ranks(len(listed))
        self._ranks.add_past(past, MINUTE_MS)
        self._past = past
        self._past_end_ms = past_end_ms
        self._waiting: deque[Block] = deque(maxlen=WAITING_MAX)
        self._wake: Callable[[], None] | None = None
        self._tapes = [0] * len(listed)
        self._reconnects = 0
        times = sorted({ts for one in past for ts in one["ts"].tolist()})
        self.history_steps = len(times)
        self._start_ms = int(times[0]) if times else past_end_ms
        self._faults = faults

    def describe(self) -> MarketDescription:
        """Say what the exchange offers; it has no end."""
        return MarketDescription(
            name=f"exchange:{self.streams.hub.dialect.name}",
            timeframe_ms=MINUTE_MS,
            instruments=tuple(one.instrument for one in self._listed),
            bars_total=None,
            start_ms=self._start_ms,
            end_ms=None,
            benchmark=self._benchmark,
            faults=self._faults,
            lists_change=True,
        )

    # --- as a market ----------------------------------------------------------------

    def blocks(self) -> Iterator[Block]:
        """Hand out the past, then what has come; it may have more later."""
        return _Blocks(Block(self._past), self._waiting)

    def when_more(self, wake: Callable[[], None]) -> bool:
        """Have `wake` called once when there is a block; True: there will be one."""
        self._wake = wake
        if self._waiting:
            self._call()
        return True

    def _call(self) -> None:
        wake, self._wake = self._wake, None
        if wake is not None:
            wake()

    async def run(self) -> None:
        """Stream, and make blocks of what closes, until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.streams.run)
            nursery.start_soon(self.minutes.run)

    # --- as a feed ------------------------------------------------------------------

    def judge(self, symbol: str, engine_ms: int) -> Judgement:
        """Judge a symbol's feed, and how far the engine's bars are behind.

        `engine_ms`: up to where the engine has lived. It catches up after an outage,
        and must not enter on what is long gone; its exits go on.
        """
        hub = self.streams.hub
        now, budgets = hub.now(), hub.budgets
        native = self._by_name[symbol].native
        judged = hub.symbols[native].pulse.judge(now)
        lag_ms = now.exchange_ms - engine_ms
        if judged.consequence.entries and lag_ms >= budgets.entries_ms_max:
            return Judgement(Health.QUIET, "event", lag_ms, budgets.entries_ms_max)
        return judged

    # --- a closed minute ------------------------------------------------------------

    def _emit(self, open_ts: int, candles: dict[int, Candle]) -> None:
        close_ts = open_ts + MINUTE_MS
        reference = np.nan
        if self._reference is not None and self._reference in candles:
            reference = candles[self._reference].close
        for index, candle in candles.items():
            worth = candle.close * candle.volume
            self._ranks.add(index, open_ts, close_ts, worth)
        ranks, unbroken = self._ranks.at(close_ts), self._unbroken()
        bars = [empty_bars(int(at in candles)) for at in range(len(self._listed))]
        for index, candle in candles.items():
            row = bars[index]
            write_bar(row, 0, candle)
            row["volume_rank"], row["reference_close"] = ranks[index], reference
            self._add_present(row[0], index, candle, unbroken=unbroken)
        self.dropped_minutes += len(self._waiting) == WAITING_MAX
        self._waiting.append(Block(tuple(bars)))
        self._call()

    def _unbroken(self) -> bool:
        """Whether no connection was lost since the last minute."""
        before = self._reconnects
        self._reconnects = sum(slot.reconnects for slot in self.streams.slots)
        return before == self._reconnects

    def _add_present(
        self, row: np.void, index: int, candle: Candle, *, unbroken: bool
    ) -> None:
        listed = self._listed[index]
        symbol = self.streams.hub.symbols[listed.native]
        passed, self._tapes[index] = self._tapes[index], symbol.tape.passed
        traded = Channel.TRADES in symbol.channels
        if candle.trades is None and traded and unbroken:
            row["trades_per_minute"] = symbol.tape.passed - passed
        health = symbol.pulse.judge(self.streams.hub.now()).health
        if health is not Health.FRESH:
            return  # what stood there long ago says nothing about now
        add_touch(row, symbol)
        add_depth(row, symbol, float(listed.contract_size))


def add_touch(row: np.void, symbol: SymbolStream) -> None:
    """Write the spread of the newest quote."""
    quote = symbol.quote
    if quote is not None and 0 < quote.bid < quote.ask:
        middle = (quote.bid + quote.ask) / 2
        row["spread_bps"] = (quote.ask - quote.bid) / middle * 1e4


def add_depth(row: np.void, symbol: SymbolStream, contract_size: float) -> None:
    """Write what stands within 0.3 and 0.5 % of the middle, as far as it is known."""
    if symbol.keeper.state is not BookState.WHOLE:
        return
    for share, name in ((0.003, "03"), (0.005, "05")):
        for side, worth in zip(
            ("bid", "ask"), symbol.keeper.book.depth_usd(share), strict=True
        ):
            if worth is not None:
                row[f"{side}_depth_{name}_usd"] = worth * contract_size
    bids, asks = row["bid_depth_03_usd"], row["ask_depth_03_usd"]
    if bids + asks > 0:  # NaN is not above zero
        row["imbalance"] = (bids - asks) / (bids + asks)


class _Blocks(Iterator[Block]):
    """An iterator that may go on after it has been exhausted."""

    def __init__(self, first: Block, waiting: deque[Block]) -> None:
        self._first: Block | None = first
        self._waiting = waiting

    def __next__(self) -> Block:
        if self._first is not None:
            first, self._first = self._first, None
            return first
        if not self._waiting:
            raise StopIteration
        return self._waiting.popleft()
