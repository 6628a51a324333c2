"""How performance is answered; intervals are 95%, null where there is too little."""

from actors.domain.shown.divergence import Divergence
from control.wire.answers import Answer


class Figures(Answer, frozen=True):
    """What a number of trades came to, in R; R is the risk at entry."""

    n: int
    wins: int
    losses: int
    scratches: int
    win_rate: float | None
    win_rate_low: float | None  # Wilson
    win_rate_high: float | None
    mean_r: float | None
    mean_r_low: float | None  # percentile bootstrap with a fixed seed
    mean_r_high: float | None
    median_r: float | None
    sum_r: float
    pnl_usd: float
    mean_mae_r: float | None
    mean_mfe_r: float | None


class Group(Figures, frozen=True):
    """The trades that share one key: a signal, a symbol, an hour, an exit's reason."""

    key: str


class Summary(Figures, frozen=True):
    """All trades of a span."""

    fees_usd: float
    profit_factor: float | None  # null: nothing was lost
    expectancy_usd: float | None
    max_drawdown_usd: float
    max_drawdown_r: float
    max_drawdown_percent: float | None
    capture_ratio: float | None  # of the favourable excursion, what was kept
    average_hold_minutes: float | None
    longest_losing_streak: int


class EquityPoint(Answer, frozen=True):
    """Equity after a trade, and how far under its highest."""

    time_ms: int
    equity_usd: float
    drawdown_usd: float
    drawdown_percent: float | None


class Bin(Answer, frozen=True):
    """How many trades ended with from <= R < to."""

    from_r: float
    to_r: float
    count: int


class Distribution(Answer, frozen=True):
    """How R is distributed, and its mean with its interval."""

    items: tuple[Bin, ...]
    n: int
    mean_r: float | None
    low: float | None
    high: float | None


class PeriodRow(Answer, frozen=True):
    """One day (2026-11-28), ISO week (2026-W48) or month (2026-11), UTC."""

    period: str
    n: int
    pnl_usd: float
    pnl_r: float
    wins: int


class Compared(Answer, frozen=True):
    """The real exchange held against the shadow's paper account."""

    divergence: Divergence | None
    reason: str  # why there is none
