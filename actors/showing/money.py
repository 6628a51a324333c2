"""The account: status, metrics, positions, orders, and time without stops."""

import time
from datetime import UTC, datetime
from decimal import Decimal

from actors.domain import ledger
from actors.domain.messages import OrderView, PositionView
from actors.domain.views import EngineMetrics, Status, UnprotectedTime
from actors.engine import Engine
from actors.risk.account.state import Visible
from actors.risk.holding.unprotected import stop_confirmed


def iso(ms: int) -> str:
    """Tell a time as ISO 8601 UTC with milliseconds and Z."""
    moment = datetime.fromtimestamp(ms / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def visible(engine: Engine) -> Visible:
    """What is on the disk: a crash now would find all of it again."""
    seen = engine.risk_state.visible
    assert seen is not None, "the first desk has shown something"
    return seen


class Money:
    """Shows the account."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._began_ns = time.perf_counter_ns()

    def status(self) -> Status:
        """The nine fields of GET /status."""
        state, seen = self._engine.risk_state, visible(self._engine)
        preset = state.preset
        slots = 0
        if preset is not None:
            slots = preset.risk.max_concurrent_positions - len(state.holdings())
        return Status(
            state=seen.phase,
            preset=None if preset is None else preset.name,
            mode=state.mode,
            started_at=None if state.started_ms is None else iso(state.started_ms),
            slots=max(0, slots),
            open_positions=len(seen.positions),
            latency_ms=self._engine.latency.mean_ms(),
            daily_r=float(seen.day.realized_r),
            consecutive_losses=seen.day.consecutive_losses,
        )

    def metrics(self) -> EngineMetrics:
        """The seven fields of GET /metrics."""
        state = self._engine.risk_state
        unit = state.book.day.kill_baseline * (
            Decimal("0.01")
            if state.preset is None
            else state.preset.risk.risk_per_trade
        )
        return EngineMetrics(
            uptime=(time.perf_counter_ns() - self._began_ns) / 1e9,
            cycle_count=state.counts["cycles"],
            avg_latency_ms=self._engine.latency.mean_ms(),
            total_signals=state.counts["signals"],
            total_trades=state.counts["trades"],
            daily_pnl_r=float(visible(self._engine).day.realized_r),
            max_drawdown_r=float(state.book.max_drawdown / unit),
        )

    def unprotected(self) -> UnprotectedTime:
        """For how long positions were held without confirmed stops, market time."""
        seen, now_ms = visible(self._engine), self._engine.clock.now_ms()
        open_ms = [
            max(0, now_ms - position.gaps.since_ms)
            for position in seen.positions.values()
            if position.gaps.since_ms is not None
        ]
        total_ms = seen.unprotected_ms + sum(open_ms)
        longest_ms = max([seen.unprotected_longest_ms, *open_ms])
        return UnprotectedTime(len(open_ms), total_ms / 1000, longest_ms / 1000)

    def positions(self) -> tuple[PositionView, ...]:
        """Open positions, then the newest closed ones."""
        seen, mode = visible(self._engine), self._engine.risk_state.mode
        instruments = self._engine.risk_state.instruments
        opened = tuple(
            ledger.view(
                p,
                mode,
                stop_confirmed=stop_confirmed(
                    p, seen.orders, instruments[p.symbol].lot_size
                ),
                equity=seen.equities.get(p.correlation),
            )
            for p in seen.positions.values()
        )
        closed = tuple(
            ledger.view(
                p,
                mode,
                stop_confirmed=False,
                equity=seen.equities.get(p.correlation),
            )
            for p in reversed(seen.closed)
        )
        return opened + closed

    def orders(self) -> tuple[OrderView, ...]:
        """Live orders, then the newest ended ones."""
        seen = visible(self._engine)
        live = tuple(order.view() for order in seen.orders.values())
        return live + tuple(order.view() for order in reversed(seen.ended))
