"""A journal in memory: what the control plane's reads of the past are tested with."""

from decimal import Decimal

from actors.domain.shown.history import (
    AuditRow,
    IncidentRow,
    SessionRow,
    TimelineStep,
    TradeRow,
)
from actors.domain.shown.symbols import DecisionRow

DAY_MS = 86_400_000
MINUTE_MS = 60_000
FIRST_MS = 1_700_000_000_000


def trade(
    serial: int, r: str, *, signal: str = "momentum", equity: str | None = None
) -> TradeRow:
    """One ended trade: R is 10 USD, one a day, held for `serial` + 1 minutes."""
    opened_ms = FIRST_MS + serial * DAY_MS
    won = Decimal(r)
    return TradeRow(
        id=f"p-{serial}",
        symbol="BTC/USDT" if serial % 2 else "ETH/USDT",
        side="long",
        signal=signal,
        opened_ms=opened_ms,
        closed_ms=opened_ms + (serial + 1) * MINUTE_MS,
        entry=Decimal("100.10"),
        exit=Decimal("101.20"),
        size=Decimal("1.5"),
        pnl_usd=won * 10,
        pnl_r=won,
        mae_r=Decimal("-0.5"),
        mfe_r=max(won, Decimal(0)) + Decimal("0.5"),
        fees_usd=Decimal("0.25"),
        reason="stop" if won < 0 else "take_profit",
        equity_after_usd=None if equity is None else Decimal(equity),
    )


class InMemoryHistory:
    """Implements `views.HistoryView`."""

    def __init__(self) -> None:
        self.ended: list[TradeRow] = []
        self.recorded: list[AuditRow] = []
        self.fault: Exception | None = None

    async def trades(self) -> tuple[TradeRow, ...]:
        self._fail()
        return tuple(self.ended)

    async def timeline(self, order_id: str) -> tuple[TimelineStep, ...]:
        if order_id not in {"i-1", "bx1-1"}:
            return ()
        step = TimelineStep(
            7, FIRST_MS, "intent", "PLANNED", Decimal(0), None, Decimal("1.5"), ""
        )
        return (step,)

    async def decisions(
        self, symbol: str, limit: int, before: int | None = None
    ) -> tuple[DecisionRow, ...]:
        first = 1000 if before is None else before - 1
        return tuple(
            DecisionRow(n, FIRST_MS, symbol, f"c-{n}", "scan", "volume", "1", "2")
            for n in range(first, max(first - limit, 0), -1)
        )

    async def audit(
        self, limit: int, before: int | None = None, search: str = ""
    ) -> tuple[AuditRow, ...]:
        rows = [
            row
            for row in reversed(self.recorded)
            if (before is None or row.seq < before)
            and any(search in str(getattr(row, f)) for f in row.__struct_fields__)
        ]
        return tuple(rows[:limit])

    async def incidents(
        self, limit: int, before: int | None = None, search: str = ""
    ) -> tuple[IncidentRow, ...]:
        row = IncidentRow(3, FIRST_MS, "error", "data", "feed", None, "late", "none")
        found = search in row.message and (before or 4) > 3
        return (row,)[:limit] if found else ()

    async def sessions(self) -> tuple[SessionRow, ...]:
        row = SessionRow(
            "s-1", FIRST_MS, None, "demo", "breakout_v1", "paper", None, {"signal": 1}
        )
        return (row,)

    async def record(
        self, who: str, what: str, before: str, after: str, result: str
    ) -> None:
        self._fail()
        seq = len(self.recorded) + 1
        self.recorded.append(AuditRow(seq, FIRST_MS, who, what, before, after, result))

    def _fail(self) -> None:
        if self.fault is not None:
            raise self.fault
