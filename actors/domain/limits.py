"""Account limits, checked before every entry against everything in flight.

An entry order that may still fill counts at its worst case, exactly like a position
(`actors.domain.exposure` says what that is). Limits stop entries only; nothing here is
ever asked about a reduction or a cancel. What caps an entry's size is
`actors.domain.caps`' matter, what its market must offer `actors.domain.market_limits`'.
"""

from decimal import Decimal

import msgspec

from actors.domain.bars import Instrument
from actors.domain.messages import Signal
from actors.domain.money import ONE, ZERO
from actors.domain.orders import Side
from config.preset import Preset, Risk

DAY_MS = 86_400_000
MINUTE_MS = 60_000
#: The account counts in dollars: what is quoted otherwise (BTC, EUR) would be added
#: up wrongly, so it is watched but not traded.
ACCOUNT_QUOTES = frozenset({"USD", "USDT", "USDC", "BUSD", "FDUSD", "TUSD", "DAI"})
#: A trade in R smaller than this is a scratch, not a loss.
SCRATCH_R = Decimal("0.05")
INFINITE = Decimal("Infinity")
#: The most that fees and funding take at once, of what is held or was traded.
COST_SHARE_MAX = Decimal("0.01")
#: Baselines are kept so exactly, in dollars.
CENT_SHARE = Decimal("0.000001")


class Holding(msgspec.Struct, frozen=True):
    """A position or an entry in flight, at its worst case."""

    symbol: str
    side: Side
    notional: Decimal
    risk_usd: Decimal  # from entry to stop
    loss_usd: Decimal  # still to come, from today's equity, when its stop is hit
    bucket: str  # correlated bucket


class Day(msgspec.Struct, frozen=True, kw_only=True):
    """The account's day (UTC) and the baselines that only a person may reset.

    `kill_baseline` is the equity at the start of the engine or of the last reset by a
    person. The engine never moves it, so that a loss of the limit always trips, and a
    profit never does.
    """

    day: int  # days since 1970 UTC
    equity_at_start: Decimal
    kill_baseline: Decimal
    equity_high: Decimal
    consecutive_losses: int = 0
    realized_r: Decimal = ZERO
    notional_by_symbol: tuple[tuple[str, Decimal], ...] = ()
    opens_ms: tuple[int, ...] = ()  # entries of the last minute
    released: Decimal | None = None  # equity at today's release of the kill switch


class Account(msgspec.Struct, frozen=True):
    """Everything a limit is measured against, at one moment."""

    preset: Preset
    day: Day
    equity: Decimal
    holdings: tuple[Holding, ...]
    now_ms: int


class Breach(msgspec.Struct, frozen=True):
    """A limit that refuses an entry: its name, the value (None: UNKNOWN), the limit."""

    reason: str
    value: Decimal | None
    threshold: Decimal

    @property
    def value_text(self) -> str:
        """The value as people read it."""
        return "UNKNOWN" if self.value is None else str(self.value)


def open_day(equity: Decimal, now_ms: int) -> Day:
    """Begin the account's first day; its equity is every baseline."""
    return Day(
        day=now_ms // DAY_MS,
        equity_at_start=equity,
        kill_baseline=equity,
        equity_high=equity,
    )


def roll(day: Day, equity: Decimal, now_ms: int) -> Day:
    """Move to the present UTC day if midnight has passed, and keep the equity high.

    A new day ends a losing streak, because a full one could never end otherwise: it
    forbids the entry that might win. The kill baseline stays.
    """
    high = max(day.equity_high, equity)
    if now_ms // DAY_MS <= day.day:
        return msgspec.structs.replace(day, equity_high=high)
    return msgspec.structs.replace(
        day,
        day=now_ms // DAY_MS,
        equity_at_start=equity,
        equity_high=high,
        consecutive_losses=0,
        realized_r=ZERO,
        notional_by_symbol=(),
        released=None,
    )


def opened(day: Day, symbol: str, notional: Decimal, now_ms: int) -> Day:
    """Count one sent entry."""
    traded = dict(day.notional_by_symbol)
    traded[symbol] = traded.get(symbol, ZERO) + notional
    recent = tuple(ms for ms in day.opens_ms if ms > now_ms - MINUTE_MS)
    return msgspec.structs.replace(
        day, notional_by_symbol=tuple(traded.items()), opens_ms=(*recent, now_ms)
    )


def closed(day: Day, result_r: Decimal) -> Day:
    """Count one ended trade."""
    losses = day.consecutive_losses
    if result_r < -SCRATCH_R:
        losses += 1
    elif result_r > SCRATCH_R:
        losses = 0
    return msgspec.structs.replace(
        day, consecutive_losses=losses, realized_r=day.realized_r + result_r
    )


def is_cost(day: Day, held: Decimal, amount: Decimal) -> bool:
    """Whether money that left unexplained may be a charge for what is traded.

    Fees and funding are charged on notional: at most COST_SHARE_MAX of what is `held`
    or was traded today. They count as losses; more than that was withdrawn.
    """
    traded = sum((notional for _, notional in day.notional_by_symbol), ZERO)
    return ZERO < -amount <= COST_SHARE_MAX * (held + traded)


def moved(day: Day, equity: Decimal, amount: Decimal) -> Day:
    """Move every baseline with money that was paid in or withdrawn.

    They keep their ratio to the equity, as a time-weighted return does: a transfer is
    neither profit nor loss, and uses up or frees no share of a limit. Where nothing
    would be left they stay, so that the limits stop what is open.
    """
    if equity <= ZERO or equity + amount <= ZERO:
        return day
    ratio = (equity + amount) / equity
    released = day.released
    return msgspec.structs.replace(
        day,
        equity_at_start=(day.equity_at_start * ratio).quantize(CENT_SHARE),
        kill_baseline=(day.kill_baseline * ratio).quantize(CENT_SHARE),
        equity_high=(day.equity_high * ratio).quantize(CENT_SHARE),
        released=released and (released * ratio).quantize(CENT_SHARE),
    )


def released(day: Day, equity: Decimal) -> Day:
    """Take the equity of now for what the kill switch measures losses against.

    What limits entries does not move: the day's loss goes on counting for them.
    """
    return msgspec.structs.replace(day, kill_baseline=equity, released=equity)


def day_loss(day: Day, equity: Decimal) -> Decimal:
    """Today's loss in money; a profit is no loss and frees no budget."""
    return max(ZERO, day.equity_at_start - equity)


def kill_loss(day: Day, equity: Decimal) -> Decimal:
    """Loss against the kill baseline in money."""
    return max(ZERO, day.kill_baseline - equity)


def r_usd(day: Day, risk: Risk) -> Decimal:
    """Money of one R of today: the planned risk of a trade at the day's start."""
    return day.equity_at_start * risk.risk_per_trade


def loss_by_r(day: Day, risk: Risk, at_risk: Decimal = ZERO) -> Decimal:
    """Today's loss by its R, in money of today's R, as if `at_risk` were lost too."""
    return max(ZERO, at_risk - day.realized_r * r_usd(day, risk))


def kill_rows(
    day: Day, equity: Decimal, risk: Risk
) -> tuple[tuple[str, Decimal, Decimal], ...]:
    """What trips the kill switch: the loss, its value, the value at which it trips."""
    since = day.equity_at_start if day.released is None else day.released
    return (
        (
            "kill_drawdown",
            kill_loss(day, equity),
            day.kill_baseline * risk.kill_switch_loss_limit,
        ),
        (
            "kill_daily_loss",
            max(ZERO, since - equity),
            day.equity_at_start * risk.daily_risk_limit * 3,
        ),
    )


def kill_reason(day: Day, equity: Decimal, risk: Risk) -> str | None:
    """Say why the kill switch must trip, or None."""
    drawdown, daily = kill_rows(day, equity, risk)
    _, lost, drawdown_max = drawdown
    if lost >= drawdown_max:
        return f"drawdown {lost:.2f} has reached its limit {drawdown_max:.2f}"
    _, today, today_max = daily
    if today >= today_max:
        return f"daily loss {today:.2f} has reached 3 x its limit, {today_max:.2f}"
    return None


def bucket_of(instrument: Instrument, side: Side) -> str:
    """Name the correlated bucket of a trade.

    Without measured correlations every coin counts as one bet with the others on the
    same side (UNKNOWN fails closed); the benchmark's own base is no exception.
    """
    return f"{correlated_group(instrument)}-{side}"


def correlated_group(instrument: Instrument) -> str:
    """Name what an instrument moves together with, whatever the side."""
    return instrument.quote


def breach(account: Account, signal: Signal) -> Breach | None:
    """Return the first limit that refuses this entry, or None."""
    for reason, value, threshold in account_rows(account, signal.symbol):
        if value >= threshold:
            return Breach(reason, value, threshold)
    return None


def account_rows(
    account: Account, symbol: str
) -> tuple[tuple[str, Decimal, Decimal], ...]:
    """Every account limit: its name, its value, the value at which it refuses."""
    risk, day, equity = account.preset.risk, account.day, account.equity
    held = account.holdings
    opens = sum(1 for ms in day.opens_ms if ms > account.now_ms - MINUTE_MS)
    in_symbol = sum(1 for h in held if h.symbol == symbol)
    at_risk = sum((h.risk_usd for h in held), ZERO)
    # What is held or in flight with something to lose may be the next loss in a row.
    losses = day.consecutive_losses + sum(1 for h in held if h.risk_usd > ZERO)
    return (
        ("duplicate_position", Decimal(in_symbol), ONE),
        ("max_positions", Decimal(len(held)), Decimal(risk.max_concurrent_positions)),
        (
            "daily_loss",
            day_loss(day, equity),
            day.equity_at_start * risk.daily_risk_limit,
        ),
        (
            "daily_loss_r",
            max(ZERO, -day.realized_r),
            risk.daily_loss_r_max or INFINITE,
        ),
        (
            "drawdown",
            kill_loss(day, equity),
            day.kill_baseline * risk.kill_switch_loss_limit,
        ),
        ("consecutive_losses", Decimal(losses), Decimal(risk.max_consecutive_losses)),
        ("opens_per_minute", Decimal(opens), Decimal(risk.max_opens_per_minute)),
        ("total_risk", at_risk, equity * risk.max_total_risk),
    )
