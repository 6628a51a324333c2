"""When a flood holds every place, whoever may halt still can."""

import msgspec
import trio

from actors.domain.messages import Role
from control.away.client import connect
from control.door.guard import ServerLimits
from tests.planes import SECRETS
from tests.wire.engine_process import exchanged, parsed
from tests.wire.planes import ServedPlane, served

LIMITS = ServerLimits(connections_per_address_max=3, shutdown_seconds=0.5)
BUSY = 503


async def flooded(plane: ServedPlane, count: int) -> list[trio.SocketStream]:
    """Hold so many places without a word."""
    held = []
    for _ in range(count):
        held.append(await trio.open_tcp_stream("127.0.0.1", plane.serving.port))
        await trio.sleep(0.01)
    return held


async def asked(plane: ServedPlane, method: str, path: str, role: Role | None) -> int:
    lines = [f"{method} {path} HTTP/1.1", f"Host: {plane.host}", "Connection: close"]
    if role is not None:
        lines.append(f"Authorization: Bearer {SECRETS[role]}")
    raw = "\r\n".join([*lines, "Content-Length: 0"]).encode() + b"\r\n\r\n"
    async with await trio.open_tcp_stream("127.0.0.1", plane.serving.port) as stream:
        return parsed(await exchanged(stream, raw)).status


async def test_a_halt_passes_where_nothing_else_does() -> None:
    async with served(limits=LIMITS) as plane:
        plane.engine.started_ms = 1
        held = await flooded(plane, 3)
        halt = "/api/engine/kill-switch"
        assert await asked(plane, "GET", "/api/engine/status", Role.ADMIN) == BUSY
        assert await asked(plane, "POST", halt, Role.VIEWER) == BUSY
        assert await asked(plane, "POST", halt, None) == BUSY
        assert await asked(plane, "POST", "/api/engine/resume", Role.ADMIN) == BUSY
        assert plane.engine.performed == []
        assert await asked(plane, "POST", halt, Role.OPERATOR) == 200
        assert [command.name for command in plane.engine.performed] == ["kill_switch"]
        for stream in held:
            await trio.aclose_forcefully(stream)


async def test_the_command_line_halts_through_a_flood_that_takes_spare_places() -> None:
    """Who holds the spare places without a token makes room for the next."""
    async with served(limits=LIMITS) as plane:
        held = await flooded(plane, 3 + LIMITS.spare_max * 3)
        async with connect(plane.url, SECRETS[Role.OPERATOR]) as client:
            answer = await client.command("kill_switch", reason="a test")
        assert answer.ok
        seen = plane.serving.statistics()
        assert seen.live <= 3 + LIMITS.spare_max
        assert seen.spare_used > LIMITS.spare_max
        for stream in held:
            await trio.aclose_forcefully(stream)


async def test_an_ordinary_place_serves_again_when_the_flood_is_over() -> None:
    async with served(limits=LIMITS) as plane:
        held = await flooded(plane, 3)
        assert await asked(plane, "GET", "/health/live", None) == BUSY
        for stream in held:
            await trio.aclose_forcefully(stream)
        with trio.fail_after(60):
            await plane.serving.emptied()
        assert await asked(plane, "GET", "/health/live", None) == 200


def test_the_spare_places_are_few() -> None:
    assert msgspec.structs.asdict(ServerLimits())["spare_max"] == 4
