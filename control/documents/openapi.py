"""The OpenAPI 3.1 document, made from the route table; never written by hand."""

import re
from importlib.metadata import version
from typing import Any

import msgspec

from control import wire
from control.documents.schemas import Schema, components, fields_of
from control.routes.route import CSV, JSON, Route

STATUS_WORDS = {
    200: "Done.",
    400: "The request names something that is not known or not allowed.",
    401: "No token, or one that opens nothing.",
    403: "The role is too low, or a foreign page asks.",
    404: "There is no such thing.",
    408: "The body was not whole in time.",
    409: "It is not what it was, or it is in use.",
    413: "The body is longer than 64 KiB.",
    415: "The body is not application/json.",
    429: "Too often; Retry-After says when again.",
    500: "An internal fault; its incident id is in the log.",
    503: "Nobody can take this now; try again after Retry-After.",
}
RETRY = {
    "Retry-After": {
        "description": "Seconds to wait.",
        "schema": {"type": "integer", "minimum": 0},
    }
}
COMMAND_ID = {
    "X-Command-Id": {
        "description": "The command's id, as the audit has it.",
        "schema": {"type": "string"},
    }
}
IDEMPOTENCY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "The same key gives the first answer again, without acting.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 128},
}
DESCRIPTION = (
    "Everything that can be read from a breakout engine and ordered of it. Programs "
    "send `Authorization: Bearer <token>`; browsers sign in at `/api/session` and send "
    "their cookie, and with what changes anything the header `X-Breakout: 1`. "
    "What happens as it happens is told at `/ws`: see `/asyncapi.json`."
)


def openapi(routes: tuple[Route, ...]) -> Schema:
    """Describe every route."""
    asked = [route.body_shown or route.body for route in routes]
    bodies = [kind for kind in asked if kind is not None]
    answers = [wire.Reply, *(route.answer for route in routes)]
    (refusal, *answered), taken, parts = components(answers, bodies)
    wanted = iter(taken)
    paths: dict[str, dict[str, Schema]] = {}
    for route, kind, answer in zip(routes, asked, answered, strict=True):
        body = None if kind is None else next(wanted)
        described = _operation(route, answer, body, refusal)
        for place, path in enumerate(route.paths):
            name = described["operationId"] + "Too" * place
            under = {**described, "operationId": name}
            paths.setdefault(path, {})[route.method.lower()] = under
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "breakout-engine",
            "version": version("breakout-engine"),
            "description": DESCRIPTION,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(parts.items())),
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "session": {"type": "apiKey", "in": "cookie", "name": "breakout"},
            },
        },
    }


def _operation(
    route: Route, answer: Schema, body: Schema | None, refusal: Schema
) -> Schema:
    described: Schema = {
        "operationId": operation_id(route),
        "summary": route.summary,
        "tags": [_tag(route.path)],
        "x-role": route.role,
        "parameters": _parameters(route),
        "responses": _responses(route, answer, refusal),
    }
    if route.role is not None:
        described["security"] = [{"token": []}, {"session": []}]
        described["description"] = f"Needs the role {route.role}" + (
            "; live mode needs admin." if "/start" in route.path else "."
        )
    else:
        described["security"] = []
    if body is not None:
        content: Schema = {"schema": body}
        if route.example is not None:
            content["example"] = route.example
        described["requestBody"] = {
            "required": _is_needed(route.body),
            "content": {JSON: content},
        }
    return described


def _responses(route: Route, answer: Schema, refusal: Schema) -> Schema:
    found: Schema = {}
    for status in route.statuses:
        said: Schema = {"description": STATUS_WORDS[status]}
        if status in {429, 503}:
            said["headers"] = RETRY
        said["content"] = {JSON: {"schema": refusal}}
        if status == 200:
            said["content"] = {
                media: {"schema": {"type": "string"} if media == CSV else answer}
                for media in route.media
            }
            if route.is_command:
                said["headers"] = COMMAND_ID
        found[str(status)] = said
    if route.method == "PUT":  # a preset that is refused says all that is wrong
        for refused in ("400", "409"):
            found[refused]["content"] = {JSON: {"schema": {"anyOf": [answer, refusal]}}}
    return found


def _parameters(route: Route) -> list[Schema]:
    found: list[Schema] = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "string", "minLength": 1},
        }
        for name in names_in(route.path)
    ]
    if route.query is not None:
        found += [
            {
                "name": name,
                "in": "query",
                "required": False,
                "schema": _without_null(schema),
            }
            for name, schema in fields_of(route.query).items()
        ]
    if route.is_command:
        found.append(IDEMPOTENCY)
    return found


def _without_null(schema: Schema) -> Schema:
    """A query has no null: what is not said is not there."""
    several: list[Schema] = schema.get("anyOf", [])
    kinds = [kind for kind in several if kind.get("type") != "null"]
    if len(kinds) == 1:
        return kinds[0]
    return {key: part for key, part in schema.items() if part is not None}


def operation_id(route: Route) -> str:
    """Name a route for programs: getPositionsId, postEnginePause."""
    words = re.split(r"[^a-zA-Z0-9]+", route.path.removeprefix("/api"))
    return route.method.lower() + "".join(word.capitalize() for word in words)


def names_in(path: str) -> list[str]:
    """List the parameters of a path."""
    return re.findall(r"{(\w+)}", path)


def _is_needed(body: Any) -> bool:
    """Whether a body must be sent: some field of it has no default."""
    if not isinstance(body, type) or not issubclass(body, msgspec.Struct):
        return True
    return any(field.required for field in msgspec.structs.fields(body))


def _tag(path: str) -> str:
    parts = path.strip("/").split("/")
    return parts[1] if parts[0] == "api" and len(parts) > 1 else parts[0]
