"""A real engine and those who watch it from outside, all of them at once."""

import json
import re
import signal
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import trio
from prometheus_client.parser import text_string_to_metric_families

from tests.wire.engine_process import CHECKOUT, EngineProcess, report_of, running
from tests.wire.listeners import OK, Listener, hang, listening

DASHBOARD = CHECKOUT / "docs" / "grafana" / "breakout.json"
HIDDEN = "canary-of-the-tests"
#: Trades open soon, are held for minutes, and close.
MARKET = ("--symbols", "8", "--seed", "1", "--strategy", "donchian", "--speed", "1200")
NOTICES = {
    "BREAKOUT_NOTICES_SCHEMES": "json",
    "BREAKOUT_NOTICES_MINIMUM": "info",
    "BREAKOUT_NOTICES_DIGEST_BELOW": "info",
    "BREAKOUT_NOTICES_GAP_SECONDS": "1",
}


class Outside:
    """Whoever listens, and the engine."""

    def __init__(
        self,
        engine: EngineProcess,
        phone: Listener,
        watchdog: Listener,
        systemd: socket.socket,
    ) -> None:
        self.engine = engine
        self.phone = phone
        self.watchdog = watchdog
        self._systemd = systemd
        self._told = ""

    def told_systemd(self) -> str:
        while True:
            try:
                self._told += self._systemd.recv(4096).decode() + "\n"
            except BlockingIOError:
                return self._told

    async def attend(self) -> None:
        """Read like systemd, before the few datagrams that fit are too many."""
        while True:
            self.told_systemd()
            await trio.sleep(0.1)

    def notices(self) -> str:
        bodies = (json.loads(heard.body) for heard in self.phone.heard)
        return "\n".join(body["message"] for body in bodies)

    async def comes(self, seen: Callable[[], bool]) -> None:
        with trio.fail_after(60):
            while not seen():  # noqa: ASYNC110 - another process tells nobody
                await trio.sleep(0.1)


@asynccontextmanager
async def watched(folder: Path) -> AsyncIterator[Outside]:
    async with listening(OK) as phone, listening(OK) as watchdog:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
            systemd.bind(str(folder / "notify"))
            systemd.setblocking(False)
            given = NOTICES | {
                "NOTIFY_SOCKET": str(folder / "notify"),
                "WATCHDOG_USEC": "3000000",
                "BREAKOUT_NOTICES_URLS": f"a=json://127.0.0.1:{phone.port}/{HIDDEN}",
                "BREAKOUT_HEARTBEAT_URL": f"http://127.0.0.1:{watchdog.port}/{HIDDEN}",
                "BREAKOUT_HEARTBEAT_PERIOD_SECONDS": "5",
            }
            with running(folder, *MARKET, **given) as engine:
                outside = Outside(engine, phone, watchdog, systemd)
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(outside.attend)
                    yield outside
                    nursery.cancel_scope.cancel()


async def test_everybody_outside_hears_of_the_engine(tmp_path: Path) -> None:
    async with watched(tmp_path) as outside:
        await outside.comes(lambda: "opened " in outside.notices())
        await outside.comes(lambda: "WATCHDOG=1" in outside.told_systemd())
        await outside.watchdog.hears(2)
        await speaks_prometheus(outside.engine)
        code = await outside.engine.interrupt(signal.SIGTERM)
        told = outside.told_systemd()
    assert code == 0
    assert {heard.path for heard in outside.watchdog.heard} == {f"/{HIDDEN}"}
    assert told.startswith("READY=1\nSTATUS=")
    assert told.count("READY=1") == told.count("STOPPING=1") == 1
    assert re.search(r"STATUS=[A-Z_]+, \d+ positions, day [+-]", told)
    assert HIDDEN not in outside.engine.output


async def speaks_prometheus(engine: EngineProcess) -> None:
    """Everything that the dashboard asks for is there."""
    answer = await engine.call("GET", "/metrics")
    assert answer.status == 200
    text = answer.body.decode()
    families = list(text_string_to_metric_families(text))
    samples = {sample.name for family in families for sample in family.samples}
    # A family that has no row now (nothing is refused) is there by its name.
    known = samples | {family.name for family in families}
    asked = asked_for(json.loads(DASHBOARD.read_text()))
    assert len(asked) > 50
    assert asked - known == set()
    assert await engine.get("/health/live") == {"ok": True}


def asked_for(value: Any) -> set[str]:
    """Find every metric in every expression of a dashboard."""
    if isinstance(value, dict):
        own = re.findall(r"breakout_\w+", str(value.get("expr", "")))
        return set(own).union(*(asked_for(inner) for inner in value.values()))
    if isinstance(value, list):
        return set().union(*(asked_for(inner) for inner in value))
    return set()


async def test_a_channel_that_hangs_changes_no_trade(tmp_path: Path) -> None:
    market = ("--symbols", "12", "--seed", "3", "--strategy", "donchian", "--for", "6h")

    async def run(name: str, **more: str) -> dict[str, Any]:
        folder = tmp_path / name
        folder.mkdir()
        return await trio.to_thread.run_sync(
            lambda: report_of(folder, *market, "--data-dir", str(folder), **more)
        )

    async with listening(hang) as phone:
        url = f"a=json://127.0.0.1:{phone.port}/{HIDDEN}?rto=600"
        told = await run("told", BREAKOUT_NOTICES_URLS=url, **NOTICES)
    alone = await run("alone")
    # It was asked once, and hung for longer than anybody would wait for the end.
    assert len(phone.heard) == 1
    assert told["trades_list"] == alone["trades_list"] != []
    for name in ("bars", "signals", "entries", "transitions", "end_equity"):
        assert told[name] == alone[name], name
