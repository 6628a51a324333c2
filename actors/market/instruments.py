"""What an exchange would say of a symbol, read off the symbol and its own numbers.

A recording has no exchange rules beside it, so they are derived and stated here:

- base, quote and settle come from the unified symbol; `BTC/USDT:USDT` (with a settle
  part) is a linear perpetual and may be sold short, `BTC/USDT` is spot and may not;
- tick and lot size are one unit of the last decimal place that the symbol's own prices
  and volumes use, at most 12 places; digits that only float arithmetic left behind
  (less than a few units of the last binary place) are no decimals, and neither are
  those of stray values, 1 in 500 at most: recordings have some between the ticks;
- the smallest quantity is one lot and the smallest notional is 5 quote units, the rule
  that most USDT markets have;
- fees are the common 2.0 bps for makers and 7.5 bps for takers.
"""

from decimal import Decimal

import numpy as np

from actors.domain.bars import Instrument
from actors.market.arrays import Floats

DECIMALS_MAX = 12
NOTIONAL_MIN = Decimal(5)
MAKER_FEE_BPS = Decimal("2.0")
TAKER_FEE_BPS = Decimal("7.5")
STRAY_SHARE_MAX = 0.002
_BENCHMARK_QUOTES = ("USDT", "USD", "USDC")
#: How far, in units of its last binary place, a float may be from its decimal form.
_NOISE_ULPS = 4


def instrument(symbol: str, *, tick_size: Decimal, lot_size: Decimal) -> Instrument:
    """Make the instrument of a ccxt unified symbol."""
    base, quote = symbol.partition(":")[0].split("/")
    return Instrument(
        symbol=symbol,
        base=base,
        quote=quote,
        tick_size=tick_size,
        lot_size=lot_size,
        quantity_min=lot_size,
        notional_min=NOTIONAL_MIN,
        shortable=":" in symbol,
        maker_fee_bps=MAKER_FEE_BPS,
        taker_fee_bps=TAKER_FEE_BPS,
    )


def benchmark_of(symbols: tuple[str, ...]) -> str | None:
    """Find the market's benchmark: BTC, preferably in USDT, USD or USDC."""

    def preference(symbol: str) -> int:
        quote = symbol.partition(":")[0].split("/")[1]
        known = quote in _BENCHMARK_QUOTES
        return _BENCHMARK_QUOTES.index(quote) if known else len(_BENCHMARK_QUOTES)

    bitcoins = [symbol for symbol in symbols if symbol.startswith("BTC/")]
    return min(bitcoins, key=preference, default=None)


def unit_of(places: int) -> Decimal:
    """Give one unit of a decimal place: 2 is 0.01."""
    return Decimal(1).scaleb(-places)


def decimal_places(values: Floats) -> int:
    """Find the decimal places that hold one symbol's finite `values`, at most 12."""
    strays = len(values) * STRAY_SHARE_MAX
    for places in range(DECIMALS_MAX):
        scale = 10.0**places
        rounded = np.rint(values * scale) / scale
        noise = _NOISE_ULPS * np.spacing(np.abs(values))
        values = values[np.abs(rounded - values) > noise]
        if len(values) <= strays:
            return places
    return DECIMALS_MAX
