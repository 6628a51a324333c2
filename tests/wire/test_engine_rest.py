"""The engine group over REST: shapes, answers and status codes of a real engine."""

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio

from tests.wire.engine_process import VIEWER, EngineProcess, keep_viewer, running

START = {"preset": "breakout_v1", "mode": "paper"}
ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
STATUS: dict[str, Any] = {
    "state": str,
    "preset": str,
    "mode": str,
    "startedAt": str,
    "slots": int,
    "openPositions": int,
    "latencyMs": float,
    "dailyR": float,
    "consecutiveLosses": int,
}
METRICS: dict[str, Any] = {
    "uptime": float,
    "cycleCount": int,
    "avgLatencyMs": float,
    "totalSignals": int,
    "totalTrades": int,
    "dailyPnlR": float,
    "maxDrawdownR": float,
}


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineProcess]:
    folder = tmp_path_factory.mktemp("rest")
    keep_viewer(folder)
    with running(folder, "--no-start", "--symbols", "4", "--speed", "3000") as started:
        yield started


@asynccontextmanager
async def trading(engine: EngineProcess) -> AsyncIterator[None]:
    started = await engine.post("/api/engine/start", START)
    assert started.status == 200, started
    try:
        await engine.trades_on()
        yield
    finally:
        await engine.post("/api/engine/stop")
        await settled(engine, "IDLE")


async def settled(engine: EngineProcess, state: str) -> None:
    with trio.fail_after(60):
        while (await engine.get("/api/engine/status"))["state"] != state:  # noqa: ASYNC110 - another process tells nobody
            await trio.sleep(0.02)


def typed(body: dict[str, Any], kinds: dict[str, Any]) -> bool:
    """Exactly these fields, each of its type; a whole float may be written as one."""
    same = body.keys() == kinds.keys()
    return same and all(type(body[name]) is kind for name, kind in kinds.items())


@pytest.mark.parametrize("prefix", ["/api/engine", "/engine"])
async def test_status_has_nine_fields_and_metrics_seven(
    engine: EngineProcess, prefix: str
) -> None:
    async with trading(engine):
        status = await engine.get(f"{prefix}/status")
        assert typed(status, STATUS), status
        assert ISO.fullmatch(status["startedAt"])
        assert (status["preset"], status["mode"]) == ("breakout_v1", "paper")
        assert status["latencyMs"] > 0
        metrics = await engine.get(f"{prefix}/metrics")
        assert typed(metrics, METRICS), metrics
        assert metrics["uptime"] > 0


async def test_before_a_first_start_preset_and_start_are_null(tmp_path: Path) -> None:
    with running(tmp_path, "--no-start", "--symbols", "2") as fresh:
        status = await fresh.get("/api/engine/status")
        assert status.keys() == STATUS.keys()
        assert (status["state"], status["preset"]) == ("IDLE", None)
        assert status["startedAt"] is None


async def test_commands_say_what_is_allowed_and_why_not(engine: EngineProcess) -> None:
    body = await engine.get("/api/engine/commands")
    assert body["state"] == "IDLE"
    rows = {row["name"]: row for row in body["commands"]}
    assert rows["start"] == {"name": "start", "enabled": True, "reason": ""}
    assert rows["stop"]["enabled"] is False
    assert "IDLE" in rows["stop"]["reason"]


async def test_resume_is_offered_only_while_paused(engine: EngineProcess) -> None:
    async def offered() -> bool:
        rows = (await engine.get("/api/engine/commands"))["commands"]
        return bool(next(r["enabled"] for r in rows if r["name"] == "resume"))

    async with trading(engine):
        assert not await offered()
        await engine.post("/api/engine/pause")
        assert await offered()
        await engine.post("/api/engine/resume")
        assert not await offered()


async def test_a_symbol_tells_its_last_decision_and_no_stale_phase(
    engine: EngineProcess,
) -> None:
    async with trading(engine):
        with trio.fail_after(60):
            while not (told := await decisions(engine)):  # noqa: ASYNC110 - another process tells nobody
                await trio.sleep(0.05)
    assert not told & {"WhyNot", "Candidate", "Signal"}
    rows = (await engine.get("/api/symbols"))["items"]
    assert {row["actorState"] for row in rows} == {"stopped"}
    assert {row["phase"] for row in rows} == {"PAUSED"}


async def decisions(engine: EngineProcess) -> set[str]:
    rows = (await engine.get("/api/symbols"))["items"]
    assert all(row["phase"] != "LEVEL_BUILDING" for row in rows)
    return {row["lastDecision"] for row in rows} - {None}


async def test_resource_health_is_measured(engine: EngineProcess) -> None:
    body = await engine.get("/api/engine/resource-health")
    assert body["rss_mib"] > 10
    assert body["threads"] >= 1
    assert body["descriptors"] > 3
    assert "risk" in body["mailboxes"]


async def test_every_lifecycle_command_is_answered_in_one_shape(
    engine: EngineProcess,
) -> None:
    async with trading(engine):
        for path, state in (
            ("/pause", "PAUSED"),
            ("/pause", "PAUSED"),  # no effect is no error
            ("/resume", None),
            ("/time-stop", None),
            ("/panic-exit", None),
        ):
            answer = await engine.post(f"/engine{path}")
            assert answer.status == 200, answer
            assert answer.json.keys() == {"success", "message", "timestamp"}
            assert answer.json["success"] is True
            assert ISO.fullmatch(answer.json["timestamp"])
            assert answer.headers["x-command-id"]
            if state is not None:
                await settled(engine, state)


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        ("/start", {"preset": "no_such"}, "no_such"),
        ("/start", {"preset": "../../etc/passwd"}, "passwd"),
        ("/start", {"preset": "breakout_v1", "mode": "turbo"}, "turbo"),
        ("/start", {"preset": "breakout_v1", "mode": "live"}, "live"),
        ("/start", {"preset": "breakout_v1", "more": 1}, "more"),
        ("/start", {}, "preset"),
        ("/start", {"preset": 7}, "preset"),
        ("/start", b"{", "JSON"),
        ("/start", b"[1]", "object"),
        ("/stop", None, "IDLE"),
        ("/pause", None, "IDLE"),
        ("/resume", None, "IDLE"),
        ("/stop", {"now": True}, "now"),
        ("/command", {"command": "fly"}, "fly"),
        ("/command", {"command": "stop", "args": {"x": 1}}, "x"),
        ("/command", {"name": "stop"}, "name"),
    ],
)
async def test_a_wrong_call_while_idle_is_400_and_names_the_value(
    engine: EngineProcess, path: str, body: Any, said: str
) -> None:
    answer = await engine.post(f"/api/engine{path}", body)
    assert answer.status == 400, answer
    assert answer.json["success"] is False
    assert said in answer.json["message"]
    assert (await engine.get("/api/engine/status"))["state"] == "IDLE"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/start", START),
        ("/resume", None),
        ("/reload", None),
        ("/retry", None),
        ("/reset", None),
    ],
)
async def test_what_a_running_state_does_not_allow_is_400(
    engine: EngineProcess, path: str, body: Any
) -> None:
    async with trading(engine):
        answer = await engine.post(f"/api/engine{path}", body)
        assert answer.status == 400, answer
        assert answer.json["success"] is False


async def test_reload_is_done_while_idle(engine: EngineProcess) -> None:
    assert (await engine.post("/api/engine/reload")).status == 200


@pytest.mark.parametrize("token", [None, "a-token-that-is-wrong"])
async def test_without_a_good_token_it_is_401(
    engine: EngineProcess, token: str | None
) -> None:
    answer = await engine.call("GET", "/api/engine/status", token=token)
    assert answer.status == 401
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_a_viewer_reads_and_is_403_to_command(engine: EngineProcess) -> None:
    read = await engine.call("GET", "/api/engine/status", token=VIEWER)
    assert read.status == 200
    told = await engine.call("POST", "/api/engine/start", START, token=VIEWER)
    assert told.status == 403
    assert (await engine.get("/api/engine/status"))["state"] == "IDLE"


@pytest.mark.parametrize("path", ["/api/nothing", "/api/symbols/NO/SUCH"])
async def test_an_unknown_path_or_symbol_is_404(
    engine: EngineProcess, path: str
) -> None:
    assert (await engine.call("GET", path)).status == 404


async def test_a_body_over_64_kib_is_413(engine: EngineProcess) -> None:
    body = {"reason": "x" * 65_536}
    answer = await engine.post("/api/engine/kill-switch", body)
    assert answer.status == 413


async def test_a_form_is_415(engine: EngineProcess) -> None:
    answer = await engine.post(
        "/api/engine/stop", b"a=b", Content_Type="application/x-www-form-urlencoded"
    )
    assert answer.status == 415


async def test_a_key_repeats_the_first_answer_without_acting(
    engine: EngineProcess,
) -> None:
    async with trading(engine):
        first = await engine.post("/api/engine/pause", Idempotency_Key="k-1")
        await engine.post("/api/engine/resume")
        again = await engine.post("/api/engine/pause", Idempotency_Key="k-1")
        assert (again.status, again.body) == (200, first.body)
        assert again.headers["x-command-id"] == first.headers["x-command-id"]
        assert (await engine.get("/api/engine/status"))["state"] != "PAUSED"
        other = await engine.post("/api/engine/resume", Idempotency_Key="k-1")
        assert other.status == 400


async def test_too_many_requests_are_429_and_say_when(tmp_path: Path) -> None:
    slow = {"BREAKOUT_CONTROL_RATE_PER_SECOND": "0.05"}
    with running(tmp_path, "--no-start", "--symbols", "2", **slow) as fresh:
        answers = [await fresh.call("GET", "/engine/status") for _ in range(25)]
        assert answers[0].status == 200
        assert answers[-1].status == 429
        assert int(answers[-1].headers["retry-after"]) >= 1


async def test_the_kill_switch_latches_until_reset(engine: EngineProcess) -> None:
    started = await engine.post("/api/engine/start", START)
    assert started.status == 200
    await engine.trades_on()
    killed = await engine.post("/api/engine/kill-switch", {"reason": "a test of it"})
    assert killed.status == 200
    assert "a test of it" in killed.json["message"]
    await settled(engine, "EMERGENCY")
    assert (await engine.post("/api/engine/start", START)).status == 400
    typed = {"confirm": "RESET"}
    with trio.fail_after(60):
        while (await engine.post("/api/engine/reset", typed)).status != 200:  # noqa: ASYNC110 - it latches at a bar
            await trio.sleep(0.05)
    await settled(engine, "IDLE")
    async with trading(engine):
        assert (await engine.get("/api/engine/status"))["state"] != "EMERGENCY"


async def test_health_needs_no_token_and_tells_no_detail(engine: EngineProcess) -> None:
    for path in ("/health/live", "/health/ready"):
        answer = await engine.call("GET", path, token=None)
        assert (answer.status, answer.json) == (200, {"ok": True})
