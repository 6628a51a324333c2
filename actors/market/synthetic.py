"""The demo: a seeded market of any number of symbols, endless, made block by block.

One-minute bars from 2025-01-01. The prices are those of `regimes`, the rest of each bar
that of `quotes`. The random numbers of a block are a pure function of (seed, symbol's
index, block's number), so a symbol's bars do not depend on how many others there are,
and two runs with one seed are the same market.

Symbol 0 is the benchmark, BTC/USDT:USDT, and every tenth (9, 19, ...) is spot: no
shorts, no open interest. All others are perpetuals. Day volume falls with the index,
3e9 / (index + 1)^0.95 USD and never under 8e6. The market is older than its first
bar: the ranks of its first day take the day before at these average volumes.
"""

import re
from collections.abc import Iterator

import numpy as np

from actors.domain.bars import Bars, Instrument, MarketDescription, empty_bars
from actors.domain.errors import MarketDataError
from actors.market.arrays import Floats, Ints
from actors.market.blocks import Block
from actors.market.context import RANK_HOURS, rank_rows
from actors.market.instruments import instrument, unit_of
from actors.market.quotes import Quotes, Scale
from actors.market.regimes import NORMALS, UNIFORMS, Mask, Path, Walk

START_MS = 1_735_689_600_000  # 2025-01-01T00:00Z
TIMEFRAME_MS = 60_000
BLOCK_BARS = 240
HOUR_BARS = 60
SYMBOLS_DEFAULT = 20
SPOT_EVERY = 10
UNIT_MEDIAN = 0.0046  # mean true range of a minute, ratio of price
UNIT_BENCHMARK = 0.0012
LOAD = (0.3, 0.65)  # correlation of a symbol's noise with the benchmark's
#: The named symbols and where they start; the others start at 0.01 to 300.
NAMED = {
    "BTC": 95_000.0,
    "ETH": 3_400.0,
    "SOL": 190.0,
    "BNB": 700.0,
    "XRP": 2.1,
    "DOGE": 0.32,
    "ADA": 0.85,
    "AVAX": 36.0,
    "LINK": 20.0,
    "DOT": 6.7,
    "LTC": 103.0,
    "TRX": 0.25,
    "NEAR": 5.0,
    "UNI": 13.0,
    "ATOM": 6.2,
    "APT": 8.7,
    "ARB": 0.72,
}
_NAMES = tuple(NAMED)
_FACTOR = 2**64 - 1  # the random stream of the market itself
_SYMBOL = re.compile(r"([A-Z]+)(\d{3,})?/USDT(:USDT)?")


class Demo:
    """The synthetic market; every call of `blocks` starts it from the beginning."""

    def __init__(
        self, *, symbols: int | tuple[str, ...] | None = None, seed: int = 0
    ) -> None:
        """Choose the market `seed`, and so many of its symbols or those named.

        Raises MarketDataError for a name that the demo does not have.
        """
        self._seed = seed % 2**64
        chosen = _indices(symbols)
        # The benchmark is walked even if it is not traded: it is the reference.
        self._indices = np.array(sorted({0, *chosen}))
        self._kept = np.flatnonzero(np.isin(self._indices, chosen)).tolist()
        first = [
            self._generator(index, 0, stream=1) for index in self._indices.tolist()
        ]
        draws = np.array([generator.random(2) for generator in first])
        shape = np.array([generator.standard_normal() for generator in first])
        self._load = LOAD[0] + (LOAD[1] - LOAD[0]) * draws[:, 0]
        self._load[0] = 1.0
        self._price = np.array(
            [
                NAMED[_NAMES[index]] if index < len(_NAMES) else 10 ** (4.5 * draw - 2)
                for index, draw in zip(
                    self._indices.tolist(), draws[:, 1].tolist(), strict=True
                )
            ]
        )
        magnitude = np.floor(np.log10(self._price)).astype(np.int64)
        self._tick_places = np.maximum(5 - magnitude, 0)
        self._lot_places = np.maximum(magnitude + 1, 0)
        unit = UNIT_MEDIAN * np.exp(np.clip(0.15 * shape, -0.25, 0.5))
        unit[0] = UNIT_BENCHMARK
        self._scale = Scale(
            unit=unit,
            day_volume_usd=np.maximum(3e9 / (self._indices + 1) ** 0.95, 8e6),
            rank=self._indices.astype(np.float64),
            tick=10.0**-self._tick_places,
            lot=10.0**-self._lot_places,
            has_open_interest=np.where(_is_spot(self._indices), np.nan, 1.0),
        )

    def describe(self) -> MarketDescription:
        """Say what the demo offers; it has no end and no faults."""
        return MarketDescription(
            name="demo",
            timeframe_ms=TIMEFRAME_MS,
            instruments=tuple(self._instrument(at) for at in self._kept),
            bars_total=None,
            start_ms=START_MS,
            end_ms=None,
            benchmark=symbol_name(0),
            faults=(),
        )

    def blocks(self) -> Iterator[Block]:
        """Make the market from its start, BLOCK_BARS minutes at a time, for ever."""
        scale = self._scale
        walk = self._walk()
        quotes = Quotes(scale)
        hourly = np.tile(scale.day_volume_usd / RANK_HOURS, (RANK_HOURS, 1))
        number = 0
        while True:
            normals, uniforms, factor = self._draws(number)
            path = walk.advance(normals, uniforms, factor)
            bars = self._bars(number, path)
            minutes = (bars["ts"][:, 0] - START_MS) // TIMEFRAME_MS
            quotes.fill(bars, path, normals, minutes)
            bars["reference_close"] = bars["close"][:, :1]
            hourly = _fill_ranks(bars, hourly)
            columns = np.ascontiguousarray(bars.T)
            yield Block(tuple(columns[at] for at in self._kept))
            number += 1

    def _walk(self) -> Walk:
        # Staggered starts: symbols do not break out in step.
        wait = 5 + self._indices * 37 % 60
        return Walk(np.log(self._price), self._scale.unit, self._load, wait)

    def _generator(
        self, index: int, number: int, *, stream: int = 0
    ) -> np.random.Generator:
        key = np.array([self._seed, index], np.uint64)
        counter = np.array([0, 0, stream, number], np.uint64)
        return np.random.Generator(np.random.Philox(key=key, counter=counter))

    def _draws(self, number: int) -> tuple[Floats, Floats, Floats]:
        normals = np.empty((BLOCK_BARS, NORMALS, len(self._indices)))
        uniforms = np.empty((BLOCK_BARS, UNIFORMS, len(self._indices)))
        for at, index in enumerate(self._indices.tolist()):
            generator = self._generator(index, number)
            normals[:, :, at] = generator.standard_normal((BLOCK_BARS, NORMALS))
            uniforms[:, :, at] = generator.random((BLOCK_BARS, UNIFORMS))
        market = self._generator(_FACTOR, number)
        return normals, uniforms, market.standard_normal(BLOCK_BARS)

    def _bars(self, number: int, path: Path) -> Bars:
        """Put a path's prices on the tick grid."""
        bars = empty_bars(path.close.size).reshape(path.close.shape)
        opens = START_MS + (number * BLOCK_BARS + np.arange(BLOCK_BARS)) * TIMEFRAME_MS
        bars["ts"] = opens[:, None]
        ticks_of_one = 10.0**self._tick_places
        for name in ("open", "high", "low", "close"):
            ticks = np.rint(np.exp(getattr(path, name)) * ticks_of_one)
            bars[name] = np.maximum(ticks, 1) / ticks_of_one
        return bars

    def _instrument(self, at: int) -> Instrument:
        return instrument(
            symbol_name(int(self._indices[at])),
            tick_size=unit_of(int(self._tick_places[at])),
            lot_size=unit_of(int(self._lot_places[at])),
        )


def symbol_name(index: int) -> str:
    """Name the symbol of an index: BTC/USDT:USDT, ..., SYM017/USDT:USDT, ..."""
    base = _NAMES[index] if index < len(_NAMES) else f"SYM{index:03d}"
    return f"{base}/USDT" if _is_spot(np.array([index]))[0] else f"{base}/USDT:USDT"


def _is_spot(indices: Ints) -> Mask:
    spot: Mask = indices % SPOT_EVERY == SPOT_EVERY - 1
    return spot


def _indices(symbols: int | tuple[str, ...] | None) -> list[int]:
    if symbols is None:
        return list(range(SYMBOLS_DEFAULT))
    if isinstance(symbols, int) and symbols > 0:
        return list(range(symbols))
    if isinstance(symbols, int) or not symbols:
        msg = f"{symbols!r} symbols of the demo: ask for at least 1"
        raise MarketDataError(msg)
    return sorted({_index_of(symbol) for symbol in symbols})


def _index_of(symbol: str) -> int:
    match = _SYMBOL.fullmatch(symbol)
    base, digits = match.group(1, 2) if match else ("", None)
    index = int(digits) if base == "SYM" and digits else -1
    if base in NAMED and digits is None:
        index = _NAMES.index(base)
    if index < 0 or symbol_name(index) != symbol:
        msg = (
            f"the demo has no symbol {symbol!r}; it has {symbol_name(0)} ... "
            f"{symbol_name(16)}, {symbol_name(17)}, {symbol_name(18)}, "
            f"{symbol_name(19)} (every tenth is spot), and so on"
        )
        raise MarketDataError(msg)
    return index


def _fill_ranks(bars: Bars, hourly: Floats) -> Floats:
    """Rank by the 24 full hours before each bar's close; return the newest 24."""
    quote = bars["volume"] * bars["close"]
    hours = quote.reshape(-1, HOUR_BARS, quote.shape[1])
    for number, hour in enumerate(hours):
        start = number * HOUR_BARS
        before = rank_rows(hourly.sum(axis=0)[:, None])[:, 0]
        bars["volume_rank"][start : start + HOUR_BARS - 1] = before
        hourly = np.concatenate((hourly[1:], hour.sum(axis=0)[None]))
        # An hour's last bar closes on the full hour, and knows it.
        after = rank_rows(hourly.sum(axis=0)[:, None])[:, 0]
        bars["volume_rank"][start + HOUR_BARS - 1] = after
    return hourly
