"""A secret that is given to an engine is nowhere to be found afterwards."""

import json
from pathlib import Path

import msgspec
import trio

from control.away.client import connect
from control.routes.table import ROUTES
from tests.wire.engine_process import EngineProcess, running

CANARY = "canary-of-a-secret-0123456789abcdef"
MADE = "/api/tokens"
READS = [route for route in ROUTES if route.method == "GET"]


def files_of(folder: Path) -> dict[str, bytes]:
    """Read everything that the run has left behind."""
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {path.name: path.read_bytes() for path in paths}


async def all_that_is_read(engine: EngineProcess) -> bytes:
    """Ask every route that reads, well and badly."""
    told = b""
    for route in READS:
        path = route.path.replace("{symbol}", "BTC/USDT:USDT")
        path = path.replace("{name}", "breakout_v1").replace("{id}", "nobody")
        for asked in (path, f"{path}?limit=0&token=x"):
            answer = await engine.call("GET", asked, token=CANARY)
            told += answer.body + repr(answer.headers).encode()
    return told


async def all_that_is_streamed(engine: EngineProcess) -> bytes:
    """Follow every topic for a while."""
    told = b""
    async with connect(engine.url, CANARY) as client:
        told += json.dumps(client.hello).encode()
        await client.subscribe(*client.hello["topics"], "symbol:BTC/USDT:USDT")
        await client.command("pause")
        await client.command("start", preset=CANARY[:10])
        with trio.move_on_after(3):
            async for envelope in client.events():
                told += msgspec.json.encode(envelope)
    return told


async def test_no_secret_is_in_logs_journal_answers_or_stream(tmp_path: Path) -> None:
    more = {"BREAKOUT_TOKEN": CANARY, "BREAKOUT_LOGGING_LEVEL": "debug"}
    with running(tmp_path, "--symbols", "4", "--speed", "600", **more) as engine:
        body = {"id": "phone", "role": "operator"}
        made = (await engine.call("POST", MADE, body, token=CANARY)).json["token"]
        for secret in (made, CANARY):
            answer = await engine.call("GET", "/api/session", token=secret)
            assert answer.status == 200
        await engine.call("GET", "/api/session", token=f"{CANARY}-wrong")
        bad = {"preset": "breakout_v1", "token": CANARY}
        refused = await engine.call("POST", "/api/engine/start", bad, token=CANARY)
        assert refused.status == 400
        told = await all_that_is_read(engine) + await all_that_is_streamed(engine)
        assert await engine.interrupt() == 0
        told += refused.body + engine.output.encode()
    kept = files_of(tmp_path)
    assert {"journal.sqlite", "tokens.json"} <= kept.keys()
    assert len(told) > 100_000
    for secret in (CANARY, made):
        assert secret.encode() not in told
        assert [name for name, raw in kept.items() if secret.encode() in raw] == []
