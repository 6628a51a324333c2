"""OpenAPI and AsyncAPI: made from the types, whole, and what is really answered."""

import re
from typing import Any

import jsonschema_rs
import msgspec
import pytest

from actors.domain.messages import Role
from control import wire
from control.documents.asyncapi import SENT, asyncapi
from control.documents.openapi import openapi
from control.routes.route import Route
from control.routes.table import ROUTES
from tests.planes import Plane
from tests.unit.test_route_matrix import call, furnished, name_of

SPEC = openapi(ROUTES)
STREAM = asyncapi()
READS = [(route, route.path) for route in ROUTES if route.method == "GET"]


def validator(schema: dict[str, Any]) -> Any:
    parts = SPEC["components"] if "components" not in schema else {}
    return jsonschema_rs.Draft202012Validator({**schema, "components": parts})


def refs(part: Any) -> set[str]:
    if isinstance(part, dict):
        own = {part["$ref"]} if isinstance(part.get("$ref"), str) else set()
        return own.union(*(refs(item) for item in part.values()))
    return (
        set().union(*(refs(item) for item in part)) if isinstance(part, list) else set()
    )


@pytest.mark.parametrize("spec", [SPEC, STREAM], ids=["openapi", "asyncapi"])
def test_every_reference_leads_somewhere(spec: dict[str, Any]) -> None:
    for ref in refs(spec):
        place: Any = spec
        for name in ref.removeprefix("#/").split("/"):
            place = place[name]
        assert place


def test_every_route_has_security_errors_and_an_id_of_its_own() -> None:
    ids = []
    for path, methods in SPEC["paths"].items():
        for method, route in methods.items():
            ids.append(route["operationId"])
            answers = route["responses"]
            assert {"200", "400", "403", "500"} <= answers.keys(), (method, path)
            assert ("401" in answers) == bool(route["security"]) or "session" in path
            assert all("content" in answer for answer in answers.values())
            named = {p["name"] for p in route["parameters"] if p["in"] == "path"}
            assert named == set(re.findall(r"{(\w+)}", path))
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("place", READS, ids=name_of)
async def test_what_is_answered_is_what_the_document_says(
    place: tuple[Route, str],
) -> None:
    route, path = place
    answer = await call(furnished(), route, path, Role.ADMIN)
    assert answer.status == 200
    said = SPEC["paths"][path]["get"]["responses"]["200"]["content"]
    found = validator(said["application/json"]["schema"])
    assert [error.message for error in found.iter_errors(answer.json)] == []


@pytest.mark.parametrize("status", [400, 401, 403, 404])
async def test_a_refusal_is_what_the_document_says(status: int) -> None:
    plane = Plane()
    answer = {
        400: await plane.get("/api/why?limit=0"),
        401: await plane.get("/api/why", None),
        403: await plane.get("/api/tokens", Role.VIEWER),
        404: await plane.get("/api/symbols/NO"),
    }[status]
    assert answer.status == status
    assert validator({"$ref": "#/components/schemas/Reply"}).is_valid(answer.json)


def test_decimals_are_numbers_and_answers_are_whole() -> None:
    row = SPEC["components"]["schemas"]["PositionRow"]
    assert row["properties"]["entry"] == {"type": "number"}
    assert set(row["required"]) == set(row["properties"])
    assert row["additionalProperties"] is False
    text = wire.encode(SPEC).decode()
    assert '"decimal"' not in text


def test_bounds_of_decimals_are_in_the_document() -> None:
    risk = SPEC["components"]["schemas"]["RiskInput"]["properties"]
    assert risk["risk_per_trade"] == {
        "type": "number",
        "exclusiveMinimum": 0,
        "maximum": 1,
    }


def test_the_stream_document_names_every_type_that_is_sent() -> None:
    messages = STREAM["components"]["messages"]
    assert set(SENT) <= set(messages)
    assert {"say_subscribe", "say_command", "say_ping", "say_auth"} <= set(messages)
    topics = {topic for _, known in SENT.values() for topic in known}
    assert topics - {"*", "symbol:…"} == wire.EVENT_TOPICS | wire.POLLED_TOPICS


async def test_the_documents_and_their_page_are_open_and_name_nothing_outside() -> None:
    plane = Plane()
    for path, kind in (
        ("/openapi.json", "application/json"),
        ("/asyncapi.json", "application/json"),
        ("/docs", "text/html; charset=utf-8"),
        ("/docs/docs.js", "text/javascript; charset=utf-8"),
        ("/docs/docs.css", "text/css; charset=utf-8"),
    ):
        answer = await plane.get(path, None)
        assert (answer.status, answer.headers["content-type"]) == (200, kind)
        assert not re.search(rb"https?://(?!127)", answer.body), path
    page = (await plane.get("/docs", None)).body.decode()
    assert not re.search(r"<script(?![^>]*src=)|<style|style=|onclick=", page)
    assert msgspec.json.decode((await plane.get("/openapi.json", None)).body) == (
        msgspec.json.decode(wire.encode(SPEC))
    )
