"""A client's whole session with a real engine: from sign-in to stop, over sockets."""

import itertools
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio
from trio_websocket import ConnectionClosed, WebSocketConnection

from control import wire
from control.away.client import Client, connect
from control.away.dial import dial, socket_url
from tests.wire.engine_process import TOKEN, EngineProcess, running

#: Eight symbols in which trades open, are held for minutes, and close.
MARKET = ("--symbols", "8", "--seed", "1", "--strategy", "donchian")
PACE = ("--speed", "1200")
SESSION_SECONDS = 60

Seen = Callable[[wire.Envelope], bool]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineProcess]:
    folder = tmp_path_factory.mktemp("session")
    with running(folder, "--no-start", *MARKET, *PACE) as started:
        yield started


async def test_an_engine_that_ends_sends_its_clients_away(tmp_path: Path) -> None:
    with running(tmp_path, *MARKET, *PACE) as ending:
        headers = [(b"authorization", f"Bearer {TOKEN}".encode())]
        async with dial(socket_url(ending.url), headers) as socket:
            assert "HELLO" in await socket.get_message()
            ending.process.send_signal(signal.SIGINT)
            assert await closing_code(socket) == 1012
        assert await ending.ends() == 0


async def closing_code(socket: WebSocketConnection) -> int | None:
    with trio.fail_after(SESSION_SECONDS):
        while True:
            try:
                await socket.get_message()
            except ConnectionClosed as closed:
                return closed.reason and closed.reason.code


class Follower:
    """Reads every envelope once, keeps it, and waits for the one that is wanted."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.heard: list[wire.Envelope] = []

    async def until(self, is_wanted: Seen) -> wire.Envelope:
        with trio.fail_after(SESSION_SECONDS):
            async for envelope in self.client.events():
                self.heard.append(envelope)
                if is_wanted(envelope):
                    return envelope
        raise AssertionError(self.heard[-5:])

    async def orders(self, name: str, **args: str) -> None:
        answer = await self.client.command(name, **args)
        assert (answer.ok, answer.code) == (True, 200), answer

    def steps(self) -> list[tuple[str, str]]:
        found = [e.data for e in self.heard if e.kind == "TRANSITION"]
        return [(step["from"], step["to"]) for step in found]


def kind(name: str) -> Seen:
    return lambda envelope: envelope.kind == name


def to(state: str) -> Seen:
    return lambda said: said.kind == "TRANSITION" and said.data["to"] == state


def entry(envelope: wire.Envelope) -> bool:
    """An order that opens a position names what bound its size."""
    placed = envelope.kind == "ORDER_PLACED"
    return placed and "size bound by" in envelope.data["reason"]


async def test_a_session_from_sign_in_to_stop(engine: EngineProcess) -> None:
    async with connect(engine.url, TOKEN) as client:
        follower = Follower(client)
        await client.subscribe("transitions", "orders", "positions", "why", "alerts")
        await follower.orders("start", preset="breakout_v1")
        await follower.until(to("MANAGING"))
        assert any(map(entry, follower.heard))
        await until_paused_and_flat(follower)
        await follower.orders("resume")
        # An entry is taken again, and the state comes back from MANAGING by itself.
        await follower.until(entry)
        await follower.until(to("MANAGING"))
        await follower.until(to("SCANNING"))
        await follower.orders("stop")
        await follower.until(to("IDLE"))
    assert follower.steps()[:2] == [
        ("IDLE", "INITIALIZING"),
        ("INITIALIZING", "SCANNING"),
    ]
    assert follower.steps()[-1] == ("STOPPED", "IDLE")
    assert ("MANAGING", "PAUSED") in follower.steps()
    assert joined(follower.steps())
    report = await engine.get("/api/state-machine")
    assert all(to in report["table"][source] for source, to in follower.steps())
    assert gapless(follower.heard)


async def until_paused_and_flat(follower: Follower) -> None:
    """Pause while a position is held; it closes, and a signal finds the gate closed."""
    await follower.orders("pause")
    paused_at = len(follower.heard)
    await follower.until(kind("POSITION_CLOSE"))
    await follower.until(
        lambda said: said.kind == "WHY" and said.data["reason"] == "entries_closed"
    )
    while_paused = follower.heard[paused_at:]
    assert not any(map(entry, while_paused))
    assert not any(map(kind("POSITION_OPEN"), while_paused))
    assert ("MANAGING", "PAUSED") in follower.steps()


def joined(steps: list[tuple[str, str]]) -> bool:
    """Each step begins where the one before it ended."""
    return all(a[1] == b[0] for a, b in itertools.pairwise(steps))


def gapless(heard: list[wire.Envelope]) -> bool:
    newest: dict[str, int] = {}
    for said in heard:
        before = newest.get(said.topic, said.seq - 1)
        if said.topic in wire.EVENT_TOPICS and said.seq != before + 1:
            return False
        newest[said.topic] = said.seq
    return True


async def test_a_bare_client_speaks_by_the_contract_alone(
    engine: EngineProcess,
) -> None:
    """No code of ours reads these frames: only the contract's text."""
    headers = [(b"authorization", f"Bearer {TOKEN}".encode())]
    async with dial(socket_url(engine.url), headers) as socket:
        heard: list[dict[str, Any]] = []

        async def say(**message: Any) -> None:
            await socket.send_message(msgspec.json.encode(message).decode())

        async def hear(kind: str, **wanted: Any) -> dict[str, Any]:
            with trio.fail_after(SESSION_SECONDS):
                while True:
                    while not heard:
                        heard.extend(msgspec.json.decode(await socket.get_message()))
                    said = heard.pop(0)
                    assert set(said) == {"v", "seq", "ts", "type", "topic", "data"}
                    body = said["data"]
                    if said["type"] == kind and wanted.items() <= body.items():
                        return said

        async def command(asked: str, name: str, **args: Any) -> tuple[bool, int, str]:
            await say(type="command", id=asked, command=name, args=args)
            answer = (await hear("COMMAND", id=asked))["data"]
            assert set(answer) == {"id", "ok", "code", "message"}
            return answer["ok"], answer["code"], answer["message"]

        assert (await hear("HELLO"))["v"] == 1
        await say(type="subscribe", topics=["transitions", "engine", "symbols"])
        state = (await hear("SNAPSHOT"))["seq"]
        assert state >= 0
        ok, code, message = await command("1", "resume")
        assert (ok, code) == (False, 400)
        assert "IDLE" in message
        assert (await command("2", "start", preset="breakout_v1"))[:2] == (True, 200)
        step = (await hear("TRANSITION", to="SCANNING"))["data"]
        assert set(step) == {"from", "to", "reason", "symbol", "metadata"}
        assert step["from"] == "INITIALIZING"
        row = (await hear("SYMBOL", symbol="BTC/USDT:USDT"))["data"]
        assert row["lastPrice"] > 0
        ok, code, message = await command("3", "start", preset="breakout_v1")
        assert (ok, code) == (False, 400)
        assert "needs IDLE or STOPPED" in message
        assert (await command("4", "fly"))[:2] == (False, 400)
        assert (await command("5", "stop"))[:2] == (True, 200)
        assert (await hear("TRANSITION", to="IDLE"))["data"]["from"] == "STOPPED"
        await say(type="ping", id=7)
        await hear("PONG")
