"""A browser's sign-in: a token or a link's ticket becomes a cookie; and its end."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from actors.domain.messages import Role
from control.answers import Answers
from control.commands import read_body, typed
from control.door.gate import Gate
from control.door.sessions import SESSION_SECONDS, SOCKET_SECONDS
from control.errors import Refused


class SignIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """POST /api/session: one of the two."""

    token: str | None = None
    ticket: str | None = None


class SignInRoutes:
    """What a browser does with its session."""

    def __init__(self, gate: Gate, answers: Answers) -> None:
        self._gate = gate
        self._answers = answers

    async def enter(self, request: Request) -> Response:
        """Exchange a token or a link's ticket for a session cookie."""
        self._gate.from_own_page(request)
        given = typed(read_body(await request.body()), SignIn, "sign-in")
        match given:
            case SignIn(token=str(token), ticket=None):
                found = self._gate.tokens.principal(token.encode())
            case SignIn(token=None, ticket=str(ticket)):
                found = self._gate.sessions.enter(ticket)
            case _:
                raise Refused(400, "sign-in: give either `token` or `ticket`")
        principal = self._gate.proven(request, found)
        response = self._answers.json({"id": principal.id, "role": principal.role})
        response.set_cookie(
            self._gate.cookie,
            self._gate.sessions.begin(principal),
            max_age=int(SESSION_SECONDS),
            secure=self._gate.settings.secure,
            httponly=True,
            samesite="strict",
        )
        return response

    async def who(self, request: Request) -> Response:
        """Tell a client who it is."""
        principal = self._gate.admit(request, Role.VIEWER)
        return self._answers.json({"id": principal.id, "role": principal.role})

    async def leave(self, request: Request) -> Response:
        """End the session."""
        principal = self._gate.admit(request, Role.VIEWER)
        self._gate.sessions.end(principal)
        response = self._answers.json({"id": None, "role": None})
        response.delete_cookie(
            self._gate.cookie,
            secure=self._gate.settings.secure,
            httponly=True,
            samesite="strict",
        )
        return response

    async def ticket(self, request: Request) -> Response:
        """Make the one-use ticket for a WebSocket of this session."""
        principal = self._gate.admit(request, Role.VIEWER)
        if principal.session is None:
            msg = "tickets are for browsers; send the token with the handshake instead"
            raise Refused(400, msg)
        made = self._gate.sessions.socket_ticket(principal)
        return self._answers.json({"ticket": made, "seconds": SOCKET_SECONDS})
