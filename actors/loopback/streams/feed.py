"""The public streams: what changed in each pit since the last look, as messages."""

from typing import Any

import msgspec

from actors.loopback.accounts.futures import EIGHT_HOURS_MS, FUNDING_RATE
from actors.loopback.exchange import Exchange
from actors.loopback.floor.maker import Trade
from actors.loopback.floor.pit import Pit, Venue
from actors.loopback.floor.tape import INTERVALS_MS, Candle
from actors.loopback.quotes.candles import day_of, hundredth
from actors.loopback.rest.signing import told_ms
from actors.loopback.streams.hub import PARTIAL, Hub, Topic

LENGTHS = {length: name for name, length in INTERVALS_MS.items()}
SLOW_MS = 1_000  # tickers and mark prices come once a second of the exchange's time


class Feed:
    """Makes messages of what the pits have to tell."""

    def __init__(self, exchange: Exchange, hub: Hub) -> None:
        self._exchange, self._hub = exchange, hub
        self._encode = msgspec.json.Encoder().encode
        self._slow_ms = 0
        self._moved: dict[Pit, None] = {}  # since the slow streams were told

    def flush(self) -> None:
        """Tell everything that is new."""
        dirty, self._exchange.dirty = self._exchange.dirty, {}
        now_ms = told_ms(self._exchange)
        for pit in dirty:
            self._trades_and_candles(pit, now_ms)
            self._top(pit, now_ms)
            self._depth(pit, now_ms)
            self._moved[pit] = None
        if abs(now_ms - self._slow_ms) >= SLOW_MS:
            self._slow_ms = now_ms
            self._slow(now_ms)

    def _tell(self, pit: Pit, channel: str, message: dict[str, Any]) -> None:
        self._hub.tell((pit.venue, pit.id, channel), self._encode(message))

    def _follows(self, pit: Pit, channel: str) -> bool:
        return self._hub.followed((pit.venue, pit.id, channel))

    def _trades_and_candles(self, pit: Pit, now_ms: int) -> None:
        trades, pit.fresh = pit.fresh, []
        ended, pit.ended = pit.ended, []
        singly, together = self._follows(pit, "trade"), self._follows(pit, "aggTrade")
        for trade in trades:
            while ended and trade.time_ms >= ended[0][1].open_ms + ended[0][0]:
                self._candle(pit, *ended.pop(0), now_ms, closed=True)
            if singly:
                self._tell(pit, "trade", _trade(pit, trade, now_ms))
            if together:
                self._tell(pit, "aggTrade", _agg_trade(pit, trade, now_ms))
        for length, candle in ended:
            self._candle(pit, length, candle, now_ms, closed=True)
        if trades:
            for length, candle in pit.tape.open.items():
                self._candle(pit, length, candle, now_ms, closed=False)

    def _candle(
        self, pit: Pit, length: int, candle: Candle, now_ms: int, *, closed: bool
    ) -> None:
        name = LENGTHS[length]
        if not self._follows(pit, f"kline_{name}"):
            return
        price, grid = pit.grid.price_text, pit.grid
        row = {
            "t": candle.open_ms,
            "T": candle.open_ms + length - 1,
            "s": pit.id,
            "i": name,
            "f": candle.first_id,
            "L": candle.last_id,
            "o": price(candle.open),
            "c": price(candle.close),
            "h": price(candle.high),
            "l": price(candle.low),
            "v": grid.size_text(candle.lots),
            "n": candle.count,
            "x": closed,
            "q": f"{grid.value(1, candle.value):f}",
            "V": grid.size_text(candle.buy_lots),
            "Q": f"{grid.value(1, candle.buy_value):f}",
            "B": "0",
        }
        told = {"e": "kline", "E": now_ms, "s": pit.id, "k": row}
        self._tell(pit, f"kline_{name}", told)

    def _top(self, pit: Pit, now_ms: int) -> None:
        best = pit.best()
        if best == pit.shown:
            return
        pit.shown = best
        one, every = self._follows(pit, "bookTicker"), (pit.venue, "!", "bookTicker")
        if not one and not self._hub.followed(every):
            return
        told = {
            "u": pit.book.update_id,
            "s": pit.id,
            "b": pit.grid.price_text(best[0]),
            "B": pit.grid.size_text(best[1]),
            "a": pit.grid.price_text(best[2]),
            "A": pit.grid.size_text(best[3]),
        }
        if pit.venue is Venue.USDM:
            told |= {"e": "bookTicker", "T": now_ms, "E": now_ms}
        payload = self._encode(told)
        self._hub.tell((pit.venue, pit.id, "bookTicker"), payload)
        self._hub.tell(every, payload)

    def _depth(self, pit: Pit, now_ms: int) -> None:
        book = pit.book
        if book.told_id == book.update_id:
            return
        first, before = book.told_id + 1, book.told_id
        book.told_id = book.update_id
        bids, asks = book.changes()
        if self._follows(pit, "depth"):
            told = {
                "e": "depthUpdate",
                "E": now_ms,
                "s": pit.id,
                "U": first,
                "u": book.update_id,
                "b": _rows(pit, bids),
                "a": _rows(pit, asks),
            }
            if pit.venue is Venue.USDM:
                told |= {"T": now_ms, "pu": before}
            self._tell(pit, "depth", told)
        for channel in PARTIAL:
            if self._follows(pit, channel):
                self._tell(pit, channel, _partial(pit, int(channel[5:]), now_ms))

    def _slow(self, now_ms: int) -> None:
        """Tell mark prices and tickers, one by one and all together."""
        moved, self._moved = self._moved, {}
        for channel, make in _SLOW.items():
            for venue in Venue:
                every: Topic = (venue, "!", channel)
                wanted = self._hub.followed(every)
                rows = []
                for pit in moved:
                    if pit.venue is not venue:
                        continue
                    if not wanted and not self._follows(pit, channel):
                        continue
                    row = make(pit, now_ms)
                    rows.append(row)
                    self._tell(pit, channel, row)
                if wanted and rows:
                    self._hub.tell(every, self._encode(rows))


def _trade(pit: Pit, trade: Trade, now_ms: int) -> dict[str, Any]:
    told: dict[str, Any] = {
        "e": "trade",
        "E": now_ms,
        "T": trade.time_ms,
        "s": pit.id,
        "t": trade.id,
        "p": pit.grid.price_text(trade.ticks),
        "q": pit.grid.size_text(trade.lots),
        "m": trade.buyer_is_maker,
    }
    extra = ("M", True) if pit.venue is Venue.SPOT else ("X", "MARKET")
    told[extra[0]] = extra[1]
    return told


def _agg_trade(pit: Pit, trade: Trade, now_ms: int) -> dict[str, Any]:
    return {
        "e": "aggTrade",
        "E": now_ms,
        "s": pit.id,
        "a": trade.id,
        "p": pit.grid.price_text(trade.ticks),
        "q": pit.grid.size_text(trade.lots),
        "f": trade.id,
        "l": trade.id,
        "T": trade.time_ms,
        "m": trade.buyer_is_maker,
    }


def _rows(pit: Pit, rows: list[tuple[int, int]]) -> list[tuple[str, str]]:
    price, size = pit.grid.price_text, pit.grid.size_text
    return [(price(ticks), size(lots)) for ticks, lots in rows]


def _partial(pit: Pit, count: int, now_ms: int) -> dict[str, Any]:
    book = pit.book
    bids, asks = (_rows(pit, book.top(side, count)) for side in (1, -1))
    if pit.venue is Venue.SPOT:
        return {"lastUpdateId": book.update_id, "bids": bids, "asks": asks}
    ids = {"U": book.update_id, "u": book.update_id, "pu": book.update_id - 1}
    told = {"e": "depthUpdate", "E": now_ms, "T": now_ms, "s": pit.id}
    return told | ids | {"b": bids, "a": asks}


def _mark(pit: Pit, now_ms: int) -> dict[str, Any]:
    price = pit.grid.price_text(pit.mark)
    return {
        "e": "markPriceUpdate",
        "E": now_ms,
        "s": pit.id,
        "p": price,
        "i": price,
        "P": price,
        "r": f"{FUNDING_RATE:.8f}",
        "T": now_ms - now_ms % EIGHT_HOURS_MS + EIGHT_HOURS_MS,
    }


def _mini(pit: Pit, now_ms: int) -> dict[str, Any]:
    day, price = day_of(pit, now_ms), pit.grid.price_text
    return {
        "e": "24hrMiniTicker",
        "E": now_ms,
        "s": pit.id,
        "c": price(day.close),
        "o": price(day.open),
        "h": price(day.high),
        "l": price(day.low),
        "v": pit.grid.size_text(day.lots),
        "q": f"{pit.grid.value(1, day.value):.2f}",
    }


def _ticker(pit: Pit, now_ms: int) -> dict[str, Any]:
    day, price = day_of(pit, now_ms), pit.grid.price_text
    bid, bid_lots, ask, ask_lots = pit.best()
    change = day.close - day.open
    return _mini(pit, now_ms) | {
        "e": "24hrTicker",
        "p": price(change),
        "P": hundredth(change, day.open),
        "w": price(day.value // day.lots if day.lots else day.close),
        "Q": pit.grid.size_text(pit.tape.trades[-1].lots if pit.tape.trades else 0),
        "b": price(bid),
        "B": pit.grid.size_text(bid_lots),
        "a": price(ask),
        "A": pit.grid.size_text(ask_lots),
        "O": day.open_ms,
        "C": now_ms,
        "F": max(1, pit.tape.next_id - day.count),
        "L": pit.tape.next_id - 1,
        "n": day.count,
    }


_SLOW = {"markPrice": _mark, "miniTicker": _mini, "ticker": _ticker}
