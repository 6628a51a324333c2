"""How every answer leaves: JSON in the contract's shape, a fault without its detail."""

import math
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from actors.domain.messages import CommandAnswer
from actors.runtime.clock import Clock
from control import wire
from control.errors import Refused

Endpoint = Callable[[Request], Awaitable[Response]]

log = structlog.get_logger("control")


class Answers:
    """Makes responses, and turns what is raised into one."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._started_ms = clock.now_ms()
        self._incidents = 0

    def now_ms(self) -> int:
        """Return the time that answers are stamped with."""
        return self._clock.now_ms()

    def json(self, body: Any, status: int = 200) -> Response:
        """Answer with a value."""
        return Response(
            wire.encode(body),
            status,
            {"cache-control": "no-store"},
            media_type="application/json",
        )

    def refusal(self, refused: Refused) -> Response:
        """Answer a refusal with its status and, where it helps, Retry-After."""
        stamp = wire.iso(self._clock.now_ms())
        response = self.json(wire.Reply(False, refused.message, stamp), refused.status)
        if refused.status == 401:
            response.headers["www-authenticate"] = "Bearer"
        if refused.retry_seconds is not None:
            response.headers["retry-after"] = str(math.ceil(refused.retry_seconds))
        return response

    def command(self, answer: CommandAnswer) -> Response:
        """Answer a command with the engine's own words and status."""
        reply = wire.Reply(answer.ok, answer.message, wire.iso(answer.ts_ms))
        response = self.json(reply, answer.code)
        response.headers["x-command-id"] = answer.id
        if answer.code == 503:
            response.headers["retry-after"] = "1"
        return response

    async def missing(self, request: Request, error: Exception) -> Response:
        """Answer what the router refuses: no such path, no such method."""
        assert isinstance(error, HTTPException)
        detail = f"{request.method} {request.url.path}: {error.detail}"
        response = self.refusal(Refused(error.status_code, detail))
        response.headers.update(error.headers or {})
        return response

    def incident(self, error: Exception, where: str) -> Refused:
        """Log a fault under a new incident id and return what may be told of it."""
        self._incidents += 1
        incident = f"x-{self._started_ms}-{self._incidents}"
        log.error("incident", incident=incident, where=where, exc_info=error)
        return Refused(500, f"internal fault; incident {incident} is in the log")

    def guarded(self, endpoint: Endpoint) -> Endpoint:
        """Wrap an endpoint so that it always answers."""

        async def answer(request: Request) -> Response:
            try:
                return await endpoint(request)
            except Refused as refused:
                return self.refusal(refused)
            except Exception as error:  # noqa: BLE001 - the connection guard: whatever fails here must not reach the server
                where = f"{request.method} {request.url.path}"
                return self.refusal(self.incident(error, where))

        return answer
