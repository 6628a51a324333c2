"""Endpoints made from plain functions: reads, commands, and what needs no token."""

from collections.abc import Callable, Iterable
from typing import Any

import trio
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from actors.domain.messages import CommandAnswer, Role
from control.answers import Answers
from control.commands import CommandBody, Commander, Repeats, read_body, typed
from control.door.auth import Principal
from control.door.gate import Gate


class Endpoints:
    """Makes the routes of the table; each admits, does its one thing and answers."""

    def __init__(self, gate: Gate, answers: Answers, commander: Commander) -> None:
        self._gate = gate
        self._answers = answers
        self._commander = commander
        self._repeats = Repeats()

    def open(self, path: str, is_well: Callable[[], bool]) -> Route:
        """Answer 200 or 503 to anybody, without a word more."""

        async def endpoint(_: Request) -> Response:
            if is_well():
                return self._answers.json({"ok": True})
            return self._answers.json({"ok": False}, 503)

        return Route(path, self._answers.guarded(endpoint), methods=["GET"])

    def read(self, path: str, query: Callable[[Request], Any]) -> Route:
        """Answer a viewer with what `query` returns."""

        async def endpoint(request: Request) -> Response:
            self._gate.admit(request, Role.VIEWER)
            return self._answers.json(query(request))

        return Route(path, self._answers.guarded(endpoint), methods=["GET"])

    def scrape(
        self, path: str, pieces: Callable[[], Iterable[bytes]], media_type: str
    ) -> Route:
        """Answer with text for a program: a viewer's, or anybody's where it is open."""

        async def endpoint(request: Request) -> Response:
            if not self._gate.settings.metrics_open:
                self._gate.admit(request, Role.VIEWER)
            written = []
            for piece in pieces():
                written.append(piece)
                await trio.lowlevel.checkpoint()  # it takes ms, and the engine has work
            return Response(b"".join(written), media_type=media_type)

        return Route(path, self._answers.guarded(endpoint), methods=["GET"])

    def act(self, path: str, name: str) -> Route:
        """Take one command whose arguments are the body."""

        async def endpoint(request: Request) -> Response:
            principal = self._gate.admit(request, Role.OPERATOR, paced=False)
            raw = await request.body()
            answer = await self._once(request, raw, name, read_body(raw), principal)
            return self._answers.command(answer)

        return Route(path, self._answers.guarded(endpoint), methods=["POST"])

    def act_by_name(self, path: str) -> Route:
        """Take any command, named in the body."""

        async def endpoint(request: Request) -> Response:
            principal = self._gate.admit(request, Role.OPERATOR, paced=False)
            raw = await request.body()
            body = typed(read_body(raw), CommandBody, "body")
            said = body.command
            answer = await self._once(request, raw, said, body.args, principal)
            return self._answers.command(answer)

        return Route(path, self._answers.guarded(endpoint), methods=["POST"])

    async def _once(
        self,
        request: Request,
        raw: bytes,
        name: str,
        fields: dict[str, Any],
        principal: Principal,
    ) -> CommandAnswer:
        """Perform, or give the first answer again when the key says so."""

        async def perform() -> CommandAnswer:
            return await self._commander.perform(name, fields, principal)

        key = request.headers.get("idempotency-key")
        if key is None:
            return await perform()
        asked = f"{name}\n".encode() + raw
        return await self._repeats.once((principal.id, key), asked, perform)
