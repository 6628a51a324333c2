"""The route table: everything that can be asked of the engine, and who may ask it."""

from typing import Any

from actors.domain.messages import Role
from actors.domain.shown.exchange import ExchangeBudget
from actors.domain.shown.history import (
    AuditRow,
    IncidentRow,
    LogRow,
    SessionRow,
    TimelineStep,
    TradeRow,
)
from actors.domain.shown.money import RiskView
from actors.domain.shown.symbols import (
    DecisionRow,
    DepthView,
    DropRow,
    FunnelHour,
    SymbolDetail,
    SymbolRow,
)
from actors.domain.views import DifferenceRow, EngineMetrics, Status, WhyRow
from control import wire
from control.routes import bodies, door, now, past, performance, presets, query
from control.routes.orders import COMMAND_ROUTES
from control.routes.route import CSV, JSON, Route, read, write
from control.wire import answers
from control.wire import performance as figures

EITHER = (JSON, CSV)

ENGINE = (
    read("/api/engine/status", now.status, Status, also=("/engine/status",)),
    read(
        "/api/engine/commands",
        now.commands,
        answers.Commands,
        also=("/engine/commands",),
    ),
    read("/api/engine/metrics", now.metrics, EngineMetrics, also=("/engine/metrics",)),
    read(
        "/api/engine/resource-health",
        now.resource_health,
        answers.ResourceHealth,
        also=("/engine/resource-health",),
    ),
)

LIVE = (
    read("/api/symbols", now.symbols, answers.Items[SymbolRow]),
    read("/api/symbols/{symbol}", now.symbol, SymbolRow),
    read("/api/symbol-detail/{symbol}", now.symbol_detail, SymbolDetail),
    read(
        "/api/positions",
        now.positions,
        answers.Page[wire.PositionRow],
        query=query.Paged,
    ),
    read("/api/positions/{id}", now.position, wire.PositionRow),
    read("/api/orders", now.orders, answers.Page[wire.OrderRow], query=query.Paged),
    read("/api/orders/{id}/timeline", past.timeline, answers.Items[TimelineStep]),
    read("/api/orders/{id}", now.order, wire.OrderRow),
    read("/api/reconcile", now.differences, answers.Items[DifferenceRow]),
    read("/api/risk", now.risk, RiskView),
    read("/api/exchange", now.exchange, answers.Items[ExchangeBudget]),
    read("/api/state-machine", now.state_machine, answers.StateMachine),
    read(
        "/api/state-machine/transitions",
        now.transitions,
        answers.Items[wire.TransitionRow],
        query=query.Newest,
    ),
    read("/api/alerts", now.alerts, answers.Items[wire.AlertRow]),
)

SCANNER = (
    read("/api/scanner/last", now.best_symbols, answers.Items[SymbolRow]),
    read("/api/scanner/funnel", now.funnel, answers.Counts),
    read("/api/scanner/hours", now.funnel_hours, answers.Items[FunnelHour]),
    read("/api/scanner/drops", now.drops, answers.Items[DropRow]),
    read(
        "/api/scanner/market-data/{symbol}",
        now.market_snapshot,
        answers.MarketSnapshot,
    ),
    read("/api/why", now.why, answers.Items[WhyRow], query=query.Whys, refuses=(404,)),
    read(
        "/api/decisions/{symbol}",
        past.decisions,
        answers.Page[DecisionRow],
        query=query.Paged,
    ),
    read(
        "/api/charts/candles/{symbol}", now.candles, answers.Candles, query=query.Bars
    ),
    read("/api/charts/levels/{symbol}", now.levels, answers.Levels),
    read("/api/charts/depth/{symbol}", now.depth, DepthView),
    read("/api/charts/markers/{symbol}", now.markers, answers.Markers),
)


def _measure(name: str, act: Any, answer: Any, kind: Any = query.Span) -> Route:
    return read(f"/api/performance/{name}", act, answer, query=kind)


PERFORMANCE = (
    _measure("metrics", performance.summary, figures.Summary),
    _measure("equity", performance.equity, answers.Items[figures.EquityPoint]),
    _measure("r-distribution", performance.distribution, figures.Distribution),
    _measure("by-signal", performance.by_signal, answers.Items[figures.Group]),
    _measure("by-symbol", performance.by_symbol, answers.Items[figures.Group]),
    _measure("by-hour", performance.by_hour, answers.Items[figures.Group]),
    _measure("by-reason", performance.by_reason, answers.Items[figures.Group]),
    _measure(
        "daily", performance.periods, answers.Items[figures.PeriodRow], query.Periods
    ),
    read("/api/performance/divergence", performance.divergence, figures.Compared),
    read(
        "/api/performance/trades",
        performance.trades,
        answers.Items[TradeRow],
        query=query.Format,
        media=EITHER,
    ),
)

PRESETS = (
    read("/api/presets", presets.presets, answers.Items[answers.PresetRow]),
    read("/api/presets/{name}", presets.preset, answers.PresetShown, refuses=(409,)),
    write(
        "POST",
        "/api/presets/{name}/check",
        presets.check,
        answers.PresetVerdict,
        role=Role.OPERATOR,
        body=dict[str, Any],
        example={"name": "my_preset", "risk": {"risk_per_trade": 0.5}},
    ),
    write(
        "PUT",
        "/api/presets/{name}",
        presets.save,
        answers.PresetSaved,
        body=bodies.PresetEdit,
        body_shown=bodies.PresetEditShown,
        refuses=(409,),
    ),
)

RECORDS = (
    read(
        "/api/incidents",
        past.incidents,
        answers.Page[IncidentRow],
        query=query.Searched,
    ),
    read(
        "/api/logs",
        now.logs,
        answers.Items[LogRow],
        role=Role.OPERATOR,
        query=query.Lines,
    ),
    read(
        "/api/audit",
        past.audit,
        answers.Page[AuditRow],
        role=Role.OPERATOR,
        query=query.Exported,
        media=EITHER,
    ),
    read("/api/monitoring/diagnostics", now.diagnostics, answers.Diagnostics),
    read("/api/monitoring/sessions", past.sessions, answers.Items[SessionRow]),
    read("/api/monitoring/sessions/{id}", past.session, SessionRow),
)

DOOR = (
    read("/api/session", door.who, answers.Who),
    write(
        "POST",
        "/api/session",
        door.enter,
        answers.Who,
        role=None,
        body=bodies.SignIn,
        refuses=(401, 429),
        example={"token": "the secret that was shown once"},
    ),
    write("DELETE", "/api/session", door.leave, answers.Who, role=Role.VIEWER),
    write(
        "POST",
        "/api/session/ticket",
        door.ticket,
        answers.SocketTicket,
        role=Role.VIEWER,
    ),
    read("/api/tokens", door.tokens, answers.Items[answers.TokenRow], role=Role.ADMIN),
    write(
        "POST",
        "/api/tokens",
        door.make_token,
        answers.TokenMade,
        body=bodies.NewToken,
        refuses=(409,),
        example={"id": "phone", "role": "viewer", "days": 90},
    ),
    write("DELETE", "/api/tokens/{id}", door.revoke_token, wire.Reply, refuses=(409,)),
)

ROUTES: tuple[Route, ...] = (
    *ENGINE,
    *COMMAND_ROUTES,
    *LIVE,
    *SCANNER,
    *PERFORMANCE,
    *PRESETS,
    *RECORDS,
    *DOOR,
)
