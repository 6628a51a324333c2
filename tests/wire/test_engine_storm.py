"""Everything at once at a real engine: floods, oversize, cross-site, deaf, readers.

What they do to the control plane is other tests' matter; here the engine's trades must
be the same, trade by trade, as those of a run that nobody disturbed.
"""

from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from itertools import count
from pathlib import Path

import msgspec
import pytest
import trio

from control.routes.table import ROUTES
from tests.wire.engine_process import TOKEN, EngineProcess, report_of, running
from tests.wire.world import frame, handshake

MARKET = ("--symbols", "8", "--seed", "1", "--strategy", "donchian", "--for", "48h")
ROOM = {
    "BREAKOUT_CONTROL_PER_ADDRESS_MAX": "48",
    "BREAKOUT_CONTROL_CONNECTIONS_MAX": "48",
}
READS = [route.path for route in ROUTES if route.method == "GET"]
BEARER = f"Authorization: Bearer {TOKEN}".encode()

Attack = Callable[[EngineProcess], Awaitable[str]]


async def flood(engine: EngineProcess) -> str:
    """Take every place there is and a hundred more, without a word."""
    async with AsyncExitStack() as held:
        for _ in range(150):
            await held.enter_async_context(await engine.connect())
        await trio.sleep(0.2)
    return "flooded"


async def oversize(engine: EngineProcess) -> str:
    """Send half a MiB where 64 KiB is the limit."""
    async with await engine.connect() as stream:
        head = f"POST /api/engine/stop HTTP/1.1\r\nHost: 127.0.0.1:{engine.port}\r\n"
        head += "Content-Type: application/json\r\nContent-Length: 524288\r\n\r\n"
        await stream.send_all(head.encode() + b" " * 524_288)
        answer = await stream.receive_some(64)
    return f"oversize {answer[9:12].decode()}"


async def cross_site(engine: EngineProcess) -> str:
    """Shake hands from a foreign page that carries a good token."""
    asked = handshake("/ws", BEARER, b"Origin: https://evil.example")
    async with await engine.connect() as stream:
        await stream.send_all(asked.replace(b"localhost", b"127.0.0.1"))
        answer = await stream.receive_some(64)
    return f"cross-site {answer[9:12].decode()}"


async def deaf(engine: EngineProcess) -> str:
    """Follow everything and read nothing."""
    async with await engine.connect(receive_buffer=4096) as stream:
        await stream.send_all(
            handshake("/ws", BEARER).replace(b"localhost", b"127.0.0.1")
        )
        await stream.receive_some(512)
        await stream.send_all(frame(b'{"type":"subscribe","topics":["symbols","why"]}'))
        await trio.sleep(1)
        await trio.aclose_forcefully(stream)
    return "deaf"


async def read_all(engine: EngineProcess) -> str:
    """Ask every route that reads, as a person's pages do."""
    for path in READS:
        told = await engine.call("GET", path.replace("{symbol}", "BTC/USDT:USDT"))
        assert told.status in {200, 404, 503}, (path, told)
    return "read all"


async def foreign_commands(engine: EngineProcess) -> str:
    """Order what nobody may who has no token, or the word of it wrong."""
    wrong, kill = "a-wrong-token-of-nobody", "/api/engine/kill-switch"
    told = await engine.call("POST", kill, {}, token=wrong)
    again = await engine.call("POST", "/api/flatten", {"confirm": "flatten"})
    assert again.status in {400, 503}, again
    return f"foreign {told.status}"


ATTACKS: list[Attack] = [flood, oversize, cross_site, deaf, read_all, foreign_commands]


async def repeat(engine: EngineProcess, attack: Attack, done: "Counter[str]") -> None:
    """Attack again and again until the engine is gone."""
    for _ in count():
        try:
            done[await attack(engine)] += 1
        except (OSError, trio.BrokenResourceError, LookupError):
            if engine.process.poll() is not None:
                return
            done["cut off"] += 1  # in a flood that is what happens
        await trio.sleep(0.01)


@pytest.mark.slow
@pytest.mark.timeout(240)
async def test_a_storm_changes_no_trade(tmp_path: Path) -> None:
    calm = report_of(tmp_path, *MARKET)
    assert calm["trades"] > 10
    path = tmp_path / "stormy.json"
    words = ("--speed", "max", "--exit-at-end", "--report", str(path))
    done: Counter[str] = Counter()
    with running(tmp_path, *words, *MARKET, **ROOM) as engine:
        async with trio.open_nursery() as nursery:
            for attack in ATTACKS:
                nursery.start_soon(repeat, engine, attack, done)
            assert await engine.ends() == 0, engine.output[-2_000:]
            nursery.cancel_scope.cancel()
    stormy = msgspec.json.decode(path.read_bytes())
    assert stormy["trades_list"] == calm["trades_list"]
    assert stormy["restarts"] == stormy["illegal_transitions"] == 0
    assert done["flooded"] > 0
    assert done["oversize 413"] > 0
    assert done["cross-site 403"] > 0
    assert done["deaf"] > 0
    assert done["foreign 401"] + done["foreign 429"] > 0
    assert not done["cross-site 101"]
