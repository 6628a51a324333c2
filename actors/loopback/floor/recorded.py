"""A recorded order book as the market: raw Binance streams, played as the house.

A recorded depth message says what the house shows at each price, a recorded trade is a
taker of the same size and side. What rests for an account stands behind what the
recording shows at its price. A recorded quote that would cross an account's order
trades with it first. Files: `*.log.xz`, one line a message: receive time ns, JSON.
"""

import lzma
from collections.abc import Iterator
from decimal import Decimal
from heapq import merge
from pathlib import Path
from typing import Any

import msgspec

from actors.domain.bars import Instrument
from actors.domain.errors import MarketDataError
from actors.loopback.floor.script import GAP_MINUTES_MAX, Minute
from actors.loopback.floor.tape import MINUTE_MS
from actors.market.instruments import instrument

SNAPSHOT_MS = 5_000  # the whole book comes so long after the first message
LOOKED_AT = 400  # messages that tick and lot size are read off
_QUOTES = ("USDT", "USDC", "BTC")


class Shown(msgspec.Struct, frozen=True):
    """What the recording shows at some prices; `whole`: and nothing anywhere else."""

    time_ms: int
    index: int
    bids: tuple[tuple[Decimal, Decimal], ...]
    asks: tuple[tuple[Decimal, Decimal], ...]
    whole: bool = False


class Deal(msgspec.Struct, frozen=True):
    """A recorded trade."""

    time_ms: int
    index: int
    price: Decimal
    size: Decimal
    sold: bool


class Recording:
    """A folder of recorded streams, one symbol a file, played in the order of time."""

    def __init__(self, folder: Path, symbols: int | None) -> None:
        """Find the files; raises MarketDataError when there are none."""
        paths = sorted(folder.glob("binance_*.log.xz"))
        if not paths:
            msg = f"{folder}: no binance_<venue>_<symbol>_<day>.log.xz in it"
            raise MarketDataError(msg)
        self._paths = paths[:symbols]
        self.instruments = tuple(_instrument(path) for path in self._paths)
        self.history: list[Any] = []
        #: The full minute at which every symbol shows a whole book.
        latest_ms = max(next(_lines(path))[0] for path in self._paths)
        self.start_ms = -(-(latest_ms + SNAPSHOT_MS) // MINUTE_MS) * MINUTE_MS

    def events(self) -> Iterator[Minute | Shown | Deal]:
        """Go through the recording once."""
        told = [_events(path, index) for index, path in enumerate(self._paths)]
        minute = self.start_ms
        for event in merge(*told, key=lambda one: one.time_ms):
            if event.time_ms - minute > GAP_MINUTES_MAX * MINUTE_MS:
                minute = event.time_ms - event.time_ms % MINUTE_MS
            while minute <= event.time_ms:
                yield Minute(minute)
                minute += MINUTE_MS
            if isinstance(event, Shown) or event.time_ms >= self.start_ms:
                yield event


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    with lzma.open(path) as lines:
        for line in lines:
            received, _, message = line.partition(b" ")
            yield int(received) // 1_000_000, message


def _events(path: Path, index: int) -> Iterator[Shown | Deal]:
    for time_ms, message in _lines(path):
        body = msgspec.json.decode(message)
        said = body.get("data", body)
        if "lastUpdateId" in said:
            rows = (_rows(said["bids"]), _rows(said["asks"]))
            yield Shown(time_ms, index, *rows, whole=True)
        elif said.get("e") == "depthUpdate":
            yield Shown(time_ms, index, _rows(said["b"]), _rows(said["a"]))
        elif said.get("e") == "trade" and said.get("X", "MARKET") == "MARKET":
            price, size = Decimal(said["p"]), Decimal(said["q"])
            yield Deal(time_ms, index, price, size, bool(said["m"]))


def _rows(rows: list[list[str]]) -> tuple[tuple[Decimal, Decimal], ...]:
    return tuple((Decimal(price), Decimal(size)) for price, size in rows)


def _instrument(path: Path) -> Instrument:
    """Read a symbol off its file's name, tick and lot off its first messages."""
    _, venue, name, *_ = path.name.split("_")
    quote = next((q for q in _QUOTES if name.upper().endswith(q)), "USDT")
    base = name.upper().removesuffix(quote)
    prices, sizes = set[Decimal](), set[Decimal]()
    for number, event in enumerate(_events(path, 0)):
        if number == LOOKED_AT:
            break
        if isinstance(event, Shown):
            for price, size in (*event.bids, *event.asks):
                prices.add(price)
                sizes.add(size)
    symbol = f"{base}/{quote}" + ("" if venue == "spot" else f":{quote}")
    return instrument(symbol, tick_size=_unit(prices), lot_size=_unit(sizes))


def _unit(values: set[Decimal]) -> Decimal:
    exponents = [
        exponent
        for value in values
        if value and isinstance(exponent := value.normalize().as_tuple().exponent, int)
    ]
    return Decimal(1).scaleb(min(0, min(exponents, default=0)))
