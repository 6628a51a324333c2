"""Endpoints made from the rows of the table: each admits, acts once, answers."""

import inspect
from collections.abc import Callable
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as Served

from actors.domain.messages import CommandAnswer
from control.answers import Answers
from control.commands import (
    HALTING,
    CommandBody,
    Commander,
    read_body,
    typed,
)
from control.door.auth import Principal
from control.door.gate import Gate
from control.errors import Refused
from control.routes.orders import ANY
from control.routes.query import Query, asked
from control.routes.route import Call, House, Route


class Endpoints:
    """Makes Starlette's routes from the table's."""

    def __init__(self, house: House, commander: Commander) -> None:
        self._house = house
        self._gate: Gate = house.gate
        self._answers: Answers = house.answers
        self._commander = commander

    def served(self, table: tuple[Route, ...]) -> list[Served]:
        """Give each path of the table one endpoint for all its methods."""
        paths: dict[str, dict[str, Route]] = {}
        for route in table:
            for path in route.paths:
                paths.setdefault(path, {})[route.method] = route
        return [self._path(path, methods) for path, methods in paths.items()]

    def open(self, path: str, is_well: Callable[[], bool]) -> Served:
        """Answer 200 or 503 to anybody, without a word more."""

        async def endpoint(request: Request) -> Response:
            self._gate.pace_address(request)
            if is_well():
                return self._answers.json({"ok": True})
            return self._answers.json({"ok": False}, 503)

        return Served(path, self._answers.guarded(endpoint), methods=["GET"])

    def paced(self, route: Served) -> Served:
        """Serve what is open to anybody, so often for each address."""

        async def endpoint(request: Request) -> Response:
            self._gate.pace_address(request)
            answer: Response = await route.endpoint(request)
            return answer

        return Served(route.path, self._answers.guarded(endpoint), methods=["GET"])

    def _path(self, path: str, methods: dict[str, Route]) -> Served:
        async def endpoint(request: Request) -> Response:
            method = "GET" if request.method == "HEAD" else request.method
            return await self._answer(methods[method], request)

        # A symbol has a slash in its name: BTC/USDT:USDT.
        pattern = path.replace("{symbol}", "{symbol:path}")
        guarded = self._answers.guarded(endpoint)
        return Served(pattern, guarded, methods=list(methods))

    async def _answer(self, route: Route, request: Request) -> Response:
        """Admit, read what is asked, act, answer."""
        principal = None
        if route.role is not None:
            principal = self._gate.admit(
                request, route.role, paced=not route.is_command
            )
        else:
            self._gate.pace_address(request)
        raw = await request.body()
        query = asked(request.query_params.multi_items(), route.query or Query)
        body = None if route.body is None else self._given(route, raw, principal)
        call = Call(request, principal, dict(request.path_params), query, body)
        if route.command is not None:
            assert principal is not None, "every command has a role"
            return self._answers.command(await self._order(route, call, principal))
        assert route.act is not None, f"{route.path} does something"
        answer = route.act(self._house, call)
        if inspect.isawaitable(answer):
            answer = await answer
        return answer if isinstance(answer, Response) else self._answers.json(answer)

    def _given(self, route: Route, raw: bytes, principal: Principal | None) -> Any:
        """Read a body as the table says it must be; raises Refused 400 or 429."""
        try:
            return given(raw, route.body)
        except Refused:
            if route.is_command and principal is not None:
                self._gate.pace(principal)  # it never comes to its own pace
            raise

    async def _order(
        self, route: Route, call: Call, principal: Principal
    ) -> CommandAnswer:
        """Perform a command, once for each idempotency key."""
        name, fields = route.command, call.path | _said(call.body)
        if route.command == ANY:
            assert isinstance(call.body, CommandBody), "the table says so"
            name, fields = call.body.command, call.body.args
        assert name is not None, "only a command is ordered"
        if name not in HALTING:
            self._gate.pace_address(call.request)
        key = call.request.headers.get("idempotency-key")
        return await self._commander.perform(name, fields, principal, key)


def given(raw: bytes, kind: Any) -> Any:
    """Give a body its struct, or leave it the object it is; raises Refused 400."""
    fields = read_body(raw)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return typed(fields, kind, "body")
    if not raw.strip():
        raise Refused(400, "a body is needed: one JSON object")
    return fields


def _said(body: Any) -> dict[str, Any]:
    """Give a body's fields the names that commands know; what is null is not said."""
    fields = {} if body is None else msgspec.structs.asdict(body)
    return {name: value for name, value in fields.items() if value is not None}
