"""Every route of the table by everybody who may stand at the door."""

from typing import Any

import pytest

from actors.domain.messages import Role
from control.console import console_routes
from control.door.auth import includes
from control.routes.orders import ANY
from control.routes.route import Route
from control.routes.table import ROUTES
from tests.engines import order, position
from tests.histories import trade
from tests.planes import ORIGIN, SECRETS, Answer, Plane

NAMES = {"symbol": "BTC/USDT", "id": "p-1", "name": "breakout_v1"}
#: Where the example of the table needs something that is there.
IDS = {"/api/orders/{id}": "i-1", "/api/orders/{id}/timeline": "i-1"}
IDS |= {"/api/monitoring/sessions/{id}": "s-1", "/api/tokens/{id}": "viewer"}
PLACES = [(route, path) for route in ROUTES for path in route.paths]
ENTRIES = {"POST /api/session"}
REPLY_FIELDS = {"success", "message", "timestamp"}


def name_of(place: Any) -> str:
    return f"{place[0].method} {place[1]}"


def spelled(path: str) -> str:
    for name, value in NAMES.items():
        path = path.replace(f"{{{name}}}", IDS.get(path, value))
    return path


def furnished() -> Plane:
    """A plane in which every example of the table finds what it is about."""
    plane = Plane()
    plane.engine.hold(position(1))
    plane.engine.send(order(1))
    plane.engine.alarm("a test")
    plane.history.ended = [trade(n, "1.5", equity="10015") for n in range(3)]
    return plane


async def call(
    plane: Plane, route: Route, path: str, role: Role | None, **headers: str
) -> Answer:
    body = route.example
    if body is None and route.body is not None:
        body = {}
    method = route.method
    return await plane.call(method, spelled(path), body, role=role, headers=headers)


async def cookie(plane: Plane, role: Role) -> str:
    own = {"origin": ORIGIN, "x-breakout": "1"}
    body = {"token": SECRETS[role]}
    answer = await plane.call("POST", "/api/session", body, headers=own)
    assert answer.status == 200
    return answer.headers["set-cookie"].partition(";")[0]


def untouched(plane: Plane) -> bool:
    ids = {record.id for record in plane.tokens.records()}
    return plane.engine.performed == [] and ids == {role.value for role in Role}


@pytest.mark.parametrize("place", PLACES, ids=name_of)
async def test_nobody_passes_without_a_good_token(place: tuple[Route, str]) -> None:
    route, path = place
    plane = furnished()
    plane.tokens.add("an-expired-token-of-a-test", Role.ADMIN, "expired", 1)
    strangers = [
        {},
        {"authorization": "Bearer a-wrong-token-of-nobody"},
        {"authorization": "Bearer an-expired-token-of-a-test"},
        {"authorization": "Bearer \xff\xfe"},
        {"authorization": "Basic eDp5"},
        {"cookie": "breakout=made-up"},
    ]
    for headers in strangers:
        answer = await call(plane, route, path, None, **headers)
        if route.role is None:
            assert answer.status == 403, "a page must say which one it is"
            continue
        assert answer.status in {401, 429}, headers
        assert set(answer.json) == REPLY_FIELDS
    plane.tokens.revoke("expired")
    assert untouched(plane)


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("place", PLACES, ids=name_of)
async def test_a_role_passes_where_it_is_enough_and_nowhere_else(
    place: tuple[Route, str], role: Role
) -> None:
    route, path = place
    if route.role is None:
        return
    plane = furnished()
    answer = await call(plane, route, path, role)
    if includes(role, route.role):
        assert answer.status not in {401, 403, 404, 405, 429, 500}, answer.json
        assert answer.status in route.statuses
        return
    assert answer.status == 403
    assert str(route.role) in answer.json["message"]
    assert untouched(plane)


@pytest.mark.parametrize("place", PLACES, ids=name_of)
async def test_a_cookie_alone_reads_and_never_changes(
    place: tuple[Route, str],
) -> None:
    """A foreign page sends the cookie too: what it cannot send is our header."""
    route, path = place
    plane = furnished()
    if f"{route.method} {path}" in ENTRIES:
        return
    known = await cookie(plane, Role.ADMIN)
    foreign: list[dict[str, str]] = [
        {},
        {"origin": ORIGIN},
        {"x-breakout": "1"},
        {"origin": "http://evil.example", "x-breakout": "1"},
    ]
    for headers in foreign:
        answer = await call(plane, route, path, None, cookie=known, **headers)
        if route.method == "GET" and headers.get("origin", ORIGIN) == ORIGIN:
            assert answer.status == 200
        else:
            assert answer.status == 403, headers
    assert untouched(plane)
    own = {"origin": ORIGIN, "x-breakout": "1"}
    answer = await call(plane, route, path, None, cookie=known, **own)
    assert answer.status not in {401, 403, 405, 500}


@pytest.mark.parametrize("place", PLACES, ids=name_of)
async def test_a_query_is_never_a_credential(place: tuple[Route, str]) -> None:
    route, path = place
    secret = SECRETS[Role.ADMIN]
    answer = await call(furnished(), route, f"{spelled(path)}?token={secret}", None)
    assert answer.status in {400, 401, 403}
    signed_in = await call(
        furnished(), route, f"{spelled(path)}?token={secret}", Role.ADMIN
    )
    assert signed_in.status in {400, 403}
    assert secret not in signed_in.body.decode()


def test_every_route_has_a_scope_a_summary_and_one_place() -> None:
    """The inventory: what is served is exactly what the table lists."""
    plane = Plane()
    served = {
        (method, path.path.replace(":path", ""))
        for path in plane.inner.routes
        for method in getattr(path, "methods", None) or {"GET"}
        if method != "HEAD"
    }
    # Files of the console, or of the plain page where it was not built.
    open_to_all = {file.path.replace(":path", "") for file in console_routes()}
    open_to_all |= {"/openapi.json", "/asyncapi.json", "/health/live", "/health/ready"}
    open_to_all |= {"/docs", "/docs/docs.js", "/docs/docs.css", "/ws"}
    # Text for a scraper, not JSON; who may read it is tested in test_metrics.py.
    scraped = {("GET", "/metrics")}
    listed = [(route.method, path) for route, path in PLACES]
    assert len(listed) == len(set(listed))
    assert served - scraped == {*listed, *(("GET", path) for path in open_to_all)}
    assert scraped <= served
    for route in ROUTES:
        assert route.summary.endswith("."), route
        assert (route.act is None) == route.is_command
        anybody = f"{route.method} {route.path}" in ENTRIES
        assert (route.role is None) == anybody


def test_the_roles_are_the_contracts() -> None:
    """The matrix follows the table; this holds the table against the contract."""
    admin = {"GET /api/tokens", "POST /api/tokens", "DELETE /api/tokens/{id}"}
    admin |= {"PUT /api/presets/{name}"}
    operator = {"GET /api/logs", "GET /api/audit", "POST /api/presets/{name}/check"}
    viewer = {"DELETE /api/session", "POST /api/session/ticket"}
    for route in ROUTES:
        name = f"{route.method} {route.path}"
        if name in ENTRIES:
            assert route.role is None
        elif name in admin:
            assert route.role is Role.ADMIN
        elif route.is_command or name in operator:
            assert route.role is Role.OPERATOR
        else:
            assert route.method == "GET" or name in viewer
            assert route.role is Role.VIEWER


def test_every_command_can_be_given_over_rest() -> None:
    from control.commands import COMMANDS  # noqa: PLC0415 - only this test asks

    by_name = {route.command for route in ROUTES if route.is_command} - {ANY}
    assert by_name >= COMMANDS.keys() - {"emergency_stop"}
    assert by_name <= COMMANDS.keys()
