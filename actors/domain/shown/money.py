"""What is shown of the account: limits, what is reserved, exposure, the kill switch."""

from decimal import Decimal

import msgspec

from actors.domain.phases import KillPhase


class LimitRow(msgspec.Struct, frozen=True, rename="camel"):
    """One limit and how much of it is used now, in flight and unknown included."""

    name: str  # total_risk, daily_loss_r, open_positions, ...
    used: Decimal | None  # None: UNKNOWN, which refuses
    limit: Decimal
    unit: str  # usd, r, positions, per_minute, percent, trades, bps
    blocks: bool  # an entry would be refused by it now
    detail: str  # a symbol, a side or a bucket where the limit is per one


class ReservedRow(msgspec.Struct, frozen=True, rename="camel"):
    """What an order that may still fill keeps reserved, at its worst case."""

    order_id: str
    client_order_id: str
    symbol: str
    side: str
    state: str
    risk_usd: Decimal
    notional_usd: Decimal
    since_ms: int


class ExposureRow(msgspec.Struct, frozen=True, rename="camel"):
    """What is held and in flight, added up over one side or one bucket."""

    key: str  # long, short, or a bucket's name
    positions: int
    notional_usd: Decimal
    risk_usd: Decimal
    loss_usd: Decimal  # still to come when every stop is hit


class KillRow(msgspec.Struct, frozen=True, rename="camel"):
    """The kill switch; its effort per symbol says what it is still trying."""

    phase: KillPhase
    reason: str | None
    triggered_ms: int | None
    failures: dict[str, int]  # symbol -> closes that were refused, vanished or stuck
    left: tuple[str, ...]  # what keeps it from CONFIRMED_FLAT, in words


class DayRow(msgspec.Struct, frozen=True, rename="camel"):
    """The account's day (UTC) and its baselines."""

    day: str  # 2026-11-28
    equity_at_start_usd: Decimal
    equity_usd: Decimal
    equity_high_usd: Decimal
    kill_baseline_usd: Decimal
    cash_usd: Decimal
    realized_r: Decimal
    consecutive_losses: int


class RiskView(msgspec.Struct, frozen=True, rename="camel"):
    """The page "Risk" in one answer; also the state topic `risk`."""

    gate_open: bool
    paused: bool
    settled: bool  # our truth was held against the exchange's since the start
    day: DayRow
    open_risk_usd: Decimal
    open_risk_r: Decimal | None
    limits: tuple[LimitRow, ...]
    reserved: tuple[ReservedRow, ...]
    by_side: tuple[ExposureRow, ...]
    by_bucket: tuple[ExposureRow, ...]
    kill: KillRow
    halted: dict[str, str]  # symbol -> why it takes no entries


class HealthLight(msgspec.Struct, frozen=True, rename="camel"):
    """One light of the overview."""

    name: str  # feed, exchange, journal, clock, loop_lag, memory, disk, control
    state: str  # ok, warn, bad, unknown
    value: str
    limit: str
    detail: str
