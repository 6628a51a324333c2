"""The page "Risk": limits, what is reserved, exposure, the kill switch, the day."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

from actors.domain import exposure, limits
from actors.domain.limits import Account, Day, Holding
from actors.domain.money import ZERO
from actors.domain.phases import KillPhase, Phase
from actors.domain.shown.money import (
    DayRow,
    ExposureRow,
    KillRow,
    LimitRow,
    ReservedRow,
    RiskView,
)
from actors.engine import Engine
from actors.risk.account.state import Visible, reserved
from actors.risk.orders.records import OrderRecord
from actors.showing.limits import limit_rows
from actors.showing.money import visible


class Risk:
    """Shows limits and what is used of them."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def view(self) -> RiskView:
        """The page in one answer, as of the last durable write."""
        state, seen = self._engine.risk_state, visible(self._engine)
        unrealized = sum((p.unrealized_usd for p in seen.positions.values()), ZERO)
        equity = seen.cash + unrealized
        entries = [o for o in seen.orders.values() if o.purpose == "entry"]
        held = exposure.holdings(
            seen.positions.values(), map(reserved, entries), state.instruments
        )
        at_risk = sum(
            (
                exposure.lost_at_stop(position, position.entry)
                for position in seen.positions.values()
            ),
            ZERO,
        )
        rows: tuple[LimitRow, ...] = ()
        in_r = None
        if state.preset is not None:
            now_ms = self._engine.clock.now_ms()
            account = Account(state.preset, seen.day, equity, held, now_ms)
            rows = limit_rows(account, state.instruments, state.market_seen)
            one_r = limits.r_usd(seen.day, state.preset.risk)
            in_r = at_risk / one_r if one_r > ZERO else None
        return RiskView(
            gate_open=state.gate_open,
            paused=seen.paused or seen.phase is Phase.PAUSED,
            settled=state.settled,
            day=_day(seen.day, equity, seen.cash),
            open_risk_usd=at_risk,
            open_risk_r=in_r,
            limits=rows,
            reserved=tuple(map(_reserved, entries)),
            by_side=_by(held, lambda one: one.side),
            by_bucket=_by(held, lambda one: one.bucket),
            kill=self._kill(seen),
            halted=state.without_entries(),
        )

    def _kill(self, seen: Visible) -> KillRow:
        kill = seen.kill
        if kill is None:
            return KillRow(KillPhase.ARMED, None, None, {}, ())
        done = kill.phase in {KillPhase.CONFIRMED_FLAT, KillPhase.LATCHED}
        return KillRow(
            phase=kill.phase,
            reason=kill.reason,
            triggered_ms=kill.triggered_ms,
            failures={s: e.failures for s, e in kill.efforts.items() if e.failures},
            left=() if done else self._left(seen),
        )

    def _left(self, seen: Visible) -> tuple[str, ...]:
        """Say what keeps the kill switch from being flat: ours, then what is not."""
        held = [f"position {p.net} {p.symbol}" for p in seen.positions.values()]
        live = [
            f"{o.purpose} {o.state} {o.request.symbol}" for o in seen.orders.values()
        ]
        theirs = [f"not ours: {one}" for one in self._engine.risk.kill.foreign]
        asked = () if held or live or theirs else ("the exchange is asked",)
        return (*held, *live, *theirs, *asked)


def _day(day: Day, equity: Decimal, cash: Decimal) -> DayRow:
    date = datetime.fromtimestamp(day.day * limits.DAY_MS / 1000, UTC).date()
    return DayRow(
        day=date.isoformat(),
        equity_at_start_usd=day.equity_at_start,
        equity_usd=equity,
        equity_high_usd=day.equity_high,
        kill_baseline_usd=day.kill_baseline,
        cash_usd=cash,
        realized_r=day.realized_r,
        consecutive_losses=day.consecutive_losses,
    )


def _reserved(order: OrderRecord) -> ReservedRow:
    left = reserved(order).unfilled
    return ReservedRow(
        order_id=order.intent,
        client_order_id=order.client_id,
        symbol=order.request.symbol,
        side=order.request.side,
        state=order.state,
        risk_usd=order.risk_usd * left,
        notional_usd=order.notional * left,
        since_ms=order.created_ms,
    )


def _by(
    held: tuple[Holding, ...], key: Callable[[Holding], str]
) -> tuple[ExposureRow, ...]:
    """Add up what is held and in flight."""
    groups: dict[str, list[Holding]] = {}
    for one in held:
        groups.setdefault(key(one), []).append(one)
    return tuple(
        ExposureRow(
            key=str(name),
            positions=len(ones),
            notional_usd=sum((one.notional for one in ones), ZERO),
            risk_usd=sum((one.risk_usd for one in ones), ZERO),
            loss_usd=sum((one.loss_usd for one in ones), ZERO),
        )
        for name, ones in sorted(groups.items())
    )
