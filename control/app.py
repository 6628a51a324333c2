"""The route table: everything that can be asked of the engine, and who may ask it.

`build_app` makes the application; `control.door.fence.fenced` goes round it.
"""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute

from actors.domain.views import EngineView
from actors.runtime.clock import Clock
from control.answers import Answers
from control.commands import Commander
from control.console import console_routes
from control.door.gate import Gate
from control.door.signin import SignInRoutes
from control.endpoints import Endpoints
from control.live.hub import Hub
from control.live.stream import Stream
from control.queries import Queries


def build_app(engine: EngineView, hub: Hub, gate: Gate, clock: Clock) -> Starlette:
    """Lay out every route. The caller runs `hub.run` and owns the four arguments."""
    answers = Answers(clock)
    commander = Commander(engine, gate, clock)
    queries = Queries(engine)
    ends = Endpoints(gate, answers, commander)
    signing = SignInRoutes(gate, answers)
    stream = Stream(hub, engine, gate, commander, answers)
    return Starlette(
        routes=[
            Mount("/api/engine", routes=engine_routes(queries, ends)),
            Mount("/engine", routes=engine_routes(queries, ends)),
            *read_routes(queries, ends),
            *session_routes(signing, answers),
            ends.open("/health/live", engine.live),
            ends.open("/health/ready", engine.ready),
            WebSocketRoute("/ws", stream.endpoint),
            *console_routes(),
        ],
        exception_handlers={HTTPException: answers.missing},
    )


def engine_routes(queries: Queries, ends: Endpoints) -> list[BaseRoute]:
    """List the engine group: a viewer reads, an operator commands."""
    return [
        ends.read("/status", queries.status),
        ends.read("/commands", queries.commands),
        ends.read("/metrics", queries.metrics),
        ends.read("/resource-health", queries.resource_health),
        ends.act("/start", "start"),
        ends.act("/stop", "stop"),
        ends.act("/pause", "pause"),
        ends.act("/resume", "resume"),
        ends.act("/reload", "reload"),
        ends.act("/retry", "retry"),
        ends.act("/reset", "reset"),
        ends.act("/time-stop", "time_stop"),
        ends.act("/panic-exit", "panic_exit"),
        ends.act("/kill-switch", "kill_switch"),
        ends.act_by_name("/command"),
    ]


def read_routes(queries: Queries, ends: Endpoints) -> list[BaseRoute]:
    """List what else a viewer reads."""
    return [
        ends.read("/api/symbols", queries.symbols),
        ends.read("/api/symbols/{symbol:path}", queries.symbol),
        ends.read("/api/positions", queries.positions),
        ends.read("/api/orders", queries.orders),
        ends.read("/api/reconcile", queries.differences),
        ends.read("/api/why", queries.why),
        ends.read("/api/scanner/funnel", queries.funnel),
        ends.read("/api/charts/levels/{symbol:path}", queries.levels),
        ends.read("/api/state-machine", queries.state_machine),
        ends.read("/api/state-machine/transitions", queries.transitions),
        ends.read("/api/alerts", queries.alerts),
        ends.read("/api/monitoring/diagnostics", queries.diagnostics),
    ]


def session_routes(signing: SignInRoutes, answers: Answers) -> list[BaseRoute]:
    """List the browser's way in."""
    guarded = answers.guarded
    return [
        Route("/api/session", guarded(signing.who), methods=["GET"]),
        Route("/api/session", guarded(signing.enter), methods=["POST"]),
        Route("/api/session", guarded(signing.leave), methods=["DELETE"]),
        Route("/api/session/ticket", guarded(signing.ticket), methods=["POST"]),
    ]
