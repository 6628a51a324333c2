"""One row of the route table: all that is known of a route, as data.

From these rows come the application's routes, the role check, the OpenAPI document
and the tests' matrix of routes and roles. So none of them can forget a route.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from actors.domain.errors import JournalError
from actors.domain.messages import Role
from actors.domain.views import EngineView, HistoryView
from control.answers import Answers
from control.door.auth import Principal
from control.door.gate import Gate
from control.door.keys import Keys

JSON = "application/json"
CSV = "text/csv"


class House(msgspec.Struct, frozen=True):
    """What a route may use: the engine's two faces, the gate and the answers."""

    engine: EngineView
    history: HistoryView
    gate: Gate
    answers: Answers
    keys: Keys

    async def record(
        self, call: "Call", what: str, before: str, after: str, result: str
    ) -> None:
        """Audit an act that no actor carries out: who, what, before, after, end."""
        assert call.principal is not None, "only who has signed in acts"
        await self.audit(call.principal.signature, what, before, after, result)

    async def audit(
        self, who: str, what: str, before: str, after: str, result: str
    ) -> None:
        """Write an audit row; that it could not be written is an incident.

        The act is done by then and its maker must hear so: a token whose secret was
        never shown would be worse than a row that is missing, and nobody may be kept
        from signing in by a journal in trouble.
        """
        try:
            await self.history.record(who, what, before, after, result)
        except JournalError as error:
            self.answers.incident(error, f"audit of {what!r} by {who}")


class Call(msgspec.Struct, frozen=True):
    """One request, checked: who asks, and what is in its path, query and body."""

    request: Request
    principal: Principal | None  # None: the route asks for nobody
    path: dict[str, str]
    query: Any  # the row's query struct
    body: Any  # the row's body struct


Act = Callable[[House, Call], Any | Awaitable[Any]]


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """One method of one path.

    What a route needs no word for: 401 and 429 come with a role, 408, 413 and 415 with
    a body, 404 with a place in the path, and 400, 403, 500 and 503 with everything.
    """

    method: str
    path: str
    role: Role | None  # None: anybody
    summary: str
    answer: Any  # the type of a 200; None: `act` makes its own Response
    act: Act | None = None
    command: str | None = None  # instead of `act`: the engine decides
    query: type[msgspec.Struct] | None = None
    body: Any = None
    body_shown: Any = None  # what documents say of the body, where that is more
    media: tuple[str, ...] = (JSON,)
    refuses: tuple[int, ...] = ()
    also: tuple[str, ...] = ()  # the same under another path
    example: Any = None  # of the body

    @property
    def is_command(self) -> bool:
        """Whether the risk actor decides: paced by its name, audited by the actor."""
        return self.command is not None

    @property
    def paths(self) -> tuple[str, ...]:
        """Every path that it answers at."""
        return (self.path, *self.also)

    @property
    def statuses(self) -> tuple[int, ...]:
        """Every status that it may answer with, 200 first."""
        # A foreign Host or Origin, a fault, no place left.
        found = {400, 403, 500, 503, *self.refuses}
        if self.role is not None:
            found |= {401, 429}
        if self.body is not None or self.method in {"POST", "PUT", "DELETE"}:
            found |= {408, 413, 415}
        if "{" in self.path:
            found |= {404}
        return (200, *sorted(found))


def read(  # noqa: PLR0913 - a row of the table, each column with its name
    path: str,
    act: Act,
    answer: Any,
    *,
    role: Role | None = Role.VIEWER,
    query: type[msgspec.Struct] | None = None,
    media: tuple[str, ...] = (JSON,),
    refuses: tuple[int, ...] = (),
    also: tuple[str, ...] = (),
) -> Route:
    """Make the row of a read; its summary is the function's own first line."""
    return Route(
        method="GET",
        path=path,
        role=role,
        summary=first_line(act),
        answer=answer,
        act=act,
        query=query,
        media=media,
        refuses=refuses,
        also=also,
    )


def write(  # noqa: PLR0913 - a row of the table, each column with its name
    method: str,
    path: str,
    act: Act,
    answer: Any,
    *,
    role: Role | None = Role.ADMIN,
    body: Any = None,
    body_shown: Any = None,
    refuses: tuple[int, ...] = (),
    example: Any = None,
) -> Route:
    """Make the row of an act that no actor carries out."""
    return Route(
        method=method,
        path=path,
        role=role,
        summary=first_line(act),
        answer=answer,
        act=act,
        body=body,
        body_shown=body_shown,
        refuses=refuses,
        example=example,
    )


def first_line(act: Any) -> str:
    """Return the first line of a docstring; every route has one."""
    assert act.__doc__, f"{act} has no docstring: a route must say what it does"
    return str(act.__doc__).strip().splitlines()[0]


__all__ = ["CSV", "JSON", "Act", "Call", "House", "Response", "Route", "read", "write"]
