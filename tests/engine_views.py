"""What the test engine shows beside its book: fixed rows that a test can recognise."""

from decimal import Decimal

from actors.domain.findings import LevelView
from actors.domain.phases import KillPhase
from actors.domain.shown.divergence import (
    Divergence,
    DivergenceTotals,
    Execution,
    OrderDivergence,
    SlippageSpread,
    TradeDivergence,
)
from actors.domain.shown.exchange import ExchangeBudget
from actors.domain.shown.history import LogRow
from actors.domain.shown.machine import ActorRow, EngineNumbers
from actors.domain.shown.money import (
    DayRow,
    ExposureRow,
    HealthLight,
    KillRow,
    LimitRow,
    ReservedRow,
    RiskView,
)
from actors.domain.shown.symbols import (
    Candle,
    DepthLevel,
    DepthView,
    DropRow,
    FunnelHour,
    Marker,
    SymbolDetail,
    SymbolRow,
)
from config.library import PresetLibrary

MINUTE_MS = 60_000
NEWEST_MS = 1_700_000_040_000
CANDLES = 300
#: The second symbol's book is UNKNOWN.
BLIND = "ETH/USDT"

DAY = DayRow(
    day="2023-11-14",
    equity_at_start_usd=Decimal(10_000),
    equity_usd=Decimal("10000.9"),
    equity_high_usd=Decimal(10_010),
    kill_baseline_usd=Decimal(10_000),
    cash_usd=Decimal("9849.75"),
    realized_r=Decimal("0.5"),
    consecutive_losses=1,
)
LIMITS = (
    LimitRow("open_positions", Decimal(1), Decimal(3), "positions", False, ""),
    LimitRow("correlation", None, Decimal("0.6"), "ratio", True, "bucket long"),
)
RESERVED = ReservedRow(
    order_id="i-1",
    client_order_id="bx1-1",
    symbol="BTC/USDT",
    side="long",
    state="UNKNOWN",
    risk_usd=Decimal("0.9"),
    notional_usd=Decimal("150.15"),
    since_ms=NEWEST_MS,
)
REAL = Execution(1.0, Decimal("100.10"), Decimal("0.05"), 300, "filled")
PAPER = Execution(0.5, Decimal(100), Decimal("0.025"), 50, "band")
SHADOW = Divergence(
    since_ms=NEWEST_MS - MINUTE_MS,
    until_ms=NEWEST_MS,
    totals=DivergenceTotals(
        orders=1,
        trades=1,
        asked=1,
        real_fill_rate=1.0,
        paper_fill_rate=0.5,
        slippage=SlippageSpread(1, 10.0, 10.0, 10.0),
        fee=Decimal("0.025"),
        difference_usd=Decimal("-0.15"),
    ),
    orders=(
        OrderDivergence(
            client_order_id="bx1-1",
            symbol="BTC/USDT",
            side="long",
            kind="market",
            reduce_only=False,
            sent_ms=NEWEST_MS - 5_000,
            real=REAL,
            paper=PAPER,
            slippage_bps=10.0,
            first_fill_ms=250,
            fee=Decimal("0.025"),
        ),
    ),
    trades=(
        TradeDivergence(
            symbol="BTC/USDT",
            side="long",
            opened_ms=NEWEST_MS - 5_000,
            closed_ms=NEWEST_MS - 1_000,
            orders=1,
            real_usd=Decimal("-0.10"),
            paper_usd=Decimal("0.05"),
            difference_usd=Decimal("-0.15"),
            left_quantity=Decimal("0.5"),
        ),
    ),
    uncompared={"the shadow failed": 1},
    faults=1,
    last_fault="AssertionError: a test",
    off=False,
)
BUDGET = ExchangeBudget(
    exchange="binanceusdm",
    weight_used=1_200,
    weight_limit=2_400,
    weight_entry_limit=2_040,
    weight_others=100,
    window_seconds=60.0,
    orders_used=3,
    orders_limit=300,
    waiting={"protect": 0, "entry": 2},
    banned_until_ms=NEWEST_MS,
    ban_reason="banned (HTTP 418)",
    breaker="half-open",
    breaker_left_seconds=0.0,
    failures={"server error": 5},
    trouble="banned",
    no_entries="binanceusdm is not asked for another 121 s",
    requests=700,
    faults={"banned": 1, "network": 4},
    retries=6,
    refused=8,
    last_refusal="binanceusdm is not asked for another 121 s",
    last_refusal_ms=NEWEST_MS,
)
LONG = ExposureRow("long", 1, Decimal("150.15"), Decimal("0.9"), Decimal("0.9"))


class ShownEngine:
    """The reads of `EngineView` that depend on nothing but the symbol."""

    rows: dict[str, SymbolRow]
    lines: list[LogRow]
    killed: KillPhase = KillPhase.ARMED
    presets = PresetLibrary()
    shadow: Divergence | None = SHADOW
    budgets: tuple[ExchangeBudget, ...] = (BUDGET,)

    def library(self) -> PresetLibrary:
        return self.presets

    def levels(self, symbol: str) -> tuple[LevelView, ...]:
        level = LevelView(1, 101.5, "donchian", 1, 0.8, 3, 10, 20, "fresh")
        return (level,) if symbol in self.rows else ()

    def detail(self, symbol: str) -> SymbolDetail | None:
        row = self.rows.get(symbol)
        if row is None:
            return None
        return SymbolDetail(
            row=row,
            timeframe_ms=MINUTE_MS,
            tick_size=Decimal("0.1"),
            lot_size=Decimal("0.001"),
            candle=self.candles(symbol, 1)[-1],
            levels=self.levels(symbol),
            depth=self.depth(symbol),
            correlation_bucket="majors",
        )

    def candles(
        self, symbol: str, limit: int, timeframe_ms: int | None = None
    ) -> tuple[Candle, ...]:
        span_ms = timeframe_ms or MINUTE_MS
        if span_ms % MINUTE_MS:
            msg = f"{span_ms} ms is no whole number of {MINUTE_MS} ms bars"
            raise ValueError(msg)
        count = min(limit, CANDLES * MINUTE_MS // span_ms)
        price = self.rows[symbol].last_price or 100.0
        return tuple(
            Candle(NEWEST_MS - back * span_ms, price, price + 1, price - 1, price, 5.0)
            for back in reversed(range(count))
        )

    def depth(self, symbol: str) -> DepthView | None:
        if symbol == BLIND:
            return None
        bids, asks = (DepthLevel(99.9, 2.0),), (DepthLevel(100.1, 3.0),)
        return DepthView(symbol, NEWEST_MS, True, bids, asks, 20.0)

    def markers(self, symbol: str) -> tuple[Marker, ...]:
        price = Decimal("100.10")
        return (Marker(NEWEST_MS, "entry", "long", price, Decimal(1), symbol, "p-1"),)

    def funnel_hours(self) -> tuple[FunnelHour, ...]:
        return (FunnelHour(1_699_999_200_000, 10, 3, 1, 1, 0, {"scan:volume": 7}),)

    def drops(self) -> tuple[DropRow, ...]:
        return (DropRow("scan", "volume", 7, "BTC/USDT", "1", "2", NEWEST_MS),)

    def risk(self) -> RiskView:
        kill = KillRow(self.killed, None, None, {}, ())
        return RiskView(
            gate_open=True,
            paused=False,
            settled=True,
            day=DAY,
            open_risk_usd=Decimal("0.9"),
            open_risk_r=None,
            limits=LIMITS,
            reserved=(RESERVED,),
            by_side=(LONG,),
            by_bucket=(LONG,),
            kill=kill,
            halted={},
        )

    def divergence(self) -> Divergence | None:
        return self.shadow

    def exchange_budgets(self) -> tuple[ExchangeBudget, ...]:
        return self.budgets

    def lights(self) -> tuple[HealthLight, ...]:
        return (HealthLight("feed", "ok", "20 ms", "5000 ms", ""),)

    def actors(self) -> tuple[ActorRow, ...]:
        return (ActorRow("risk", "engine", "running", 0, 1, 256, 7, None),)

    def numbers(self) -> EngineNumbers:
        return EngineNumbers(
            bars=10,
            candidates=3,
            signals=1,
            entries=1,
            trades=0,
            crashes=0,
            dead_letters=0,
            alerts={"warning": 1},
            orders={"OPEN": 1},
            outcomes={"placed": 1},
            journal_rows=5,
            journal_commits=2,
            journal_waiting=0,
            journal_commit_seconds_last=0.001,
            journal_bytes=4096,
            loop_lag_ms=0.4,
            feed_age_ms_max=20,
            stale_symbols=0,
            quarantined_symbols=0,
        )

    def logs(self, after: int, limit: int) -> tuple[LogRow, ...]:
        return tuple(line for line in self.lines if line.number > after)[:limit]
