"""The spare places: beyond the caps only a halt by somebody with a token is served."""

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from actors.domain.messages import Role
from control.door.auth import bearer, includes
from control.door.fence import refuse
from control.door.gate import Gate
from control.door.transport import current_transport

HALTS = frozenset(
    {"stop", "pause", "panic-exit", "kill-switch"},
)
FLATTEN = "/api/flatten"
CLOSE = (b"connection", b"close")
RETRY = (b"retry-after", b"5")
FULL = "there are too many connections; in this one you can only halt"


class SpareFence:
    """Answers 503 in a spare place to everything but a halt; elsewhere is not there.

    `breakout ctl` halts over the WebSocket, so that is open too, to an operator; a
    spare place lasts only seconds.
    """

    def __init__(self, app: ASGIApp, *, gate: Gate) -> None:
        self._app = app
        self._gate = gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what comes over an ordinary place, or halts."""
        transport = current_transport.get()
        if transport is None or not transport.is_spare:
            await self._app(scope, receive, send)
        elif _is_halt(scope) and self._is_operator(scope):
            transport.is_proven = True
            await self._app(scope, receive, send)
        else:
            # The place must be free again: nobody stays in it to be refused.
            await refuse(scope, send, 503, FULL, CLOSE, RETRY)

    def _is_operator(self, scope: Scope) -> bool:
        secret = bearer(HTTPConnection(scope).headers.get("authorization"))
        found = None if secret is None else self._gate.tokens.principal(secret)
        return found is not None and includes(found.role, Role.OPERATOR)


def _is_halt(scope: Scope) -> bool:
    if scope["type"] == "websocket":
        return True
    path = str(scope["path"])
    if scope["method"] != "POST":
        return False
    group, _, name = path.rpartition("/")
    engine = group in {"/engine", "/api/engine"} and name in HALTS
    return engine or path == FLATTEN
