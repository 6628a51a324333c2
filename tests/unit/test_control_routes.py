"""The REST contract: every status code, every route by every role."""

from typing import Any

import pytest

from actors.domain.messages import Role
from actors.domain.phases import Phase
from control.door.gate import GateSettings
from tests.engines import order, position
from tests.histories import trade
from tests.planes import Plane

READS = [
    "/api/engine/status",
    "/api/engine/commands",
    "/api/engine/metrics",
    "/api/engine/resource-health",
    "/engine/status",
    "/api/symbols",
    "/api/symbols/BTC/USDT",
    "/api/positions",
    "/api/orders",
    "/api/reconcile",
    "/api/why",
    "/api/why?symbol=BTC/USDT",
    "/api/scanner/funnel",
    "/api/charts/levels/BTC/USDT",
    "/api/state-machine",
    "/api/state-machine/transitions?limit=5",
    "/api/alerts",
    "/api/monitoring/diagnostics",
    "/api/session",
    "/api/performance/divergence",
]
START = {"preset": "breakout_v1"}
COMMANDS = {
    "start": START,
    "stop": None,
    "pause": None,
    "resume": None,
    "reload": None,
    "retry": None,
    "reset": {"confirm": "RESET"},
    "time-stop": None,
    "panic-exit": None,
    "kill-switch": {"reason": "a test"},
}
REPLY_FIELDS = {"success", "message", "timestamp"}


@pytest.mark.parametrize("path", READS)
async def test_every_read_answers_every_role_and_nobody_else(path: str) -> None:
    plane = Plane()
    for role in Role:
        assert (await plane.get(path, role)).status == 200
    refused = await plane.get(path, None)
    assert refused.status == 401
    assert refused.json["success"] is False
    assert set(refused.json) == REPLY_FIELDS


@pytest.mark.parametrize("base", ["/api/engine", "/engine"])
@pytest.mark.parametrize("name", COMMANDS)
async def test_every_command_needs_an_operator(base: str, name: str) -> None:
    plane = Plane()
    path = f"{base}/{name}"
    assert (await plane.post(path, COMMANDS[name], None)).status == 401
    assert (await plane.post(path, COMMANDS[name], Role.VIEWER)).status == 403
    assert plane.engine.performed == []
    for role in (Role.OPERATOR, Role.ADMIN):
        assert (await plane.post(path, COMMANDS[name], role)).status in {200, 400}


async def test_status_has_exactly_the_nine_fields_of_the_contract() -> None:
    plane = Plane()
    before = (await plane.get("/api/engine/status")).json
    assert list(before) == [
        "state",
        "preset",
        "mode",
        "startedAt",
        "slots",
        "openPositions",
        "latencyMs",
        "dailyR",
        "consecutiveLosses",
    ]
    assert before["preset"] is None
    assert before["startedAt"] is None


async def test_command_answer_has_the_contracts_shape_and_a_command_id() -> None:
    plane = Plane()
    answer = await plane.post("/api/engine/start", START)
    assert answer.status == 200
    assert set(answer.json) == REPLY_FIELDS
    assert answer.json["timestamp"] == "2023-11-14T22:13:20.123Z"
    assert answer.headers["x-command-id"] == plane.engine.performed[0].id
    assert plane.engine.state is Phase.SCANNING


WRONG: list[tuple[str, str, Any, int, list[str]]] = [
    ("an unknown preset", "start", {"preset": "nope"}, 400, ["nope", "breakout_v1"]),
    ("a wrong mode", "start", {**START, "mode": "demo"}, 400, ["demo", "paper, live"]),
    ("no preset", "start", {}, 400, ["preset"]),
    ("a wrong type", "start", {"preset": 7}, 400, ["preset", "int"]),
    ("an extra field", "start", {**START, "x": 1}, 400, ["`x`", "preset, mode"]),
    ("an extra field on stop", "stop", {"now": True}, 400, ["`now`", "nothing"]),
    ("half a body", "start", b'{"preset":', 400, ["JSON"]),
    ("a list", "start", [1], 400, ["object"]),
    ("bytes that are no text", "start", b"\xff\xfe", 400, ["JSON"]),
    ("deep nesting", "start", b"[" * 20_000, 400, ["JSON"]),
    ("stop while stopped", "stop", None, 400, ["stop", "IDLE"]),
    ("resume while not paused", "resume", None, 400, ["resume", "PAUSED"]),
    ("an unknown command", "command", {"command": "fly"}, 400, ["fly", "emergency"]),
    ("args of no object", "command", {"command": "stop", "args": 3}, 400, ["args"]),
    ("a long body", "start", b" " * 65_537, 413, ["65536"]),
]


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [case[1:] for case in WRONG],
    ids=[case[0] for case in WRONG],
)
async def test_a_wrong_command_names_the_value_and_what_is_allowed(
    path: str, body: Any, status: int, words: list[str]
) -> None:
    plane = Plane()
    answer = await plane.post(f"/api/engine/{path}", body)
    assert answer.status == status
    assert answer.json["success"] is False
    assert all(word in answer.json["message"] for word in words), answer.json
    assert plane.engine.performed == []


async def test_start_while_running_is_400_and_pause_while_paused_is_200() -> None:
    plane = Plane()
    await plane.post("/api/engine/start", START)
    assert (await plane.post("/api/engine/start", START)).status == 400
    assert (await plane.post("/api/engine/pause")).status == 200
    again = await plane.post("/api/engine/pause")
    assert (again.status, again.json["success"]) == (200, True)


async def test_command_route_takes_the_same_commands_by_name() -> None:
    plane = Plane()
    body = {"command": "start", "args": START}
    assert (await plane.post("/engine/command", body)).status == 200
    halt = {"command": "emergency_stop", "args": {"reason": "a test"}}
    assert (await plane.post("/engine/command", halt)).status == 200
    assert [command.name for command in plane.engine.performed] == [
        "start",
        "emergency_stop",
    ]
    assert plane.engine.performed[0].args == {**START, "mode": "paper", "confirm": ""}


async def test_live_mode_needs_an_admin() -> None:
    plane = Plane()
    live = {**START, "mode": "live"}
    refused = await plane.post("/api/engine/start", live, Role.OPERATOR)
    assert refused.status == 403
    assert (await plane.post("/api/engine/start", live, Role.ADMIN)).status == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/nothing", 404),
        ("GET", "/api/symbols/NO/SUCH", 404),
        ("GET", "/api/charts/levels/NO", 404),
        ("GET", "/api/why?symbol=NO", 404),
        ("GET", "/api/why?limit=0", 400),
        ("GET", "/api/state-machine/transitions?limit=x", 400),
        ("GET", "/api/engine/start", 405),
        ("DELETE", "/api/engine/status", 405),
    ],
)
async def test_what_is_not_there_is_refused_in_the_same_shape(
    method: str, path: str, status: int
) -> None:
    answer = await Plane().call(method, path, role=Role.ADMIN)
    assert answer.status == status
    assert set(answer.json) == REPLY_FIELDS
    assert answer.headers["content-type"] == "application/json"


async def test_a_form_is_refused_with_415() -> None:
    form = {"content_type": "application/x-www-form-urlencoded"}
    answer = await Plane().post("/api/engine/start", b"preset=breakout_v1", **form)
    assert answer.status == 415


async def test_an_internal_fault_is_500_with_an_incident_id_and_no_detail() -> None:
    plane = Plane()
    plane.engine.fault = RuntimeError("the secret detail")
    for answer in (
        await plane.get("/api/engine/status"),
        await plane.post("/api/engine/stop"),
    ):
        assert answer.status == 500
        assert "incident x-" in answer.json["message"]
        assert b"secret detail" not in answer.body


async def test_a_busy_engine_is_503_with_retry_after() -> None:
    plane = Plane()
    plane.engine.busy = True
    answer = await plane.post("/api/engine/stop")
    assert answer.status == 503
    assert answer.headers["retry-after"] == "1"


async def test_the_rate_is_429_with_retry_after_and_comes_back_with_time() -> None:
    moment = [0.0]
    settings = GateSettings(requests_per_second=10.0, requests_burst=3.0)
    plane = Plane(now=lambda: moment[0], settings=settings)
    path = "/api/engine/status"
    codes = [(await plane.get(path)).status for _ in range(4)]
    assert codes == [200, 200, 200, 429]
    assert (await plane.get(path)).headers["retry-after"] == "1"
    assert (await plane.get(path, Role.VIEWER)).status == 200
    moment[0] += 0.1
    assert (await plane.get(path)).status == 200


async def test_halting_is_not_starved_by_other_requests() -> None:
    settings = GateSettings(requests_per_second=10.0, requests_burst=1.0)
    plane = Plane(settings=settings)
    await plane.post("/api/engine/start", START)
    assert (await plane.post("/api/engine/reload")).status == 429
    assert (await plane.post("/api/engine/kill-switch")).status == 200


async def test_positions_and_orders_are_spelled_as_the_contract_says() -> None:
    plane = Plane()
    plane.engine.hold(position(1))
    plane.engine.send(order(1))
    held = (await plane.get("/api/positions")).json["items"][0]
    fields = (
        "id symbol side entry sl tp size mode openedAt updatedAt closedAt pnlR "
        "pnlUsd unrealizedPnlR unrealizedPnlUsd riskUsd stopConfirmed reason"
    )
    assert list(held)[:18] == fields.split()
    assert held["entry"] == 100.10
    assert held["openedAt"] == "2023-11-14T22:13:20.000Z"
    sent = (await plane.get("/api/orders")).json["items"][0]
    fields = (
        "id clientOrderId symbol side type qty price status createdAt updatedAt "
        "filledAt fees reason"
    )
    assert list(sent)[:13] == fields.split()


async def test_health_needs_no_token_and_tells_nothing() -> None:
    plane = Plane()
    assert (await plane.get("/health/live", None)).status == 200
    plane.engine.is_ready = False
    unready = await plane.get("/health/ready", None)
    assert (unready.status, unready.json) == (503, {"ok": False})


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/api/performance/metrics?to=null", ["to", "null"]),
        ("/api/performance/daily?period=year", ["period", "'year'"]),
        ("/api/positions?limit=501", ["limit", "500", "'501'"]),
        ("/api/positions?limit=1&limit=2", ["limit", "twice"]),
        ("/api/positions?colour=red", ["colour", "limit, cursor"]),
        ("/api/positions?cursor=p-9", ["p-9", "without a cursor"]),
        ("/api/decisions/BTC/USDT?cursor=p-9", ["p-9", "none of ours"]),
        ("/api/logs?level=loud", ["level", "'loud'"]),
        ("/api/charts/candles/BTC/USDT?timeframeMs=90000", ["90000", "60000"]),
    ],
)
async def test_a_wrong_query_names_the_value_and_what_is_allowed(
    path: str, words: list[str]
) -> None:
    answer = await Plane().get(path)
    assert answer.status == 400
    assert all(word in answer.json["message"] for word in words), answer.json


async def test_a_long_list_comes_page_by_page_and_whole() -> None:
    plane = Plane()
    for serial in range(7):
        plane.engine.hold(position(serial))
    seen, path = [], "/api/positions?limit=3"
    while path:
        page = (await plane.get(path)).json
        seen += [row["id"] for row in page["items"]]
        cursor = page["cursor"]
        path = cursor and f"/api/positions?limit=3&cursor={cursor}"
    assert seen == [f"p-{serial}" for serial in range(7)]


async def test_the_journals_pages_go_back_to_its_beginning() -> None:
    plane = Plane()
    seen, path = [], "/api/decisions/BTC/USDT?limit=400"
    while path:
        page = (await plane.get(path)).json
        seen += [row["seq"] for row in page["items"]]
        cursor = page["cursor"]
        path = cursor and f"/api/decisions/BTC/USDT?limit=400&cursor={cursor}"
    assert seen == list(range(1000, 0, -1))


async def test_trades_and_audit_leave_as_files_that_command_no_spreadsheet() -> None:
    plane = Plane()
    plane.history.ended = [trade(0, "1.5", signal="=cmd()")]
    await plane.history.record("@admin", "-x", "", "", "")
    for name, word in (("performance/trades", "'=cmd()"), ("audit", "'@admin")):
        answer = await plane.get(f"/api/{name}?format=csv")
        assert answer.headers["content-type"].startswith("text/csv")
        assert "attachment" in answer.headers["content-disposition"]
        assert word in answer.body.decode()


async def test_lines_of_the_log_are_found_by_number_level_and_words() -> None:
    plane = Plane()

    async def numbers(query: str) -> list[int]:
        rows = (await plane.get(f"/api/logs?{query}")).json["items"]
        return [row["number"] for row in rows]

    assert await numbers("after=2&limit=2") == [4, 5]
    assert await numbers("search=LINE 3") == [3]
    assert await numbers("level=warning") == []


async def test_one_address_is_429_though_each_of_its_tokens_asks_seldom() -> None:
    moment = [0.0]
    settings = GateSettings(address_per_second=10.0, address_burst=3.0)
    plane = Plane(now=lambda: moment[0], settings=settings)
    path = "/api/engine/status"
    asked = [Role.VIEWER, Role.OPERATOR, Role.ADMIN, Role.VIEWER]
    codes = [(await plane.get(path, role)).status for role in asked]
    assert codes == [200, 200, 200, 429]
    refused = await plane.get("/docs", None)
    assert (refused.status, refused.headers["retry-after"]) == (429, "1")
    assert (await plane.get("/health/live", None)).status == 429
    assert (await plane.post("/api/engine/reload")).status == 429
    # Whoever may halt still can.
    assert (
        await plane.post("/api/engine/kill-switch", {}, Role.OPERATOR)
    ).status == 200
    assert (await plane.post("/api/flatten", {"confirm": "FLATTEN"})).status == 200
    moment[0] += 0.1
    assert (await plane.get(path)).status == 200


async def test_an_idempotency_key_acts_once_for_every_command() -> None:
    plane = Plane()
    plane.engine.hold(position(1))
    path, body = "/api/positions/p-1/close", {"fraction": 0.5}
    first = await plane.post(path, body, idempotency_key="k")
    again = await plane.post(path, body, idempotency_key="k")
    assert first.headers["x-command-id"] == again.headers["x-command-id"]
    (done,) = plane.engine.performed
    assert done.args == {"id": "p-1", "fraction": 0.5, "limit_price": None}
    other = await plane.post(path, {"fraction": 0.4}, idempotency_key="k")
    assert other.status == 400
    assert len(plane.engine.performed) == 1


@pytest.mark.parametrize(
    ("path", "right", "wrong"),
    [
        ("/api/flatten", "FLATTEN", "flatten"),
        ("/api/symbols/BTC/USDT/release", "BTC/USDT", "ETH/USDT"),
    ],
)
async def test_a_typed_word_is_the_engines_to_judge_and_must_be_exact(
    path: str, right: str, wrong: str
) -> None:
    plane = Plane()
    await plane.post("/api/engine/start", START)
    for body in ({}, {"confirm": wrong}):
        refused = await plane.post(path, body, Role.OPERATOR)
        assert refused.status == 400
        assert repr(right) in refused.json["message"]
    done = await plane.post(path, {"confirm": right}, Role.OPERATOR)
    assert done.status == 200
