"""What the engine sees of a market: bars, and the instruments they belong to.

A bar is one row of `BAR`. Floats live here and in the kernel only; whatever may
become money leaves through `actors.domain.money`. NaN in a context column means
UNKNOWN: the market did not say, and nobody guesses.
"""

from decimal import Decimal

import msgspec
import numpy as np
import numpy.typing as npt

#: `ts` is the bar's open time in ms UTC; a bar is delivered when it has closed.
BAR = np.dtype(
    [
        ("ts", "i8"),
        ("open", "f8"),
        ("high", "f8"),
        ("low", "f8"),
        ("close", "f8"),
        ("volume", "f8"),  # base units
        # Context: NaN is UNKNOWN.
        ("reference_close", "f8"),  # the benchmark's (BTC's) close at the same time
        ("volume_rank", "f8"),  # 1 = largest 24 h quote volume of the market
        ("spread_bps", "f8"),
        ("bid_depth_03_usd", "f8"),  # resting bids within 0.3% of mid
        ("ask_depth_03_usd", "f8"),
        ("bid_depth_05_usd", "f8"),
        ("ask_depth_05_usd", "f8"),
        ("imbalance", "f8"),  # (bids - asks) / (bids + asks) near touch, -1..1
        ("trades_per_minute", "f8"),
        ("open_interest_usd", "f8"),
    ]
)
PRICE_COLUMNS = ("open", "high", "low", "close", "volume")
CONTEXT_COLUMNS = tuple(BAR.names[6:]) if BAR.names else ()

Bars = npt.NDArray[np.void]


class Instrument(msgspec.Struct, frozen=True):
    """A tradable symbol and the exchange's rules for its orders."""

    symbol: str
    base: str
    quote: str
    tick_size: Decimal
    lot_size: Decimal
    quantity_min: Decimal
    notional_min: Decimal
    shortable: bool
    maker_fee_bps: Decimal
    taker_fee_bps: Decimal


class DataFault(msgspec.Struct, frozen=True):
    """A defect of a market's data that was marked and counted, not hidden."""

    symbol: str
    kind: str  # gap, duplicate, out_of_order, not_a_number, bad_price, ...
    count: int
    detail: str  # the first occurrence: file, row and column, value


class MarketDescription(msgspec.Struct, frozen=True):
    """What a market offers, known before its first bar."""

    name: str
    timeframe_ms: int
    instruments: tuple[Instrument, ...]
    bars_total: int | None  # None: endless
    start_ms: int
    end_ms: int | None
    benchmark: str | None  # the symbol whose close is `reference_close`
    faults: tuple[DataFault, ...]
    lists_change: bool = False  # an account outlives what is listed and delisted


def empty_bars(count: int) -> Bars:
    """Return `count` bars whose context is UNKNOWN and whose prices are zero."""
    bars = np.zeros(count, BAR)
    for column in CONTEXT_COLUMNS:
        bars[column] = np.nan
    return bars
