"""How well it traded: pure functions from ended trades to the figures people judge by.

Every figure that could mislead for want of trades carries its interval. A rate gets
Wilson's, which stays within 0 and 1 and does not collapse at either end; a mean of R
gets a percentile bootstrap, because R is skewed. The bootstrap's seed is fixed: the
same trades always give the same interval.

A win is more than SCRATCH_R, a loss less than -SCRATCH_R, and between them a scratch.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from itertools import groupby

import numpy as np
import numpy.typing as npt

from actors.domain.shown.history import TradeRow
from control.wire.performance import (
    Bin,
    Distribution,
    EquityPoint,
    Figures,
    Group,
    PeriodRow,
    Summary,
)

SCRATCH_R = 0.05
Z_95 = 1.959963984540054
RESAMPLES = 2_000
RESAMPLE_TRADES_MAX = 5_000  # beyond it the mean is normal: its own interval is used
SEED = 20_261_128
POINTS_MAX = 2_000
BINS_MAX = 60
BIN_R = 0.5
MINUTE_MS = 60_000

Trades = Sequence[TradeRow]
Floats = npt.NDArray[np.float64]
Interval = tuple[float | None, float | None]


def within(trades: Trades, since_ms: int | None, until_ms: int | None) -> Trades:
    """Keep the trades that closed from (included) to (excluded)."""
    return [
        trade
        for trade in trades
        if (since_ms is None or trade.closed_ms >= since_ms)
        and (until_ms is None or trade.closed_ms < until_ms)
    ]


def wilson(hits: int, n: int) -> Interval:
    """Return the 95% interval of a rate; nothing is known of fewer than two."""
    if n < 2:
        return None, None
    rate, square = hits / n, Z_95 * Z_95
    middle = (rate + square / (2 * n)) / (1 + square / n)
    spread = rate * (1 - rate) / n + square / (4 * n * n)
    half = Z_95 / (1 + square / n) * math.sqrt(spread)
    return max(0.0, middle - half), min(1.0, middle + half)


def bootstrap(values: Floats) -> Interval:
    """Return the 95% interval of a mean; nothing is known of fewer than two."""
    n = len(values)
    if n < 2:
        return None, None
    if n > RESAMPLE_TRADES_MAX:
        half = Z_95 * float(values.std(ddof=1)) / math.sqrt(n)
        return float(values.mean()) - half, float(values.mean()) + half
    chance = np.random.default_rng(SEED)
    means = np.empty(RESAMPLES)
    for at in range(RESAMPLES):  # row by row: all at once would take n x 16 kB
        means[at] = values[chance.integers(0, n, n)].mean()
    low, high = np.percentile(means, (2.5, 97.5))
    return float(low), float(high)


def figures(trades: Trades) -> Figures:
    """Add up what a group and a summary both tell."""
    r = _floats(trade.pnl_r for trade in trades)
    n, wins = len(r), int((r > SCRATCH_R).sum())
    losses = int((r < -SCRATCH_R).sum())
    rate_low, rate_high = wilson(wins, n)
    mean_low, mean_high = bootstrap(r)
    return Figures(
        n=n,
        wins=wins,
        losses=losses,
        scratches=n - wins - losses,
        win_rate=wins / n if n else None,
        win_rate_low=rate_low,
        win_rate_high=rate_high,
        mean_r=_mean(r),
        mean_r_low=mean_low,
        mean_r_high=mean_high,
        median_r=float(np.median(r)) if n else None,
        sum_r=float(r.sum()),
        pnl_usd=float(sum(trade.pnl_usd for trade in trades)),
        mean_mae_r=_mean(_floats(trade.mae_r for trade in trades)),
        mean_mfe_r=_mean(_floats(trade.mfe_r for trade in trades)),
    )


def summary(trades: Trades) -> Summary:
    """Sum up all trades, oldest first."""
    money = _floats(trade.pnl_usd for trade in trades)
    r = _floats(trade.pnl_r for trade in trades)
    lost = -float(money[money < 0].sum())
    kept, possible = float(r.sum()), float(sum(trade.mfe_r for trade in trades))
    held_ms = sum(trade.closed_ms - trade.opened_ms for trade in trades)
    deepest = [point.drawdown_percent or 0.0 for point in equity(trades)]
    base = figures(trades)
    return Summary(
        **{name: getattr(base, name) for name in Figures.__struct_fields__},
        fees_usd=float(sum(trade.fees_usd for trade in trades)),
        profit_factor=float(money[money > 0].sum()) / lost if lost else None,
        expectancy_usd=_mean(money),
        max_drawdown_usd=deepest_fall(money),
        max_drawdown_r=deepest_fall(r),
        max_drawdown_percent=max(deepest) if deepest else None,
        capture_ratio=kept / possible if possible > 0 else None,
        average_hold_minutes=held_ms / len(trades) / MINUTE_MS if trades else None,
        longest_losing_streak=_longest_losing_streak(r),
    )


def groups(trades: Trades, key: Callable[[TradeRow], str]) -> tuple[Group, ...]:
    """Sum up the trades of each key, the most trades first."""
    ordered = sorted(trades, key=key)
    found = []
    for name, members in groupby(ordered, key):
        base = figures(list(members))
        fields = {field: getattr(base, field) for field in Figures.__struct_fields__}
        found.append(Group(**fields, key=name))
    return tuple(sorted(found, key=lambda group: (-group.n, group.key)))


def equity(trades: Trades, points_max: int = POINTS_MAX) -> tuple[EquityPoint, ...]:
    """Draw equity after each trade with its drawdown; thinned to `points_max`.

    The deepest drawdown of what is left out survives: of each stretch the lowest
    point is kept, and always the last of all.
    """
    points, high = [], -math.inf
    for trade in trades:
        if trade.equity_after_usd is None:
            continue
        now = float(trade.equity_after_usd)
        high = max(high, now, now - float(trade.pnl_usd))
        under = high - now
        percent = 100 * under / high if high > 0 else None
        points.append(EquityPoint(trade.closed_ms, now, under, percent))
    if len(points) <= points_max:
        return tuple(points)
    stretch = math.ceil((len(points) - 1) / (points_max - 1))
    kept = [
        min(points[at : at + stretch], key=lambda point: point.equity_usd)
        for at in range(0, len(points) - 1, stretch)
    ]
    return (*kept, points[-1])


def distribution(trades: Trades) -> Distribution:
    """Count trades by R in steps of BIN_R; the outermost bins hold the rest."""
    r = _floats(trade.pnl_r for trade in trades)
    low, high = bootstrap(r)
    if not len(r):
        return Distribution((), 0, None, low, high)
    lowest, highest = -BINS_MAX // 2, BINS_MAX // 2 - 1
    at = np.clip(np.floor(r / BIN_R), lowest, highest).astype(int)
    first = int(at.min())
    counts = np.bincount(at - first)
    bins = tuple(
        Bin((first + step) * BIN_R, (first + step + 1) * BIN_R, int(count))
        for step, count in enumerate(counts)
    )
    return Distribution(bins, len(r), _mean(r), low, high)


def periods(trades: Trades, period: str) -> tuple[PeriodRow, ...]:
    """Sum up each day, ISO week or month (UTC) with a trade, oldest first."""
    rows = []
    ordered = sorted(trades, key=lambda trade: trade.closed_ms)
    for name, group in groupby(ordered, lambda trade: _period(trade, period)):
        members = list(group)
        rows.append(
            PeriodRow(
                period=name,
                n=len(members),
                pnl_usd=float(sum(trade.pnl_usd for trade in members)),
                pnl_r=float(sum(trade.pnl_r for trade in members)),
                wins=sum(trade.pnl_r > SCRATCH_R for trade in members),
            )
        )
    return tuple(rows)


def hour_of_day(trade: TradeRow) -> str:
    """Name the hour (UTC) in which a trade was opened: 00 to 23."""
    return f"{datetime.fromtimestamp(trade.opened_ms / 1000, UTC):%H}"


def deepest_fall(steps: Floats) -> float:
    """Return the deepest fall of a sum under its highest, 0 or more."""
    if not len(steps):
        return 0.0
    path = np.concatenate((np.zeros(1), np.cumsum(steps)))
    return float((np.maximum.accumulate(path) - path).max())


def _longest_losing_streak(r: Floats) -> int:
    runs = (len(list(run)) for lost, run in groupby(r < -SCRATCH_R) if lost)
    return max(runs, default=0)


def _period(trade: TradeRow, period: str) -> str:
    moment = datetime.fromtimestamp(trade.closed_ms / 1000, UTC)
    match period:
        case "month":
            return f"{moment:%Y-%m}"
        case "week":
            return f"{moment:%G-W%V}"
        case _:
            return f"{moment:%Y-%m-%d}"


def _floats(numbers: Iterable[object]) -> Floats:
    return np.array([float(str(number)) for number in numbers], dtype=np.float64)


def _mean(values: Floats) -> float | None:
    return float(values.mean()) if len(values) else None
