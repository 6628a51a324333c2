"""Hostile and stuck clients at a real engine: it trades on, and trades the same."""

import select
from collections.abc import Iterator
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio

from tests.wire.engine_process import TOKEN, EngineProcess, report_of, running
from tests.wire.probes import BAD, FORBIDDEN, NO_SUCH_VERSION, PROBES, Probe
from tests.wire.world import frame, handshake, read_until

#: Said by the server and its fences, whatever the application is.
OF_THE_SERVER = {BAD, FORBIDDEN, NO_SUCH_VERSION, b"431", b"413", b"415", b"501"}
#: The paths of the probes' own application, and what stands for them here.
PATHS = {
    b" /plain ": b" /health/live ",
    b" /raise ": b" /api/symbols ",
    b" /unoffered ": b" /ws ",
    b" /body ": b" /api/engine/stop ",
}
#: A connection that is being closed holds its place for seconds; probes come faster.
ROOMY = {
    "BREAKOUT_CONTROL_PER_ADDRESS_MAX": "256",
    "BREAKOUT_CONTROL_CONNECTIONS_MAX": "256",
}
LISTEN_SECONDS = 0.25
DROPPED_SECONDS_MAX = 60
MARKET = ("--symbols", "8", "--seed", "1", "--strategy", "donchian", "--for", "48h")


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineProcess]:
    folder = tmp_path_factory.mktemp("hostile")
    with running(folder, "--symbols", "4", "--speed", "3000", **ROOMY) as started:
        yield started


def aimed(step: bytes) -> bytes:
    for ours, theirs in PATHS.items():
        step = step.replace(ours, theirs)
    return step


async def play(engine: EngineProcess, probe: Probe) -> bytes:
    """Send a probe's steps, and listen for a moment to what comes of them."""
    heard = b""
    async with await engine.connect() as stream:
        for step in probe.steps:
            try:
                await stream.send_all(aimed(step))
            except trio.BrokenResourceError:
                return heard
            with trio.move_on_after(LISTEN_SECONDS):
                heard += await read_until(stream, b"\r\n\r\n")
    return heard


@pytest.mark.parametrize("probe", PROBES, ids=str)
async def test_a_probe_leaves_the_engine_trading(
    engine: EngineProcess, probe: Probe
) -> None:
    heard = await play(engine, probe)
    if probe.answer in OF_THE_SERVER:
        assert probe.answer in heard.partition(b"\r\n")[0]
    await engine.trades_on()
    metrics = await engine.get("/api/engine/resource-health")
    assert metrics["descriptors"] < 256


async def test_probes_change_no_trade(tmp_path: Path) -> None:
    calm = report_of(tmp_path, *MARKET)
    assert calm["trades"] > 5
    path = tmp_path / "attacked.json"
    words = ("--speed", "max", "--exit-at-end", "--report", str(path))
    played = count()
    with running(tmp_path, *words, *MARKET, **ROOMY) as engine:
        async with trio.open_nursery() as nursery:
            for first in range(4):
                nursery.start_soon(hammer, engine, first, played)
            assert await engine.ends() == 0
            nursery.cancel_scope.cancel()
    attacked = msgspec.json.decode(path.read_bytes())
    assert next(played) > len(PROBES)
    assert attacked["trades_list"] == calm["trades_list"]
    assert attacked["restarts"] == attacked["illegal_transitions"] == 0


async def hammer(engine: EngineProcess, first: int, played: "count[int]") -> None:
    """Play the probes round and round until the engine is gone."""
    for turn in count(first, 4):
        probe = PROBES[turn % len(PROBES)]
        try:
            with trio.move_on_after(0.05):
                await play(engine, probe)
        except OSError:
            return
        next(played)


async def test_a_stuck_reader_is_dropped_and_slows_nothing(tmp_path: Path) -> None:
    with running(tmp_path, "--symbols", "8", "--speed", "max") as engine:
        await engine.trades_on()
        alone = await rate(engine)
        async with await engine.connect(receive_buffer=4096) as stream:
            await follow_all(engine, stream)
            beside = await rate(engine)
            with trio.fail_after(DROPPED_SECONDS_MAX):
                while not is_reset(stream):  # noqa: ASYNC110 - reading would unstick it
                    await trio.sleep(0.05)
        after = await rate(engine)
        assert min(beside, after) > alone / 2


async def rate(engine: EngineProcess, seconds: float = 1.0) -> float:
    """Cycles per second, measured over a while."""
    before, began = await engine.cycles(), trio.current_time()
    await trio.sleep(seconds)
    return (await engine.cycles() - before) / (trio.current_time() - began)


async def follow_all(engine: EngineProcess, stream: trio.SocketStream) -> None:
    """Sign in, ask for everything there is, and read no more than the handshake."""
    token = b"Authorization: Bearer " + TOKEN.encode()
    await stream.send_all(handshake("/ws", token))
    assert b"101" in await read_until(stream, b"\r\n\r\n")
    named: Any = ["transitions", "why", "symbols", "engine"]
    wanted = partial(msgspec.json.encode, {"type": "subscribe", "topics": named})
    await stream.send_all(frame(wanted()))


def is_reset(stream: trio.SocketStream) -> bool:
    """Whether the other side has thrown the connection away."""
    poll = select.poll()
    poll.register(stream.socket.fileno(), 0)
    return bool(poll.poll(0))
