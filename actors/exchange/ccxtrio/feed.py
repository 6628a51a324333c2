"""Streams trades, quotes and candles of many symbols of any exchange, in batches.

    async with Exchange() as exchange, trio.open_nursery() as nursery:
        feed = Feed(exchange, symbols, {Kind.TRADES, Kind.QUOTES})
        nursery.start_soon(feed.run)
        async for event in feed:
            ...

Where an exchange can watch several symbols at once, a batch is one watch; where it can
not, each symbol is one. A watch subscribes, and meets the errors; the values are read
as they are resolved (`reading`). When a connection ends, every symbol gets a Hole and
its batch subscribes anew, with growing pauses while that fails.

Who reads too slowly loses nothing in silence: of quotes the newest stays, and where
trades or candles do not fit any more, the symbol gets a Hole.
"""

from collections import deque
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Any, Self

import trio
from ccxt.base.errors import NetworkError, NotSupported

from actors.domain.errors import Unsent
from actors.exchange.ccxtrio.reading import Reader
from actors.exchange.ccxtrio.shapes import Event, Hole, Kind, Quote
from actors.exchange.gate.limiter import Lane, in_lane

BATCH = 40
WAITING_MAX = 20_000
#: A quiet watch is left alone for so long; a connection that ends wakes it at once.
REST_SECONDS = 5.0
PAUSE_SECONDS_MIN, PAUSE_SECONDS_MAX = 0.5, 30.0
#: Of each kind, the best way first: ccxt's name, its method, whether it takes a batch.
WAYS: dict[Kind, tuple[tuple[str, str, bool], ...]] = {
    Kind.TRADES: (
        ("watchTradesForSymbols", "watch_trades_for_symbols", True),
        ("watchTrades", "watch_trades", False),
    ),
    Kind.QUOTES: (
        ("watchBidsAsks", "watch_bids_asks", True),
        ("watchTickers", "watch_tickers", True),
        ("watchTicker", "watch_ticker", False),
    ),
    Kind.CANDLES: (
        ("watchOHLCVForSymbols", "watch_ohlcv_for_symbols", True),
        ("watchOHLCV", "watch_ohlcv", False),
    ),
}


def ways(exchange: Any) -> dict[Kind, tuple[str, bool]]:
    """Say which kinds an exchange streams: the method, and whether in batches."""
    found = {}
    for kind, known in WAYS.items():
        for name, method, batched in known:
            if exchange.has.get(name) is True:
                found[kind] = (method, batched)
                break
    return found


class Feed:
    """One exchange's public streams; `run` belongs to a nursery of the caller's."""

    def __init__(
        self,
        exchange: Any,
        symbols: Sequence[str],
        kinds: Collection[Kind],
        *,
        timeframe: str = "1m",
        batch: int = BATCH,
    ) -> None:
        known = ways(exchange)
        absent = sorted(kind.value for kind in kinds if kind not in known)
        if absent:
            msg = f"{exchange.id} streams no {', '.join(absent)}"
            raise NotSupported(msg)
        assert batch > 0, "a batch has one symbol at least"
        self._exchange = exchange
        self._symbols = tuple(symbols)
        self._ways = {kind: known[kind] for kind in sorted(kinds)}
        self._timeframe = timeframe
        self._batch = batch
        self._reader = Reader(exchange, symbols, timeframe, self._take)
        self._waiting: deque[Event] = deque()
        self._quotes: dict[str, Quote] = {}
        self._holes: dict[str, Hole] = {}
        self._filled = trio.Event()
        self._broken = trio.Event()
        self._over = False

    # --- what comes in ----------------------------------------------------------------

    def resolved(self, result: Any, message_hash: object) -> None:
        """Hear from the exchange's connections what a handler has stored."""
        self._reader.resolved(result, message_hash)

    def ended(self, url: str) -> None:
        """Hear that a connection is over."""
        for symbol in self._symbols:
            self._take(Hole(symbol, f"the connection to {url} ended"))
        broken, self._broken = self._broken, trio.Event()
        broken.set()

    def _take(self, event: Event) -> None:
        if isinstance(event, Quote):
            self._quotes[event.symbol] = event
        elif isinstance(event, Hole):
            self._holes[event.symbol] = event
        elif len(self._waiting) < WAITING_MAX:
            self._waiting.append(event)
        else:
            reason = f"{WAITING_MAX} events wait already"
            self._holes[event.symbol] = Hole(event.symbol, reason)
        self._filled.set()

    # --- what goes out ----------------------------------------------------------------

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        while True:
            if self._holes:  # at once: it makes doubtful what waits
                return self._holes.pop(next(iter(self._holes)))
            if self._waiting:
                return self._waiting.popleft()
            if self._quotes:
                return self._quotes.pop(next(iter(self._quotes)))
            if self._over:
                raise StopAsyncIteration
            self._filled = trio.Event()
            await self._filled.wait()

    # --- subscriptions ----------------------------------------------------------------

    async def run(self) -> None:
        """Keep every batch subscribed until cancelled; raises what waiting cannot mend.

        An unknown symbol, a refused key: those are errors of whoever asked.
        """
        self._exchange.listen(self)
        try:
            async with trio.open_nursery() as nursery:
                for watch in self._watches():
                    nursery.start_soon(self._keep, watch)
        finally:
            self._exchange.unlisten(self)
            self._over = True
            self._filled.set()

    def _watches(self) -> list[Callable[[], Awaitable[Any]]]:
        found: list[Callable[[], Awaitable[Any]]] = []
        for kind, (name, batched) in self._ways.items():
            method = getattr(self._exchange, name)
            size = self._batch if batched else 1
            for start in range(0, len(self._symbols), size):
                batch = self._symbols[start : start + size]
                found.append(self._call(method, kind, batch, batched=batched))
        return found

    def _call(
        self, method: Any, kind: Kind, batch: Sequence[str], *, batched: bool
    ) -> Callable[[], Awaitable[Any]]:
        if kind is not Kind.CANDLES:
            asked = [*batch] if batched else batch[0]
            return lambda: method(asked)
        if batched:
            pairs = [[symbol, self._timeframe] for symbol in batch]
            return lambda: method(pairs)
        return lambda: method(batch[0], self._timeframe)

    async def _keep(self, watch: Callable[[], Awaitable[Any]]) -> None:
        pause = PAUSE_SECONDS_MIN
        while True:
            broken = self._broken
            try:
                with in_lane(Lane.SCAN):
                    await watch()
            except (NetworkError, Unsent):
                await trio.sleep(pause)
                pause = min(pause * 2, PAUSE_SECONDS_MAX)
                continue
            pause = PAUSE_SECONDS_MIN
            with trio.move_on_after(REST_SECONDS):
                await broken.wait()
