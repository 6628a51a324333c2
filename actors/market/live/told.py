"""Streams that somebody else keeps: what he hears is told here, symbol by symbol.

Everything behind the sockets is that of the hot streams: the symbols, their tapes and
ages, the closes of minutes. Where no candles are streamed, minutes are built from the
trades, if all of a minute was heard (`Building`); where no trades are either, every
minute is asked for by REST, and a feed is as old as its bars allow.
"""

from collections.abc import Callable, Sequence
from random import Random
from typing import Any, Protocol

import msgspec

from actors.market.live.dialect import Dialect
from actors.market.live.hub import Hub
from actors.market.live.minutes import MINUTE_MS
from actors.market.live.streams import Wish
from actors.market.live.symbol import SymbolStream, Taps
from actors.market.live.wire import Candle, Channel, Trade

#: The symbol, the channel and what was heard there; no channel: something is lost.
Hear = Callable[[str, Channel | None, Any], None]


class Source(Protocol):
    """Who keeps the streams."""

    channels: frozenset[Channel]

    async def listen(self, names: Sequence[str], hear: Hear) -> None:
        """Tell what is heard, until cancelled."""


class ToldStreams:
    """The present of many symbols, as it is told."""

    def __init__(
        self, dialect: Dialect, wish: Wish, source: Source, clock: Callable[[], int]
    ) -> None:
        jitter = Random(wish.seed)  # noqa: S311 - no secret hangs on it
        self.hub = Hub(dialect, "", clock, wish.budgets, jitter)
        self.taps = Taps()
        #: Counts what makes a minute's trades unknown, its beginning among them.
        self.reconnects = 0
        self.slots = (self,)
        self._source = source
        heard = source.channels
        self.hub.is_polled = not heard
        builds = Channel.TRADES in heard and Channel.CANDLE not in heard
        self._building = {name: Building() for name in wish.natives if builds}
        self._lost: set[str] = set()
        for name in wish.natives:
            one = SymbolStream(name, dialect, heard, wish.budgets, self.taps)
            if not heard & {Channel.TRADES, Channel.QUOTE}:
                one.pulse.bar_ms = MINUTE_MS  # it speaks when a bar closes
            self.hub.symbols[name] = one

    async def run(self) -> None:
        """Listen until cancelled; what was heard by an earlier run has a hole now."""
        self.reconnects += 1
        for name, symbol in self.hub.symbols.items():
            symbol.quote = None  # each source numbers its own from the beginning
            if symbol.channels:
                self._open_hole(name)
        await self._source.listen(list(self.hub.symbols), self._hear)

    def _hear(self, name: str, channel: Channel | None, item: Any) -> None:
        now, symbol = self.hub.now(), self.hub.symbols[name]
        if channel is None:
            self._lose(name, str(item))
            return
        if name in self._lost:
            self._lost.discard(name)
            symbol.pulse.gap(now, is_open=False)
        if channel is Channel.QUOTE:
            symbol.quotes(now, (item,), 0)
        elif channel is Channel.CANDLE:
            if item.closed and not item.ts_ms:  # its newest event is no older
                closed_ms = item.open_ts + MINUTE_MS
                item = msgspec.structs.replace(item, ts_ms=closed_ms)
            symbol.candles(now, (item,), 0)
        else:
            symbol.trades(now, (item,), 0)
            building = self._building.get(name)
            closed = building and building.take(item)
            if closed:
                symbol.candles(now, (closed,), 0)

    def _lose(self, name: str, why: str) -> None:
        self.reconnects += 1
        self.hub.tell("stream_lost", symbol=name, why=why)
        self._open_hole(name)

    def _open_hole(self, name: str) -> None:
        self.hub.symbols[name].pulse.gap(self.hub.now(), is_open=True)
        self._lost.add(name)
        if name in self._building:
            self._building[name] = Building()


class Building:
    """One symbol's minutes out of its trades; a minute closes when the next begins.

    The first that is heard of has begun before, so it is not given; a trade that comes
    after its minute was given changes nothing any more.
    """

    def __init__(self) -> None:
        self._candle: Candle | None = None
        self._whole = False

    def take(self, trade: Trade) -> Candle | None:
        """Add a trade; the minute before its own, if it is over and all was heard."""
        if trade.ts_ms <= 0:  # it belongs to some minute, and nobody knows to which
            self._candle, self._whole = None, False
            return None
        open_ts = trade.ts_ms // MINUTE_MS * MINUTE_MS
        known, price = self._candle, trade.price
        if known is None or open_ts > known.open_ts:
            given = known if self._whole else None
            self._whole = known is not None
            self._candle = _candle(trade, open_ts, (price, price, price), 0.0, 1)
            return given
        if open_ts == known.open_ts:
            prices = known.open, max(known.high, price), min(known.low, price)
            count = (known.trades or 0) + 1
            self._candle = _candle(trade, open_ts, prices, known.volume, count)
        return None


def _candle(
    trade: Trade,
    open_ts: int,
    prices: tuple[float, float, float],
    volume: float,
    count: int,
) -> Candle:
    opened, high, low = prices
    volume += trade.size
    return Candle(
        open_ts,
        opened,
        high,
        low,
        trade.price,
        volume,
        closed=True,
        ts_ms=trade.ts_ms,
        trades=count,
    )
