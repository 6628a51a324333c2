"""What the whole market says about one symbol's bar: benchmark and volume rank.

Both use only what was known when the bar closed. The rank is renewed once an hour of
market time for all symbols: at each full hour every symbol's quote volume
(close x volume) of the 24 hours before it is summed, and the largest sum has rank 1
(ties: the order of the symbols). A bar carries the rank of the newest full hour at or
before its close, NaN as long as its symbol has not been seen for 24 hours.
"""

import numpy as np

from actors.market.arrays import Floats, Ints

HOUR_MS = 3_600_000
RANK_HOURS = 24


def reference_close(ts: Ints, benchmark_ts: Ints, benchmark_close: Floats) -> Floats:
    """Look the benchmark's close up at each ts; NaN where it has no bar."""
    at = np.searchsorted(benchmark_ts, ts)
    at[at == len(benchmark_ts)] = 0
    return np.where(benchmark_ts[at] == ts, benchmark_close[at], np.nan)


def volume_rank(
    code: Ints, ts: Ints, timeframe_ms: int, quote_volume: Floats, symbols: int
) -> Floats:
    """Rank each row's symbol by trailing 24 h quote volume; rows sorted by symbol.

    Only hours with bars are stored, so a hole of years in a recording costs nothing.
    """
    close_ts = ts + timeframe_ms
    bucket = -(-close_ts // HOUR_MS)  # the full hour that ends the bar's hour
    hours, column = np.unique(bucket, return_inverse=True)
    sums = np.bincount(code * len(hours) + column, quote_volume, symbols * len(hours))
    sums = sums.reshape(symbols, len(hours))
    ends, end = np.unique(close_ts // HOUR_MS, return_inverse=True)
    trailing = np.zeros((symbols, len(ends)))
    for back in range(RANK_HOURS):
        at = np.minimum(np.searchsorted(hours, ends - back), len(hours) - 1)
        trailing += np.where(hours[at] == ends - back, sums[:, at], 0.0)
    ranks = rank_rows(trailing)
    first_ts = np.full(symbols, np.iinfo(np.int64).max)
    np.minimum.at(first_ts, code, ts)
    seen = ends[end] * HOUR_MS - first_ts[code] >= RANK_HOURS * HOUR_MS
    result: Floats = np.where(seen, ranks[code, end], np.nan)
    return result


def rank_rows(volumes: Floats) -> Floats:
    """Rank the rows of each column from 1 for the largest; ties keep their order."""
    order = np.argsort(-volumes, axis=0, kind="stable")
    ranks = np.empty_like(volumes)
    counted = np.arange(1.0, len(volumes) + 1)[:, None]
    np.put_along_axis(ranks, order, np.broadcast_to(counted, order.shape), axis=0)
    return ranks
