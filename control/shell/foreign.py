"""Joins a ccxt exchange to a market in real time: neither room knows the other.

The market asks (`Ask`) and hears (`Hear`); the exchange's public data answers and is
listened to. Loading this loads ccxt, so it is only imported for such a market.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

import msgspec
import structlog
import trio

from actors.exchange.ccxtrio import Candle as HeardCandle
from actors.exchange.ccxtrio import Hole, Kind, Quote, Trade
from actors.exchange.ccxtrio.public import Addresses, PublicSide, public_side
from actors.exchange.gate import Gate
from actors.market.live.dialect import Ask, Listed
from actors.market.live.foreign import CANDLES, LISTED, answer
from actors.market.live.told import Hear
from actors.market.live.wire import Candle, Channel, is_sound
from config.settings import StreamGroup

log = structlog.get_logger(component="streams")

CHANNELS = {
    Kind.TRADES: Channel.TRADES,
    Kind.QUOTES: Channel.QUOTE,
    Kind.CANDLES: Channel.CANDLE,
}
UNNUMBERED = "None"  # how ccxt's missing id reads


class Joined:
    """The fetch and the source of one market."""

    def __init__(self, side: PublicSide) -> None:
        self.side = side
        self.channels = frozenset(CHANNELS[kind] for kind in side.kinds)
        self.timeframe = "1m"
        self.marks_damage = False  # let damaged rows through, as candles of nothing
        self.damaged = 0  # rows that are no candle
        self._numbers = count(1)

    # --- REST -----------------------------------------------------------------------

    async def __call__(self, ask: Ask) -> bytes:
        """Answer what a market asks; ExchangeError: there is no answer."""
        if ask.path == LISTED:
            found = await self.side.listed()
            return answer([Listed(one.symbol, one) for one in found])
        if ask.path == CANDLES:
            query = ask.query
            span = int(query["start"]), int(query["stop"])
            rows = await self.side.candles(query["symbol"], self.timeframe, *span)
            return answer(self._sound(query["symbol"], rows))
        return answer(await self.side.time_ms())

    def _sound(self, symbol: str, rows: dict[int, list[Any]]) -> list[Candle]:
        """Make candles of the rows that are some; the others are left out."""
        found = []
        for open_ts in sorted(rows):
            candle = candle_of(rows[open_ts])
            if candle is not None:
                found.append(candle)
                continue
            self.damaged += 1
            if self.marks_damage:
                found.append(damaged(open_ts))
            log.warning("damaged_candle", symbol=symbol, row=str(rows[open_ts])[:200])
        return found

    # --- streams --------------------------------------------------------------------

    async def listen(self, names: Sequence[str], hear: Hear) -> None:
        """Tell what is streamed, until cancelled."""
        if not self.channels:
            await trio.sleep_forever()
        feed = self.side.feed(names)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(feed.run)
            async for event in feed:
                if isinstance(event, Trade):
                    hear(event.symbol, Channel.TRADES, self._numbered(event))
                elif isinstance(event, Quote):
                    hear(event.symbol, Channel.QUOTE, event)
                elif isinstance(event, HeardCandle):
                    hear(event.symbol, Channel.CANDLE, _candle(event))
                else:
                    assert isinstance(event, Hole)
                    hear(event.symbol, None, event.reason)

    def _numbered(self, trade: Trade) -> Trade:
        """Number a trade whose exchange does not; the feed gives each once."""
        if trade.trade_id != UNNUMBERED:
            return trade
        number = f"unnumbered-{next(self._numbers)}"
        return msgspec.structs.replace(trade, trade_id=number)


def damaged(open_ts: int) -> Candle:
    """Make what no candle can be, and who reads it sees so."""
    return Candle(open_ts, 0.0, 0.0, 0.0, 0.0, 0.0, closed=True, ts_ms=0)


def candle_of(row: list[Any]) -> Candle | None:
    """Make a closed candle of a row of ccxt; None: it is damaged."""
    if len(row) < 6 or any(not isinstance(one, int | float) for one in row[:6]):
        return None
    open_ts, *rest = row[:6]
    opened, high, low, close, volume = map(float, rest)
    found = Candle(int(open_ts), opened, high, low, close, volume, closed=True, ts_ms=0)
    return found if is_sound(found) else None


def _candle(heard: HeardCandle) -> Candle:
    return Candle(
        heard.open_ts,
        heard.open,
        heard.high,
        heard.low,
        heard.close,
        heard.volume,
        heard.closed,
        heard.ts_ms,
    )


@asynccontextmanager
async def joined(name: str, where: StreamGroup, gate: Gate) -> AsyncIterator[Joined]:
    """Open the exchange for a block. Raises MarketDataError for an unknown name."""
    at = Addresses(rest=where.rest_url, stream=where.stream_url)
    async with public_side(name, at, gate) as side:
        yield Joined(side)
